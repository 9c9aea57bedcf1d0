/** Answers of real targets, row by row of the list of their deviations, as the caller sees them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import { rfcKnobs } from '../../../src/identity/dialects/knobs.ts';
import type { Operation } from '../../../src/identity/operation.ts';
import { openCopies } from '../../../src/identity/scim/copies.ts';
import { present, type PresentView } from '../../../src/identity/scim/present.ts';
import { printCall, readCall } from '../../../src/identity/scim/print.ts';
import { repairAnswer } from '../../../src/identity/scim/repair-answer.ts';
import { userType } from '../../../src/identity/scim/schemas.ts';
import { sortResources } from '../../../src/identity/scim/sort.ts';
import { readAnswer } from '../../../src/targets/answer.ts';
import {
  accepted,
  answerOf,
  meant,
  plain,
  publicBase,
  scimErrorUrn,
  targetBase,
  userUrn,
} from './scim-fixture.ts';

type Shown = Exclude<Operation, { verb: 'discover' }>;
const view: PresentView = {
  publicBase,
  targetBase,
  mayRead: () => true,
  copies: openCopies,
  now: 0,
};
const operationOf = (method: string, target: string, body: unknown = null): Shown =>
  meant(method, target, body) as Shown;

test('T17 an error whose status is a number, and no scimType, is still the target speaking', () => {
  const body = {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
    status: 409,
    detail: 'REQUIRED_FIELD_MISSING',
  };
  const shown = present(
    answerOf(409, body),
    operationOf('POST', '/Users', { schemas: [userUrn], userName: 'a' }),
    view,
  );
  assert.ok(isRefusal(shown));
  assert.equal(shown.status, 409);
  assert.match(shown.detail, /REQUIRED_FIELD_MISSING/);
});

test('T21 a flat name in an answer is the name it means', () => {
  const shown = accepted(
    present(
      answerOf(200, { id: '1', userName: 'a', 'name.formatted': 'Ann' }),
      operationOf('GET', '/Users/1'),
      view,
    ),
  );
  assert.deepEqual((plain(shown.body) as { name: unknown }).name, { formatted: 'Ann' });
});

test('T23 names go out in the spelling of the schema, whatever the client wrote', () => {
  const body = { schemas: [userUrn], USERNAME: 'a', NAME: { GIVENNAME: 'Ann' } };
  const call = printCall(operationOf('POST', '/users', body), { publicBase, targetBase });
  assert.equal(call.path, '/Users');
  assert.deepEqual(JSON.parse(call.body ?? ''), {
    schemas: [userUrn],
    userName: 'a',
    name: { givenName: 'Ann' },
  });
});

test('T24 JSON that calls itself HTML is read, an error without status and a 201 without Location too', () => {
  const headers = { 'content-type': 'text/html' };
  const created = readAnswer(201, headers, Buffer.from('{"id":"7","userName":"a"}'), []);
  const shown = accepted(
    present(created, operationOf('POST', '/Users', { schemas: [userUrn], userName: 'a' }), view),
  );
  assert.equal(shown.headers['Location'], `${publicBase}/Users/7`);
  const failed = readAnswer(
    404,
    headers,
    Buffer.from(`{"schemas":["${scimErrorUrn}"],"detail":"no such user"}`),
    [],
  );
  const refused = present(failed, operationOf('GET', '/Users/7'), view);
  assert.ok(isRefusal(refused));
  assert.equal(refused.status, 404);
});

test('T37 links and locations of an internal host lead to the gateway', () => {
  const body = {
    id: '1',
    userName: 'a',
    meta: { location: 'http://scim.internal:8080/v2/Users/1' },
  };
  const shown = accepted(present(answerOf(200, body), operationOf('GET', '/Users/1'), view));
  assert.deepEqual((plain(shown.body) as { meta: unknown }).meta, {
    location: `${publicBase}/Users/1`,
  });
});

test('T16 only a 400 that says that the id is not there is an absence, and only of what is addressed', () => {
  const knobs = { ...rfcKnobs, absentStatus: '400' } as const;
  const read = readCall(userType, '1');
  const missing = { schemas: [scimErrorUrn], detail: 'Resource 1 does not exist.' };
  const patch = operationOf('PATCH', '/Users/1', {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
    Operations: [{ op: 'replace', path: 'title', value: 'x' }],
  });
  const patchCall = printCall(patch, { publicBase, targetBase });
  const status = (answer: ReturnType<typeof answerOf>, call = read, by: typeof rfcKnobs = knobs) =>
    repairAnswer(answer, call, by).status;
  assert.equal(status(answerOf(400, missing)), 404);
  assert.equal(status(answerOf(400, missing), read, rfcKnobs), 400);
  assert.equal(status(answerOf(400, { detail: 'bad id' })), 400);
  assert.equal(status(answerOf(500, missing)), 500);
  assert.equal(status(answerOf(400, { detail: 'manager not found' }), patchCall), 400);
});

test('an order is made as RFC 7644 §3.4.2.3 says: by type, primary first, without a value last', () => {
  const users = [
    { id: '1', userName: 'b', emails: [{ value: 'z' }, { value: 'a', primary: true }] },
    { id: '2', userName: 'A', emails: [{ value: 'M' }] },
    { id: '3', userName: 'c' },
  ];
  const ids = (sortBy: string, sortOrder: 'ascending' | 'descending' = 'ascending') =>
    sortResources(users, userType, { sortBy, sortOrder })
      .map(({ id }) => (typeof id === 'string' ? id : '?'))
      .join('');
  assert.equal(ids('userName'), '213');
  assert.equal(ids('userName', 'descending'), '312');
  assert.equal(ids('emails.value'), '123');
  assert.equal(ids('emails'), '123');
  assert.equal(ids('emails', 'descending'), '321');
  assert.equal(sortResources(users, userType, {}), users);
});
