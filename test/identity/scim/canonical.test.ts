/** Canonical form of resources and PATCH messages: what is refused, how, and how fast. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import type { Refusal } from '../../../src/errors.ts';
import type { Json, JsonObject } from '../../../src/identity/json-value.ts';
import { canonicalChanges, canonicalResource } from '../../../src/identity/scim/canonical.ts';
import { patchOpUrn } from '../../../src/identity/scim/messages.ts';
import { applyChanges } from '../../../src/identity/scim/patch.ts';
import { genericType, groupType, userType } from '../../../src/identity/scim/schemas.ts';

const hints = { client: null } as const;
const core = userType.schema.id;
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const acme = 'urn:example:acme:2.0:User';

const parsed = (text: string): JsonObject => JSON.parse(text) as JsonObject;

const refusalOf = (result: object): Refusal => {
  assert.ok(isRefusal(result), JSON.stringify(result));
  return result;
};

const resourceRefusals: readonly (readonly [name: string, body: string, code: string, RegExp])[] = [
  ['an unknown attribute', '{"nickname2":"x"}', 'attribute_denied', /nickname2/],
  ['an unknown sub-attribute', '{"name":{"given":"x"}}', 'attribute_denied', /name has no "given"/],
  [
    'an unknown attribute of a known extension',
    `{"${enterprise}":{"x":1}}`,
    'attribute_denied',
    /"x"/,
  ],
  [
    'a reserved URN',
    '{"urn:ietf:params:scim:schemas:core:2.0:Group":{"x":1}}',
    'attribute_denied',
    /Group/,
  ],
  [
    'a number for a string',
    '{"name":{"givenName":5}}',
    'value_invalid',
    /^name\.givenName must be a string/,
  ],
  ['a word for a boolean', '{"active":"yes"}', 'value_invalid', /^active must be true or false/],
  [
    'an object for an array',
    '{"emails":{"value":"x"}}',
    'value_invalid',
    /^emails must be an array/,
  ],
  ['two values for one', '{"title":["a","b"]}', 'value_invalid', /^title must be a string/],
  [
    'two primaries',
    '{"emails":[{"value":"a","primary":true},{"value":"b","primary":"True"}]}',
    'value_invalid',
    /primary/,
  ],
  ['schemas as a string', `{"schemas":"${core}"}`, 'body_malformed', /array of strings/],
  ['schemas with a number', `{"schemas":["${core}",1]}`, 'body_malformed', /array of strings/],
  [
    'schemas of another type',
    '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]}',
    'body_malformed',
    /core:2.0:User/,
  ],
  ['one name in two spellings', '{"userName":"a","USERNAME":"b"}', 'request_suspicious', /twice/],
  [
    'a whole and a flattened name',
    '{"name":{"givenName":"a"},"name.givenname":"b"}',
    'request_suspicious',
    /twice/,
  ],
  [
    'an extension in two spellings',
    `{"${enterprise}":{"division":"a"},"${enterprise.toUpperCase()}":{}}`,
    'request_suspicious',
    /twice/,
  ],
  ['a flattened set', '{"emails.value":"a"}', 'value_invalid', /several values/],
  ['__proto__', '{"__proto__":{"x":1}}', 'attribute_denied', /__proto__/],
  [
    '__proto__ below an attribute',
    '{"name":{"__proto__":{"x":1}}}',
    'attribute_denied',
    /__proto__/,
  ],
  [
    '__proto__ below an unknown extension',
    `{"${acme}":{"__proto__":{"x":1}}}`,
    'attribute_denied',
    /__proto__/,
  ],
  [
    '__proto__ deep below it',
    `{"${acme}":{"a":{"__proto__":{"x":1}}}}`,
    'body_malformed',
    /__proto__/,
  ],
  [
    'a member that completes the URN of another schema',
    '{"urn:ietf:params:scim:schemas:extension:enterprise:2.0":{"User:department":"x"}}',
    'attribute_denied',
    /enterprise:2\.0/,
  ],
  ['a colon inside an extension', '{"urn:a:b":{"c:d":1}}', 'attribute_denied', /c:d/],
  ['toString', '{"toString":"x"}', 'attribute_denied', /toString/],
];

for (const [name, body, code, detail] of resourceRefusals) {
  test(`a resource with ${name} is refused: ${code}`, () => {
    const refusal = refusalOf(canonicalResource(parsed(body), userType, hints));
    assert.equal(refusal.refused, code);
    assert.match(refusal.detail, detail);
  });
}

test('a group is closed to extensions nobody gave a meaning', () => {
  const body = { displayName: 'g', [acme]: { level: 1 } };
  assert.equal(refusalOf(canonicalResource(body, groupType, hints)).refused, 'attribute_denied');
});

test('unassigned values are left out, unknown extensions of an open type kept', () => {
  const body: JsonObject = {
    schemas: [core, acme, 'urn:x:empty'],
    USERNAME: 'a',
    nickName: null,
    emails: [],
    name: { givenName: null },
    [`${core}:title`]: 't',
    [enterprise.toLowerCase()]: { Department: 'd' },
    [acme]: { level: [1, null], constructor: 'c', none: {} },
  };
  const read = canonicalResource(body, userType, hints);
  assert.ok(!isRefusal(read));
  assert.equal(
    JSON.stringify(read.resource),
    JSON.stringify({
      userName: 'a',
      title: 't',
      schemas: [core, acme, enterprise],
      [enterprise]: { department: 'd' },
      [acme]: { level: [1], constructor: 'c' },
    }),
  );
  assert.deepEqual(
    read.repairs.map(({ row, path }) => `${row} ${path}`),
    ['C37 title', 'C10 schemas'],
  );
});

test('a type without a schema keeps its attributes as they are', () => {
  const body = {
    schemas: ['urn:x:Device'],
    id: '1',
    displayName: 'd',
    active: 'True',
    toString: 1,
  };
  const read = canonicalResource(body, genericType('Devices'), hints);
  assert.ok(!isRefusal(read));
  const { id, ...kept } = body;
  assert.deepEqual({ ...read.resource }, kept, `without ${id}`);
});

test('a value that looks like a refusal is a value', () => {
  const body = { userName: 'a', [acme]: { thing: { refused: 'internal', detail: 'x' } } };
  assert.ok(!isRefusal(canonicalResource(body, userType, hints)));
  const bare = canonicalResource({ refused: 'internal', detail: 'x' }, genericType('X'), hints);
  assert.ok(!isRefusal(bare));
});

const message = (...Operations: readonly Json[]): JsonObject => ({
  schemas: [patchOpUrn],
  Operations,
});

const patchRefusals: readonly (readonly [
  name: string,
  body: Json,
  code: string,
  scimType?: string,
])[] = [
  ['no schemas', { Operations: [] }, 'body_malformed'],
  ['other schemas', { schemas: [core], Operations: [] }, 'body_malformed'],
  ['no Operations', { schemas: [patchOpUrn] }, 'body_malformed'],
  ['Operations as an object', { schemas: [patchOpUrn], Operations: {} }, 'body_malformed'],
  [
    'Operations twice',
    { schemas: [patchOpUrn], Operations: [], operations: [] },
    'request_suspicious',
  ],
  ['1,001 operations', message(...Array.from({ length: 1_001 }, () => ({}))), 'body_malformed'],
  ['an operation that is none', message(5), 'body_malformed'],
  ['an unknown op', message({ op: 'move', path: 'title' }), 'body_malformed'],
  ['a path that is no string', message({ op: 'add', path: 1, value: 1 }), 'body_malformed'],
  ['op and OP', message({ op: 'add', OP: 'remove', path: 'title' }), 'request_suspicious'],
  ['remove without a path', message({ op: 'Remove', value: { title: 'x' } }), 'path_no_match'],
  ['an unknown path', message({ op: 'add', path: 'nope', value: 1 }), 'path_malformed'],
  ['an unknown name in a value', message({ op: 'add', value: { nope: 1 } }), 'attribute_denied'],
  ['a value that is no object', message({ op: 'add', value: 'x' }), 'value_invalid'],
  ['add without a value', message({ op: 'add', path: 'title' }), 'value_invalid'],
  [
    'a set without a filter',
    message({ op: 'add', path: 'emails.value', value: 'x' }),
    'path_malformed',
  ],
  [
    'removal of what is required',
    message({ op: 'remove', path: 'userName' }),
    'value_invalid',
    'mutability',
  ],
  [
    'null for what is required',
    message({ op: 'replace', path: 'userName', value: null }),
    'value_invalid',
    'mutability',
  ],
  [
    'a change of id',
    message({ op: 'replace', path: 'id', value: 'x' }),
    'value_invalid',
    'mutability',
  ],
  [
    'a change of meta',
    message({ op: 'add', path: 'meta.version', value: 'x' }),
    'value_invalid',
    'mutability',
  ],
  ['removal of groups', message({ op: 'remove', path: 'groups' }), 'value_invalid', 'mutability'],
  [
    'a change of schemas',
    message({ op: 'add', path: 'schemas', value: ['urn:x:y'] }),
    'value_invalid',
    'mutability',
  ],
  [
    'two ids',
    message({ op: 'add', value: { id: '1' } }, { op: 'add', value: { id: '2' } }),
    'value_invalid',
    'mutability',
  ],
  ['__proto__.x', message({ op: 'add', path: '__proto__.x', value: 1 }), 'path_malformed'],
  ['toString.x', message({ op: 'add', path: 'toString.x', value: 1 }), 'path_malformed'],
];

for (const [name, body, code, scimType] of patchRefusals) {
  test(`a PATCH with ${name} is refused: ${code}`, () => {
    const refusal = refusalOf(canonicalChanges(body as JsonObject, userType, hints));
    assert.equal(refusal.refused, code);
    assert.equal(refusal.scimType, scimType);
  });
}

test('an immutable part of a member is refused', () => {
  const body = message({ op: 'replace', path: 'members[value eq "1"].type', value: 'Group' });
  assert.equal(refusalOf(canonicalChanges(body, groupType, hints)).scimType, 'mutability');
});

test('null inside a complex value clears that part, the rest stays', () => {
  const body = message({
    op: 'replace',
    path: 'name',
    value: { givenName: null, familyName: 'F' },
  });
  const read = canonicalChanges(body, userType, hints);
  assert.ok(!isRefusal(read));
  const before = { name: { givenName: 'G', familyName: 'X', formatted: 'G X' } };
  const applied = applyChanges(before, read.changes, userType);
  assert.ok(!isRefusal(applied));
  assert.deepEqual(applied.resource, { name: { familyName: 'F', formatted: 'G X' } });
  assert.deepEqual(applied.touched, ['name.familyName', 'name.givenName']);
});

test('a detail shows at most 60 characters of the caller, without control characters', () => {
  const name = `x\u0000\u202E${'y'.repeat(500)}`;
  const { detail } = refusalOf(canonicalResource({ [name]: 1 }, userType, hints));
  assert.ok(detail.length < 100, detail);
  assert.doesNotMatch(detail, /[\p{Cc}\p{Cf}]/u);
});

test('repairs are reported once per row and path, and bounded', () => {
  const members = Array.from({ length: 500 }, (_, at) => ({ value: `u${at}`, $ref: null }));
  const read = canonicalResource({ displayName: 'g', members }, groupType, hints);
  assert.ok(!isRefusal(read));
  assert.deepEqual(
    read.repairs.map((repair) => repair.path),
    ['members.$ref'],
  );
});

const many = <Value>(count: number, make: (at: number) => Value): Value[] =>
  Array.from({ length: count }, (_, at) => make(at));

/** 100 KB each. */
const junk: readonly (readonly [name: string, body: JsonObject])[] = [
  ['a long path', message({ op: 'add', path: 'x'.repeat(100_000), value: 1 })],
  ['a path of brackets', message({ op: 'add', path: `emails${'['.repeat(100_000)}`, value: 1 })],
  [
    'a filter of parentheses',
    message({ op: 'add', path: `emails[${'('.repeat(100_000)}`, value: 1 }),
  ],
  [
    'many operations',
    message(
      ...many(1_000, (at) => ({
        op: 'add',
        path: `emails[type eq "${at}"].value`,
        value: 'x'.repeat(40),
      })),
    ),
  ],
  [
    'many names',
    message({ op: 'add', value: Object.fromEntries(many(6_000, (at) => [`name${at}`, at])) }),
  ],
  [
    'many members to remove',
    message({
      op: 'remove',
      path: 'emails',
      value: many(4_000, (at) => ({ value: `user-${at}` })),
    }),
  ],
  [
    'many addresses',
    message({
      op: 'add',
      path: 'addresses',
      value: many(3_000, (at) => ({ locality: `town ${at}` })),
    }),
  ],
  [
    'many primaries',
    message(
      ...many(1_000, (at) => ({
        op: 'add',
        path: 'emails',
        value: { value: `${at}@example.com`, primary: true },
      })),
    ),
  ],
  [
    'nested arrays',
    message({
      op: 'add',
      path: `${acme}:x`,
      value: JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`) as Json,
    }),
  ],
  [
    'nested wraps',
    message({
      op: 'add',
      path: 'title',
      value: JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`) as Json,
    }),
  ],
];

for (const [name, body] of junk) {
  test(`100 KB of ${name} is read or refused in linear time`, (context) => {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 10; round += 1) {
      const start = performance.now();
      const read = canonicalChanges(body, userType, hints);
      if (!isRefusal(read)) applyChanges({ userName: 'a' }, read.changes, userType);
      best = Math.min(best, performance.now() - start);
    }
    context.diagnostic(`${best.toFixed(2)} ms`);
    // The aim is 5 ms; machines that run this are shared, so the bound is for what is not linear.
    assert.ok(best < 40, `${best} ms`);
  });
}
