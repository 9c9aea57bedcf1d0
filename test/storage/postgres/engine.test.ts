/** What PostgreSQL as an engine refuses, tells, migrates and survives. */
import assert from 'node:assert/strict';
import { createServer, connect, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as timeLimit } from 'node:timers/promises';
import { GatewayError } from '../../../src/errors.ts';
import { readMigrations, type Migration } from '../../../src/storage/migrations.ts';
import { withClient } from '../../../src/storage/postgres/connection.ts';
import { postgresEngine } from '../../../src/storage/postgres/engine.ts';
import { migrate } from '../../../src/storage/postgres/migrate.ts';
import { intent } from '../../ledger/fixture.ts';
import { nextBatch } from '../../support/chains.ts';
import { postgres } from '../../support/engines.ts';
import type { PostgresAt, TestPostgres } from '../../support/postgres.ts';

const skip = 'missing' in postgres && postgres.missing;
const server = postgres as TestPostgres;
const waits = { lockMs: 5_000, statementMs: 5_000, queryMs: 5_000 };

const onFresh = (run: (at: PostgresAt) => Promise<void>) => async (): Promise<void> => {
  const at = server.at('sallyport_engine');
  try {
    await run(at);
  } finally {
    await server.drop(at);
  }
};

/** The public detail of what a promise rejects with. */
const refusal = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof GatewayError);
  assert.equal(error.code, 'ledger_unavailable');
  return error.refusal.detail;
};

const claimOf = (candidate: string) => ({ candidate, leaseMs: 30_000, name: 'test', version: '' });

/** Asks again while connections that were cut are found out about. */
const untilAnswered = async <Result>(ask: () => Promise<Result>): Promise<Result> => {
  for (let left = 20; left > 0; left -= 1) {
    const answer = await ask().catch(() => null);
    if (answer !== null) return answer;
  }
  return ask();
};

/** A way to the server that can be made to swallow everything. */
const openPassage = async (at: PostgresAt) => {
  const sockets = new Set<Socket>();
  let dead = false;
  const passage = createServer((near) => {
    const far = connect(at.port, at.host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
      from.on('data', (chunk) => {
        if (!dead) to.write(chunk);
      });
    }
  });
  await new Promise<void>((resolve) => {
    passage.listen(0, '127.0.0.1', resolve);
  });
  const address = passage.address();
  assert.ok(typeof address === 'object' && address !== null);
  return {
    at: { ...at, host: '127.0.0.1', port: address.port },
    /** Cuts every connection that runs now. */
    cut: () => {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
    die: () => {
      dead = true;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      passage.close();
    },
  };
};

void suite('postgres engine', { skip }, () => {
  void test(
    'makes the schema, tells its status, and migrates once',
    onFresh(async (at) => {
      assert.equal(await postgresEngine.status(at), null);
      const names = readMigrations('postgres').map(({ name }) => name);
      assert.deepEqual(await postgresEngine.migrate(at), names);
      assert.deepEqual(await postgresEngine.migrate(at), []);
      const status = await postgresEngine.status(at);
      assert.deepEqual([status?.engine, status?.applied, status?.pending], ['postgres', names, []]);
      assert.match(status?.version ?? '', /^\d+/);
      assert.ok((status?.bytes ?? 0) > 100_000);
    }),
  );

  void test('has the same migrations as sqlite, by number and name', () => {
    const names = (engine: 'sqlite' | 'postgres') => readMigrations(engine).map(({ name }) => name);
    assert.deepEqual(names('postgres'), names('sqlite'));
  });

  void test(
    'a migration that fails leaves nothing behind; another history is refused',
    onFresh(async (at) => {
      const one: Migration = { name: '0001-a.sql', sql: 'CREATE TABLE a (x int)', digest: 'd1' };
      const two: Migration = {
        name: '0002-b.sql',
        sql: 'CREATE TABLE b (x int); CREATE TABLE c (x int)',
        digest: 'd2',
      };
      const broken = { ...two, sql: 'CREATE TABLE b (x int); CREATE TABLE b (x int)' };
      await withClient(at, waits, async (run) => {
        const tables = async () =>
          (
            await run<{ name: string }>(
              { text: 'SELECT tablename AS name FROM pg_tables WHERE schemaname = $1 ORDER BY 1' },
              [at.schema],
            )
          ).rows.map(({ name }) => name);
        await assert.rejects(migrate(run, at.schema, [one, broken]));
        assert.deepEqual(await tables(), ['a', 'migrations']);
        assert.deepEqual(await migrate(run, at.schema, [one, two]), ['0002-b.sql']);
        assert.deepEqual(await tables(), ['a', 'b', 'c', 'migrations']);
        await assert.rejects(migrate(run, at.schema, [one]), /newer than this program/);
        await assert.rejects(
          migrate(run, at.schema, [{ ...one, digest: 'other' }, two]),
          /another version of 0001-a.sql/,
        );
      });
      assert.match(await refusal(postgresEngine.open(at)), /another version of 0001-/);
    }),
  );

  void test(
    'refuses a server that acknowledges before the disk has it, or that only reads',
    onFresh(async (at) => {
      const role = `${at.schema}_role`;
      await server.query(`CREATE ROLE ${role} LOGIN`);
      try {
        await server.query(`ALTER ROLE ${role} SET synchronous_commit = off`);
        const refused = await refusal(postgresEngine.open({ ...at, user: role }));
        assert.match(refused, /synchronous_commit is off\. Set it to on/);
        await server.query(`ALTER ROLE ${role} RESET synchronous_commit`);
        await server.query(`ALTER ROLE ${role} SET default_transaction_read_only = on`);
        assert.match(await refusal(postgresEngine.open({ ...at, user: role })), /only reads/);
        await server.query(`ALTER ROLE ${role} RESET default_transaction_read_only`);
        await server.query(`CREATE SCHEMA ${at.schema} AUTHORIZATION ${role}`);
        const stores = await postgresEngine.open({ ...at, user: role });
        assert.deepEqual(await stores.warnings(), [
          'Whether a standby lags cannot be seen: grant the role pg_monitor to the user of the store.',
        ]);
        await stores.close();
      } finally {
        await server.drop(at);
        await server.query(`DROP ROLE ${role}`);
      }
    }),
  );

  void test('says that nobody answers, without a secret', async () => {
    const at = { ...server.at(), port: 1, password: 'hunter2' };
    const detail = await refusal(postgresEngine.open(at));
    assert.match(detail, /cannot be opened: .*ECONNREFUSED.* at the host and port of store.url/);
    assert.doesNotMatch(detail, /hunter2/);
    assert.match(await refusal(postgresEngine.status(at)), /cannot be read/);
  });

  void test(
    'lives on when its connections are cut mid-commit: the head tells what became of each batch',
    onFresh(async (at) => {
      const passage = await openPassage(at);
      try {
        const stores = await postgresEngine.open(passage.at);
        const writer = '0000000a';
        await stores.shared?.writers.claim(claimOf(writer));
        let written = 0;
        const fates = { committed: 0, rejected: 0 };
        for (let round = 0; round < 60; round += 1) {
          const batch = await untilAnswered(() => nextBatch(stores.ledger, writer, [intent()]));
          assert.equal(batch.first, written + 1);
          const appended = stores.ledger.append(batch, { reserve: false });
          // After more and more turns of the event loop: before, while and after it commits.
          for (let turn = 0; turn < round % 20; turn += 1) await new Promise(setImmediate);
          if (round % 2 === 0) passage.cut();
          const fate = await appended.then(
            () => 'committed' as const,
            () => 'rejected' as const,
          );
          fates[fate] += 1;
          const { next, digest } = await untilAnswered(() => stores.ledger.head(writer));
          const there = digest?.equals(batch.digest) === true;
          assert.ok(there || fate === 'rejected');
          written += there ? 1 : 0;
          assert.equal(next, written + 1);
        }
        assert.ok(fates.committed >= 30 && fates.rejected > 0, JSON.stringify(fates));
        const found = await stores.ledger.find({ limit: 1_000 });
        assert.equal(found.entries.length, written);
        await stores.close();
        assert.match(await refusal(stores.ledger.head(writer)), /closed/);
      } finally {
        passage.close();
      }
    }),
  );

  void test(
    'closes within its bound when the server is silent, and refuses what was under way',
    onFresh(async (at) => {
      const passage = await openPassage(at);
      try {
        const stores = await postgresEngine.open(passage.at);
        await stores.shared?.writers.claim(claimOf('0000000a'));
        passage.die();
        const head = refusal(stores.ledger.head('0000000a'));
        const end = new AbortController();
        const limit = timeLimit(8_000, 'too late', { signal: end.signal });
        assert.notEqual(await Promise.race([stores.close(), limit]), 'too late');
        assert.notEqual(await Promise.race([head, limit]), 'too late');
        end.abort();
        await limit.catch(() => undefined);
      } finally {
        passage.close();
      }
    }),
  );
});
