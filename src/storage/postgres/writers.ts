/**
 * Writers and their leases. The server's clock alone decides when a lease has ended. Whoever takes a
 * chain, closes it or hands it back raises its epoch under the lock of its row, so an append that was
 * under way either is part of what the next one finds, or moves nothing.
 */
import { GatewayError } from '../../errors.ts';
import type { Head } from '../../ledger/store.ts';
import type {
  AboutGateway,
  ChainHead,
  JointNote,
  LiveGateway,
  WriterStore,
} from '../../ledger/writer-store.ts';
import type { Claimed } from './append.ts';
import type { Run, Sessions, Statement } from './connection.ts';
import { leaveTurns, leaveTurnsOfOthers } from './turns.ts';

const now = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint';
/** While the server was down nobody could renew: leases last at least their length from its start. */
const leaseEnd = `greatest(lease_until,
  (extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint + lease_ms)`;

const headColumns = `writer, next, digest, newest_at AS "newestAt", epoch, ${now} AS "storeNow"`;

const sql = {
  reclaim: {
    text: `UPDATE writers SET state = 'live', epoch = epoch + 1, claim = epoch + 1, name = $1,
        version = $2, started_at = ${now}, lease_until = ${now} + $3, lease_ms = $3
      WHERE writer = (SELECT writer FROM writers WHERE state = 'released'
        ORDER BY writer LIMIT 1 FOR UPDATE SKIP LOCKED)
      RETURNING ${headColumns}`,
  },
  claim: {
    text: `INSERT INTO writers (writer, name, version, state, epoch, claim, started_at, lease_until,
        lease_ms, next, first, digest, anchor, newest_at)
      VALUES ($4, $1, $2, 'live', 1, 1, ${now}, ${now} + $3::bigint, $3, $5, $5, $6, $6, $7)
      ON CONFLICT DO NOTHING RETURNING ${headColumns}`,
  },
  // A copy that was cut off goes on with its own chain, and with no other.
  resume: {
    text: `UPDATE writers SET state = 'live', epoch = epoch + 1, claim = epoch + 1, name = $1,
        version = $2, started_at = ${now}, lease_until = ${now} + $3, lease_ms = $3
      WHERE writer = $4 AND state <> 'closed' AND ${leaseEnd} < ${now}
      RETURNING ${headColumns}`,
  },
  renew: {
    name: 'renew',
    text: `UPDATE writers SET name = $3, version = $4, lease_until = ${now} + $5, lease_ms = $5
      WHERE writer = $1 AND claim = $2 AND state = 'live' RETURNING 1`,
  },
  live: {
    name: 'live',
    text: `SELECT writer, name, version, started_at AS "startedAt", lease_until AS "leaseUntil",
        ${now} AS "storeNow" FROM writers
      WHERE state = 'live' AND ${leaseEnd} >= ${now} ORDER BY writer LIMIT 1000`,
  },
  now: { text: `SELECT ${now} AS "storeNow"` },
  // Its own lease must run: whoever slept longer than that finds out first whether it was closed.
  taker: {
    name: 'taker',
    text: `SELECT 1 FROM writers WHERE writer = $1 AND claim = $2 AND state = 'live'
      AND ${leaseEnd} >= ${now} FOR UPDATE`,
  },
  // A row that is locked belongs to somebody who is at work.
  close: {
    name: 'close-dead',
    text: `UPDATE writers SET state = 'closed', epoch = epoch + 1 WHERE writer IN (
        SELECT writer FROM writers WHERE state = 'live' AND writer <> $1 AND ${leaseEnd} < ${now}
        ORDER BY writer FOR UPDATE SKIP LOCKED)
      RETURNING writer`,
  },
  // A statement after the one that closed: it sees what the dead writer committed last.
  // It may have answered for others, whose entries come along.
  inherit: {
    text: `WITH moved AS (UPDATE open_entries SET owner = $1 WHERE owner = ANY ($2::text[])
        RETURNING writer) SELECT DISTINCT writer FROM moved`,
  },
  // Deliveries that they had in hand are due since they came: nobody waits for the ends of those leases.
  letGo: {
    text: `WITH held AS (UPDATE deliveries SET lease_until = NULL, due_at = at
        WHERE state = 1 AND lease_until IS NOT NULL AND holder = ANY ($2::text[]) RETURNING 1)
      SELECT pg_notify($1, 'deliveries')`,
  },
  fence: {
    text: `UPDATE writers SET epoch = epoch + 1
      WHERE writer = $1 AND claim = $2 AND state = 'live' RETURNING 1`,
  },
  release: {
    text: `UPDATE writers SET lease_until = ${now} - 1, lease_ms = 0,
        state = CASE WHEN EXISTS (SELECT FROM open_entries WHERE owner = $1)
          THEN 'live' ELSE 'released' END
      WHERE writer = $1`,
  },
  heads: {
    text: `SELECT writer, next - 1 AS size, digest, state = 'closed' AS closed FROM writers
      WHERE writer > $1 AND next > 1 ORDER BY writer LIMIT 1000`,
  },
  addJoint: {
    text: `INSERT INTO joints SELECT $1::bigint, $2::bigint, $3
      WHERE $1 = (SELECT coalesce(max(number), 0) + 1 FROM joints) ON CONFLICT DO NOTHING`,
  },
  joints: {
    text: 'SELECT number, at, note FROM joints WHERE number >= $1 ORDER BY number LIMIT 1000',
  },
  newestJoint: { text: 'SELECT number, at, note FROM joints ORDER BY number DESC LIMIT 1' },
} satisfies Record<string, Statement>;

type ClaimRow = Omit<Head, 'reserve' | 'closed'> & { epoch: number; storeNow: number };

const claim = async (
  { run }: Sessions,
  { claimed, channel }: Readonly<{ claimed: Claimed; channel: string }>,
  given: Parameters<WriterStore['claim']>[0],
): ReturnType<WriterStore['claim']> => {
  const { candidate, name, version, leaseMs, start } = given;
  const about = [name, version, leaseMs];
  // Records that lie elsewhere belong in the chain they came from.
  const taken = start === undefined ? sql.reclaim : sql.resume;
  const which = start === undefined ? about : [...about, candidate];
  const again = (await run<ClaimRow>(taken, which)).rows[0];
  const row =
    again ??
    (
      await run<ClaimRow>(sql.claim, [
        ...about,
        candidate,
        start?.first ?? 1,
        start?.previous ?? null,
        start?.at ?? null,
      ])
    ).rows[0];
  if (row === undefined) {
    throw new GatewayError('ledger_unavailable', { detail: 'Another chain has this name.' });
  }
  // Places that the former holder did not leave would stand before everybody for good.
  if (again !== undefined) await leaveTurns(run, channel, { writer: row.writer, except: [] });
  const { epoch, ...head } = row;
  claimed.current = { writer: row.writer, claim: epoch, epoch };
  return { ...head, reserve: true, closed: false };
};

type LiveRow = LiveGateway & Readonly<{ storeNow: number }>;

const readLive = async (run: Run): Promise<readonly LiveRow[]> =>
  (await run<LiveRow>(sql.live)).rows;

const gatewayOf = (row: LiveRow): LiveGateway => {
  const { writer, name, version, startedAt, leaseUntil } = row;
  return { writer, name, version, startedAt, leaseUntil };
};

const renew = async (
  { run }: Sessions,
  claimed: Claimed,
  { writer, leaseMs, name, version }: AboutGateway & Readonly<{ writer: string; leaseMs: number }>,
): ReturnType<WriterStore['renew']> => {
  const mine = claimed.current?.writer === writer ? claimed.current.claim : -1;
  const held = (await run(sql.renew, [writer, mine, name, version, leaseMs])).count === 1;
  const rows = await readLive(run);
  const storeNow =
    rows[0]?.storeNow ?? (await run<{ storeNow: number }>(sql.now)).rows[0]?.storeNow ?? 0;
  return { held, storeNow, gateways: rows.map(gatewayOf) };
};

const takeOver = async (run: Run, writer: string, mine: number): Promise<readonly string[]> => {
  if ((await run(sql.taker, [writer, mine])).count === 0) return [];
  const { rows } = await run<{ writer: string }>(sql.close, [writer]);
  const closed = rows.map((row) => row.writer);
  if (closed.length === 0) return [];
  const moved = await run<{ writer: string }>(sql.inherit, [writer, closed]);
  return [...new Set([...closed, ...moved.rows.map((row) => row.writer)])].toSorted();
};

const release = async (run: Run, writer: string, mine: number): Promise<void> => {
  // Two statements: the second sees what an append that was under way still opened.
  if ((await run(sql.fence, [writer, mine])).count === 1) await run(sql.release, [writer]);
};

/** Leases by this store's claim, which `claimed` holds for the other ports. */
export const makeWriterStore = (
  sessions: Sessions,
  claimed: Claimed,
  channel: string,
): WriterStore => {
  const { run, transaction } = sessions;
  const claimOf = (writer: string): number =>
    claimed.current?.writer === writer ? claimed.current.claim : -1;
  return Object.freeze({
    claim: (given) => claim(sessions, { claimed, channel }, given),
    renew: (renewal) => renew(sessions, claimed, renewal),
    live: async () => (await readLive(run)).map(gatewayOf),
    takeOver: async (writer) => {
      const closed = await transaction((inside) => takeOver(inside, writer, claimOf(writer)));
      // They ended for good: whatever fails here, the leases of single deliveries end by themselves.
      if (closed.length > 0) await run(sql.letGo, [channel, closed]).catch(() => undefined);
      // Each time, not only of those closed now: a place that was entered too late goes, too. What
      // fails here is made up for by the next call; the chains are closed already.
      await leaveTurnsOfOthers(run, channel).catch(() => undefined);
      return closed;
    },
    release: async (writer) => {
      const mine = claimOf(writer);
      await transaction((inside) => release(inside, writer, mine));
      if (claimed.current?.claim === mine) claimed.current = null;
      // Otherwise the next gateway's upkeep does it.
      if (mine >= 0) {
        await leaveTurns(run, channel, { writer, except: [] }).catch(() => undefined);
        await run(sql.letGo, [channel, [writer]]).catch(() => undefined);
      }
    },
    heads: async (after = '') => (await run<ChainHead>(sql.heads, [after])).rows,
    addJoint: async ({ number, at, note }) =>
      (await run(sql.addJoint, [number, at, note])).count === 1,
    joints: async (from) => (await run<JointNote>(sql.joints, [from])).rows,
    newestJoint: async () => (await run<JointNote>(sql.newestJoint)).rows[0] ?? null,
  } satisfies WriterStore);
};
