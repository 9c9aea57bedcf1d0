/**
 * The port through which gateways that share a store take turns at one resource: a line per key, in
 * the order of arrival, of gateways (each stands in it once). Whoever's lease ends loses its place
 * with its chain. What was entered is durable no later than the first record written after it.
 */
export interface TurnStore {
  /** Joins the line of a key, or finds its place in it again; true where it is first. */
  enter(key: string): Promise<boolean>;
  /** Leaves the line; the next gateway in it hears of it on the feed. */
  leave(key: string): Promise<void>;
  /** Those of at most 1,000 keys in whose line this gateway is first. */
  first(keys: readonly string[]): Promise<ReadonlySet<string>>;
  /** Leaves every line but those of `keys`: what a cut connection left behind. */
  leaveOthers(keys: readonly string[]): Promise<void>;
}
