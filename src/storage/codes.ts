/** Small integers for the words in index rows. The order is part of the file format: append only. */
import type { EntryOutcome, SettledBy } from '../ledger/record.ts';
import type { EntryIndex } from '../ledger/store.ts';

export const decisions: readonly EntryIndex['decision'][] = ['allow', 'deny', 'hold'];
export const outcomes: readonly EntryOutcome[] = ['applied', 'rejected', 'not-sent', 'in-doubt'];
export const settledBys: readonly SettledBy[] = [
  'answer',
  'read-back',
  'no-change',
  'connection',
  'standing',
  'timeout',
  'crash',
  'person',
  'late-send',
];

/** Does this outcome close an entry? */
export const isFinal = (outcome: EntryOutcome): boolean => outcome !== 'in-doubt';
