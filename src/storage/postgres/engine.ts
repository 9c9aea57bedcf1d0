/** PostgreSQL as an engine: opened, migrated and looked at. */
import { GatewayError } from '../../errors.ts';
import { readMigrations } from '../migrations.ts';
import type { Engine, Stores, StoreStatus } from '../stores.ts';
import { makeAppends, type Claimed } from './append.ts';
import {
  codeOf,
  makeConnections,
  unavailable,
  withClient,
  type PostgresAt,
  type Run,
  type Sessions,
} from './connection.ts';
import { makeCheckStore } from './checks.ts';
import { makeCopiedWrites } from './copied-rows.ts';
import { checkDurability, durabilityWarnings, serverVersion } from './durability.ts';
import { makeEventStore } from './events.ts';
import { makeFeed } from './feed.ts';
import { makeHoldStore } from './holds.ts';
import { makeLines } from './lines.ts';
import { makeLookUps } from './look-up.ts';
import { migrate, readApplied } from './migrate.ts';
import { channelOf, makeTellDue } from './news.ts';
import { makeOutboxStore } from './outbox.ts';
import { makeMarkStore, makeOverrideStore, makePopulationStore } from './protection.ts';
import { makeRetention } from './retention.ts';
import {
  makeEchoStore,
  makeFreezeStore,
  makeKeyStore,
  makeLastGoodStore,
  makeLossStore,
} from './small-stores.ts';
import { makeTurnStore, type TurnKeys } from './turns.ts';
import { makeUseStore } from './uses.ts';
import { makeWindowStore } from './window-reads.ts';
import { makeWriterStore } from './writers.ts';

const minuteMs = 60_000;
/** Migrations may rewrite tables, and wait for the one who does. */
const patient = { lockMs: 5 * minuteMs, statementMs: 10 * minuteMs, queryMs: 11 * minuteMs };
const brief = { lockMs: 3_000, statementMs: 4_000, queryMs: 5_000 };
const reading = { lockMs: 5_000, statementMs: 10_000, queryMs: 12_000 };

const bytesSql = `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relkind = 'r'`;

const notReached = 'Does the server run, and is it at the host and port of store.url?';
const notKnown = 'Set store.user and store.password to a login that this server knows.';

/** What to do, by SQLSTATE or the system's code. */
const advice: Readonly<Record<string, string>> = {
  ECONNREFUSED: notReached,
  ENOTFOUND: notReached,
  EAI_AGAIN: notReached,
  EHOSTUNREACH: notReached,
  ETIMEDOUT: notReached,
  ENOENT: notReached,
  '28000': notKnown,
  '28P01': notKnown,
  '3D000': 'Create it, or name another database in store.url.',
  '42501': 'Let the user of the store own its database, or its schema.',
  '53300': 'Raise max_connections of the server, or run fewer gateways.',
};

/** Says what cannot be done; a detail that says what to do instead stands as it is. */
const cannot = (what: string, error: unknown): GatewayError => {
  const known = unavailable(error);
  if (known.cause === undefined) return known;
  const message = known.cause instanceof Error ? known.cause.message : 'unknown';
  // The driver's own complaint about a missing password has no code.
  const todo = message.startsWith('SASL') ? notKnown : advice[codeOf(known.cause)];
  const detail = `The store cannot be ${what}: ${message}.${todo === undefined ? '' : ` ${todo}`}`;
  return new GatewayError('ledger_unavailable', { cause: known.cause, detail });
};

const prepare = (at: PostgresAt) =>
  withClient(at, patient, async (run: Run) => {
    const { commit } = await checkDurability(run);
    const applied = await migrate(run, at.schema, readMigrations('postgres'));
    return { commit, applied };
  });

const safetyStores = (sessions: Sessions, schema: string) => ({
  holds: makeHoldStore(sessions, schema),
  protectionMarks: makeMarkStore(sessions, schema),
  overrides: makeOverrideStore(sessions, schema),
  populations: makePopulationStore(sessions),
  windows: makeWindowStore(sessions),
  checks: makeCheckStore(sessions, schema),
  uses: makeUseStore(sessions, schema),
});

const storesOn = async (at: PostgresAt, commit: string): Promise<Stores> => {
  const connections = makeConnections(at);
  const { schema } = at;
  // What a commit waits for stays as it was found safe, whatever the server is told later.
  const durable = `-c synchronous_commit=${commit}`;
  // Planning the append anew would cost more than running it; a plan that is kept must not come from
  // the time when a table was empty.
  const planned = [
    '-c plan_cache_mode=force_generic_plan',
    '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off',
  ];
  // Apart, so that nothing long keeps an append or a lease waiting.
  const ledger = connections.pool({ size: 3, waits: brief, settings: [durable, ...planned] });
  const general = connections.pool({ size: 4, waits: reading, settings: [durable] });
  const lines = connections.pool({
    size: 2,
    waits: brief,
    settings: ['-c synchronous_commit=off', ...planned],
  });
  // Receipts and claims wait for none of the others, nor the others for them.
  const hot = connections.pool({ size: 3, waits: brief, settings: [durable, ...planned] });
  const channel = channelOf(schema);
  const deliveries = {
    hot,
    general,
    schema,
    lines: makeLines(schema),
    told: makeTellDue(lines, channel),
  };
  const claimed: Claimed = { current: null };
  const turnKeys: TurnKeys = new Map();
  const news = makeFeed(connections, { schema, turns: turnKeys });
  try {
    await news.start();
  } catch (error) {
    news.stop();
    await connections.close();
    throw error;
  }
  return Object.freeze({
    ledger: {
      ...makeAppends(ledger, claimed, schema),
      ...makeLookUps(general, claimed),
      ...makeRetention(general, schema),
    },
    losses: makeLossStore(general, schema),
    ...safetyStores(general, schema),
    keys: makeKeyStore(general, schema),
    lastGood: makeLastGoodStore(general),
    freezes: makeFreezeStore(general, schema),
    echoes: makeEchoStore(general),
    events: makeEventStore(deliveries),
    outbox: makeOutboxStore({ ...deliveries, holder: () => claimed.current?.writer ?? null }),
    copying: makeCopiedWrites(general),
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
    const names = applied.map(({ name }) => name);
    const pending = readMigrations('postgres').filter(({ name }) => !names.includes(name));
    const [size] = (await run<{ bytes: number }>({ text: bytesSql }, [at.schema])).rows;
    return {
      engine: 'postgres',
      version: await serverVersion(run),
      applied: names,
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
