/** What an engine that gateways share must do for their turns, for losses and for the feed. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { newKeyId, systemRandom } from '../../src/ids.ts';
import type { FeedTopic } from '../../src/store-feed.ts';
import { openTogether, postgres, type SharedStores } from '../support/engines.ts';

const skip = 'missing' in postgres && postgres.missing;
const writers = ['0000000a', '0000000b', '0000000c'] as const;
type Three = readonly [SharedStores, SharedStores, SharedStores];

const together =
  (run: (stores: Three, schema: string) => Promise<void>, leaseMs = 30_000) =>
  async (): Promise<void> => {
    const { at, stores, drop } = await openTogether(3);
    try {
      for (const [index, store] of stores.entries()) {
        const candidate = writers[index] as string;
        const lease = index === 0 ? leaseMs : 30_000;
        await store.writers.claim({ candidate, leaseMs: lease, name: candidate, version: '' });
      }
      await run(stores as Three, at.schema);
    } finally {
      await drop();
    }
  };

/** Resolves with the next detail that a topic is told. */
const nextNews = (store: SharedStores, topic: FeedTopic): Promise<string | null> =>
  new Promise((resolve) => {
    const end = store.feed.on(topic, (detail) => {
      end();
      resolve(detail);
    });
  });

void suite('turn store on postgres', { skip }, () => {
  void test(
    'is a line: who came first has its turn, who leaves tells the next',
    together(async ([one, two, three]) => {
      const key = `slack/User/${'ü'.repeat(5_000)}`;
      assert.equal(await one.turns.enter(key), true);
      assert.equal(await two.turns.enter(key), false);
      assert.equal(await three.turns.enter(key), false);
      assert.equal(await one.turns.enter(key), true);
      assert.equal(await three.turns.enter('other'), true);
      assert.deepEqual(await two.turns.first([key, 'other']), new Set());
      const told = nextNews(two, 'turns');
      await one.turns.leave(key);
      assert.equal(await told, key);
      assert.deepEqual(await two.turns.first([key, 'other']), new Set([key]));
      assert.equal(await one.turns.enter(key), false);
      const thirdTold = nextNews(three, 'turns');
      await two.turns.leave(key);
      assert.equal(await thirdTold, key);
      await two.turns.leave(key);
      assert.deepEqual(await three.turns.first([key, 'other', 'none']), new Set([key, 'other']));
    }),
  );

  void test(
    'leaves every line but some, and tells those who waited',
    together(async ([one, two], schema) => {
      for (const key of ['x', 'y', 'z']) await one.turns.enter(key);
      assert.equal(await two.turns.enter('y'), false);
      const told = nextNews(two, 'turns');
      await one.turns.leaveOthers(['z']);
      assert.equal(await told, 'y');
      assert.deepEqual(await one.turns.first(['x', 'y', 'z']), new Set(['z']));
      await two.turns.leave('y');
      await one.turns.leave('z');
      if ('missing' in postgres) return;
      assert.deepEqual(await postgres.query(`SELECT key FROM ${schema}.turns`), []);
    }),
  );

  void test(
    'whoever is closed loses its places',
    together(async ([one, two]) => {
      assert.equal(await one.turns.enter('x'), true);
      assert.equal(await two.turns.enter('x'), false);
      const told = nextNews(two, 'turns');
      while ((await two.writers.takeOver(writers[1])).length === 0);
      assert.equal(await told, 'x');
      assert.equal(await two.turns.enter('x'), true);
      await assert.rejects(one.turns.enter('x'), { code: 'ledger_unavailable' });
      assert.deepEqual(await one.turns.first(['x']), new Set());
    }, 1),
  );

  void test(
    'whoever is released leaves its lines',
    together(async ([one, two]) => {
      await one.turns.enter('x');
      await two.turns.enter('x');
      await one.writers.release(writers[0]);
      assert.deepEqual(await two.turns.first(['x']), new Set(['x']));
    }),
  );

  void test(
    'lets one in at a time, in any interleaving, and forgets nobody',
    together(async (stores) => {
      let inside = 0;
      let passed = 0;
      const passes = async (store: SharedStores): Promise<void> => {
        for (let round = 0; round < 30; round += 1) {
          let told = nextNews(store, 'turns');
          let mine = await store.turns.enter('x');
          while (!mine) {
            await told;
            told = nextNews(store, 'turns');
            mine = (await store.turns.first(['x'])).has('x');
          }
          inside += 1;
          assert.equal(inside, 1);
          await store.turns.first(['x']);
          inside -= 1;
          passed += 1;
          await store.turns.leave('x');
        }
      };
      await Promise.all(stores.map(passes));
      assert.equal(passed, 90);
    }),
  );
});

void suite('feed and losses on postgres', { skip }, () => {
  void test(
    'a change of keys, freezes or losses is heard by all',
    together(async ([one, two]) => {
      const key = {
        id: newKeyId(systemRandom),
        kind: 'client' as const,
        holder: 'entra',
        environment: 'test',
        hash: Buffer.alloc(32, 1),
        issuedAt: 1,
        issuedBy: 'local',
        expiresAt: 9_000,
        revokedAt: null,
        lastUsedAt: null,
      };
      const changes: readonly (readonly [FeedTopic, () => Promise<unknown>])[] = [
        ['keys', () => one.keys.addKey(key, 2)],
        ['keys', () => one.keys.endKey(key.id, 3, 3)],
        ['freezes', () => one.freezes.freeze('tenant', 'slack', 'why', 'alice', 1)],
        ['freezes', () => one.freezes.thaw('tenant', 'slack', 'alice', 2)],
        ['losses', () => one.losses.accept('alice', 'restored from a backup')],
      ];
      assert.equal(await two.losses.acceptedAt(), null);
      for (const [topic, change] of changes) {
        const told = [nextNews(one, topic), nextNews(two, topic)];
        await change();
        assert.deepEqual(await Promise.all(told), [null, null]);
      }
      const at = await two.losses.acceptedAt();
      assert.ok(at !== null && Math.abs(at - Date.now()) < 60_000);
      assert.equal((await two.keys.listKeys(5))[0]?.revokedAt, 3);
    }),
  );

  void test(
    'tells of everything after its connection was cut, and of what was never notified',
    together(async ([one, two], schema) => {
      if ('missing' in postgres) return;
      const silent = nextNews(one, 'losses');
      await postgres.query(`UPDATE ${schema}.news SET number = number + 1 WHERE topic = 'losses'`);
      assert.equal(await silent, null);
      const all = (['keys', 'freezes', 'turns', 'losses'] as const).map((topic) =>
        nextNews(two, topic),
      );
      await postgres.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE query LIKE 'SELECT topic%' AND position($1 IN query) > 0`,
        [schema],
      );
      assert.deepEqual(await Promise.all(all), [null, null, null, null]);
    }),
  );
});
