/**
 * Backup and restore as the README tells them, on both engines: what was backed up serves again, and
 * checkpoints held elsewhere say that it is behind. Real processes, real files, real pg_dump.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { startSandbox, type Sandbox } from '../../src/demo/sandbox.ts';
import { mainConfig, targetToken } from '../support/fixture.ts';
import { pgTools } from '../support/pg-tools.ts';
import { postgresForTests, type PostgresAt } from '../support/postgres.ts';
import { runInProcess } from '../support/run-program.ts';
import { serveSallyport, type Serving } from '../support/sallyport-process.ts';
import { user } from '../support/scim-calls.ts';

/** One way of keeping a copy. */
type Way = Readonly<{
  /** Lines of `store:` that say where it is. */
  store: string;
  /** Whether the copy is taken while the gateway runs. */
  running: boolean;
  backUp(): Promise<void>;
  /** Puts the copy where the store is; gives the lines that say where that is now. */
  restore(): Promise<string>;
  close?(): Promise<void>;
}>;

type Prepared = Way | Readonly<{ missing: string }>;
type Waying = Readonly<{ name: string; prepare(folder: string): Promise<Prepared> }>;

const sqliteStore = 'url: sqlite:data/sallyport.db';

const sqliteStopped = async (folder: string): Promise<Prepared> => {
  const names = ['sallyport.db', 'sallyport.db-wal'];
  const path = (name: string): string => join(folder, 'data', name);
  const kept = (name: string): string => join(folder, `kept-${name}`);
  return {
    store: sqliteStore,
    running: false,
    backUp: async () => {
      for (const name of names) if (existsSync(path(name))) await copyFile(path(name), kept(name));
    },
    restore: async () => {
      for (const name of [...names, 'sallyport.db-shm']) await rm(path(name), { force: true });
      for (const name of names) if (existsSync(kept(name))) await copyFile(kept(name), path(name));
      return sqliteStore;
    },
  };
};

const sqliteRunning = async (folder: string): Promise<Prepared> => {
  const path = join(folder, 'data/sallyport.db');
  const kept = join(folder, 'backup.db');
  return {
    store: sqliteStore,
    running: true,
    backUp: async () => {
      const database = new Database(path, { readonly: true });
      database.prepare('VACUUM INTO ?').run(kept);
      database.close();
    },
    restore: async () => {
      for (const end of ['', '-wal', '-shm']) await rm(`${path}${end}`, { force: true });
      await copyFile(kept, path);
      return sqliteStore;
    },
  };
};

const postgresStore = ({ host, port, database, schema, user: login }: PostgresAt): string =>
  `url: postgres://${encodeURIComponent(host)}:${port}/${database}?schema=${schema}&sslmode=disable
  user: ${login}
  password: "\${env:STORE_PASSWORD}"`;

const postgresDumped = async (folder: string): Promise<Prepared> => {
  const postgres = await postgresForTests();
  if ('missing' in postgres) return postgres;
  const tools = await pgTools();
  if ('missing' in tools) return tools;
  const at = postgres.at('restore');
  const restored = { ...at, database: at.schema };
  const kept = join(folder, 'backup.dump');
  return {
    store: postgresStore(at),
    running: true,
    backUp: () =>
      tools.run('pg_dump', at, ['--format=custom', `--schema=${at.schema}`, `--file=${kept}`]),
    restore: async () => {
      await postgres.query(`CREATE DATABASE ${restored.database}`);
      await tools.run('pg_restore', restored, ['--exit-on-error', kept]);
      return postgresStore(restored);
    },
    close: async () => {
      await postgres.query(`DROP DATABASE IF EXISTS ${restored.database} WITH (FORCE)`);
      await postgres.drop(at);
    },
  };
};

const ways: readonly Waying[] = [
  { name: 'SQLite, its files copied while nobody runs', prepare: sqliteStopped },
  { name: 'SQLite, by VACUUM INTO under a gateway', prepare: sqliteRunning },
  {
    name: 'PostgreSQL, by pg_dump under a gateway',
    prepare: postgresDumped,
  },
];

for (const { name, prepare } of ways) {
  describe(`a store restored: ${name}`, () => {
    const env = { SANDBOX_TOKEN: targetToken, STORE_PASSWORD: 'of no use to a server that trusts' };
    let folder: string;
    let sandbox: Sandbox;
    let way: Prepared;
    let key: string;
    const started: Serving[] = [];

    const configure = (store: string): Promise<void> =>
      writeFile(
        join(folder, 'gateway.yaml'),
        mainConfig(sandbox.url).replace(sqliteStore, () => store),
      );
    const run = (args: readonly string[]) =>
      runInProcess([...args, '--config', join(folder, 'gateway.yaml'), '--json'], env);
    const serve = async (): Promise<Serving> => {
      const serving = await serveSallyport(['--config', 'gateway.yaml'], env, folder);
      started.push(serving);
      return serving;
    };
    const stop = async (serving: Serving): Promise<void> => {
      serving.signal('SIGTERM');
      assert.equal(await serving.ended, 0);
    };
    const create = async (serving: Serving, userName: string): Promise<number> => {
      const answer = await fetch(`${serving.data}/scim/sandbox/Users`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/scim+json' },
        body: JSON.stringify(user(userName)),
      });
      await answer.arrayBuffer();
      return answer.status;
    };
    /** How many changes the store knows of. An outcome may be on disk only after its answer. */
    const recorded = async (): Promise<number> => {
      const { code, out, err } = await run(['ledger', 'list', '--client', 'full']);
      assert.equal(code, 0, err);
      return (JSON.parse(out) as unknown[]).length;
    };

    const acceptLoss = async (): Promise<void> => {
      const args = ['store', 'accept-loss', '--reason', 'restored from a backup'];
      const { code, out, err } = await run(args);
      assert.equal(code, 0, out + err);
    };

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sallyport-restore-'));
      sandbox = await startSandbox({ port: 0, token: targetToken });
      way = await prepare(folder);
    });
    after(async () => {
      for (const serving of started) serving.signal('SIGKILL');
      await Promise.all(started.map(({ ended }) => ended));
      if ('close' in way) await way.close?.();
      await sandbox.stop();
      await rm(folder, { recursive: true, force: true });
    });

    it('serves what it held, and is known to be behind', { timeout: 120_000 }, async (t) => {
      if ('missing' in way) return t.skip(way.missing);
      const init = await runInProcess(['init', folder]);
      assert.equal(init.code, 0, init.err);
      await configure(way.store);
      const issued = await run(['keys', 'issue', 'full']);
      assert.equal(issued.code, 0, issued.err);
      key = (JSON.parse(issued.out) as { token: string }).token;

      const first = await serve();
      assert.equal(await create(first, 'kept@example.com'), 201);
      if (way.running) await way.backUp();
      await stop(first);
      if (!way.running) await way.backUp();

      const second = await serve();
      for (const userName of ['lost-1@example.com', 'lost-2@example.com'])
        assert.equal(await create(second, userName), 201);
      await stop(second);
      assert.equal(await recorded(), 3);

      // On a new machine, with no checkpoints but those that were sent elsewhere.
      const seen = join(folder, 'data/checkpoints');
      const elsewhere = join(folder, 'elsewhere.checkpoints');
      await rename(seen, elsewhere);
      await configure(await way.restore());
      assert.equal(await recorded(), 1);
      const alone = await run(['ledger', 'verify']);
      assert.equal(alone.code, 0, `what is left is whole: ${alone.out}${alone.err}`);
      const against = await run(['ledger', 'verify', '--since-checkpoint', elsewhere]);
      assert.equal(against.code, 1, against.out);
      assert.match(against.out, /behind/);

      // Where the gateway itself sees newer checkpoints it changes nothing until a person accepts.
      await copyFile(elsewhere, seen);
      const third = await serve();
      assert.equal(await create(third, 'refused@example.com'), 503);
      assert.equal((await fetch(`${third.admin}/readyz`)).status, 503);
      await stop(third);
      await acceptLoss();
      const fourth = await serve();
      assert.equal(await create(fourth, 'again@example.com'), 201, 'the key is one of the copy');
      await stop(fourth);
      assert.equal(await recorded(), 2);
    });
  });
}
