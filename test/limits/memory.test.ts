import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { makeMemoryLimiter, revocationReserve } from '../../src/limits/memory.ts';
import type { CompiledLimit } from '../../src/policy/decision.ts';

const limit = (key: string, count: number, seconds: number, burst = count): CompiledLimit => ({
  key,
  policy: key,
  count,
  seconds,
  burst,
});
const plain = (now: number) => ({ revocation: false, now });
const revoking = (now: number) => ({ revocation: true, now });
const admittedOf = (calls: number, take: () => { admitted: boolean }): number => {
  let admitted = 0;
  for (let call = 0; call < calls; call += 1) if (take().admitted) admitted += 1;
  return admitted;
};

test('a rate admits its burst at once and then its pace', () => {
  const limiter = makeMemoryLimiter({ keysMax: 10 });
  const tenPerSecond = limit('a', 10, 1);
  assert.equal(
    admittedOf(30, () => limiter.take([tenPerSecond], plain(0))),
    10,
  );
  assert.equal(
    admittedOf(30, () => limiter.take([tenPerSecond], plain(99))),
    0,
  );
  assert.equal(
    admittedOf(30, () => limiter.take([tenPerSecond], plain(100))),
    1,
  );
  assert.equal(
    admittedOf(30, () => limiter.take([tenPerSecond], plain(350))),
    2,
  );
  assert.equal(
    admittedOf(30, () => limiter.take([tenPerSecond], plain(60_000))),
    10,
  );
});

test('what is left, when it is full again and when to come back is told', () => {
  const limiter = makeMemoryLimiter({ keysMax: 10 });
  const slow = limit('a', 60, 60, 3);
  const told = (now: number) => {
    const { admitted, states, retryAfterSeconds, refusedBy } = limiter.take([slow], plain(now));
    return [admitted, states[0]?.remaining, states[0]?.resetSeconds, retryAfterSeconds, refusedBy];
  };
  assert.deepEqual(told(0), [true, 2, 1, 0, null]);
  assert.deepEqual(told(0), [true, 1, 2, 0, null]);
  assert.deepEqual(told(0), [true, 0, 3, 0, null]);
  assert.deepEqual(told(0), [false, 0, 3, 1, slow]);
  assert.deepEqual(told(1_000), [true, 0, 3, 0, null]);
  const daily = limit('d', 5, 86_400, 1);
  assert.equal(limiter.take([daily], plain(0)).admitted, true);
  assert.equal(limiter.take([daily], plain(0)).retryAfterSeconds, 17_280);
});

test('several limits give all or nothing, and the longest wait is told', () => {
  const limiter = makeMemoryLimiter({ keysMax: 10 });
  const wide = limit('wide', 100, 1);
  const narrow = limit('narrow', 2, 60);
  assert.equal(
    admittedOf(10, () => limiter.take([wide, narrow], plain(0))),
    2,
  );
  const refused = limiter.take([wide, narrow], plain(0));
  assert.equal(refused.refusedBy, narrow);
  assert.equal(refused.retryAfterSeconds, 30);
  assert.deepEqual(
    refused.states.map(({ remaining }) => remaining),
    [98, 0],
  );
  assert.deepEqual(limiter.take([], plain(0)), {
    admitted: true,
    states: [],
    retryAfterSeconds: 0,
    refusedBy: null,
  });
});

test('one bucket asked twice gives one call', () => {
  const limiter = makeMemoryLimiter({ keysMax: 10 });
  const same = limit('a', 2, 1);
  assert.equal(
    admittedOf(5, () => limiter.take([same, same], plain(0))),
    2,
  );
});

test('revocations have a reserve of their own, paid back from the same rate', () => {
  for (const [burst, reserve] of [
    [1, 1],
    [2, 1],
    [9, 1],
    [20, 2],
    [100, 10],
  ] as const) {
    const limiter = makeMemoryLimiter({ keysMax: 10 });
    const one = limit('a', 1, 1, burst);
    assert.equal(revocationReserve(burst), reserve);
    assert.equal(
      admittedOf(200, () => limiter.take([one], plain(0))),
      burst,
    );
    assert.equal(
      admittedOf(200, () => limiter.take([one], revoking(0))),
      reserve,
    );
    assert.equal(
      admittedOf(200, () => limiter.take([one], plain(reserve * 1_000))),
      0,
    );
    assert.equal(
      admittedOf(200, () => limiter.take([one], plain((reserve + 1) * 1_000))),
      1,
    );
  }
});

test('a faster rate after a reload is not held back by the old one', () => {
  const limiter = makeMemoryLimiter({ keysMax: 10 });
  assert.equal(
    admittedOf(9, () => limiter.take([limit('a', 5, 86_400)], plain(0))),
    5,
  );
  const faster = limit('a', 10, 1);
  const { retryAfterSeconds } = limiter.take([faster], plain(0));
  assert.ok(retryAfterSeconds <= 2, `${retryAfterSeconds}`);
});

test('only full buckets are forgotten; without room calls are refused, not let through', () => {
  const limiter = makeMemoryLimiter({ keysMax: 3 });
  const keyed = (key: string) => limit(key, 1, 1);
  for (const key of ['a', 'b', 'c']) assert.ok(limiter.take([keyed(key)], plain(0)).admitted);
  const refused = limiter.take([keyed('d')], plain(500));
  assert.deepEqual([refused.admitted, refused.retryAfterSeconds], [false, 1]);
  assert.equal(limiter.take([keyed('a')], plain(500)).admitted, false);
  assert.equal(limiter.take([keyed('b')], plain(1_000)).admitted, true);
  assert.equal(limiter.take([keyed('d'), keyed('e')], plain(1_000)).admitted, true);
  assert.equal(limiter.size(), 3);
  for (let index = 0; index < 1_000; index += 1) {
    limiter.take([keyed(`k${index}`)], plain(10_000 + index * 100));
    assert.ok(limiter.size() <= 3);
  }
});

test('keys named like properties of objects are keys like others', () => {
  const limiter = makeMemoryLimiter({ keysMax: 10 });
  for (const key of ['__proto__', 'constructor', '']) {
    assert.equal(
      admittedOf(5, () => limiter.take([limit(key, 2, 1)], plain(0))),
      2,
    );
  }
});

type Call = Readonly<{ gap: number; revocation: boolean; keys: readonly number[] }>;
const calls = fc.array(
  fc.record({
    gap: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3_000 })),
    revocation: fc.boolean(),
    keys: fc.subarray([0, 1, 2], { minLength: 1 }),
  }),
  { maxLength: 120 },
);
const settings = fc.array(
  fc.record({
    count: fc.integer({ min: 1, max: 50 }),
    seconds: fc.constantFrom(1, 60),
    burst: fc.integer({ min: 1, max: 30 }),
  }),
  { minLength: 3, maxLength: 3 },
);
type Setting = Readonly<{ count: number; seconds: number; burst: number }>;
const play = (rates: readonly Setting[], sequence: readonly Call[]) => {
  const limits = rates.map(({ count, seconds, burst }, index) =>
    limit(`k${index}`, count, seconds, burst),
  );
  const limiter = makeMemoryLimiter({ keysMax: 3 });
  let now = 1_000_000;
  return sequence.map((call) => {
    now += call.gap;
    const asked = call.keys.map((key) => limits[key] as CompiledLimit);
    return { call, now, taken: limiter.take(asked, { revocation: call.revocation, now }) };
  });
};

test('no window ever admits more than burst, rate and reserve, and no refusal is needless', () => {
  fc.assert(
    fc.property(settings, calls, (rates, sequence) => {
      const played = play(rates, sequence);
      rates.forEach(({ count, seconds, burst }, key) => {
        const admitted = played.filter(
          ({ call, taken }) => taken.admitted && call.keys.includes(key),
        );
        for (let from = 0; from < admitted.length; from += 1) {
          let ordinary = 0;
          for (let to = from; to < admitted.length; to += 1) {
            const end = admitted[to] as (typeof admitted)[number];
            const windowMs = end.now - (admitted[from] as (typeof admitted)[number]).now;
            const paced = (windowMs * count) / (seconds * 1_000) + 1e-6;
            assert.ok(to - from + 1 <= burst + revocationReserve(burst) + paced);
            if (!end.call.revocation) ordinary += 1;
            assert.ok(ordinary <= burst + paced);
          }
        }
      });
      for (const { taken } of played) {
        if (taken.admitted) continue;
        assert.ok(taken.retryAfterSeconds >= 1);
        assert.notEqual(taken.refusedBy, null);
      }
    }),
    { numRuns: 300 },
  );
});

test('who waits as long as told is admitted', () => {
  fc.assert(
    fc.property(settings, calls, (rates, sequence) => {
      const last = play(rates, sequence).findLast(({ taken }) => !taken.admitted);
      if (last === undefined) return;
      const upTo = sequence.slice(
        0,
        play(rates, sequence).findLastIndex(({ taken }) => !taken.admitted) + 1,
      );
      const again = { ...last.call, gap: last.taken.retryAfterSeconds * 1_000 };
      assert.equal(play(rates, [...upTo, again]).at(-1)?.taken.admitted, true);
    }),
    { numRuns: 300 },
  );
});

test('the same calls get the same answers', () => {
  fc.assert(
    fc.property(settings, calls, (rates, sequence) => {
      assert.deepEqual(play(rates, sequence), play(rates, sequence));
    }),
    { numRuns: 50 },
  );
});
