/** Break-glass: two named people, a reason, an end; loud, at once, and over when it is over. */
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import { newOverrideId, systemRandom, type OverrideId } from '../../src/ids.ts';
import { isInForce, makeOverrideStanding } from '../../src/safety/override-standing.ts';
import type { Override } from '../../src/safety/override-store.ts';
import { makeOverrides, overrideMsMax, type OverrideWish } from '../../src/safety/overrides.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import { safetyStoresInMemory } from '../support/safety-stores.ts';
import { makeTestClock } from '../targets/harness.ts';

const snapshot = {
  tenants: { suite: { protections: [{ name: 'vips' }, { name: 'admins' }] } },
  clients: { sync: { settings: { owner: 'Owner@Example.com' } } },
} as unknown as Snapshot;

const launch = () => {
  const clock = makeTestClock();
  const stores = safetyStoresInMemory();
  const notes: (readonly [string, string])[] = [];
  const seen: number[] = [];
  const observer = {
    note: (level: string, event: string) => void notes.push([level, event]),
    overridesSeen: ({ inForce }: { inForce: number }) => void seen.push(inForce),
  };
  const standing = makeOverrideStanding({ store: stores.overrides, clock, observer });
  const overrides = makeOverrides({
    store: stores.overrides,
    standing,
    clock,
    random: systemRandom,
    observer,
    snapshot: () => snapshot,
  });
  const wish = (more: Partial<OverrideWish> = {}): OverrideWish => ({
    tenant: 'suite',
    rule: 'vips',
    client: 'sync',
    subject: null,
    reason: 'the chief left',
    until: clock.now() + 3_600_000,
    ...more,
  });
  const asks = (
    subject = 'u1',
    more: Partial<{ rule: string; client: string; tenant: string }> = {},
  ) =>
    standing.override({
      tenant: 'suite',
      rule: 'vips',
      client: 'sync',
      subject,
      now: clock.now(),
      ...more,
    });
  const given = async (more: Partial<OverrideWish> = {}): Promise<OverrideId> => {
    const asked = await overrides.ask(wish(more), person('ann'));
    assert.ok(!isRefusal(asked));
    return asked.id;
  };
  return { clock, stores, notes, seen, standing, overrides, wish, asks, given };
};
const person = (name: string) => ({ name, named: true });
const local = { name: 'local', named: false };

test('holds once another person approved it, for its rule, client and subject alone', async () => {
  const { overrides, given, asks, notes, seen } = launch();
  const id = await given({ subject: 'u1' });
  assert.equal(asks(), null, 'one person is not enough');
  const approved = await overrides.approve(id, person('bob'));
  assert.ok(!isRefusal(approved) && approved.approvedBy === 'bob');
  assert.deepEqual(asks(), { id, by: 'ann', approvedBy: 'bob' });
  assert.equal(asks('u2'), null);
  assert.equal(asks('u1', { rule: 'admins' }), null);
  assert.equal(asks('u1', { client: 'other' }), null);
  assert.equal(asks('u1', { tenant: 'other' }), null);
  assert.ok(notes.some(([level, event]) => level === 'error' && event === 'protection.override'));
  assert.equal(seen.at(-1), 1);
});

test('without a subject it is for every subject of the rule, until its end', async () => {
  const { clock, overrides, given, asks } = launch();
  const id = await given();
  await overrides.approve(id, person('bob'));
  assert.equal(asks('u2')?.id, id);
  clock.advance(3_599_999);
  assert.equal(asks('u2')?.id, id);
  clock.advance(1);
  assert.equal(asks('u2'), null, 'nobody has to end it');
});

test('ended, it is over at once, and is not approved any more', async () => {
  const { overrides, given, asks, seen } = launch();
  const id = await given();
  await overrides.approve(id, person('bob'));
  assert.equal(await overrides.end(id), true);
  assert.equal(asks(), null);
  assert.equal(seen.at(-1), 0);
  assert.equal(await overrides.end(id), false);
  const other = await given();
  await overrides.end(other);
  const refused = await overrides.approve(other, person('bob'));
  assert.ok(isRefusal(refused) && refused.detail === 'This override is over.');
});

describe('who may not approve', () => {
  for (const [who, by, code] of [
    ['who asked', person('ann'), 'action_denied'],
    ['who asked, in other letters', person('ＡＮＮ'), 'action_denied'],
    ["the client's owner", person('owner@example.com'), 'action_denied'],
    ['whoever has only the files', local, 'action_denied'],
  ] as const) {
    it(who, async () => {
      const { overrides, given, asks } = launch();
      const refused = await overrides.approve(await given(), by);
      assert.ok(isRefusal(refused) && refused.refused === code);
      assert.equal(asks(), null);
    });
  }

  it('anybody, twice: one of two who act at once wins', async () => {
    const { overrides, given } = launch();
    const id = await given();
    const both = await Promise.all([
      overrides.approve(id, person('bob')),
      overrides.approve(id, person('eve')),
    ]);
    assert.equal(both.filter((one) => !isRefusal(one)).length, 1);
    assert.ok(isRefusal(await overrides.approve(id, person('dan'))));
  });

  it('anybody, once its time is over or where it does not exist', async () => {
    const { clock, overrides, given } = launch();
    const id = await given();
    clock.advance(3_600_000);
    assert.ok(isRefusal(await overrides.approve(id, person('bob'))));
    const unknown = newOverrideId(1, systemRandom);
    assert.ok(isRefusal(await overrides.approve(unknown, person('bob'))));
  });
});

describe('what nobody may ask for', () => {
  for (const [what, more] of [
    ['a rule that is not there', { rule: 'constructor' }],
    ['a tenant that is not there', { tenant: '__proto__' }],
    ['a client that is not there', { client: 'toString' }],
    ['more than a day', { until: 1_000_000 + overrideMsMax + 1 }],
    ['an end that has passed', { until: 1_000_000 }],
  ] as const) {
    it(what, async () => {
      const { overrides, wish } = launch();
      const refused = await overrides.ask(wish(more), person('ann'));
      assert.ok(isRefusal(refused) && refused.refused === 'value_invalid');
      assert.deepEqual(await overrides.list(), []);
    });
  }

  it('anything, without a name', async () => {
    const { overrides, wish } = launch();
    assert.ok(isRefusal(await overrides.ask(wish(), local)));
  });

  it('more than 100 at once', async () => {
    const { overrides, wish, given } = launch();
    for (let at = 0; at < 100; at += 1) await given();
    assert.ok(isRefusal(await overrides.ask(wish(), person('ann'))));
  });
});

test('in force means approved, not ended, not over', () => {
  const base: Override = {
    id: newOverrideId(1, systemRandom),
    tenant: 't',
    rule: 'r',
    client: 'c',
    subject: null,
    reason: 'why',
    by: 'ann',
    at: 0,
    until: 100,
    approvedBy: 'bob',
    approvedAt: 10,
    endedAt: null,
  };
  for (const [more, now, expected] of [
    [{}, 10, true],
    [{}, 99, true],
    [{}, 100, false],
    [{}, 9, false],
    [{ endedAt: 20 }, 30, false],
    [{ approvedAt: null, approvedBy: null }, 30, false],
    [{ approvedBy: null }, 30, false],
  ] as const) {
    assert.equal(isInForce({ ...base, ...more }, now), expected, JSON.stringify([more, now]));
  }
});
