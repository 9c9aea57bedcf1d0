import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { JsonObject } from '../../../src/identity/json-value.ts';
import { effectsOf } from '../../../src/identity/scim/effects.ts';
import { asPatch, mergeReplace } from '../../../src/identity/scim/replace.ts';
import { groupType, userType } from '../../../src/identity/scim/schemas.ts';
import { enterpriseUrn, meant, plain, userUrn } from './scim-fixture.ts';

const current: JsonObject = {
  schemas: [userUrn, enterpriseUrn],
  id: '1',
  userName: 'a',
  title: 't',
  active: true,
  name: { givenName: 'A', familyName: 'B' },
  emails: [{ value: 'a@x.y', type: 'work' }],
  phoneNumbers: [{ value: '123', type: 'work' }],
  groups: [{ value: 'g1', display: 'g' }],
  [enterpriseUrn]: { department: 'D', manager: { value: '9', displayName: 'M' } },
  meta: { resourceType: 'User', location: 'https://t.example/Users/1' },
};
const { id: _id, groups: _groups, meta: _meta, ...stated } = current;

const actionsOf = (body: JsonObject): readonly string[] => {
  const put = meant('PUT', '/Users/1', body);
  assert.ok(put.verb === 'replace');
  return effectsOf(asPatch(put, current)).map(({ action }) => action);
};

suite('a PUT is judged by what it changes', () => {
  const cases: readonly (readonly [string, JsonObject, readonly string[]])[] = [
    ['the same again still needs update', stated, ['users:update']],
    ['a new title', { ...stated, title: 'x' }, ['users:update']],
    ['deactivation', { ...stated, active: false }, ['users:deactivate']],
    ['rename', { ...stated, userName: 'b' }, ['users:rename']],
    [
      'a new phone',
      { ...stated, phoneNumbers: [{ value: '4', type: 'work' }] },
      ['users:recovery'],
    ],
    ['no phone', { ...stated, phoneNumbers: [] }, ['users:recovery']],
    ['a password', { ...stated, password: 'p' }, ['users:password']],
    ['a role', { ...stated, roles: [{ value: 'admin' }] }, ['users:entitle']],
    [
      'an unknown extension',
      { ...stated, 'urn:x:y:2.0:User': { level: 1 } },
      ['users:update-unknown'],
    ],
    [
      'omitting is a write, C36',
      { schemas: [userUrn], userName: 'a' },
      ['users:update', 'users:recovery', 'users:activate', 'users:deactivate'],
    ],
  ];
  for (const [name, body, actions] of cases) {
    test(name, () => assert.deepEqual(actionsOf(body), actions));
  }
});

suite('a PUT carries over what the client may not touch', () => {
  const merge = (wanted: JsonObject, untouchable: readonly string[]): JsonObject =>
    plain(
      mergeReplace(current, wanted, (name) => !untouchable.includes(name), userType),
    ) as JsonObject;
  const wanted = { userName: 'a', name: { givenName: 'X' } };

  test('and nothing else', () => {
    // But for `active` (C36): who leaves it out does not say that the account is disabled.
    assert.deepEqual(merge(wanted, []), { ...wanted, active: true });
    assert.equal(merge({ ...wanted, active: false }, [])['active'], false);
    assert.deepEqual(merge(wanted, ['title', 'active']), { ...wanted, title: 't', active: true });
  });
  test('down to sub-attributes', () => {
    assert.deepEqual(merge(wanted, ['name.familyName'])['name'], {
      givenName: 'X',
      familyName: 'B',
    });
    const without = merge({ userName: 'a' }, ['name.familyName']);
    assert.deepEqual(without['name'], { familyName: 'B' });
  });
  test('of the same element', () => {
    const emails = [{ value: 'a@x.y' }, { value: 'new@x.y' }];
    assert.deepEqual(merge({ emails }, ['emails.type'])['emails'], [
      { value: 'a@x.y', type: 'work' },
      { value: 'new@x.y' },
    ]);
  });
  test('a whole list where none of it may be touched', () => {
    const names = ['phoneNumbers.value', 'phoneNumbers.type'];
    assert.deepEqual(merge(wanted, names)['phoneNumbers'], current['phoneNumbers']);
    assert.equal(merge(wanted, names.slice(1))['phoneNumbers'], undefined);
  });
  test('of extensions, without what is readOnly', () => {
    const merged = merge(wanted, [
      `${enterpriseUrn}:department`,
      `${enterpriseUrn}:manager.value`,
      `${enterpriseUrn}:manager.displayName`,
      'groups.value',
      'groups.display',
    ]);
    assert.deepEqual(merged[enterpriseUrn], { department: 'D', manager: { value: '9' } });
    assert.equal(merged['groups'], undefined);
    assert.equal(merged['meta'], undefined);
  });
  test('but what is stated stays stated, so that it is judged', () => {
    assert.equal(merge({ title: 'mine' }, ['title'])['title'], 'mine');
  });
  test('members too', () => {
    const group = { id: 'g', displayName: 'g', members: [{ value: '1' }] };
    const merged = mergeReplace(group, { displayName: 'h' }, () => false, groupType);
    assert.deepEqual(plain(merged), { displayName: 'h', members: [{ value: '1' }] });
  });
});
