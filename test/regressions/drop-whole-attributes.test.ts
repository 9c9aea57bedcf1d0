/**
 * `denied: drop` let the removal of a whole complex attribute through: only its parts were named as
 * dropped, so a PUT that left out `name`, or a PATCH that removed it, took away what the client may
 * not write. Found by the oracle campaign.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripChanges } from '../../src/identity/scim/patch.ts';
import { parsePath } from '../../src/identity/scim/path.ts';
import { isRefusal } from '../../src/errors.ts';
import type { Change } from '../../src/identity/scim/schema-model.ts';
import { userType } from '../../src/identity/scim/schemas.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

const at = (text: string) => {
  const path = parsePath(text, userType);
  assert.ok(!isRefusal(path), text);
  return path;
};
const left = (change: Change, dropped: readonly string[]): readonly Change[] =>
  stripChanges([change], userType, (name) => !dropped.includes(name));

const names = ['formatted', 'familyName', 'givenName', 'middleName'].map((sub) => `name.${sub}`);
const affixes = ['name.honorificPrefix', 'name.honorificSuffix'];

test('the removal of a complex attribute goes where its parts were dropped', () => {
  assert.deepEqual(left({ op: 'remove', path: at('name') }, [...names, ...affixes]), []);
  const manager = { op: 'remove', path: at(`${enterprise}:manager`) } as const;
  assert.deepEqual(
    left(manager, [`${enterprise}:manager.value`, `${enterprise}:manager.$ref`]),
    [],
  );
});

test('of a single complex attribute the kept parts are removed', () => {
  const kept = left({ op: 'remove', path: at('name') }, [...names.slice(0, 2), ...affixes]);
  assert.deepEqual(kept, [
    { op: 'remove', path: { attribute: 'name', sub: 'givenName' } },
    { op: 'remove', path: { attribute: 'name', sub: 'middleName' } },
  ]);
});

test('sets and elements are replaced or removed whole, or not at all', () => {
  const value = { value: 'a@example.com' };
  const replaceSet = { op: 'replace', path: at('emails'), value: [value] } as const;
  const replaceOne = { op: 'replace', path: at('emails[type eq "work"]'), value } as const;
  const removeOne = { op: 'remove', path: at('emails[type eq "work"]') } as const;
  for (const change of [replaceSet, replaceOne, removeOne]) {
    assert.deepEqual(left(change, ['emails.type']), []);
    assert.deepEqual(left(change, ['title']), [change]);
  }
});
