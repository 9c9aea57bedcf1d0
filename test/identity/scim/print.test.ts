import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import type { Operation } from '../../../src/identity/operation.ts';
import { printCall, readCall, searchCall } from '../../../src/identity/scim/print.ts';
import { userType } from '../../../src/identity/scim/schemas.ts';
import {
  enterpriseUrn,
  meant,
  patchUrn,
  plain,
  publicBase,
  targetBase,
  userUrn,
} from './scim-fixture.ts';

const bases = { publicBase, targetBase };
const printed = (method: string, target: string, body: unknown = null) =>
  printCall(meant(method, target, body), bases);

suite('golden calls', () => {
  test('a search prints its query in a fixed order', () => {
    assert.deepEqual(
      printed(
        'GET',
        '/users?count=5&FILTER=USERNAME+Eq+"a%26b"&attributes=userName,emails.value&startIndex=2&sortBy=title&evil=1',
      ),
      {
        method: 'GET',
        path: '/Users',
        template: '/Users',
        query:
          'filter=userName%20eq%20%22a%26b%22&sortBy=title&sortOrder=ascending&startIndex=2&count=5&attributes=userName%2Cemails.value',
        body: null,
        repeatable: true,
        mutation: false,
      },
    );
  });

  test('a create prints schemas first and moves links below the target', () => {
    const call = printed('POST', '/Users', {
      [enterpriseUrn]: { manager: { value: '26', $ref: `${publicBase}/Users/26` } },
      userName: 'a',
      active: 'True',
      schemas: [userUrn, enterpriseUrn],
    });
    assert.equal(
      call.body,
      `{"schemas":["${userUrn}","${enterpriseUrn}"],"userName":"a","active":true,` +
        `"${enterpriseUrn}":{"manager":{"value":"26","$ref":"${targetBase}/Users/26"}}}`,
    );
    assert.deepEqual(
      [call.method, call.path, call.query, call.repeatable, call.mutation],
      ['POST', '/Users', '', false, true],
    );
  });

  test('a patch prints in interop style, whatever it was written in (C1, C3, C21)', () => {
    const call = printed('PATCH', '/Groups/a%20b', {
      schemas: [patchUrn],
      Operations: [
        { op: 'Remove', path: 'members', value: [{ value: '1' }] },
        { op: 'REPLACE', value: { displayName: 'g' } },
      ],
    });
    assert.deepEqual(call, {
      method: 'PATCH',
      path: '/Groups/a%20b',
      template: '/Groups/{id}',
      query: '',
      body:
        `{"schemas":["${patchUrn}"],"Operations":[` +
        `{"op":"remove","path":"members[value eq \\"1\\"]"},` +
        `{"op":"replace","path":"displayName","value":"g"}]}`,
      repeatable: false,
      mutation: true,
    });
  });

  test('a replace prints what it is given, with the id of the path', () => {
    const operation = meant(
      'PUT',
      '/Users/1?attributes=id',
      { schemas: [userUrn], userName: 'a' },
      { ifMatch: 'W/"3"' },
    );
    const call = printCall(operation, { ...bases, resource: { userName: 'a', title: 't' } });
    assert.deepEqual(call, {
      method: 'PUT',
      path: '/Users/1',
      template: '/Users/{id}',
      ifMatch: 'W/"3"',
      query: 'attributes=id',
      body: `{"schemas":["${userUrn}"],"id":"1","userName":"a","title":"t"}`,
      repeatable: false,
      mutation: true,
    });
  });

  test('a delete has no body; discovery prints its id', () => {
    const gone = printed('DELETE', '/Devices/1');
    assert.deepEqual([gone.method, gone.path, gone.body], ['DELETE', '/Devices/1', null]);
    assert.equal(
      printed('GET', `/schemas/${userUrn}`).path,
      `/Schemas/${encodeURIComponent(userUrn)}`,
    );
    assert.equal(printed('GET', `/schemas/${userUrn}`).template, '/Schemas/{id}');
  });

  test('the calls of before-images and look-ups', () => {
    assert.equal(readCall(userType, 'a/../b').path, '/Users/a%2F..%2Fb');
    const filter = {
      kind: 'compare',
      path: { attribute: 'userName' },
      operator: 'eq',
      value: 'a" or title pr',
    } as const;
    assert.equal(
      searchCall(userType, filter, 2).query,
      'filter=userName%20eq%20%22a%5C%22%20or%20title%20pr%22&count=2',
    );
  });
});

const id = fc
  .string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
  .map((text) => text.normalize('NFC').replaceAll(/[\p{C}\p{Zl}\p{Zp}/\\%?#;]/gu, 'x'))
  .filter((text) => !/^(?:\.{1,2}|me|\.search)$/i.test(text) && text.length <= 256);
const word = fc
  .string({ minLength: 0, maxLength: 20, unit: 'grapheme' })
  .filter((text) => !/[\p{Cs}\u0000-\u001f\u007f]/u.test(text));
const name = fc.constantFrom('userName', 'title', 'name.familyName', 'emails.value', 'externalId');
const compare = fc
  .tuple(name, fc.constantFrom('eq', 'ne', 'co', 'sw', 'ew'), word)
  .map(([path, operator, value]) => `${path} ${operator} ${JSON.stringify(value)}`);
const filter = fc.oneof(
  compare,
  fc.tuple(compare, fc.constantFrom('and', 'or'), compare).map((terms) => terms.join(' ')),
  word.map((value) => `emails[type eq "work" and value eq ${JSON.stringify(value)}]`),
  compare.map((term) => `not (${term})`),
);
const e = encodeURIComponent;
const requests = fc.oneof(
  fc.tuple(id, name).map(([x, n]) => ['GET', `/Users/${e(x)}?attributes=${n}`, null] as const),
  fc
    .tuple(filter, fc.integer({ min: -5, max: 500 }), name)
    .map(([f, n, s]) => ['GET', `/Users?filter=${e(f)}&count=${n}&sortBy=${s}`, null] as const),
  id.map((x) => ['DELETE', `/Groups/${e(x)}`, null] as const),
  fc.tuple(word, fc.array(word, { maxLength: 4 }), fc.boolean()).map(
    ([title, values, active]) =>
      [
        'POST',
        '/Users',
        {
          schemas: [userUrn],
          userName: `u${title}`,
          active,
          title,
          emails: values.map((value, n) => ({ value: `${n}${value}`, type: 'work' })),
        },
      ] as const,
  ),
  fc
    .tuple(id, word)
    .map(
      ([x, title]) =>
        ['PUT', `/Users/${e(x)}`, { schemas: [userUrn], userName: 'a', nickName: title }] as const,
    ),
  fc
    .tuple(
      id,
      fc.array(fc.tuple(fc.constantFrom('add', 'Replace', 'remove'), word), {
        minLength: 1,
        maxLength: 5,
      }),
    )
    .map(
      ([x, ops]) =>
        [
          'PATCH',
          `/Groups/${e(x)}`,
          {
            schemas: [patchUrn],
            Operations: ops.map(([op, value]) =>
              op === 'remove'
                ? { op, path: `members[value eq ${JSON.stringify(`m${value}`)}]` }
                : { op, path: 'members', value: [{ value: `m${value}` }] },
            ),
          },
        ] as const,
    ),
);

test('what is printed means what was understood', () => {
  fc.assert(
    fc.property(requests, ([method, target, body]) => {
      const operation: Operation = meant(method, target, body);
      const call = printCall(operation, { publicBase: '', targetBase: '' });
      const query = call.query === '' ? '' : `?${call.query}`;
      const again = meant(call.method, call.path + query, call.body);
      const bare = (it: Operation): unknown => plain({ ...it, repairs: [] });
      assert.deepEqual(bare(again), bare(operation));
      assert.deepEqual(printCall(again, { publicBase: '', targetBase: '' }), call);
    }),
    { numRuns: 500 },
  );
});
