/** Slots: never too many at once, fair turns, revocations first, nobody waits for ever. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { makeDeadlines, nowhere } from '../../src/targets/deadlines.ts';
import { makeRetryBudget } from '../../src/targets/retry-budget.ts';
import { makeSlots, type Turn } from '../../src/targets/slots.ts';
import { makeTestClock } from './harness.ts';

const launch = (limits: { concurrent: number; queue: number; wait: number }) => {
  const clock = makeTestClock();
  const slots = makeSlots(limits, clock, makeDeadlines(clock));
  const order: string[] = [];
  const wait = (client: string, revocation = false, deadline = Number.MAX_SAFE_INTEGER) =>
    slots.wait({ client, revocation, deadline }).then((turn) => {
      order.push(turn === 'granted' ? client : `${client}:${turn}`);
      return turn;
    });
  return { clock, slots, order, wait };
};
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('clients take turns, however many calls one of them has', async () => {
  const { slots, order, wait } = launch({ concurrent: 1, queue: 20, wait: 1_000 });
  assert.ok(slots.tryTake(false));
  assert.equal(slots.tryTake(false), false);
  for (const client of ['a', 'a', 'a', 'a', 'b', 'c', 'b']) void wait(client);
  void wait('leaver', true);
  for (let turn = 0; turn < 8; turn++) {
    slots.free();
    await settle();
  }
  assert.deepEqual(order, ['leaver', 'a', 'b', 'c', 'a', 'b', 'a', 'a']);
  assert.equal(slots.running(), 1);
});

test('the last tenth of places and slots is for revocations', async () => {
  const { slots, order, wait } = launch({ concurrent: 10, queue: 20, wait: 1_000 });
  for (let taken = 0; taken < 9; taken++) assert.ok(slots.tryTake(false));
  assert.equal(slots.tryTake(false), false);
  assert.ok(slots.tryTake(true));
  for (let place = 0; place < 18; place++) void wait(`c${place}`);
  assert.equal(await wait('late'), 'full');
  void wait('leaver', true);
  void wait('leaver', true);
  assert.equal(await wait('leaver', true), 'full');
  slots.free();
  slots.free();
  slots.free();
  await settle();
  assert.deepEqual(order, ['late:full', 'leaver:full', 'leaver', 'leaver']);
});

test('without a queue nobody waits', async () => {
  const { slots, wait } = launch({ concurrent: 1, queue: 0, wait: 1_000 });
  assert.ok(slots.tryTake(false));
  assert.equal(await wait('a'), 'full');
  assert.equal(await wait('a', true), 'full');
});

test('waiting ends at the limit, at the deadline or when the slots close', async () => {
  const { clock, slots, order, wait } = launch({ concurrent: 1, queue: 10, wait: 1_000 });
  assert.ok(slots.tryTake(false));
  void wait('limit');
  void wait('deadline', false, clock.monotonic() + 10);
  clock.advance(10);
  await settle();
  assert.deepEqual(order, ['deadline:expired']);
  clock.advance(990);
  await settle();
  assert.deepEqual(order, ['deadline:expired', 'limit:expired']);
  void wait('rest');
  slots.close();
  await settle();
  assert.deepEqual(order.slice(2), ['rest:closed']);
  assert.equal(await wait('after'), 'closed');
  assert.equal(slots.queued(), 0);
});

test('whatever happens: never more than allowed, every wait ends, the count comes back to zero', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        concurrent: fc.integer({ min: 1, max: 12 }),
        queue: fc.integer({ min: 0, max: 12 }),
      }),
      fc.array(
        fc.oneof(
          fc.record({ client: fc.constantFrom('a', 'b', '__proto__'), revocation: fc.boolean() }),
          fc.constant('free' as const),
          fc.constant('pass' as const),
        ),
        { maxLength: 60 },
      ),
      async (limits, steps) => {
        const { clock, slots } = launch({ ...limits, wait: 100 });
        const turns: Promise<Turn>[] = [];
        let held = 0;
        for (const step of steps) {
          if (step === 'pass') clock.advance(60);
          else if (step === 'free') {
            if (held > 0) slots.free();
            held = Math.max(0, held - 1);
          } else if (slots.tryTake(step.revocation)) held += 1;
          else {
            turns.push(
              slots.wait({ ...step, deadline: clock.monotonic() + 80 }).then((turn) => {
                if (turn === 'granted') held += 1;
                return turn;
              }),
            );
          }
          await settle();
          assert.equal(slots.running(), held);
          assert.ok(held <= limits.concurrent);
          assert.ok(slots.queued() <= limits.queue);
        }
        clock.advance(1_000);
        await Promise.all(turns);
        for (; held > 0; held--) slots.free();
        assert.equal(slots.running(), 0);
        assert.equal(slots.queued(), 0);
      },
    ),
    { numRuns: 60 },
  );
});

test('many deadlines cost one timer, which is exact', () => {
  const clock = makeTestClock();
  const deadlines = makeDeadlines(clock);
  const expired: number[] = [];
  const start = clock.monotonic();
  const entries = [300, 100, 200, 100].map((ms) => ({
    at: start + ms,
    place: nowhere,
    expire: () => void expired.push(clock.monotonic() - start),
  }));
  for (const entry of entries) deadlines.add(entry);
  assert.equal(clock.armed(), 1);
  deadlines.drop(entries[2] as (typeof entries)[number]);
  clock.advance(99);
  assert.deepEqual(expired, []);
  clock.advance(1_000);
  assert.deepEqual(expired, [100, 100, 300]);
  assert.equal(clock.armed(), 0);
});

test('retries are a share of live traffic', () => {
  const budget = makeRetryBudget(0.2);
  for (let retry = 0; retry < 10; retry++) assert.ok(budget.spend());
  assert.equal(budget.spend(), false);
  for (let call = 0; call < 5; call++) budget.earn();
  assert.ok(budget.spend());
  assert.equal(budget.spend(), false);
  const none = makeRetryBudget(0);
  none.earn();
  assert.equal(none.spend(), false);
});
