/**
 * What came of a Bulk: one result for each operation that was carried out, and each mutation on its
 * way as an outcome of its own. Types only; `bulk.ts` makes it.
 */
import type { Refusal } from '../errors.ts';
import type { Bulk, BulkOperation } from '../identity/scim/bulk.ts';
import type { Presented } from '../identity/scim/present.ts';
import type { Outcome, Passage } from './doors.ts';

/** A Bulk on its way: as a passage, with all of its operations. */
export type BulkPassage = Omit<Passage, 'operation'> & Readonly<{ bulk: Bulk }>;

/** One mutation that was tried, or turned away in its turn. Times are wall ms. */
export type Tried = Readonly<{ outcome: Outcome; startedAt: number; endedAt: number }>;

/** What one operation is answered. */
export type BulkResult = Readonly<{
  of: BulkOperation;
  reply: Presented | Refusal;
  /** Id at the target, where it is known. */
  id: string | null;
  /** Of the mutation itself. */
  ledger: Outcome['ledger'];
  /** Of the PATCH that added references of a circle, where there was one. */
  completion: Outcome['ledger'];
  /** The refusal speaks of the completion; the mutation itself was made. */
  made: boolean;
}>;

/** How a Bulk ended. Either it was refused whole and nothing was sent, or its results, as asked. */
export type BulkOutcome = Readonly<{
  refused: Outcome | null;
  /** In the order of the request; what was not executed is absent. */
  results: readonly BulkResult[];
  /** In the order of execution. */
  tried: readonly Tried[];
  /** Reads made to decide it whole. */
  foreseen: Pick<Outcome, 'attempts' | 'targetMs'>;
}>;
