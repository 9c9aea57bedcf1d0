/**
 * Retention in slices of a few milliseconds, by one gateway at a time. Whole batches go from the
 * front of a chain; the chain value before what is left is kept, so the rest verifies. The row of a
 * closed chain stays when its last record went: it says up to where the chain was, and that it is closed.
 * Look-up rows are found again by the packed copy beside their batch: an index by entry would cost
 * each append as much as the look-ups themselves.
 */
import type { LedgerStore } from '../../ledger/store.ts';
import { bounds } from '../bounds.ts';
import { lockOf } from './migrate.ts';
import type { Run, Sessions, Statement } from './connection.ts';

const sliceBatches = 16;

const sql = {
  alone: { text: 'SELECT pg_try_advisory_xact_lock($1::bigint) AS alone' },
  bodies: {
    text: `DELETE FROM bodies WHERE (writer, first) IN
      (SELECT writer, first FROM bodies WHERE at_last < $1 ORDER BY at_last LIMIT ${sliceBatches})`,
  },
  // Its oldest batch tells whether a chain has something to remove.
  chain: {
    text: `SELECT w.writer FROM writers w
      JOIN batches b ON b.writer = w.writer AND b.first = w.first
      WHERE w.first < w.next AND b.at_last < $1 ORDER BY w.writer LIMIT 1`,
  },
  oldest: {
    text: `SELECT first, count, digest, at_last < $2 AS old FROM batches
      WHERE writer = $1 ORDER BY first LIMIT ${sliceBatches}`,
  },
  // Before the chain's row is locked: an append waits for the rest only.
  lookups: {
    text: `DELETE FROM lookups l USING (
        SELECT substr(b.lookups, at, 16) AS key, substr(b.lookups, at + 16, 10) AS entry
        FROM batches b, generate_series(1, length(b.lookups), 26) at
        WHERE b.writer = $1 AND b.first < $2) gone
      WHERE l.key = gone.key AND l.entry = gone.entry`,
  },
  anchor: { text: 'UPDATE writers SET first = $2, anchor = $3 WHERE writer = $1' },
  // What an outcome gives back at this moment can wait for the next slice.
  places: {
    text: `DELETE FROM places WHERE ctid = ANY (ARRAY(SELECT ctid FROM places WHERE until < $1
      ORDER BY until LIMIT ${bounds.placeSlice} FOR UPDATE SKIP LOCKED))`,
  },
  placeSums: {
    text: `DELETE FROM place_sums WHERE ctid = ANY (ARRAY(SELECT ctid FROM place_sums WHERE until < $1
      ORDER BY until LIMIT ${bounds.placeSlice} FOR UPDATE SKIP LOCKED))`,
  },
  // Chains that were closed before their first record tell nobody anything.
  empty: { text: "DELETE FROM writers WHERE state = 'closed' AND next = 1" },
} satisfies Record<string, Statement>;

const drops: readonly Statement[] = [
  'DELETE FROM batches WHERE writer = $1 AND first < $2',
  'DELETE FROM bodies WHERE writer = $1 AND first < $2',
  'DELETE FROM entries WHERE writer = $1 AND sequence < $2',
  'DELETE FROM open_entries WHERE writer = $1 AND sequence < $2',
  'DELETE FROM outcomes WHERE entry_writer = $1 AND entry_sequence < $2',
  `DELETE FROM checkpoints WHERE writer = $1 AND size <
    (SELECT max(size) FROM checkpoints WHERE writer = $1 AND size < $2)`,
].map((text) => ({ text }));

/** Removes up to sixteen batches of one chain; how many. */
const dropBatches = async (run: Run, before: number): Promise<number> => {
  const [chain] = (await run<{ writer: string }>(sql.chain, [before])).rows;
  if (chain === undefined) return 0;
  const { writer } = chain;
  const { rows } = await run<{ first: number; count: number; digest: Buffer; old: boolean }>(
    sql.oldest,
    [writer, before],
  );
  const kept = rows.findIndex(({ old }) => !old);
  const gone = kept === -1 ? rows : rows.slice(0, kept);
  const last = gone.at(-1);
  if (last === undefined) return 0;
  const first = last.first + last.count;
  await run(sql.lookups, [writer, first]);
  await run(sql.anchor, [writer, first, last.digest]);
  for (const drop of drops) await run(drop, [writer, first]);
  return gone.length;
};

/** One slice a call. */
export const makeRetention = (
  sessions: Sessions,
  schema: string,
): Pick<LedgerStore, 'maintain'> => ({
  maintain: ({ bodiesBefore, ledgerBefore, placesBefore }) =>
    sessions.transaction(async (run) => {
      const lock = [lockOf(schema, 'maintain')];
      const [got] = (await run<{ alone: boolean }>(sql.alone, lock)).rows;
      if (got?.alone !== true) return { bodies: 0, batches: 0, more: false };
      await run(sql.empty);
      const bodies = (await run(sql.bodies, [bodiesBefore])).count;
      const batches = await dropBatches(run, ledgerBefore);
      const places = (await run(sql.places, [placesBefore])).count;
      const sums = (await run(sql.placeSums, [placesBefore])).count;
      // Another chain may have some where this one has none left.
      const slice = bounds.placeSlice;
      const whole = bodies === sliceBatches || places === slice || sums === slice;
      return { bodies, batches, more: whole || batches > 0 };
    }),
});
