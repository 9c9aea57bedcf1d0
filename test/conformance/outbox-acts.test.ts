/** What every engine must do when a person retries, replays or discards deliveries. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { deliveryStates, type DeliveryState } from '../../src/deliveries/event-store.ts';
import { deliveryId, type DeliveryId, type DeliveryKey, type EventId } from '../../src/ids.ts';
import {
  again,
  bring,
  claim,
  claimOne,
  delivered,
  listed,
  receive,
  receiving,
  settling,
  start,
} from '../support/deliveries.ts';
import { enginesUnderTest, withStores } from '../support/engines.ts';

const writer = '0badcafe';

for (const engine of enginesUnderTest) {
  const { name, skip } = engine;

  void suite(`acts of a person on ${name}`, { skip }, () => {
    const after: Readonly<Record<string, Readonly<Partial<Record<DeliveryState, DeliveryState>>>>> =
      {
        retry: { ready: 'ready', dead: 'ready', discarded: 'ready', cancelled: 'ready' },
        replay: {
          ready: 'ready',
          dead: 'ready',
          discarded: 'ready',
          cancelled: 'ready',
          delivered: 'ready',
          skipped: 'ready',
          superseded: 'ready',
        },
        discard: {
          ready: 'discarded',
          waiting: 'discarded',
          scheduled: 'discarded',
          dead: 'discarded',
        },
      };
    for (const act of ['retry', 'replay', 'discard'] as const)
      void test(
        `${act}: from every state, all or none`,
        withStores(engine, writer, async (stores) => {
          const { outbox } = stores;
          const keys: DeliveryKey[] = [];
          for (const [line, state] of deliveryStates.entries())
            if (state !== 'ready' && state !== 'waiting')
              keys.push(await bring(stores, line, state));
          keys.push(await bring(stores, 100, 'ready'), await bring(stores, 101, 'waiting'));
          const before = await Promise.all(keys.map((key) => listed(stores, key)));
          const none = { event: `evt_${'0'.repeat(24)}` as EventId, item: 0, name: 'n8n' };
          const given = [none, ...keys].map((key) => ({ key, dueAt: start + 5 }));
          const done = await outbox.act(act, given, start + 5);
          const fitting = before.filter(({ state }) => after[act]?.[state] !== undefined);
          assert.deepEqual(
            done,
            fitting.map(({ key }) => key),
          );
          for (const row of before) {
            const now = await listed(stores, row.key);
            const expected = after[act]?.[row.state];
            if (expected === undefined) assert.deepEqual(now, row);
            else {
              assert.equal(now.state, expected);
              assert.equal(now.dueAt, start + 5);
              if (act !== 'discard') assert.equal(now.attempts, 0);
            }
          }
          if (act === 'discard') return;
          const claimed = await claim(stores, start + 5);
          const ids = new Set<DeliveryId>(done.map(deliveryId));
          const mine = claimed.filter(({ key }) => ids.has(deliveryId(key)));
          assert.equal(mine.length, done.length);
          assert.ok(
            mine.every(
              ({ replayed, attempt: count }) => replayed === (act === 'replay') && count === 1,
            ),
          );
        }),
      );

    void test(
      'acts: a claimed one is left alone, a lease that ended is no claim, the next follows',
      withStores(engine, writer, async (stores) => {
        const { outbox } = stores;
        const ids = await receive(stores, [receiving(1), receiving(1)]);
        const head = await claimOne(stores);
        const doing = [{ key: head.key, dueAt: start }];
        for (const act of ['retry', 'replay', 'discard'] as const)
          assert.deepEqual(await outbox.act(act, doing, start), []);
        await outbox.settle([settling(head, again(start), null)], start);
        const lost = await claimOne(stores, start, 0);
        assert.deepEqual(await outbox.act('discard', doing, start), [head.key]);
        assert.deepEqual(await outbox.settle([settling(lost, delivered)], start), [false]);
        const next = await claimOne(stores);
        assert.deepEqual([next.key.event, next.gapAfter], [ids[1], deliveryId(head.key)]);
        // Back at the end of its line; twice in one list is once.
        assert.deepEqual(await outbox.act('retry', [...doing, ...doing], start), [head.key]);
        assert.equal((await listed(stores, head.key)).state, 'waiting');
        await outbox.settle([settling(next, delivered)], start);
        assert.equal((await claimOne(stores)).key.event, ids[0]);
      }),
    );

    void test(
      'acts: a date to come is waited for outside of the line',
      withStores(engine, writer, async (stores) => {
        const key = await bring(stores, 1, 'dead');
        await stores.outbox.act('retry', [{ key, dueAt: start + 50 }], start);
        const row = await listed(stores, key);
        assert.deepEqual([row.state, row.dueAt, row.reason], ['scheduled', start + 50, null]);
        const [other] = await receive(stores, [receiving(1)]);
        assert.equal((await claimOne(stores, start + 49)).key.event, other);
        assert.deepEqual(await claim(stores, start + 50), []);
        assert.equal((await listed(stores, key)).state, 'waiting');
      }),
    );
  });
}
