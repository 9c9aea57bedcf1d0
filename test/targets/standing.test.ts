/** Freezes: in force at once, over restarts, and not lifted by a read that is late. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeFreezesStanding, freezeRoundMs } from '../../src/targets/standing.ts';
import type { Freeze, FreezeScope, FreezeStore } from '../../src/targets/store.ts';
import { makeTestClock, until } from './harness.ts';

const launch = () => {
  const clock = makeTestClock();
  let kept: Freeze[] = [];
  const broken = { list: false };
  const store: FreezeStore = {
    freeze: async (scope, name, reason, by, at) => {
      kept = [...kept, { scope, name, reason, by, at }];
      return true;
    },
    thaw: async (scope, name) => {
      const before = kept.length;
      kept = kept.filter((one) => one.scope !== scope || one.name !== name);
      return kept.length < before;
    },
    list: async () => {
      if (broken.list) throw new Error('disk');
      return kept;
    },
  };
  const notes: string[] = [];
  const seen: Readonly<Record<FreezeScope, number>>[] = [];
  const standing = makeFreezesStanding({
    store,
    clock,
    observer: {
      note: (_level, event) => void notes.push(event),
      freezesSeen: (counts) => void seen.push(counts),
    },
  });
  return { clock, store, standing, notes, seen, broken };
};
const question = { tenant: 'slack-production', client: 'entra', route: 'slack' };

for (const [scope, name] of [
  ['tenant', 'slack-production'],
  ['client', 'entra'],
  ['route', 'slack'],
] as const) {
  test(`a frozen ${scope} stops, and a thawed one no longer`, async () => {
    const { standing, seen } = launch();
    await standing.start();
    assert.equal(standing.frozenBy(question), null);
    const freezing = standing.freeze(scope, name, 'leak', 'alice');
    assert.equal(standing.frozenBy(question)?.reason, 'leak', 'before the store has answered');
    assert.ok(await freezing);
    assert.equal(standing.frozenBy(question)?.name, name);
    assert.equal(
      standing.frozenBy({ tenant: 'x', client: '__proto__', route: 'constructor' }),
      null,
    );
    assert.deepEqual(seen.at(-1), { tenant: 0, client: 0, route: 0, [scope]: 1 });
    assert.ok(await standing.thaw(scope, name, 'alice'));
    assert.equal(standing.frozenBy(question), null);
    assert.deepEqual(seen.at(-1), { tenant: 0, client: 0, route: 0 });
    standing.stop();
  });
}

test('the store is read again and again; a failing one leaves the table as it was', async () => {
  const { clock, store, standing, notes, broken } = launch();
  await standing.start();
  await store.freeze('client', 'entra', 'elsewhere', 'bob', 1);
  clock.advance(freezeRoundMs);
  await until(() => standing.frozenBy(question) !== null);
  broken.list = true;
  await until(() => clock.armed() === 1);
  clock.advance(freezeRoundMs);
  await until(() => notes.length === 1);
  assert.notEqual(standing.frozenBy(question), null);
  await assert.rejects(standing.refresh(), { code: 'internal' });
  standing.stop();
  await until(() => clock.armed() === 0);
});
