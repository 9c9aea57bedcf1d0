/** Two gateways on one store, of each engine that is shared, and a restart on one that is not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import { systemRandom } from '../../src/ids.ts';
import { userType } from '../../src/identity/scim/schemas.ts';
import { makeMemoryLimiter } from '../../src/limits/memory.ts';
import { systemClock } from '../../src/clock.ts';
import { makeSafety, type SafetyStores } from '../../src/safety/make-safety.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import { enginesUnderTest, openTogether, postgres, withStores } from '../support/engines.ts';
import { byName, suiteTarget, tenant } from './safety-scene.ts';

const users = Array.from({ length: 5 }, (_, at) => ({ id: `u${at}`, userName: `vip-${at}` }));
const target = suiteTarget('http://127.0.0.1:1/scim');
const rule = byName('vips', 'vip-');
const safety = {
  tenant,
  guards: [],
  protections: [rule],
  privileged: null,
  targets: ['suite'],
  needsBefore: () => true,
  concerns: () => true,
};
const snapshot = {
  targets: { suite: target },
  routes: [],
  tenants: { [tenant]: safety },
  clients: { sync: { settings: { owner: 'owner@example.com' } } },
} as unknown as Snapshot;

const gateway = (stores: SafetyStores) => {
  let calls = 0;
  const room = makeSafety({
    clock: systemClock,
    random: systemRandom,
    observer: {
      note: () => undefined,
      overridesSeen: () => undefined,
      protectionSeen: () => undefined,
    },
    stores,
    snapshot: () => snapshot,
    limiter: makeMemoryLimiter({ keysMax: 10 }),
    targets: {
      send: async () => {
        calls += 1;
        const body = { totalResults: users.length, Resources: users };
        const answer = { status: 200, headers: {}, body, readable: true, excerpt: '' };
        return { kind: 'answered', answer, attempts: 1 };
      },
    },
  });
  return { ...room, calls: () => calls };
};
const soon = async (done: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 500 && !done(); turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(done(), 'the news never came');
};

describe('two gateways on PostgreSQL', { skip: 'missing' in postgres && postgres.missing }, () => {
  it('share marks, rules that are resolved, overrides and populations', async () => {
    const { stores, drop } = await openTogether(2);
    const [one, other] = stores.map(gateway);
    assert.ok(one !== undefined && other !== undefined);
    try {
      await one.start();
      await other.start();
      assert.equal(other.protections.resolved(safety), false);
      one.reconcile();
      await soon(() => one.protections.resolved(safety));
      await soon(() => other.protections.resolved(safety));
      assert.deepEqual(other.protections.marksOf(tenant, 'users', 'u3'), ['vips']);
      other.reconcile();
      assert.equal(other.calls(), 0, 'what one knows the other need not ask');

      other.protections.found(tenant, 'vips', 'users', 'found-by-the-other');
      await soon(() => one.protections.marksOf(tenant, 'users', 'found-by-the-other').length === 1);
      const mark = { tenant, rule: 'vips', word: 'users', id: 'found-by-the-other' };
      assert.equal(await one.desk.forget(mark), true);
      await soon(() => other.protections.marksOf(tenant, 'users', mark.id).length === 0);

      const asked = await one.desk.overrides.ask(
        {
          tenant,
          rule: 'vips',
          client: 'sync',
          subject: null,
          reason: 'the chief left',
          until: systemClock.now() + 3_600_000,
        },
        { name: 'ann', named: true },
      );
      assert.ok(!isRefusal(asked));
      const question = { tenant, rule: 'vips', client: 'sync', subject: 'u1' };
      const both = await Promise.all([
        one.desk.overrides.approve(asked.id, { name: 'bob', named: true }),
        other.desk.overrides.approve(asked.id, { name: 'eve', named: true }),
      ]);
      assert.equal(both.filter((each) => !isRefusal(each)).length, 1);
      const holds = (room: typeof one): boolean =>
        room.protections.override({ ...question, now: systemClock.now() }) !== null;
      await soon(() => holds(one) && holds(other));
      assert.equal(await other.desk.overrides.end(asked.id), true);
      await soon(() => !holds(one) && !holds(other));

      assert.equal(await one.populations.count(target, userType), 5);
      const kept = async (): Promise<number> =>
        (await (stores[1] as SafetyStores).populations.list()).length;
      while ((await kept()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      const third = gateway(stores[1] as SafetyStores);
      await third.start();
      assert.equal(third.populations.count(target, userType), 5, 'no promise: it is shared');
      assert.equal(third.calls(), 0);
      await third.stop();
    } finally {
      await one.stop();
      await other.stop();
      await drop();
    }
  });
});

for (const engine of enginesUnderTest) {
  describe(`a restart on ${engine.name}`, { skip: engine.skip }, () => {
    it(
      'knows whom it protects before anybody was asked again',
      withStores(engine, 'aaaaaaaa', async (stores) => {
        const before = gateway(stores);
        await before.start();
        before.reconcile();
        await soon(() => before.protections.resolved(safety));
        before.protections.found(tenant, 'vips', 'users', 'late');
        assert.equal(await before.populations.count(target, userType), 5);
        await before.stop();

        const after = gateway(stores);
        await after.start();
        after.reconcile();
        assert.equal(after.protections.resolved(safety), true);
        assert.deepEqual(after.protections.marksOf(tenant, 'users', 'late'), ['vips']);
        assert.equal(after.populations.count(target, userType), 5, 'no promise: it is kept');
        assert.equal(after.calls(), 0);
        await after.stop();
      }),
    );
  });
}
