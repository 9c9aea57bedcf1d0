/**
 * A PostgreSQL cluster of a test's own, to be stopped, killed, put to sleep and slowed down: made in a
 * temporary folder, on a free loopback port that it keeps over restarts, small and durable. Where the
 * programs are not installed it says so; with CI=true that is a failure. Only processes started here
 * are ever signalled.
 */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client } from 'pg';

/** Settings beside those every cluster here gets, as postgresql.conf names them. */
export type PostgresSettings = Readonly<Record<string, string>>;

export type PostgresServer = Readonly<{
  host: '127.0.0.1';
  port: number;
  user: string;
  database: string;
  /** Pid of the postmaster; rejects nothing, but is -1 where none runs. */
  pid(): number;
  /** Starts it and waits until it answers; `settings` replace those given before. */
  start(settings?: PostgresSettings): Promise<void>;
  /** Ends it in PostgreSQL's own ways: `fast` cleanly, `immediate` as if it had crashed. */
  stop(how: 'fast' | 'immediate'): Promise<void>;
  /** SIGKILL for the postmaster and all its children. */
  kill(): Promise<void>;
  /** SIGSTOP for all its processes: connections stay, and nothing is answered. */
  pause(): void;
  resume(): void;
  /** Every fsync takes this much longer, ms; null = as fast as the disk is. Null itself where it cannot be done here. */
  slow: ((ms: number | null) => Promise<void>) | null;
  /** Runs one statement as the superuser. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** Ends it and removes the folder. */
  remove(): Promise<void>;
}>;

const run = promisify(execFile);
const readyMs = 30_000;
const lookEveryMs = 20;
const superuser = 'sallyport';
const always: PostgresSettings = {
  fsync: 'on',
  shared_buffers: '16MB',
  max_connections: '60',
  max_wal_size: '64MB',
  listen_addresses: '127.0.0.1',
  logging_collector: 'off',
};

/** Folder of the server's programs, or null: the path first, then where distributions hide them. */
const findPrograms = (): string | null => {
  const root = '/usr/lib/postgresql';
  const hidden = existsSync(root)
    ? readdirSync(root)
        .toSorted((a, b) => Number(b) - Number(a))
        .map((version) => join(root, version, 'bin'))
    : [];
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...hidden];
  return (
    folders.find((one) => ['initdb', 'postgres'].every((it) => existsSync(join(one, it)))) ?? null
  );
};

type Owner = Readonly<{ uid?: number; gid?: number }>;

/** Root may not run the server: then the first of these accounts owns it. Null = none of them exists. */
const ownerOf = (): Owner | null => {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = ['-u', '-g'].map((what) =>
        Number(execFileSync('id', [what, name], { stdio: ['ignore', 'pipe', 'ignore'] })),
      );
      return { uid: uid as number, gid: gid as number };
    } catch {
      // The next account, then.
    }
  }
  return null;
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
};

/** The library that slows syncs down, built on the spot; null where no compiler is at hand. */
const buildSlowSync = async (directory: string): Promise<string | null> => {
  const library = join(directory, 'slow-sync.so');
  const source = fileURLToPath(new URL('slow-sync.c', import.meta.url));
  try {
    await run('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
    return library;
  } catch {
    return null;
  }
};

const childrenOf = (pid: number): readonly number[] => {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
};

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already.
  }
};

type Cluster = Readonly<{
  programs: string;
  directory: string;
  data: string;
  port: number;
  owner: Owner;
  library: string | null;
  flag: string;
}>;

const queryOn = async (
  { port }: Cluster,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Record<string, unknown>[]> => {
  const client = new Client({
    host: '127.0.0.1',
    port,
    user: superuser,
    database: 'postgres',
    connectionTimeoutMillis: 2_000,
    query_timeout: 30_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text, [...values])).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
};

const spawnServer = (cluster: Cluster, settings: PostgresSettings): ChildProcess => {
  const { programs, directory, data, port, owner, library, flag } = cluster;
  const wanted = { ...always, ...settings, port: String(port), unix_socket_directories: directory };
  const args = Object.entries(wanted).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return spawn(join(programs, 'postgres'), ['-D', data, ...args], {
    ...owner,
    cwd: directory,
    env: {
      PATH: process.env['PATH'],
      LC_ALL: 'C',
      ...(library === null ? {} : { LD_PRELOAD: library, SLOW_SYNC_FLAG: flag }),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
};

/** Starts until it answers: after a kill its memory may be held for a moment by children that die. */
const startServer = async (cluster: Cluster, settings: PostgresSettings): Promise<ChildProcess> => {
  const until = performance.now() + readyMs;
  for (;;) {
    const child = spawnServer(cluster, settings);
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-2_000);
    });
    while (child.exitCode === null && child.signalCode === null) {
      const answers = await queryOn(cluster, 'SELECT 1').then(
        () => true,
        () => false,
      );
      if (answers) return child;
      if (performance.now() > until) {
        child.kill('SIGQUIT');
        throw new Error(`the PostgreSQL server did not answer:\n${said}`);
      }
      await after(lookEveryMs);
    }
    if (!said.includes('shared memory') || performance.now() > until) {
      throw new Error(`the PostgreSQL server ended:\n${said}`);
    }
    await after(lookEveryMs);
  }
};

const ended = async (child: ChildProcess | null): Promise<void> => {
  if (child !== null && child.exitCode === null && child.signalCode === null) {
    await once(child, 'exit');
  }
};

const serverOf = (cluster: Cluster): PostgresServer => {
  let child: ChildProcess | null = null;
  let settings: PostgresSettings = {};
  const pid = (): number => child?.pid ?? -1;
  const all = (): readonly number[] => (child === null ? [] : [pid(), ...childrenOf(pid())]);
  const end = async (name: NodeJS.Signals, pids: readonly number[]): Promise<void> => {
    for (const one of pids) signal(one, name);
    await ended(child);
    child = null;
  };
  const stop: PostgresServer['stop'] = (how) =>
    end(how === 'fast' ? 'SIGINT' : 'SIGQUIT', child === null ? [] : [pid()]);
  return {
    host: '127.0.0.1',
    port: cluster.port,
    user: superuser,
    database: 'postgres',
    pid,
    start: async (given) => {
      settings = given ?? settings;
      child = await startServer(cluster, settings);
    },
    stop,
    kill: () => end('SIGKILL', all()),
    pause: () => {
      for (const one of all()) signal(one, 'SIGSTOP');
    },
    resume: () => {
      for (const one of all()) signal(one, 'SIGCONT');
    },
    slow:
      cluster.library === null
        ? null
        : (ms) =>
            ms === null ? rm(cluster.flag, { force: true }) : writeFile(cluster.flag, String(ms)),
    query: (text, values) => queryOn(cluster, text, values),
    remove: async () => {
      for (const one of all()) signal(one, 'SIGCONT');
      await stop('immediate');
      await rm(cluster.directory, { recursive: true, force: true });
    },
  };
};

/** Why no cluster can be made here, or null. */
export const whyNoPostgresServer = (
  programs: string | null = findPrograms(),
  owner: Owner | null = ownerOf(),
): string | null => {
  if (process.platform !== 'linux') return 'a PostgreSQL server of our own is run on Linux only';
  if (programs === null) return 'no PostgreSQL server is installed (initdb and postgres)';
  return owner === null ? 'root may not run PostgreSQL, and there is no account that could' : null;
};

/** Makes a cluster and starts it. `slow`: its disk can be slowed down, where a compiler is at hand. */
export const makePostgresServer = async (
  options: Readonly<{ slow?: boolean; settings?: PostgresSettings }> = {},
): Promise<PostgresServer | Readonly<{ missing: string }>> => {
  const programs = findPrograms();
  const owner = ownerOf();
  const missing = whyNoPostgresServer(programs, owner);
  if (missing !== null || programs === null || owner === null) {
    if (process.env['CI'] === 'true') throw new Error(missing ?? '');
    return { missing: missing ?? '' };
  }
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-postgres-'));
  try {
    const data = join(directory, 'data');
    const library = options.slow === true ? await buildSlowSync(directory) : null;
    await chmod(directory, 0o755);
    if (owner.uid !== undefined) await chown(directory, owner.uid, owner.gid as number);
    // No sync while it is made: nothing is in it yet.
    await run(
      join(programs, 'initdb'),
      ['-D', data, '-U', superuser, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
      { ...owner, cwd: directory },
    );
    const flag = join(directory, 'slow');
    const port = await freePort();
    const server = serverOf({ programs, directory, data, port, owner, library, flag });
    await server.start(options.settings ?? {});
    return server;
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
};
