/**
 * The ledger as the rest of the house uses it. `open` returns only when the intent is on disk.
 */
import type { LedgerId } from '../ids.ts';
import type { Claims, Unclaimed } from './claims.ts';
import type {
  ActRecord,
  DenialRecord,
  EntryOutcome,
  IntentBody,
  IntentRecord,
  LedgerRow,
  OutcomeRecord,
} from './record.ts';

/** An entry whose outcome is not final. */
export type OpenEntry = Readonly<{
  id: LedgerId;
  intent: IntentRecord;
  /** Null: no outcome at all was recorded (a crash came between). */
  outcome: EntryOutcome | null;
}>;

export type ListQuery = Readonly<{
  client?: string;
  route?: string;
  target?: string;
  /** Any of these. */
  actions?: readonly string[];
  /**
   * Resource id, the subject's own name (userName, displayName), `repeat.key`, a hold, an override or an
   * entry that was taken back: compared by keyed hash.
   */
  subject?: string;
  traceId?: string;
  since?: number;
  until?: number;
  /** 1 to 1,000. */
  limit: number;
}>;

export interface Ledger {
  /** Loads the head, recovers nothing, sends nothing. */
  start(): Promise<void>;
  /** Writes what is pending and a last checkpoint. */
  stop(): Promise<void>;
  /**
   * Records an intent; resolves after its commit's fsync returned, rejects with GatewayError
   * `ledger_unavailable` if it cannot be recorded (also while outcomes wait for a broken store).
   * `revocation` may use the disk reserve.
   */
  open(intent: IntentRecord, options: Readonly<{ revocation: boolean }>): Promise<LedgerId>;
  /**
   * As `open`, where the intent may be written only if its claims hold: windows that have room, a hold
   * that is still to be released. They are checked and taken in the transaction that writes the intent;
   * `Unclaimed` = certainly not written.
   */
  openClaiming(
    intent: IntentRecord,
    options: Readonly<{ revocation: boolean; claims: Claims }>,
  ): Promise<LedgerId | Unclaimed>;
  /** Takes an outcome for writing within 20 ms; never throws and never waits for the disk. */
  settle(outcome: OutcomeRecord): void;
  /** Records a denial; repeats beyond 60 a minute per client and rule are counted into one record. */
  deny(denial: DenialRecord): void;
  /** Records an act of a person, durable before it resolves. */
  act(act: ActRecord): Promise<LedgerId>;
  /** Records that evidence was read; kept in memory while nothing can be written. */
  noteRead(act: ActRecord): void;
  /**
   * Entries without a final outcome for which this gateway answers, chain by chain and oldest first, at
   * most `limit` (1 to 1,000), those after `after`; `writer` leaves one chain.
   */
  unsettled(
    limit: number,
    from?: Readonly<{ after?: LedgerId | undefined; writer?: string | undefined }>,
  ): Promise<readonly OpenEntry[]>;
  /**
   * May a call that takes up to `ms` begin? Not where another gateway could settle its entry before it
   * ended; `entry` null asks for a mutation that is not recorded yet.
   */
  mayBegin(entry: LedgerId | null, ms: number): boolean;
  /** As `mayBegin` of what is not recorded yet; where time is short the lease is renewed first. */
  lasts(ms: number): boolean | Promise<boolean>;
  /** Is it this gateway that settles the entry, where it is open? */
  answersFor(entry: LedgerId): boolean;
  list(query: ListQuery): Promise<readonly LedgerRow[]>;
  /** One entry with its history; `body` null once pruned. */
  show(id: LedgerId): Promise<Readonly<{
    row: LedgerRow;
    body: IntentBody | null;
    outcomes: readonly OutcomeRecord[];
  }> | null>;
  /** Is the ledger able to record now? */
  writable(): boolean;
}
