/**
 * The port that keeps which losses a person accepted: a store that was restored from a backup, or
 * that failed over to a standby which lagged, is behind what its own checkpoints say.
 */
export interface LossStore {
  /** Accepts whatever was lost before now; gives the store's time, ms. */
  accept(by: string, reason: string): Promise<number>;
  /** When a loss was last accepted (the store's time, ms), or null. */
  acceptedAt(): Promise<number | null>;
}
