/** What every engine must do with held mutations. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { HoldRow, HoldStore, NewHold, Put } from '../../src/holds/hold-store.ts';
import { newHoldId, systemRandom, type HoldId } from '../../src/ids.ts';
import { keyRing } from '../ledger/fixture.ts';
import { enginesUnderTest, withStores } from '../support/engines.ts';
import { newHold, start } from '../support/safety-rows.ts';

const writer = '0badcafe';
const options = { pendingMax: 1_000, rememberMs: 1_000, now: start };

const put = async (holds: HoldStore, hold: NewHold, more: Partial<typeof options> = {}) =>
  holds.put(hold, { ...options, ...more });

const rowOf = (result: Put): HoldRow => {
  assert.ok(result.kind !== 'full');
  return result.row;
};

/** Keeps a hold and brings it to an end or to its approval. */
const bring = async (
  holds: HoldStore,
  hold: NewHold,
  to: Readonly<{ state: 'approved' | 'rejected' | 'expired'; now?: number }>,
): Promise<HoldRow> => {
  const row = rowOf(await put(holds, hold, { now: hold.at }));
  const changed = await holds.change(row.id, row.version, { now: hold.at, ...to });
  assert.ok(changed !== null);
  return changed;
};

for (const engine of enginesUnderTest) {
  const { name, skip } = engine;

  void suite(`hold store on ${name}`, { skip }, () => {
    void test(
      'keeps a new one as it was given, and finds it again',
      withStores(engine, writer, async ({ holds }) => {
        const hold = newHold('ada', { batch: '__proto__' });
        const result = await put(holds, hold, { now: start + 7 });
        const row = rowOf(result);
        assert.equal(result.kind, 'held');
        const expected = { ...hold, state: 'pending', version: 1, changedAt: start + 7, calls: 1 };
        assert.deepEqual(row, { ...expected, entry: null });
        assert.deepEqual(await holds.read(hold.id), row);
        assert.equal(keyRing.open(row.sealed, 'hold')?.toString(), 'body');
        assert.equal(await holds.read(newHoldId(start, systemRandom)), null);
        assert.equal(await holds.read('nothing' as HoldId), null);
      }),
    );

    void test(
      'the same mutation joins, another body replaces and voids, another subject stands apart',
      withStores(engine, writer, async ({ holds }) => {
        const first = newHold('ada');
        await put(holds, first);
        const joined = await put(holds, newHold('ada'), { now: start + 1 });
        assert.equal(joined.kind, 'joined');
        const { id, calls, version, changedAt } = rowOf(joined);
        assert.deepEqual([id, calls, version, changedAt], [first.id, 2, 1, start]);
        // An approval by version stands although a call joined meanwhile.
        const approved = await holds.change(first.id, 1, { state: 'approved', now: start + 2 });
        assert.equal(approved?.calls, 2);
        assert.equal(rowOf(await put(holds, newHold('ada'))).state, 'approved');
        const other = newHold('ada', { body: 'other' });
        const replaced = await put(holds, other, { now: start + 3 });
        assert.ok(replaced.kind === 'replaced');
        assert.deepEqual([replaced.former, replaced.row.id], [first.id, other.id]);
        assert.equal(replaced.row.state, 'pending');
        const former = await holds.read(first.id);
        assert.deepEqual(
          [former?.state, former?.version, former?.changedAt],
          ['replaced', 3, start + 3],
        );
        assert.equal((await put(holds, newHold('bob'))).kind, 'held');
        assert.equal(await holds.change(first.id, 3, { state: 'pending', now: start }), null);
      }),
    );

    void test(
      'what was decided is remembered as long as it may be, and by its own body only',
      withStores(engine, writer, async ({ holds }) => {
        const rejected = await bring(holds, newHold('ada'), { state: 'rejected', now: start + 10 });
        const at = (now: number) => put(holds, newHold('ada', { at: now }), { now });
        const joined = await at(start + 1_010);
        assert.deepEqual([joined.kind, rowOf(joined).id], ['joined', rejected.id]);
        assert.equal((await at(start + 1_011)).kind, 'held');
        await bring(holds, newHold('bob'), { state: 'rejected' });
        assert.equal((await put(holds, newHold('bob', { body: 'other' }))).kind, 'held');
        await bring(holds, newHold('eve'), { state: 'expired' });
        assert.equal((await put(holds, newHold('eve'))).kind, 'held');
      }),
    );

    void test(
      'no more of one client wait than may; a replacement needs no place',
      withStores(engine, writer, async ({ holds }) => {
        const few = { pendingMax: 3 };
        await put(holds, newHold('1'), few);
        await put(holds, newHold('2'), few);
        const third = await bring(holds, newHold('3'), { state: 'approved' });
        assert.deepEqual(await put(holds, newHold('4'), few), { kind: 'full' });
        assert.equal((await put(holds, newHold('1'), few)).kind, 'joined');
        assert.equal((await put(holds, newHold('2', { body: 'b' }), few)).kind, 'replaced');
        assert.equal((await put(holds, newHold('4', { client: 'okta' }), few)).kind, 'held');
        await holds.change(third.id, third.version, { state: 'rejected', now: start });
        assert.equal((await put(holds, newHold('4'), few)).kind, 'held');
      }),
    );

    void test(
      'nobody joins what is over, though no sweep came yet',
      withStores(engine, writer, async ({ holds }) => {
        const over = newHold('ada', { expiresAt: start + 10 });
        await put(holds, over);
        assert.equal((await put(holds, newHold('ada'), { now: start + 9 })).kind, 'joined');
        const next = newHold('ada', { at: start + 10 });
        const held = await put(holds, next, { now: start + 10 });
        assert.deepEqual([held.kind, rowOf(held).id], ['held', next.id]);
        const former = await holds.read(over.id);
        assert.deepEqual(
          [former?.state, former?.version, former?.changedAt],
          ['expired', 2, start + 10],
        );
        // Nor does another body replace it.
        const eve = newHold('eve', { expiresAt: start + 10 });
        await put(holds, eve);
        const other = await put(holds, newHold('eve', { body: 'other' }), { now: start + 10 });
        assert.equal(other.kind, 'held');
        assert.equal((await holds.read(eve.id))?.state, 'expired');
      }),
    );

    void test(
      'what waits or was rejected binds the same change, and no other',
      withStores(engine, writer, async ({ holds }) => {
        const binding = (name: string, body?: string, now = start) =>
          holds.binding(newHold(name, body === undefined ? {} : { body }), {
            rememberMs: 1_000,
            now,
          });
        assert.equal(await binding('ada'), null);
        assert.deepEqual(await holds.bound(start), []);
        const ada = newHold('ada', { expiresAt: start + 10 });
        await put(holds, ada);
        assert.equal(await binding('ada'), ada.rule);
        // Another body would replace what waits, so it does not pass by it either.
        assert.equal(await binding('ada', 'other'), ada.rule);
        assert.equal(await binding('ada', undefined, start + 10), null);
        assert.equal(await binding('bob'), null);
        assert.deepEqual(await holds.bound(start), [ada.client]);
        await holds.change(ada.id, 1, { state: 'rejected', now: start + 5 });
        assert.equal(await binding('ada', undefined, start + 1_005), ada.rule);
        assert.equal(await binding('ada', undefined, start + 1_006), null);
        assert.equal(await binding('ada', 'other'), null);
        assert.deepEqual(await holds.bound(start + 5), [ada.client]);
        assert.deepEqual(await holds.bound(start + 6), []);
        await bring(holds, newHold('eve', { client: 'okta' }), { state: 'expired' });
        assert.equal(await binding('eve'), null);
        assert.deepEqual(await holds.bound(start + 6), []);
      }),
    );

    void test(
      'a change is one compare-and-set, and an end is never left',
      withStores(engine, writer, async ({ holds }) => {
        const row = rowOf(await put(holds, newHold('ada')));
        const sealed = keyRing.seal(Buffer.from('approved by bob'), 'hold');
        const to = { state: 'approved', sealed, now: start + 5 } as const;
        assert.equal(await holds.change(row.id, 2, to), null);
        assert.equal(await holds.change(newHoldId(start, systemRandom), 1, to), null);
        const approved = await holds.change(row.id, 1, to);
        assert.deepEqual(approved, {
          ...row,
          state: 'approved',
          sealed,
          version: 2,
          changedAt: start + 5,
        });
        assert.equal(await holds.change(row.id, 1, to), null);
        const mutation = Buffer.alloc(32, 3);
        const back = await holds.change(row.id, 2, {
          state: 'pending',
          expiresAt: start + 99,
          mutation,
          now: start + 6,
        });
        assert.ok(back !== null);
        assert.deepEqual(
          [back.state, back.expiresAt, back.mutation, back.sealed],
          ['pending', start + 99, mutation, sealed],
        );
        await holds.change(row.id, 3, { state: 'rejected', now: start + 7 });
        assert.equal(await holds.change(row.id, 4, { state: 'approved', now: start + 8 }), null);
        assert.equal((await holds.read(row.id))?.state, 'rejected');
      }),
    );

    void test(
      'lists by state, client, batch and place; approved ones by how long they wait',
      withStores(engine, writer, async ({ holds }) => {
        const ids: HoldId[] = [];
        for (let at = 0; at < 6; at += 1) {
          const more = { at: start + at, batch: `b${at % 2}`, client: at < 4 ? 'entra' : 'okta' };
          ids.push(rowOf(await put(holds, newHold(`${at}`, more), { now: start + at })).id);
        }
        const approve = (at: number, now: number) =>
          holds.change(ids[at] as HoldId, 1, { state: 'approved', now });
        await approve(1, start + 200);
        await approve(2, start + 100);
        await approve(3, start + 300);
        const numbers = async (query: Omit<Parameters<HoldStore['list']>[0], 'limit'>, limit = 9) =>
          (await holds.list({ ...query, limit })).map(({ id }) => ids.indexOf(id));
        assert.deepEqual(await numbers({}), [5, 4, 3, 2, 1, 0]);
        assert.deepEqual(await numbers({}, 2), [5, 4]);
        assert.deepEqual(await numbers({ before: ids[4] as HoldId }, 2), [3, 2]);
        assert.deepEqual(await numbers({ states: ['pending'] }), [5, 4, 0]);
        assert.deepEqual(await numbers({ states: ['approved', 'rejected'] }), [3, 2, 1]);
        assert.deepEqual(await numbers({ states: [] }), []);
        assert.deepEqual(await numbers({ client: 'okta' }), [5, 4]);
        assert.deepEqual(await numbers({ batch: 'b1' }), [5, 3, 1]);
        assert.deepEqual(await numbers({ batch: 'b1', states: ['pending'] }), [5]);
        assert.deepEqual(await numbers({ approvedBefore: start + 300 }), [2, 1]);
        assert.deepEqual(
          await numbers({ approvedBefore: start + 301, client: 'entra' }, 2),
          [2, 1],
        );
        assert.deepEqual(await holds.counts(), [
          { client: 'entra', pending: 4, oldestAt: start },
          { client: 'okta', pending: 2, oldestAt: start + 4 },
        ]);
      }),
    );

    void test(
      'ends what is over, 500 at once, and forgets ends, 1,000 at once',
      withStores(engine, writer, async ({ holds }) => {
        for (let at = 0; at < 505; at += 1)
          await put(holds, newHold(`${at}`, { expiresAt: start + 10 + (at % 2) }));
        const approved = await bring(holds, newHold('late', { expiresAt: start + 10 }), {
          state: 'approved',
        });
        const waits = newHold('waits', { expiresAt: start + 50 });
        await put(holds, waits);
        assert.deepEqual(await holds.expire(start + 9), []);
        const ended = await holds.expire(start + 11);
        assert.equal(ended.length, 500);
        const rest = await holds.expire(start + 12);
        assert.equal(rest.length, 6);
        const all = [...ended, ...rest];
        assert.ok(all.every(({ state }) => state === 'expired'));
        assert.equal(all.find(({ id }) => id === approved.id)?.version, 3);
        assert.deepEqual(await holds.expire(start + 12), []);
        assert.deepEqual(await holds.prune(start + 11), { removed: 0, more: false });
        assert.deepEqual(await holds.prune(start + 13), { removed: 506, more: false });
        const left = await holds.list({ limit: 1_000 });
        assert.deepEqual(
          left.map(({ id }) => id),
          [waits.id],
        );
      }),
    );
  });
}
