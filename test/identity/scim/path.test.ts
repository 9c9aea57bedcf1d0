import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import { parsePath, pathName, printPath } from '../../../src/identity/scim/path.ts';
import type { Path, ResourceType } from '../../../src/identity/scim/schema-model.ts';
import { genericType, groupType, userType } from '../../../src/identity/scim/schemas.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const core = 'urn:ietf:params:scim:schemas:core:2.0';
const acme = 'urn:acme:params:ext:1.0:User';

const parsed = (text: string, type: ResourceType = userType): Path => {
  const path = parsePath(text, type);
  if (isRefusal(path)) assert.fail(`${text}: ${path.detail}`);
  return path;
};

/** Text, canonical print, rule spelling; `Group` paths by their type. */
const valid: readonly (readonly [string, string, string, ResourceType?])[] = [
  // RFC 7644 §3.5.2 and its examples.
  ['members', 'members', 'members', groupType],
  ['name.familyName', 'name.familyName', 'name.familyName'],
  ['addresses[type eq "work"]', 'addresses[type eq "work"]', 'addresses'],
  [
    'members[value eq "2819c223-7f76-453a-919d-413861904646"]',
    'members[value eq "2819c223-7f76-453a-919d-413861904646"]',
    'members',
    groupType,
  ],
  [
    'addresses[type eq "work"].streetAddress',
    'addresses[type eq "work"].streetAddress',
    'addresses.streetAddress',
  ],
  [
    'emails[type eq "work" and value ew "example.com"]',
    'emails[type eq "work" and value ew "example.com"]',
    'emails',
  ],
  // C37: any letter case, with or without the URN of the core schema.
  ['Members', 'members', 'members', groupType],
  [`${core}:Group:members`, 'members', 'members', groupType],
  [`${core}:group:MEMBERS[Value EQ "x"]`, 'members[value eq "x"]', 'members', groupType],
  ['USERNAME', 'userName', 'userName'],
  [`${core}:User:userName`, 'userName', 'userName'],
  [`${core}:User:name.givenName`, 'name.givenName', 'name.givenName'],
  ['Emails[Type eq "work"].Value', 'emails[type eq "work"].value', 'emails.value'],
  // C20, C8
  ['emails[type eq "home"].primary', 'emails[type eq "home"].primary', 'emails.primary'],
  ['roles[primary eq "True"].value', 'roles[primary eq true].value', 'roles.value'],
  // Values that look like syntax.
  ['members[value eq "urn:x:1.2:y"]', 'members[value eq "urn:x:1.2:y"]', 'members', groupType],
  ['members[value eq "a]b[c"]', 'members[value eq "a]b[c"]', 'members', groupType],
  ['emails[value eq "a].type"].type', 'emails[value eq "a].type"].type', 'emails.type'],
  ['emails[value eq "\\"]\\\\"].type', 'emails[value eq "\\"]\\\\"].type', 'emails.type'],
  ['emails[ (type eq "work") ]', 'emails[type eq "work"]', 'emails'],
  // Extensions.
  [`${enterprise}:department`, `${enterprise}:department`, `${enterprise}:department`],
  [`${enterprise.toLowerCase()}:Manager`, `${enterprise}:manager`, `${enterprise}:manager`],
  [`${enterprise}:manager.value`, `${enterprise}:manager.value`, `${enterprise}:manager.value`],
  [`${enterprise}:manager.$ref`, `${enterprise}:manager.$ref`, `${enterprise}:manager.$ref`],
  [`${acme}:badge`, `${acme}:badge`, `${acme}:badge`],
  [`${acme}:keys[kind eq 1].value`, `${acme}:keys[kind eq 1].value`, `${acme}:keys.value`],
  ['members.$ref', 'members.$ref', 'members.$ref', groupType],
  ['schemas[value eq "urn:x:y"]', 'schemas[value eq "urn:x:y"]', 'schemas'],
  ['ports[speed gt 10].label', 'ports[speed gt 10].label', 'ports.label', genericType('Devices')],
];

const invalid: readonly (readonly [string, string, ResourceType?])[] = [
  ['', 'The path is empty'],
  [' userName', 'no attribute " userName"'],
  ['userName ', 'no attribute "userName "'],
  ['/userName', 'no attribute "/userName"'],
  ['shoeSize', 'no attribute "shoeSize"'],
  ['name.shoe', 'no attribute "name.shoe"'],
  ['name.givenName.x', 'no attribute'],
  ['__proto__.x', 'no attribute "__proto__.x"'],
  ['toString.x', 'no attribute "toString.x"'],
  ['constructor', 'no attribute "constructor"'],
  ['emails[0]', 'no attribute "0"'],
  ['emails[type eq "work"', 'closing bracket'],
  ['emails[type eq "work"]]', 'no attribute'],
  ['emails[type eq "work"] ', 'no attribute'],
  ['emails[type eq "work"].', 'no attribute'],
  ['emails[type eq "work"]value', 'no attribute'],
  ['emails[type eq "work"].shoe', 'no attribute'],
  ['emails[type eq "work"].value.x', 'no attribute'],
  ['emails[type eq "work"][type eq "home"]', 'no attribute'],
  ['emails[]', 'An attribute is missing'],
  ['emails[type eq "work"].__proto__', 'no attribute'],
  ['emails.value[type eq "work"]', 'no values that a filter'],
  ['name[givenName eq "x"]', 'no values that a filter'],
  ['userName[value eq "x"]', 'no values that a filter'],
  ['schemas[value eq "x"].value', 'no attribute'],
  ['[type eq "work"]', 'The path is empty'],
  [enterprise, 'no attribute'],
  [`${enterprise}:shoe`, 'no attribute'],
  [`${core}:Group:members`, 'no attribute'],
  [`${core}:User:members`, 'no attribute'],
  [`${core}:User`, 'no attribute'],
  ['urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:x:y', 'no attribute'],
  ['urn:ietf:params:scim:schemas:extension:enterprise:2.0:x', 'no attribute'],
  ['urn:x y:z:a', 'no attribute'],
  ['urn:x', 'no attribute'],
  ['http://example.com/schema:userName', 'no attribute'],
  [`${acme}:badge`, 'no attribute', groupType],
  // RFC 7644 §3.5.2 has this as an example, but §8.7.1 of RFC 7643 knows no such sub-attribute.
  ['members[value eq "x"].displayName', 'no attribute', groupType],
];

describe('valid paths', () => {
  for (const [text, canonical, name, type] of valid) {
    test(text, () => {
      const path = parsed(text, type);
      assert.equal(printPath(path), canonical);
      assert.equal(pathName(path), name);
      assert.deepEqual(parsed(canonical, type), path);
    });
  }
});

describe('invalid paths', () => {
  for (const [text, detail, type] of invalid) {
    test(text === '' ? '(empty)' : text, () => {
      const refusal = parsePath(text, type ?? userType);
      assert.ok(isRefusal(refusal));
      assert.equal(refusal.refused, 'path_malformed');
      assert.ok(refusal.detail.includes(detail), refusal.detail);
      assert.match(refusal.detail, /^[\x20-\x7e]*$/);
    });
  }
});

test('a detail quotes at most 60 characters, without quotes or controls', () => {
  const refusal = parsePath(`"\u0000\u202e${'x'.repeat(500)}`, userType);
  assert.ok(isRefusal(refusal));
  assert.equal(refusal.detail, `There is no attribute "???${'x'.repeat(57)}".`);
});
