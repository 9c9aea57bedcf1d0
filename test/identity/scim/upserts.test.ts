import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import { canonicalChanges } from '../../../src/identity/scim/canonical.ts';
import { printPath } from '../../../src/identity/scim/path.ts';
import { userType } from '../../../src/identity/scim/schemas.ts';
import { spellUpserts } from '../../../src/identity/scim/upserts.ts';
import type { JsonObject } from '../../../src/identity/json-value.ts';

const patchOp = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

const spell = (operations: readonly JsonObject[], before: JsonObject) => {
  const body = { schemas: [patchOp], Operations: operations };
  const read = canonicalChanges(body, userType, { client: null });
  assert.ok(!isRefusal(read));
  return spellUpserts(read.changes, before, userType).map((change) => ({
    op: change.op,
    path: printPath(change.path),
    ...(change.op === 'remove'
      ? {}
      : { value: JSON.parse(JSON.stringify(change.value)) as object }),
  }));
};

const work = 'emails[type eq "work"]';

test('C5: a missing element is sent whole, its sub-attributes in one', () => {
  const operations = [
    { op: 'Add', path: `${work}.value`, value: 'ann@example.com' },
    { op: 'Replace', path: `${work}.primary`, value: true },
    { op: 'Replace', path: 'title', value: 'Engineer' },
  ];
  assert.deepEqual(spell(operations, { userName: 'ann' }), [
    {
      op: 'add',
      path: 'emails',
      value: [{ type: 'work', value: 'ann@example.com', primary: true }],
    },
    { op: 'replace', path: 'title', value: 'Engineer' },
  ]);
});

test('an element that is there is changed where it stands', () => {
  const before = { userName: 'ann', emails: [{ type: 'work', value: 'old@example.com' }] };
  const operations = [{ op: 'replace', path: `${work}.value`, value: 'ann@example.com' }];
  assert.deepEqual(spell(operations, before), [
    { op: 'replace', path: `${work}.value`, value: 'ann@example.com' },
  ]);
});

test('an element that the same call adds or removes counts', () => {
  const added = [
    { op: 'add', path: 'emails', value: [{ type: 'work', value: 'a@example.com' }] },
    { op: 'replace', path: `${work}.value`, value: 'b@example.com' },
  ];
  assert.equal(spell(added, { userName: 'ann' })[1]?.path, `${work}.value`);
  const before = { userName: 'ann', emails: [{ type: 'work', value: 'old@example.com' }] };
  const removed = [
    { op: 'remove', path: 'emails' },
    { op: 'add', path: `${work}.value`, value: 'new@example.com' },
  ];
  assert.deepEqual(spell(removed, before)[1], {
    op: 'add',
    path: 'emails',
    value: [{ type: 'work', value: 'new@example.com' }],
  });
});
