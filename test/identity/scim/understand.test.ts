import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import type { ErrorCode } from '../../../src/errors.ts';
import { understand } from '../../../src/identity/scim/understand.ts';
import {
  enterpriseUrn,
  groupUrn,
  meant,
  patchUrn,
  plain,
  refusalOf,
  requestOf,
  scimView,
  userUrn,
} from './scim-fixture.ts';

const user = { schemas: [userUrn], userName: 'a' };
const noop = {
  schemas: [patchUrn],
  Operations: [{ op: 'replace', path: 'title', value: 'x' }],
};

const searchUrn = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest';
const search = { schemas: [searchUrn] };

type Case = readonly [method: string, target: string, body: unknown, code: ErrorCode | null];

const cases: readonly Case[] = [
  // Endpoints.
  ['GET', '/Users', null, null],
  ['GET', '/users/', null, null],
  ['GET', '/Users/1/', null, null],
  ['GET', '/Users/1//', null, 'request_suspicious'],
  ['GET', '//Users', null, 'request_suspicious'],
  ['GET', '/', null, 'route_unknown'],
  ['GET', '/Nope', null, 'route_unknown'],
  ['GET', '/constructor', null, 'route_unknown'],
  ['GET', '/__proto__', null, 'route_unknown'],
  ['GET', '/Users/1/emails', null, 'route_unknown'],
  ['GET', '/%55sers', null, 'request_suspicious'],
  ['GET', '/ServiceProviderConfig', null, null],
  ['GET', '/serviceproviderconfig/', null, null],
  ['GET', '/ServiceProviderConfig/1', null, 'route_unknown'],
  ['GET', '/ResourceTypes/User', null, null],
  ['GET', `/Schemas/${userUrn.replaceAll(':', '%3A')}`, null, null],
  ['GET', '/Schemas?filter=id%20pr', null, 'filter_malformed'],
  ['POST', '/Bulk', {}, 'not_supported'],
  ['GET', '/bulk', null, 'not_supported'],
  ['GET', '/Me', null, 'not_supported'],
  ['PATCH', '/me', noop, 'not_supported'],
  ['POST', '/.search', search, 'not_supported'],
  ['POST', '/Schemas/.search', search, 'not_supported'],
  ['POST', '/Users/.search', search, null],
  ['POST', '/groups/.SEARCH/', search, null],
  ['POST', '/Devices/.search', search, null],
  ['POST', '/Users/.search?count=1', search, 'request_suspicious'],
  ['POST', '/Users/.search?filter=title%20pr', search, 'request_suspicious'],
  ['POST', '/Users/.search?x=1', search, null],
  ['POST', '/Users/.search', null, 'body_malformed'],
  ['POST', '/Users/.search', [], 'body_malformed'],
  ['POST', '/Users/.search', {}, 'body_malformed'],
  ['POST', '/Users/.search', { schemas: [userUrn] }, 'body_malformed'],
  ['POST', '/Users/.search', { schemas: [searchUrn, userUrn] }, 'body_malformed'],
  ['POST', '/Users/.search', { ...search, count: '1', Filter: 'title pr', x: {} }, null],
  ['POST', '/Users/.search', { ...search, count: 1.5 }, 'value_invalid'],
  ['POST', '/Users/.search', { ...search, count: true }, 'body_malformed'],
  ['POST', '/Users/.search', { ...search, filter: ['title pr'] }, 'body_malformed'],
  ['POST', '/Users/.search', { ...search, filter: 'title eq "\u0000"' }, 'request_suspicious'],
  ['POST', '/Users/.search', { ...search, filter: null }, null],
  ['POST', '/Users/.search', { ...search, attributes: [1] }, 'body_malformed'],
  ['POST', '/Users/.search', { ...search, attributes: ['a,b'] }, 'body_malformed'],
  ['POST', '/Users/.search', { ...search, filter: 'nope' }, 'filter_malformed'],
  ['POST', '/Users/.search', '{"filter":"title pr","Filter":"title pr"}', 'request_suspicious'],
  ['GET', '/Users/.search', null, 'method_unsupported'],
  ['PUT', '/Users/.search', search, 'method_unsupported'],
  ['DELETE', '/Users/.search', null, 'method_unsupported'],
  ['POST', '/Users/1/.SEARCH', search, 'route_unknown'],
  ['POST', '/Users/%2esearch', search, 'request_suspicious'],
  // Ids.
  ['GET', '/Users/a%20b', null, null],
  ['GET', '/Users/urn:x:1@y', null, null],
  ['GET', '/Users/%C3%A9', null, null],
  ['GET', `/Users/${'x'.repeat(256)}`, null, null],
  ['GET', `/Users/${'x'.repeat(257)}`, null, 'request_suspicious'],
  ['GET', '/Users/me', null, 'request_suspicious'],
  ['GET', '/Users/%4De', null, 'request_suspicious'],
  ['GET', '/Users/.', null, 'request_suspicious'],
  ['GET', '/Users/..', null, 'request_suspicious'],
  ['GET', '/Users/%2e%2E', null, 'request_suspicious'],
  ['GET', '/../Users/1', null, 'request_suspicious'],
  ['GET', '/Users/a%2Fb', null, 'request_suspicious'],
  ['GET', '/Users/a%2fb', null, 'request_suspicious'],
  ['GET', '/Users/a%5Cb', null, 'request_suspicious'],
  ['GET', '/Users/a\\b', null, 'request_suspicious'],
  ['GET', '/Users/a%00', null, 'request_suspicious'],
  ['GET', '/Users/a%3Bb', null, 'request_suspicious'],
  ['GET', '/Users/1/a%2Fb', null, 'request_suspicious'],
  ['GET', '/Users/1;v=2', null, 'request_suspicious'],
  ['GET', '/Users;v=2/1', null, 'request_suspicious'],
  ['GET', '/Users/a%25b', null, 'request_suspicious'],
  ['GET', '/Users/a%252Fb', null, 'request_suspicious'],
  ['GET', '/Users/a%3Fb', null, 'request_suspicious'],
  ['GET', '/Users/a%23b', null, 'request_suspicious'],
  ['GET', '/Users/a%0Ab', null, 'request_suspicious'],
  ['GET', '/Users/a%7Fb', null, 'request_suspicious'],
  ['GET', '/Users/a%E2%80%AEb', null, 'request_suspicious'],
  ['GET', '/Users/e%CC%81', null, 'request_suspicious'],
  ['GET', '/Users/%C3', null, 'request_suspicious'],
  ['GET', '/Users/%', null, 'request_suspicious'],
  ['GET', '/Users/%zz', null, 'request_suspicious'],
  ['GET', '/Users/é', null, 'request_suspicious'],
  // Methods and bodies.
  ['PUT', '/Users', user, 'method_unsupported'],
  ['DELETE', '/Users', null, 'method_unsupported'],
  ['POST', '/Users/1', user, 'method_unsupported'],
  ['HEAD', '/Users', null, 'method_unsupported'],
  ['get', '/Users', null, 'method_unsupported'],
  ['POST', '/Schemas', {}, 'method_unsupported'],
  ['GET', '/Users', '', null],
  ['GET', '/Users', '{}', 'request_suspicious'],
  ['DELETE', '/Users/1', '{}', 'request_suspicious'],
  ['DELETE', '/Users/1', null, null],
  ['POST', '/Users', user, null],
  ['POST', '/Users', null, 'body_malformed'],
  ['POST', '/Users', '', 'body_malformed'],
  ['POST', '/Users', '[]', 'body_malformed'],
  ['POST', '/Users', 'null', 'body_malformed'],
  ['POST', '/Users', '{', 'body_malformed'],
  ['POST', '/Users', '{},{}', 'body_malformed'],
  ['PUT', '/Users/1', { ...user, id: '1' }, null],
  ['PUT', '/Users/1', { ...user, ID: '2' }, 'value_invalid'],
  ['PUT', '/Users/1', { ...user, id: 1 }, 'value_invalid'],
  ['PUT', '/Users/1', { ...user, id: null }, null],
  ['POST', '/Users', { ...user, id: '2' }, null],
  ['PUT', '/Users/1', { ...user, schemas: [userUrn, groupUrn] }, 'value_invalid'],
  ['POST', '/Users', { ...user, schemas: [userUrn.toUpperCase().replace('URN', 'urn')] }, null],
  ['POST', '/Users', { ...user, schemas: [userUrn, patchUrn] }, 'value_invalid'],
  ['POST', '/Users', { ...user, meta: { resourceType: 'user' } }, null],
  ['POST', '/Users', { ...user, meta: { ResourceType: 'Group' } }, 'value_invalid'],
  ['PATCH', '/Users/1', noop, null],
  ['PATCH', '/Users/1', { ...noop, schemas: [userUrn] }, 'body_malformed'],
  ['PATCH', '/Users/1', { ...noop, id: '2' }, 'value_invalid'],
  // Query.
  ['GET', '/Users?filter=userName%20eq%20"a"&filter=title%20pr', null, 'request_suspicious'],
  ['GET', '/Users?count=1&COUNT=2', null, 'request_suspicious'],
  ['GET', '/Users?c%6Funt=1&count=2', null, 'request_suspicious'],
  ['GET', '/Users?unknown=1&unknown=2', null, null],
  ['GET', '/Users?_method=DELETE', null, 'request_suspicious'],
  ['GET', '/Users?Access_Token=x', null, 'request_suspicious'],
  ['GET', '/Users?api%5Fkey=x', null, 'request_suspicious'],
  ['GET', '/Users?key', null, 'request_suspicious'],
  ['GET', '/Users?cursor=', null, null],
  ['GET', '/Users?cursor', null, null],
  ['GET', '/Users?cursor=x&cursor=y', null, 'request_suspicious'],
  ['GET', '/Users?cursor=x&startIndex=1', null, 'value_invalid'],
  ['GET', '/Users?cursor=x&count=0', null, 'value_invalid'],
  ['GET', '/Users?cursor=x&count=-1', null, 'value_invalid'],
  ['GET', `/Users?cursor=${'x'.repeat(8_193)}`, null, 'value_invalid'],
  ['GET', '/Users?filter=%zz', null, 'request_suspicious'],
  ['GET', '/Users?filter=%C3', null, 'request_suspicious'],
  ['GET', '/Users?filter=title%20eq%20"%00"', null, 'request_suspicious'],
  ['GET', '/Users?count=x', null, 'value_invalid'],
  ['GET', '/Users?count=1.5', null, 'value_invalid'],
  ['GET', '/Users?count=', null, 'value_invalid'],
  ['GET', '/Users?startIndex=1e3', null, 'value_invalid'],
  ['GET', '/Users?sortBy=nope', null, 'value_invalid'],
  ['GET', '/Users?sortBy=title&sortOrder=up', null, 'value_invalid'],
  ['GET', '/Users?attributes=title&excludedAttributes=name', null, 'value_invalid'],
  ['GET', '/Users?filter=nope', null, 'filter_malformed'],
  ['DELETE', '/Users/1?filter=title%20pr', null, 'request_suspicious'],
  ['PATCH', '/Users/1?filter=title%20pr', noop, 'request_suspicious'],
];

suite('what is understood and what is refused', () => {
  for (const [method, target, body, code] of cases) {
    test(`${method} ${target.slice(0, 60)} ${JSON.stringify(body).slice(0, 90)}`, () => {
      assert.equal(refusalOf(method, target, body), code);
    });
  }
});

test('members named like a refusal of ours stay the client’s', () => {
  for (const deep of ['x', ['x'], '['.repeat(61) + ']'.repeat(61)]) {
    const nested = typeof deep === 'string' && deep.startsWith('[') ? deep : JSON.stringify(deep);
    const body = `{"refused":"no_such_code","status":200,"detail":${nested}}`;
    const refusal = understand(requestOf('POST', '/Users', body), scimView);
    assert.ok(isRefusal(refusal));
    assert.ok(
      ['body_malformed', 'attribute_denied', 'request_suspicious'].includes(refusal.refused),
    );
    assert.equal(refusal.status, undefined);
  }
});

test('a page is clamped, a sort completed, unknown names dropped (C38 ignored)', () => {
  const search = meant(
    'GET',
    '/Users?StartIndex=-3&count=-1&sortBy=USERNAME&aadOptscim062020&attributes=Name.GivenName,nope,,userName',
  );
  assert.ok(search.verb === 'search');
  assert.deepEqual(search.page, {
    startIndex: 1,
    count: 0,
    sortBy: 'userName',
    sortOrder: 'ascending',
  });
  assert.deepEqual(search.projection, { attributes: ['name.givenName', 'userName'] });
  assert.equal(search.filter, undefined);
  const minimal = meant('GET', '/Users/1?attributes=nope');
  assert.ok(minimal.verb === 'read');
  assert.deepEqual(minimal.projection, { attributes: ['id'] });
  const whole = meant('GET', `/Users/1?excludedAttributes=${enterpriseUrn.toLowerCase()}`);
  assert.ok(whole.verb === 'read');
  assert.deepEqual(whole.projection, { excluded: [enterpriseUrn] });
});

test('preconditions are quoted entity tags', () => {
  const tagged = meant('PUT', '/Users/1', user, { ifMatch: 'W/"a", "b"', ifNoneMatch: '*' });
  assert.ok(tagged.verb === 'replace');
  assert.deepEqual(tagged.preconditions, { ifMatch: 'W/"a", "b"', ifNoneMatch: '*' });
  for (const ifMatch of ['a', '"a', '"a"\r\nx: y', '', `"${'x'.repeat(2_000)}"`]) {
    assert.equal(refusalOf('PUT', '/Users/1', user, { ifMatch }), 'value_invalid');
  }
});

test('C23: only its own id changes nothing, another id is refused', () => {
  const own = { schemas: [patchUrn], Operations: [{ op: 'replace', value: { id: '1' } }] };
  const operation = meant('PATCH', '/Users/1', own);
  assert.ok(operation.verb === 'patch');
  assert.deepEqual(operation.changes, []);
  assert.equal(refusalOf('PATCH', '/Users/2', own), 'value_invalid');
});

suite('C27: the random password of a create', () => {
  const okta = { ...user, password: 'x', groups: [] };
  const passwordOf = (body: object, view: Partial<typeof scimView>): boolean => {
    const operation = meant('POST', '/Users', body, {}, { ...scimView, ...view });
    assert.ok(operation.verb === 'create');
    const dropped = operation.repairs.some(({ row, path }) => row === 'C27' && path === 'password');
    assert.equal(dropped, !Object.hasOwn(operation.resource, 'password'));
    assert.ok(!JSON.stringify(plain(operation.repairs)).includes('"x"'));
    return !dropped;
  };
  const hints = { client: 'okta' } as const;
  test("is dropped in Okta's shape, and for an Okta client", () => {
    assert.equal(passwordOf(okta, { keepPassword: false }), false);
    assert.equal(passwordOf({ ...user, password: 'x' }, { keepPassword: false, hints }), false);
  });
  test('is kept for other clients, and for one that may set passwords', () => {
    assert.equal(passwordOf({ ...user, password: 'x' }, { keepPassword: false }), true);
    assert.equal(passwordOf(okta, { keepPassword: true, hints }), true);
  });
});

test('no detail repeats much of the caller, or control characters', () => {
  const long = 'z'.repeat(300);
  for (const [method, target, body] of [
    ['GET', `/${long}`, null],
    ['GET', `/Users?sortBy=${long}`, null],
    ['POST', '/Users', { ...user, [long]: 1 }],
    ['PATCH', '/Users/1', { ...noop, Operations: [{ op: long, path: long }] }],
  ] as const) {
    const refusal = understand(requestOf(method, target, body), scimView);
    assert.ok(isRefusal(refusal));
    assert.ok(!refusal.detail.includes('z'.repeat(61)));
  }
});

suite('/Me (RFC 7644 §3.11)', () => {
  const view = { ...scimView, me: 'u 1' };
  const asMe = (method: string, target: string, body: unknown = null) =>
    understand(requestOf(method, target, body), view);

  test('is the user whom the client was said to be', () => {
    for (const [method, body] of [
      ['GET', null],
      ['PATCH', noop],
      ['PUT', { ...user, id: 'u 1' }],
      ['DELETE', null],
    ] as const) {
      assert.deepEqual(asMe(method, '/Me', body), meant(method, '/Users/u%201', body));
    }
    assert.deepEqual(
      asMe('GET', '/me/?attributes=title'),
      meant('GET', '/Users/u%201?attributes=title'),
    );
  });

  const refusals: readonly (readonly [string, string, unknown, ErrorCode])[] = [
    ['POST', '/Me', user, 'not_supported'],
    ['GET', '/Me/emails', null, 'route_unknown'],
    ['GET', '/Users/me', null, 'request_suspicious'],
    ['PUT', '/Me', { ...user, id: 'u2' }, 'value_invalid'],
    ['GET', '/%4De', null, 'request_suspicious'],
    ['HEAD', '/Me', null, 'method_unsupported'],
  ];
  for (const [method, target, body, code] of refusals) {
    test(`${method} ${target} is ${code}`, () => {
      const refusal = asMe(method, target, body);
      assert.ok(isRefusal(refusal) && refusal.refused === code);
    });
  }

  test('is refused where the id is none that a path could hold, or there are no users', () => {
    for (const me of ['', '..', 'a/b', 'x'.repeat(257)]) {
      const refusal = understand(requestOf('GET', '/Me'), { ...scimView, me });
      assert.ok(isRefusal(refusal) && refusal.refused === 'not_supported', me);
    }
    const refusal = understand(requestOf('GET', '/Me'), { ...view, types: {} });
    assert.ok(isRefusal(refusal) && refusal.refused === 'not_supported');
  });
});
