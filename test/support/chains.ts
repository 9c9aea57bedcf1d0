/** Batches for tests of stores: real records, sealed, one behind the other. */
import assert from 'node:assert/strict';
import { encodeBatch, type Line } from '../../src/ledger/batch.ts';
import { bodyText, canonicalText, hashBody } from '../../src/ledger/canonical.ts';
import { genesis } from '../../src/ledger/chain.ts';
import type { LedgerRecord } from '../../src/ledger/record.ts';
import type { LedgerBatch, LedgerStore } from '../../src/ledger/store.ts';
import { keyRing } from '../ledger/fixture.ts';

/** A record as it is printed into a batch. */
export const lineOf = (record: LedgerRecord): Line => {
  const salt = Buffer.alloc(16, 3);
  const body = record.kind === 'intent' ? { salt, text: bodyText(record.body) } : null;
  const text = canonicalText(record, record.at, body === null ? null : hashBody(body));
  return { record, at: record.at, text, body };
};

/** The batch that continues a chain. */
export const nextBatch = async (
  store: LedgerStore,
  writer: string,
  records: readonly LedgerRecord[],
): Promise<LedgerBatch> => {
  const { next, digest } = await store.head(writer);
  const from = { writer, first: next, previous: digest ?? genesis(writer) };
  return encodeBatch(records.map(lineOf), from, keyRing);
};

/** Appends batches one behind the other; gives each. */
export const chainOn = async (store: LedgerStore, writer: string) => {
  let { next, digest } = await store.head(writer);
  return async (...records: readonly LedgerRecord[]): Promise<LedgerBatch> => {
    const from = { writer, first: next, previous: digest ?? genesis(writer) };
    const batch = encodeBatch(records.map(lineOf), from, keyRing);
    // Engines may take the bytes away: keep copies.
    const kept = { ...batch, records: Buffer.from(batch.records) as LedgerBatch['records'] };
    const written = await store.append(batch, { reserve: false });
    assert.deepEqual(written, { kind: 'committed', reserve: true });
    next += batch.count;
    digest = batch.digest;
    return kept;
  };
};
