/** Records the ledger writes about itself, when its store failed. */
import type { LedgerId } from '../ids.ts';
import type { ActRecord, OutcomeRecord } from './record.ts';

/** That the ledger could not write for a while, and why. */
export const interruption = (at: number, reason: string): ActRecord => ({
  kind: 'act',
  at,
  actor: 'gateway',
  act: 'ledger.interrupted',
  details: { reason },
});

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
