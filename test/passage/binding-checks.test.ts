import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { userType } from '../../src/identity/scim/schemas.ts';
import { mutationHash, resourceHash } from '../../src/passage/binding.ts';
import {
  heldOperation,
  isReleasedFrom,
  releaseProblem,
  undoProblem,
} from '../../src/passage/binding-checks.ts';
import { about, deactivate, releaseOf, weighingOf, type Given } from './safety-walk.ts';

const before = { userName: 'ann', active: true };
const approved = {
  mutation: mutationHash(deactivate, about),
  before: resourceHash(before),
};
const whyNot = (more: Parameters<typeof releaseOf>[0], given: Given = {}) => {
  const release = releaseOf({ ...approved, ...more });
  const { weighing } = weighingOf({ before, ...given, passage: { release } });
  const { walk, approached, final } = weighing;
  return releaseProblem(walk, approached, final)?.why ?? null;
};

describe('what a release is bound to', () => {
  it('is the mutation, the resource before it and the configuration', () => {
    assert.equal(whyNot({}), null);
    assert.equal(whyNot({ configVersion: 'v0' }), 'config-changed');
    const other = { ...deactivate, id: 'u2' };
    assert.equal(whyNot({}, { operation: other }), 'mutation-changed');
    const activate = {
      ...deactivate,
      changes: [{ op: 'replace', path: { attribute: 'active' }, value: true }],
    } as const;
    assert.equal(whyNot({}, { operation: activate }), 'mutation-changed');
    assert.equal(whyNot({}, { before: { ...before, title: 'Chief' } }), 'before-changed');
    assert.equal(whyNot({}, { before: null }), 'before-changed');
  });

  it('does not move with meta, the order of members or what the caller wants to see', () => {
    const moved = { active: true, meta: { version: '2' }, userName: 'ann' };
    assert.equal(whyNot({}, { before: moved }), null);
    const shown = { ...deactivate, projection: { attributes: ['id'] } };
    assert.equal(whyNot({}, { operation: shown }), null);
  });

  it('is a PUT as it was stated, not what it carries over', () => {
    const put = {
      verb: 'replace',
      type: userType,
      id: 'u1',
      resource: { userName: 'ann' },
      preconditions: {},
      projection: {},
      repairs: [],
    } as const;
    const { final } = weighingOf({ operation: { ...put, resource: before } }).weighing;
    assert.equal(heldOperation({ operation: put }, final), put);
    assert.equal(heldOperation({ operation: deactivate }, final), final.operation);
  });

  it('names the rules that it satisfies', () => {
    const release = releaseOf({ rule: 'guards.a', others: ['guards.b'] });
    const { walk } = weighingOf({ passage: { release } }).weighing;
    assert.deepEqual(
      ['guards.a', 'guards.b', 'guards.c'].map((rule) => isReleasedFrom(walk, rule)),
      [true, true, false],
    );
    assert.equal(isReleasedFrom(weighingOf().weighing.walk, 'guards.a'), false);
  });
});

describe('what an undo is bound to', () => {
  const problem = (planned: Buffer | null, now: Given['before']) => {
    const undo = { reverses: [], before: planned };
    const { walk, final } = weighingOf({ before: now ?? null, passage: { undo } }).weighing;
    return undoProblem(walk, final)?.refused ?? null;
  };

  it('is the resource that it was planned for', () => {
    assert.equal(problem(resourceHash(before), before), null);
    assert.equal(problem(null, before), null);
    assert.equal(problem(resourceHash(before), { ...before, title: 'x' }), 'precondition_failed');
    assert.equal(problem(resourceHash(before), null), 'precondition_failed');
  });
});
