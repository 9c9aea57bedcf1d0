/** A SQLite store with a history of every kind, for copying: records, pruned bodies, a pruned front. */
import { ledgerId } from '../../src/ids.ts';
import { encodeBatch, type Line } from '../../src/ledger/batch.ts';
import { bodyText, canonicalText, hashBody } from '../../src/ledger/canonical.ts';
import { genesis } from '../../src/ledger/chain.ts';
import { signCheckpoint } from '../../src/ledger/checkpoints.ts';
import type { LedgerRecord } from '../../src/ledger/record.ts';
import type { LedgerStore } from '../../src/ledger/store.ts';
import { checkpointKeys, denial, intent, keyRing, outcome } from './fixture.ts';

export const sourceWriter = '0badcafe';
const hourMs = 3_600_000;

/** Batches written, records in each, and where retention cuts (batches, from the first). */
export const history = { batches: 60, each: 6, frontPruned: 10, bodiesPruned: 30 };
/** The first record that retention leaves, and the last. */
export const firstLeft = history.frontPruned * history.each + 1;
export const lastRecord = history.batches * history.each;
/** Name of the subject of a batch's intents. */
export const subjectOf = (batch: number): string => `user${batch}@example.com`;
/** Trace of a batch's intents. */
export const traceOf = (batch: number) =>
  batch.toString(16).padStart(32, '0') as ReturnType<typeof intent>['traceId'];

const lineOf = (record: LedgerRecord): Line => {
  const salt = Buffer.alloc(16, 3);
  const body = record.kind === 'intent' ? { salt, text: bodyText(record.body) } : null;
  const text = canonicalText(record, record.at, body === null ? null : hashBody(body));
  return { record, at: record.at, text, body };
};

/** An intent that is settled, one that renames, one that stays open, a denial, an act. */
const recordsOf = (batch: number, first: number, at: number): readonly LedgerRecord[] => {
  const subject = subjectOf(batch);
  const body = { ...intent().body, subject, before: { userName: `old-${subject}` } };
  const traceId = traceOf(batch);
  const repeat = { key: `key-${batch}`, call: 'c' };
  return [
    intent({ at, body, traceId, resource: { type: 'User', id: `u${batch}` } }),
    outcome(ledgerId(sourceWriter, first), { at, resourceId: `made${batch}` }),
    intent({ at, body: { ...body, repeat }, traceId, actions: ['users:update', 'users:rename'] }),
    denial({ at }),
    {
      kind: 'act',
      at,
      actor: 'alice@example.com',
      act: 'keys.issue',
      details: { holder: 'slack', scopes: ['a', 'b'], expires: null, ok: true, count: batch },
    },
    outcome(ledgerId(sourceWriter, first + 2), {
      at,
      outcome: 'in-doubt',
      settledBy: 'timeout',
      status: null,
    }),
  ];
};

/** Writes the history up to `now`, an hour a batch, signs every tenth head, lets retention work. */
export const writeHistory = async (store: LedgerStore, now: number): Promise<void> => {
  const startAt = now - history.batches * hourMs;
  let { next, digest } = await store.head(sourceWriter);
  for (let batch = 0; batch < history.batches; batch += 1) {
    const from = { writer: sourceWriter, first: next, previous: digest ?? genesis(sourceWriter) };
    const lines = recordsOf(batch, next, startAt + batch * hourMs).map(lineOf);
    const made = encodeBatch(lines, from, keyRing);
    digest = Buffer.from(made.digest);
    await store.append(made, { reserve: false });
    next += lines.length;
    if (batch % 10 !== 9) continue;
    const head = { writer: sourceWriter, size: next - 1, at: startAt + batch * hourMs };
    const note = signCheckpoint(
      { environment: 'test', digest, ...head },
      checkpointKeys.privateKey,
    );
    await store.addCheckpoint({ ...head, note });
  }
  const limits = {
    ledgerBefore: startAt + history.frontPruned * hourMs,
    bodiesBefore: startAt + history.bodiesPruned * hourMs,
    placesBefore: 0,
  };
  for (;;) if (!(await store.maintain(limits)).more) return;
};
