/** Reads of the ledger over all chains: short statements, each one view of the store and bounded. */
import { ledgerId, parseLedgerId, type LedgerId } from '../../ids.ts';
import type {
  ChainStart,
  EntryIndex,
  FindQuery,
  Found,
  LedgerStore,
  OutcomeIndex,
  ScannedBatch,
  StoredBatch,
} from '../../ledger/store.ts';
import type { Claimed } from './append.ts';
import type { Row, Sessions, Statement } from './connection.ts';

/** Batches of one page of a scan. */
const scanMax = 32;
const limitMax = 1_000;

const batchColumns = `b.writer, b.first, b.count, b.at_first AS "atFirst", b.at_last AS "atLast",
  b.digest`;

/** Beside each entry the outcome that counts, and its batch's bytes with the first entry of each batch. */
const withBatches = (found: string, bodies: 'bodies' | 'no bodies', order: string): string => `
  SELECT f.writer AS "entryWriter", f.sequence, ${batchColumns},
    CASE WHEN f.at_batch = 1 THEN b.records END AS records,
    ${bodies === 'bodies' ? 'CASE WHEN f.at_batch = 1 THEN d.sealed END' : 'NULL::bytea'} AS bodies,
    o.writer AS "outcomeWriter", o.sequence AS "outcomeSequence", o.outcome,
    o.settled_by AS "settledBy", o.status
  FROM (
    SELECT f.*, h.first, row_number() OVER (PARTITION BY f.writer, h.first ${order}) AS at_batch
    FROM (${found}) f LEFT JOIN LATERAL (
      SELECT first FROM batches WHERE writer = f.writer AND first <= f.sequence
      ORDER BY first DESC LIMIT 1) h ON true
  ) f
  LEFT JOIN batches b ON b.writer = f.writer AND b.first = f.first
  ${bodies === 'bodies' ? 'LEFT JOIN bodies d ON d.writer = b.writer AND d.first = b.first' : ''}
  LEFT JOIN LATERAL (
    SELECT writer, sequence, outcome, settled_by, status FROM outcomes
    WHERE entry_writer = f.writer AND entry_sequence = f.sequence
    ORDER BY (outcome = 'in-doubt'), number DESC LIMIT 1) o ON true
  ${order}`;

const newestFirst = 'ORDER BY f.at DESC, f.writer DESC, f.sequence DESC';

const filters = `($1::text IS NULL OR e.client = $1) AND ($2::text IS NULL OR e.route = $2)
  AND ($3::text IS NULL OR e.target = $3)
  AND ($4::text[] IS NULL OR string_to_array(e.actions, ',') && $4)
  AND ($5::bigint IS NULL OR e.at >= $5) AND ($6::bigint IS NULL OR e.at < $6)`;

// Without names, so that each is planned for the filters it is given.
const sql = {
  find: {
    text: withBatches(
      `SELECT e.writer, e.sequence, e.at FROM entries e WHERE ${filters}
        ORDER BY e.at DESC, e.writer DESC, e.sequence DESC LIMIT $7`,
      'no bodies',
      newestFirst,
    ),
  },
  findKeyed: {
    text: withBatches(
      `SELECT e.writer, e.sequence, e.at FROM (
          SELECT entry FROM lookups WHERE key = ANY ($8::bytea[])
          GROUP BY entry HAVING count(DISTINCT key) = $9) l
        JOIN entries e ON e.writer = encode(substr(l.entry, 1, 4), 'hex')
          AND e.sequence = ('x' || encode(substr(l.entry, 5, 6), 'hex'))::bit(48)::bigint
        WHERE ${filters} ORDER BY e.at DESC, e.writer DESC, e.sequence DESC LIMIT $7`,
      'no bodies',
      newestFirst,
    ),
  },
  unsettled: {
    text: withBatches(
      `SELECT writer, sequence FROM open_entries
        WHERE owner = $1 AND (writer, sequence) > ($2, $3::bigint)
          AND ($4::text IS NULL OR writer = $4)
        ORDER BY writer, sequence LIMIT $5`,
      'bodies',
      'ORDER BY f.writer, f.sequence',
    ),
  },
  batchOf: {
    name: 'batch-of',
    text: `SELECT ${batchColumns}, b.records, d.sealed AS bodies FROM batches b
      LEFT JOIN bodies d ON d.writer = b.writer AND d.first = b.first
      WHERE b.writer = $1 AND b.first <= $2 ORDER BY b.first DESC LIMIT 1`,
  },
  outcomesOf: {
    name: 'outcomes-of',
    text: `SELECT o.writer AS "entryWriter", o.sequence, ${batchColumns},
        CASE WHEN row_number() OVER (PARTITION BY b.writer, b.first ORDER BY o.number) = 1
          THEN b.records END AS records, NULL::bytea AS bodies
      FROM (SELECT * FROM outcomes WHERE entry_writer = $1 AND entry_sequence = $2
        ORDER BY number DESC LIMIT ${limitMax}) o
      LEFT JOIN LATERAL (SELECT * FROM batches WHERE writer = o.writer AND first <= o.sequence
        ORDER BY first DESC LIMIT 1) b ON true
      ORDER BY o.number`,
  },
  // Of each page one batch more is asked for, to see where the index rows of its last one end:
  // after the newest batch, whatever stands beyond the head.
  scan: {
    name: 'scan',
    text: `SELECT ${batchColumns}, b.records, b.sealed AS bodies,
        (SELECT json_agg(json_build_object('sequence', e.sequence, 'at', e.at,
            'client', e.client, 'route', e.route, 'target', e.target, 'actions', e.actions,
            'decision', e.decision, 'open', o.sequence IS NOT NULL) ORDER BY e.sequence)
          FROM entries e LEFT JOIN open_entries o
            ON o.writer = e.writer AND o.sequence = e.sequence
          WHERE e.writer = b.writer AND e.sequence >= b.first
            AND (b.following IS NULL OR e.sequence < b.following)) AS entries,
        (SELECT json_agg(json_build_object('entry', o.entry_sequence, 'writer', o.writer,
            'sequence', o.sequence, 'outcome', o.outcome, 'settledBy', o.settled_by,
            'status', o.status) ORDER BY o.entry_sequence, o.number)
          FROM outcomes o WHERE o.entry_writer = b.writer AND o.entry_sequence >= b.first
            AND (b.following IS NULL OR o.entry_sequence < b.following)) AS outcomes
      FROM (SELECT p.*, d.sealed, lead(p.first) OVER (ORDER BY p.first) AS following
        FROM (SELECT * FROM batches WHERE writer = $1 AND first >= coalesce(
            (SELECT first FROM (SELECT first, count FROM batches
                WHERE writer = $1 AND first <= $2 ORDER BY first DESC LIMIT 1) s
              WHERE first + count > $2), $2)
          ORDER BY first LIMIT ${scanMax + 1}) p
        LEFT JOIN bodies d ON d.writer = p.writer AND d.first = p.first) b
      ORDER BY b.first LIMIT ${scanMax}`,
  },
  firstSince: {
    name: 'first-since',
    text: `SELECT first FROM batches WHERE writer = $1 AND at_last >= $2
      ORDER BY at_last, first LIMIT 1`,
  },
  chains: {
    name: 'chains',
    text: `SELECT writer, first, anchor AS previous FROM writers
      WHERE writer > $1 AND next > 1 ORDER BY writer LIMIT ${limitMax}`,
  },
  checkpoints: {
    name: 'checkpoints',
    text: `SELECT size, note FROM checkpoints WHERE writer = $1 AND size BETWEEN $2 AND $3
      ORDER BY size LIMIT ${limitMax}`,
  },
} satisfies Record<string, Statement>;

type BatchRow = { [Key in keyof StoredBatch]: StoredBatch[Key] | null };
type FoundRow = BatchRow & {
  entryWriter: string;
  sequence: number;
  outcomeWriter: string | null;
  outcomeSequence: number | null;
} & Omit<OutcomeIndex, 'entry' | 'writer' | 'sequence'>;
type ScanRow = StoredBatch & {
  entries: ScannedBatch['entries'] | null;
  outcomes: readonly (Omit<OutcomeIndex, 'entry'> & { entry: number })[] | null;
};

/** Batches whose bytes came along; each comes once. */
const batchesIn = (rows: readonly (BatchRow & Row)[]): readonly StoredBatch[] =>
  rows.flatMap((row) => {
    const { writer, first, count, atFirst, atLast, digest, records, bodies } = row;
    if (records === null) return [];
    return [{ writer, first, count, atFirst, atLast, digest, records, bodies } as StoredBatch];
  });

const foundIn = (rows: readonly FoundRow[]): Found => ({
  entries: rows.map((row) => ({
    writer: row.entryWriter,
    sequence: row.sequence,
    outcome:
      row.outcomeWriter === null || row.outcomeSequence === null
        ? null
        : {
            writer: row.outcomeWriter,
            sequence: row.outcomeSequence,
            outcome: row.outcome,
            settledBy: row.settledBy,
            status: row.status,
          },
  })),
  batches: batchesIn(rows),
});

const find = async ({ run }: Sessions, claimed: Claimed, query: FindQuery): Promise<Found> => {
  const limit = Math.min(Math.max(1, query.limit), limitMax);
  if (query.unsettled === true) {
    const owner = claimed.current?.writer;
    if (owner === undefined) return { entries: [], batches: [] };
    const after = query.after === undefined ? null : parseLedgerId(query.after);
    const from = [after?.writer ?? '', after?.sequence ?? 0];
    const { rows } = await run<FoundRow>(sql.unsettled, [
      owner,
      ...from,
      query.writer ?? null,
      limit,
    ]);
    return foundIn(rows);
  }
  const { client, route, target, actions, since, until, keys } = query;
  const filtered = [client, route, target, actions, since, until].map((each) => each ?? null);
  if (keys === undefined) {
    return foundIn((await run<FoundRow>(sql.find, [...filtered, limit])).rows);
  }
  const distinct = new Set(keys.map((key) => key.toString('hex'))).size;
  const { rows } = await run<FoundRow>(sql.findKeyed, [...filtered, limit, keys, distinct]);
  return foundIn(rows);
};

const read = async ({ run }: Sessions, id: LedgerId): ReturnType<LedgerStore['read']> => {
  const entry = parseLedgerId(id);
  if (entry === null) return null;
  const at = [entry.writer, entry.sequence];
  // Retention removes both at once: the batch is asked last, so that no outcome can be missing beside it.
  const outcomes = (await run<FoundRow>(sql.outcomesOf, at)).rows;
  const [batch] = (await run<StoredBatch>(sql.batchOf, at)).rows;
  if (batch === undefined || entry.sequence >= batch.first + batch.count) return null;
  return {
    batch,
    outcomes: outcomes.map(({ entryWriter: writer, sequence }) => ({ writer, sequence })),
    outcomeBatches: batchesIn(outcomes),
  };
};

const scan = async (
  { run }: Sessions,
  page: Readonly<{ writer: string; from: number; since?: number }>,
): Promise<readonly ScannedBatch[]> => {
  const { writer, since } = page;
  let { from } = page;
  if (since !== undefined) {
    const [start] = (await run<{ first: number }>(sql.firstSince, [writer, since])).rows;
    if (start === undefined) return [];
    from = Math.max(from, start.first);
  }
  const { rows } = await run<ScanRow>(sql.scan, [writer, from]);
  return rows.map((row) => ({
    ...row,
    entries: (row.entries ?? []) as readonly (EntryIndex & Readonly<{ open: boolean }>)[],
    outcomes: (row.outcomes ?? []).map((outcome) => ({
      ...outcome,
      entry: ledgerId(writer, outcome.entry),
    })),
  }));
};

/** The reads of the ledger port; `claimed` tells for which writer this store answers. */
export const makeLookUps = (
  sessions: Sessions,
  claimed: Claimed,
): Pick<LedgerStore, 'find' | 'read' | 'chains' | 'scan' | 'checkpoints'> => ({
  find: (query) => find(sessions, claimed, query),
  read: (id) => read(sessions, id),
  scan: (page) => scan(sessions, page),
  chains: async (after = '') => (await sessions.run<ChainStart>(sql.chains, [after])).rows,
  checkpoints: async ({ writer, from, to }) =>
    (await sessions.run<{ size: number; note: string }>(sql.checkpoints, [writer, from, to])).rows,
});
