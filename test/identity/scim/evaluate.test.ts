import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import type { Json } from '../../../src/identity/json-value.ts';
import { matches, matchesElement } from '../../../src/identity/scim/evaluate.ts';
import { parseFilter } from '../../../src/identity/scim/filter.ts';
import { parsePath } from '../../../src/identity/scim/path.ts';
import type { Filter, Resource, ResourceType } from '../../../src/identity/scim/schema-model.ts';
import { genericType, groupType, lookUp, userType } from '../../../src/identity/scim/schemas.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const acme = 'urn:acme:ext:2.0:User';

/** Much like the full user of RFC 7643 §8.2. */
const barbara: Resource = {
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:User', enterprise, acme],
  id: '2819c223-7F76-453a-919d-413861904646',
  externalId: 'AbC',
  userName: 'BJensen@example.com',
  name: { familyName: "O'Malley", givenName: 'Barbara' },
  title: 'Vice President',
  nickName: '',
  userType: 'Employee',
  active: false,
  emails: [
    { value: 'bjensen@example.com', type: 'work', primary: true },
    { value: 'babs@jensen.org', type: 'home' },
    { value: 'third@example.net' },
  ],
  ims: [{ value: 'someaimhandle', type: 'aim' }],
  meta: {
    resourceType: 'User',
    created: '2010-01-23T04:56:22Z',
    lastModified: '2011-05-13T04:42:34Z',
    location: 'https://example.com/v2/Users/2819c223',
  },
  [enterprise]: { department: 'Tour Operations', manager: { value: '26118915' } },
  [acme]: {
    badge: 17,
    rate: 1.5,
    live: true,
    hollow: { list: [], text: '' },
    tags: ['Red', 'blue'],
    keys: [
      { kind: 'a', n: 1 },
      { kind: 'b', n: 2 },
    ],
  },
};

const matched = (text: string, resource: Resource = barbara, type: ResourceType = userType) => {
  const filter = parseFilter(text, type);
  if (isRefusal(filter)) assert.fail(`${text}: ${filter.detail}`);
  return matches(filter, resource, type);
};

const truths: Readonly<Record<string, readonly string[]>> = {
  'strings, by caseExact': [
    'userName eq "bjensen@EXAMPLE.com"',
    'userName co "JENSEN@"',
    'userName sw "bj"',
    'userName ew ".COM"',
    'name.familyName co "O\'Malley"',
    'userName ne "x"',
    'title gt "vice" and title lt "vicf"',
    'title ge "VICE president" and title le "vice PRESIDENT"',
    'externalId eq "AbC" and not (externalId eq "abc")',
    'id ne "2819c223-7f76-453a-919d-413861904646"',
    'meta.resourceType eq "User" and not (meta.resourceType eq "user")',
    `${enterprise}:department sw "tour"`,
  ],
  booleans: [
    'active eq false',
    'active eq False',
    'active eq "False"',
    'active ne true',
    'not (active eq true)',
    'not (active eq True)',
    'active pr',
  ],
  'dateTimes, as instants': [
    'meta.created eq "2010-01-23T04:56:22.000Z"',
    'meta.created eq "2010-01-23T05:56:22+01:00"',
    'meta.created eq "2010-01-23T04:56:22"',
    'meta.lastModified gt "2011-05-13T06:42:33+02:00"',
    'meta.lastModified le "2011-05-13T04:42:34Z"',
    'not (meta.lastModified lt "2011-05-13T04:42:34Z")',
    'meta.created sw "2010-"',
  ],
  'unassigned and null are one': [
    'locale eq null',
    'not (locale pr)',
    'locale ne "x"',
    'not (locale eq "x")',
    'not (locale co "")',
    'not (locale gt "a")',
    'title ne null',
    'not (title eq null)',
    'photos eq null',
    'not (photos pr)',
    'emails.type eq null',
    'not (nickName pr)',
    'not (name.middleName pr)',
    `${enterprise}:costCenter eq null`,
    'urn:other:x:User:a eq null',
    'not (urn:other:x:User:a[b pr])',
  ],
  'multi-valued: any value': [
    'emails co "jensen.org"',
    'emails.type eq "HOME"',
    'emails.type ne "work"',
    'not (emails.type eq "other")',
    'emails pr and emails.primary pr',
    'emails.primary eq true',
    `schemas eq "${enterprise}"`,
    `schemas[value eq "${enterprise}"]`,
    'emails.type eq "home" and emails.value sw "bjensen"',
  ],
  'a value filter binds one element': [
    'emails[type eq "work" and value co "@example.com"]',
    'not (emails[type eq "home" and value co "@example.com"])',
    'emails[type eq "home"].value eq "babs@jensen.org"',
    'not (emails[type eq "home"].value eq "bjensen@example.com")',
    'emails[not (type pr)]',
    'emails[type eq null and value eq "third@example.net"]',
    'emails[primary ne true and value sw "babs"]',
    'name[givenName eq "barbara" and familyName pr]',
    'not (photos[value pr])',
  ],
  'attributes nobody gave a meaning': [
    `${acme}:badge eq 17`,
    `${acme}:BADGE ge 17`,
    `${acme.toUpperCase().replace('URN', 'urn')}:badge eq 17`,
    `${acme}:rate lt 2 and ${acme}:rate gt 1`,
    `${acme}:live eq true`,
    `${acme}:tags eq "red"`,
    `${acme}:tags[value sw "b"]`,
    `${acme}:keys[kind eq "a" and n eq 1]`,
    `not (${acme}:keys[kind eq "a" and n eq 2])`,
    `${acme}:keys.n eq 2`,
    `not (${acme}:badge eq "17")`,
    `${acme}:badge ne "17"`,
    `not (${acme}:badge gt "1")`,
    `not (${acme}:toString pr)`,
    `not (${acme}:hollow pr)`,
  ],
};

for (const [title, filters] of Object.entries(truths)) {
  describe(title, () => {
    for (const text of filters) {
      test(text, () => {
        assert.equal(matched(text), true);
        assert.equal(matched(`not (${text})`), false);
      });
    }
  });
}

test('names of Object.prototype are nobody’s attributes', () => {
  const devices = genericType('Devices');
  assert.equal(matched('constructor pr', { id: 'd' }, devices), false);
  assert.equal(matched('constructor eq "x"', { constructor: 'x' }, devices), true);
  assert.equal(matched('a.toString pr', { a: { b: 1 } }, devices), false);
});

test('an element with a value stands for it where the schema is unknown', () => {
  const devices = genericType('Devices');
  assert.equal(matched('tags eq "red"', { tags: [{ value: 'Red' }] }, devices), true);
});

const element = (path: string, value: Json, type: ResourceType): boolean => {
  const parsed = parsePath(path, type);
  if (isRefusal(parsed)) assert.fail(parsed.detail);
  return matchesElement(
    parsed.filter as Filter,
    value,
    lookUp(type, { attribute: parsed.attribute }),
  );
};

test('matchesElement judges one element of a path', () => {
  const member = { value: '26118915', display: 'Babs', $ref: 'https://x/26118915' };
  assert.equal(element('members[value eq "26118915"]', member, groupType), true);
  assert.equal(element('members[$ref ew "/26118915"]', member, groupType), true);
  assert.equal(element('members[type eq "User"]', member, groupType), false);
  assert.equal(element('members[value eq "AB"]', { value: 'ab' }, groupType), false, 'ids');
  assert.equal(element('emails[type eq "WORK"]', { type: 'work' }, userType), true);
});

test('a simple element is its own value', () => {
  assert.equal(element('schemas[value eq "urn:a"]', 'urn:a', userType), true);
  assert.equal(element('schemas[value eq "urn:a"]', 'urn:A', userType), false);
  assert.equal(element('schemas[value pr]', null, userType), false);
  // Members as bare ids, as some clients send them.
  assert.equal(element('members[value eq "u1"]', 'u1', groupType), true);
  assert.equal(element('members[display eq "u1"]', 'u1', groupType), false);
});

test('a value that is no dateTime is unequal and in no order', () => {
  const odd: Resource = { meta: { created: 'yesterday' } };
  assert.equal(matched('meta.created ne "2010-01-23T04:56:22Z"', odd), true);
  for (const operator of ['eq', 'gt', 'ge', 'lt', 'le']) {
    assert.equal(matched(`meta.created ${operator} "2010-01-23T04:56:22Z"`, odd), false);
  }
});
