/**
 * The port through which the ledger keeps its batches: at most nine methods, each one transaction,
 * each with a limit. An engine stores sealed bytes and index rows; it cannot read a record. Index
 * rows are derivable from the records, and `verify` checks that they agree.
 */
import type { LedgerId } from '../ids.ts';
import type { Sealed } from '../sealing.ts';
import type { Claims, Unclaimed } from './claims.ts';
import type { EntryOutcome, SettledBy } from './record.ts';

/** Index row of an intent or a denial. */
export type EntryIndex = Readonly<{
  sequence: number;
  at: number;
  client: string;
  route: string;
  target: string;
  /** Sorted, joined by commas. */
  actions: string;
  decision: 'allow' | 'deny' | 'hold';
}>;

/** Index row of an outcome record; `writer` and `sequence` are the record's own, `entry` what it settles. */
export type OutcomeIndex = Readonly<{
  entry: LedgerId;
  writer: string;
  sequence: number;
  outcome: EntryOutcome;
  settledBy: SettledBy;
  status: number | null;
}>;

/** The unit of writing: up to 128 records, sealed once. Nothing of it is ever updated. */
export type LedgerBatch = Readonly<{
  /** Eight hex digits; one chain per writer. */
  writer: string;
  /** Sequence of the first record; records are numbered from 1. */
  first: number;
  count: number;
  /** Time of the first and the last record, ms. */
  atFirst: number;
  atLast: number;
  /** Chain value before the first record. */
  previous: Buffer;
  /** Chain value after the last record. */
  digest: Buffer;
  records: Sealed;
  /** Salts and bodies of the intents; null where there are none. */
  bodies: Sealed | null;
  entries: readonly EntryIndex[];
  outcomes: readonly OutcomeIndex[];
  /**
   * What must hold for intents of this batch, in order of their sequence; checked and taken in the
   * batch's own transaction, one after the other. Outcomes `not-sent` and `rejected` in a batch give
   * back what their entries took from windows.
   */
  claims: readonly (Claims & Readonly<{ sequence: number }>)[];
  /** Keyed look-ups, packed: 16 bytes key, 4 bytes writer, 6 bytes sequence of the entry found. */
  lookups: Buffer;
}>;

/** Bytes of one packed look-up, and of its key. */
export const lookupBytes = 26;
export const lookupKeyBytes = 16;

/** Where a writer's chain stands. */
export type Head = Readonly<{
  writer: string;
  /** Sequence the next record gets. */
  next: number;
  /** Chain value after the newest record; null where the chain is new. */
  digest: Buffer | null;
  /** Time of the newest record; null where the chain is new. */
  newestAt: number | null;
  /** False while the disk reserve is used up; asking tries to make it again. */
  reserve: boolean;
  /** Another gateway closed this chain: it takes no record any more. */
  closed: boolean;
}>;

/**
 * `full`: certainly not written, the disk has no room. `closed`: certainly not written, another gateway
 * closed the chain. `unclaimed`: certainly not written, these intents ask for what is not to be had; the
 * rest may be written without them. A rejection leaves it unknown: ask `head`.
 */
export type Appended =
  | Readonly<{ kind: 'committed'; reserve: boolean }>
  | Readonly<{ kind: 'full' }>
  | Readonly<{ kind: 'closed' }>
  | Readonly<{
      kind: 'unclaimed';
      items: readonly Readonly<{ sequence: number; why: Unclaimed }>[];
    }>;

/** A stored batch. `bodies` is null where there were none, where they are pruned or not asked for. */
export type StoredBatch = Readonly<{
  writer: string;
  first: number;
  count: number;
  atFirst: number;
  atLast: number;
  digest: Buffer;
  records: Sealed;
  bodies: Sealed | null;
}>;

/** A stored batch with the index rows that claim to describe it. */
export type ScannedBatch = StoredBatch &
  Readonly<{
    entries: readonly (EntryIndex & Readonly<{ open: boolean }>)[];
    /** Outcomes of these entries, wherever their records stand. */
    outcomes: readonly OutcomeIndex[];
  }>;

/** Conditions are joined by "and"; `actions` and `keys` by what their lines say. */
export type FindQuery = Readonly<{
  client?: string;
  route?: string;
  target?: string;
  /** Any of these. */
  actions?: readonly string[];
  /** All of these look-up keys, 16 bytes each. */
  keys?: readonly Buffer[];
  since?: number;
  until?: number;
  /**
   * Only allowed intents without a final outcome for which this store's writer answers, in order of
   * writer and sequence; else newest first.
   */
  unsettled?: boolean;
  /** With `unsettled`: only those after this entry, to go on where a page ended. */
  after?: LedgerId;
  /** With `unsettled`: only those of this chain. */
  writer?: string;
  /** 1 to 1,000. */
  limit: number;
}>;

/** Entries found, and each batch that holds one of them, once. */
export type Found = Readonly<{
  entries: readonly Readonly<{
    writer: string;
    sequence: number;
    /** The outcome that counts: the newest that is final, else the newest. */
    outcome: Omit<OutcomeIndex, 'entry'> | null;
  }>[];
  batches: readonly StoredBatch[];
}>;

/** What a chain begins with: its origin, or the first batch that retention left. */
export type ChainStart = Readonly<{ writer: string; first: number; previous: Buffer | null }>;

export interface LedgerStore {
  /**
   * Where this chain stands on disk; a store of one process without a writer takes this one. After a
   * failed append this tells whether it happened, and it will not happen any more after this was
   * answered; it also tries to restore the disk reserve.
   */
  head(writer: string): Promise<Head>;
  /**
   * Commits one batch with fsync. `reserve` lets it use the disk reserve. Rejects where `previous`
   * or `first` do not continue the chain.
   */
  append(batch: LedgerBatch, options: Readonly<{ reserve: boolean }>): Promise<Appended>;
  find(query: FindQuery): Promise<Found>;
  /** One entry: its batch with bodies, the batches of its outcomes, and their sequences in order. */
  read(id: LedgerId): Promise<Readonly<{
    batch: StoredBatch;
    outcomes: readonly Readonly<{ writer: string; sequence: number }>[];
    outcomeBatches: readonly StoredBatch[];
  }> | null>;
  /** Where every chain begins, in order of writers, after `after`; at most 1,000. */
  chains(after?: string): Promise<readonly ChainStart[]>;
  /** The next batches of one chain whose last record is at or after `from`, with bodies and index rows; at most 32. */
  scan(
    page: Readonly<{ writer: string; from: number; since?: number }>,
  ): Promise<readonly ScannedBatch[]>;
  /** Keeps one signed note; a second of the same size changes nothing. */
  addCheckpoint(
    checkpoint: Readonly<{ writer: string; size: number; at: number; note: string }>,
  ): Promise<void>;
  /** Notes of sizes from..to in order, at most 1,000. */
  checkpoints(
    range: Readonly<{ writer: string; from: number; to: number }>,
  ): Promise<readonly Readonly<{ size: number; note: string }>[]>;
  /**
   * One bounded slice of upkeep: removes bodies written before `bodiesBefore`, whole batches before
   * `ledgerBefore` and places in windows that ended before `placesBefore`, merges look-ups. `more` says
   * that another slice has work.
   */
  maintain(
    limits: Readonly<{ bodiesBefore: number; ledgerBefore: number; placesBefore: number }>,
  ): Promise<Readonly<{ bodies: number; batches: number; more: boolean }>>;
}
