import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Action } from '../../src/identity/operation.ts';
import { diffResources } from '../../src/identity/scim/patch.ts';
import { userType } from '../../src/identity/scim/schemas.ts';
import type { Resource } from '../../src/identity/scim/schema-model.ts';
import { membersMoved } from '../../src/policy/membership.ts';
import {
  markedMembers,
  noMembers,
  violations,
  type SubjectFacts,
} from '../../src/policy/protect.ts';
import type { Protection } from '../../src/policy/safety.ts';
import { protectionFrom } from './safety-fixture.ts';

const ruleOf = (written: Readonly<Record<string, unknown>>): Protection => {
  const { compiled, problems } = protectionFrom(written);
  assert.deepEqual(problems, []);
  assert.ok(compiled !== null);
  return compiled.protection;
};

const byName = ruleOf({
  name: 'names',
  users: { userName: ['breakglass@*'] },
  never: ['deactivate', 'delete', 'password'],
});
const byMail = ruleOf({
  name: 'mails',
  users: { 'emails[].value': ['root@*'] },
  never: ['delete'],
});
const byGroup = ruleOf({
  name: 'admins',
  users: { memberOf: ['Administrators'] },
  never: ['deactivate', 'remove-member'],
});
const byId = ruleOf({ name: 'ids', users: { ids: ['u1'] }, never: ['add-member', 'delete'] });
const byCondition = ruleOf({
  name: 'cel',
  users: { when: 'before.userType == "root"' },
  never: ['delete'],
});
const ofGroups = ruleOf({
  name: 'groups',
  groups: { displayName: ['Administrators'] },
  never: ['delete', 'remove-member'],
});
const all = [byName, byMail, byGroup, byId, byCondition, ofGroups];

const facts: SubjectFacts = {
  word: 'users',
  id: 'u9',
  actions: ['users:update'],
  before: null,
  after: null,
  changes: null,
  marks: [],
  ...noMembers,
};
const breakglass: Resource = { id: 'u9', userName: 'BREAKGLASS@x', emails: [{ value: 'a@x' }] };
const root: Resource = { id: 'u9', userName: 'r', emails: [{ value: 'a@x' }, { value: 'ROOT@x' }] };
const admins: Resource = { id: 'g1', displayName: 'Administrators', members: [{ value: 'u1' }] };

const group: SubjectFacts = { ...facts, word: 'groups', id: 'g1', before: admins };

const found = (given: SubjectFacts): string =>
  violations(all, given)
    .map(({ protection, why }) => `${protection.name} ${why}`)
    .join(', ');

const changed = (before: Resource, after: Resource, actions: readonly Action[]): SubjectFacts => ({
  ...facts,
  actions,
  before,
  after,
  changes: diffResources(before, after, userType),
});

const table: readonly (readonly [string, SubjectFacts, string])[] = [
  ['nobody special', { ...facts, before: { id: 'u9', userName: 'x' } }, ''],
  ['a match now', { ...facts, actions: ['users:deactivate'], before: breakglass }, 'names never'],
  [
    'an action that is fine',
    changed(breakglass, { ...breakglass, title: 'x' }, ['users:update']),
    '',
  ],
  [
    'a mark, whatever it looks like now',
    { ...facts, actions: ['users:delete'], before: { id: 'u9', userName: 'x' }, marks: ['names'] },
    'names never',
  ],
  ['an id', { ...facts, id: 'u1', actions: ['users:delete'] }, 'ids never'],
  [
    'a rename of a match',
    changed(breakglass, { ...breakglass, userName: 'gone' }, ['users:rename']),
    'names key',
  ],
  [
    'a rename that still matches',
    changed(breakglass, { ...breakglass, userName: 'breakglass@other' }, ['users:rename']),
    'names key',
  ],
  [
    'a repair of letter case',
    changed(breakglass, { ...breakglass, userName: 'breakglass@x' }, ['users:rename']),
    '',
  ],
  [
    'a key changed, unknown from what',
    {
      ...facts,
      actions: ['users:rename'],
      marks: ['names'],
      changes: [{ op: 'replace', path: { attribute: 'userName' }, value: 'x' }],
    },
    'names key',
  ],
  [
    'one element of a key',
    changed(root, { ...root, emails: [{ value: 'ROOT@x' }] }, ['users:recovery']),
    'mails key',
  ],
  [
    'the order of elements',
    changed(root, { ...root, emails: [{ value: 'ROOT@x' }, { value: 'a@x' }] }, ['users:recovery']),
    '',
  ],
  [
    'a whole attribute removed, of whose part a key is',
    {
      ...facts,
      actions: ['users:recovery'],
      marks: ['mails'],
      changes: [{ op: 'remove', path: { attribute: 'emails' } }],
    },
    'mails key',
  ],
  [
    'a condition that held',
    changed({ id: 'u9', userType: 'root' }, { id: 'u9', userType: 'x' }, ['users:update']),
    'cel key',
  ],
  [
    'a condition, deleted',
    { ...facts, actions: ['users:delete'], before: { id: 'u9', userType: 'root' } },
    'cel never',
  ],
  ['a creation', { ...facts, id: null, actions: ['users:create'], after: breakglass }, ''],
  [
    'a member by its own word',
    {
      ...facts,
      actions: ['users:deactivate'],
      before: { id: 'u9', groups: [{ value: 'g1', display: 'ADMINISTRATORS' }] },
    },
    'admins never',
  ],
  [
    'members of a group that protects them',
    { ...group, actions: ['groups:remove-member'], removed: [{ id: 'u5', marks: [] }] },
    'admins key, groups never',
  ],
  [
    'a marked member of any group',
    {
      ...group,
      before: { id: 'g2', displayName: 'Staff' },
      actions: ['groups:remove-member'],
      removed: [{ id: 'u5', marks: ['admins'] }],
    },
    'admins never',
  ],
  [
    'members nobody knows',
    {
      ...group,
      before: { id: 'g2', displayName: 'Staff' },
      actions: ['groups:delete'],
      removed: null,
    },
    'admins never',
  ],
  [
    'a protected one is added',
    {
      ...group,
      before: { id: 'g2', displayName: 'Staff' },
      actions: ['groups:add-member'],
      added: [{ id: 'u1', marks: [] }],
    },
    'ids never',
  ],
  [
    'the group that protects is renamed',
    {
      ...group,
      actions: ['groups:update'],
      after: { ...admins, displayName: 'Nobody' },
      changes: [{ op: 'replace', path: { attribute: 'displayName' }, value: 'Nobody' }],
    },
    'admins key, groups key',
  ],
  [
    'a group whose name nobody knows loses a member',
    {
      ...group,
      before: null,
      actions: ['groups:remove-member'],
      removed: [{ id: 'u5', marks: [] }],
    },
    'admins key',
  ],
  [
    'a nested group is emptied',
    {
      ...group,
      before: { id: 'g3', displayName: 'Nested' },
      marks: ['admins'],
      actions: ['groups:replace-members'],
      removed: null,
    },
    'admins never',
  ],
  [
    'somebody joins',
    { ...group, actions: ['groups:add-member'], added: [{ id: 'u5', marks: [] }] },
    '',
  ],
  [
    'a group that is protected goes',
    { ...group, actions: ['groups:delete'], removed: [] },
    'admins key, groups never',
  ],
];
for (const [title, given, expected] of table) {
  test(title, () => {
    assert.equal(found(given), expected);
  });
}

test('a replacement of members is a removal for a rule on groups', () => {
  assert.ok(ofGroups.never.has('groups:replace-members'));
  assert.equal(found({ ...group, actions: ['groups:replace-members'] }), 'groups never');
});

test('a condition that cannot be judged protects', () => {
  const rule = ruleOf({ users: { when: 'before.nothing.of.that > 1' } });
  assert.equal(rule.matches({ id: 'u' }), true);
});

test('filters ask for candidates where every pattern is exact or a beginning', () => {
  const filterOf = (users: Readonly<Record<string, unknown>>) => ruleOf({ users }).filter;
  assert.equal(
    filterOf({ userName: ['x', 'breakglass@*'] }),
    'userName eq "x" or userName sw "breakglass@"',
  );
  assert.equal(filterOf({ userName: ['a"b\\*'] }), 'userName sw "a\\"b\\\\"');
  assert.equal(
    filterOf({ userName: ['x'], 'emails.value': ['y*'] }),
    'userName eq "x" or emails.value sw "y"',
  );
  assert.equal(filterOf({ emails: ['y'] }), 'emails.value eq "y"');
  for (const pattern of ['*x', 'a*b', '*', 'straße'])
    assert.equal(filterOf({ userName: ['x', pattern] }), null);
  assert.equal(filterOf({ externalId: ['x'] }), null);
  assert.equal(filterOf({ when: 'true' }), null);
  assert.equal(filterOf({ ids: ['u'], memberOf: ['A'] }), '');
});

const said: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
  [{}, /^p: write users or groups/],
  [{ users: {}, groups: {} }, /^p: write users or groups/],
  [{ users: {} }, /^p\.users: this names nobody/],
  [{ users: { nothing: ['x'] } }, /^p\.users\.nothing: a User has no such attribute here$/],
  [{ users: { active: ['true'] } }, /^p\.users\.active: only texts are compared/],
  [{ users: { password: ['x'] } }, /^p\.users\.password: the target never shows/],
  [{ users: { name: ['x'] } }, /^p\.users\.name: write which part of it/],
  [{ users: { when: 'after.x' } }, /^p\.users\.when: after is not known here$/],
  [
    { users: { ids: ['x'] }, never: ['delete', 'create'] },
    /^p\.never\.1: nothing of the kind can happen to users$/,
  ],
  [{ groups: { displayName: ['x'] }, never: ['deactivate'] }, /^p\.never\.0: nothing of the kind/],
];
for (const [written, expected] of said) {
  test(`${JSON.stringify(written)} is refused`, () => {
    const { problems } = protectionFrom(written);
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', expected);
  });
}

test('never: * is all that can happen, to members as well', () => {
  const { never } = ruleOf({ users: { ids: ['u'] }, never: ['*'] });
  for (const action of [
    'users:delete',
    'users:password',
    'users:entitle',
    'groups:remove-member',
  ] as const)
    assert.ok(never.has(action));
  assert.ok(!never.has('users:create') && !never.has('users:read'));
});

test('whoever matches is protected in every spelling of the name', () => {
  const name = fc.constantFrom('breakglass@straße.example', 'BREAKGLASS@İstanbul', 'breakglass@ｘ');
  const form = fc.constantFrom<(text: string) => string>(
    (text) => text.toUpperCase(),
    (text) => text.toLowerCase(),
    (text) => text.normalize('NFKD'),
    (text) => text.normalize('NFKC'),
    (text) => ` ${text}\u200b`,
  );
  fc.assert(
    fc.property(name, form, (userName, spell) => {
      const before = { id: 'u9', userName: spell(userName) };
      assert.equal(found({ ...facts, actions: ['users:delete'], before }), 'names never');
    }),
  );
});

test('members are marked one by one, and nobody known stays nobody known', () => {
  const moved = membersMoved({
    actions: ['groups:remove-member'],
    before: { id: 'g', members: [{ value: 'a' }, { value: 'b' }] },
    after: { id: 'g', members: [{ value: 'b' }] },
    changes: null,
  });
  assert.deepEqual(
    markedMembers(moved, (id) => [`m-${id}`]),
    { removed: [{ id: 'a', marks: ['m-a'] }], added: [] },
  );
  assert.equal(
    markedMembers({ removed: null, added: [], named: [], had: null }, () => []).removed,
    null,
  );
});
