import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import type { ErrorCode } from '../../../src/errors.ts';
import type { Answer } from '../../../src/identity/call.ts';
import type { JsonObject } from '../../../src/identity/json-value.ts';
import type { Operation } from '../../../src/identity/operation.ts';
import { openCopies } from '../../../src/identity/scim/copies.ts';
import { present } from '../../../src/identity/scim/present.ts';
import type { Presented, PresentView } from '../../../src/identity/scim/present.ts';
import {
  accepted,
  answerOf,
  enterpriseUrn,
  groupUrn,
  meant,
  patchUrn,
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
  now: Date.parse('2026-11-23T12:00:00Z'),
};
const operationOf = (method: string, target: string, body: unknown = null): Shown => {
  const operation = meant(method, target, body);
  assert.ok(operation.verb !== 'discover');
  return operation;
};
const shownOf = (answer: Answer, operation: Shown, more: Partial<PresentView> = {}): Presented =>
  accepted(present(answer, operation, { ...view, ...more }));
const bodyOf = (...of: Parameters<typeof shownOf>): JsonObject =>
  plain(shownOf(...of).body) as JsonObject;

const readUser = operationOf('GET', '/Users/1');
const changeUser = operationOf('PATCH', '/Users/1', {
  schemas: [patchUrn],
  Operations: [{ op: 'replace', path: 'title', value: 'x' }],
});
const createUser = operationOf('POST', '/Users', {
  schemas: [userUrn],
  userName: 'a',
  password: 'secret-password',
});
const search = operationOf('GET', '/Users');
const scimErrorBody = { schemas: [scimErrorUrn], status: '404', detail: 'no user 1' };
const html = { readable: false, body: undefined, excerpt: '<html>not found' };

suite('failures', () => {
  const cases: readonly (readonly [string, Answer, Shown, ErrorCode, Partial<object>])[] = [
    ['a redirect', answerOf(302), readUser, 'target_unreachable', {}],
    ['a redirect of a mutation', answerOf(307), changeUser, 'target_unreachable', {}],
    ['a 304 nobody asked for', answerOf(304), readUser, 'target_unreachable', {}],
    ['401', answerOf(401, { detail: 'x' }), readUser, 'target_credential_refused', {}],
    ['403', answerOf(403), changeUser, 'target_credential_refused', {}],
    [
      '429 with seconds',
      answerOf(429, {}, { 'retry-after': '7' }),
      readUser,
      'target_rate_limited',
      { retryAfterSeconds: 7 },
    ],
    [
      '429 with a date',
      answerOf(429, {}, { 'retry-after': 'Mon, 23 Nov 2026 12:01:30 GMT' }),
      readUser,
      'target_rate_limited',
      { retryAfterSeconds: 90 },
    ],
    [
      '429 with a date gone by',
      answerOf(429, {}, { 'retry-after': 'Mon, 23 Nov 2026 11:00:00 GMT' }),
      readUser,
      'target_rate_limited',
      { retryAfterSeconds: 0 },
    ],
    [
      '429 with nonsense',
      answerOf(429, {}, { 'retry-after': 'soon' }),
      readUser,
      'target_rate_limited',
      { retryAfterSeconds: undefined },
    ],
    [
      'a 404 that says so',
      answerOf(404, scimErrorBody),
      readUser,
      'target_refused',
      { status: 404 },
    ],
    [
      'a JSON 404 of a router, C34',
      answerOf(404, { message: 'x' }),
      changeUser,
      'target_unreachable',
      {},
    ],
    [
      'a 404 as SCIM 1.1 says it',
      answerOf(404, { Errors: [{ description: 'no user', code: '404' }] }),
      readUser,
      'target_refused',
      { status: 404 },
    ],
    [
      'a 404 as SCIM says it, but for its schema',
      answerOf(404, { status: '404', detail: 'no user 1' }),
      readUser,
      'target_refused',
      { status: 404 },
    ],
    [
      'a 404 as RFC 9457 says it',
      answerOf(404, { status: 404, title: 'Not Found', detail: 'No endpoint' }),
      readUser,
      'target_unreachable',
      {},
    ],
    ['an HTML 404, C34', answerOf(404, undefined, {}, html), readUser, 'target_unreachable', {}],
    ['an empty 404', answerOf(404), readUser, 'target_unreachable', {}],
    ['a 404 of a collection', answerOf(404, { message: 'x' }), search, 'target_unreachable', {}],
    ['the same as SCIM', answerOf(404, scimErrorBody), search, 'target_refused', { status: 404 }],
    [
      'a conflict',
      answerOf(409, { schemas: [scimErrorUrn], scimType: 'uniqueness', detail: 'taken' }),
      createUser,
      'target_refused',
      { status: 409, scimType: 'uniqueness', detail: 'The target says: taken' },
    ],
    [
      'an unknown scimType',
      answerOf(400, { scimType: 'weird', detail: 'bad\r\nvalue\u202e' }),
      createUser,
      'target_refused',
      { status: 400, scimType: undefined, detail: 'The target says: bad value' },
    ],
    [
      'an HTML 400',
      answerOf(400, undefined, {}, html),
      createUser,
      'target_refused',
      { detail: 'The target refused the call and gave no reason.' },
    ],
    ['408', answerOf(408), changeUser, 'target_timeout', {}],
    ['500', answerOf(500, {}), readUser, 'target_unreachable', {}],
    [
      '503 with seconds',
      answerOf(503, {}, { 'retry-after': '9' }),
      readUser,
      'target_unreachable',
      { retryAfterSeconds: 9 },
    ],
    ['501', answerOf(501), changeUser, 'not_supported', {}],
    ['a read without a body', answerOf(200), readUser, 'target_unreachable', {}],
    ['a read of HTML', answerOf(200, undefined, {}, html), readUser, 'target_unreachable', {}],
    ['a list for a resource', answerOf(200, { Resources: [] }), readUser, 'target_unreachable', {}],
    ['an error in a success', answerOf(200, scimErrorBody), readUser, 'target_unreachable', {}],
    ['a search of HTML', answerOf(200, undefined, {}, html), search, 'target_unreachable', {}],
    ['a resource for a list', answerOf(200, { id: '1' }), search, 'target_unreachable', {}],
    ['HTML for a patch', answerOf(200, undefined, {}, html), changeUser, 'target_unreachable', {}],
    ['HTML for a create', answerOf(200, undefined, {}, html), createUser, 'target_unreachable', {}],
  ];
  for (const [name, answer, operation, code, members] of cases) {
    test(name, () => {
      const refusal = present(answer, operation, view);
      assert.ok(isRefusal(refusal));
      assert.equal(refusal.refused, code);
      for (const [member, value] of Object.entries(members)) {
        assert.equal((refusal as Record<string, unknown>)[member], value, member);
      }
    });
  }

  test('quotes are short, masked, and hold no values where not all may be read', () => {
    const detailOf = (detail: string, more: Partial<PresentView> = {}): string => {
      const refusal = present(answerOf(400, { detail }), readUser, { ...view, ...more });
      assert.ok(isRefusal(refusal));
      return refusal.detail;
    };
    assert.ok(detailOf('x '.repeat(400)).length <= 300 + 'The target says: '.length);
    for (const secret of [
      'Bearer abcdef123',
      'token=abcdef123',
      'eyJhbGciOi.abcdef123.x',
      'api_key: abcdef123',
    ]) {
      assert.ok(!detailOf(`bad ${secret} here`).includes('abcdef123'), secret);
    }
    const message = 'phone +49 170 1234567 of a@x.y and "Jo" exists';
    assert.ok(detailOf(message).includes('1234567'));
    const blind = detailOf(message, { mayRead: (name) => name !== 'phoneNumbers.value' });
    for (const value of ['1234567', 'a@x.y', 'Jo']) assert.ok(!blind.includes(value), value);
  });
});

const stored = {
  schemas: [userUrn, enterpriseUrn],
  ID: '1',
  username: 'a',
  password: 'never shown',
  nickName: null,
  active: 'True',
  'name.formatted': 'A B',
  phoneNumbers: [{ value: '123', type: 'work' }],
  emails: { value: 'a@x.y', Primary: 'true' },
  'urn:ietf:params:scim:schemas:extension:Enterprise:2.0:user': {
    Department: 'D',
    manager: { value: '26', $ref: 'https://internal.example/scim/Users/26', displayName: 'M' },
  },
  groups: [{ value: 'g1', $ref: `${targetBase}/Groups/g1` }],
  vendorThing: 1,
  'urn:x:y:2.0:User': { level: 1, gone: null },
  meta: {
    resourceType: 'User',
    location: 'https://internal.example/scim/Users/1',
    version: 'W/"1"',
  },
};

suite('resources', () => {
  test('are repaired, and their links lead to the gateway (T16, T21, T37)', () => {
    const shown = shownOf(answerOf(200, stored, { etag: 'W/"1"' }), readUser);
    assert.deepEqual(shown.headers, { ETag: 'W/"1"' });
    assert.deepEqual(plain(shown.body), {
      schemas: [userUrn, enterpriseUrn],
      id: '1',
      userName: 'a',
      active: true,
      name: { formatted: 'A B' },
      phoneNumbers: [{ value: '123', type: 'work' }],
      emails: [{ value: 'a@x.y', primary: true }],
      [enterpriseUrn]: {
        department: 'D',
        manager: { value: '26', $ref: `${publicBase}/Users/26`, displayName: 'M' },
      },
      groups: [{ value: 'g1', $ref: `${publicBase}/Groups/g1` }],
      'urn:x:y:2.0:User': { level: 1 },
      meta: { resourceType: 'User', location: `${publicBase}/Users/1`, version: 'W/"1"' },
    });
  });

  test('are stripped of what may not be read, wherever it stands; the ETag goes too', () => {
    const denied = new Set(['phoneNumbers.value', 'name.formatted', `${enterpriseUrn}:department`]);
    const more = { mayRead: (name: string) => !denied.has(name) };
    const shown = shownOf(answerOf(200, stored, { etag: 'W/"1"' }), readUser, more);
    assert.deepEqual(shown.headers, {});
    const text = JSON.stringify(shown.body);
    for (const value of ['"123"', 'A B', '"D"', 'never shown']) assert.ok(!text.includes(value));
    assert.ok(text.includes('"phoneNumbers":[{"type":"work"}]'));
    const listed = bodyOf(answerOf(200, { Resources: [stored] }), search, more);
    assert.ok(!JSON.stringify(listed).includes('"123"'));
    const changed = bodyOf(answerOf(200, stored), changeUser, more);
    assert.ok(!JSON.stringify(changed).includes('"123"'));
  });

  test('are projected by the gateway itself', () => {
    const only = operationOf('GET', '/Users/1?attributes=userName,emails.value');
    assert.deepEqual(bodyOf(answerOf(200, stored), only), {
      schemas: [userUrn, enterpriseUrn],
      id: '1',
      userName: 'a',
      emails: [{ value: 'a@x.y' }],
    });
    const below = operationOf('GET', '/Users/1?attributes=name,user');
    assert.deepEqual(bodyOf(answerOf(200, stored), below)['name'], { formatted: 'A B' });
    assert.equal(bodyOf(answerOf(200, stored), below)['userName'], undefined);
    const without = operationOf('GET', `/Users/1?excludedAttributes=id,userName,${enterpriseUrn}`);
    const rest = bodyOf(answerOf(200, stored), without);
    assert.equal(rest['id'], '1');
    assert.ok(!Object.hasOwn(rest, 'userName'));
    assert.ok(!Object.hasOwn(rest, enterpriseUrn));
    const asked = operationOf('GET', '/Users/1?attributes=password');
    assert.ok(!JSON.stringify(bodyOf(answerOf(200, stored), asked)).includes('never shown'));
  });

  test('presenting twice changes nothing', () => {
    const once = shownOf(answerOf(200, stored), readUser).body as JsonObject;
    assert.deepEqual(bodyOf(answerOf(200, once), readUser), plain(once));
  });

  test('names of Object.prototype are harmless', () => {
    const raw = JSON.parse(
      '{"id":"1","__proto__":{"userName":"evil"},"constructor":1,"toString":{"a":1},"userName":"a"}',
    ) as JsonObject;
    assert.deepEqual(bodyOf(answerOf(200, raw), readUser), {
      schemas: [userUrn],
      id: '1',
      userName: 'a',
    });
    assert.equal(Object.hasOwn(Object.prototype, 'userName'), false);
  });

  test('304 passes where it was asked for', () => {
    const asked = meant('GET', '/Users/1', null, { ifNoneMatch: 'W/"1"' });
    assert.ok(asked.verb === 'read');
    assert.deepEqual(shownOf(answerOf(304, undefined, { etag: 'W/"1"' }), asked), {
      status: 304,
      headers: { ETag: 'W/"1"' },
      body: null,
    });
  });
});

suite('mutations', () => {
  test('C28: an empty 201 is answered with what was sent, and the id from Location', () => {
    const location = `${targetBase}/Users/n%201`;
    const shown = shownOf(answerOf(201, undefined, { location }), createUser);
    assert.equal(shown.status, 201);
    assert.deepEqual(shown.headers, { Location: `${publicBase}/Users/n%201` });
    assert.deepEqual(plain(shown.body), {
      schemas: [userUrn],
      userName: 'a',
      id: 'n 1',
      meta: { resourceType: 'User', location: `${publicBase}/Users/n%201` },
    });
  });

  test('a create answers 201 with Location, also where the target says 200', () => {
    const shown = shownOf(answerOf(200, { id: '7', userName: 'A' }, { etag: '"x"' }), createUser);
    assert.deepEqual(shown.headers, { ETag: '"x"', Location: `${publicBase}/Users/7` });
    assert.equal(shown.body?.['userName'], 'A');
    assert.equal(shown.status, 201);
  });

  test('204 stays 204, an empty or void body becomes one (T14), a body stays 200', () => {
    for (const answer of [answerOf(204), answerOf(200), answerOf(200, {})]) {
      assert.deepEqual(shownOf(answer, changeUser), { status: 204, headers: {}, body: null });
    }
    assert.equal(shownOf(answerOf(200, stored), changeUser).status, 200);
    assert.equal(shownOf(answerOf(202), changeUser).status, 202);
    assert.equal(shownOf(answerOf(200, {}), operationOf('DELETE', '/Users/1')).status, 204);
  });

  test('an entity tag that is none is dropped', () => {
    const shown = shownOf(answerOf(204, undefined, { etag: 'x\r\ny: z' }), changeUser);
    assert.deepEqual(shown.headers, {});
  });
});

suite('lists', () => {
  const list = (body: JsonObject | JsonObject[], target = '/Users'): JsonObject =>
    bodyOf(answerOf(200, body), operationOf('GET', target));

  test('are repaired', () => {
    const shown = list({ totalResults: '7', resources: [{ id: '1' }, null, 'x', { id: '2' }] });
    assert.equal(shown['totalResults'], 7);
    assert.equal(shown['startIndex'], 1);
    assert.equal(shown['itemsPerPage'], 2);
    assert.deepEqual(list([{ id: '1' }])['totalResults'], 1);
    assert.deepEqual(list({ totalResults: 0 })['Resources'], []);
  });

  test('never hold more than was asked for', () => {
    const many = { totalResults: 3, Resources: [{ id: '1' }, { id: '2' }, { id: '3' }] };
    const shown = list(many, '/Users?count=1');
    assert.equal((shown['Resources'] as unknown[]).length, 1);
    assert.equal(shown['totalResults'], 3);
  });

  test('T20: a look-up shows only what matches it', () => {
    const many = {
      totalResults: 2,
      Resources: [
        { id: '1', userName: 'other' },
        { id: '2', userName: 'BJENSEN' },
      ],
    };
    const shown = list(many, '/Users?filter=userName+eq+"bjensen"');
    assert.equal(shown['totalResults'], 1);
    assert.deepEqual(
      (shown['Resources'] as JsonObject[]).map(({ id }) => id),
      ['2'],
    );
  });

  test('groups keep their members, with links to the gateway', () => {
    const group = {
      schemas: [groupUrn],
      id: 'g',
      displayName: 'g',
      members: [
        { value: '1', $ref: '../Users/1' },
        { value: '2', $ref: 'https://evil.example/x' },
        { value: '3', $ref: `${targetBase}.evil.example/x` },
      ],
    };
    const shown = bodyOf(answerOf(200, group), operationOf('GET', '/Groups/g'));
    assert.deepEqual(shown['members'], [
      { value: '1', $ref: '../Users/1' },
      { value: '2' },
      { value: '3' },
    ]);
  });
});
