/** A disk that fails while webhooks come in: nothing of the batch is kept, and the next try is. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite, type SqliteStores } from '../../../src/storage/sqlite/open.ts';
import { claim, receive, receiving, start } from '../../support/deliveries.ts';

const refused = { code: 'ledger_unavailable' };

const onSqlite = async (run: (stores: SqliteStores) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-events-'));
  const stores = await openSqlite({ path: join(folder, 'store.db') });
  try {
    await run(stores);
  } finally {
    await stores.close();
    await rm(folder, { recursive: true, force: true });
  }
};

/** The batch was refused whole, and is a first one when it comes again. */
const comesAgain = async (stores: SqliteStores): Promise<void> => {
  assert.deepEqual(await stores.events.list({ limit: 9 }), []);
  assert.deepEqual(await stores.outbox.list({ limit: 9 }), []);
  const again = [receiving(1, { marks: [1] }), receiving(1, { marks: [2] })];
  assert.deepEqual(await stores.events.receive(again, [], start), [
    { kind: 'stored' },
    { kind: 'stored' },
  ]);
  assert.equal((await claim(stores)).length, 1);
};

void suite('faults of the disk under webhooks', () => {
  for (const kind of ['full', 'io'] as const)
    void test(`a fault of kind ${kind} keeps nothing of the batch, the marks neither`, () =>
      onSqlite(async (stores) => {
        await stores.injectFault({ kind, on: 'receive', when: 'before', count: 1 });
        const batch = [receiving(1, { marks: [1] }), receiving(1, { marks: [2] })];
        await assert.rejects(stores.events.receive(batch, [], start), refused);
        await comesAgain(stores);
      }));

  void test('a store that really has no room for more keeps nothing of the batch', () =>
    onSqlite(async (stores) => {
      await stores.limitPages(1);
      const batch = Array.from({ length: 200 }, (_, at) => receiving(at, { marks: [at] }));
      await assert.rejects(stores.events.receive(batch, [], start), refused);
      await stores.limitPages(1_000_000);
      await comesAgain(stores);
    }));

  void test('an error after the commit leaves a repeat, never a loss', () =>
    onSqlite(async (stores) => {
      await stores.injectFault({ kind: 'io', on: 'receive', when: 'after', count: 1 });
      const first = receiving(1, { marks: [1] });
      await assert.rejects(stores.events.receive([first], [], start), refused);
      assert.deepEqual(await stores.events.receive([receiving(1, { marks: [1] })], [], start), [
        { kind: 'duplicate', of: first.event.id },
      ]);
      await receive(stores, [receiving(2)]);
      assert.equal((await claim(stores)).length, 2);
    }));
});
