import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  checkIdentifiers,
  identifierProblem,
} from '../../../src/identity/attributes/identifiers.ts';
import type { IdentifierKind } from '../../../src/identity/attributes/identifiers.ts';
import { genericType, groupType, userType } from '../../../src/identity/scim/schemas.ts';

const cases: readonly (readonly [string, IdentifierKind, RegExp | null])[] = [
  ['ann.lee+hr@example.com', 'userName', null],
  ['O\u0027Brien-Müller@example.com', 'userName', null],
  ['安藤@example.com', 'email', null],
  ['Zoe\u0308', 'userName', null],
  ['00042', 'externalId', null],
  ['a@b@c', 'externalId', null],
  ['Team 🎉 👩\u200d💻', 'groupName', null],
  ['می\u200cخواهم', 'groupName', null],
  ['a@b@example.com', 'userName', /more than one @/],
  ['a@b@example.com', 'email', /more than one @/],
  ['ann\n', 'userName', /control/],
  ['ann\u0000', 'externalId', /control/],
  ['ann\u0085', 'id', /control/],
  ['ann\u2028', 'userName', /control/],
  ['a\u202enna', 'userName', /direction/],
  ['Admins\u2066', 'groupName', /direction/],
  ['a\u200fb', 'id', /direction/],
  ['\u212aim', 'userName', /looks like another/],
  ['\u2126', 'groupName', /looks like another/],
  ['ﬁnn', 'userName', /looks like another/],
  ['Ⅷ', 'externalId', /looks like another/],
  ['ａdmin', 'userName', /looks like another/],
  ['ann\u00a0lee', 'groupName', /looks like another/],
  ['a\ud800', 'userName', /surrogate/],
  ['ad\u200bmin', 'userName', /invisible/],
  ['ad\u00admin', 'groupName', /invisible/],
  ['\ufeffann', 'email', /invisible/],
];
for (const [value, kind, expected] of cases) {
  test(`${kind} ${JSON.stringify(value)}`, () => {
    const problem = identifierProblem(value, kind);
    if (expected === null) assert.equal(problem, null);
    else assert.match(problem ?? '', expected);
  });
}

test('every identifier of a resource is checked, and the refusal names its path', () => {
  const bad = 'x\u202e';
  const users = [
    [{ userName: bad }, 'userName'],
    [{ externalId: bad }, 'externalId'],
    [{ emails: [{ value: 'a@b.example' }, { value: bad }] }, 'emails.value'],
  ] as const;
  for (const [resource, path] of users) {
    const refused = checkIdentifiers(resource, userType);
    assert.equal(refused?.refused, 'value_invalid');
    assert.ok(refused?.detail.startsWith(`${path} `) && !refused.detail.includes(bad));
  }
  assert.notEqual(checkIdentifiers({ displayName: bad }, groupType), null);
  assert.notEqual(checkIdentifiers({ members: [{ value: bad }] }, groupType), null);
  assert.notEqual(checkIdentifiers({ externalId: bad }, genericType('Devices')), null);
  assert.equal(checkIdentifiers({ displayName: bad, title: bad }, userType), null);
});

test('changes are checked where they store, at any depth of their path', () => {
  const bad = 'x\u202e';
  const path = { attribute: 'emails' };
  const stored = [
    { op: 'replace', path: { attribute: 'userName' }, value: bad },
    { op: 'add', path, value: [{ value: bad }] },
    { op: 'add', path, value: { value: bad } },
    { op: 'replace', path: { ...path, sub: 'value' }, value: bad },
  ] as const;
  for (const change of stored) assert.notEqual(checkIdentifiers([change], userType), null);
  assert.equal(checkIdentifiers([{ op: 'remove', path }], userType), null);
  const gone = { op: 'replace', path: { attribute: 'active' }, value: false } as const;
  assert.equal(checkIdentifiers([gone], userType), null);
  assert.notEqual(checkIdentifiers([gone, stored[0]], userType), null);
});

test('two identifiers that pass and fold alike under NFKC are the same under NFC', () => {
  const unit = fc.constantFrom(
    'k',
    'K',
    '\u212a',
    'e\u0301',
    'é',
    'ﬁ',
    'fi',
    'Å',
    '\u212b',
    'ａ',
    'a',
  );
  const text = fc.array(unit, { maxLength: 4 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, text, (one, other) => {
      if (identifierProblem(one, 'userName') !== null) return;
      if (identifierProblem(other, 'userName') !== null) return;
      if (one.normalize('NFKC') !== other.normalize('NFKC')) return;
      assert.equal(one.normalize('NFC'), other.normalize('NFC'));
    }),
    { numRuns: 2_000 },
  );
});
