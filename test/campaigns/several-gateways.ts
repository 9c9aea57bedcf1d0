/**
 * The ground that campaigns with several gateways stand on: a PostgreSQL and a Redis of their own,
 * a proxy before the former, folders with the same keys on one store, and the gateways' processes.
 */
import { spawnSync } from 'node:child_process';
import { startCuttingProxy, type CuttingProxy } from '../support/cutting-proxy.ts';
import {
  makePostgresServer,
  whyNoPostgresServer,
  type PostgresServer,
} from '../support/postgres-server.ts';
import { startRedis, type OwnRedis } from '../support/redis.ts';
import { storeOn } from '../support/test-store.ts';
import { allowedEntries, compareWithTruth, missingOf, withStore, type Truth } from './audit.ts';
import {
  issueLoadKey,
  makeHomes,
  runCommand,
  startGatewayProcess,
  type GatewayProcess,
  type Home,
} from './gateway-process.ts';
import { makeLoadClient, type LoadClient } from './load-client.ts';
import type { UsersTarget } from './users-target.ts';

/** One gateway of several: its process now, and a client of it. */
export type Seat = {
  readonly home: Home;
  gateway: GatewayProcess;
  client: LoadClient;
};

export type Several = Readonly<{
  postgres: PostgresServer;
  redis: OwnRedis;
  proxy: CuttingProxy;
  homes: readonly Home[];
  seats: readonly Seat[];
  /** Key of client `load`. */
  token: string;
  /** Starts the process of a seat anew, after it ended. */
  restart(seat: Seat): Promise<void>;
  /** Ends all gateways cleanly. */
  stopGateways(): Promise<void>;
  /** Ends everything and removes it. */
  remove(): Promise<void>;
}>;

export type SeveralOptions = Readonly<{
  gateways: number;
  /** Route file with a SQLite store, which is replaced. */
  config: string;
  lease: string;
  /** What the route file asks of the environment beside what every campaign has. */
  env?: Readonly<Record<string, string>>;
  /** Slow the disk down later. */
  slow?: boolean;
  /** Connections of each gateway's client; 0 = start no gateways, only lay their homes. */
  connections: number;
}>;

/** Thrown where a machine lacks a server: the claim was not tried then, neither held nor broken. */
export class NotTried extends Error {}

/** Why there can be no such ground on this machine, or null; with CI=true that is a failure. */
export const serversMissing = (): string | null => {
  const redis = ['redis-server', 'valkey-server'].some(
    (name) => spawnSync(name, ['--version']).status === 0,
  );
  const missing = redis ? whyNoPostgresServer() : 'no Redis or Valkey server is installed';
  if (missing !== null && process.env['CI'] === 'true') throw new Error(missing);
  return missing;
};

type Closer = () => Promise<unknown> | void;

const isMissing = (made: object): made is Readonly<{ missing: string }> => 'missing' in made;

const openServers = async (options: SeveralOptions, closers: Closer[]) => {
  const redis = await startRedis();
  if (isMissing(redis)) throw new NotTried(redis.missing);
  closers.push(() => redis.stop());
  const postgres = await makePostgresServer({ slow: options.slow ?? false });
  if (isMissing(postgres)) throw new NotTried(postgres.missing);
  closers.push(() => postgres.remove());
  const proxy = await startCuttingProxy(postgres);
  closers.push(() => proxy.stop());
  return { redis, postgres, proxy };
};

const closeAll = async (closers: readonly Closer[]): Promise<void> => {
  for (const close of closers.toReversed()) await close();
};

/** Plays over a target and several gateways before it, and takes all of it away again. */
export const withSeveral = async <Result>(
  starting: Promise<UsersTarget>,
  options: (targetUrl: string) => SeveralOptions,
  play: (several: Several, target: UsersTarget) => Promise<Result>,
): Promise<Result> => {
  const target = await starting;
  try {
    const several = await openSeveral(options(target.url));
    try {
      return await play(several, target);
    } finally {
      await several.remove();
    }
  } finally {
    await target.stop();
  }
};

/** Opens all of it. Rejects with NotTried where this machine has no such servers. */
const openSeveral = async (options: SeveralOptions): Promise<Several> => {
  const closers: Closer[] = [];
  try {
    const { redis, postgres, proxy } = await openServers(options, closers);
    const sharedLimits = `redis://127.0.0.1:${redis.port}`;
    const place = {
      host: '127.0.0.1',
      port: proxy.port,
      user: postgres.user,
      database: 'postgres',
    };
    const store = storeOn(place, { lease: options.lease, sharedLimits });
    const env = { ...store.env, ...options.env };
    const homes = await makeHomes(options.gateways, options.config, { ...store, env });
    closers.push(() => Promise.all(homes.map((home) => home.remove())));
    const token = await issueLoadKey(homes[0] as Home);
    const sit = async (home: Home): Promise<Seat> => {
      const gateway = await startGatewayProcess(home);
      const { connections } = options;
      return { home, gateway, client: makeLoadClient({ base: gateway.data, token, connections }) };
    };
    const seats: Seat[] = [];
    closers.push(() =>
      Promise.all(
        seats.map(async ({ gateway, client }) => {
          await gateway.end('SIGKILL');
          await client.close();
        }),
      ),
    );
    if (options.connections > 0) for (const home of homes) seats.push(await sit(home));
    return {
      postgres,
      redis,
      proxy,
      homes,
      seats,
      token,
      restart: async (seat) => {
        await seat.client.close();
        Object.assign(seat, await sit(seat.home));
      },
      stopGateways: async () => {
        await Promise.all(seats.map(({ gateway }) => gateway.end('SIGTERM')));
      },
      remove: () => closeAll(closers),
    };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
};

/** What the store says in the end, against what the target saw. */
export type Audit = Readonly<{
  truth: Truth;
  entries: Awaited<ReturnType<typeof allowedEntries>>;
  /** Lines on what is missing, wrong or broken; empty = the claim held. */
  problems: readonly string[];
  /** What `ledger verify` said of all chains. */
  verified: string;
}>;

/** Audits a store on which no gateway runs any more; `acknowledged` are ids that clients were given. */
export const auditStore = async (
  home: Home,
  target: UsersTarget,
  acknowledged: Iterable<string>,
): Promise<Audit> => {
  const seen = target.arrivals().map(({ ledgerId }) => ledgerId ?? 'no ledger id');
  const { entries, missing } = await withStore(home, async (foundation) => ({
    entries: await allowedEntries(foundation),
    missing: await missingOf(foundation, new Set([...seen, ...acknowledged])),
  }));
  const truth = compareWithTruth(entries, target.arrivals());
  const verified = await runCommand(home, ['ledger', 'verify']);
  return {
    truth,
    entries,
    problems: [
      ...missing.map((id) => `${id} is not in the ledger`),
      ...truth.wrong,
      ...(truth.withoutOutcome === 0 ? [] : [`${truth.withoutOutcome} entries have no outcome`]),
      ...(verified.code === 0 ? [] : [`ledger verify failed: ${verified.output}`]),
    ],
    verified: verified.output.trim(),
  };
};

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
