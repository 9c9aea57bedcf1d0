/** What every engine must do for deliveries: order in lines, leases, ends, and what a person does. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Claimed, OutboxStore } from '../../src/deliveries/outbox-store.ts';
import { deliveryId, type DeliveryId, type DeliveryKey, type EventId } from '../../src/ids.ts';
import {
  again,
  attempt,
  bring,
  bytesOf,
  claim,
  claimOne,
  dead,
  delivered,
  deliveryRow,
  eventRow,
  hour,
  lane,
  listed,
  receive,
  receiving,
  settling,
  start,
} from '../support/deliveries.ts';
import { enginesUnderTest, withStores } from '../support/engines.ts';

const writer = '0badcafe';
const eventsOf = (claimed: readonly Claimed[]) => claimed.map(({ key }) => key.event);

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
