/** What every engine must do with later proofs of effect. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CheckRow, CheckStore } from '../../src/drift/check-store.ts';
import { ledgerId } from '../../src/ids.ts';
import { enginesUnderTest, withStores } from '../support/engines.ts';
import { newCheck, start } from '../support/safety-rows.ts';

const writer = '0badcafe';
const many = { rowsMax: 1_000 };

const read = async (checks: CheckStore, resource: string): Promise<CheckRow> => {
  const row = await checks.read(newCheck(resource).key);
  assert.ok(row !== null, `${resource} is kept`);
  return row;
};

const drifted = { state: 'drifted', round: 1, dueAt: start + 5, driftedAt: start + 4 } as const;

for (const engine of enginesUnderTest) {
  const { name, skip } = engine;

  void suite(`check store on ${name}`, { skip }, () => {
    void test(
      'a newer entry begins anew, an older one changes nothing',
      withStores(engine, writer, async ({ checks }) => {
        const check = newCheck('ada');
        assert.deepEqual(await checks.put([check], many), { dropped: 0 });
        const row = await read(checks, 'ada');
        const begun = { state: 'watching', round: 0, driftedAt: null, paths: '' };
        assert.deepEqual(row, { ...check, ...begun, version: 1 });
        assert.equal(await checks.change(check.key, 2, { ...drifted, paths: 'active' }), false);
        assert.equal(await checks.change(check.key, 1, { ...drifted, paths: 'active' }), true);
        const seen = { ...check, ...drifted, paths: 'active', version: 2 };
        assert.deepEqual(await read(checks, 'ada'), seen);
        const older = newCheck('ada', { at: start - 1, target: 'other' });
        assert.deepEqual(await checks.put([older], many), { dropped: 0 });
        assert.deepEqual(await read(checks, 'ada'), seen);
        const newer = newCheck('ada', { at: start + 9, entry: ledgerId('0badcafe', 7) });
        await checks.put([newer, newCheck('ada', { at: start + 8 })], many);
        assert.deepEqual(await read(checks, 'ada'), { ...newer, ...begun, version: 3 });
        assert.equal(await checks.read(newCheck('bob').key), null);
      }),
    );

    void test(
      'new ones beyond the rows are dropped and counted; known ones go on',
      withStores(engine, writer, async ({ checks }) => {
        const few = { rowsMax: 3 };
        const some = ['1', '2'].map((each) => newCheck(each));
        assert.deepEqual(await checks.put(some, few), { dropped: 0 });
        const next = ['3', '4', '2', '5'].map((each) => newCheck(each, { at: start + 1 }));
        assert.deepEqual(await checks.put(next, few), { dropped: 2 });
        assert.equal((await read(checks, '2')).at, start + 1);
        assert.equal((await read(checks, '3')).version, 1);
        assert.equal(await checks.read(newCheck('4').key), null);
        assert.deepEqual(await checks.put([], few), { dropped: 0 });
        const lot = Array.from({ length: 505 }, (_, at) => newCheck(`lot ${at}`));
        assert.deepEqual(await checks.put(lot, { rowsMax: 10_000 }), { dropped: 5 });
      }),
    );

    void test(
      'due ones are taken once a lease, and who lost its lease changes nothing',
      withStores(engine, writer, async ({ checks }) => {
        assert.equal(await checks.nextDueAt(), null);
        await checks.put(
          [30, 10, 20, 90].map((ms) => newCheck(`${ms}`, { dueAt: start + ms })),
          many,
        );
        await checks.put([newCheck('seen', { dueAt: start })], many);
        const seen = newCheck('seen').key;
        await checks.change(seen, 1, {
          ...drifted,
          state: 'dismissed',
          dueAt: start,
          paths: 'active',
        });
        assert.equal(await checks.nextDueAt(), start + 10);
        const lease = { leaseMs: 100, limit: 2 };
        const claimed = await checks.claim(start + 30, lease);
        assert.deepEqual(
          claimed.map(({ key, dueAt, version }) => [key, dueAt, version]),
          ['10', '20'].map((each) => [newCheck(each).key, start + 130, 2]),
        );
        const [first] = claimed;
        assert.ok(first !== undefined);
        assert.deepEqual(first, await read(checks, '10'));
        const rest = await checks.claim(start + 30, lease);
        assert.deepEqual(
          rest.map(({ key }) => key),
          [newCheck('30').key],
        );
        assert.deepEqual(await checks.claim(start + 30, lease), []);
        assert.equal(await checks.nextDueAt(), start + 90);
        const again = await checks.claim(start + 130, { leaseMs: 100, limit: 1_000 });
        assert.equal(again.length, 4);
        const to = { state: 'ended', round: 1, dueAt: start, driftedAt: null, paths: '' } as const;
        assert.equal(await checks.change(first.key, first.version, to), false);
        assert.equal(await checks.change(first.key, first.version + 1, to), true);
        assert.deepEqual(await checks.claim(start + 999, { leaseMs: 1, limit: 0 }), []);
        const lot = Array.from({ length: 120 }, (_, at) => newCheck(`lot ${at}`, { dueAt: 5 }));
        await checks.put(lot, many);
        assert.equal((await checks.claim(6, { leaseMs: 1, limit: 1_000 })).length, 100);
      }),
    );

    void test(
      'what drifted is looked at again as well: it may come back by itself',
      withStores(engine, writer, async ({ checks }) => {
        const check = newCheck('ada', { dueAt: start });
        await checks.put([check], many);
        await checks.change(check.key, 1, { ...drifted, paths: 'active' });
        assert.equal(await checks.nextDueAt(), start + 5);
        const [row] = await checks.claim(start + 5, { leaseMs: 100, limit: 1 });
        assert.deepEqual(
          [row?.state, row?.paths, row?.driftedAt],
          ['drifted', 'active', start + 4],
        );
      }),
    );

    void test(
      'lists and counts by state, and forgets what ended',
      withStores(engine, writer, async ({ checks }) => {
        const states = ['watching', 'drifted', 'dismissed', 'ended'] as const;
        for (const [at, state] of states.entries()) {
          const check = newCheck(state, { at: start + at });
          await checks.put([check], many);
          const to = { round: 1, dueAt: start + 10 + at, driftedAt: null, paths: '' };
          assert.equal(await checks.change(check.key, 1, { ...to, state }), true);
        }
        const listed = async (query: Parameters<CheckStore['list']>[0]) =>
          (await checks.list(query)).map(({ state }) => state);
        assert.deepEqual(await listed({ limit: 10 }), states.toReversed());
        assert.deepEqual(await listed({ limit: 2 }), ['ended', 'dismissed']);
        assert.deepEqual(await listed({ state: 'drifted', limit: 10 }), ['drifted']);
        assert.deepEqual(await checks.counts(), { watching: 1, drifted: 1 });
        assert.deepEqual(await checks.prune(start + 13), { removed: 1, more: false });
        assert.deepEqual(await checks.prune(start + 99), { removed: 1, more: false });
        assert.deepEqual(await listed({ limit: 10 }), ['drifted', 'watching']);
      }),
    );
  });
}
