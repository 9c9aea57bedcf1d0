import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Effect } from '../../src/identity/operation.ts';
import { groupType, userType } from '../../src/identity/scim/schemas.ts';
import { withPrivilege, type PrivilegeFacts } from '../../src/policy/privilege.ts';
import { privilegedFrom } from './safety-fixture.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const { privileged } = privilegedFrom({
  groups: ['*-admins'],
  attributes: ['name.familyName', `${enterprise}:department`],
});
const learning = privilegedFrom({ groups: [] }).privileged;
const attributesOnly = privilegedFrom({ attributes: [enterprise] }).privileged;

const one = (action: Effect['action']): readonly Effect[] => [{ action, attributes: [] }];
const none: PrivilegeFacts = { type: groupType, before: null, after: null, changes: null };
const user: PrivilegeFacts = { ...none, type: userType };
const admins = { id: 'g', displayName: 'CRM-ADMINS', members: [{ value: 'a' }] };
const staff = { id: 'g', displayName: 'Staff', members: [{ value: 'a' }] };
const department = {
  op: 'replace',
  path: { schema: enterprise, attribute: 'department' },
  value: 'HR',
} as const;
const rename = (value: string) =>
  ({ op: 'replace', path: { attribute: 'displayName' }, value }) as const;
const add = { op: 'add', path: { attribute: 'members' }, value: [{ value: 'b' }] } as const;
const more = [{ value: 'a' }, { value: 'b' }];

const table: readonly (readonly [string, Effect['action'], PrivilegeFacts, boolean])[] = [
  ['a privileged attribute', 'users:update', { ...user, changes: [department] }, true],
  [
    'the same value again',
    'users:update',
    {
      ...user,
      changes: [department],
      before: { [enterprise]: { department: 'HR' } },
      after: { [enterprise]: { department: 'HR' } },
    },
    false,
  ],
  [
    'another value',
    'users:update',
    {
      ...user,
      changes: [department],
      before: { [enterprise]: { department: 'IT' } },
      after: { [enterprise]: { department: 'HR' } },
    },
    true,
  ],
  [
    'another attribute',
    'users:update',
    { ...user, changes: [{ op: 'remove', path: { attribute: 'title' } }] },
    false,
  ],
  [
    'what holds a privileged part',
    'users:update',
    { ...user, changes: [{ op: 'remove', path: { attribute: 'name' } }] },
    true,
  ],
  [
    'a part beside it',
    'users:update',
    { ...user, changes: [{ op: 'remove', path: { attribute: 'name', sub: 'givenName' } }] },
    false,
  ],
  [
    'a user made with it',
    'users:create',
    { ...user, after: { userName: 'x', [enterprise]: { department: 'HR' } } },
    true,
  ],
  [
    'a user made without',
    'users:create',
    { ...user, after: { userName: 'x', name: { givenName: 'X' } } },
    false,
  ],
  [
    'a user deleted',
    'users:delete',
    { ...user, before: { userName: 'x', [enterprise]: { department: 'HR' } } },
    false,
  ],
  [
    'a member of a privileged group',
    'groups:add-member',
    { ...none, before: admins, after: { ...admins, members: more }, changes: [add] },
    true,
  ],
  [
    'a member of another group',
    'groups:add-member',
    { ...none, before: staff, after: { ...staff, members: more }, changes: [add] },
    false,
  ],
  ['a member of a group nobody knows', 'groups:add-member', { ...none, changes: [add] }, true],
  [
    'a member that is one already',
    'groups:add-member',
    {
      ...none,
      before: { ...admins, members: more },
      after: { ...admins, members: more },
      changes: [add],
    },
    false,
  ],
  [
    'members that are never shown',
    'groups:add-member',
    {
      ...none,
      before: { displayName: 'x-admins' },
      after: { displayName: 'x-admins' },
      changes: [add],
    },
    true,
  ],
  [
    'renamed into',
    'groups:update',
    {
      ...none,
      before: staff,
      after: { ...staff, displayName: 'x-admins' },
      changes: [rename('x-admins')],
    },
    true,
  ],
  [
    'renamed out of',
    'groups:update',
    { ...none, before: admins, after: { ...admins, displayName: 'x' }, changes: [rename('x')] },
    true,
  ],
  [
    'renamed within',
    'groups:update',
    {
      ...none,
      before: admins,
      after: { ...admins, displayName: 'y-admins' },
      changes: [rename('y-admins')],
    },
    true,
  ],
  [
    'renamed apart from it',
    'groups:update',
    { ...none, before: staff, after: { ...staff, displayName: 'y' }, changes: [rename('y')] },
    false,
  ],
  [
    'something else of it',
    'groups:update',
    {
      ...none,
      before: admins,
      after: { ...admins, externalId: 'y' },
      changes: [{ op: 'add', path: { attribute: 'externalId' }, value: 'y' }],
    },
    false,
  ],
  ['made', 'groups:create', { ...none, after: admins }, true],
  ['made, another', 'groups:create', { ...none, after: staff }, false],
  ['deleted', 'groups:delete', { ...none, before: admins }, true],
  ['deleted, another', 'groups:delete', { ...none, before: staff }, false],
  ['deleted, nobody knows which', 'groups:delete', none, true],
];
for (const [title, action, facts, expected] of table) {
  test(`${title}: ${expected ? 'entitles' : 'does not entitle'}`, () => {
    const effects = one(action);
    const judged = withPrivilege(effects, facts, privileged);
    assert.equal(
      judged.some((effect) => effect.action === 'users:entitle'),
      expected,
    );
    if (!expected) assert.equal(judged, effects);
  });
}

test('a group that tells of privilege is privileged, whatever its name', () => {
  const told = [
    { displayName: 'x', roles: [{ value: 'admin' }] },
    {
      displayName: 'x',
      'urn:ietf:params:scim:schemas:extension:Microsoft:Entra:2.0:Group': {
        isAssignableToRole: true,
      },
    },
    { displayName: 'x', entitlements: ['e'] },
  ];
  const silent = [
    { displayName: 'x', roles: [] },
    { displayName: 'x', 'urn:x:Group': { isAssignableToRole: false } },
  ];
  const judge = (before: PrivilegeFacts['before']) =>
    withPrivilege(one('groups:delete'), { ...none, before }, learning).length === 2;
  assert.ok(told.every(judge));
  assert.ok(!silent.some(judge));
});

test('without groups: nothing is asked of groups; without anything nothing changes', () => {
  assert.equal(withPrivilege(one('groups:delete'), none, attributesOnly).length, 1);
  assert.equal(withPrivilege(one('groups:delete'), none, null).length, 1);
  const whole = withPrivilege(
    one('users:update'),
    { ...user, changes: [department] },
    attributesOnly,
  );
  assert.deepEqual(whole.at(-1), { action: 'users:entitle', attributes: [] });
  const already = one('users:entitle');
  assert.equal(withPrivilege(already, { ...user, changes: [department] }, privileged), already);
});

test('an attribute nobody has is a mistake', () => {
  assert.deepEqual(privilegedFrom({ attributes: ['departmnt'] }).problems, [
    'v.attributes.0: a User has no such attribute here',
  ]);
});
