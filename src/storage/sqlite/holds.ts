/** HoldStore on SQLite: one writer, so that what a transaction sees stays so until it ends. */
import type { Database } from 'better-sqlite3';
import type { HoldQuery, HoldRow, HoldStore, NewHold, Put } from '../../holds/hold-store.ts';
import type { HoldId } from '../../ids.ts';
import { atMost, bounds } from '../bounds.ts';
import { callsMax, holdColumns, openStates } from '../safety-rows.ts';

const putSql = {
  open: `SELECT ${holdColumns} FROM holds WHERE join_key = ? AND state IN ${openStates}`,
  // Its time is over, only no sweep came yet.
  over: `UPDATE holds SET state = 'expired', version = version + 1, changed_at = @now
    WHERE join_key = @join AND state IN ${openStates} AND expires_at <= @now`,
  // What was decided counts until something else was let out for the same subject and actions.
  decided: `SELECT ${holdColumns} FROM holds h WHERE join_key = @join AND mutation = @mutation
    AND state IN ('released', 'rejected') AND changed_at >= @since
    AND NOT EXISTS (SELECT 1 FROM holds o WHERE o.join_key = @join AND o.state = 'released'
      AND o.mutation <> @mutation AND o.changed_at > h.changed_at)
    ORDER BY changed_at DESC, id DESC LIMIT 1`,
  join: `UPDATE holds SET calls = min(calls + 1, ${callsMax}) WHERE id = ?
    RETURNING ${holdColumns}`,
  replace: `UPDATE holds SET state = 'replaced', version = version + 1, changed_at = ?
    WHERE id = ?`,
  count: `SELECT count(*) AS count FROM holds WHERE client = ? AND state IN ${openStates}`,
  add: `INSERT INTO holds (id, state, version, at, changed_at, expires_at, tenant, target, route,
      client, actions, resource_type, rule, batch, join_key, mutation, calls, by_count, entry, sealed)
    VALUES (@id, 'pending', 1, @at, @now, @expiresAt, @tenant, @target, @route, @client, @actions,
      @resourceType, @rule, @batch, @join, @mutation, 1, @by, NULL, @sealed)
    RETURNING ${holdColumns}`,
};

type Decided = Readonly<{ join: Buffer; mutation: Buffer; since: number }>;

const makePut = (database: Database) => {
  const open = database.prepare<[Buffer], HoldRow>(putSql.open);
  const over = database.prepare<[{ join: Buffer; now: number }]>(putSql.over);
  const decided = database.prepare<[Decided], HoldRow>(putSql.decided);
  const join = database.prepare<[HoldId], HoldRow>(putSql.join);
  const replace = database.prepare<[number, HoldId]>(putSql.replace);
  const count = database.prepare<[string], { count: number }>(putSql.count);
  const add = database.prepare<[NewHold & { now: number }], HoldRow>(putSql.add);
  return database.transaction(
    (hold: NewHold, { pendingMax, rememberMs, now }: Parameters<HoldStore['put']>[1]): Put => {
      over.run({ join: hold.join, now });
      const waiting = open.get(hold.join);
      if (waiting?.mutation.equals(hold.mutation) === true)
        return { kind: 'joined', row: join.get(waiting.id) as HoldRow };
      if (waiting !== undefined) {
        replace.run(now, waiting.id);
        const row = add.get({ ...hold, now }) as HoldRow;
        return { kind: 'replaced', row, former: waiting.id };
      }
      const known = decided.get({ ...hold, since: now - rememberMs });
      if (known !== undefined) return { kind: 'joined', row: known };
      if ((count.get(hold.client)?.count ?? 0) >= pendingMax) return { kind: 'full' };
      return { kind: 'held', row: add.get({ ...hold, now }) as HoldRow };
    },
  );
};

const sql = {
  change: `UPDATE holds SET state = @state, version = version + 1, changed_at = @now,
      sealed = coalesce(@sealed, sealed), expires_at = coalesce(@expiresAt, expires_at),
      mutation = coalesce(@mutation, mutation)
    WHERE id = @id AND version = @version AND state IN ${openStates}
    RETURNING ${holdColumns}`,
  expire: `UPDATE holds SET state = 'expired', version = version + 1, changed_at = @now
    WHERE id IN (SELECT id FROM holds WHERE state IN ${openStates} AND expires_at <= @now
      ORDER BY expires_at, id LIMIT ${bounds.holdsExpired})
    RETURNING ${holdColumns}`,
  prune: `DELETE FROM holds WHERE id IN (SELECT id FROM holds
    WHERE state NOT IN ${openStates} AND changed_at < ? LIMIT ${bounds.holdsPruned})`,
  read: `SELECT ${holdColumns} FROM holds WHERE id = ?`,
  // A rejection falls with the next release of something else, as what was decided does (put).
  binding: `SELECT rule FROM holds h WHERE join_key = @join AND (
      (state IN ${openStates} AND expires_at > @now)
      OR (state = 'rejected' AND mutation = @mutation AND changed_at >= @since
        AND NOT EXISTS (SELECT 1 FROM holds o WHERE o.join_key = @join AND o.state = 'released'
          AND o.changed_at > h.changed_at)))
    ORDER BY changed_at DESC, id DESC LIMIT 1`,
  bound: `SELECT DISTINCT client FROM holds
    WHERE state IN ${openStates} OR (state = 'rejected' AND changed_at >= ?)
    LIMIT ${bounds.holdClients + 1}`,
  counts: `SELECT client, count(*) AS pending, min(at) AS "oldestAt" FROM holds
    WHERE state IN ${openStates} GROUP BY client
    ORDER BY pending DESC, client LIMIT ${bounds.holdClients}`,
};

type To = Parameters<HoldStore['change']>[2];

/** Writes of HoldStore. */
export const makeHoldWrites = (database: Database) => {
  const put = makePut(database);
  const change = database.prepare<[object], HoldRow>(sql.change);
  const expire = database.prepare<[{ now: number }], HoldRow>(sql.expire);
  const prune = database.prepare<[number]>(sql.prune);
  const nothing = { sealed: null, expiresAt: null, mutation: null };
  return {
    putHold: (...given: Parameters<HoldStore['put']>): Put => put.immediate(...given),
    changeHold: (id: HoldId, version: number, to: To): HoldRow | null =>
      change.get({ ...nothing, ...to, id, version }) ?? null,
    expireHolds: (now: number): readonly HoldRow[] => expire.all({ now }),
    pruneHolds: (before: number) => {
      const removed = prune.run(before).changes;
      return { removed, more: removed === bounds.holdsPruned };
    },
  };
};

const filters: Readonly<Record<string, string>> = {
  states: 'state IN (SELECT value FROM json_each(@states))',
  client: 'client = @client',
  batch: 'batch = @batch',
  before: 'id < @before',
  approvedBefore: "state = 'approved' AND changed_at < @approvedBefore",
};

/** Reads of HoldStore. */
export const makeHoldReads = (database: Database) => {
  const read = database.prepare<[HoldId], HoldRow>(sql.read);
  const counts = database.prepare<[], Awaited<ReturnType<HoldStore['counts']>>[number]>(sql.counts);
  const binding = database.prepare<[object], { rule: string }>(sql.binding);
  const bound = database.prepare<[number], { client: string }>(sql.bound);
  return {
    bindingHold: (...given: Parameters<HoldStore['binding']>): string | null => {
      const [{ join, mutation }, { rememberMs, now }] = given;
      return binding.get({ join, mutation, now, since: now - rememberMs })?.rule ?? null;
    },
    boundHolders: (since: number): readonly string[] =>
      bound.all(since).map(({ client }) => client),
    readHold: (id: HoldId): HoldRow | null => read.get(id) ?? null,
    listHolds: ({ states, limit, ...rest }: HoldQuery): readonly HoldRow[] => {
      const values: Record<string, unknown> = {
        ...rest,
        ...(states === undefined ? {} : { states: JSON.stringify(states) }),
      };
      const asked = Object.keys(filters).filter((name) => values[name] !== undefined);
      const where = asked.map((name) => filters[name]).join(' AND ');
      const order = rest.approvedBefore === undefined ? 'id DESC' : 'changed_at, id';
      return database
        .prepare<[object], HoldRow>(
          `SELECT ${holdColumns} FROM holds ${where === '' ? '' : `WHERE ${where}`}
            ORDER BY ${order} LIMIT @limit`,
        )
        .all({ ...values, limit: atMost(limit, bounds.holdsListed) });
    },
    countHolds: () => counts.all(),
  };
};
