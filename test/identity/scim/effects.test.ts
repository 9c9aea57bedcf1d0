import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import {
  effectsOf,
  effectsOfChanges,
  isRevocation,
  preliminaryActions,
  readNames,
} from '../../../src/identity/scim/effects.ts';
import { userType } from '../../../src/identity/scim/schemas.ts';
import type { Change } from '../../../src/identity/scim/schema-model.ts';
import { meant, patchUrn, userUrn } from './scim-fixture.ts';

type Row = {
  name: string;
  method: string;
  target: string;
  body: unknown;
  effects: Record<string, string[]>;
};
const rows = JSON.parse(
  readFileSync(new URL('../../vectors/scim-actions.json', import.meta.url), 'utf8'),
) as Row[];

const sorted = (effects: Record<string, readonly string[]>): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(effects).map(([action, attributes]) => [action, [...attributes].sort()]),
  );

suite('actions by request', () => {
  for (const { name, method, target, body, effects } of rows) {
    test(name, () => {
      const found = effectsOf(meant(method, target, body));
      const byAction = Object.fromEntries(
        found.map(({ action, attributes }) => [action, attributes]),
      );
      assert.deepEqual(sorted(byAction), sorted(effects));
      assert.deepEqual(
        preliminaryActions(meant(method, target, body)),
        found.map(({ action }) => action),
      );
    });
  }
});

test('what replaces or removes a whole value writes all of its leaves', () => {
  const leaves = (change: Change): readonly string[] =>
    effectsOfChanges(userType, [change]).flatMap(({ attributes }) => attributes);
  const removed = leaves({ op: 'remove', path: { attribute: 'name' } });
  assert.ok(removed.includes('name.familyName') && removed.includes('name.givenName'));
  const replaced = leaves({
    op: 'replace',
    path: { attribute: 'emails' },
    value: [{ value: 'a@x.y' }],
  });
  assert.ok(replaced.includes('emails.type') && replaced.includes('emails.value'));
  const added = leaves({ op: 'add', path: { attribute: 'emails' }, value: [{ value: 'a@x.y' }] });
  assert.deepEqual(added, ['emails.value']);
});

test('names of Object.prototype are attributes like any other', () => {
  for (const attribute of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    const effects = effectsOfChanges(userType, [{ op: 'add', path: { attribute }, value: 'x' }]);
    assert.deepEqual(effects, [{ action: 'users:update', attributes: [attribute] }]);
    const below = effectsOfChanges(userType, [
      { op: 'add', path: { schema: attribute, attribute }, value: 'x' },
    ]);
    assert.deepEqual(
      below.map(({ action }) => action),
      ['users:update-unknown'],
    );
  }
});

test('a replace is not judged before its current resource is known', () => {
  const put = meant('PUT', '/Users/1', { schemas: [userUrn], userName: 'a' });
  assert.deepEqual(preliminaryActions(put), []);
  assert.throws(() => effectsOf(put), TypeError);
});

suite('actions name the effect on the target', () => {
  const off = meant('PATCH', '/Users/1', {
    schemas: [patchUrn],
    Operations: [{ op: 'replace', path: 'active', value: false }],
  });
  const cases = [
    ['T8 DELETE that deactivates', meant('DELETE', '/Users/1'), 'users:deactivate'],
    ['T8 DELETE of a group deletes', meant('DELETE', '/Groups/1'), 'groups:delete'],
    ['T11 active: false that destroys', off, 'users:delete'],
  ] as const;
  for (const [name, operation, action] of cases) {
    test(name, () => {
      const effects = effectsOf(operation, { deleteUser: 'deactivate', deactivateUser: 'delete' });
      assert.deepEqual(
        effects.map((effect) => effect.action),
        [action],
      );
      assert.equal(isRevocation(effects, []), true);
    });
  }
  test('T11 what may set active to anything needs both', () => {
    const remove = { op: 'remove', path: { attribute: 'active' } } as const;
    const effects = effectsOfChanges(userType, [remove], {
      deleteUser: 'delete',
      deactivateUser: 'delete',
    });
    assert.deepEqual(
      effects.map((effect) => effect.action),
      ['users:activate', 'users:delete'],
    );
  });
});

suite('revocations', () => {
  const cases: readonly (readonly [string, object[], boolean])[] = [
    ['/Users/1', [{ op: 'replace', path: 'active', value: false }], true],
    ['/Users/1', [{ op: 'replace', path: 'active', value: true }], false],
    ['/Users/1', [{ op: 'remove', path: 'active' }], false],
    ['/Users/1', [{ op: 'replace', value: { active: false, title: 'x' } }], false],
    ['/Users/1', [{ op: 'remove', path: 'roles' }], true],
    ['/Users/1', [{ op: 'add', path: 'roles', value: [{ value: 'a' }] }], false],
    ['/Users/1', [{ op: 'remove', path: 'title' }], false],
    ['/Groups/1', [{ op: 'remove', path: 'members[value eq "1"]' }], true],
    ['/Groups/1', [{ op: 'remove', path: 'members' }], false],
  ];
  for (const [target, Operations, expected] of cases) {
    test(`${JSON.stringify(Operations)} is ${expected ? 'one' : 'none'}`, () => {
      const operation = meant('PATCH', target, { schemas: [patchUrn], Operations });
      assert.ok(operation.verb === 'patch');
      assert.equal(isRevocation(effectsOf(operation), operation.changes), expected);
    });
  }
  test('a delete is one, a read is none', () => {
    assert.equal(isRevocation(effectsOf(meant('DELETE', '/Users/1'))), true);
    assert.equal(isRevocation(effectsOf(meant('GET', '/Users/1'))), false);
    assert.equal(isRevocation([]), false);
  });
});

test('what a client could learn by asking', () => {
  const search = meant(
    'GET',
    '/Users?filter=emails[type eq "work"] or title pr&sortBy=name.familyName&attributes=userName,nope'
      .replaceAll(' ', '+')
      .replaceAll('[', '%5B')
      .replaceAll(']', '%5D'),
  );
  assert.deepEqual([...readNames(search)].sort(), [
    'emails.type',
    'name.familyName',
    'title',
    'userName',
  ]);
  const patch = meant('PATCH', '/Users/1', {
    schemas: [patchUrn],
    Operations: [{ op: 'replace', path: 'phoneNumbers[type eq "home"].value', value: '1' }],
  });
  assert.deepEqual(readNames(patch), ['phoneNumbers.type']);
  assert.deepEqual(readNames(meant('GET', '/Users?excludedAttributes=title')), []);
});
