/**
 * Retention in slices of a few milliseconds on the writer's connection, between commits. Whole
 * batches go from the front; the chain value before what is left is kept, so the rest verifies. Places
 * in windows go when nobody counts them any more.
 */
import type { Database } from 'better-sqlite3';
import type { LedgerStore } from '../../ledger/store.ts';
import { bounds } from '../bounds.ts';
import { makeLookupWrites } from './lookups.ts';
import type { MovedPlace } from './window-sums.ts';

const sql = {
  chain: 'SELECT first FROM chain',
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
  nextWindow: 'SELECT min(key) AS key FROM places WHERE key > ?',
  oldestPlaces: 'SELECT at, until FROM places WHERE key = ? ORDER BY at LIMIT ?',
  dropPlaces: `DELETE FROM places WHERE key = ? AND at <= ? AND until < ?
    RETURNING key, at, amount`,
  dropCheckpoints: `DELETE FROM checkpoints WHERE size <
    (SELECT max(size) FROM checkpoints WHERE size < ?)`,
};

const sliceBatches = 16;

/** Windows that one slice looks at. */
const sliceWindows = 1_000;
const beforeAll = Buffer.alloc(0);

/**
 * Removes places window by window, the oldest first; a slice begins where the one before ended. A place that
 * ends later than a younger one of its window, which was longer once, keeps that one as long.
 */
const makePlaceSlices = (database: Database) => {
  const nextWindow = database.prepare<[Buffer], { key: Buffer | null }>(sql.nextWindow);
  const oldest = database.prepare<[Buffer, number], { at: number; until: number }>(
    sql.oldestPlaces,
  );
  const drop = database.prepare<[Buffer, number, number], MovedPlace>(sql.dropPlaces);
  let last: Buffer = beforeAll;
  const dropOf = (key: Buffer, before: number, most: number): readonly MovedPlace[] => {
    const [first] = oldest.all(key, 1);
    if (first === undefined || first.until >= before) return [];
    const rows = oldest.all(key, most);
    const kept = rows.findIndex(({ until }) => until >= before);
    const ended = rows.at(kept === -1 ? -1 : kept - 1);
    return ended === undefined ? [] : drop.all(key, ended.at, before);
  };
  return database.transaction(
    (before: number): Readonly<{ gone: readonly MovedPlace[]; more: boolean }> => {
      const gone: MovedPlace[] = [];
      for (let windows = 0; windows < sliceWindows; windows += 1) {
        const key = nextWindow.get(last)?.key ?? null;
        if (key === null) {
          last = beforeAll;
          return { gone, more: false };
        }
        gone.push(...dropOf(key, before, bounds.placeSlice - gone.length));
        // This window may have more of them.
        if (gone.length >= bounds.placeSlice) return { gone, more: true };
        last = key;
      }
      return { gone, more: true };
    },
  );
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
  };
};

/** Prepares retention; each call is one slice. `placesGone` is told which places were removed. */
export const makeRetentionSlices = (
  database: Database,
  placesGone: (places: readonly MovedPlace[]) => void,
) => {
  const chain = database.prepare<[], { first: number }>(sql.chain);
  const { dropDead } = makeLookupWrites(database);
  const retention = makeRetention(database);
  const places = makePlaceSlices(database);
  return (limits: Parameters<LedgerStore['maintain']>[0]) => {
    const start = chain.get();
    if (start === undefined) return { bodies: 0, batches: 0, more: false };
    const bodies = retention.bodies.immediate(limits.bodiesBefore);
    const batches = retention.batches.immediate(limits.ledgerBefore);
    const { gone, more: hasMore } = places.immediate(limits.placesBefore);
    placesGone(gone);
    const runs = dropDead.immediate(start.first);
    const whole = bodies === sliceBatches || batches === sliceBatches;
    const more = whole || hasMore || runs;
    return { bodies, batches, more };
  };
};
