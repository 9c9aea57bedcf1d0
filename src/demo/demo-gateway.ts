/**
 * The gateway of the demo: a folder with a route file that a person can read, real keys, a real
 * SQLite store, and the same gateway and telemetry that `serve` runs. Its log goes to a file there.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { localPerson, perform } from '../admin/operation.ts';
import { adminOperations } from '../admin/operations.ts';
import { systemClock } from '../clock.ts';
import { filesOnDisk, keptFiles } from '../config/files-on-disk.ts';
import { loadConfig, noKeys } from '../config/load.ts';
import { isRefusal } from '../errors.ts';
import { startGateway, type Gateway } from '../gateway.ts';
import { systemRandom } from '../ids.ts';
import { makeLog } from '../telemetry/log.ts';
import { makeObserver } from '../telemetry/make-observer.ts';
import type { RequestSettled } from '../telemetry/observe.ts';
import { startTelemetry } from '../telemetry/start-telemetry.ts';
import { demoClients, demoPerson, demoRouteFile, type DemoClient } from './route-file.ts';

/** What the demo is given of the process. */
export type DemoContext = Readonly<{
  env: Readonly<Record<string, string | undefined>>;
  /** Version of this program. */
  version: string;
  /** Writes to standard output; resolves when it was taken. */
  write(text: string): Promise<void>;
  /** One line to standard error. */
  error(line: string): void;
  onSignal(signal: 'SIGTERM' | 'SIGINT', run: () => void): void;
}>;

/** A running gateway of the demo. */
export type DemoGateway = Readonly<{
  folder: string;
  configPath: string;
  dataUrl: string;
  adminUrl: string;
  keys: Readonly<Record<DemoClient | 'stranger', string>>;
  /** Token of the person who reads the ledger. */
  personToken: string;
  publicKeyPem: string;
  observed(traceId: string): RequestSettled | undefined;
  /** Drains, and takes the folder away. */
  stop(): Promise<void>;
}>;

/** Requests remembered for the table. */
const observedMax = 1_000;
const drainMs = 2_000;

const freePorts = async (count: number): Promise<readonly number[]> => {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(
    servers.map((server) => new Promise((resolve) => server.close(() => resolve(null)))),
  );
  return ports;
};

const writeKeys = async (folder: string): Promise<string> => {
  const secret = { mode: 0o600 };
  await mkdir(join(folder, 'data'));
  const storeKey = `${randomBytes(32).toString('base64')}\n`;
  await writeFile(join(folder, 'data/store.key'), storeKey, secret);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(join(folder, 'data/checkpoint.key'), pem, secret);
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  await writeFile(join(folder, 'checkpoint.pub'), publicPem);
  return publicPem;
};

const issue = async (gateway: Gateway, operation: string, holder: string): Promise<string> => {
  const entry = adminOperations.find(({ name }) => name === operation);
  if (entry === undefined) throw new TypeError(`no admin operation ${operation}`);
  const answer = await perform(entry, gateway.context, localPerson, { holder });
  if (isRefusal(answer)) throw new Error(answer.detail);
  if (!('json' in answer)) throw new TypeError(`${operation} answers no token`);
  return (answer.json as Readonly<{ token: string }>).token;
};

const issueAll = async (gateway: Gateway): Promise<Record<DemoClient | 'stranger', string>> => {
  const keys = { stranger: `spk_demo_${'0'.repeat(43)}` } as Record<
    DemoClient | 'stranger',
    string
  >;
  for (const client of demoClients) keys[client] = await issue(gateway, 'keys.issue', client);
  return keys;
};

const observation = (folder: string) => {
  const lines = createWriteStream(join(folder, 'gateway.log'));
  const log = makeLog({ level: 'info', destination: lines });
  const real = makeObserver({ log, clock: systemClock });
  const seen = new Map<string, RequestSettled>();
  return {
    log,
    real,
    observer: {
      ...real,
      requestSettled: (record: RequestSettled) => {
        if (seen.size < observedMax) seen.set(record.traceId, record);
        real.requestSettled(record);
      },
    },
    seen,
    close: async () => {
      lines.end();
      await finished(lines);
    },
  };
};

/** Starts it in a new folder below the system's place for temporary files. */
export const startDemoGateway = async (
  context: DemoContext,
  target: Readonly<{ url: string; token: string }>,
): Promise<DemoGateway> => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-demo-'));
  const configPath = join(folder, 'gateway.yaml');
  const publicKeyPem = await writeKeys(folder);
  const [data = 0, admin = 0] = await freePorts(2);
  const places = { data: `127.0.0.1:${data}`, admin: `127.0.0.1:${admin}` };
  await writeFile(configPath, demoRouteFile({ sandboxUrl: target.url, ...places }));
  const watched = observation(folder);
  const env = { ...context.env, DEMO_TARGET_TOKEN: target.token };
  const input = () => ({ path: configPath, env, resolve: true, now: systemClock.now() });
  const gateway = await startGateway({
    clock: systemClock,
    random: systemRandom,
    observer: watched.observer,
    metrics: () => watched.real.prometheus(),
    keyFetcher: noKeys,
    load: () => loadConfig({ ...filesOnDisk, ...input() }),
    loadKept: (sources) => loadConfig({ ...keptFiles(sources, filesOnDisk), ...input() }),
    strict: true,
    watch: true,
  });
  const telemetry = await startTelemetry({
    env: context.env,
    version: context.version,
    instanceId: places.data,
    log: watched.log,
  });
  watched.real.attach(telemetry);
  const stop = async (): Promise<void> => {
    await gateway.stop(drainMs);
    await telemetry.shutdown(drainMs);
    await watched.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return {
      folder,
      configPath,
      dataUrl: `http://${places.data}`,
      adminUrl: `http://${places.admin}`,
      keys: await issueAll(gateway),
      personToken: await issue(gateway, 'people.issue', demoPerson),
      publicKeyPem,
      observed: (traceId) => watched.seen.get(traceId),
      stop,
    };
  } catch (error) {
    // A gateway that nobody holds would keep the process alive for ever.
    await stop();
    throw error;
  }
};
