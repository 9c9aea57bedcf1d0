/**
 * Keyed look-ups: from a hash of a subject, or a trace id, to entries. Keys are random; put into one
 * index, each append would touch all of it, and cost more the longer the ledger gets. So they are
 * first kept packed per batch, then merged into runs: blocks of sorted rows, written once. A look-up
 * asks each run for one block. Sorting is the reader's work; the writer only adds finished blocks.
 */
import type { Database } from 'better-sqlite3';
import { lookupBytes, lookupKeyBytes } from '../../ledger/store.ts';

/** A row of a block: 16 bytes key, 6 bytes sequence. */
const rowBytes = lookupKeyBytes + 6;
const blockRows = 256;
/** Packed rows merged into one run; fewer than the least wait for more. */
const runRows = { least: 64, most: 256 };
/** Blocks added, or removed, in one transaction. */
const sliceBlocks = 64;

const sql = {
  writer: 'SELECT writer FROM chain',
  fresh: 'SELECT first, packed FROM fresh_lookups ORDER BY first LIMIT ?',
  allFresh: 'SELECT packed FROM fresh_lookups',
  runs: 'SELECT run FROM lookup_runs',
  before:
    'SELECT packed FROM lookup_blocks WHERE run = ? AND first <= ? ORDER BY first DESC LIMIT 1',
  after:
    'SELECT packed FROM lookup_blocks WHERE run = ? AND first > ? AND first < ? ORDER BY first',
  nextRun: 'SELECT coalesce(max(run), 0) + 1 AS run FROM lookup_runs',
  forget: 'DELETE FROM lookup_blocks WHERE run >= ?',
  add: 'INSERT INTO lookup_blocks (run, first, packed) VALUES (?, ?, ?)',
  list: 'INSERT INTO lookup_runs VALUES (?, ?)',
  dropFresh: 'DELETE FROM fresh_lookups WHERE first <= ?',
  dead: 'SELECT run FROM lookup_runs WHERE last < ? LIMIT 1',
  dropBlocks: `DELETE FROM lookup_blocks WHERE block IN
    (SELECT block FROM lookup_blocks WHERE run = ? LIMIT ${sliceBlocks})`,
  dropRun: 'DELETE FROM lookup_runs WHERE run = ?',
};

/** A run ready to be added. */
export type SortedRun = Readonly<{
  blocks: readonly Buffer[];
  /** First record of the newest batch in it, and a sequence no entry of it lies beyond. */
  lastFirst: number;
  last: number;
}>;

/** Rows of this writer, as 22 bytes each, in order of their bytes. */
const sortRows = (packed: readonly Buffer[], writer: string): Buffer => {
  const own = Number.parseInt(writer, 16);
  const total = packed.reduce((sum, part) => sum + part.length / lookupBytes, 0);
  const rows = Buffer.allocUnsafe(total * rowBytes);
  let count = 0;
  for (const part of packed) {
    for (let at = 0; at < part.length; at += lookupBytes) {
      if (part.readUInt32BE(at + lookupKeyBytes) !== own) continue;
      const to = count * rowBytes;
      part.copy(rows, to, at, at + lookupKeyBytes);
      part.copy(rows, to + lookupKeyBytes, at + lookupKeyBytes + 4, at + lookupBytes);
      count += 1;
    }
  }
  // Numbers decide nearly every comparison; an object for each row would cost ten times the memory.
  const prefixes = Float64Array.from({ length: count }, (_, row) =>
    rows.readUIntBE(row * rowBytes, 6),
  );
  const order = Uint32Array.from({ length: count }, (_, row) => row).sort((a, b) => {
    const difference = (prefixes[a] as number) - (prefixes[b] as number);
    if (difference !== 0) return difference;
    const [left, right] = [a * rowBytes, b * rowBytes];
    return rows.compare(rows, right, right + rowBytes, left, left + rowBytes);
  });
  const sorted = Buffer.allocUnsafe(count * rowBytes);
  order.forEach((row, index) => {
    rows.copy(sorted, index * rowBytes, row * rowBytes, (row + 1) * rowBytes);
  });
  return sorted;
};

/** The reader's half: finds, and sorts what is fresh. */
export const makeLookupReads = (database: Database) => {
  const writer = database.prepare<[], { writer: string }>(sql.writer);
  const fresh = database.prepare<[number], { first: number; packed: Buffer }>(sql.fresh);
  const allFresh = database.prepare<[], { packed: Buffer }>(sql.allFresh);
  const runs = database.prepare<[], { run: number }>(sql.runs);
  const before = database.prepare<[number, Buffer], { packed: Buffer }>(sql.before);
  const after = database.prepare<[number, Buffer, Buffer], { packed: Buffer }>(sql.after);

  const collect = (packed: Buffer, key: Buffer, width: number, found: Set<number>): void => {
    for (let at = packed.indexOf(key); at !== -1; at = packed.indexOf(key, at + 1)) {
      if (at % width === 0) found.add(packed.readUIntBE(at + width - 6, 6));
    }
  };

  return Object.freeze({
    /** Sequences of the entries to which a key of 16 bytes leads. */
    sequencesOf: (key: Buffer): ReadonlySet<number> => {
      const found = new Set<number>();
      for (const { packed } of allFresh.iterate()) collect(packed, key, lookupBytes, found);
      const low = Buffer.concat([key, Buffer.alloc(6)]);
      const high = Buffer.concat([key, Buffer.alloc(6, 0xff)]);
      for (const { run } of runs.all()) {
        const blocks = [...before.all(run, low), ...after.all(run, low, high)];
        for (const { packed } of blocks) collect(packed, key, rowBytes, found);
      }
      return found;
    },
    /** The oldest fresh rows as a run, or null while there are few. */
    sortRun: (): SortedRun | null => {
      const rows = fresh.all(runRows.most);
      const newest = rows.at(-1);
      const name = writer.get()?.writer;
      if (rows.length < runRows.least || newest === undefined || name === undefined) return null;
      const sorted = sortRows(
        rows.map(({ packed }) => packed),
        name,
      );
      const blocks: Buffer[] = [];
      for (let at = 0; at < sorted.length; at += blockRows * rowBytes) {
        blocks.push(sorted.subarray(at, at + blockRows * rowBytes));
      }
      return { blocks, lastFirst: newest.first, last: newest.first + 128 };
    },
  });
};

/** The writer's half: adds and removes runs in slices. */
export const makeLookupWrites = (database: Database) => {
  const nextRun = database.prepare<[], { run: number }>(sql.nextRun);
  const forget = database.prepare(sql.forget);
  const add = database.prepare(sql.add);
  const list = database.prepare(sql.list);
  const dropFresh = database.prepare(sql.dropFresh);
  const dead = database.prepare<[number], { run: number }>(sql.dead);
  const dropBlocks = database.prepare(sql.dropBlocks);
  const dropRun = database.prepare(sql.dropRun);
  return Object.freeze({
    /** Adds blocks from number `from` on; the last slice makes the run count instead of the fresh rows. */
    addBlocks: database.transaction(
      (slice: Readonly<{ from: number; blocks: readonly Buffer[]; end: SortedRun | null }>) => {
        const { run } = nextRun.get() as { run: number };
        // A crash may have left blocks of a run that was never listed.
        if (slice.from === 0) forget.run(run);
        for (const packed of slice.blocks) add.run(run, packed.subarray(0, rowBytes), packed);
        if (slice.end === null) return;
        list.run(run, slice.end.last);
        dropFresh.run(slice.end.lastFirst);
      },
    ),
    /** Removes part of a run that leads only to entries before `first`; true if there was one. */
    dropDead: database.transaction((first: number): boolean => {
      const found = dead.get(first);
      if (found === undefined) return false;
      if (dropBlocks.run(found.run).changes === 0) dropRun.run(found.run);
      return true;
    }),
  });
};

/** What the event loop does of it: one slice of merging a call; resolves with whether there is more. */
export const makeMerging = (
  sortRun: () => Promise<SortedRun | null>,
  addBlocks: (
    slice: Readonly<{ from: number; blocks: readonly Buffer[]; end: SortedRun | null }>,
  ) => Promise<unknown>,
): (() => Promise<boolean>) => {
  let run: SortedRun | null = null;
  let done = 0;
  return async (): Promise<boolean> => {
    if (run === null) {
      run = await sortRun();
      done = 0;
      return run !== null;
    }
    const { blocks, lastFirst, last } = run;
    const slice = blocks.slice(done, done + sliceBlocks);
    const ends = done + slice.length === blocks.length;
    const current = {
      from: done,
      blocks: slice,
      end: ends ? { blocks: [], lastFirst, last } : null,
    };
    try {
      await addBlocks(current);
    } catch (error) {
      run = null;
      throw error;
    }
    done += slice.length;
    if (ends) run = null;
    return true;
  };
};
