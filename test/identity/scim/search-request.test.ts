import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import type { Refusal } from '../../../src/errors.ts';
import type { Operation } from '../../../src/identity/operation.ts';
import { effectsOf } from '../../../src/identity/scim/effects.ts';
import { printCall } from '../../../src/identity/scim/print.ts';
import { understand } from '../../../src/identity/scim/understand.ts';
import { meant, plain, publicBase, requestOf, scimView, targetBase } from './scim-fixture.ts';

const searchUrn = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest';
const parts = { publicBase, targetBase };

type Asked = Readonly<Record<string, string | number | readonly string[] | undefined>>;

const byGet = (asked: Asked): Operation | Refusal => {
  const query = Object.entries(asked)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    .join('&');
  return understand(requestOf('GET', `/Users?${query}`), scimView);
};
const byPost = (asked: Asked): Operation | Refusal =>
  understand(requestOf('POST', '/Users/.search', { schemas: [searchUrn], ...asked }), scimView);

const names = fc.constantFrom('userName', 'NAME.givenName', 'emails', 'nope', 'id', ' title ');
/** Mostly absent, so that enough requests have nothing wrong with them. */
const optional = <Value>(of: fc.Arbitrary<Value>) => fc.option(of, { nil: undefined, freq: 1 });
const asked: fc.Arbitrary<Asked> = fc.record({
  filter: optional(
    fc.constantFrom('userName eq "a"', 'emails[type eq "work"] pr', 'title pr', 'x y', '', '"'),
  ),
  attributes: optional(fc.array(names, { maxLength: 3 })),
  excludedAttributes: optional(fc.array(names, { maxLength: 2 })),
  sortBy: optional(names),
  sortOrder: optional(fc.constantFrom('ascending', 'DESCENDING', 'up', '')),
  startIndex: optional(fc.oneof(fc.integer(), fc.constantFrom(0, 1, 1.5))),
  count: optional(fc.oneof(fc.integer(), fc.constantFrom(0, -1, 2.5))),
  cursor: optional(fc.constantFrom('', 'abc', 'x'.repeat(9_000))),
});

test('a query and a SearchRequest of the same words mean the same operation', () => {
  let understood = 0;
  fc.assert(
    fc.property(asked, (words) => {
      const one = byGet(words);
      assert.deepEqual(byPost(words), one);
      if (!isRefusal(one)) understood += 1;
    }),
    { numRuns: 400 },
  );
  assert.ok(understood > 20, 'too few of them were understood to prove anything');
});

suite('a SearchRequest', () => {
  test('is a read, judged as the search it is', () => {
    const search = (filter: string) =>
      meant('POST', '/Users/.search', { SCHEMAS: [searchUrn.toLowerCase()], FILTER: filter });
    assert.deepEqual(effectsOf(search('userName eq "a"')), [
      { action: 'users:read', attributes: [] },
    ]);
    assert.deepEqual(effectsOf(search('title pr')), [{ action: 'users:search', attributes: [] }]);
  });

  test('takes names as text with commas too', () => {
    const body = { schemas: [searchUrn], attributes: 'userName, title' };
    const operation = meant('POST', '/Users/.search', body);
    assert.ok(operation.verb === 'search');
    assert.deepEqual(operation.projection, { attributes: ['userName', 'title'] });
  });

  test('is printed as a GET, or as a POST where the target prefers that', () => {
    const body = {
      schemas: [searchUrn],
      filter: 'USERNAME eq "a"',
      attributes: ['title'],
      startIndex: 3,
      count: 2,
      sortBy: 'title',
    };
    const operation = meant('POST', '/Users/.search', body);
    const printed = printCall(operation, parts);
    assert.deepEqual([printed.method, printed.path, printed.body], ['GET', '/Users', null]);
    const posted = printCall(operation, { ...parts, search: 'post' });
    assert.deepEqual(
      { ...posted, body: JSON.parse(posted.body ?? '') as unknown },
      {
        method: 'POST',
        path: '/Users/.search',
        template: '/Users/.search',
        query: '',
        repeatable: true,
        mutation: false,
        body: {
          schemas: [searchUrn],
          filter: 'userName eq "a"',
          sortBy: 'title',
          sortOrder: 'ascending',
          startIndex: 3,
          count: 2,
          attributes: ['title'],
        },
      },
    );
    assert.deepEqual(plain(meant('POST', posted.path, posted.body)), plain(operation));
  });

  test('with a cursor needs the right to search, however small its page', () => {
    const page = { schemas: [searchUrn], count: 1, cursor: '' };
    const [effect] = effectsOf(meant('POST', '/Users/.search', page));
    assert.equal(effect?.action, 'users:search');
  });
});
