/**
 * News of a store that several gateways share: what one of them changed, all of them hear of. A store
 * that one process owns has no news. Told once too often is fine, told once too seldom is not: after
 * a gap in which something may have been missed every topic is told.
 */

/**
 * What news can be of. `turns` brings the key whose line moved; `deliveries`: some became due or ended;
 * `holds`: one came or changed; `protection`: marks, resolved rules or overrides; `checks`: some came, or
 * one changed its state.
 */
export type FeedTopic =
  | 'keys'
  | 'freezes'
  | 'turns'
  | 'losses'
  | 'deliveries'
  | 'holds'
  | 'protection'
  | 'checks';

export interface StoreFeed {
  /**
   * Calls `changed` after the topic changed, and after a gap in which it may have; `detail` is the key
   * of a turn, null where any may be meant. Returns what ends it. `changed` must not throw.
   */
  on(topic: FeedTopic, changed: (detail: string | null) => void): () => void;
}

/** The feed of a store that nobody shares. */
export const silentFeed: StoreFeed = Object.freeze({ on: () => () => undefined });
