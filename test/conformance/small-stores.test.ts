/** What every engine must do for the small ports; engines stand in one table. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { StoredKey } from '../../src/callers/store.ts';
import { newKeyId, systemRandom, type KeyId } from '../../src/ids.ts';
import type { EchoStore } from '../../src/passage/echo-store.ts';
import { keyRing } from '../ledger/fixture.ts';
import { enginesUnderTest, withStores } from '../support/engines.ts';

const writer = '0badcafe';
const dayMs = 86_400_000;

for (const engine of enginesUnderTest) {
  const { name, skip } = engine;
  const key = (more: Partial<StoredKey> = {}): StoredKey => ({
    id: newKeyId(systemRandom),
    kind: 'client',
    holder: 'entra-slack',
    environment: 'test',
    hash: Buffer.alloc(32, 9),
    issuedAt: 1_000,
    issuedBy: 'local',
    expiresAt: 100 * dayMs,
    revokedAt: null,
    lastUsedAt: null,
    ...more,
  });

  void suite(`key store on ${name}`, { skip }, () => {
    void test(
      'adds, lists, ends and touches keys',
      withStores(engine, writer, async ({ keys }) => {
        const first = key({ issuedAt: 2_000 });
        const second = key({ kind: 'person', holder: 'alice@example.com' });
        assert.equal(await keys.addKey(first, 0), true);
        assert.equal(await keys.addKey(second, 0), true);
        assert.deepEqual(await keys.listKeys(0), [second, first]);
        assert.equal(await keys.endKey(first.id, 9_000, 5_000), true);
        assert.equal(await keys.endKey(first.id, 12_000, 5_000), true);
        assert.equal(await keys.endKey('nobody0000' as KeyId, 1, 1), false);
        await keys.touchKeys([
          { id: first.id, at: 7_000 },
          { id: second.id, at: 8_000 },
        ]);
        await keys.touchKeys([
          { id: first.id, at: 6_000 },
          { id: 'nobody0000' as KeyId, at: 1 },
        ]);
        const listed = new Map((await keys.listKeys(0)).map((each) => [each.id, each]));
        assert.deepEqual(listed.get(first.id), { ...first, revokedAt: 9_000, lastUsedAt: 7_000 });
        assert.equal(listed.get(second.id)?.lastUsedAt, 8_000);
      }),
    );

    void test(
      'refuses a 21st live key of one holder, and forgets what ended 30 days ago',
      withStores(engine, writer, async ({ keys }) => {
        const own = Array.from({ length: 20 }, () => key());
        for (const each of own) assert.equal(await keys.addKey(each, 0), true);
        assert.equal(await keys.addKey(key(), 0), false);
        assert.equal(await keys.addKey(key({ kind: 'person' }), 0), true);
        assert.equal(await keys.addKey(key({ holder: 'other' }), 0), true);
        await keys.endKey(own[0]?.id as KeyId, 10, 10);
        assert.equal(await keys.addKey(key(), 11), true);
        assert.equal((await keys.listKeys(129 * dayMs)).length, 23);
        assert.equal((await keys.listKeys(130 * dayMs)).length, 0);
      }),
    );
  });

  void suite(`small stores on ${name}`, { skip }, () => {
    void test(
      'the last good configuration is the newest of ten',
      withStores(engine, writer, async ({ lastGood }) => {
        assert.equal(await lastGood.load(), null);
        for (let version = 0; version < 12; version += 1) {
          const sealed = keyRing.seal(Buffer.from(`version ${version}`), 'config');
          await lastGood.save(sealed, `v${version}`, version);
        }
        const loaded = await lastGood.load();
        assert.equal(loaded && keyRing.open(loaded, 'config')?.toString(), 'version 11');
      }),
    );

    void test(
      'freezes hold until thawed; the first reason stays',
      withStores(engine, writer, async ({ freezes }) => {
        assert.equal(await freezes.freeze('tenant', 'slack', 'incident', 'alice', 5), true);
        assert.equal(await freezes.freeze('tenant', 'slack', 'again', 'bob', 6), true);
        assert.equal(await freezes.freeze('client', '__proto__', 'odd', 'bob', 4), true);
        assert.deepEqual(await freezes.list(), [
          { scope: 'client', name: '__proto__', reason: 'odd', by: 'bob', at: 4 },
          { scope: 'tenant', name: 'slack', reason: 'incident', by: 'alice', at: 5 },
        ]);
        assert.equal(await freezes.thaw('tenant', 'slack', 'alice', 7), true);
        assert.equal(await freezes.thaw('tenant', 'slack', 'alice', 8), false);
        assert.equal((await freezes.list()).length, 1);
      }),
    );
  });

  void suite(`echo store on ${name}`, { skip }, () => {
    const keyed = (at: number): Buffer => keyRing.fingerprint(`echo ${at}`);
    const kept = (at: number, text: string | null) => ({
      key: keyed(at),
      sealed: text === null ? null : keyRing.seal(Buffer.from(text), 'echo'),
    });
    const range = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, at) => from + at);
    const texts = async (echoes: EchoStore, numbers: readonly number[]) =>
      (await echoes.load(numbers.map(keyed))).map((each) =>
        each === null ? null : keyRing.open(each, 'echo')?.toString(),
      );

    void test(
      'keeps, replaces and forgets, and answers in the order of the keys',
      withStores(engine, writer, async ({ echoes }) => {
        assert.deepEqual(await echoes.load([keyed(1)]), [null]);
        assert.deepEqual(await echoes.load([]), []);
        await echoes.save([kept(1, 'one'), kept(2, 'two'), kept(3, null)], 10);
        assert.deepEqual(await texts(echoes, [2, 3, 1]), ['two', null, 'one']);
        await echoes.save([kept(1, 'uno'), kept(2, null), kept(1, 'eins')], 20);
        assert.deepEqual(await texts(echoes, [1, 2]), ['eins', null]);
      }),
    );

    void test(
      'drops what is old, then the oldest beyond the rows, 500 at once',
      withStores(engine, writer, async ({ echoes }) => {
        for (const [from, at] of [
          [0, 10],
          [600, 20],
        ] as const) {
          await echoes.save(
            range(from, from + 600).map((each) => kept(each, `${each}`)),
            at,
          );
        }
        const limits = { before: 20, rowsMax: 400 };
        assert.deepEqual(await echoes.prune({ before: 0, rowsMax: 1_200 }), {
          rows: 1_200,
          more: false,
        });
        assert.deepEqual(await echoes.prune(limits), { rows: 700, more: true });
        assert.deepEqual(await echoes.prune(limits), { rows: 400, more: false });
        const left = await texts(echoes, range(0, 1_000));
        assert.ok(left.slice(0, 600).every((each) => each === null));
        await echoes.save([kept(5_000, 'newest')], 30);
        assert.deepEqual(await echoes.prune({ before: 20, rowsMax: 1 }), { rows: 1, more: false });
        assert.deepEqual(await texts(echoes, [5_000]), ['newest']);
      }),
    );
  });
}
