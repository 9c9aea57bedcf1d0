/** Whatever comes from outside, reading it ends in a value: nothing throws, nothing leaks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isRefusal } from '../../../src/errors.ts';
import type { Json, JsonObject } from '../../../src/identity/json-value.ts';
import { isMutation } from '../../../src/identity/operation.ts';
import type { Operation } from '../../../src/identity/operation.ts';
import { classify } from '../../../src/identity/scim/classify.ts';
import { presentDiscovery } from '../../../src/identity/scim/discovery.ts';
import { effectsOf, readNames } from '../../../src/identity/scim/effects.ts';
import { present } from '../../../src/identity/scim/present.ts';
import { openCopies } from '../../../src/identity/scim/copies.ts';
import { printCall } from '../../../src/identity/scim/print.ts';
import { compareReadBack, expectedOf } from '../../../src/identity/scim/readback.ts';
import { asPatch } from '../../../src/identity/scim/replace.ts';
import { resourceOf } from '../../../src/identity/scim/target-resource.ts';
import { understand } from '../../../src/identity/scim/understand.ts';
import {
  answerOf,
  meant,
  patchUrn,
  publicBase,
  requestOf,
  scimView,
  targetBase,
  types,
  userUrn,
} from './scim-fixture.ts';

const awkward = fc.constantFrom(
  'id',
  'userName',
  'emails',
  'members',
  'meta',
  'schemas',
  'Resources',
  'totalResults',
  'name',
  'active',
  '__proto__',
  'constructor',
  'toString',
  'refused',
  'detail',
  '$ref',
  'value',
  userUrn,
  'urn:x:y:User',
  'name.givenName',
  'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User',
);
const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom<Json>(null, true, '', 'x', 1, 'True', userUrn),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(awkward, tie('value'), { maxKeys: 4 }) as fc.Arbitrary<JsonObject>,
  ),
})).value;
const segment = fc.oneof(
  fc.constantFrom('Users', 'groups', 'Devices', 'Schemas', 'me', '', '..', '%2e', 'a%2fb', '1'),
  fc.string({ maxLength: 6 }),
);
const pair = fc.tuple(
  fc.constantFrom('filter', 'count', 'attributes', 'sortBy', 'x', 'cursor', '%'),
  fc.oneof(
    fc.string({ maxLength: 12 }).map((text) => encodeURIComponent(text)),
    fc.string({ maxLength: 6 }),
  ),
);

const walk = (operation: Operation): void => {
  const judged =
    operation.verb === 'replace' ? asPatch(operation, { id: '1', userName: 'b' }) : operation;
  assert.ok(effectsOf(judged).length > 0);
  readNames(judged);
  const call = printCall(operation, { publicBase, targetBase });
  assert.ok(/^\/[\x21-\x7e]*$/.test(call.path) && !/[?#;\\]|\/\.{1,2}(?:\/|$)/.test(call.path));
  assert.ok(/^[\x21-\x7e]*$/.test(call.query));
};

test('any request is understood or refused', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'BREW'),
      fc.array(segment, { maxLength: 3 }),
      fc.array(pair, { maxLength: 3 }),
      fc.oneof(
        fc.constant(null),
        fc.string({ maxLength: 10 }),
        json.map((value) => JSON.stringify(value)),
        json.map((value) =>
          JSON.stringify({ schemas: [patchUrn], Operations: [{ op: 'replace', value }] }),
        ),
        json.map((value) => JSON.stringify({ schemas: [userUrn], userName: 'a', emails: value })),
      ),
      (method, segments, pairs, body) => {
        const query = pairs.map((both) => both.join('=')).join('&');
        const request = { ...requestOf(method, ''), segments, query, body };
        const operation = understand(request, scimView);
        if (!isRefusal(operation)) walk(operation);
        else assert.ok(operation.status === undefined && operation.detail.length < 400);
      },
    ),
    { numRuns: 1_500 },
  );
});

test('any answer is presented, classified and compared', () => {
  const operations = [
    meant('GET', '/Users/1'),
    meant('GET', '/Users?filter=userName%20eq%20"a"'),
    meant('POST', '/Users', { schemas: [userUrn], userName: 'a' }),
    meant('PATCH', '/Groups/1', {
      schemas: [patchUrn],
      Operations: [{ op: 'add', path: 'members', value: [{ value: '1' }] }],
    }),
    meant('DELETE', '/Users/1'),
    meant('GET', '/Schemas'),
  ];
  const view = {
    publicBase,
    bulk: null,
    targetBase,
    types,
    now: 0,
    mayRead: (name: string) => name !== 'title',
    copies: openCopies,
  };
  fc.assert(
    fc.property(
      fc.constantFrom(...operations),
      fc.constantFrom(200, 201, 204, 302, 400, 404, 429, 500),
      fc.option(json, { nil: undefined }),
      fc.boolean(),
      (operation, status, body, readable) => {
        const answer = answerOf(status, body, { location: '/Users/%' }, { readable });
        if (operation.verb === 'discover') presentDiscovery(answer, operation, view);
        else {
          const presented = present(answer, operation, view);
          assert.ok(isRefusal(presented) || presented.status < 300);
          resourceOf(answer, operation.type);
        }
        if (!isMutation(operation)) return;
        classify(operation, answer);
        const expected = expectedOf(operation, {}, null);
        if (expected !== null) compareReadBack(expected, null, answer, operation.type);
      },
    ),
    { numRuns: 1_500 },
  );
  assert.equal(Object.hasOwn(Object.prototype, 'userName'), false);
});
