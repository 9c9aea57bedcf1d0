import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { makeFallback } from '../../src/limits/fallback.ts';
import { makeMemoryLimiter, revocationReserve } from '../../src/limits/memory.ts';
import { shareOf, type Shares } from '../../src/limits/shares.ts';
import type { CompiledLimit } from '../../src/policy/decision.ts';

const limit = (count: number, seconds: number, burst = count, key = 'a'): CompiledLimit => ({
  key,
  policy: key,
  count,
  seconds,
  burst,
});
const plain = (now: number) => ({ revocation: false, now });
const revoking = (now: number) => ({ revocation: true, now });

test('the shares of all gateways are the limit: burst, rate and reserve', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.integer({ min: 1, max: 500 }),
      fc.integer({ min: 1, max: 12 }),
      (count, burst, gateways) => {
        const whole = limit(count, 60, burst);
        const shares = Array.from({ length: gateways }, (_, rank) =>
          shareOf(whole, { gateways, rank }),
        );
        const sum = (of: (share: (typeof shares)[number]) => number) =>
          shares.reduce((total, share) => total + of(share), 0);
        assert.equal(
          sum((share) => share.burst),
          burst,
        );
        assert.ok(Math.abs(sum((share) => share.count) - count) < 1e-6);
        const reserves = sum((share) => share.reserve);
        assert.ok(Math.abs(reserves - revocationReserve(burst)) < 1e-6);
        for (const { burst: own } of shares) assert.ok(Math.abs(own - burst / gateways) < 1);
      },
    ),
  );
});

test('who stands outside of the living gateways has no share', () => {
  for (const shares of [
    { gateways: 3, rank: 3 },
    { gateways: 3, rank: -1 },
    { gateways: 0, rank: 0 },
  ]) {
    assert.deepEqual(
      [shareOf(limit(10, 1), shares).burst, shareOf(limit(10, 1), shares).reserve],
      [0, 0],
    );
  }
});

test('a fallback begins used up, reserve and all, and goes on at the pace of its share', () => {
  const fallback = makeFallback({ keysMax: 10, shares: () => ({ gateways: 2, rank: 0 }) });
  const ten = limit(10, 1);
  fallback.begin(1_000);
  assert.equal(fallback.take([ten], plain(1_000)).admitted, false);
  assert.equal(fallback.take([ten], revoking(1_000)).admitted, false);
  // A share of 5/s with a burst of 5 and half a call of the reserve: each 200 ms pays one back.
  assert.equal(fallback.take([ten], revoking(1_199)).admitted, false);
  const admitted = fallback.take([ten], revoking(1_200));
  assert.equal(admitted.admitted, true);
  assert.equal(admitted.states[0]?.limit, ten, 'told of the limit that was asked');
  const refused = fallback.take([ten], plain(1_200));
  assert.deepEqual([refused.refusedBy, refused.retryAfterSeconds], [ten, 1]);
  assert.equal(fallback.take([ten], plain(1_499)).admitted, false);
  assert.equal(fallback.take([ten], plain(1_500)).admitted, true);
  assert.equal(fallback.owing(), 1);
});

test('a gateway without a share of the burst refuses, and says to come again', () => {
  const fallback = makeFallback({ keysMax: 10, shares: () => ({ gateways: 3, rank: 2 }) });
  fallback.begin(0);
  const small = limit(100, 1, 2);
  const { admitted, retryAfterSeconds, refusedBy, states } = fallback.take(
    [limit(100, 1, 100, 'b'), small],
    revoking(60_000),
  );
  assert.deepEqual([admitted, retryAfterSeconds, refusedBy], [false, 1, small]);
  assert.equal(states.length, 2);
});

test('debts: what was admitted and still stands, once, given back where it was not paid', () => {
  const fallback = makeFallback({ keysMax: 10, shares: () => ({ gateways: 1, rank: 0 }) });
  const one = limit(1, 1, 4);
  fallback.begin(0);
  assert.equal(fallback.handOver([one], 0).size, 0);
  const calls = [1, 2, 3, 4].map(() => fallback.take([one, one], plain(5_000)).admitted);
  assert.deepEqual(calls, [true, true, true, true]);
  const debts = fallback.handOver([one, one], 5_000);
  assert.deepEqual([...debts], [['a', 4]]);
  assert.equal(fallback.handOver([one], 5_000).size, 0);
  fallback.giveBack([one, one], debts);
  // A bucket that is full again owes nothing.
  assert.deepEqual([...fallback.handOver([one], 9_000)], [['a', 0]]);
});

test('debts are bounded: those that time has paid are forgotten', () => {
  const fallback = makeFallback({ keysMax: 5, shares: () => ({ gateways: 1, rank: 0 }) });
  fallback.begin(0);
  for (let index = 0; index < 500; index += 1) {
    const keyed = limit(1, 1, 1, `k${index}`);
    fallback.take([keyed], plain(10_000 + index * 600));
    assert.ok(fallback.owing() <= 10, `${fallback.owing()}`);
  }
});

test('gateways that fall back and come back never hold less than one bucket for all would', () => {
  const step = fc.record({
    gateway: fc.nat({ max: 3 }),
    ms: fc.integer({ min: 0, max: 400 }),
    calls: fc.integer({ min: 1, max: 6 }),
    revocation: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 12 }),
      fc.array(step, { maxLength: 40 }),
      fc.array(step, { maxLength: 60 }),
      (gateways, burst, before, during) => {
        const whole = limit(10, 1, burst);
        // One bucket for all, which only counts: how full would it be after everything admitted?
        let levelMs = 0;
        let at = 0;
        const count = (now: number): void => {
          levelMs = Math.max(0, levelMs - (now - at)) + 100;
          at = now;
        };
        const shared = makeMemoryLimiter({ keysMax: 10 });
        let now = 0;
        for (const { ms, calls, revocation } of before) {
          now += ms;
          for (let call = 0; call < calls; call += 1) {
            if (shared.take([whole], { revocation, now }).admitted) count(now);
          }
        }
        const lostAt = now;
        const fallbacks = Array.from({ length: gateways }, (_, rank) => {
          const shares: Shares = { gateways, rank };
          const fallback = makeFallback({ keysMax: 10, shares: () => shares });
          fallback.begin(lostAt);
          return fallback;
        });
        const room = burst + revocationReserve(burst);
        for (const { gateway, ms, calls, revocation } of during) {
          now += ms;
          for (let call = 0; call < calls; call += 1) {
            const fallback = fallbacks[gateway % gateways];
            if (fallback?.take([whole], { revocation, now }).admitted === true) count(now);
            assert.ok(levelMs <= room * 100 + 1e-6, 'more than one bucket for all would admit');
          }
        }
        const owed = fallbacks.reduce(
          (sum, fallback) => sum + (fallback.handOver([whole], now).get('a') ?? 0),
          0,
        );
        const charged = Math.min(room, shared.level(whole, now) + owed) * 100;
        const exact = Math.max(0, levelMs - (now - at));
        assert.ok(charged >= exact - 1e-6, `${charged} is below ${exact}`);
      },
    ),
    { numRuns: 2_000 },
  );
});
