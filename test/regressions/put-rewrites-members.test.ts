/**
 * A PUT that kept a member but wrote another `type` or `display` beside its `value` was judged as no
 * change of members (C25) and yet sent as stated. Found by the oracle campaign.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeReplace, replaceChanges } from '../../src/identity/scim/replace.ts';
import { groupType } from '../../src/identity/scim/schemas.ts';

const first = { value: 'u1', type: 'User', display: 'Ann' };

test('a member that a PUT keeps is sent as it stands', () => {
  const before = { displayName: 'app', members: [first, { value: 'u2' }] };
  const stated = { displayName: 'app', members: [{ value: 'u1', type: 'Group' }, { value: 'u3' }] };
  const sent = mergeReplace(before, stated, () => true, groupType);
  assert.deepEqual({ ...sent }, { displayName: 'app', members: [first, { value: 'u3' }] });
  const changes = replaceChanges({ resource: sent, type: groupType }, before);
  assert.deepEqual(
    changes.map(({ op, path }) => [op, path.attribute]),
    [
      ['remove', 'members'],
      ['add', 'members'],
    ],
  );
});
