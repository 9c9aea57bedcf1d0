import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import { filterNames, parseFilter, printFilter } from '../../../src/identity/scim/filter.ts';
import type { Filter, ResourceType } from '../../../src/identity/scim/schema-model.ts';
import { genericType, groupType, userType } from '../../../src/identity/scim/schemas.ts';
import { invalidFilters, rfcFilters, validFilters } from '../../vectors/scim-filters.ts';

const parsed = (text: string, type: ResourceType = userType): Filter => {
  const filter = parseFilter(text, type);
  if (isRefusal(filter)) assert.fail(`${text}: ${filter.detail}`);
  return filter;
};

describe('valid filters', () => {
  for (const [text, canonical] of [...rfcFilters, ...validFilters]) {
    test(text, () => {
      const filter = parsed(text);
      assert.equal(printFilter(filter), canonical);
      assert.deepEqual(parsed(canonical), filter);
    });
  }
});

describe('invalid filters', () => {
  for (const [text, detail] of invalidFilters) {
    test(text.slice(0, 80), () => {
      const refusal = parseFilter(text, userType);
      assert.ok(isRefusal(refusal));
      assert.equal(refusal.refused, 'filter_malformed');
      assert.ok(refusal.detail.includes(detail), refusal.detail);
      assert.match(refusal.detail, /^[\x20-\x7e]*$/);
      assert.ok(refusal.detail.length < 200);
    });
  }
});

test('precedence is grouping, not, and, or', () => {
  const a: Filter = { kind: 'present', path: { attribute: 'title' } };
  const b: Filter = { kind: 'present', path: { attribute: 'userName' } };
  const c: Filter = { kind: 'present', path: { attribute: 'locale' } };
  assert.deepEqual(parsed('not (title pr) and userName pr or locale pr'), {
    kind: 'or',
    terms: [{ kind: 'and', terms: [{ kind: 'not', term: a }, b] }, c],
  });
  assert.deepEqual(parsed('title pr and (userName pr or locale pr)'), {
    kind: 'and',
    terms: [a, { kind: 'or', terms: [b, c] }],
  });
});

test('a value filter names sub-attributes of its attribute', () => {
  assert.deepEqual(parsed('emails[type eq "work"]'), {
    kind: 'values',
    path: { attribute: 'emails' },
    filter: { kind: 'compare', path: { attribute: 'type' }, operator: 'eq', value: 'work' },
  });
  // `name` is an attribute of User, but no sub-attribute of emails.
  assert.ok(isRefusal(parseFilter('emails[name pr]', userType)));
});

test('members.$ref and members compared directly (Entra looks a member up so)', () => {
  assert.equal(printFilter(parsed('MEMBERS.$REF pr', groupType)), 'members.$ref pr');
  const entra = 'id eq "g1" and members eq "u1"';
  assert.equal(printFilter(parsed(entra, groupType)), 'id eq "g1" and members.value eq "u1"');
});

test('a group is closed: unknown extensions have no filter', () => {
  assert.ok(isRefusal(parseFilter('urn:acme:x:Group:a pr', groupType)));
});

test('a type without a schema takes any name as a plain value', () => {
  const devices = genericType('Devices');
  for (const text of [
    'serial eq "x" and ports gt 3',
    'id eq "d1"',
    'owner.value eq null',
    'parts[kind eq "x" and working eq true]',
    'constructor eq "x"',
  ]) {
    assert.equal(printFilter(parsed(text, devices)), text);
  }
  assert.ok(isRefusal(parseFilter('serial gt true', devices)));
  assert.ok(isRefusal(parseFilter('__proto__ eq "x"', devices)));
  assert.ok(isRefusal(parseFilter('meta.shoe eq "x"', devices)));
});

test('limits are options', () => {
  assert.ok(!isRefusal(parseFilter('title pr or title pr', userType, { nodesMax: 2 })));
  assert.ok(isRefusal(parseFilter('title pr or title pr', userType, { nodesMax: 1 })));
  assert.ok(!isRefusal(parseFilter('((title pr))', userType, { depthMax: 2 })));
  assert.ok(isRefusal(parseFilter('((title pr))', userType, { depthMax: 1 })));
  assert.ok(isRefusal(parseFilter('title pr', userType, { lengthMax: 7 })));
});

test('brackets that were closed no longer count as depth', () => {
  const text = Array.from({ length: 60 }, () => '(not (title pr))').join(' and ');
  assert.ok(!isRefusal(parseFilter(text, userType, { depthMax: 2 })));
  const values = Array.from({ length: 60 }, () => 'emails[type pr]').join(' and ');
  assert.ok(!isRefusal(parseFilter(values, userType, { depthMax: 1 })));
});

test('filterNames tells every attribute that is probed, once', () => {
  const department = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department';
  const text =
    `EMAILS[type eq "work" and not (value sw "a")] or name.givenName pr or emails co "x" ` +
    `or manager.value pr or ${department} eq "x" or title pr or title eq "x"`;
  assert.ok(isRefusal(parseFilter(text, userType)), 'manager is not a core attribute');
  assert.deepEqual(filterNames(parsed(text.replace('or manager.value pr ', ''))), [
    'emails.type',
    'emails.value',
    'name.givenName',
    department,
    'title',
  ]);
  assert.deepEqual(filterNames(parsed('urn:acme:x:User:keys[kind eq "a"]')), [
    'urn:acme:x:User:keys.kind',
  ]);
});
