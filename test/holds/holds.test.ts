/** Holds from the call that is held to the one that goes out, with all that comes in between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printHold } from '../../src/commands/hold-text.ts';
import { refuse } from '../../src/errors.ts';
import { coreTypes } from '../../src/identity/scim/schemas.ts';
import type { ResourceType } from '../../src/identity/scim/schema-model.ts';
import type { HoldId } from '../../src/ids.ts';
import type { HoldRequest } from '../../src/passage/safeguards.ts';
import { personActor } from '../../src/passage/person.ts';
import { openTogether, postgres } from '../support/engines.ts';
import {
  clientOf,
  deactivation,
  keyRing,
  person,
  requestOf,
  scene,
  userType,
  world,
  type Scene,
} from './scene.ts';

const alice = person('alice@example.com');
const bob = person('bob@example.com');

const held = async ({ hold }: Scene, more: Parameters<Scene['hold']>[0] = {}): Promise<HoldId> => {
  const result = await hold(more);
  assert.ok(result.kind === 'held', result.kind);
  return result.id;
};

const approve = async ({ desk }: Scene, id: string, by = alice, version: string | null = null) => {
  const [decided] = await desk.approve([id], by, version);
  assert.ok(decided !== undefined);
  return decided;
};

const stateOf = async ({ store }: Scene, id: HoldId) => (await store.read(id))?.state;

void test('one approval lets it out once, with what was approved', async () => {
  const s = scene();
  const id = await held(s);
  const decided = await approve(s, id);
  assert.deepEqual([decided.ok, decided.state, decided.outcome], [true, 'released', 'applied']);
  assert.equal(s.sent.length, 1);
  const [{ release, actor, operation, origin } = assert.fail()] = s.sent;
  assert.deepEqual(operation, deactivation());
  assert.deepEqual([actor.kind, actor.client.name], ['released', 'entra']);
  assert.deepEqual([release?.hold, release?.approvals], [id, ['alice@example.com']]);
  assert.equal(origin.callerRequestId, 'theirs-1');
  // Replayed: it was used up.
  const again = await approve(s, id, bob);
  assert.deepEqual([again.ok, again.note], [false, 'it was released already']);
  await s.holds.round();
  assert.equal(s.sent.length, 1);
  const row = await s.store.read(id);
  assert.deepEqual([row?.state, row?.entry], ['released', decided.entry]);
});

void test('refuses those behind the client, whatever the spelling, and who has only the files', async (t) => {
  const table: readonly (readonly [string, Parameters<Scene['desk']['approve']>[1], RegExp])[] = [
    ['the owner', person('owner@example.com'), /owner of the client/],
    ['the owner in full-width letters', person('ＯＷＮＥＲ@example.com'), /owner of the client/],
    ['the owner with a character nobody sees', person('own\u200ber@example.com'), /owner/],
    ['who changed its grants', person('CHANGER@example.com'), /last changed/],
    ['who issued its key', person('Issuer@Example.com'), /issued/],
    ['the files', { name: 'local', local: true }, /only a person/],
    ['a person called local', person('Local'), /only a person/],
    ['one called like the client', person('entra'), /their own/],
  ];
  for (const [name, who, why] of table) {
    await t.test(name, async () => {
      const s = scene();
      const id = await held(s);
      const decided = await approve(s, id, who);
      assert.equal(decided.ok, false);
      assert.match(decided.note ?? '', why);
      assert.equal(await stateOf(s, id), 'pending');
      assert.equal(s.sent.length, 0);
      // Told beforehand, too.
      const shown = await s.desk.show(id, false);
      assert.ok(shown !== null && shown !== 'unopenable');
      assert.equal((await approve(s, id, alice)).ok, true);
    });
  }
});

void test('two approvals are those of two people', async () => {
  const s = scene();
  const id = await held(s, { by: 2 });
  const first = await approve(s, id, alice);
  assert.deepEqual([first.ok, first.state, first.note], [true, 'pending', '1 of 2 approvals']);
  const second = await approve(s, id, person('ALICE@example.com'));
  assert.match(second.note ?? '', /approved already/);
  assert.equal(s.sent.length, 0);
  assert.equal((await approve(s, id, bob)).state, 'released');
  assert.deepEqual(s.sent[0]?.release?.approvals, ['alice@example.com', 'bob@example.com']);
});

void test('an approval is of what was looked at', async () => {
  const s = scene();
  const id = await held(s);
  const shown = await s.desk.show(id, true);
  assert.ok(shown !== null && shown !== 'unopenable');
  const other = await approve(s, id, alice, '000000000000');
  assert.match(other.note ?? '', /not what you looked at/);
  s.world.version = 'bbbbbbbbbbbb';
  const stale = await approve(s, id, alice, shown.version);
  assert.match(stale.note ?? '', /not what you looked at/);
  assert.equal(s.sent.length, 0);
  s.world.version = 'aaaaaaaaaaaa';
  assert.equal((await approve(s, id, alice, shown.version)).state, 'released');
});

void test('what has expired is neither approved nor let out', async () => {
  const s = scene();
  const late = await held(s, { expiresMs: 1_000 });
  s.clock.advance(1_001);
  assert.match((await approve(s, late)).note ?? '', /expired/);
  await s.holds.round();
  assert.equal(await stateOf(s, late), 'expired');
  assert.ok(
    s.notes.some(({ event, fields }) => event === 'hold.expired' && fields['hold_id'] === late),
  );
  assert.equal(s.sent.length, 0);
});

void test('the same call joins, another body replaces and voids what was said', async () => {
  const s = scene();
  const id = await held(s, { by: 2 });
  await approve(s, id, alice);
  const joined = await s.hold({ by: 2 });
  assert.deepEqual([joined.kind, 'joined' in joined && joined.joined], ['held', true]);
  const { changes: _changes, ...rest } = deactivation() as Extract<
    ReturnType<typeof deactivation>,
    { verb: 'patch' }
  >;
  const altered = {
    ...rest,
    changes: [
      { op: 'replace', path: { attribute: 'active' }, value: false },
      { op: 'replace', path: { attribute: 'title' }, value: 'gone' },
    ],
  } as ReturnType<typeof deactivation>;
  const newer = await held(s, { by: 2, operation: altered });
  assert.notEqual(newer, id);
  assert.equal(await stateOf(s, id), 'replaced');
  assert.match((await approve(s, id, bob)).note ?? '', /another change/);
  // Alice's word was for the other body.
  assert.equal((await approve(s, newer, bob)).note, '1 of 2 approvals');
  assert.equal(s.sent.length, 0);
});

void test('who leaves a group is the subject: other members wait beside them, and nobody is lost', async () => {
  const s = scene();
  const type = coreTypes['groups'] as ResourceType;
  const leaving = (member: string): Partial<HoldRequest> => ({
    operation: {
      verb: 'patch',
      type,
      id: 'g1',
      changes: [
        {
          op: 'remove',
          path: {
            attribute: 'members',
            filter: { kind: 'compare', path: { attribute: 'value' }, op: 'eq', value: member },
          },
        },
      ],
      projection: {},
      preconditions: {},
      repairs: [],
    } as unknown as HoldRequest['operation'],
    actions: ['groups:remove-member'],
  });
  const first = await held(s, leaving('u1'));
  const second = await held(s, leaving('u2'));
  assert.notEqual(second, first);
  assert.equal(await stateOf(s, first), 'pending');
  const again = await s.hold(leaving('u1'));
  assert.ok(again.kind === 'held' && again.joined && again.id === first);
});

void test('what was decided answers the call that comes again', async () => {
  const s = scene();
  const id = await held(s);
  await approve(s, id);
  const again = await s.hold();
  assert.ok(again.kind === 'released' && again.id === id && again.entry !== null);
  const other = await held(s, { operation: deactivation('u2') });
  const [rejected] = await s.desk.reject([other], alice, 'not them');
  assert.deepEqual([rejected?.ok, rejected?.state], [true, 'rejected']);
  assert.equal((await s.hold({ operation: deactivation('u2') })).kind, 'rejected');
  s.clock.advance(604_800_001);
  assert.equal((await s.hold({ operation: deactivation('u2') })).kind, 'held');
  const shown = await s.desk.show(other, false);
  assert.ok(shown !== null && shown !== 'unopenable');
  assert.equal(shown.end?.reason, 'not them');
});

void test('a client has a limit of what waits', async () => {
  const s = scene();
  s.world.pendingMax = 2;
  await held(s, { operation: deactivation('u1') });
  await held(s, { operation: deactivation('u2') });
  assert.equal((await s.hold({ operation: deactivation('u3') })).kind, 'full');
  assert.equal((await s.hold({ operation: deactivation('u2') })).kind, 'held');
  assert.ok(s.notes.some(({ event }) => event === 'hold.full'));
});

void test('a resource that changed meanwhile is asked about anew', async () => {
  const s = scene();
  const id = await held(s);
  s.world.current = { id: 'u1', userName: 'ada@example.com', active: true, title: 'CTO' };
  const decided = await approve(s, id);
  assert.deepEqual([decided.ok, decided.state], [false, 'pending']);
  assert.match(decided.note ?? '', /anew: the resource changed since then/);
  assert.equal(s.sent.length, 0);
  const shown = await s.desk.show(id, true);
  assert.ok(shown !== null && shown !== 'unopenable');
  assert.deepEqual(shown.approvals, []);
  assert.deepEqual(
    shown.voided.map(({ why, by }) => [why, by[0]?.person]),
    [['before-changed', 'alice@example.com']],
  );
  // The same person may say so again, of what is there now.
  assert.equal((await approve(s, id, alice)).state, 'released');
});

void test('a change of the configuration voids approvals, before and after the last one', async () => {
  const s = scene();
  const id = await held(s, { by: 2 });
  await approve(s, id, alice);
  s.world.version = 'bbbbbbbbbbbb';
  assert.equal((await approve(s, id, bob)).note, '1 of 2 approvals');
  assert.equal((await approve(s, id, alice)).state, 'released');
  assert.deepEqual(s.sent[0]?.release?.configVersion, 'bbbbbbbbbbbb');
});

void test('approved under another configuration it goes back, also after a crash', async () => {
  const before = scene({ start: false });
  const id = await held(before);
  assert.equal((await approve(before, id)).note, 'it goes out in a moment');
  // The gateway died here. Another one has a newer configuration.
  const { store } = before;
  const changed = { ...world(), version: 'bbbbbbbbbbbb' };
  const after = scene({ store, world: changed });
  after.clock.advance(6_000);
  await after.holds.round();
  assert.equal(await stateOf(after, id), 'pending');
  assert.equal(after.sent.length, 0);
});

void test('what a gateway approved and died over, another lets out once', async () => {
  const before = scene({ start: false });
  const id = await held(before);
  await approve(before, id);
  assert.equal(await stateOf(before, id), 'approved');
  const shared = { claimed: new Set<string>(), sent: [] };
  const { store } = before;
  const [one, other] = [scene({ store, shared }), scene({ store, shared })];
  for (const s of [one, other]) s.clock.advance(4_000);
  await Promise.all([one.holds.round(), other.holds.round(), one.holds.round()]);
  assert.equal(shared.sent.length, 1);
});

void test('policy decides anew: a client that is gone, a denial, a freeze, another rule', async (t) => {
  await t.test('gone', async () => {
    const s = scene({ start: false });
    const id = await held(s);
    await approve(s, id);
    const after = scene({ store: s.store, world: { ...world(), clients: {} } });
    after.clock.advance(4_000);
    await after.holds.round();
    assert.equal(await stateOf(after, id), 'rejected');
    const shown = await after.desk.show(id, false);
    assert.ok(shown !== null && shown !== 'unopenable');
    assert.deepEqual(
      [shown.end?.by, shown.end?.reason],
      ['policy', 'its client is not configured any more'],
    );
  });
  await t.test('denied', async () => {
    const s = scene();
    const id = await held(s);
    s.world.refuse = refuse('subject_protected', 'no', { rule: 'protected.breakglass' });
    const decided = await approve(s, id);
    assert.equal(decided.state, 'rejected');
    assert.match(decided.note ?? '', /subject_protected \(protected\.breakglass\)/);
  });
  await t.test('frozen', async () => {
    const s = scene();
    const id = await held(s);
    s.world.frozen = true;
    assert.equal((await approve(s, id)).state, 'pending');
    s.world.frozen = false;
    // A thaw lets nothing out by itself.
    s.clock.advance(60_000);
    await s.holds.round();
    assert.equal(s.sent.length, 0);
    assert.equal((await approve(s, id)).state, 'released');
  });
  await t.test('held by another rule', async () => {
    const s = scene();
    const id = await held(s);
    s.world.alsoHeldBy = 'routes.slack.approval';
    assert.match(
      (await approve(s, id)).note ?? '',
      /anew: another rule holds it as well; show it again$/,
    );
    assert.equal((await approve(s, id)).state, 'released');
    assert.deepEqual(s.sent[0]?.release?.others, ['routes.slack.approval']);
  });
  await t.test('its route leads to another tenant', async () => {
    const s = scene();
    const id = await held(s);
    s.world.routes = s.world.routes.map((route) => ({ ...route, target: 'elsewhere' }));
    assert.match((await approve(s, id)).note ?? '', /another tenant/);
  });
});

void test('what cannot go out now stays approved and is tried again later, ever more seldom', async () => {
  const s = scene();
  const id = await held(s);
  s.world.refuse = refuse('target_overloaded', 'busy');
  const decided = await approve(s, id);
  assert.deepEqual(
    [decided.ok, decided.state, decided.note],
    [true, 'approved', 'it is tried again: target_overloaded'],
  );
  s.world.refuse = null;
  await s.holds.round();
  assert.equal(s.sent.length, 0);
  s.clock.advance(5_000);
  await s.holds.round();
  assert.equal(s.sent.length, 1);
});

void test('of a batch twelve go out, the oldest first, and the rest is rejected', async () => {
  const s = scene();
  const ids: HoldId[] = [];
  for (let each = 0; each < 40; each += 1) {
    ids.push(await held(s, { operation: deactivation(`u${each}`) }));
    s.clock.advance(1);
  }
  const [batch] = await s.desk.batches();
  assert.deepEqual([batch?.pending, batch?.batch], [40, 'mass-leave entra']);
  const some = await s.desk.pendingOf('mass-leave entra', 12);
  assert.deepEqual(some, ids.slice(0, 12));
  const decided = await s.desk.approve(some, alice, null);
  assert.equal(decided.filter(({ state }) => state === 'released').length, 12);
  const rest = await s.desk.pendingOf('mass-leave entra', 500);
  assert.equal(rest.length, 28);
  const rejected = await s.desk.reject(rest, alice, 'the sync was misconfigured');
  assert.ok(rejected.every(({ ok }) => ok));
  assert.equal(s.sent.length, 12);
  await s.holds.round();
  assert.equal(s.sent.length, 12);
  assert.deepEqual(s.counted.at(-1), []);
});

void test('a password is kept nowhere, and alone is not held', async () => {
  const s = scene();
  const create = {
    verb: 'create',
    type: userType,
    resource: { userName: 'eve@example.com', password: 'Hunter2-secret' },
    projection: {},
    repairs: [],
  } as const;
  const id = await held(s, {
    operation: create,
    actions: ['users:create', 'users:password'],
    before: null,
    after: create.resource,
  });
  const row = await s.store.read(id);
  assert.equal(row?.actions, 'users:create');
  const plain = keyRing.open(row?.sealed ?? Buffer.alloc(0), `hold ${id}`)?.toString() ?? '';
  assert.ok(plain.includes('eve@example.com') && !plain.includes('Hunter2'));
  const shown = await s.desk.show(id, true);
  assert.ok(shown !== null && shown !== 'unopenable' && shown.passwordDropped);
  const alone = {
    ...deactivation(),
    changes: [{ op: 'replace', path: { attribute: 'password' }, value: 'x' }],
  } as ReturnType<typeof deactivation>;
  const unkept = await s.hold({ operation: alone, actions: ['users:password'] });
  assert.equal(unkept.kind, 'unkept');
  const kept = await s.hold({
    operation: alone,
    actions: ['users:password'],
    keepsPasswords: true,
  });
  assert.equal(kept.kind, 'held');
});

void test('what is too large is not held', async () => {
  const s = scene();
  const after = { id: 'u1', title: 'x'.repeat(1_100_000) };
  assert.equal((await s.hold({ after })).kind, 'unkept');
});

void test("a person's own undo waits for another person and goes out in their name", async () => {
  const s = scene();
  s.world.people['carol@example.com'] = {
    name: 'carol@example.com',
    roles: ['approver'],
    until: 4_000_000_000_000,
  };
  const route = requestOf(s.world).route;
  const id = await held(s, {
    actor: personActor('carol@example.com', route),
    reverses: ['led_0badcafe000001' as never],
  });
  assert.match((await approve(s, id, person('Carol@example.com'))).note ?? '', /their own/);
  assert.equal((await approve(s, id, alice)).state, 'released');
  const [sent] = s.sent;
  assert.deepEqual([sent?.actor.kind, sent?.actor.client.name], ['person', 'carol@example.com']);
  assert.deepEqual(sent?.undo?.reverses, ['led_0badcafe000001']);
});

void test('values are shown to those who decide alone', async () => {
  const s = scene();
  const id = await held(s);
  const viewer = JSON.stringify(await s.desk.show(id, false));
  assert.ok(!viewer.includes('ada@example.com') && !viewer.includes('"u1"'));
  const shown = await s.desk.show(id, true);
  assert.ok(shown !== null && shown !== 'unopenable');
  assert.deepEqual(shown.change?.diff, [{ path: 'active', before: true, after: false }]);
  for (const { fields } of s.notes) assert.ok(!JSON.stringify(fields).includes('ada@'));
});

void test('a batch is told at once, then every half minute with how many came', async () => {
  const s = scene();
  s.world.notify = [{ name: 'ops' }];
  for (let each = 0; each < 5; each += 1) {
    await held(s, { operation: deactivation(`u${each}`) });
    s.clock.advance(1);
  }
  await new Promise(setImmediate);
  assert.deepEqual(
    s.notices.map(({ body }) => (body['data'] as { count: number }).count),
    [1],
  );
  s.clock.advance(30_000);
  await new Promise(setImmediate);
  assert.deepEqual(
    s.notices.map(({ body }) => (body['data'] as { count: number }).count),
    [1, 4],
  );
  assert.ok(!JSON.stringify(s.notices).includes('ada@example.com'));
  // Whoever starts later tells the same news under the same name.
  const later = scene({ store: s.store, world: s.world });
  await new Promise(setImmediate);
  assert.deepEqual(
    later.notices.map(({ id }) => id),
    [s.notices.at(-1)?.id],
  );
});

void test(
  'two approvers on two gateways: one word counts, one change goes out',
  { skip: 'missing' in postgres && postgres.missing },
  async () => {
    const { stores, drop } = await openTogether(2);
    try {
      const shared = { claimed: new Set<string>(), sent: [] };
      const all = stores.map(({ holds }) => scene({ store: holds, shared }));
      const [one, other] = all;
      assert.ok(one !== undefined && other !== undefined);
      for (let round = 0; round < 20; round += 1) {
        const id = await held(one, { operation: deactivation(`u${round}`) });
        await Promise.all([approve(one, id, alice), approve(other, id, bob)]);
      }
      await Promise.all(all.map(({ holds }) => holds.round()));
      assert.equal(shared.sent.length, 20);
      for (const { release } of shared.sent as Scene['sent']) {
        assert.equal(release?.approvals.length, 1);
      }
      await Promise.all(all.map(({ holds }) => holds.stop(1_000)));
    } finally {
      await drop();
    }
  },
);

void test('whoever gives the client away, or takes it over, is behind what it had held', async () => {
  const s = scene();
  const id = await held(s);
  s.world.clients = { entra: clientOf('entra', 'bob@example.com') };
  const former = await approve(s, id, person('owner@example.com'));
  assert.match(former.note ?? '', /owner of the client when it was held/);
  assert.match((await approve(s, id, bob)).note ?? '', /owner of the client/);
  assert.equal((await approve(s, id, alice)).state, 'released');
});

void test('an approval falls with whoever gave it and stands behind the client since', async () => {
  const s = scene();
  const id = await held(s, { by: 2 });
  assert.equal((await approve(s, id, alice)).note, '1 of 2 approvals');
  s.world.issuers.push('Alice@Example.com');
  assert.equal((await approve(s, id, bob)).note, '1 of 2 approvals');
  assert.equal(s.sent.length, 0);
  const shown = await s.desk.show(id, false);
  assert.ok(shown !== null && shown !== 'unopenable');
  assert.deepEqual(
    shown.voided.map(({ why, by }) => [why, by.map((one) => one.person)]),
    [['their-own', ['alice@example.com']]],
  );
  assert.equal((await approve(s, id, person('eve@example.com'))).state, 'released');
  assert.deepEqual(s.sent[0]?.release?.approvals, ['bob@example.com', 'eve@example.com']);
});

void test('what is too much to be shown is said to be cut, and nothing that changes is silent', async () => {
  const s = scene();
  const many = (count: number) => Array.from({ length: count }, (_, at) => `v${at}`);
  const wide = Object.fromEntries(many(503).map((name) => [name, name]));
  const before = { id: 'u1', long: [], turned: ['a', 'b'] };
  const after = { id: 'u1', long: many(1_004), turned: ['b', 'a'], ...wide };
  s.world.current = before;
  const id = await held(s, { before, after });
  const text = printHold(await s.desk.show(id, true));
  assert.match(text, /! long\[\]: CUT, 4 more elements change/);
  assert.match(text, /~ turned\[\] the same elements in another order or number/);
  assert.match(text, /! CUT: 5 more attributes change/);
});
