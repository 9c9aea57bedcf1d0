/** CheckStore on SQLite. */
import type { Database } from 'better-sqlite3';
import type { CheckRow, CheckStore } from '../../drift/check-store.ts';
import { atMost, bounds } from '../bounds.ts';
import { checkColumns, newestChecks, type NewCheck } from '../safety-rows.ts';

const putSql = {
  known: 'SELECT 1 FROM checks WHERE key = ?',
  count: 'SELECT count(*) AS count FROM checks',
  add: `INSERT INTO checks (key, entry, at, tenant, target, route, resource_type, state, round,
      due_at, drifted_at, paths, version, sealed)
    VALUES (@key, @entry, @at, @tenant, @target, @route, @resourceType, 'watching', 0, @dueAt, NULL,
      '', 1, @sealed)`,
  replace: `UPDATE checks SET entry = @entry, at = @at, tenant = @tenant, target = @target,
      route = @route, resource_type = @resourceType, state = 'watching', round = 0, due_at = @dueAt,
      drifted_at = NULL, paths = '', version = version + 1, sealed = @sealed
    WHERE key = @key AND at <= @at`,
};

const makePut = (database: Database) => {
  const known = database.prepare<[Buffer], object>(putSql.known);
  const count = database.prepare<[], { count: number }>(putSql.count);
  const add = database.prepare<[NewCheck]>(putSql.add);
  const replace = database.prepare<[NewCheck]>(putSql.replace);
  return database.transaction(
    (checks: readonly NewCheck[], { rowsMax }: Readonly<{ rowsMax: number }>) => {
      const some = checks.slice(0, bounds.checksPut);
      let dropped = checks.length - some.length;
      let room: number | null = null;
      for (const check of newestChecks(some)) {
        if (known.get(check.key) !== undefined) {
          replace.run(check);
          continue;
        }
        // Counted once, and only where something new comes.
        room ??= rowsMax - (count.get()?.count ?? 0);
        if (room <= 0) dropped += 1;
        else add.run(check);
        room -= 1;
      }
      return { dropped };
    },
  );
};

const sql = {
  due: `SELECT key FROM checks WHERE state IN ('watching', 'drifted') AND due_at <= ?
    ORDER BY due_at, key LIMIT ?`,
  claim: `UPDATE checks SET due_at = @until, version = version + 1 WHERE key = @key
    RETURNING ${checkColumns}`,
  change: `UPDATE checks SET state = @state, round = @round, due_at = @dueAt,
      drifted_at = @driftedAt, paths = @paths, version = version + 1
    WHERE key = @key AND version = @version`,
  prune: `DELETE FROM checks WHERE key IN (SELECT key FROM checks
    WHERE state IN ('ended', 'dismissed') AND due_at < ? LIMIT ${bounds.checksPruned})`,
  read: `SELECT ${checkColumns} FROM checks WHERE key = ?`,
  list: `SELECT ${checkColumns} FROM checks ORDER BY at DESC, key LIMIT @limit`,
  listOf: `SELECT ${checkColumns} FROM checks WHERE state = @state
    ORDER BY at DESC, key LIMIT @limit`,
  counts: `SELECT (SELECT count(*) FROM checks WHERE state = 'watching') AS watching,
    (SELECT count(*) FROM checks WHERE state = 'drifted') AS drifted`,
  next: "SELECT min(due_at) AS at FROM checks WHERE state IN ('watching', 'drifted')",
};

/** Writes of CheckStore. */
export const makeCheckWrites = (database: Database) => {
  const put = makePut(database);
  const due = database.prepare<[number, number], { key: Buffer }>(sql.due);
  const claim = database.prepare<[{ key: Buffer; until: number }], CheckRow>(sql.claim);
  const change = database.prepare<[object]>(sql.change);
  const prune = database.prepare<[number]>(sql.prune);
  const claimDue = database.transaction(
    (now: number, { leaseMs, limit }: Parameters<CheckStore['claim']>[1]): readonly CheckRow[] =>
      due
        .all(now, atMost(limit, bounds.checksClaimed))
        .map(({ key }) => claim.get({ key, until: now + leaseMs }) as CheckRow),
  );
  return {
    putChecks: (...given: Parameters<CheckStore['put']>) => put.immediate(...given),
    claimChecks: (...given: Parameters<CheckStore['claim']>) => claimDue.immediate(...given),
    changeCheck: (...[key, version, to]: Parameters<CheckStore['change']>): boolean =>
      change.run({ ...to, key, version }).changes === 1,
    pruneChecks: (before: number) => {
      const removed = prune.run(before).changes;
      return { removed, more: removed === bounds.checksPruned };
    },
  };
};

/** Reads of CheckStore. */
export const makeCheckReads = (database: Database) => {
  const read = database.prepare<[Buffer], CheckRow>(sql.read);
  const list = database.prepare<[object], CheckRow>(sql.list);
  const listOf = database.prepare<[object], CheckRow>(sql.listOf);
  const counts = database.prepare<[], { watching: number; drifted: number }>(sql.counts);
  const next = database.prepare<[], { at: number | null }>(sql.next);
  return {
    readCheck: (key: Buffer): CheckRow | null => read.get(key) ?? null,
    listChecks: ({ state, limit }: Parameters<CheckStore['list']>[0]): readonly CheckRow[] => {
      const most = atMost(limit, bounds.checksListed);
      return state === undefined ? list.all({ limit: most }) : listOf.all({ state, limit: most });
    },
    countChecks: () => counts.get() ?? { watching: 0, drifted: 0 },
    nextCheckAt: (): number | null => next.get()?.at ?? null,
  };
};
