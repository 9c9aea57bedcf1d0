/** What a read-back must find at targets where taking access away does something else, or hides it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Knobs } from '../../../src/identity/dialects/knobs.ts';
import type { Mutation } from '../../../src/identity/operation.ts';
import type { Writing } from '../../../src/identity/scim/adapt-writes.ts';
import { expectedThere } from '../../../src/identity/scim/expected-there.ts';
import {
  addMembers,
  creating,
  group,
  groupType,
  knobsWith,
  patching,
  set,
  user,
  userType,
} from './plan-fixture.ts';
import { plain } from './scim-fixture.ts';

const deleting: Writing = {
  operation: { verb: 'delete', type: userType, id: 'x1' } as unknown as Mutation,
  changes: null,
  before: user({ active: true }),
  after: null,
  resource: null,
};
const off = patching(userType, user({ active: true }), set('active', false), set('title', 't'));
const blindly = patching(userType, null, set('active', false));
const gone = { kind: 'gone', id: 'x1' };
const inactive = {
  kind: 'changed',
  id: 'x1',
  checks: [{ kind: 'equals', path: { attribute: 'active' }, value: false }],
};

const cases: readonly (readonly [string, Writing, Partial<Knobs>, unknown])[] = [
  ['a DELETE that deletes', deleting, {}, gone],
  ['T8 a DELETE that deactivates', deleting, { deleteUser: 'deactivate' }, inactive],
  [
    'T13 a DELETE that deactivates and hides',
    deleting,
    { deleteUser: 'deactivate', inactiveUsers: 'absent' },
    gone,
  ],
  ['T11 active: false that destroys', off, { deactivateUser: 'delete' }, gone],
  ['T11 without knowing what was there', blindly, { deactivateUser: 'delete' }, gone],
  ['T13 active: false that hides', off, { inactiveUsers: 'absent' }, gone],
  [
    'T13 another change of a user who is there',
    patching(userType, user(), set('title', 't')),
    { inactiveUsers: 'absent' },
    {
      kind: 'changed',
      id: 'x1',
      checks: [{ kind: 'equals', path: { attribute: 'title' }, value: 't' }],
    },
  ],
  [
    'T4 members that are not shown',
    patching(groupType, group(), addMembers('a')),
    { showsMembers: false },
    null,
  ],
  [
    'T4 a create is found again without its members',
    creating(groupType, group('a')),
    { showsMembers: false },
    {
      kind: 'created',
      by: { attribute: 'displayName', value: 'app' },
      checks: [{ kind: 'equals', path: { attribute: 'displayName' }, value: 'app' }],
    },
  ],
];

for (const [name, writing, over, expected] of cases) {
  test(name, () => assert.deepEqual(plain(expectedThere(writing, knobsWith(over))), expected));
}
