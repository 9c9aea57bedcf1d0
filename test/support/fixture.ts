/**
 * A whole gateway on free ports over a real store (test-store.ts says which) and a real SCIM server
 * (SCIMMY), with keys.
 * Every answer is checked for the fixture's secrets: a leak fails whatever test saw it.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { issueKey } from '../../src/callers/keys.ts';
import { systemClock, type Clock } from '../../src/clock.ts';
import { filesOnDisk, keptFiles } from '../../src/config/files-on-disk.ts';
import { loadConfig } from '../../src/config/load.ts';
import { startSandbox, type Sandbox } from '../../src/demo/sandbox.ts';
import { isRefusal } from '../../src/errors.ts';
import { startGateway, type Gateway, type GatewayDeps } from '../../src/gateway.ts';
import { systemRandom } from '../../src/ids.ts';
import { silentObserver, type Observer, type RequestSettled } from '../../src/telemetry/observe.ts';
import { storeForTests, type TestStore } from './test-store.ts';

/** The target's credential; it must never be seen on the client's side. */
export const targetToken = 'target-secret-token-Zq81';

export type Answered = Readonly<{
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  text: string;
  /** Parsed body, or null where it is none. */
  body: Record<string, unknown>;
}>;

export type Ask = Readonly<{
  key?: string | null;
  body?: unknown;
  raw?: string | Buffer;
  headers?: Record<string, string>;
}>;

export type Fixture = Readonly<{
  directory: string;
  configPath: string;
  gateway: Gateway;
  sandbox: Sandbox;
  /** Keys by client name. */
  keys: Readonly<Record<string, string>>;
  /** What was observed, oldest first. */
  observed: readonly RequestSettled[];
  ask(method: string, path: string, ask?: Ask): Promise<Answered>;
  /** Stops the gateway and starts it again on the same folder, on another clock. */
  restart(clock: Clock): Promise<void>;
  /** Rewrites the route file; the caller reloads. */
  rewrite(change: (text: string) => string): Promise<void>;
  stop(): Promise<void>;
}>;

export type FixtureOptions = Readonly<{
  /** The whole route file; gets the sandbox's URL. Default: `mainConfig`. */
  config?: (sandboxUrl: string) => string;
  clients?: readonly string[];
  clock?: Clock;
  observer?: Partial<Observer>;
  deps?: Partial<GatewayDeps>;
  /** Further environment; its values are secrets like the fixture's own. */
  env?: Readonly<Record<string, string>>;
  /** Default: a fresh one of the engine that this run is about. A store that is given is not dropped. */
  store?: TestStore;
}>;

/** A route file with one full client, one narrow one and one that only reads. */
export const mainConfig = (sandboxUrl: string): string => `
version: 1
environment: test
server: { listen: 127.0.0.1:0, maxBody: 64KiB }
admin:
  listen: 127.0.0.1:0
  people: [{ name: alice@example.com, roles: [viewer, operator, approver], until: 2099-12-31 }]
store:
  url: sqlite:data/sallyport.db
  encryptionKeys: ["\${file:data/store.key}"]
  checkpoints: { key: "\${file:data/checkpoint.key}", every: 1m, to: [log, "file:data/checkpoints"] }
reload: careful
clients:
  full: { owner: iam@example.com, purpose: everything a provisioner does, expires: 2099-12-31, auth: [{ apiKey: {} }] }
  narrow: { owner: iam@example.com, purpose: joiners only, expires: 2099-12-31, auth: [{ apiKey: {} }] }
  reader: { owner: iam@example.com, purpose: reports, expires: 2099-12-31, auth: [{ apiKey: {} }] }
  stranger: { owner: iam@example.com, purpose: nothing granted here, expires: 2099-12-31, auth: [{ apiKey: {} }] }
targets:
  sandbox:
    baseUrl: ${sandboxUrl}
    auth: [{ bearer: "\${env:SANDBOX_TOKEN}" }]
    allowPrivate: [127.0.0.0/8]
    timeout: 5s
profiles:
  workforce:
    users:
      "*": [trim, nfc]
      userName: [lowercase]
      "emails[].value": [email]
      active: [boolean]
permissions:
  provision:
    users:
      actions: [read, search, create, update, rename, recovery, activate, deactivate, delete]
    groups: { actions: [read, search, create, update, delete, add-member, remove-member, replace-members], except: ["*-admins"] }
  join:
    users:
      actions: [read, create, update]
      write: { only: [name, displayName, title] }
      read: { except: [phoneNumbers] }
      when: after.userName.endsWith("@example.com")
    groups: { actions: [read, add-member], only: ["app-*"] }
routes:
  sandbox:
    path: /scim/sandbox
    scim: sandbox
    normalise: workforce
    before: capture
    grants:
      - { client: full, use: provision }
      - { client: narrow, use: join, limits: { writes: { rate: 60/m, burst: 30 } } }
      - { client: reader, users: { actions: [read, search] } }
`;

const writeKeys = async (directory: string): Promise<void> => {
  await writeFile(join(directory, 'data/store.key'), `${randomBytes(32).toString('base64')}\n`);
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(join(directory, 'data/checkpoint.key'), pem);
};

const issueKeys = async (
  gateway: Gateway,
  clients: readonly string[],
): Promise<Record<string, string>> => {
  const keys: Record<string, string> = {};
  const { snapshot, keys: deps } = gateway.context;
  for (const holder of clients) {
    const issued = await issueKey(deps, {
      kind: 'client',
      holder,
      environment: snapshot().environment,
      issuedBy: 'test',
      holderExpiresAt: snapshot().clients[holder]?.expiresAt ?? 0,
    });
    if (isRefusal(issued)) throw new Error(issued.detail);
    keys[holder] = issued.token;
  }
  return keys;
};

/** Starts sandbox and gateway. Stop it in an `after` hook. */
export const startFixture = async (options: FixtureOptions = {}): Promise<Fixture> => {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-test-'));
  await import('node:fs/promises').then(({ mkdir }) => mkdir(join(directory, 'data')));
  await writeKeys(directory);
  const store = options.store ?? (await storeForTests());
  const sandbox = await startSandbox({ port: 0, token: targetToken });
  const configPath = join(directory, 'gateway.yaml');
  let text = store.rewrite((options.config ?? mainConfig)(sandbox.url));
  await writeFile(configPath, text);
  const env = { SANDBOX_TOKEN: targetToken, ...options.env, ...store.env };
  const observed: RequestSettled[] = [];
  const keyFetcher = options.deps?.keyFetcher ?? { fetch: () => Promise.resolve(null) };
  const input = { path: configPath, env, resolve: true, keyFetcher };
  let clock = options.clock ?? systemClock;
  const begin = () =>
    startGateway({
      clock,
      random: systemRandom,
      observer: {
        ...silentObserver,
        ...options.observer,
        requestSettled: (record) => {
          observed.push(record);
          options.observer?.requestSettled?.(record);
        },
      },
      metrics: async () => '',
      keyFetcher,
      load: () => loadConfig({ ...filesOnDisk, ...input, now: clock.now() }),
      loadKept: (sources) =>
        loadConfig({ ...keptFiles(sources, filesOnDisk), ...input, now: clock.now() }),
      strict: false,
      watch: false,
      ...options.deps,
    });
  let gateway = await begin().catch(async (error: unknown) => {
    // An open sandbox would keep the test's process alive and hide why it failed.
    await sandbox.stop();
    if (options.store === undefined) await store.drop();
    throw error;
  });
  const keys = await issueKeys(
    gateway,
    options.clients ?? ['full', 'narrow', 'reader', 'stranger'],
  );
  const secrets = [targetToken, ...Object.values(options.env ?? {})];
  const ask = async (method: string, path: string, given: Ask = {}): Promise<Answered> => {
    const key = given.key === undefined ? keys['full'] : given.key;
    const body = given.raw ?? (given.body === undefined ? null : JSON.stringify(given.body));
    const response = await request(`http://127.0.0.1:${gateway.data.port}${path}`, {
      method: method as 'GET',
      headers: {
        ...(key === null || key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === null ? {} : { 'content-type': 'application/scim+json' }),
        ...given.headers,
      },
      body,
    });
    const answer = await response.body.text();
    for (const secret of [...secrets, ...Object.values(keys)]) {
      assert.ok(!answer.includes(secret), 'an answer holds a secret');
      assert.ok(!JSON.stringify(response.headers).includes(secret), 'a header holds a secret');
    }
    return {
      status: response.statusCode,
      headers: response.headers,
      text: answer,
      body: (answer.startsWith('{') ? JSON.parse(answer) : null) as Answered['body'],
    };
  };
  return {
    directory,
    configPath,
    get gateway() {
      return gateway;
    },
    sandbox,
    keys,
    observed,
    ask,
    restart: async (next) => {
      await gateway.stop(2_000);
      clock = next;
      gateway = await begin();
    },
    rewrite: async (change) => {
      text = change(text);
      await writeFile(configPath, text);
    },
    stop: async () => {
      await gateway.stop(2_000);
      await sandbox.stop();
      if (options.store === undefined) await store.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
