/** RFC 7644 §3.5.2 as cases: what a change does to a resource, what it touches, what takes it back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import type { Json, JsonObject } from '../../../src/identity/json-value.ts';
import {
  applyChanges,
  diffResources,
  equalValues,
  stripChanges,
  stripResource,
  touchedBy,
} from '../../../src/identity/scim/patch.ts';
import { parsePath, printPath } from '../../../src/identity/scim/path.ts';
import type { Change, ResourceType } from '../../../src/identity/scim/schema-model.ts';
import { groupType, lookUp, userType } from '../../../src/identity/scim/schemas.ts';
import { withoutOrder } from './resource-arbitraries.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const custom = 'urn:example:acme:2.0:User';

type Written = readonly [op: 'add' | 'replace' | 'remove', path: string, value?: Json];

const changeOf = ([op, path, value]: Written, type: ResourceType): Change => {
  const parsed = parsePath(path, type);
  assert.ok(!isRefusal(parsed), path);
  return op === 'remove' ? { op, path: parsed } : { op, path: parsed, value: value ?? null };
};

type Case = Readonly<{
  name: string;
  type?: ResourceType;
  before: JsonObject;
  changes: readonly Written[];
  /** Absent = unchanged, the very same object. */
  after?: JsonObject;
  touched?: readonly string[];
}>;

const work = { value: 'w@x', type: 'work', primary: true };
const home = { value: 'h@x', type: 'home' };

const cases: readonly Case[] = [
  {
    name: 'add of an existing value changes nothing',
    before: { emails: [work] },
    changes: [['add', 'emails', [{ value: 'W@X', type: 'work' }]]],
  },
  {
    name: 'add completes an existing element, whose value keeps its spelling',
    before: { emails: [{ value: 'W@x' }] },
    changes: [['add', 'emails', [{ value: 'w@x', type: 'work' }]]],
    after: { emails: [{ value: 'W@x', type: 'work' }] },
    touched: ['emails.value', 'emails.type'],
  },
  {
    name: 'one value of two types is two elements',
    before: { emails: [work] },
    changes: [['add', 'emails', [{ value: 'w@x', type: 'home' }]]],
    after: { emails: [work, { value: 'w@x', type: 'home' }] },
  },
  {
    name: 'a new primary element makes the others not primary',
    before: { emails: [work, home] },
    changes: [['add', 'emails', [{ value: 'n@x', primary: true }]]],
    after: { emails: [{ ...work, primary: false }, home, { value: 'n@x', primary: true }] },
  },
  {
    name: 'primary through a filter does so too',
    before: { emails: [work, home] },
    changes: [['replace', 'emails[type eq "home"].primary', true]],
    after: {
      emails: [
        { ...work, primary: false },
        { ...home, primary: true },
      ],
    },
    touched: ['emails.primary'],
  },
  {
    name: 'ids that differ by case alone are two members',
    type: groupType,
    before: { members: [{ value: 'aB' }, { value: 'Ab' }] },
    changes: [['remove', 'members[value eq "aB"]']],
    after: { members: [{ value: 'Ab' }] },
    touched: ['members'],
  },
  {
    name: 'add of an existing member in other words changes nothing',
    type: groupType,
    before: { members: [{ value: '1', display: 'a' }] },
    changes: [['add', 'members', [{ value: '1', display: 'b', type: 'User' }]]],
  },
  {
    name: 'remove of what is not there changes nothing',
    type: groupType,
    before: { members: [{ value: '1' }] },
    changes: [
      ['remove', 'members[value eq "2"]'],
      ['remove', 'displayName'],
    ],
  },
  {
    name: 'the last member leaves no empty array',
    type: groupType,
    before: { displayName: 'g', members: [{ value: '1' }] },
    changes: [
      ['remove', 'members[value eq "1" and type eq "User"]'],
      ['remove', 'members[value eq "1"]'],
    ],
    after: { displayName: 'g' },
  },
  {
    name: 'replace with the same set in another order changes nothing',
    type: groupType,
    before: { members: [{ value: '1' }, { value: '2' }] },
    changes: [['replace', 'members', [{ value: '2' }, { value: '1' }]]],
  },
  {
    name: 'replace with a repeated element is a change',
    type: groupType,
    before: { members: [{ value: '1' }, { value: '2' }] },
    changes: [['replace', 'members', [{ value: '2' }, { value: '2' }]]],
    after: { members: [{ value: '2' }, { value: '2' }] },
  },
  {
    name: 'a replaced element is replaced whole',
    before: { emails: [{ ...work, display: 'd' }, home] },
    changes: [['replace', 'emails[type eq "work"]', { value: 'n@x', type: 'work' }]],
    after: { emails: [{ value: 'n@x', type: 'work' }, home] },
  },
  {
    name: 'sub-attributes not mentioned stay',
    before: { name: { givenName: 'G', familyName: 'F' } },
    changes: [['replace', 'name', { givenName: 'N' }]],
    after: { name: { givenName: 'N', familyName: 'F' } },
    touched: ['name.givenName'],
  },
  {
    name: 'the last sub-attribute takes its parent with it',
    before: { name: { givenName: 'G' } },
    changes: [['remove', 'name.givenName']],
    after: {},
  },
  {
    name: 'a filter value with colons and brackets',
    before: { emails: [{ value: 'urn:x:[1].a' }, home] },
    changes: [['remove', 'emails[value eq "urn:x:[1].a"]']],
    after: { emails: [home] },
  },
  {
    name: 'schemas follow the extensions that have content',
    before: { schemas: [userType.schema.id, enterprise], [enterprise]: { department: 'd' } },
    changes: [
      ['remove', `${enterprise}:department`],
      ['add', `${custom}:constructor`, 'c'],
    ],
    after: { schemas: [userType.schema.id, custom], [custom]: { constructor: 'c' } },
  },
  {
    name: 'changes apply in order',
    before: {},
    changes: [
      ['add', 'emails', [home]],
      ['remove', 'emails[type eq "home"]'],
      ['add', 'emails', [work]],
    ],
    after: { emails: [work] },
  },
];

for (const { name, type = userType, before, changes, after, touched } of cases) {
  test(name, () => {
    const canonical = changes.map((change) => changeOf(change, type));
    const applied = applyChanges(before, canonical, type);
    assert.ok(!isRefusal(applied), JSON.stringify(applied));
    if (after === undefined) {
      assert.equal(applied.resource, before);
      assert.deepEqual([applied.touched, applied.inverse], [[], []]);
      return;
    }
    assert.equal(
      JSON.stringify(withoutOrder(applied.resource)),
      JSON.stringify(withoutOrder(after)),
    );
    if (touched !== undefined) assert.deepEqual(applied.touched, touched);
    const undone = applyChanges(applied.resource, applied.inverse, type);
    assert.ok(!isRefusal(undone));
    assert.deepEqual(withoutOrder(undone.resource), withoutOrder(before));
  });
}

const unmatched: readonly (readonly [ResourceType, Written])[] = [
  [userType, ['replace', 'emails[value eq "x"].display', 'd']],
  [userType, ['replace', 'emails[type sw "w"].value', 'x']],
  [userType, ['add', 'emails[type eq "work" or type eq "home"].value', 'x']],
  [groupType, ['replace', 'members[value eq "9"].display', 'd']],
  [groupType, ['add', 'members[type eq "User"].value', '9']],
];

for (const [type, change] of unmatched) {
  test(`${change[1]} makes no element where none matches`, () => {
    const applied = applyChanges({}, [changeOf(change, type)], type);
    assert.ok(isRefusal(applied));
    assert.equal(applied.refused, 'path_no_match');
  });
}

test('a thousand filters without an equality over ten thousand elements are refused', () => {
  const members = Array.from({ length: 10_000 }, (_, at) => ({ value: `u${at}` }));
  const change = changeOf(['remove', 'members[value sw "x"]'], groupType);
  assert.ok(!isRefusal(applyChanges({ members }, [change, change], groupType)));
  const applied = applyChanges(
    { members },
    Array.from({ length: 1_000 }, () => change),
    groupType,
  );
  assert.ok(isRefusal(applied));
  assert.equal(applied.refused, 'path_malformed');
});

test('names of prototypes are refused, and nothing is polluted', () => {
  for (const attribute of ['__proto__', 'constructor', 'toString']) {
    for (const path of [
      { attribute },
      { attribute, sub: 'x' },
      { attribute: 'name', sub: attribute },
    ]) {
      const applied = applyChanges({}, [{ op: 'add', path, value: 'x' }], userType);
      assert.ok(isRefusal(applied), JSON.stringify(path));
    }
  }
  const path = { schema: custom, attribute: 'constructor', sub: '__proto__' };
  assert.ok(isRefusal(applyChanges({}, [{ op: 'add', path, value: 'x' }], userType)));
  assert.deepEqual(Object.keys(Object.prototype), []);
});

test('what is not changed is shared', () => {
  const before = { name: { givenName: 'G' }, emails: [work, home], [custom]: { a: { b: 1 } } };
  const applied = applyChanges(
    before,
    [changeOf(['replace', 'emails[type eq "home"].value', 'n'], userType)],
    userType,
  );
  assert.ok(!isRefusal(applied));
  assert.equal(applied.resource['name'], before.name);
  assert.equal(applied.resource[custom], before[custom]);
  assert.equal((applied.resource['emails'] as readonly Json[])[0], work);
});

test('a difference is minimal and says what is meant', () => {
  const print = (changes: readonly Change[]) =>
    changes.map((change) => `${change.op} ${printPath(change.path)}`);
  const before = {
    id: '1',
    userName: 'a',
    name: { givenName: 'G', familyName: 'F' },
    emails: [work, home],
    [enterprise]: { manager: { value: '1', displayName: 'Boss' }, department: 'd' },
  };
  const after = {
    userName: 'a',
    name: { givenName: 'N', familyName: 'F' },
    emails: [{ ...home, primary: true }, { value: 'n@x' }],
    [enterprise]: { manager: { value: '2' } },
  };
  assert.deepEqual(print(diffResources(before, after, userType)), [
    'replace name.givenName',
    'remove emails[value eq "w@x"]',
    'replace emails[value eq "h@x"].primary',
    'add emails',
    `replace ${enterprise}:manager`,
    `remove ${enterprise}:department`,
  ]);
});

test('values are equal as their attribute compares them', () => {
  const equal = (left: Json | undefined, right: Json | undefined, path: string): boolean => {
    const [attribute = '', sub] = path.split('.');
    const type = attribute === 'members' ? groupType : userType;
    return equalValues(
      left,
      right,
      lookUp(type, sub === undefined ? { attribute } : { attribute, sub }),
    );
  };
  assert.ok(equal('A', 'a', 'userName'));
  assert.ok(!equal('A', 'a', 'externalId'));
  assert.ok(equal('2011-05-13T04:42:34Z', '2011-05-13T04:42:34.000Z', 'meta.created'));
  assert.ok(
    equal(
      [{ value: 'a', primary: false }, { value: 'B' }],
      [{ value: 'b' }, { value: 'A' }],
      'emails',
    ),
  );
  assert.ok(!equal([{ value: 'a' }], [{ value: 'a', type: 'work' }], 'emails'));
  assert.ok(equal([{ value: '1', display: 'x' }], [{ value: '1', $ref: 'y' }], 'members'));
  assert.ok(!equal([{ value: 'aB' }], [{ value: 'AB' }], 'members'));
  assert.ok(equal(undefined, null, 'emails') && equal([], {}, 'emails'));
  assert.ok(!equal('', undefined, 'title'));
  assert.ok(!equalValues('1', 1, null) && !equalValues(['ab', 'c'], ['a', 'bc'], null));
});

test('stripping judges leaves', () => {
  const keep = (name: string): boolean => name !== 'emails.value' && !name.startsWith('title');
  const resource = { schemas: ['s'], id: '1', title: 't', emails: [home, { value: 'only' }] };
  assert.deepEqual(stripResource(resource, userType, keep), {
    schemas: ['s'],
    id: '1',
    emails: [{ type: 'home' }],
  });
  const changes = (
    [
      ['replace', 'title', 't'],
      ['add', 'emails', [home]],
      ['replace', 'emails[type eq "work"].value', 'x'],
      ['remove', 'name'],
      ['replace', 'name', { givenName: 'g' }],
    ] as const
  ).map((change) => changeOf(change, userType));
  const left = stripChanges(changes, userType, keep);
  assert.deepEqual(touchedBy(left), ['emails.type', 'name', 'name.givenName']);
});

test('one of 10,000 members is removed without looking at the rest twice', (context) => {
  const members = Array.from({ length: 10_000 }, (_, at) => ({
    value: `7f4bc1a3-285e-48ae-8202-${String(at).padStart(12, '0')}`,
    display: `user ${at}`,
  }));
  const group = { displayName: 'g', members };
  const rounds = 300;
  let best = Number.POSITIVE_INFINITY;
  let look = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    const began = performance.now();
    for (let at = 0; at < 10; at += 1)
      assert.equal(
        members.findIndex(({ value }) => value === ''),
        -1,
      );
    look = Math.min(look, (performance.now() - began) / 10);
    const start = performance.now();
    for (let at = 0; at < rounds; at += 1) {
      const value = (members[at * 30] as { value: string }).value;
      const filter = {
        kind: 'compare',
        path: { attribute: 'value' },
        operator: 'eq',
        value,
      } as const;
      const applied = applyChanges(
        group,
        [{ op: 'remove', path: { attribute: 'members', filter } }],
        groupType,
      );
      assert.ok(!isRefusal(applied));
      assert.equal(applied.inverse.length, 1);
    }
    best = Math.min(best, (performance.now() - start) / rounds);
  }
  context.diagnostic(`${Math.round(1_000 / best)} a second`);
  // The aim is 0.2 ms; a clone or a rebuilt index costs ten times that.
  // On a machine that is busy with others, ten looks at all members instead of a millisecond.
  assert.ok(best < Math.max(1, 10 * look), `${best} ms, one look ${look} ms`);
});
