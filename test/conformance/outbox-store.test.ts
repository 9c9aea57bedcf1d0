/** What every engine must do for deliveries: order in lines, leases, ends, and what a person does. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { deliveryStates, type DeliveryState } from '../../src/deliveries/event-store.ts';
import type { Claimed, OutboxStore } from '../../src/deliveries/outbox-store.ts';
import { deliveryId, type DeliveryId, type DeliveryKey, type EventId } from '../../src/ids.ts';
import type { Stores } from '../../src/storage/stores.ts';
import {
  again,
  attempt,
  bytesOf,
  claim,
  dead,
  delivered,
  deliveryRow,
  eventRow,
  hour,
  lane,
  receive,
  receiving,
  settling,
  start,
} from '../support/deliveries.ts';
import { enginesUnderTest, withStores } from '../support/engines.ts';

const writer = '0badcafe';
const eventsOf = (claimed: readonly Claimed[]) => claimed.map(({ key }) => key.event);

/** Claims exactly one. */
const claimOne = async (stores: Stores, now = start, leaseMs = hour): Promise<Claimed> => {
  const claimed = await claim(stores, now, { leaseMs });
  const [one] = claimed;
  assert.ok(one !== undefined && claimed.length === 1, `${claimed.length} were claimed`);
  return one;
};

const listed = async ({ outbox }: Stores, key: DeliveryKey) => {
  const shown = await outbox.show(key);
  assert.ok(shown !== null);
  return shown.delivery;
};

/** Brings a fresh delivery of a line into a state. */
const bring = async (stores: Stores, line: number, state: DeliveryState): Promise<DeliveryKey> => {
  if (state === 'waiting') await receive(stores, [receiving(line)]);
  const dueAt = state === 'scheduled' || state === 'cancelled' ? start + hour : start;
  const given = receiving(line, { dueAt, kind: 'leaver' });
  const [event] = await receive(stores, [given]);
  const key = { event: event as EventId, item: 0, name: 'n8n' };
  if (state === 'cancelled') {
    const cancels = [{ line: bytesOf(line), kinds: ['leaver'] }];
    await receive(stores, [{ ...receiving(line), deliveries: [], cancels }]);
  } else if (state === 'discarded') {
    await stores.outbox.act('discard', [{ key, dueAt: start }], start);
  } else if (!['ready', 'waiting', 'scheduled'].includes(state)) {
    const head = await claimOne(stores);
    const next = { state: state as 'dead', reason: 'why' };
    assert.deepEqual(await stores.outbox.settle([settling(head, next)], start), [true]);
  }
  assert.equal((await listed(stores, key)).state, state);
  return key;
};

for (const engine of enginesUnderTest) {
  const { name, skip } = engine;

  void suite(`outbox store on ${name}`, { skip }, () => {
    void test(
      'claims what is due with its event, as a lease',
      withStores(engine, writer, async (stores) => {
        const event = eventRow();
        const row = deliveryRow(1, { item: 3, kind: 'leaver', observedAt: start - 5 });
        await receive(stores, [{ event, marks: [], deliveries: [row], cancels: [] }]);
        assert.equal(await stores.outbox.nextDueAt([lane]), start);
        assert.equal(await stores.outbox.nextDueAt(['other']), null);
        assert.deepEqual(await claim(stores, start - 1), []);
        const { leaseUntil, token, ...rest } = await claimOne(stores);
        const { at, sender, keyId, traceId, spanId, sealed } = event;
        assert.deepEqual(rest, {
          key: { event: event.id, item: 3, name: 'n8n' },
          route: 'hr',
          lane,
          line: bytesOf(1),
          kind: 'leaver',
          observedAt: start - 5,
          attempt: 1,
          gapAfter: null,
          replayed: false,
          outOfOrder: false,
          event: { at, sender, keyId, traceId, spanId, sealed },
        });
        assert.ok(Number.isSafeInteger(token) && leaseUntil >= start + hour);
        assert.deepEqual(await claim(stores, start + 1), []);
        assert.equal(await stores.outbox.nextDueAt([lane]), start + hour);
      }),
    );

    void test(
      'claims heads alone, the oldest first, as many of each lane as asked',
      withStores(engine, writer, async (stores) => {
        const ids = await receive(stores, [
          receiving(1, { at: start + 3 }),
          receiving(1, { at: start + 4 }),
          receiving(2, { at: start + 1 }),
          receiving(3, { at: start + 2 }),
          receiving(4, { at: start, lane: 'other' }),
        ]);
        const now = start + 9;
        const lanes = [
          { lane, max: 2 },
          { lane: 'other', max: 5 },
          { lane: 'none', max: 5 },
        ];
        const claimed = await stores.outbox.claim({ lanes, now, leaseMs: hour });
        assert.deepEqual(new Set(eventsOf(claimed)), new Set([ids[2], ids[3], ids[4]]));
        assert.deepEqual(eventsOf(await claim(stores, now)), [ids[0]]);
        assert.deepEqual(await claim(stores, now), []);
      }),
    );

    void test(
      'claims 256 at once',
      withStores(engine, writer, async (stores) => {
        for (const from of [0, 150])
          await receive(
            stores,
            Array.from({ length: 150 }, (_, index) => receiving(from + index)),
          );
        const claimed = await claim(stores, start, { max: 1_000 });
        assert.equal(claimed.length, 256);
        assert.equal(
          (
            await stores.outbox.settle(
              claimed.map((each) => settling(each, delivered)),
              start,
            )
          ).length,
          256,
        );
        assert.equal((await claim(stores, start, { max: 1_000 })).length, 44);
      }),
    );

    void test(
      'keeps the order of a line over retries, and lets the next follow at an end',
      withStores(engine, writer, async (stores) => {
        const ids = await receive(stores, [receiving(1), receiving(1), receiving(1)]);
        const first = await claimOne(stores);
        await stores.outbox.settle([settling(first, again(start + 50))], start);
        assert.deepEqual(await claim(stores, start + 49), []);
        assert.equal(await stores.outbox.nextDueAt([lane]), start + 50);
        const second = await claimOne(stores, start + 50);
        assert.deepEqual([second.key.event, second.attempt], [ids[0], 2]);
        assert.deepEqual((await listed(stores, first.key)).reason, 'status');
        await stores.outbox.settle([settling(second, again(start + 60, false), null)], start + 50);
        const third = await claimOne(stores, start + 60);
        assert.deepEqual([third.key.event, third.attempt], [ids[0], 2]);
        await stores.outbox.settle([settling(third, delivered)], start + 70);
        const ended = await listed(stores, first.key);
        assert.deepEqual(
          [ended.state, ended.reason, ended.attempts, ended.dueAt],
          ['delivered', null, 2, start + 70],
        );
        assert.equal(await stores.outbox.nextDueAt([lane]), start + 70);
        const next = await claimOne(stores, start + 70);
        assert.equal(next.key.event, ids[1]);
        const skipped = { state: 'skipped', reason: 'when' } as const;
        await stores.outbox.settle([settling(next, skipped, null)], start + 70);
        assert.equal((await listed(stores, next.key)).reason, 'when');
        assert.equal((await claimOne(stores, start + 70)).key.event, ids[2]);
      }),
    );

    void test(
      'what is scheduled joins the end of its line at its date',
      withStores(engine, writer, async (stores) => {
        const ids = await receive(stores, [
          receiving(1, { dueAt: start + 20 }),
          receiving(1, { dueAt: start + 10 }),
          receiving(1),
          receiving(2, { dueAt: start + 5 }),
        ]);
        assert.equal(await stores.outbox.nextDueAt(['none']), start + 5);
        const head = await claimOne(stores);
        assert.equal(head.key.event, ids[2]);
        assert.deepEqual(eventsOf(await claim(stores, start + 30)), [ids[3]]);
        const [late] = await receive(stores, [receiving(1, { at: start + 30 })]);
        const order: EventId[] = [];
        let current = head;
        for (let left = 3; left > 0; left -= 1) {
          await stores.outbox.settle([settling(current, delivered)], start + 30);
          current = await claimOne(stores, start + 30);
          order.push(current.key.event);
        }
        assert.deepEqual(order, [ids[1], ids[0], late]);
        const waits = { state: 'scheduled', dueAt: start + 90 } as const;
        await receive(stores, [receiving(1, { at: start + 30 })]);
        await stores.outbox.settle([settling(current, waits, null)], start + 30);
        const row = await listed(stores, current.key);
        assert.deepEqual([row.state, row.attempts, row.dueAt], ['scheduled', 0, start + 90]);
        assert.notEqual((await claimOne(stores, start + 30)).key.event, late);
        assert.deepEqual(await claim(stores, start + 90), []);
        assert.equal((await listed(stores, current.key)).state, 'waiting');
      }),
    );

    void test(
      'a lease that ended is claimed anew, and whoever lost it settles nothing',
      withStores(engine, writer, async (stores) => {
        const { outbox } = stores;
        const [event] = await receive(stores, [receiving(1)]);
        const lost = await claimOne(stores, start, 0);
        const mine = await claimOne(stores);
        assert.equal(mine.key.event, event);
        assert.notEqual(mine.token, lost.token);
        assert.equal(mine.attempt, 2);
        const wrong = { ...mine, key: { ...mine.key, item: 9 } };
        const settlings = [lost, wrong, mine, mine].map((each) => settling(each, delivered));
        const settled = await outbox.settle(settlings.slice(0, 3), start);
        assert.deepEqual(settled, [false, false, true]);
        assert.deepEqual(await outbox.settle(settlings.slice(3), start), [false]);
        assert.deepEqual(await outbox.settle([], start), []);
        assert.equal((await outbox.show(mine.key))?.attempts.length, 1);
      }),
    );

    void test(
      'releaseAll gives up claims only where one process owns the store',
      withStores(engine, writer, async (stores) => {
        await receive(stores, [receiving(1), receiving(2)]);
        const claimed = await claim(stores, start, { max: 1 });
        await stores.outbox.releaseAll(start + 1);
        const [one] = claimed;
        assert.ok(one !== undefined);
        const left = await claim(stores, start + 1);
        assert.equal(left.length, engine.shared ? 1 : 2);
        const settled = await stores.outbox.settle([settling(one, delivered)], start + 1);
        assert.deepEqual(settled, [engine.shared]);
      }),
    );

    void test(
      'remembers the newest ten tries, the newest first',
      withStores(engine, writer, async (stores) => {
        await receive(stores, [receiving(1)]);
        let key: DeliveryKey | null = null;
        for (let count = 0; count < 13; count += 1) {
          const one = await claimOne(stores, start + count);
          ({ key } = one);
          const tried = attempt({
            at: start + count,
            ms: count,
            status: count === 12 ? null : 503,
            detail: null,
            ledgerIds: ['led_1', `led_${count}`],
          });
          await stores.outbox.settle([settling(one, again(start + count + 1), tried)], start);
        }
        const shown = key === null ? null : await stores.outbox.show(key);
        assert.equal(shown?.delivery.attempts, 13);
        assert.deepEqual(
          shown.attempts.map(({ ms }) => ms),
          [12, 11, 10, 9, 8, 7, 6, 5, 4, 3],
        );
        assert.deepEqual(
          shown.attempts[0],
          attempt({
            at: start + 12,
            ms: 12,
            status: null,
            detail: null,
            ledgerIds: ['led_1', 'led_12'],
          }),
        );
        assert.equal(await stores.outbox.show({ ...shown.delivery.key, name: 'x' }), null);
      }),
    );

    void test(
      'a gap is shown until something is delivered on the line',
      withStores(engine, writer, async (stores) => {
        const { outbox } = stores;
        const ids = await receive(stores, [receiving(1), receiving(1), receiving(1)]);
        const first = await claimOne(stores);
        await outbox.settle([settling(first, dead)], start);
        const gap = deliveryId(first.key);
        const second = await claimOne(stores);
        assert.equal(second.gapAfter, gap);
        await outbox.settle([settling(second, { state: 'skipped', reason: 'when' })], start);
        const third = await claimOne(stores);
        assert.deepEqual([third.key.event, third.gapAfter], [ids[2], gap]);
        await outbox.settle([settling(third, delivered)], start);
        assert.equal((await listed(stores, third.key)).gapAfter, gap);
        await receive(stores, [receiving(1)]);
        const fourth = await claimOne(stores);
        assert.equal(fourth.gapAfter, null);
        await outbox.settle([settling(fourth, again(start, false), null)], start);
        await outbox.act('discard', [{ key: fourth.key, dueAt: start }], start);
        await receive(stores, [receiving(1), receiving(2)]);
        const both = await claim(stores);
        const gaps = new Map(both.map((each) => [each.line.toString('hex'), each.gapAfter]));
        assert.equal(gaps.get(bytesOf(1).toString('hex')), deliveryId(fourth.key));
        assert.equal(gaps.get(bytesOf(2).toString('hex')), null);
        // Retried itself, it leaves no gap any more.
        await outbox.settle(
          both.map((each) => settling(each, { state: 'skipped', reason: 'x' })),
          start,
        );
        await outbox.act('retry', [{ key: fourth.key, dueAt: start }], start);
        assert.equal((await claimOne(stores)).gapAfter, null);
      }),
    );

    void test(
      'tells what the source saw later and was delivered already',
      withStores(engine, writer, async (stores) => {
        const { outbox } = stores;
        const seen = [30, 10, 20].map((observedAt) =>
          receiving(1, { observedAt, kind: `k${observedAt}` }),
        );
        await receive(stores, [...seen, receiving(2, { observedAt: 99 })]);
        const [first, other] = await claim(stores);
        assert.ok(first !== undefined && other !== undefined);
        await outbox.settle([settling(first, delivered), settling(other, delivered)], start);
        const second = await claimOne(stores);
        assert.equal(second.outOfOrder, true);
        const newer = await outbox.newer(second);
        assert.deepEqual(newer, [
          { event: seen[0]?.event.id, item: 0, kind: 'k30', sealed: seen[0]?.event.sealed },
        ]);
        await outbox.settle([settling(second, { state: 'superseded', reason: 'newer' })], start);
        assert.equal((await claimOne(stores)).outOfOrder, true);
        assert.deepEqual(await outbox.newer({ line: bytesOf(1), observedAt: 30 }), []);
        const many = Array.from({ length: 60 }, (_, at) => receiving(9, { observedAt: 100 + at }));
        await receive(stores, many);
        for (let left = 60; left > 0; left -= 1)
          await outbox.settle([settling(await claimOne(stores), delivered)], start);
        const most = await outbox.newer({ line: bytesOf(9), observedAt: 0 });
        assert.deepEqual([most.length, most[0]?.event], [50, many[59]?.event.id]);
      }),
    );

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

    void test(
      'counts by lane, and lists by state, lane and event, page by page',
      withStores(engine, writer, async (stores) => {
        const { outbox } = stores;
        assert.deepEqual(await outbox.counts(), []);
        const event = eventRow({ at: start + 4 });
        const deliveries = [0, 1, 40].flatMap((item) => [
          deliveryRow(1, { item, dueAt: start }),
          deliveryRow(2, { item, name: 'plan', lane: 'hr/plan', dueAt: start + hour }),
        ]);
        await outbox.counts();
        await receive(stores, [
          receiving(1, { at: start + 2 }),
          { event, marks: [], deliveries, cancels: [] },
        ]);
        await bring(stores, 7, 'dead');
        assert.deepEqual(await outbox.counts(), [
          { lane, pending: 4, scheduled: 0, dead: 1, oldestAt: start + 2 },
          { lane: 'hr/plan', pending: 0, scheduled: 3, dead: 0, oldestAt: null },
        ]);
        const list = async (query: Parameters<OutboxStore['list']>[0]) =>
          (await outbox.list(query)).map(({ key }) => deliveryId(key));
        const all = await list({ limit: 100 });
        assert.equal(all.length, 8);
        for (const query of [{}, { lane }, { event: event.id }, { state: 'scheduled' }] as const) {
          const whole = await list({ ...query, limit: 100 });
          assert.ok(whole.length >= 3);
          const paged: DeliveryId[] = [];
          for (;;) {
            const before = paged.at(-1);
            const page = await list({ ...query, limit: 2, ...(before && { before }) });
            if (page.length === 0) break;
            paged.push(...page);
          }
          assert.deepEqual(paged, whole);
        }
        assert.deepEqual(await list({ state: 'dead', lane, limit: 9 }), all.slice(0, 1));
        assert.deepEqual(await list({ limit: 9, before: 'nonsense' as DeliveryId }), []);
        const [row] = await outbox.list({ event: event.id, lane, limit: 1 });
        assert.deepEqual(row, {
          key: { event: event.id, item: 40, name: 'n8n' },
          route: 'hr',
          lane,
          kind: 'mover',
          state: 'waiting',
          reason: null,
          attempts: 0,
          at: start + 4,
          dueAt: start,
          traceId: event.traceId,
          gapAfter: null,
        });
      }),
    );
  });
}
