/** Small integers for the words in index rows. The order is part of the file format: append only. */
import type { DeliveryState } from '../deliveries/event-store.ts';
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

const deliveryCodes = [
  'scheduled',
  'ready',
  'waiting',
  'delivered',
  'skipped',
  'superseded',
  'cancelled',
  'discarded',
  'dead',
] as const satisfies readonly DeliveryState[];

/** Number of a delivery's state; queries and indexes name it. */
export const deliveryCode = (state: DeliveryState): number => deliveryCodes.indexOf(state);

/** State of such a number. */
export const deliveryState = (code: number): DeliveryState => deliveryCodes[code] ?? 'dead';

/** Does this outcome close an entry? */
export const isFinal = (outcome: EntryOutcome): boolean => outcome !== 'in-doubt';
