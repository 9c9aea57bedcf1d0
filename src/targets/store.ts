/** The port that keeps freezes: tenants, clients and routes whose mutations are stopped at once. */

export type FreezeScope = 'tenant' | 'client' | 'route';

/** A freeze in force. `at` is in ms since the epoch. */
export type Freeze = Readonly<{
  scope: FreezeScope;
  name: string;
  reason: string;
  by: string;
  at: number;
}>;

export interface FreezeStore {
  /** Freezes; a second freeze of the same name keeps the first. False beyond 1,000 freezes. */
  freeze(
    scope: FreezeScope,
    name: string,
    reason: string,
    by: string,
    at: number,
  ): Promise<boolean>;
  /** Lifts a freeze; false where there is none. Who and when stand in the ledger. */
  thaw(scope: FreezeScope, name: string, by: string, at: number): Promise<boolean>;
  /** All in force, oldest first, at most 1,000. */
  list(): Promise<readonly Freeze[]>;
}
