/** Records the ledger writes about itself, when its store failed. */
import { parseLedgerId, type LedgerId } from '../ids.ts';
import type { ActRecord, LedgerRecord, OutcomeRecord } from './record.ts';

/** That the ledger could not write for a while, and why. */
export const interruption = (at: number, reason: string): ActRecord => ({
  kind: 'act',
  at,
  actor: 'gateway',
  act: 'ledger.interrupted',
  details: { reason },
});

/**
 * Is this how a call of ours ended that may have gone out, rather than what recovery found out? What
 * recovery records made no attempt of its own.
 */
const isOwnSend = ({ outcome, settledBy, attempts }: OutcomeRecord): boolean =>
  outcome !== 'not-sent' &&
  (attempts > 0 || (settledBy !== 'crash' && settledBy !== 'read-back' && settledBy !== 'person'));

/**
 * The outcome of a call that this gateway began under a chain it has lost since, or the record as it
 * is: another gateway answers for the entry by now and may have settled it.
 */
export const asLateSend = (record: LedgerRecord, former: readonly string[]): LedgerRecord => {
  if (former.length === 0 || record.kind !== 'outcome' || !isOwnSend(record)) return record;
  const entry = parseLedgerId(record.entry);
  const late = entry !== null && former.includes(entry.writer);
  return late && record.settledBy !== 'late-send' ? { ...record, settledBy: 'late-send' } : record;
};

/** The end of an entry that was refused as unrecorded, but turned out to be on disk. */
export const neverSent = (at: number, entry: LedgerId): OutcomeRecord => ({
  kind: 'outcome',
  at,
  entry,
  outcome: 'not-sent',
  settledBy: 'standing',
  status: null,
  code: 'ledger_unavailable',
  resourceId: null,
  attempts: 0,
});
