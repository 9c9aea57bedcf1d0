/** Marks hold at once, are written soon, survive restarts and late reads, and go only by a person's act. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Protection, TenantSafety } from '../../src/policy/safety.ts';
import type { MarkStore } from '../../src/safety/mark-store.ts';
import { writeSoonMs } from '../../src/safety/mark-keeper.ts';
import { makeOverrideStanding } from '../../src/safety/override-standing.ts';
import { makeProtectionStanding } from '../../src/safety/protection-standing.ts';
import { silentFeed } from '../../src/store-feed.ts';
import { safetyStoresInMemory, type StoresInMemory } from '../support/safety-stores.ts';
import { makeTestClock, until } from '../targets/harness.ts';

const tenant = 'slack-production';

const launch = (
  stores: StoresInMemory = safetyStoresInMemory(),
  store: MarkStore = stores.protectionMarks,
) => {
  const clock = makeTestClock();
  const notes: string[] = [];
  const observer = {
    note: (_level: string, event: string) => void notes.push(event),
    overridesSeen: () => undefined,
  };
  const overrides = makeOverrideStanding({ store: stores.overrides, clock, observer });
  const standing = makeProtectionStanding({
    store,
    clock,
    observer,
    feed: stores.feed,
    overrides,
  });
  return { clock, stores, standing, notes };
};

const rule = (name: string, digest: string): Protection => ({
  name,
  word: 'users',
  never: new Set(),
  ids: new Set(),
  matches: () => false,
  memberOf: null,
  keys: { covers: () => false },
  filter: '',
  digest,
});
const safety = (...protections: readonly Protection[]): TenantSafety => ({
  tenant,
  guards: [],
  protections,
  privileged: null,
  targets: [],
  needsBefore: () => true,
  concerns: () => true,
});

test('what is found is marked at once and kept soon, once', async () => {
  const { clock, stores, standing } = launch();
  await standing.start();
  assert.deepEqual(standing.marksOf(tenant, 'users', 'u1'), []);
  standing.found(tenant, 'vips', 'users', 'u1');
  standing.found(tenant, 'vips', 'users', 'u1');
  standing.joined(tenant, 'admins', ['u1', 'u2']);
  assert.deepEqual(standing.marksOf(tenant, 'users', 'u1'), ['vips', 'admins']);
  assert.deepEqual(standing.marksOf(tenant, 'groups', 'u1'), [], 'words are apart');
  assert.deepEqual(standing.marksOf('other', 'users', 'u1'), [], 'tenants are apart');
  assert.equal(stores.kept.marks().length, 0);
  clock.advance(writeSoonMs);
  await until(() => stores.kept.marks().length === 3);
  await standing.stop();
});

test('a store that fails gets the marks later, and a refresh loses none meanwhile', async () => {
  const { clock, stores, standing, notes } = launch();
  await standing.start();
  stores.switches.down = true;
  standing.found(tenant, 'vips', 'users', 'u1');
  clock.advance(writeSoonMs);
  await until(() => notes.includes('protection.unkept'));
  await assert.rejects(standing.refresh(), { code: 'internal' });
  assert.deepEqual(standing.marksOf(tenant, 'users', 'u1'), ['vips']);
  stores.switches.down = false;
  await standing.refresh();
  assert.deepEqual(standing.marksOf(tenant, 'users', 'u1'), ['vips'], 'not kept, and still there');
  clock.advance(30_000);
  await until(() => stores.kept.marks().length === 1);
  await standing.stop();
});

test('a read that began before a write and ends after it takes nothing away', async () => {
  const stores = safetyStoresInMemory();
  let release: () => void = () => undefined;
  let held = false;
  const slow: MarkStore = {
    ...stores.protectionMarks,
    list: async () => {
      const read = await stores.protectionMarks.list();
      if (held) await new Promise<void>((resolve) => (release = resolve));
      return read;
    },
  };
  // Without news, or one more read would hide what is asked here.
  const { clock, standing } = launch({ ...stores, feed: silentFeed }, slow);
  await standing.start();
  held = true;
  const reading = standing.refresh();
  standing.found(tenant, 'vips', 'users', 'u1');
  clock.advance(writeSoonMs);
  await until(() => stores.kept.marks().length === 1);
  held = false;
  release();
  await reading;
  assert.deepEqual(standing.marksOf(tenant, 'users', 'u1'), ['vips']);
  await standing.stop();
});

test('two gateways share marks by news, and a restart knows them', async () => {
  const stores = safetyStoresInMemory();
  const one = launch(stores);
  const other = launch(stores);
  await one.standing.start();
  await other.standing.start();
  one.standing.found(tenant, 'vips', 'users', 'u1');
  one.clock.advance(writeSoonMs);
  await until(() => other.standing.marksOf(tenant, 'users', 'u1').length === 1);
  await one.standing.stop();
  await other.standing.stop();
  const again = launch(stores);
  await again.standing.start();
  assert.deepEqual(again.standing.marksOf(tenant, 'users', 'u1'), ['vips']);
  await again.standing.stop();
});

test('a mark goes by being forgotten, everywhere, and nothing else', async () => {
  const stores = safetyStoresInMemory();
  const one = launch(stores);
  const other = launch(stores);
  await one.standing.start();
  await other.standing.start();
  const mark = { tenant, rule: 'vips', word: 'users', id: 'u1' };
  one.standing.found(tenant, 'vips', 'users', 'u1');
  assert.equal(await one.standing.forget(mark), true, 'also one that still waited for the store');
  assert.deepEqual(one.standing.marksOf(tenant, 'users', 'u1'), []);
  await until(() => other.standing.marksOf(tenant, 'users', 'u1').length === 0);
  assert.equal(await one.standing.forget(mark), false);
  await one.standing.stop();
  await other.standing.stop();
});

test('a tenant is resolved once every rule is, as it is written; a new digest is not', async () => {
  const { stores, standing } = launch();
  await standing.start();
  const written = safety(rule('vips', 'd1'), rule('admins', 'd1'));
  assert.equal(standing.resolved(safety()), true, 'no rule, nothing to know');
  assert.equal(standing.resolved(written), false);
  const done = (name: string, digest: string, at: number) =>
    standing.resolve([], { tenant, rule: name, digest, at });
  assert.equal(await done('vips', 'd1', 5), 'resolved');
  assert.equal(standing.resolved(written), false);
  assert.equal(await done('admins', 'd1', 6), 'resolved');
  assert.equal(standing.resolved(written), true);
  assert.equal(standing.resolved(safety(rule('vips', 'd2'), rule('admins', 'd1'))), false);
  // Another gateway with another configuration writes over it: here it was looked through all the same.
  await stores.protectionMarks.add([], { tenant, rule: 'vips', digest: 'other', at: 7 });
  await standing.refresh();
  assert.equal(standing.resolved(safety(rule('vips', 'd1'), rule('admins', 'd1'))), true);
  assert.equal(standing.resolvedAt({ tenant, rule: 'vips', digest: 'd1' }), 5);
  await standing.stop();
});

test('a rule is not resolved while its marks are not kept: full, or the store fails', async () => {
  const { stores, standing, notes } = launch();
  await standing.start();
  const marks = Array.from({ length: 1_500 }, (_, at) => ({
    tenant,
    rule: 'vips',
    word: 'users',
    id: `u${at}`,
    at: 1,
  }));
  const done = { tenant, rule: 'vips', digest: 'd1', at: 1 };
  stores.switches.marksMax = 1_000;
  assert.equal(await standing.resolve(marks, done), 'full');
  assert.ok(notes.includes('protection.full'));
  assert.equal(standing.resolved(safety(rule('vips', 'd1'))), false);
  assert.deepEqual(standing.marksOf(tenant, 'users', 'u1499'), ['vips'], 'it holds all the same');
  stores.switches.down = true;
  assert.equal(await standing.resolve(marks, done), 'unavailable');
  stores.switches.down = false;
  stores.switches.marksMax = 50_000;
  assert.equal(await standing.resolve(marks, done), 'resolved');
  assert.equal(stores.kept.marks().length, 1_500);
  await standing.stop();
});

test('names from outside reach no prototype', async () => {
  const { standing } = launch();
  await standing.start();
  for (const name of ['__proto__', 'constructor', 'toString']) {
    assert.deepEqual(standing.marksOf(name, name, name), []);
  }
  await standing.stop();
});
