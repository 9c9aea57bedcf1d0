import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { placesOf, printDuration, fullWindow } from '../../src/passage/places.ts';
import type { Guard, GuardWindow, Touch } from '../../src/policy/safety.ts';

const windowOf = (count: number | null, share: number | null): GuardWindow => ({
  name: 'fast',
  ms: 3_600_000,
  count,
  share,
});

const guardOf = (name: string, more: Partial<Guard> = {}): Guard => ({
  name,
  actions: new Set(['users:deactivate']),
  detect: null,
  attributes: null,
  above: 0,
  share: 0,
  per: 'client',
  windows: [],
  then: 'hold',
  by: 1,
  ...more,
});

const touch = (window: GuardWindow | null, more: Partial<Touch> = {}): Touch => ({
  guard: guardOf('leave'),
  window,
  key: 'tenant\nleave\nfast\nclient',
  amount: 1,
  shareOf: window === null || window.share === null ? null : 'population',
  members: null,
  ...more,
});

const never = (): boolean => false;
const maxOf = (one: Touch, population: number | null): number | undefined =>
  placesOf([one], population, never).places[0]?.claim.max;

describe('places of guards', () => {
  it('take the smaller of count and share, and at least one', () => {
    const rows: readonly [number | null, number | null, number | null, number][] = [
      [25, null, null, 25],
      [null, 0.05, 100, 5],
      [null, 0.05, 119, 5],
      [null, 0.05, 3, 1],
      [null, 0.05, 0, 1],
      [25, 0.05, 100, 5],
      [25, 0.5, 100, 25],
      [25, 0.05, 10_000, 25],
    ];
    for (const [count, share, population, max] of rows) {
      assert.equal(maxOf(touch(windowOf(count, share)), population), max, `${count} ${share}`);
    }
  });

  it('take a share of a group of its members', () => {
    const some = touch(windowOf(null, 0.5), { shareOf: 'members', members: 9 });
    assert.equal(maxOf(some, 1_000), 4);
  });

  it('are closed where the population cannot be told, whatever the count says', () => {
    const found = placesOf([touch(windowOf(25, 0.05))], null, never);
    assert.deepEqual([found.places.length, found.unknown.length], [0, 1]);
    assert.match(found.unknown[0]?.why ?? '', /leave.*cannot be told/);
  });

  it('trip without a window', () => {
    const found = placesOf([touch(null)], 10, never);
    assert.deepEqual([found.places.length, found.tripped.length], [0, 1]);
  });

  it('are forced by what people released, even of a share nobody knows', () => {
    const { places } = placesOf([touch(windowOf(null, 0.05))], null, () => true);
    assert.deepEqual(places[0]?.claim.force, true);
    assert.ok((places[0]?.claim.max ?? 0) >= 1);
  });

  it('are at most 32; one more closes', () => {
    const many = Array.from({ length: 33 }, (_, at) => touch(windowOf(1, null), { key: `k${at}` }));
    const found = placesOf(many, null, never);
    assert.deepEqual([found.places.length, found.unknown.length], [32, 1]);
  });

  it('say how much passes, and when there is room again', () => {
    const { places } = placesOf([touch(windowOf(3, null), { amount: 5 })], null, never);
    const [place] = places;
    assert.ok(place !== undefined);
    const whole = fullWindow(place, { used: 0, max: 3, freeAt: 0 });
    assert.match(whole.why, /lets 3 pass in 1h; this change alone is 5/);
    const one = { ...place, claim: { ...place.claim, amount: 1 } };
    const full = fullWindow(one, { used: 3, max: 3, freeAt: 0 });
    assert.match(full.why, /3 are used; places are free again from 1970-01-01T00:00:00.000Z/);
    assert.deepEqual([5_400_000, 250, 86_400_000, 60_000].map(printDuration), [
      '90m',
      '250ms',
      '1d',
      '1m',
    ]);
  });
});
