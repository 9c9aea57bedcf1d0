/**
 * A gateway as people run it, `sallyport serve` in its own process: route file, keys and store in a
 * fresh folder, spans and metrics to a collector, logs to a pipe that is read and dropped.
 */
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { issueKey } from '../../src/callers/keys.ts';
import { systemClock } from '../../src/clock.ts';
import { load } from '../../src/commands/route-file.ts';
import { printProblem } from '../../src/config/problem.ts';
import { isRefusal } from '../../src/errors.ts';
import { openFoundation } from '../../src/foundation.ts';
import { systemRandom } from '../../src/ids.ts';
import { silentObserver } from '../../src/telemetry/observe.ts';
import { sqliteStore, type TestStore } from '../support/test-store.ts';
import { routeFile, webhookKey, type RouteFileOptions } from './route-file.ts';

/** The entry of the program; where a build is to be measured, its `dist/main.js`. */
const entry =
  process.env['BENCH_ENTRY'] ?? fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const env = {
  ...process.env,
  TARGET_TOKEN: 'bench-target-token',
  WEBHOOK_SECRET: `whsec_${webhookKey}`,
  NO_COLOR: '1',
};
/** A gateway that is not ready by then has failed. */
const readyMsMax = 30_000;

export type GatewaySide = Readonly<{
  pid: number;
  port: number;
  /** Spawn to first 200 of /readyz, ms. */
  readyMs: number;
  /** Token of client `c0`. */
  token: string;
  stop(): Promise<void>;
}>;

/** A folder with everything a gateway needs but the gateway. */
export type Ground = Readonly<{
  directory: string;
  configPath: string;
  dataPort: number;
  adminPort: number;
  token: string;
  remove(): Promise<void>;
}>;

export const defaultRoutes = {
  routes: 1,
  clients: 1,
  grants: 1,
  capture: false,
  condition: true,
  safety: false,
  webhooks: null,
};

/** Two ports that were free a moment ago; held together, so that they differ. */
const freePorts = async (): Promise<readonly [number, number]> => {
  const servers = [createServer(), createServer()];
  const ports = await Promise.all(
    servers.map(async (server) => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    }),
  );
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports as [number, number];
};

const issueKeys = async (configPath: string, clients: number): Promise<string> => {
  const { snapshot, problems } = await load(configPath, env, true);
  if (snapshot === null) throw new Error(problems.map(printProblem).join('\n'));
  const deps = { clock: systemClock, random: systemRandom, observer: silentObserver };
  const foundation = await openFoundation(deps, snapshot);
  let first = '';
  try {
    for (let index = clients - 1; index >= 0; index -= 1) {
      const issued = await issueKey(
        { ...deps, store: foundation.stores.keys },
        {
          kind: 'client',
          holder: `c${index}`,
          environment: snapshot.environment,
          issuedBy: 'bench',
          holderExpiresAt: Number.POSITIVE_INFINITY,
        },
      );
      if (isRefusal(issued)) throw new Error(issued.detail);
      first = issued.token;
    }
  } finally {
    await foundation.close();
  }
  return first;
};

const keyFiles = ['data/store.key', 'data/checkpoint.key'] as const;

const writeKeys = async (directory: string): Promise<void> => {
  const storeKey = randomBytes(32).toString('base64');
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(join(directory, keyFiles[0]), `${storeKey}\n`, { mode: 0o600 });
  await writeFile(join(directory, keyFiles[1]), pem, { mode: 0o600 });
};

/** Where the store lies, and the ground of another gateway whose store and keys this one shares. */
export type StoreGround = Readonly<{ store?: TestStore; beside?: Ground | undefined }>;

/** Writes the folder and issues a key to every client. */
export const layGround = async (
  targetUrl: string,
  options: Partial<Omit<RouteFileOptions, 'targetUrl' | 'dataPort' | 'adminPort'>> = {},
  { store = sqliteStore, beside }: StoreGround = {},
): Promise<Ground> => {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  await mkdir(join(directory, 'data'));
  if (beside === undefined) await writeKeys(directory);
  else {
    for (const file of keyFiles) await cp(join(beside.directory, file), join(directory, file));
  }
  const [dataPort, adminPort] = await freePorts();
  const wanted = { ...defaultRoutes, ...options };
  const configPath = join(directory, 'gateway.yaml');
  const text = routeFile({ ...wanted, targetUrl, dataPort, adminPort });
  await writeFile(configPath, store.rewrite(text));
  const token = beside?.token ?? (await issueKeys(configPath, wanted.clients));
  const remove = () => rm(directory, { recursive: true, force: true });
  return { directory, configPath, dataPort, adminPort, token, remove };
};

const untilReady = async (adminPort: number, ended: () => boolean): Promise<void> => {
  const until = performance.now() + readyMsMax;
  while (performance.now() < until && !ended()) {
    const status = await request(`http://127.0.0.1:${adminPort}/readyz`).then(
      async ({ statusCode, body }) => {
        await body.dump();
        return statusCode;
      },
      () => 0,
    );
    if (status === 200) return;
    await after(5);
  }
  throw new Error('the gateway did not become ready');
};

/** Starts a gateway on its ground; `stop` leaves the ground as it is. */
export const startOn = async (ground: Ground, collectorPort: number): Promise<GatewaySide> => {
  const began = performance.now();
  const child = spawn(process.execPath, [entry, 'serve', '--config', ground.configPath], {
    env: {
      ...env,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collectorPort}`,
      OTEL_SERVICE_NAME: 'sallyport',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let lastWords = '';
  child.stdout.resume();
  child.stderr.on('data', (chunk: Buffer) => {
    lastWords = (lastWords + chunk.toString()).slice(-2_000);
  });
  let ended = false;
  const end = once(child, 'exit').then(() => (ended = true));
  try {
    await untilReady(ground.adminPort, () => ended);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(lastWords, { cause: error });
  }
  return {
    pid: child.pid as number,
    port: ground.dataPort,
    readyMs: performance.now() - began,
    token: ground.token,
    stop: async () => {
      child.kill('SIGTERM');
      await end;
    },
  };
};

/** Runs a command of the program to its end; resolves with its wall time in ms. */
export const timeCommand = async (args: readonly string[]): Promise<number> => {
  const began = performance.now();
  const child = spawn(process.execPath, [entry, ...args], { env, stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  return performance.now() - began;
};
