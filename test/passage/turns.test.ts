import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Clock, Timer } from '../../src/clock.ts';
import { makeTurns, type EnterOptions, type NoTurn, type Turn } from '../../src/passage/turns.ts';

/** A clock that moves only when told, running what falls due in order. */
const manualClock = () => {
  let now = 0;
  const due = new Set<{ at: number; run: () => void }>();
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms, run): Timer => {
      const timer = { at: now + ms, run };
      due.add(timer);
      return { cancel: () => void due.delete(timer) };
    },
  };
  const advance = (ms: number): void => {
    const end = now + ms;
    for (;;) {
      const next = [...due].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      due.delete(next);
      now = Math.max(now, next.at);
      next.run();
    }
    now = end;
  };
  return { clock, advance, armed: () => due.size };
};

const setUp = (more: { waitersMax?: number; keysMax?: number } = {}) => {
  const time = manualClock();
  const turns = makeTurns({ waitersMax: 20, keysMax: 100, ...more, clock: time.clock });
  return { ...time, turns };
};
const options = (more: Partial<EnterOptions> = {}): EnterOptions => ({
  deadline: 1_000,
  abandoned: null,
  revocation: false,
  shared: false,
  ...more,
});
const given = (outcome: Turn | NoTurn): Turn =>
  'refused' in outcome ? assert.fail(outcome.refused) : outcome;
const settled = async <T>(promise: Promise<T>): Promise<T | 'waiting'> => {
  const waiting = new Promise<'waiting'>((resolve) => setImmediate(resolve, 'waiting'));
  return Promise.race([promise, waiting]);
};

test('a free key is given at once, without a timer', async () => {
  const { turns, armed } = setUp();
  const turn = given(await turns.enter(['a'], options()));
  assert.deepEqual([turns.held('a'), turns.held('b'), turns.size(), armed()], [true, false, 1, 0]);
  turn.leave();
  turn.leave();
  assert.deepEqual([turns.held('a'), turns.size()], [false, 0]);
});

test('waiters get the key in the order they came, revocations too', async () => {
  const { turns, armed } = setUp();
  const first = given(await turns.enter(['a'], options()));
  const second = turns.enter(['a'], options());
  const third = turns.enter(['a'], options({ revocation: true }));
  assert.equal(await settled(third), 'waiting');
  first.leave();
  const turn = given(await second);
  assert.equal(await settled(third), 'waiting');
  first.leave();
  assert.equal(await settled(third), 'waiting', 'leaving twice lets nobody in');
  turn.leave();
  given(await third).leave();
  assert.deepEqual([turns.size(), armed()], [0, 0]);
});

test('several keys are taken together, whatever their order and repetition', async () => {
  const { turns } = setUp();
  const one = given(await turns.enter(['a', 'b'], options()));
  const crossed = turns.enter(['b', 'a', 'b'], options());
  const apart = given(await turns.enter(['c'], options()));
  assert.equal(await settled(crossed), 'waiting');
  one.leave();
  const two = given(await crossed);
  assert.deepEqual([turns.held('a'), turns.held('b'), turns.size()], [true, true, 3]);
  two.leave();
  apart.leave();
  assert.equal(turns.size(), 0);
});

test('no keys need no turn, and names of object properties are keys', async () => {
  const { turns } = setUp();
  given(await turns.enter([], options())).leave();
  const turn = given(await turns.enter(['__proto__', 'constructor'], options()));
  assert.ok(turns.held('__proto__') && !turns.held('toString'));
  turn.leave();
});

test('a waiter leaves at its deadline and nobody behind it is lost', async () => {
  const { turns, advance, armed } = setUp();
  const first = given(await turns.enter(['a'], options()));
  const short = turns.enter(['a', 'b'], options({ deadline: 50 }));
  const long = turns.enter(['a'], options());
  const onB = turns.enter(['b'], options());
  advance(49);
  assert.equal(await settled(short), 'waiting');
  advance(1);
  assert.deepEqual(await short, { refused: 'timeout' });
  given(await onB).leave();
  first.leave();
  given(await long).leave();
  assert.deepEqual([turns.size(), armed()], [0, 0]);
  assert.deepEqual(await turns.enter(['a'], options({ deadline: 50 })), { refused: 'timeout' });
});

test('an endless or very long wait arms no timer that fires early', async () => {
  const { turns, advance, armed } = setUp();
  const first = given(await turns.enter(['a'], options()));
  const endless = turns.enter(['a'], options({ deadline: Number.POSITIVE_INFINITY }));
  assert.equal(armed(), 0);
  const month = turns.enter(['a'], options({ deadline: 2_592_000_000 }));
  advance(2_147_483_647);
  assert.equal(await settled(month), 'waiting');
  advance(2_592_000_000 - 2_147_483_647);
  assert.deepEqual(await month, { refused: 'timeout' });
  first.leave();
  given(await endless).leave();
});

test('who hung up is dropped, before and while waiting, and not after', async () => {
  const { turns, armed } = setUp();
  const abandoned = AbortSignal.abort();
  assert.deepEqual(await turns.enter(['a'], options({ abandoned })), { refused: 'abandoned' });
  const first = given(await turns.enter(['a'], options()));
  const caller = new AbortController();
  const second = turns.enter(['a'], options({ abandoned: caller.signal }));
  const third = turns.enter(['a'], options());
  caller.abort();
  assert.deepEqual(await second, { refused: 'abandoned' });
  const late = new AbortController();
  const fourth = turns.enter(['a'], options({ abandoned: late.signal }));
  first.leave();
  given(await third).leave();
  late.abort();
  given(await fourth).leave();
  assert.deepEqual([turns.size(), armed()], [0, 0]);
});

test('queues and keys are bounded; the last tenth of the places is for revocations', async () => {
  const { turns } = setUp({ waitersMax: 20, keysMax: 2 });
  const held = given(await turns.enter(['a'], options()));
  const waiting = Array.from({ length: 18 }, () => turns.enter(['a'], options()));
  assert.deepEqual(await turns.enter(['a'], options()), { refused: 'busy' });
  assert.deepEqual(await turns.enter(['b', 'a'], options()), { refused: 'busy' });
  assert.equal(turns.held('b'), false, 'a refusal takes nothing');
  for (let index = 0; index < 2; index += 1) {
    waiting.push(turns.enter(['a'], options({ revocation: true })));
  }
  const refused = await turns.enter(['a'], options({ revocation: true }));
  assert.deepEqual(refused, { refused: 'busy' });
  assert.deepEqual(await turns.enter(['b', 'c'], options()), { refused: 'busy' });
  given(await turns.enter(['b'], options())).leave();
  held.leave();
  for (const each of waiting) given(await each).leave();
  assert.equal(turns.size(), 0);
});

test('random sessions: one holder a key, order of arrival, no deadlock, nothing left behind', async () => {
  const act = fc.oneof(
    fc.record({
      kind: fc.constant('enter' as const),
      keys: fc.subarray(['a', 'b', 'c', 'd'], { minLength: 1 }),
      patience: fc.constantFrom(10, 1_000_000),
      revocation: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('leave' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('abort' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 8 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 60 }), async (acts) => {
      const { turns, clock, advance, armed } = setUp({ waitersMax: 5, keysMax: 3 });
      type Visit = {
        order: number;
        keys: readonly string[];
        controller: AbortController;
        turn: Turn | null;
        state: 'waiting' | 'holding' | 'over';
      };
      const visits: Visit[] = [];
      const arrived = (visit: Visit, outcome: Turn | NoTurn): void => {
        if ('refused' in outcome) {
          visit.state = 'over';
          return;
        }
        for (const other of visits) {
          const meet = other.keys.some((key) => visit.keys.includes(key));
          assert.ok(!(meet && other.state === 'holding'), 'two holders of one key');
          assert.ok(!(meet && other.state === 'waiting' && other.order < visit.order), 'overtaken');
        }
        visit.state = 'holding';
        visit.turn = outcome;
      };
      const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
      const leave = (visit: Visit): void => {
        visit.state = 'over';
        visit.turn?.leave();
      };
      const pick = (state: Visit['state'], at: number): Visit | undefined => {
        const fitting = visits.filter((visit) => visit.state === state);
        return fitting[at % Math.max(1, fitting.length)];
      };
      for (const step of acts) {
        if (step.kind === 'enter') {
          const controller = new AbortController();
          const visit: Visit = {
            order: visits.length,
            keys: step.keys,
            controller,
            turn: null,
            state: 'waiting',
          };
          visits.push(visit);
          const outcome = turns.enter(step.keys, {
            deadline: clock.monotonic() + step.patience,
            abandoned: controller.signal,
            revocation: step.revocation,
            shared: false,
          });
          void outcome.then((result) => arrived(visit, result));
        } else if (step.kind === 'leave') {
          const visit = pick('holding', step.pick);
          if (visit !== undefined) leave(visit);
        } else if (step.kind === 'abort') {
          pick('waiting', step.pick)?.controller.abort();
        } else advance(step.ms);
        await pause();
        assert.ok(turns.size() <= 3);
      }
      for (let left = visits.length; left > 0; left -= 1) {
        const holding = visits.filter(({ state }) => state === 'holding');
        const open = visits.some(({ state }) => state !== 'over');
        assert.ok(!open || holding.length > 0, 'deadlock');
        holding.forEach(leave);
        await pause();
      }
      assert.deepEqual([turns.size(), armed()], [0, 0]);
    }),
    { numRuns: 300 },
  );
});
