/**
 * CheckStore on PostgreSQL. Checks come in under one lock, so that rows are counted before one is added;
 * claims step over what others hold.
 */
import type { CheckRow, CheckState, CheckStore } from '../../drift/check-store.ts';
import { atMost, bounds } from '../bounds.ts';
import { checkColumns, checkName, newestChecks, type NewCheck } from '../safety-rows.ts';
import type { Run, Sessions, Statement } from './connection.ts';
import { lockOf } from './migrate.ts';
import { changeFirst } from './news.ts';

const sql = {
  known: { text: 'SELECT key FROM checks WHERE key = ANY ($1::bytea[])' },
  count: { text: 'SELECT count(*) AS count FROM checks' },
  put: {
    text: `INSERT INTO checks (key, entry, at, tenant, target, route, resource_type, state, round,
        due_at, drifted_at, paths, version, sealed)
      SELECT key, entry, at, tenant, target, route, resource_type, 'watching', 0, due_at, NULL, '', 1,
        sealed
      FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
        $7::text[], $8::bigint[], $9::bytea[])
        given(key, entry, at, tenant, target, route, resource_type, due_at, sealed)
      ON CONFLICT (key) DO UPDATE SET entry = excluded.entry, at = excluded.at,
        tenant = excluded.tenant, target = excluded.target, route = excluded.route,
        resource_type = excluded.resource_type, state = 'watching', round = 0,
        due_at = excluded.due_at, drifted_at = NULL, paths = '', version = checks.version + 1,
        sealed = excluded.sealed
      WHERE excluded.at >= checks.at`,
  },
  claim: {
    text: `WITH picked AS MATERIALIZED (SELECT key, due_at FROM checks
        WHERE state IN ('watching', 'drifted') AND due_at <= $1::bigint
        ORDER BY due_at, key LIMIT $3 FOR UPDATE SKIP LOCKED),
      claimed AS (UPDATE checks SET due_at = $1::bigint + $2::bigint, version = version + 1
        FROM picked WHERE checks.key = picked.key RETURNING checks.*, picked.due_at AS was)
      SELECT ${checkColumns} FROM claimed ORDER BY was, key`,
  },
  change: {
    text: `WITH former AS MATERIALIZED (SELECT key, state FROM checks
        WHERE key = $1 AND version = $2::bigint FOR UPDATE)
      UPDATE checks SET state = $3, round = $4, due_at = $5::bigint, drifted_at = $6::bigint,
        paths = $7, version = version + 1
      FROM former WHERE checks.key = former.key RETURNING former.state`,
  },
  prune: {
    text: `DELETE FROM checks WHERE key IN (SELECT key FROM checks
      WHERE state IN ('ended', 'dismissed') AND due_at < $1::bigint
      LIMIT ${bounds.checksPruned} FOR UPDATE SKIP LOCKED)`,
  },
  read: { text: `SELECT ${checkColumns} FROM checks WHERE key = $1` },
  list: { text: `SELECT ${checkColumns} FROM checks ORDER BY at DESC, key LIMIT $1` },
  listOf: {
    text: `SELECT ${checkColumns} FROM checks WHERE state = $2 ORDER BY at DESC, key LIMIT $1`,
  },
  counts: {
    text: `SELECT count(*) FILTER (WHERE state = 'watching') AS watching,
        count(*) FILTER (WHERE state = 'drifted') AS drifted
      FROM checks WHERE state IN ('watching', 'drifted')`,
  },
  next: { text: "SELECT min(due_at) AS at FROM checks WHERE state IN ('watching', 'drifted')" },
} satisfies Record<string, Statement>;

/** Those that are kept already, and as many new ones as there is room for. */
const fitting = async (
  run: Run,
  checks: readonly NewCheck[],
  rowsMax: number,
): Promise<readonly NewCheck[]> => {
  const { rows } = await run<{ key: Buffer }>(sql.known, [checks.map(({ key }) => key)]);
  const known = new Set(rows.map(({ key }) => key.toString('hex')));
  if (checks.every((check) => known.has(checkName(check)))) return checks;
  let room = rowsMax - ((await run<{ count: number }>(sql.count)).first?.count ?? 0);
  return checks.filter((check) => {
    if (known.has(checkName(check))) return true;
    room -= 1;
    return room >= 0;
  });
};

const put = async (run: Run, checks: readonly NewCheck[], rowsMax: number): Promise<number> => {
  const fit = await fitting(run, checks, rowsMax);
  if (fit.length === 0) return 0;
  // In order of keys, as everybody who locks several.
  const sorted = fit.toSorted((a, b) => a.key.compare(b.key));
  const column = <Key extends keyof NewCheck>(key: Key) => sorted.map((check) => check[key]);
  await run(sql.put, [
    column('key'),
    column('entry'),
    column('at'),
    column('tenant'),
    column('target'),
    column('route'),
    column('resourceType'),
    column('dueAt'),
    column('sealed'),
  ]);
  return fit.length;
};

/** Checks of all gateways. */
export const makeCheckStore = (sessions: Sessions, schema: string): CheckStore => {
  const { run } = sessions;
  const told = { schema, topic: 'checks', lock: null } as const;
  const lock = lockOf(schema, 'checks');
  return {
    put: async (given, { rowsMax }) => {
      const some = given.slice(0, bounds.checksPut);
      const checks = newestChecks(some);
      if (checks.length === 0) return { dropped: 0 };
      const beyond = given.length - some.length;
      return changeFirst(sessions, { ...told, lock }, async (inside) => {
        const kept = await put(inside, checks, rowsMax);
        return { result: { dropped: beyond + checks.length - kept }, news: kept > 0 };
      });
    },
    claim: async (now, { leaseMs, limit }) =>
      (await run<CheckRow>(sql.claim, [now, leaseMs, atMost(limit, bounds.checksClaimed)])).rows,
    read: async (key) => (await run<CheckRow>(sql.read, [key])).first ?? null,
    // The next look at one that is watched is no news; a state that changed is.
    change: (key, version, { state, round, dueAt, driftedAt, paths }) =>
      changeFirst(sessions, told, async (inside) => {
        const values = [key, version, state, round, dueAt, driftedAt, paths];
        const former = (await inside<{ state: CheckState }>(sql.change, values)).first;
        const news = former !== undefined && former.state !== state;
        return { result: former !== undefined, news };
      }),
    list: async ({ state, limit }) => {
      const most = atMost(limit, bounds.checksListed);
      const asked = state === undefined ? run(sql.list, [most]) : run(sql.listOf, [most, state]);
      return (await asked).rows as readonly CheckRow[];
    },
    counts: async () =>
      (await run<{ watching: number; drifted: number }>(sql.counts)).first ?? {
        watching: 0,
        drifted: 0,
      },
    nextDueAt: async () => (await run<{ at: number | null }>(sql.next)).first?.at ?? null,
    prune: async (before) => {
      const removed = (await run(sql.prune, [before])).count;
      return { removed, more: removed === bounds.checksPruned };
    },
  };
};
