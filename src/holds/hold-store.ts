/**
 * The port through which held mutations are kept. The mutation itself lies inside a seal; what stands
 * outside names nobody. Every change is one compare-and-set on `version`; the last one, from `approved`
 * to `released`, happens in the ledger's transaction that writes the intent (ledger/claims.ts). Rejects
 * with GatewayError `ledger_unavailable`.
 */
import type { HoldId, LedgerId } from '../ids.ts';
import type { Sealed } from '../sealing.ts';

/**
 * `pending` waits for people; `approved` has them all and goes out as soon as a gateway takes it;
 * `released` has its ledger entry; the rest are ends.
 */
export type HoldState = 'pending' | 'approved' | 'released' | 'rejected' | 'expired' | 'replaced';

export type HoldRow = Readonly<{
  id: HoldId;
  state: HoldState;
  /** Grows with each change; 1 when new. A call that joins is none: it voids nothing. */
  version: number;
  /** When it was held, wall ms. */
  at: number;
  /** When it changed last, wall ms. */
  changedAt: number;
  expiresAt: number;
  tenant: string;
  target: string;
  route: string;
  client: string;
  /** Sorted, joined by commas. */
  actions: string;
  resourceType: string;
  /** Rule that held it: a guard's or an approval's name. */
  rule: string;
  /** What was held together by one rule and client: people decide over it at once. */
  batch: string;
  /** Keyed hash of client, subject and actions: one open hold each. 16 bytes. */
  join: Buffer;
  /** Hash of the mutation as held, 32 bytes: another body under the same `join` replaces it. */
  mutation: Buffer;
  /** Calls that joined, the first included. */
  calls: number;
  /** Approvals that it takes. */
  by: number;
  /** Entry that released it; null before. */
  entry: LedgerId | null;
  /** Operation, before-image, approvals (kept-hold.ts), sealed under the hold's id. */
  sealed: Sealed;
}>;

export type NewHold = Omit<HoldRow, 'state' | 'version' | 'changedAt' | 'calls' | 'entry'>;

/** What came of a call that is to be held. */
export type Put =
  | Readonly<{ kind: 'held'; row: HoldRow }>
  /**
   * The same mutation waits already, or was released or rejected within `rememberMs` and nothing else was
   * released for its subject and actions since.
   */
  | Readonly<{ kind: 'joined'; row: HoldRow }>
  /** Another body waited; it is `replaced` now, with the approvals it had. */
  | Readonly<{ kind: 'replaced'; row: HoldRow; former: HoldId }>
  /** So many of this client wait already, approved ones among them. */
  | Readonly<{ kind: 'full' }>;

export type HoldQuery = Readonly<{
  states?: readonly HoldState[];
  client?: string;
  batch?: string;
  /** Older than this one (ids grow with time), to go on where a page ended. */
  before?: HoldId;
  /** `approved` ones that changed before this, wall ms; oldest first. */
  approvedBefore?: number;
  /** 1 to 1,000. Newest first. */
  limit: number;
}>;

export interface HoldStore {
  /**
   * Keeps a new hold, or finds the one it belongs to; one transaction. One whose time is over is nobody's
   * to join: it ends here, should no sweep have come yet.
   */
  put(
    hold: NewHold,
    options: Readonly<{ pendingMax: number; rememberMs: number; now: number }>,
  ): Promise<Put>;
  /** Never throws for an id that is not there: null. */
  read(id: HoldId): Promise<HoldRow | null>;
  list(query: HoldQuery): Promise<readonly HoldRow[]>;
  /**
   * The rule of the hold that a mutation may not pass by: an open one of its subject and actions, or the
   * same mutation rejected within `rememberMs` with nothing else released since. Null: there is none.
   */
  binding(
    hold: Pick<NewHold, 'join' | 'mutation'>,
    options: Readonly<{ rememberMs: number; now: number }>,
  ): Promise<string | null>;
  /** Clients for whom `binding` may find something, rejections since then; at most 1,001. */
  bound(since: number): Promise<readonly string[]>;
  /**
   * One compare-and-set: the hold at `version` gets this state and seal, and the next version. Null where
   * it stands at another version meanwhile, or has ended: an end is never left.
   */
  change(
    id: HoldId,
    version: number,
    to: Readonly<{
      state: Exclude<HoldState, 'released' | 'replaced'>;
      sealed?: Sealed;
      expiresAt?: number;
      mutation?: Buffer;
      now: number;
    }>,
  ): Promise<HoldRow | null>;
  /** Ends pending and approved ones whose time is over; gives them, at most 500. */
  expire(now: number): Promise<readonly HoldRow[]>;
  /** How many wait, approved ones among them, by client; at most 1,000 clients, the most first. */
  counts(): Promise<readonly Readonly<{ client: string; pending: number; oldestAt: number }>[]>;
  /** Removes ended ones that changed before this; at most 1,000. */
  prune(before: number): Promise<Readonly<{ removed: number; more: boolean }>>;
}
