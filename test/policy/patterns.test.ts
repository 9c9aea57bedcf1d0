import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { groupTest, namePatternTest } from '../../src/policy/patterns.ts';

const cases: readonly [string, string, boolean][] = [
  ['app-*', 'app-crm', true],
  ['app-*', 'app-', true],
  ['app-*', 'xapp-crm', false],
  ['app-*', 'App-crm', false],
  ['*-admins', 'crm-admins', true],
  ['*-admins', 'crm-admins2', false],
  ['a*b*c', 'aXbYc', true],
  ['a*b*c', 'abc', true],
  ['a*b*c', 'ac', false],
  ['a*a', 'a', false],
  ['a*bc*c', 'abc', false],
  ['*', '', true],
  ['**', 'anything', true],
  ['exact', 'exact', true],
  ['exact', 'exactly', false],
  ['a.c', 'abc', false],
  ['(', '(', true],
];
for (const [pattern, name, expected] of cases) {
  test(`"${pattern}" ${expected ? 'matches' : 'does not match'} "${name}"`, () => {
    assert.equal(namePatternTest(pattern)(name), expected);
  });
}

test('a pattern answers as the regular expression of the same meaning', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 12 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 6 });
  fc.assert(
    fc.property(pattern, text, (written, name) => {
      const same = new RegExp(`^${written.replaceAll('*', '.*')}$`);
      assert.equal(namePatternTest(written)(name), same.test(name));
    }),
    { numRuns: 2_000 },
  );
});

test('a hostile pattern and name cost no more than their length', () => {
  const judge = namePatternTest(`${'a*'.repeat(100)}b`);
  const started = performance.now();
  assert.equal(judge('a'.repeat(20_000)), false);
  assert.ok(performance.now() - started < 500);
});

test('only compares as written, except ignores case and compatibility forms', () => {
  const judge = groupTest({ only: ['app-*'], except: ['*-admins'] });
  assert.ok(judge !== null);
  assert.deepEqual(
    [
      'app-crm',
      'App-crm',
      'app-crm-admins',
      'app-crm-ADMINS',
      'app-crm-admins ',
      'app-ａ-ａｄｍｉｎｓ',
    ].map(judge),
    [true, false, false, false, false, false],
  );
});

test('without lists there is no test; with except alone all other groups are inside', () => {
  assert.equal(groupTest({}), null);
  const judge = groupTest({ except: ['Domain Admins'] });
  assert.deepEqual(['Staff', 'domain admins'].map(judge ?? (() => false)), [true, false]);
});
