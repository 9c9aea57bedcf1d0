/** Reads of the ledger: short statements on the reader's connection, each bounded. */
import type { Database } from 'better-sqlite3';
import { ledgerId, parseLedgerId, type LedgerId } from '../../ids.ts';
import { outcomeThatCounts } from '../../ledger/record.ts';
import type {
  ChainStart,
  EntryIndex,
  FindQuery,
  Found,
  OutcomeIndex,
  ScannedBatch,
  StoredBatch,
} from '../../ledger/store.ts';
import type { Sealed } from '../../sealing.ts';
import { decisions, outcomes, settledBys } from '../codes.ts';
import { makeLookupReads } from './lookups.ts';

const filters = `
  AND (@client IS NULL OR client = (SELECT number FROM names WHERE name = @client))
  AND (@route IS NULL OR route = (SELECT number FROM names WHERE name = @route))
  AND (@target IS NULL OR target = (SELECT number FROM names WHERE name = @target))
  AND (@actions IS NULL OR actions IN (
    SELECT number FROM names, json_each(@actions) AS wanted
    WHERE instr(',' || name || ',', ',' || wanted.value || ',') > 0))
  AND (@since IS NULL OR at >= @since) AND (@until IS NULL OR at < @until)`;

const batchColumns = `b.first, b.count, b.at_first AS atFirst, b.at_last AS atLast, b.digest, b.records`;

const sql = {
  writer: 'SELECT writer, first, anchor AS previous FROM chain',
  find: `SELECT sequence FROM entries WHERE sequence >= @from AND sequence < @to ${filters}
    ORDER BY sequence DESC LIMIT @limit`,
  findKeyed: `SELECT sequence FROM entries
    WHERE sequence IN (SELECT value FROM json_each(@sequences)) ${filters}
    ORDER BY sequence DESC LIMIT @limit`,
  unsettled: `SELECT sequence FROM open_entries WHERE sequence > ? ORDER BY sequence LIMIT ?`,
  firstSince: 'SELECT first FROM batches WHERE at_last >= ? ORDER BY at_last, first LIMIT 1',
  firstAfter:
    'SELECT first FROM batches WHERE at_first >= ? AND at_last >= ? ORDER BY at_last, first LIMIT 1',
  outcomes: `SELECT entry, sequence, outcome, settled_by AS settledBy, status FROM outcomes
    WHERE entry BETWEEN ? AND ? ORDER BY entry, sequence`,
  batchOf: `SELECT ${batchColumns}, NULL AS bodies FROM batches b
    WHERE b.first <= ? ORDER BY b.first DESC LIMIT 1`,
  batchOfWithBodies: `SELECT ${batchColumns}, d.sealed AS bodies FROM batches b
    LEFT JOIN bodies d ON d.first = b.first WHERE b.first <= ? ORDER BY b.first DESC LIMIT 1`,
  batchesFrom: `SELECT ${batchColumns}, d.sealed AS bodies FROM batches b
    LEFT JOIN bodies d ON d.first = b.first WHERE b.first >= ? ORDER BY b.first LIMIT ?`,
  entries: `SELECT e.sequence, e.at, c.name AS client, r.name AS route, t.name AS target,
      a.name AS actions, e.decision, o.sequence IS NOT NULL AS open
    FROM entries e LEFT JOIN names c ON c.number = e.client LEFT JOIN names r ON r.number = e.route
    LEFT JOIN names t ON t.number = e.target LEFT JOIN names a ON a.number = e.actions
    LEFT JOIN open_entries o ON o.sequence = e.sequence
    WHERE e.sequence >= ? AND e.sequence < ? ORDER BY e.sequence`,
  checkpoints: `SELECT size, note FROM checkpoints WHERE size BETWEEN ? AND ? ORDER BY size LIMIT 1000`,
};

/** Batches of one page of a scan. */
const scanMax = 32;
const limitMax = 1_000;

type BatchRow = Omit<StoredBatch, 'writer' | 'records' | 'bodies'> & {
  records: Buffer;
  bodies: Buffer | null;
};
type OutcomeRow = {
  entry: number;
  sequence: number;
  outcome: number;
  settledBy: number;
  status: number | null;
};
type EntryRow = Omit<EntryIndex, 'decision'> & { decision: number; open: 0 | 1 };

const statements = (database: Database) => ({
  writer: database.prepare<[], ChainStart>(sql.writer),
  find: database.prepare<[object], { sequence: number }>(sql.find),
  findKeyed: database.prepare<[object], { sequence: number }>(sql.findKeyed),
  unsettled: database.prepare<[number, number], { sequence: number }>(sql.unsettled),
  firstSince: database.prepare<[number], { first: number }>(sql.firstSince),
  firstAfter: database.prepare<[number, number], { first: number }>(sql.firstAfter),
  outcomes: database.prepare<[number, number], OutcomeRow>(sql.outcomes),
  batchOf: database.prepare<[number], BatchRow>(sql.batchOf),
  batchOfWithBodies: database.prepare<[number], BatchRow>(sql.batchOfWithBodies),
  batchesFrom: database.prepare<[number, number], BatchRow>(sql.batchesFrom),
  entries: database.prepare<[number, number], EntryRow>(sql.entries),
  lookups: makeLookupReads(database),
  checkpoints: database.prepare<[number, number], { size: number; note: string }>(sql.checkpoints),
});
type Statements = ReturnType<typeof statements>;

const stored = (writer: string, row: BatchRow): StoredBatch => ({
  ...row,
  writer,
  records: row.records as Sealed,
  bodies: row.bodies as Sealed | null,
});

const outcomeOf = (writer: string, row: OutcomeRow): OutcomeIndex => ({
  entry: ledgerId(writer, row.entry),
  writer,
  sequence: row.sequence,
  outcome: outcomes[row.outcome] as OutcomeIndex['outcome'],
  settledBy: settledBys[row.settledBy] as OutcomeIndex['settledBy'],
  status: row.status,
});

const findSequences = (prepared: Statements, query: FindQuery): number[] => {
  const limit = Math.min(Math.max(1, query.limit), limitMax);
  if (query.unsettled === true) {
    const after = query.after === undefined ? 0 : (parseLedgerId(query.after)?.sequence ?? 0);
    return prepared.unsettled.all(after, limit).map(({ sequence }) => sequence);
  }
  const { client, route, target, actions, since, until, keys } = query;
  const parameters = {
    client: client ?? null,
    route: route ?? null,
    target: target ?? null,
    actions: actions === undefined ? null : JSON.stringify(actions),
    since: since ?? null,
    until: until ?? null,
    limit,
  };
  if (keys === undefined) {
    const from = since === undefined ? 0 : (prepared.firstSince.get(since)?.first ?? Infinity);
    const to = until === undefined ? undefined : prepared.firstAfter.get(until, until)?.first;
    if (from === Infinity) return [];
    return prepared.find
      .all({ ...parameters, from, to: to ?? Number.MAX_SAFE_INTEGER })
      .map(({ sequence }) => sequence);
  }
  const sets = keys.map((key) => prepared.lookups.sequencesOf(key));
  const common = sets.reduce((all, set) => new Set([...all].filter((each) => set.has(each))));
  const sequences = JSON.stringify([...common]);
  return prepared.findKeyed.all({ ...parameters, sequences }).map(({ sequence }) => sequence);
};

const batchesOf = (prepared: Statements, sequences: readonly number[], withBodies: boolean) => {
  const byFirst = new Map<number, BatchRow>();
  let last: BatchRow | undefined;
  for (const sequence of sequences) {
    const inLast = last && last.first <= sequence && sequence < last.first + last.count;
    if (inLast === true) continue;
    last = (withBodies ? prepared.batchOfWithBodies : prepared.batchOf).get(sequence);
    if (last !== undefined) byFirst.set(last.first, last);
  }
  return [...byFirst.values()];
};

const find = (prepared: Statements, query: FindQuery): Found => {
  const writer = prepared.writer.get()?.writer;
  if (writer === undefined) return { entries: [], batches: [] };
  const sequences = findSequences(prepared, query);
  return {
    entries: sequences.map((sequence) => {
      const all = prepared.outcomes.all(sequence, sequence).map((row) => outcomeOf(writer, row));
      return { writer, sequence, outcome: outcomeThatCounts(all) ?? null };
    }),
    batches: batchesOf(prepared, sequences, query.unsettled === true).map((row) =>
      stored(writer, row),
    ),
  };
};

const read = (prepared: Statements, id: LedgerId) => {
  const entry = parseLedgerId(id);
  const writer = prepared.writer.get()?.writer;
  if (entry === null || writer === undefined || entry.writer !== writer) return null;
  const [row] = batchesOf(prepared, [entry.sequence], true);
  if (row === undefined || entry.sequence >= row.first + row.count) return null;
  const settled = prepared.outcomes.all(entry.sequence, entry.sequence).slice(-limitMax);
  const sequences = settled.map(({ sequence }) => sequence);
  return {
    batch: stored(writer, row),
    outcomes: sequences.map((sequence) => ({ writer, sequence })),
    outcomeBatches: batchesOf(prepared, sequences, false).map((batch) => stored(writer, batch)),
  };
};

const scan = (
  prepared: Statements,
  page: Readonly<{ from: number; since?: number }>,
): readonly ScannedBatch[] => {
  const chain = prepared.writer.get();
  if (chain === undefined) return [];
  const since =
    page.since === undefined ? 0 : (prepared.firstSince.get(page.since)?.first ?? Infinity);
  if (since === Infinity) return [];
  const from = Math.max(page.from, since);
  const start = prepared.batchOf.get(from);
  const inside = start !== undefined && from < start.first + start.count;
  const rows = prepared.batchesFrom.all(inside ? start.first : from, scanMax + 1);
  return rows.slice(0, scanMax).map((row, index) => {
    // Rows up to the next batch: after the last one, whatever stands beyond the head.
    const end = rows[index + 1]?.first ?? Number.MAX_SAFE_INTEGER;
    return {
      ...stored(chain.writer, row),
      entries: prepared.entries.all(row.first, end).map((entry) => ({
        ...entry,
        decision: decisions[entry.decision] as EntryIndex['decision'],
        open: entry.open === 1,
      })),
      outcomes: prepared.outcomes
        .all(row.first, end - 1)
        .map((outcome) => outcomeOf(chain.writer, outcome)),
    };
  });
};

/** The reads of the ledger port, prepared on an open database. */
export const makeLookUps = (database: Database) => {
  const prepared = statements(database);
  const inOneView = <Arguments extends unknown[], Result>(
    run: (...given: Arguments) => Result,
  ): ((...given: Arguments) => Result) => database.transaction(run);
  return Object.freeze({
    find: inOneView((query: FindQuery) => find(prepared, query)),
    read: inOneView((id: LedgerId) => read(prepared, id)),
    chains: (after = ''): readonly ChainStart[] =>
      prepared.writer.all().filter(({ writer }) => writer > after),
    scan: inOneView((page: { writer: string; from: number; since?: number }) =>
      scan(prepared, page),
    ),
    sortRun: inOneView(() => prepared.lookups.sortRun()),
    checkpoints: (range: { from: number; to: number }) =>
      prepared.checkpoints.all(range.from, range.to),
  });
};
