/** How the steps of an undo go out: what they are bound to, and what is done where that moved. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refuse } from '../../src/errors.ts';
import { rfcKnobs } from '../../src/identity/dialects/knobs.ts';
import type { Mutation } from '../../src/identity/operation.ts';
import type { Resource, ResourceType } from '../../src/identity/scim/schema-model.ts';
import { groupType, userType } from '../../src/identity/scim/schemas.ts';
import type { LedgerId } from '../../src/ids.ts';
import { resourceHash } from '../../src/passage/binding.ts';
import type { Outcome, Passage } from '../../src/passage/doors.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import type { Fact } from '../../src/undo/gather-undo.ts';
import type { Step } from '../../src/undo/plan-parts.ts';
import { runStep, type NewIds } from '../../src/undo/run-undo.ts';
import type { Place, UndoDoor } from '../../src/undo/undo-door.ts';
import { deltasOf, type Wish } from '../../src/undo/units.ts';

const entry = 'led_00000001000001' as LedgerId;
const ann: Resource = { id: 'u1', userName: 'ann', title: 'New' };

const wishesOf = (from: Resource, to: Resource, type: ResourceType): readonly Wish[] =>
  deltasOf(from, to, type).map(({ unit, to: value }) => ({ unit, value }));

const stepOf = (more: Partial<Step>): Step => ({
  subject: { tenant: 't', route: 'r', type: 'users', id: 'u1' },
  name: 'ann',
  does: 'change',
  guard: 'unguarded',
  parts: [],
  entries: [entry],
  reverses: [entry],
  wishes: [],
  body: null,
  ...more,
});

const factOf = (
  current: Resource | null,
  type: ResourceType,
  etag: string | null = null,
): Fact => ({
  place: { type } as Place,
  etag,
  known: {
    subject: { tenant: 't', route: 'r', type: type.word, id: 'u1' },
    type,
    knobs: rfcKnobs,
    softDeletes: false,
    pasts: [],
    current,
    tagged: etag !== null,
    standsIn: [],
    closed: null,
  },
});

const outcome = (reply: Outcome['reply'], more: Partial<Outcome> = {}): Outcome => ({
  reply,
  operation: 'patch',
  actions: [],
  resourceType: 'User',
  decision: 'allow',
  rule: null,
  normalised: [],
  repairs: [],
  limits: [],
  retryAfterSeconds: 0,
  ledger: null,
  attempts: [],
  targetMs: 0,
  internal: null,
  ...more,
});

const done = outcome(
  { status: 200, headers: {}, body: {} },
  {
    ledger: {
      id: 'led_00000001000009' as LedgerId,
      at: 0,
      outcome: 'applied',
      settledBy: 'answer',
      resourceId: 'new1',
      status: 200,
    },
  },
);
const moved = outcome(refuse('target_refused', 'It moved on.', { status: 412 }));

type Sent = Readonly<{ mutation: Mutation; undo: Passage['undo'] }>;

/** A door that answers these outcomes in turn and shows this resource when it is read. */
const doorOf = (answers: readonly Outcome[], now: Resource | null = null) => {
  const sent: Sent[] = [];
  const left = [...answers];
  const door: UndoDoor = {
    snapshot: {} as Snapshot,
    now: () => 0,
    pass: (_place, operation, undo) => {
      sent.push({ mutation: operation as Mutation, undo });
      return Promise.resolve(left.shift() ?? done);
    },
    read: () => Promise.resolve({ resource: now, etag: null }),
    groupsOf: () => Promise.resolve([]),
  };
  return { door, sent };
};

const back = stepOf({ wishes: wishesOf(ann, { ...ann, title: 'Old' }, userType) });

describe('a step of undo', () => {
  it('is bound to the resource it was planned for, and names what it takes back', async () => {
    const { door, sent } = doorOf([done]);
    const result = await runStep(door, back, factOf(ann, userType), new Map());
    assert.equal(result.outcome, 'applied');
    assert.equal(sent.length, 1);
    assert.deepEqual(sent[0]?.undo?.reverses, [entry]);
    assert.deepEqual(sent[0]?.undo?.before, resourceHash(ann));
    assert.deepEqual(sent[0]?.mutation, {
      verb: 'patch',
      type: userType,
      id: 'u1',
      projection: {},
      repairs: [],
      preconditions: {},
      changes: [{ op: 'replace', path: { attribute: 'title' }, value: 'Old' }],
    });
  });

  it('carries the tag where the target keeps to one', async () => {
    const { door, sent } = doorOf([done]);
    await runStep(door, back, factOf(ann, userType, 'W/"7"'), new Map());
    const { mutation } = sent[0] as Sent;
    assert.deepEqual('preconditions' in mutation && mutation.preconditions, { ifMatch: 'W/"7"' });
  });

  it('goes out once more where only what it does not touch has moved', async () => {
    const here = { ...ann, groups: [{ value: 'g1' }], nickName: 'N' };
    const { door, sent } = doorOf([moved, done], here);
    const result = await runStep(door, back, factOf(ann, userType), new Map());
    assert.equal(result.outcome, 'applied');
    assert.deepEqual(sent[1]?.undo?.before, resourceHash(here));
  });

  it('stops where what it touches has moved', async () => {
    const { door, sent } = doorOf([moved, done], { ...ann, title: 'Theirs' });
    const result = await runStep(door, back, factOf(ann, userType), new Map());
    assert.equal(result.outcome, 'refused');
    assert.match(String(result.detail), /nothing was written over it/);
    assert.equal(sent.length, 1);
  });

  it('removes nobody who was written in meanwhile', async () => {
    const { door, sent } = doorOf([moved, done], { ...ann, nickName: 'Theirs' });
    const removal = stepOf({ does: 'remove' });
    const result = await runStep(door, removal, factOf(ann, userType), new Map());
    assert.equal(result.outcome, 'refused');
    assert.deepEqual(
      sent.map(({ mutation }) => mutation.verb),
      ['delete'],
    );
  });

  it('is held like the change of anyone', async () => {
    const held = outcome(refuse('mutation_held', 'It waits.'), { decision: 'hold' });
    const { door } = doorOf([held]);
    const result = await runStep(door, back, factOf(ann, userType), new Map());
    assert.equal(result.outcome, 'held');
  });

  it('moves references to the new id of whom it made again, or names them', async () => {
    const team = { id: 'g1', displayName: 'app', members: [{ value: 'a' }] };
    const wanted = { ...team, members: [{ value: 'a' }, { value: 'u1' }] };
    const step = stepOf({
      subject: { tenant: 't', route: 'r', type: 'groups', id: 'g1' },
      wishes: wishesOf(team, wanted, groupType),
    });
    const ids: NewIds = new Map([['t\nu1', 'new1']]);
    const { door, sent } = doorOf([done]);
    await runStep(door, step, factOf(team, groupType), ids);
    const { mutation } = sent[0] as Sent;
    assert.deepEqual(mutation.verb === 'patch' && mutation.changes, [
      { op: 'add', path: { attribute: 'members' }, value: [{ value: 'new1' }] },
    ]);
    const lost = doorOf([done]);
    ids.set('t\nu1', null);
    const result = await runStep(lost.door, step, factOf(team, groupType), ids);
    assert.equal(lost.sent.length, 0);
    assert.deepEqual(
      result.refused.map(({ reason }) => reason),
      ['subject-gone'],
    );
  });

  it('makes again without id, under the schemas of what it holds', async () => {
    const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
    const body = { userName: 'ann', [enterprise]: { department: 'D' } };
    const ids: NewIds = new Map();
    const { door, sent } = doorOf([done]);
    const step = stepOf({ does: 'recreate', guard: 'none', body });
    const result = await runStep(door, step, factOf(null, userType), ids);
    assert.equal(result.newId, 'new1');
    assert.equal(ids.get('t\nu1'), 'new1');
    const { mutation, undo } = sent[0] as Sent;
    assert.equal(undo?.before, null);
    assert.deepEqual(mutation.verb === 'create' && { ...mutation.resource }, {
      ...body,
      [enterprise]: Object.assign(Object.create(null), { department: 'D' }),
      schemas: [userType.schema.id, enterprise],
    });
  });
});
