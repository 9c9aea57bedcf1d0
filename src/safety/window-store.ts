/**
 * The port through which people see what windows hold. Nothing is decided by it: places are taken in the
 * ledger's own transaction. Rejects with GatewayError `ledger_unavailable`.
 */

/** A window, by the key its places are taken under. */
export type WindowAsk = Readonly<{
  key: string;
  /** Places taken after this count, wall ms. */
  from: number;
}>;

/** What it holds: places that were not given back. */
export type WindowHeld = Readonly<{
  used: number;
  /** Time of the oldest of them, wall ms; null where there is none. */
  oldest: number | null;
}>;

export interface WindowStore {
  /** In the order of the asks; at most 1,000. */
  held(asks: readonly WindowAsk[]): Promise<readonly WindowHeld[]>;
}
