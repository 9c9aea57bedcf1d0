/** A batch of the ledger on its way to the writer: its claims as one text, for many small objects cost more. */
import type { LedgerBatch } from '../../ledger/store.ts';

/** `claims`: JSON, or '' where there are none. */
export type SentBatch = Omit<LedgerBatch, 'claims'> & Readonly<{ claims: string }>;

const none: LedgerBatch['claims'] = Object.freeze([]);

/** As it is sent. */
export const sendBatch = (batch: LedgerBatch): SentBatch => ({
  ...batch,
  claims: batch.claims.length === 0 ? '' : JSON.stringify(batch.claims),
});

/** As it was. */
export const readBatch = ({ claims, ...batch }: SentBatch): LedgerBatch => ({
  ...batch,
  claims: claims === '' ? none : (JSON.parse(claims) as LedgerBatch['claims']),
});
