/**
 * A PUT sent the client's own list once its changes were judged: a member written twice arrived
 * twice, and a `$ref` of the target's was taken away, by a client that may touch no members.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupType } from '../../src/identity/scim/schemas.ts';
import { replaceChanges, replacedBy } from '../../src/identity/scim/replace.ts';
import { isRefusal } from '../../src/errors.ts';

const current = {
  id: 'g1',
  displayName: 'app-1',
  members: [{ value: 'u1', $ref: 'https://target.example/Users/u1' }, { value: 'u2' }],
};

test('sends the current resource with the judged changes, and nothing beside them', () => {
  const resource = {
    displayName: 'app-2',
    members: [
      { value: 'u1', $ref: 'https://elsewhere.example/Users/u9' },
      { value: 'u2' },
      { value: 'u1' },
    ],
  };
  const changes = replaceChanges({ resource, type: groupType }, current);
  assert.deepEqual(changes, [
    { op: 'replace', path: { attribute: 'displayName' }, value: 'app-2' },
  ]);
  const sent = replacedBy(current, changes, groupType);
  assert.ok(!isRefusal(sent));
  const plain = JSON.parse(JSON.stringify(sent)) as object;
  assert.deepEqual(plain, { displayName: 'app-2', members: current.members });
});
