/**
 * The port through which is kept what of a grant was used, by day: reads as well as mutations, counted,
 * never who or what. Rejects with GatewayError `ledger_unavailable`.
 */

/** One action by one rule on one day. */
export type Use = Readonly<{
  /** Days since the epoch, UTC. */
  day: number;
  route: string;
  client: string;
  /** Rule that allowed it: `permissions.joiner.users`; of a denial what refused it. */
  rule: string;
  action: string;
  /** Allowed, refused, or let pass by a trial that would have refused. */
  verdict: 'allowed' | 'denied' | 'shadowed';
  count: number;
  /** Attributes it acted through (names), sorted; at most 200. */
  attributes: readonly string[];
}>;

export interface UseStore {
  /** Adds counts and attributes to what is kept of the same day, route, client, rule, action and verdict; at most 1,000. */
  add(uses: readonly Use[]): Promise<void>;
  /** Days `from` to `to` inclusive, added up over the days (`day` is the newest); at most 20,000. */
  sum(range: Readonly<{ from: number; to: number }>): Promise<readonly Use[]>;
  /** The oldest day that is kept; null where nothing is. Of days before it nothing is known. */
  first(): Promise<number | null>;
  /** Removes days before this one; at most 10,000 rows. */
  prune(before: number): Promise<Readonly<{ removed: number; more: boolean }>>;
}
