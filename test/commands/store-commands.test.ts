/** `sallyport store …` as people use it: how a store is, its schema, moving it, accepting a loss. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { engineOf } from '../../src/storage/engines.ts';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import { mainConfig, targetToken } from '../support/fixture.ts';
import { postgresForTests, type PostgresAt } from '../support/postgres.ts';
import { runInProcess } from '../support/run-program.ts';
import { newHold, newMark } from '../support/safety-rows.ts';
import type { Ran } from '../support/sallyport-process.ts';

const postgres = await postgresForTests();
const skip = 'missing' in postgres ? postgres.missing : false;

describe('store commands', () => {
  let directory: string;
  const env = { SANDBOX_TOKEN: targetToken };
  const path = (name: string): string => join(directory, name);
  const run = (args: readonly string[], config = 'gateway.yaml'): Promise<Ran> =>
    runInProcess([...args, '--config', path(config)], env);
  const json = async (args: readonly string[], config?: string): Promise<unknown> => {
    const { code, out, err } = await run([...args, '--json'], config);
    assert.equal(code, 0, `${args.join(' ')}: ${err}`);
    return JSON.parse(out);
  };

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sallyport-store-'));
    assert.equal((await runInProcess(['init', directory])).code, 0);
    await writeFile(path('gateway.yaml'), mainConfig('http://127.0.0.1:9/'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  it('status and migrate: none, empty, in use', async () => {
    const none = await run(['store', 'status']);
    assert.deepEqual([none.code, none.out], [1, 'there is no store yet\n']);
    const migrated = await run(['store', 'migrate']);
    assert.match(migrated.out, /^applied 0001-ledger-keys-freezes\.sql\napplied 0002-/);
    assert.equal((await run(['store', 'migrate'])).out, 'nothing is pending\n');
    const empty = await run(['store', 'status']);
    assert.match(
      empty.out,
      /^engine: sqlite 3\.\d+\.\d+\nsize: [\d.]+ KiB\nmigrations: \d+ applied/,
    );
    assert.deepEqual(await json(['store', 'migrate']), []);
    await json(['keys', 'issue', 'full']);
    const { key } = (await json(['keys', 'issue', 'reader'])) as { key: { id: string } };
    await json(['keys', 'revoke', key.id]);
    const used = (await json(['store', 'status'])) as {
      pending: string[];
      notOpened: null;
      chains: { first: number; size: number; closed: boolean; checkpoint: { size: number } }[];
    };
    assert.deepEqual([used.pending, used.notOpened], [[], null]);
    const [chain] = used.chains;
    assert.deepEqual(
      [chain?.first, chain?.size, chain?.closed, chain?.checkpoint.size],
      [1, 3, false, 3],
    );
    assert.match(
      (await run(['store', 'status'])).out,
      /^chain [0-9a-f]{8}: records 1 to 3, check/m,
    );
  });

  it('a store that a gateway holds is looked at, not opened', async () => {
    const held = await openSqlite({ path: path('data/sallyport.db') });
    try {
      const status = await run(['store', 'status']);
      assert.equal(status.code, 0);
      assert.match(status.out, /^chains not read: .*a gateway runs on this store/m);
    } finally {
      await held.close();
    }
  });

  it('accept-loss needs a reason, and something that is missing', async () => {
    assert.equal((await run(['store', 'accept-loss'])).code, 1);
    const reason = 'restored from the backup of Tuesday';
    const refused = await run(['store', 'accept-loss', '--reason', reason]);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /Nothing is missing in this store/);
    const stores = await openSqlite({ path: path('data/sallyport.db') });
    assert.equal(await stores.losses.acceptedAt(), null);
    await stores.close();
  });

  it('copy: what it is not given, and where it cannot go', async () => {
    const from = `sqlite:${path('data/sallyport.db')}`;
    for (const args of [[], ['--from', 'data.db'], ['--from', 'postgres://h/d']])
      assert.equal((await run(['store', 'copy', ...args])).code, 2, args.join(' '));
    const same = await run(['store', 'copy', '--from', from]);
    assert.equal(same.code, 1);
    assert.match(same.err, /must name the PostgreSQL store/);
  });

  it('copies into PostgreSQL: ledger, keys, freezes, holds and marks', { skip }, async () => {
    assert.ok(!('missing' in postgres));
    const at = postgres.at('copy_cli');
    try {
      await json(['freeze', 'full', '--scope', 'client', '--reason', 'moving house']);
      await writeFile(path('shared.yaml'), sharedConfig(at));
      const from = `sqlite:${path('data/sallyport.db')}`;
      const missing = await run(['store', 'copy', '--from', 'sqlite:nowhere.db'], 'shared.yaml');
      assert.match(missing.err, /no store at the path of --from/);
      const held = await openSqlite({ path: path('data/sallyport.db') });
      await assert.rejects(run(['store', 'copy', '--from', from], 'shared.yaml'), {
        code: 'ledger_unavailable',
      });
      const options = { pendingMax: 9, rememberMs: 0, now: Date.now() };
      await held.holds.put(newHold('ada'), options);
      await held.protectionMarks.add([newMark('1'), newMark('2')], null);
      await held.close();
      const copied = await run(['store', 'copy', '--from', from], 'shared.yaml');
      assert.equal(copied.code, 0, copied.err);
      assert.match(
        copied.out,
        /^copied and verified: chain [0-9a-f]{8}, \d+ records, size \d+, head \S+, \d+ checkpoints, 2 keys, 1 freeze, 1 hold, 2 marks of protected subjects\n$/,
      );
      const again = await run(['store', 'copy', '--from', from], 'shared.yaml');
      assert.equal(again.code, 0, again.err);
      assert.match(again.out, /^nothing left to copy: the target holds all of chain/);
      const stores = await engineOf(at).open(at);
      const source = await openSqlite({ path: path('data/sallyport.db') });
      const now = Date.now();
      assert.deepEqual(await stores.keys.listKeys(now), await source.keys.listKeys(now));
      assert.deepEqual(await stores.freezes.list(), await source.freezes.list());
      const all = { limit: 10 };
      assert.deepEqual(await stores.holds.list(all), await source.holds.list(all));
      await source.close();
      await stores.close();
      assert.match((await run(['store', 'status'], 'shared.yaml')).out, /^engine: postgres/);
    } finally {
      await postgres.drop(at);
    }
  });
});

const sharedConfig = ({ host, port, database, schema, user }: PostgresAt): string =>
  mainConfig('http://127.0.0.1:9/').replace(
    'url: sqlite:data/sallyport.db',
    `url: postgres://${encodeURIComponent(host)}:${port}/${database}?schema=${schema}&sslmode=disable\n  user: ${user}`,
  );
