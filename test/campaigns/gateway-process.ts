/**
 * The gateway as people run it: its own process (`main.ts serve`), its own folder with keys and a
 * route file, a client's key issued on the command line. A campaign may kill it, and start it again
 * on the same folder. Only processes started here are ever ended.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sqliteStore, type TestStore } from '../support/test-store.ts';

/** A folder with all that a gateway needs. */
export type Home = Readonly<{
  directory: string;
  configPath: string;
  storePath: string;
  env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}>;

/** A gateway's process. */
export type GatewayProcess = Readonly<{
  pid: number;
  /** Base URL of the data listener. */
  data: string;
  /** Base URL of the admin listener. */
  admin: string;
  /** Ends it by `signal`; resolves when it is gone. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
}>;

const mainFile = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const startMs = 30_000;
const linesKept = 20;
const targetToken = 'campaign-target-token';

/** What a campaign adds to the client `load` and beside it. */
export type CampaignClients = Readonly<{
  /** Settings of `load` in flow style, comma first. */
  load?: string;
  /** Lines of `clients:`, two spaces first. */
  others?: string;
  /** Settings of `admin:` in flow style, comma first. */
  admin?: string;
}>;

/** The parts of a route file that every campaign shares; `rest` adds targets and routes. */
export const campaignConfig = (rest: string, more: CampaignClients = {}): string => `
version: 1
environment: test
server: { listen: 127.0.0.1:0, maxBody: 64KiB }
admin: { listen: 127.0.0.1:0${more.admin ?? ''} }
store:
  url: sqlite:data/sallyport.db
  encryptionKeys: ["\${file:data/store.key}"]
  checkpoints: { key: "\${file:data/checkpoint.key}", every: 1m, to: ["file:data/checkpoints"] }
clients:
  load: { owner: iam@example.com, purpose: a campaign, expires: 2099-12-31, auth: [{ apiKey: {} }]${more.load ?? ''} }
${more.others ?? ''}
${rest}`;

/** A target and its route of the same name, on which the client `load` may do all with users. */
export const targetAndRoute = (
  name: string,
  baseUrl: string,
  more = '',
  route: RouteMore = {},
): string => `
targets:
${targetPart(name, baseUrl, more)}
routes:
${routePart(name, route)}`;

/** One entry of `targets:`; `more` adds settings in flow style, comma first. */
export const targetPart = (name: string, baseUrl: string, more = ''): string =>
  `  ${name}: { baseUrl: "${baseUrl}", auth: [{ bearer: "\${env:TARGET_TOKEN}" }], allowPrivate: [127.0.0.0/8]${more} }`;

/** What a route has beside what every campaign needs. */
export type RouteMore = Readonly<{
  /** Default: each gateway for itself. */
  turns?: 'gateway' | 'shared';
  /** Clients with the same grant as `load`. */
  clients?: readonly string[];
}>;

/** One entry of `routes:`. */
export const routePart = (name: string, more: RouteMore = {}): string => `  ${name}:
    path: /scim/${name}
    scim: ${name}
    before: capture
    turns: ${more.turns ?? 'gateway'}
    grants:
${['load', ...(more.clients ?? [])]
  .map(
    (client) =>
      `      - { client: ${client}, users: { actions: [read, search, create, update, rename, recovery, activate, deactivate, delete] } }`,
  )
  .join('\n')}`;

type Keys = Readonly<{ store: string; checkpoint: string }>;

const makeKeys = (): Keys => ({
  store: `${randomBytes(32).toString('base64')}\n`,
  checkpoint: generateKeyPairSync('ed25519')
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString(),
});

const layHome = async (config: string, store: TestStore, keys: Keys): Promise<Home> => {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-campaign-'));
  await mkdir(join(directory, 'data'));
  const configPath = join(directory, 'gateway.yaml');
  await writeFile(join(directory, 'data/store.key'), keys.store);
  await writeFile(join(directory, 'data/checkpoint.key'), keys.checkpoint);
  await writeFile(configPath, store.rewrite(config));
  return {
    directory,
    configPath,
    storePath: join(directory, 'data/sallyport.db'),
    env: { TARGET_TOKEN: targetToken, ...store.env },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
};

/** Makes the folder. On PostgreSQL `store` is the caller's, to be dropped by it. */
export const makeHome = (config: string, store: TestStore = sqliteStore): Promise<Home> =>
  layHome(config, store, makeKeys());

/** Folders of several gateways with the same keys on one store. */
export const makeHomes = (
  count: number,
  config: string,
  store: TestStore,
): Promise<readonly Home[]> => {
  const keys = makeKeys();
  return Promise.all(Array.from({ length: count }, () => layHome(config, store, keys)));
};

const environment = (home: Home): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], ...home.env });

/** Runs one command of the program to its end. */
export const runCommand = async (
  home: Home,
  args: readonly string[],
): Promise<Readonly<{ code: number | null; output: string }>> => {
  const child = spawn(process.execPath, [mainFile, ...args, '--config', home.configPath], {
    env: environment(home),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  await once(child, 'close');
  return { code: child.exitCode, output };
};

/** A key that the command line issues on the store itself; on SQLite no gateway may run. */
export const issueKeyOf = async (
  home: Home,
  kind: 'keys' | 'people',
  holder: string,
): Promise<string> => {
  const { code, output } = await runCommand(home, [kind, 'issue', holder, '--json']);
  if (code !== 0) throw new Error(`no key was issued: ${output}`);
  return (JSON.parse(output) as { token: string }).token;
};

/** The key of client `load`. */
export const issueLoadKey = (home: Home): Promise<string> => issueKeyOf(home, 'keys', 'load');

type Listening = Readonly<{ event?: string; data: string; admin: string }>;

/** Reads the log until it says where the gateway listens, and drains it from then on. */
const listening = (child: ChildProcess): Promise<Listening> =>
  new Promise((resolve, reject) => {
    const last: string[] = [];
    const fail = (why: string): void => {
      reject(new Error(`the gateway did not start (${why}):\n${last.join('\n')}`));
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail('too slow');
    }, startMs);
    const keep = (line: string): void => {
      last.push(line);
      if (last.length > linesKept) last.shift();
    };
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', keep);
    const log = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    log.on('line', (line) => {
      keep(line);
      if (!line.includes('"gateway.listening"')) return;
      clearTimeout(timer);
      resolve(JSON.parse(line) as Listening);
    });
    child.once('exit', () => {
      clearTimeout(timer);
      fail('it ended');
    });
  });

/** Starts the gateway, `wrapper` before it (a tracer that runs it as its own process, say). */
export const startGatewayProcess = async (
  home: Home,
  wrapper: readonly string[] = [],
): Promise<GatewayProcess> => {
  const command = [
    ...wrapper,
    process.execPath,
    mainFile,
    'serve',
    '--strict',
    '--config',
    home.configPath,
  ];
  const child = spawn(command[0] as string, command.slice(1), {
    env: environment(home),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { data, admin } = await listening(child);
  return {
    pid: child.pid as number,
    data: `http://${data}`,
    admin: `http://${admin}`,
    end: async (signal) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await once(child, 'exit');
    },
  };
};
