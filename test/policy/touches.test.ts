import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isRefusal } from '../../src/errors.ts';
import type { Json } from '../../src/identity/json-value.ts';
import type { Action } from '../../src/identity/operation.ts';
import { effectsOfChanges } from '../../src/identity/scim/effects.ts';
import { applyChanges, diffResources } from '../../src/identity/scim/patch.ts';
import { groupType, userType } from '../../src/identity/scim/schemas.ts';
import type { Change, Resource } from '../../src/identity/scim/schema-model.ts';
import { touchesOf, type TouchFacts } from '../../src/policy/touches.ts';
import type { Guard, Touch } from '../../src/policy/safety.ts';
import { guardFrom } from './safety-fixture.ts';

const guardOf = (written: Parameters<typeof guardFrom>[0]): Guard => {
  const { guard, problems } = guardFrom(written);
  assert.deepEqual(problems, []);
  return guard;
};

const group = (ids: readonly string[], displayName = 'Staff'): Resource => ({
  id: 'g1',
  displayName,
  ...(ids.length === 0 ? {} : { members: ids.map((value) => ({ value })) }),
});

const base: TouchFacts = {
  tenant: 't',
  client: 'c',
  type: groupType,
  actions: [],
  before: null,
  after: null,
  changes: null,
  groupId: 'g1',
};

const user: TouchFacts = { ...base, type: userType, groupId: null };

/** What is left of touches for a table: window, amount, members. */
const short = (touches: readonly Touch[]): string =>
  touches
    .map(({ window, amount, shareOf, members }) =>
      [window?.name ?? 'trips', amount, shareOf, members].filter((each) => each !== null).join(' '),
    )
    .join('; ');

const removal = (...ids: readonly string[]): Change => ({
  op: 'remove',
  path: {
    attribute: 'members',
    filter:
      ids.length === 1
        ? { kind: 'compare', path: { attribute: 'value' }, operator: 'eq', value: ids[0] ?? '' }
        : {
            kind: 'or',
            terms: ids.map((value) => ({
              kind: 'compare',
              path: { attribute: 'value' },
              operator: 'eq',
              value,
            })),
          },
  },
});
const removeAll: Change = { op: 'remove', path: { attribute: 'members' } };
const setTo = (ids: readonly string[]): Change => ({
  op: 'replace',
  path: { attribute: 'members' },
  value: ids.map((value): Json => ({ value })),
});
const addition = (...ids: readonly string[]): Change => ({
  op: 'add',
  path: { attribute: 'members' },
  value: ids.map((value): Json => ({ value })),
});
const ten = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

const members = { actions: ['groups:remove-member'], count: 5, in: '1h' };
const half = { actions: members.actions, percent: '50%', in: '1h', per: 'group' } as const;
const byAction = (action: Action, more: Partial<TouchFacts> = {}): TouchFacts => ({
  ...base,
  actions: [action],
  ...more,
});

const table: readonly (readonly [string, Parameters<typeof guardFrom>[0], TouchFacts, string])[] = [
  [
    'a change of a user is one',
    { actions: ['users:deactivate', 'users:delete'], count: 5, in: '1h' },
    { ...user, actions: ['users:deactivate', 'users:delete'] },
    'fast 1',
  ],
  [
    'another action is nothing',
    { actions: ['users:deactivate'], count: 5, in: '1h' },
    { ...user, actions: ['users:update'] },
    '',
  ],
  [
    'a slow window counts beside it, shares are of the population',
    { actions: ['users:*'], percent: '5%', in: '1h', slow: { percent: '10%', in: '7d' } },
    { ...user, actions: ['users:rename'] },
    'fast 1 population; slow 1 population',
  ],
  [
    'members that leave, told by the resource',
    members,
    byAction('groups:remove-member', {
      before: group(ten),
      after: group(ten.slice(3)),
      changes: [removal('0', '1', '2', 'nobody')],
    }),
    'fast 3',
  ],
  [
    'nobody left, so nothing is counted',
    members,
    byAction('groups:remove-member', {
      before: group(ten),
      after: group(ten),
      changes: [removal('nobody')],
    }),
    '',
  ],
  [
    'members that leave, told by the changes alone',
    members,
    byAction('groups:remove-member', { changes: [removal('0'), removal('0', '1')] }),
    'fast 2',
  ],
  [
    'a removal of all, unknown whom, trips',
    members,
    byAction('groups:replace-members', { changes: [removeAll] }),
    'trips 1',
  ],
  [
    'a replacement counts for a guard on removals',
    members,
    byAction('groups:replace-members', {
      before: group(ten),
      after: group(['0', 'x']),
      changes: [setTo(['0', 'x'])],
    }),
    'fast 9',
  ],
  [
    'what the target never shows is not taken for nobody',
    members,
    byAction('groups:replace-members', {
      before: group([]),
      after: group([]),
      changes: [setTo([])],
      membersHidden: true,
    }),
    'trips 1',
  ],
  [
    'a group goes with its members',
    members,
    byAction('groups:delete', { before: group(ten) }),
    'fast 10',
  ],
  ['a group goes, nobody knows with whom', members, byAction('groups:delete'), 'trips 1'],
  [
    'members that enter',
    { actions: ['groups:add-member'], count: 5, in: '1h' },
    byAction('groups:add-member', { changes: [addition('a', 'b', 'a')] }),
    'fast 2',
  ],
  [
    'a replacement moves both ways',
    { actions: ['groups:replace-members'], count: 5, in: '1h' },
    byAction('groups:replace-members', {
      before: group(['a', 'b']),
      after: group(['b', 'c', 'd']),
      changes: [setTo(['b', 'c', 'd'])],
    }),
    'fast 3',
  ],
  [
    'a share of the members of one group',
    half,
    byAction('groups:remove-member', {
      before: group(ten),
      after: group(ten.slice(1)),
      changes: [removal('0')],
    }),
    'fast 1 members 10',
  ],
  [
    'a share of nobody knows how many trips',
    half,
    byAction('groups:remove-member', { changes: [removal('0')] }),
    'trips 1',
  ],
  [
    'a rename of a group is one',
    { actions: ['groups:update'], count: 5, in: '1h' },
    byAction('groups:update', { changes: [] }),
    'fast 1',
  ],
  [
    'emptied by a PUT without members',
    { detect: 'emptied' },
    byAction('groups:remove-member', {
      before: group(ten),
      after: group([]),
      changes: diffResources(group(ten), group([]), groupType),
    }),
    'trips 1',
  ],
  [
    'emptied by an empty list, not known before',
    { detect: 'emptied' },
    byAction('groups:replace-members', { changes: [setTo([])] }),
    'trips 1',
  ],
  [
    'not emptied: it had no more members than that',
    { detect: 'emptied', above: 10 },
    byAction('groups:replace-members', {
      before: group(ten),
      after: group([]),
      changes: [removeAll],
    }),
    '',
  ],
  [
    'not emptied: somebody is left',
    { detect: 'emptied' },
    byAction('groups:remove-member', {
      before: group(ten),
      after: group(['0']),
      changes: [removal(...ten.slice(1))],
    }),
    '',
  ],
  [
    'emptied counts in a window where it has one',
    { detect: 'emptied', count: 2, in: '1h' },
    byAction('groups:replace-members', {
      before: group(ten),
      after: group([]),
      changes: [removeAll],
    }),
    'fast 1',
  ],
  [
    'replaced: more than half go',
    { detect: 'replaced' },
    byAction('groups:replace-members', {
      before: group(ten),
      after: group([...ten.slice(6), 'x', 'y']),
      changes: [setTo([...ten.slice(6), 'x', 'y'])],
    }),
    'trips 1',
  ],
  [
    'replaced: exactly the share may go',
    { detect: 'replaced' },
    byAction('groups:replace-members', {
      before: group(ten),
      after: group(ten.slice(5)),
      changes: [setTo(ten.slice(5))],
    }),
    '',
  ],
  [
    'cleared by omission',
    { detect: 'cleared', attributes: ['title'] },
    {
      ...user,
      actions: ['users:update'],
      before: { id: 'u', title: 'Boss' },
      after: { id: 'u' },
      changes: [{ op: 'remove', path: { attribute: 'title' } }],
    },
    'trips 1',
  ],
  [
    'not cleared: there was nothing',
    { detect: 'cleared', attributes: ['title'] },
    {
      ...user,
      actions: ['users:update'],
      before: { id: 'u' },
      after: { id: 'u' },
      changes: [{ op: 'remove', path: { attribute: 'title' } }],
    },
    '',
  ],
  [
    'cleared, not known before',
    { detect: 'cleared', attributes: ['name.givenName'] },
    {
      ...user,
      actions: ['users:update'],
      changes: [{ op: 'remove', path: { attribute: 'name' } }],
    },
    'trips 1',
  ],
  [
    'a part that is cleared',
    { detect: 'cleared', attributes: ['name.givenName'] },
    {
      ...user,
      actions: ['users:update'],
      before: { id: 'u', name: { givenName: 'A', familyName: 'B' } },
      after: { id: 'u', name: { familyName: 'B' } },
      changes: [{ op: 'remove', path: { attribute: 'name', sub: 'givenName' } }],
    },
    'trips 1',
  ],
  [
    'an element less clears nothing',
    { detect: 'cleared', attributes: ['emails'] },
    {
      ...user,
      actions: ['users:recovery'],
      before: { id: 'u', emails: [{ value: 'a', display: 'A' }, { value: 'b' }] },
      after: { id: 'u', emails: [{ value: 'b' }] },
      changes: [],
    },
    '',
  ],
  [
    'a deletion clears nothing',
    { detect: 'cleared', attributes: ['title'] },
    { ...user, actions: ['users:delete'], before: { id: 'u', title: 'Boss' } },
    '',
  ],
  [
    'an extension attribute is cleared',
    {
      detect: 'cleared',
      attributes: ['urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department'],
    },
    {
      ...user,
      actions: ['users:update'],
      before: {
        id: 'u',
        'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User': { department: 'D' },
      },
      after: { id: 'u' },
      changes: [],
    },
    'trips 1',
  ],
];

for (const [title, written, facts, expected] of table) {
  test(title, () => {
    assert.equal(short(touchesOf([guardOf(written)], facts)), expected);
  });
}

test('a counter is that of tenant, guard, window and whoever is counted', () => {
  const guards = [
    guardOf({ name: 'a', actions: ['groups:update'], count: 1, in: '1h' }),
    guardOf({ name: 'b', actions: ['groups:update'], count: 1, in: '1h', per: 'tenant' }),
    guardOf({ name: 'c', actions: ['groups:update'], count: 1, in: '1h', per: 'group' }),
  ];
  const keys = touchesOf(guards, byAction('groups:update', { changes: [] })).map(({ key }) => key);
  assert.deepEqual(keys, ['t\na\nfast\nc', 't\nb\nfast\n', 't\nc\nfast\ng1']);
  const long = touchesOf(
    guards,
    byAction('groups:update', { changes: [], tenant: 'x'.repeat(390), groupId: 'y'.repeat(256) }),
  ).map(({ key }) => key);
  assert.ok(long.every((key) => key.length <= 400));
  const [, , other] = touchesOf(
    guards,
    byAction('groups:update', {
      changes: [],
      tenant: 'x'.repeat(390),
      groupId: `${'y'.repeat(255)}z`,
    }),
  ).map(({ key }) => key);
  assert.notEqual(long[2], other);
});

/** Any list of changes of the members of a group of up to eight. */
const id = fc.constantFrom(...Array.from('abcdefgh'));
const ids = fc.uniqueArray(id, { maxLength: 8 });
const change: fc.Arbitrary<Change> = fc.oneof(
  ids.filter((each) => each.length > 0).map((each) => removal(...each)),
  ids.filter((each) => each.length > 0).map((each) => addition(...each)),
  ids.map(setTo),
  fc.constant(removeAll),
);

test('told by the changes alone, never less is counted than the resource shows', () => {
  const guards = [
    guardOf({ actions: ['groups:remove-member'], count: 5, in: '1h' }),
    guardOf({ actions: ['groups:add-member'], count: 5, in: '1h' }),
    guardOf({ actions: ['groups:replace-members'], count: 5, in: '1h' }),
  ];
  let exact = 0;
  fc.assert(
    fc.property(ids, fc.array(change, { minLength: 1, maxLength: 4 }), (had, changes) => {
      const before = group(had);
      const applied = applyChanges(before, changes, groupType);
      assert.ok(!isRefusal(applied));
      const actions = effectsOfChanges(groupType, changes).map(({ action }) => action);
      const facts = { ...base, actions, changes };
      for (const guard of guards) {
        const [seen] = touchesOf([guard], { ...facts, before, after: applied.resource });
        const [told] = touchesOf([guard], facts);
        assert.ok(seen === undefined || seen.window !== null, 'what is known never trips');
        if (told?.window === null) continue;
        exact += 1;
        assert.ok((told?.amount ?? 0) >= (seen?.amount ?? 0));
      }
    }),
    { numRuns: 2_000 },
  );
  assert.ok(exact > 500);
});

test('the members that leave are those that are missing, however it was said', () => {
  const guard = guardOf({ actions: ['groups:remove-member'], count: 5, in: '1h' });
  fc.assert(
    fc.property(ids, ids, (had, has) => {
      const [before, after] = [group(had), group(has)];
      const gone = had.filter((each) => !has.includes(each)).length;
      for (const changes of [[setTo(has)], diffResources(before, after, groupType)]) {
        const actions = effectsOfChanges(groupType, changes).map(({ action }) => action);
        const [touch] = touchesOf([guard], { ...base, actions, before, after, changes });
        assert.equal(touch?.amount ?? 0, gone);
      }
    }),
  );
});
