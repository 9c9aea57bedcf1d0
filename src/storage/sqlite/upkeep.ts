/**
 * Upkeep of the ledger's tables in slices of a few milliseconds on the writer's connection, between
 * commits: retention, and merging look-ups into runs sorted by key. Keys are random; inserted one by
 * one they would make every append touch the whole index, so they are first kept packed per batch.
 */
import type { Database } from 'better-sqlite3';
import { lookupBytes, lookupKeyBytes } from '../../ledger/store.ts';

const sql = {
  chain: 'SELECT writer, first FROM chain',
  firstKept: 'SELECT first FROM batches WHERE at_last >= ? ORDER BY at_last, first LIMIT 1',
  bodies: `DELETE FROM bodies WHERE first IN
    (SELECT first FROM bodies WHERE first < ? ORDER BY first LIMIT ?)`,
  oldest: `SELECT first, count, digest, at_last AS at FROM batches WHERE first < ?
    ORDER BY first LIMIT ?`,
  anchor: 'UPDATE chain SET first = ?, anchor = ?, anchored_at = ?',
  dropBatches: 'DELETE FROM batches WHERE first < ?',
  dropBodies: 'DELETE FROM bodies WHERE first < ?',
  dropEntries: 'DELETE FROM entries WHERE sequence < ?',
  dropOpen: 'DELETE FROM open_entries WHERE sequence < ?',
  dropOutcomes: 'DELETE FROM outcomes WHERE entry < ?',
  dropFresh: 'DELETE FROM fresh_lookups WHERE first < ?',
  dropCheckpoints: `DELETE FROM checkpoints WHERE size <
    (SELECT max(size) FROM checkpoints WHERE size < ?)`,
  deadRun: 'SELECT run FROM lookup_runs WHERE last < ? LIMIT 1',
  dropLookups: `DELETE FROM lookups WHERE (run, key, entry) IN
    (SELECT run, key, entry FROM lookups WHERE run = ? LIMIT ?)`,
  dropRun: 'DELETE FROM lookup_runs WHERE run = ?',
  fresh: 'SELECT first, packed FROM fresh_lookups ORDER BY first LIMIT ?',
  nextRun: 'SELECT coalesce(max(run), 0) + 1 AS run FROM lookup_runs',
  lookup: 'INSERT OR IGNORE INTO lookups VALUES (?, ?, ?)',
  addRun: 'INSERT INTO lookup_runs VALUES (?, ?)',
};

const sliceBatches = 16;
const sliceLookups = 1_500;
/** Packed rows merged into one run; fewer than the least wait for more. */
const runRows = { least: 256, most: 1_024 };

type Merge = { run: number; lastFirst: number; last: number; keys: Buffer[]; done: number };

const sortedKeys = (rows: readonly { packed: Buffer }[], writer: string): Buffer[] => {
  const own = Number.parseInt(writer, 16);
  const keys: Buffer[] = [];
  for (const { packed } of rows) {
    for (let at = 0; at < packed.length; at += lookupBytes) {
      if (packed.readUInt32BE(at + lookupKeyBytes) === own) {
        keys.push(packed.subarray(at, at + lookupBytes));
      }
    }
  }
  return keys.sort((a, b) => a.compare(b));
};

const makeMerging = (database: Database) => {
  const fresh = database.prepare<[number], { first: number; packed: Buffer }>(sql.fresh);
  const nextRun = database.prepare<[], { run: number }>(sql.nextRun);
  const lookup = database.prepare(sql.lookup);
  const addRun = database.prepare(sql.addRun);
  const dropFresh = database.prepare(sql.dropFresh);
  const clear = database.prepare(sql.dropLookups);
  let merge: Merge | null = null;

  const begin = (writer: string): Merge | null => {
    const rows = fresh.all(runRows.most);
    const lastFirst = rows.at(-1)?.first;
    if (rows.length < runRows.least || lastFirst === undefined) return null;
    const { run } = nextRun.get() as { run: number };
    const keys = sortedKeys(rows, writer);
    return { run, lastFirst, last: lastFirst + 128, keys, done: 0 };
  };

  const insertSlice = database.transaction((current: Merge): void => {
    // A crash may have left part of this run behind, unseen because the run was never added.
    if (current.done === 0 && clear.run(current.run, sliceLookups).changes > 0) return;
    const end = Math.min(current.done + sliceLookups, current.keys.length);
    for (let index = current.done; index < end; index += 1) {
      const packed = current.keys[index] as Buffer;
      const entry = packed.readUIntBE(lookupKeyBytes + 4, 6);
      lookup.run(current.run, packed.subarray(0, lookupKeyBytes), entry);
    }
    current.done = end;
    if (end < current.keys.length) return;
    addRun.run(current.run, current.last);
    dropFresh.run(current.lastFirst + 1);
  });

  /** One slice; true while there is more. */
  return (writer: string): boolean => {
    merge ??= begin(writer);
    if (merge === null) return false;
    insertSlice.immediate(merge);
    if (merge.done === merge.keys.length) merge = null;
    return true;
  };
};

const makeRetention = (database: Database) => {
  const firstKept = database.prepare<[number], { first: number }>(sql.firstKept);
  const bodies = database.prepare(sql.bodies);
  const oldest = database.prepare<
    [number, number],
    { first: number; count: number; digest: Buffer; at: number }
  >(sql.oldest);
  const anchor = database.prepare(sql.anchor);
  const drops = [
    sql.dropBatches,
    sql.dropBodies,
    sql.dropEntries,
    sql.dropOpen,
    sql.dropOutcomes,
    sql.dropCheckpoints,
  ].map((text) => database.prepare(text));
  const deadRun = database.prepare<[number], { run: number }>(sql.deadRun);
  const dropLookups = database.prepare(sql.dropLookups);
  const dropRun = database.prepare(sql.dropRun);
  const keptFrom = (before: number) => firstKept.get(before)?.first ?? Number.MAX_SAFE_INTEGER;

  return {
    bodies: database.transaction(
      (before: number): number => bodies.run(keptFrom(before), sliceBatches).changes,
    ),
    batches: database.transaction((before: number): number => {
      const rows = oldest.all(keptFrom(before), sliceBatches);
      const last = rows.at(-1);
      if (last === undefined) return 0;
      const first = last.first + last.count;
      anchor.run(first, last.digest, last.at);
      for (const drop of drops) drop.run(first);
      return rows.length;
    }),
    /** Drops part of a run that leads only to entries that are gone; true if there was one. */
    lookups: database.transaction((first: number): boolean => {
      const dead = deadRun.get(first);
      if (dead === undefined) return false;
      if (dropLookups.run(dead.run, sliceLookups).changes === 0) dropRun.run(dead.run);
      return true;
    }),
  };
};

/** Prepares upkeep; each call is one slice. */
export const makeUpkeep = (database: Database) => {
  const chain = database.prepare<[], { writer: string; first: number }>(sql.chain);
  const merging = makeMerging(database);
  const retention = makeRetention(database);
  return (limits: Readonly<{ bodiesBefore: number; ledgerBefore: number }>) => {
    const start = chain.get();
    if (start === undefined) return { bodies: 0, batches: 0, more: false };
    const bodies = retention.bodies.immediate(limits.bodiesBefore);
    const batches = retention.batches.immediate(limits.ledgerBefore);
    const runs = retention.lookups.immediate(start.first);
    const merged = merging(start.writer);
    const more = bodies === sliceBatches || batches === sliceBatches || runs || merged;
    return { bodies, batches, more };
  };
};
