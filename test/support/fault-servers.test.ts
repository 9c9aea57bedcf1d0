import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Client } from 'pg';
import { startCuttingProxy } from './cutting-proxy.ts';
import { makePostgresServer, type PostgresServer } from './postgres-server.ts';

/** End of PostgreSQL's answer outside of a transaction (ReadyForQuery, status I). */
const idle = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

const made = await makePostgresServer({ slow: true });

suite('servers for faults', { skip: 'missing' in made ? made.missing : false }, () => {
  const server = made as PostgresServer;
  before(() => server.query('CREATE TABLE kept (what text)'));
  after(() => server.remove());
  const kept = async (): Promise<readonly unknown[]> =>
    (await server.query('SELECT what FROM kept ORDER BY what')).map(({ what }) => what);

  test('come back with what was committed, however they end', async () => {
    await server.query("INSERT INTO kept VALUES ('a')");
    await server.stop('fast');
    await assert.rejects(server.query('SELECT 1'));
    await server.start();
    await server.query("INSERT INTO kept VALUES ('b')");
    await server.kill();
    await server.start({ synchronous_commit: 'off' });
    assert.equal((await server.query('SHOW synchronous_commit'))[0]?.['synchronous_commit'], 'off');
    await server.stop('immediate');
    await server.start({});
    assert.deepEqual(await kept(), ['a', 'b']);
  });

  test('sleep and wake', async () => {
    server.pause();
    let answered = false;
    const asked = server.query('SELECT 1').then(
      () => (answered = true),
      () => 'too long asleep',
    );
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
    assert.equal(answered, false);
    server.resume();
    assert.equal(await asked, true);
  });

  test('have a slow disk where one is wanted', async (context) => {
    if (server.slow === null) return context.skip('no compiler is at hand');
    await server.slow(150);
    const began = performance.now();
    await server.query("INSERT INTO kept VALUES ('slow')");
    assert.ok(performance.now() - began >= 150);
    await server.slow(null);
  });

  test('are cut off before and after they did as they were told', async () => {
    const proxy = await startCuttingProxy(server);
    const insert = async (what: string): Promise<void> => {
      const { user, database } = server;
      const client = new Client({ host: '127.0.0.1', port: proxy.port, user, database });
      client.on('error', () => undefined);
      await client.connect();
      try {
        await client.query('INSERT INTO kept VALUES ($1)', [what]);
      } finally {
        await client.end();
      }
    };
    try {
      for (const when of ['before', 'after'] as const) {
        const cut = proxy.cutNext({ marker: 'INSERT', when, answered: idle });
        await assert.rejects(insert(`cut ${when}`));
        await cut;
      }
      await insert('not cut');
      proxy.shut(true);
      await assert.rejects(insert('shut'));
      const found = await kept();
      assert.deepEqual(
        found.filter((what) => String(what).includes('cut')),
        ['cut after', 'not cut'],
      );
    } finally {
      await proxy.stop();
    }
  });
});
