import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import { parseFilter } from '../../../src/identity/scim/filter.ts';
import { negatedNames } from '../../../src/identity/scim/negations.ts';
import { userType } from '../../../src/identity/scim/schemas.ts';
import { enterpriseUrn } from './scim-fixture.ts';

const cases: readonly (readonly [filter: string, names: readonly string[]])[] = [
  ['emails[not (type eq "work")]', ['emails']],
  ['emails[type ne "work"]', ['emails']],
  ['emails[value pr and not (type pr)]', ['emails']],
  ['emails.type ne "work"', ['emails']],
  ['title pr or (name.givenName ne "x" and emails[type ne "a"])', ['name', 'emails']],
  [`${enterpriseUrn}:manager.value ne "1"`, [`${enterpriseUrn}:manager`]],
  ['emails[type eq "work"]', []],
  ['not (emails.type eq "work")', []],
  ['title ne "x"', []],
];
for (const [text, names] of cases) {
  test(`what is asked for by negation: ${text}`, () => {
    const filter = parseFilter(text, userType);
    assert.ok(!isRefusal(filter));
    assert.deepEqual(negatedNames(filter), names);
  });
}
