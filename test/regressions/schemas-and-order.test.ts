/**
 * `schemas` named an extension of which the client may read nothing, and a target that forgets to name
 * one, or orders members by when they were added, told by it whether something hidden had been there.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import type { JsonObject } from '../../src/identity/json-value.ts';
import { openCopies } from '../../src/identity/scim/copies.ts';
import { present } from '../../src/identity/scim/present.ts';
import {
  answerOf,
  enterpriseUrn,
  meant,
  publicBase,
  targetBase,
  userUrn,
} from '../identity/scim/scim-fixture.ts';

const shown = (resource: JsonObject, hidden: string): string => {
  const operation = meant('GET', '/Users/1');
  assert.ok(operation.verb === 'read');
  const mayRead = (name: string): boolean => name !== hidden && name !== enterpriseUrn;
  const view = { publicBase, targetBase, mayRead, copies: openCopies, now: 0 };
  const presented = present(answerOf(200, resource), operation, view);
  assert.ok(!isRefusal(presented));
  return JSON.stringify(presented.body);
};

test('an extension that shows nothing is not named', () => {
  const hidden = `${enterpriseUrn}:costCenter`;
  const user = { id: '1', userName: 'a' };
  const extended = {
    schemas: [userUrn, enterpriseUrn],
    ...user,
    [enterpriseUrn]: { costCenter: '7' },
  };
  assert.equal(shown(extended, hidden), shown({ schemas: [userUrn], ...user }, hidden));
});

test('an extension that shows something is named, whatever the target says', () => {
  const hidden = `${enterpriseUrn}:costCenter`;
  const extension = { department: 'D' };
  const first = {
    schemas: [userUrn, enterpriseUrn],
    id: '1',
    [enterpriseUrn]: { costCenter: '7', ...extension },
    name: { middleName: 'M', givenName: 'G' },
    userName: 'a',
  };
  const second = {
    userName: 'a',
    id: '1',
    name: { givenName: 'G', middleName: 'M' },
    schemas: [userUrn],
    [enterpriseUrn]: extension,
  };
  assert.equal(shown(first, hidden), shown(second, hidden));
  assert.ok(shown(second, hidden).includes(`"schemas":["${userUrn}","${enterpriseUrn}"]`));
});
