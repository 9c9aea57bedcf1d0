/**
 * HoldStore on PostgreSQL. Calls of one client that are to be held follow each other under a lock of that
 * client, so that a place is counted before it is taken; every other change is one compare-and-set. A
 * call that joins what waits already, the most frequent one, takes no lock and is no news.
 */
import type { HoldQuery, HoldRow, HoldStore, NewHold, Put } from '../../holds/hold-store.ts';
import { atMost, bounds } from '../bounds.ts';
import { callsMax, holdColumns, openStates } from '../safety-rows.ts';
import type { Run, Sessions, Statement } from './connection.ts';
import { lockOf } from './migrate.ts';
import { changeFirst, type Changed } from './news.ts';

const putSql = {
  join: {
    text: `UPDATE holds SET calls = least(calls, ${callsMax - 1}) + 1
      WHERE join_key = $1 AND mutation = $2 AND state IN ${openStates} AND expires_at > $3::bigint
      RETURNING ${holdColumns}`,
  },
  // Its time is over, only no sweep came yet.
  over: {
    text: `UPDATE holds SET state = 'expired', version = version + 1, changed_at = $2::bigint
      WHERE join_key = $1 AND state IN ${openStates} AND expires_at <= $2::bigint`,
  },
  replace: {
    text: `UPDATE holds SET state = 'replaced', version = version + 1, changed_at = $3::bigint
      WHERE join_key = $1 AND mutation <> $2 AND state IN ${openStates} RETURNING id`,
  },
  // What was decided counts until something else was let out for the same subject and actions.
  decided: {
    text: `SELECT ${holdColumns} FROM holds h WHERE join_key = $1 AND mutation = $2
      AND state IN ('released', 'rejected') AND changed_at >= $3::bigint
      AND NOT EXISTS (SELECT 1 FROM holds o WHERE o.join_key = $1 AND o.state = 'released'
        AND o.mutation <> $2 AND o.changed_at > h.changed_at)
      ORDER BY changed_at DESC, id DESC LIMIT 1`,
  },
  count: {
    text: `SELECT count(*) AS count FROM holds WHERE client = $1 AND state IN ${openStates}`,
  },
  add: {
    text: `INSERT INTO holds (id, state, version, at, changed_at, expires_at, tenant, target, route,
        client, actions, resource_type, rule, batch, join_key, mutation, calls, by_count, entry,
        sealed)
      VALUES ($1, 'pending', 1, $2::bigint, $3::bigint, $4::bigint, $5, $6, $7, $8, $9, $10, $11,
        $12, $13::bytea, $14::bytea, 1, $15, NULL, $16::bytea)
      RETURNING ${holdColumns}`,
  },
} satisfies Record<string, Statement>;

const add = async (run: Run, hold: NewHold, now: number): Promise<HoldRow> => {
  const { id, at, expiresAt, tenant, target, route, client, actions } = hold;
  const { resourceType, rule, batch, join, mutation, by, sealed } = hold;
  const values = [id, at, now, expiresAt, tenant, target, route, client, actions];
  const rest = [resourceType, rule, batch, join, mutation, by, sealed];
  return (await run<HoldRow>(putSql.add, [...values, ...rest])).first as HoldRow;
};

type Options = Parameters<HoldStore['put']>[1];

const joinOpen = async (
  run: Run,
  { join, mutation }: NewHold,
  now: number,
): Promise<Put | null> => {
  const { first } = await run<HoldRow>(putSql.join, [join, mutation, now]);
  return first === undefined ? null : { kind: 'joined', row: first };
};

/** Under the client's lock: only a release or a person's act can come between these statements. */
const putAlone = async (
  run: Run,
  hold: NewHold,
  { pendingMax, rememberMs, now }: Options,
): Promise<Changed<Put>> => {
  const { join, mutation, client } = hold;
  const joined = await joinOpen(run, hold, now);
  if (joined !== null) return { result: joined, news: false };
  const ended = (await run(putSql.over, [join, now])).count > 0;
  const former = (await run<Pick<HoldRow, 'id'>>(putSql.replace, [join, mutation, now])).first;
  if (former !== undefined) {
    const row = await add(run, hold, now);
    return { result: { kind: 'replaced', row, former: former.id }, news: true };
  }
  const decided = await run<HoldRow>(putSql.decided, [join, mutation, now - rememberMs]);
  if (decided.first !== undefined)
    return { result: { kind: 'joined', row: decided.first }, news: ended };
  const counted = (await run<{ count: number }>(putSql.count, [client])).first;
  if ((counted?.count ?? 0) >= pendingMax) return { result: { kind: 'full' }, news: ended };
  return { result: { kind: 'held', row: await add(run, hold, now) }, news: true };
};

const sql = {
  change: {
    text: `UPDATE holds SET state = $3, version = version + 1, changed_at = $4::bigint,
        sealed = coalesce($5::bytea, sealed), expires_at = coalesce($6::bigint, expires_at),
        mutation = coalesce($7::bytea, mutation)
      WHERE id = $1 AND version = $2::bigint AND state IN ${openStates} RETURNING ${holdColumns}`,
  },
  // One that is being released or decided over right now is left to the next look.
  expire: {
    text: `UPDATE holds SET state = 'expired', version = version + 1, changed_at = $1::bigint
      WHERE id IN (SELECT id FROM holds WHERE state IN ${openStates} AND expires_at <= $1::bigint
        ORDER BY expires_at, id LIMIT ${bounds.holdsExpired} FOR UPDATE SKIP LOCKED)
      RETURNING ${holdColumns}`,
  },
  prune: {
    text: `DELETE FROM holds WHERE id IN (SELECT id FROM holds
      WHERE state NOT IN ${openStates} AND changed_at < $1::bigint
      LIMIT ${bounds.holdsPruned} FOR UPDATE SKIP LOCKED)`,
  },
  read: { text: `SELECT ${holdColumns} FROM holds WHERE id = $1` },
  // A rejection falls with the next release of something else, as what was decided does (put).
  binding: {
    text: `SELECT rule FROM holds h WHERE join_key = $1 AND (
        (state IN ${openStates} AND expires_at > $3::bigint)
        OR (state = 'rejected' AND mutation = $2 AND changed_at >= $4::bigint
          AND NOT EXISTS (SELECT 1 FROM holds o WHERE o.join_key = $1 AND o.state = 'released'
            AND o.changed_at > h.changed_at)))
      ORDER BY changed_at DESC, id DESC LIMIT 1`,
  },
  bound: {
    text: `SELECT DISTINCT client FROM holds
      WHERE state IN ${openStates} OR (state = 'rejected' AND changed_at >= $1::bigint)
      LIMIT ${bounds.holdClients + 1}`,
  },
  counts: {
    text: `SELECT client, count(*) AS pending, min(at) AS "oldestAt" FROM holds
      WHERE state IN ${openStates} GROUP BY client
      ORDER BY pending DESC, client LIMIT ${bounds.holdClients}`,
  },
} satisfies Record<string, Statement>;

const filters = [
  ['states', (at: string) => `state = ANY (${at}::text[])`],
  ['client', (at: string) => `client = ${at}`],
  ['batch', (at: string) => `batch = ${at}`],
  ['before', (at: string) => `id < ${at}`],
  ['approvedBefore', (at: string) => `state = 'approved' AND changed_at < ${at}::bigint`],
] as const satisfies readonly (readonly [keyof HoldQuery, (at: string) => string])[];

const list = async (run: Run, query: HoldQuery): Promise<readonly HoldRow[]> => {
  const values: unknown[] = [atMost(query.limit, bounds.holdsListed)];
  const wheres: string[] = [];
  for (const [name, filter] of filters) {
    const value = query[name];
    if (value === undefined) continue;
    values.push(value);
    wheres.push(filter(`$${values.length}`));
  }
  const where = wheres.length === 0 ? '' : `WHERE ${wheres.join(' AND ')}`;
  const order = query.approvedBefore === undefined ? 'id DESC' : 'changed_at, id';
  const text = `SELECT ${holdColumns} FROM holds ${where} ORDER BY ${order} LIMIT $1`;
  return (await run<HoldRow>({ text }, values)).rows;
};

type Waiting = Awaited<ReturnType<HoldStore['counts']>>[number];

/** Holds of all gateways. */
export const makeHoldStore = (sessions: Sessions, schema: string): HoldStore => {
  const { run } = sessions;
  const told = { schema, topic: 'holds', lock: null } as const;
  return {
    put: async (hold, options) => {
      const joined = await joinOpen(run, hold, options.now);
      if (joined !== null) return joined;
      const lock = lockOf(schema, `holds of ${hold.client}`);
      return changeFirst(sessions, { ...told, lock }, (inside) => putAlone(inside, hold, options));
    },
    read: async (id) => (await run<HoldRow>(sql.read, [id])).first ?? null,
    list: (query) => list(run, query),
    change: (id, version, { state, now, sealed, expiresAt, mutation }) =>
      changeFirst(sessions, told, async (inside) => {
        const rest = [sealed ?? null, expiresAt ?? null, mutation ?? null];
        const { first } = await inside<HoldRow>(sql.change, [id, version, state, now, ...rest]);
        return { result: first ?? null, news: first !== undefined };
      }),
    expire: (now) =>
      changeFirst(sessions, told, async (inside) => {
        const { rows } = await inside<HoldRow>(sql.expire, [now]);
        return { result: rows, news: rows.length > 0 };
      }),
    binding: async ({ join, mutation }, { rememberMs, now }) => {
      const values = [join, mutation, now, now - rememberMs];
      return (await run<Pick<HoldRow, 'rule'>>(sql.binding, values)).first?.rule ?? null;
    },
    bound: async (since) =>
      (await run<Pick<HoldRow, 'client'>>(sql.bound, [since])).rows.map(({ client }) => client),
    counts: async () => (await run<Waiting>(sql.counts)).rows,
    prune: async (before) => {
      const removed = (await run(sql.prune, [before])).count;
      return { removed, more: removed === bounds.holdsPruned };
    },
  };
};
