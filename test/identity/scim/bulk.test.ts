/** What a BulkRequest says, and what is refused of it (RFC 7644 §3.7). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isRefusal } from '../../../src/errors.ts';
import { readBulk, type Bulk } from '../../../src/identity/scim/bulk.ts';
import { bulkRequest } from '../../support/bulk-calls.ts';
import { groupUrn, scimView, userUrn } from './scim-fixture.ts';

const readText = (text: string | null, max = 10) => readBulk(text, scimView, max);
const read = (operations: unknown, more: object = {}, max = 10) =>
  readText(JSON.stringify({ schemas: [bulkRequest], Operations: operations, ...more }), max);
const accepted = (operations: unknown, more: object = {}): Bulk => {
  const bulk = read(operations, more);
  assert.ok(!isRefusal(bulk), isRefusal(bulk) ? bulk.detail : '');
  return bulk;
};

const ann = { schemas: [userUrn], userName: 'ann' };
const made = (bulkId: unknown = 'u', more: object = {}): object => ({
  method: 'POST',
  path: '/Users',
  bulkId,
  data: ann,
  ...more,
});
const gone = (more: object = {}): object => ({ method: 'DELETE', path: '/Users/1', ...more });

test('every operation is what it would be alone, in the order given', () => {
  const { operations, errorsMax } = accepted([
    made('u'),
    { method: 'PUT', path: '/Users/1', data: ann },
    {
      method: 'PATCH',
      path: '/Groups/2',
      data: {
        schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
        Operations: [{ op: 'Add', path: 'members', value: [{ value: 'bulkId:u' }] }],
      },
    },
    gone({ bulkId: 'gone' }),
  ]);
  assert.equal(errorsMax, Number.POSITIVE_INFINITY);
  assert.deepEqual(
    operations.map(({ position, method, bulkId, operation }) => [
      position,
      method,
      bulkId,
      operation.verb,
      operation.type.name,
    ]),
    [
      [1, 'POST', 'u', 'create', 'User'],
      [2, 'PUT', null, 'replace', 'User'],
      [3, 'PATCH', null, 'patch', 'Group'],
      [4, 'DELETE', 'gone', 'delete', 'User'],
    ],
  );
});

test('the quirks of a client are repaired inside a Bulk as they are alone (C1, C2, C37)', () => {
  const { operations } = accepted([
    {
      method: 'PATCH',
      path: '/Users/1',
      data: {
        schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
        Operations: [{ op: 'Replace', path: 'Active', value: 'False' }],
      },
    },
  ]);
  const [{ operation }] = operations as [Bulk['operations'][number]];
  assert.ok(operation.verb === 'patch');
  assert.deepEqual(operation.changes, [
    { op: 'replace', path: { attribute: 'active' }, value: false },
  ]);
  assert.deepEqual(operation.repairs.map(({ row }) => row).sort(), ['C1', 'C2', 'C37']);
});

test('names of members and methods are read in any letter case', () => {
  const text = JSON.stringify({
    SCHEMAS: [bulkRequest.toUpperCase()],
    FailOnErrors: 2,
    operations: [{ METHOD: 'post', Path: '/users/', BULKID: 'u', Data: ann }],
  });
  const bulk = readText(text);
  assert.ok(!isRefusal(bulk));
  assert.equal(bulk.errorsMax, 2);
  assert.equal(bulk.operations[0]?.operation.verb, 'create');
});

test('`version` is the precondition of the operation', () => {
  const { operations } = accepted([gone({ version: 'W/"3694e05e9dff591"' })]);
  const [{ operation }] = operations as [Bulk['operations'][number]];
  assert.ok(operation.verb === 'delete');
  assert.deepEqual(operation.preconditions, { ifMatch: 'W/"3694e05e9dff591"' });
});

test('what a client echoes of a response, and null, say nothing', () => {
  accepted([gone({ data: null, status: '204', location: 'https://x.example/1', response: {} })]);
});

const invalid = ['value_invalid', 400] as const;
const malformed = ['body_malformed', 400] as const;
const suspicious = ['request_suspicious', 400] as const;

/** What one operation is refused for, beside its place. */
const badOperations: readonly (readonly [unknown, readonly [string, number], RegExp])[] = [
  [7, malformed, /must be an object/],
  [{ ...gone(), verison: 'x' }, malformed, /no member "verison"/],
  [{ path: '/Users/1' }, invalid, /`method`/],
  [gone({ method: 'GET' }), invalid, /`method`/],
  [gone({ method: 'HEAD' }), invalid, /`method`/],
  [gone({ method: ['DELETE'] }), invalid, /`method`/],
  [made('u', { bulkId: undefined }), invalid, /needs a bulkId/],
  [made(null), invalid, /needs a bulkId/],
  [made(7), invalid, /`bulkId`/],
  [made(''), invalid, /`bulkId`/],
  [made('a/b'), invalid, /`bulkId`/],
  [made('a b'), invalid, /`bulkId`/],
  [made('a\u202eb'), invalid, /`bulkId`/],
  [made('x'.repeat(201)), invalid, /`bulkId`/],
  [gone({ path: undefined }), invalid, /`path`/],
  [gone({ path: 'Users/1' }), invalid, /`path`/],
  [gone({ path: '//Users/1' }), invalid, /`path`/],
  [gone({ path: 'https://gw.example.com/Users/1' }), invalid, /`path`/],
  [gone({ path: '/Users/1?attributes=id' }), invalid, /no query/],
  [gone({ path: '/Users/../Groups/1' }), suspicious, /dot segment/],
  [gone({ path: '/Users/%2e%2e/1' }), suspicious, /dot segment/],
  [gone({ path: '/Users//1' }), suspicious, /empty segment/],
  [gone({ path: '/Users/1%2f2' }), suspicious, /encoded separator/],
  [gone({ path: '/Users/1;x=1' }), suspicious, /parameter/],
  [gone({ path: '/Users/1#x' }), suspicious, /parameter/],
  [gone({ path: '/Users' }), invalid, /Served here: GET, POST/],
  [gone({ path: '/' }), invalid, /endpoint/],
  [gone({ path: '/Robots/1' }), invalid, /This route serves/],
  [made('u', { path: '/Bulk' }), invalid, /no other Bulk/],
  [made('u', { path: '/bulk/' }), invalid, /no other Bulk/],
  [made('u', { path: '/ServiceProviderConfig' }), invalid, /Served here: GET/],
  [gone({ data: {} }), suspicious, /no body/],
  [made('u', { data: null }), malformed, /JSON object/],
  [made('u', { data: [ann] }), invalid, /`data`/],
  [made('u', { data: { schemas: [groupUrn], displayName: 'x' } }), invalid, /another kind/],
  [gone({ version: 7 }), invalid, /`version`/],
  [gone({ version: 'no tag' }), invalid, /entity tags/],
];

for (const [operation, [code, status], detail] of badOperations) {
  test(`refused of a Bulk: ${JSON.stringify(operation)?.slice(0, 90)}`, () => {
    const refusal = read([gone(), operation]);
    assert.ok(isRefusal(refusal));
    assert.equal(refusal.refused, code);
    assert.equal(refusal.status ?? status, status);
    assert.match(refusal.detail, /^Operation 2( \(bulkId ".*"\))?: /);
    assert.match(refusal.detail, detail);
    assert.equal(refusal.allow, undefined, 'the Bulk itself takes other methods');
  });
}

const badRequests: readonly (readonly [string | null, string, RegExp])[] = [
  [null, 'body_malformed', /BulkRequest/],
  ['', 'body_malformed', /BulkRequest/],
  ['[]', 'body_malformed', /JSON object/],
  ['{', 'body_malformed', /JSON/],
  [`{"schemas":["${bulkRequest}"],"Operations":[],"operations":[]}`, 'request_suspicious', /twice/],
  [`{"Operations":[{}]}`, 'body_malformed', /schemas/],
  [`{"schemas":["${userUrn}"],"Operations":[{}]}`, 'body_malformed', /schemas/],
  [`{"schemas":["${bulkRequest}"]}`, 'body_malformed', /`Operations`/],
  [`{"schemas":["${bulkRequest}"],"Operations":{}}`, 'body_malformed', /`Operations`/],
  [`{"schemas":["${bulkRequest}"],"Operations":[]}`, 'body_malformed', /at least one/],
  [
    `{"schemas":["${bulkRequest}"],"Operations":[{}],"failonerror":1}`,
    'body_malformed',
    /no member/,
  ],
  ...['0', '-1', '1.5', '"1"', 'true'].map(
    (value) =>
      [
        `{"schemas":["${bulkRequest}"],"Operations":[{}],"failOnErrors":${value}}`,
        'value_invalid',
        /`failOnErrors`/,
      ] as const,
  ),
];

for (const [text, code, detail] of badRequests) {
  test(`refused as a BulkRequest: ${text}`, () => {
    const refusal = readText(text);
    assert.ok(isRefusal(refusal));
    assert.equal(refusal.refused, code);
    assert.match(refusal.detail, detail);
  });
}

test('a bulkId stands for one operation only; letter case makes another one', () => {
  const twice = read([made('u'), made('v'), made('u')]);
  assert.ok(isRefusal(twice));
  assert.match(twice.detail, /^Operation 3 \(bulkId "u"\): .*same bulkId/);
  accepted([made('u'), made('U')]);
});

test('more operations than the route takes are 413, with the limit (RFC 7644 §3.7.4)', () => {
  const many = read(
    Array.from({ length: 4 }, (_, index) => made(`u${index}`)),
    {},
    3,
  );
  assert.ok(isRefusal(many));
  assert.equal(many.refused, 'body_too_large');
  assert.match(many.detail, /3 operations at most/);
  assert.ok(
    !isRefusal(
      read(
        Array.from({ length: 3 }, (_, index) => made(`u${index}`)),
        {},
        3,
      ),
    ),
  );
});

test('whatever is sent as a Bulk is read or refused, never thrown at', () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  const anything = fc.record(
    {
      method: fc.oneof(fc.constantFrom('POST', 'put', 'Patch', 'DELETE', 'GET'), json),
      path: fc.oneof(fc.constantFrom('/Users', '/Groups/1', '/Users/bulkId:u', '/Bulk'), json),
      bulkId: fc.oneof(fc.constantFrom('u', 'g'), json),
      data: fc.oneof(fc.constant(ann), json),
      version: json,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(anything, json), { maxLength: 4 }),
      json,
      (operations, errors) => {
        const bulk = read(operations, { failOnErrors: errors });
        if (isRefusal(bulk)) assert.ok(bulk.detail.length > 10);
        else assert.equal(bulk.operations.length, operations.length);
      },
    ),
    { numRuns: 500 },
  );
});
