/** What every engine must do with marks of protected subjects. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ProtectionMark } from '../../src/safety/mark-store.ts';
import type { Stores } from '../../src/storage/stores.ts';
import { enginesUnderTest, withStores } from '../support/engines.ts';
import { newMark, start } from '../support/safety-rows.ts';

const writer = '0badcafe';
const rule = { tenant: 'slack', rule: 'executives', digest: 'd1', at: start };

const marksOf = (from: number, count: number, more: Partial<ProtectionMark> = {}) =>
  Array.from({ length: count }, (_, at) => newMark(`${from + at}`, more));

/** Keeps so many marks of a tenant: as a copy does where an engine takes one, else a thousand a call. */
const fill = async (stores: Stores, count: number, tenant: string): Promise<void> => {
  const marks = marksOf(0, count, { tenant });
  const { write } = stores.copying;
  if (write !== null) return write('protection_marks', marks);
  for (let at = 0; at < count; at += 1_000)
    assert.equal(await stores.protectionMarks.add(marks.slice(at, at + 1_000), null), true);
};

for (const engine of enginesUnderTest) {
  const { name, skip } = engine;

  void suite(`mark store on ${name}`, { skip }, () => {
    void test(
      'keeps marks once, oldest first, with the rules that were looked through',
      withStores(engine, writer, async ({ protectionMarks: store }) => {
        assert.deepEqual(await store.list(), { marks: [], resolved: [] });
        const [one, two] = [newMark('1', { at: start + 9 }), newMark('2', { at: start + 1 })];
        assert.equal(await store.add([one, two, { ...one, at: start + 9 }], null), true);
        const group = newMark('1', { word: 'groups', at: start + 5 });
        assert.equal(await store.add([{ ...two, at: start + 20 }, group], rule), true);
        assert.deepEqual(await store.list(), { marks: [two, group, one], resolved: [rule] });
        assert.equal(await store.add([], null), true);
      }),
    );

    void test(
      'another digest takes the place of the one before; an older look does not',
      withStores(engine, writer, async ({ protectionMarks: store }) => {
        const again = { ...rule, digest: 'd2', at: start + 5 };
        const other = { ...rule, rule: '__proto__', at: start + 9 };
        for (const each of [rule, again, { ...rule, digest: 'd0', at: start + 4 }, other])
          assert.equal(await store.add([], each), true);
        assert.deepEqual((await store.list()).resolved, [again, other]);
      }),
    );

    void test(
      'forgets the one that is named, and no other',
      withStores(engine, writer, async ({ protectionMarks: store }) => {
        const marks = [
          newMark('1'),
          newMark('1', { rule: 'admins' }),
          newMark('1', { tenant: 'okta' }),
          newMark('1', { word: 'groups' }),
        ];
        await store.add(marks, null);
        assert.equal(await store.forget(newMark('1')), true);
        assert.equal(await store.forget(newMark('1')), false);
        assert.equal((await store.list()).marks.length, 3);
      }),
    );

    void test(
      'a tenant holds 50,000, and one call brings 1,000: beyond it nothing is kept',
      withStores(engine, writer, async (stores) => {
        const { protectionMarks: store } = stores;
        await assert.rejects(store.add(marksOf(0, 1_001), rule), { code: 'ledger_unavailable' });
        await fill(stores, 49_999, 'slack');
        assert.equal(await store.add(marksOf(49_999, 2), rule), false);
        assert.deepEqual((await store.list()).resolved, []);
        assert.equal(await store.add([...marksOf(49_998, 2), ...marksOf(0, 9)], rule), true);
        assert.equal(await store.add([newMark('x')], null), false);
        // Those that are there already need no room.
        assert.equal(await store.add(marksOf(7, 50), { ...rule, at: start + 1 }), true);
        const { marks, resolved } = await store.list();
        assert.equal(marks.length, 50_000);
        assert.equal(resolved[0]?.at, start + 1);
      }),
    );
  });
}
