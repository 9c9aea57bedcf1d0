/** Counts that guards' shares are of: cached, shared, kept, and not to be inflated within a day. */
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { array, assert as assertAll, integer, nat, property, tuple } from 'fast-check';
import { userType } from '../../src/identity/scim/schemas.ts';
import { makeMemoryLimiter } from '../../src/limits/memory.ts';
import {
  failedMs,
  freshMs,
  makePopulations,
  populationAfter,
  usableMs,
} from '../../src/safety/populations.ts';
import type { Population } from '../../src/safety/population-store.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import { makeTestClock } from '../targets/harness.ts';
import { suiteTarget } from './safety-scene.ts';
import { safetyStoresInMemory, type StoresInMemory } from '../support/safety-stores.ts';

const target = suiteTarget('http://127.0.0.1:1/scim');
const snapshot = {
  targets: { [target.name]: target },
  routes: [],
  tenants: {},
} as unknown as Snapshot;

const launch = async (stores: StoresInMemory = safetyStoresInMemory(), clock = makeTestClock()) => {
  const world = { total: 500 as number | null, calls: 0 };
  const notes: string[] = [];
  const populations = makePopulations({
    clock,
    store: stores.populations,
    snapshot: () => snapshot,
    observer: { note: (_level, event) => void notes.push(event) },
    limiter: makeMemoryLimiter({ keysMax: 10 }),
    sleep: async () => undefined,
    stopping: () => false,
    targets: {
      send: async () => {
        world.calls += 1;
        if (world.total === null) {
          return { kind: 'not-sent', code: 'target_unreachable', reason: 'x', attempts: 1 };
        }
        const body = { totalResults: world.total, Resources: [] };
        const answer = { status: 200, headers: {}, body, readable: true, excerpt: '' };
        return { kind: 'answered', answer, attempts: 1 };
      },
    },
  });
  await populations.start();
  const count = () => populations.count(target, userType);
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
  return { clock, stores, world, notes, populations, count, settle };
};

test('counts once for many who ask, then answers from memory', async () => {
  const { world, count } = await launch();
  const [one, other] = await Promise.all([count(), count()]);
  assert.deepEqual([one, other, world.calls], [500, 500, 1]);
  assert.equal(count(), 500, 'no promise');
  assert.equal(world.calls, 1);
});

test('an old count serves while a newer one is asked for; beyond a day it does not', async () => {
  const { clock, world, count, settle } = await launch();
  await count();
  world.total = 400;
  clock.advance(freshMs + 1);
  assert.equal(count(), 500);
  await settle();
  assert.deepEqual([count(), world.calls], [400, 2]);
  world.total = null;
  clock.advance(usableMs);
  assert.equal(count(), 400);
  await settle();
  clock.advance(failedMs + 1);
  assert.equal(await count(), null, 'nobody knows any more');
  assert.equal(count(), null, 'and nobody asks again at once');
});

test('a target that is away is not asked by every call', async () => {
  const { clock, world, notes, count } = await launch();
  world.total = null;
  assert.equal(await count(), null);
  assert.deepEqual([count(), world.calls], [null, 1]);
  clock.advance(failedMs);
  world.total = 7;
  assert.equal(await count(), 7);
  assert.ok(notes.includes('population.uncounted'));
});

test('who creates users to widen a guard waits a day, over restarts and gateways too', async () => {
  const stores = safetyStoresInMemory();
  const { clock, world, count, settle } = await launch(stores);
  await count();
  world.total = 50_000;
  clock.advance(freshMs + 1);
  void count();
  await settle();
  assert.equal(count(), 500);
  const again = await launch(stores, clock);
  again.world.total = 50_000;
  assert.equal(again.count(), 500, 'kept');
  clock.advance(freshMs + 1);
  void again.count();
  await again.settle();
  assert.equal(again.count(), 500);
  again.world.total = 300;
  clock.advance(freshMs + 1);
  void again.count();
  await again.settle();
  assert.equal(again.count(), 300, 'a fall counts at once');
  void count();
  await settle();
  assert.equal(count(), 300, 'also at the gateway beside it');
});

test('a store that fails costs no count', async () => {
  const { stores, notes, count, settle } = await launch();
  stores.switches.down = true;
  assert.equal(await count(), 500);
  await settle();
  assert.ok(notes.includes('population.unkept'));
});

describe('a population in force', () => {
  const population = (count: number, at: number): Population => ({
    tenant: 't',
    word: 'users',
    count,
    at,
  });

  it('is never more than the lowest count of the last day', () => {
    assertAll(
      property(
        array(tuple(nat(1_000), integer({ min: 1, max: usableMs })), { minLength: 1 }),
        (steps) => {
          let state: Parameters<typeof populationAfter>[0] = { kept: null, higher: null };
          let at = 0;
          const seen: Population[] = [];
          for (const [count, gap] of steps) {
            at += gap;
            seen.push(population(count, at));
            const next = populationAfter(state, population(count, at));
            state = next;
            const recent = seen.filter((one) => at - one.at < usableMs);
            assert.ok(next.kept.count <= Math.min(...recent.map((one) => one.count)));
          }
        },
      ),
    );
  });

  it('rises to the lowest of what was seen since, once it is a day old', () => {
    let state = populationAfter({ kept: null, higher: null }, population(100, 0));
    state = populationAfter(state, population(130, 1_000));
    state = populationAfter(state, population(110, 2_000));
    assert.equal(state.kept.count, 100);
    state = populationAfter(state, population(900, usableMs));
    assert.equal(state.kept.count, 110);
    state = populationAfter(state, population(900, usableMs + 1));
    assert.equal(state.kept.count, 110);
  });
});
