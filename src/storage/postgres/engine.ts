/** PostgreSQL as an engine: opened, migrated and looked at. */
import { GatewayError } from '../../errors.ts';
import { pendingMigrations, readMigrations } from '../migrations.ts';
import type { Engine, Stores, StoreStatus } from '../stores.ts';
import { makeAppends, type Claimed } from './append.ts';
import { makeConnections, withClient, type PostgresAt, type Run } from './connection.ts';
import { checkDurability, durabilityWarnings, serverVersion } from './durability.ts';
import { makeFeed } from './feed.ts';
import { makeLookUps } from './look-up.ts';
import { migrate, readApplied } from './migrate.ts';
import { channelOf } from './news.ts';
import { makeRetention } from './retention.ts';
import {
  makeEchoStore,
  makeFreezeStore,
  makeKeyStore,
  makeLastGoodStore,
  makeLossStore,
} from './small-stores.ts';
import { makeTurnStore, type TurnKeys } from './turns.ts';
import { makeWriterStore } from './writers.ts';

const minuteMs = 60_000;
/** Migrations may rewrite tables, and wait for the one who does. */
const patient = { lockMs: 5 * minuteMs, statementMs: 10 * minuteMs, queryMs: 11 * minuteMs };
const brief = { lockMs: 3_000, statementMs: 4_000, queryMs: 5_000 };
const reading = { lockMs: 5_000, statementMs: 10_000, queryMs: 12_000 };

const bytesSql = `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relkind = 'r'`;

/** Says that the store cannot be opened, with whatever detail there is already. */
const cannot = (what: string, error: unknown): GatewayError => {
  const cause = error instanceof GatewayError ? (error.cause ?? error) : error;
  if (error instanceof GatewayError && error.cause === undefined) return error;
  const message = cause instanceof Error ? cause.message : 'unknown';
  return new GatewayError('ledger_unavailable', {
    cause,
    detail: `The store cannot be ${what}: ${message}.`,
  });
};

const prepare = (at: PostgresAt) =>
  withClient(at, patient, async (run: Run) => {
    const { commit } = await checkDurability(run);
    const applied = await migrate(run, at.schema, readMigrations('postgres'));
    return { commit, applied };
  });

const storesOn = async (at: PostgresAt, commit: string): Promise<Stores> => {
  const connections = makeConnections(at);
  const { schema } = at;
  // What a commit waits for stays as it was found safe, whatever the server is told later.
  const durable = `-c synchronous_commit=${commit}`;
  // Planning the append anew would cost more than running it.
  const planned = '-c plan_cache_mode=force_generic_plan';
  // Apart, so that nothing long keeps an append or a lease waiting.
  const ledger = connections.pool({ size: 3, waits: brief, settings: [durable, planned] });
  const general = connections.pool({ size: 4, waits: reading, settings: [durable] });
  const lines = connections.pool({
    size: 2,
    waits: brief,
    settings: ['-c synchronous_commit=off', planned],
  });
  const channel = channelOf(schema);
  const claimed: Claimed = { current: null };
  const turnKeys: TurnKeys = new Map();
  const news = makeFeed(connections, channel, turnKeys);
  try {
    await news.start();
  } catch (error) {
    news.stop();
    await connections.close();
    throw error;
  }
  return Object.freeze({
    ledger: {
      ...makeAppends(ledger, claimed),
      ...makeLookUps(general, claimed),
      ...makeRetention(general, schema),
    },
    losses: makeLossStore(general, schema),
    keys: makeKeyStore(general, schema),
    lastGood: makeLastGoodStore(general),
    freezes: makeFreezeStore(general, schema),
    echoes: makeEchoStore(general),
    shared: {
      writers: makeWriterStore(ledger, claimed, channel),
      turns: makeTurnStore(lines, claimed, channel, turnKeys),
    },
    feed: news.feed,
    warnings: () => durabilityWarnings(general.run),
    close: async () => {
      news.stop();
      await connections.close();
    },
  } satisfies Stores);
};

const statusOf = (at: PostgresAt): Promise<StoreStatus | null> =>
  withClient(at, reading, async (run) => {
    const applied = await readApplied(run, at.schema);
    if (applied === null) return null;
    const pending = pendingMigrations(applied, readMigrations('postgres'));
    const [size] = (await run<{ bytes: number }>({ text: bytesSql }, [at.schema])).rows;
    return {
      engine: 'postgres',
      version: await serverVersion(run),
      applied: applied.map(({ name }) => name),
      pending: pending.map(({ name }) => name),
      bytes: size?.bytes ?? 0,
      warnings: await durabilityWarnings(run),
    };
  });

export const postgresEngine: Engine<PostgresAt> = Object.freeze({
  open: async (at: PostgresAt) => {
    try {
      const { commit } = await prepare(at);
      return await storesOn(at, commit);
    } catch (error) {
      throw cannot('opened', error);
    }
  },
  migrate: async (at: PostgresAt) => {
    try {
      return (await prepare(at)).applied;
    } catch (error) {
      throw cannot('migrated', error);
    }
  },
  status: async (at: PostgresAt) => {
    try {
      return await statusOf(at);
    } catch (error) {
      throw cannot('read', error);
    }
  },
} satisfies Engine<PostgresAt>);
