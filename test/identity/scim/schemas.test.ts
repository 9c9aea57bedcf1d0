import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attribute } from '../../../src/identity/scim/schema-model.ts';
import {
  attributeName,
  coreTypes,
  genericType,
  groupType,
  lookUp,
  resolveExtension,
  resolveName,
  resolveSub,
  userType,
} from '../../../src/identity/scim/schemas.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

const names = (attributes: Readonly<Record<string, Attribute>>): string =>
  Object.values(attributes)
    .map(({ name }) => name)
    .join(' ');

test('the attributes are those of RFC 7643 §3.1 and §8.7.1', () => {
  const common = 'schemas id externalId meta';
  const user =
    'userName name displayName nickName profileUrl title userType preferredLanguage locale ' +
    'timezone active password emails phoneNumbers ims photos addresses groups entitlements roles ' +
    'x509Certificates';
  const extension = 'employeeNumber costCenter organization division department manager';
  assert.equal(names(userType.schema.attributes), `${common} ${user}`);
  assert.equal(names(groupType.schema.attributes), `${common} displayName members`);
  assert.equal(names(userType.extensions[enterprise.toLowerCase()]?.attributes ?? {}), extension);
});

test('characteristics that decide something', () => {
  const at = (text: string, type = userType): Attribute => {
    const path = resolveName(type, text);
    const attribute = path === null ? null : lookUp(type, path);
    assert.ok(attribute !== null, text);
    return attribute;
  };
  assert.equal(at('userName').caseExact, false);
  assert.equal(at('userName').required, true);
  assert.equal(at('userName').uniqueness, 'server');
  assert.equal(at('id').mutability, 'readOnly');
  assert.equal(at('id').returned, 'always');
  assert.equal(at('externalId').caseExact, true);
  assert.equal(at('password').mutability, 'writeOnly');
  assert.equal(at('password').returned, 'never');
  assert.equal(at('active').type, 'boolean');
  assert.equal(at('groups').mutability, 'readOnly');
  assert.equal(at('emails.primary').type, 'boolean');
  assert.equal(at('addresses.primary').type, 'boolean');
  assert.equal(at('meta.created').type, 'dateTime');
  assert.equal(at('x509Certificates.value').type, 'binary');
  assert.equal(at('schemas').multiValued, true);
  assert.equal(at(`${enterprise}:manager.displayName`).mutability, 'readOnly');
  assert.equal(at(`${enterprise}:manager.value`).caseExact, true);
  assert.equal(at('displayName', groupType).required, true, 'EID 5368');
  assert.equal(at('members.value', groupType).mutability, 'immutable');
  assert.equal(at('members.value', groupType).caseExact, true, 'it holds an id');
  assert.equal(at('members.$ref', groupType).type, 'reference');
});

test('tables are frozen and have no prototype', () => {
  for (const type of Object.values(coreTypes)) {
    for (const table of [type.schema.attributes, type.extensions]) {
      assert.equal(Object.getPrototypeOf(table), null);
      assert.ok(Object.isFrozen(table));
    }
  }
  assert.equal(Object.getPrototypeOf(coreTypes), null);
  assert.equal(coreTypes['toString'], undefined);
});

const resolutions: readonly (readonly [string, string | null])[] = [
  ['username', 'userName'],
  ['NAME.GIVENNAME', 'name.givenName'],
  ['urn:ietf:params:scim:schemas:core:2.0:User:userName', 'userName'],
  ['URN:IETF:PARAMS:SCIM:SCHEMAS:CORE:2.0:USER:NAME.FAMILYNAME', 'name.familyName'],
  [`${enterprise}:Manager.Value`, `${enterprise}:manager.value`],
  ['urn:Acme:ext:2.0:User:Badge', 'urn:Acme:ext:2.0:User:Badge'],
  ['urn:Acme:ext:2.0:User:Badge.Colour', 'urn:Acme:ext:2.0:User:Badge.Colour'],
  ['', null],
  ['.', null],
  [':', null],
  [':userName', null],
  ['userName:', null],
  ['name.', null],
  ['name..givenName', null],
  ['emails[type eq "work"]', null],
  ['emails[].value', null],
  ['toString', null],
  ['__proto__', null],
  ['urn:Acme:ext:2.0:User:__proto__', null],
  ['urn:Acme:ext:2.0:User:a.b.c', null],
  ['urn:ietf:params:scim:schemas:core:2.0:User:shoeSize', null],
  ['urn:ietf:params:scim:schemas:core:1.0:userName', null],
  ['urn:ietf:params:scim:api:messages:2.0:PatchOp', null],
  ['urn:scim:schemas:core:1.0:userName', null],
  ['nic\u212aName', null],
  [`urn:${'x'.repeat(500)}:y:z`, null],
];

test('names resolve in any letter case and come out as the schema spells them', () => {
  for (const [text, expected] of resolutions) {
    const path = resolveName(userType, text);
    assert.equal(path === null ? null : attributeName(path), expected, text);
  }
});

test('what nobody gave a meaning resolves, but looks up as null', () => {
  const path = resolveName(userType, 'urn:acme:x:User:badge');
  assert.ok(path !== null);
  assert.equal(lookUp(userType, path), null);
  assert.equal(lookUp(userType, { attribute: 'toString' }), null);
  assert.equal(lookUp(userType, { schema: 'constructor', attribute: 'name' }), null);
  assert.equal(lookUp(userType, { attribute: 'userName', sub: 'value' }), null);
});

test('a generic type knows the common attributes and takes the rest', () => {
  const devices = genericType('Devices');
  assert.equal(devices.word, 'devices');
  assert.deepEqual(resolveName(devices, 'ID'), { attribute: 'id' });
  assert.deepEqual(resolveName(devices, 'Serial.No'), { attribute: 'Serial', sub: 'No' });
  assert.equal(resolveName(devices, 'id.x'), null);
  assert.equal(resolveName(devices, 'a.b.c'), null);
  assert.equal(resolveName(devices, ':a'), null);
});

test('a whole extension has a name of its own', () => {
  assert.equal(resolveExtension(userType, enterprise.toUpperCase()), enterprise);
  assert.equal(resolveName(userType, enterprise), null);
  assert.equal(resolveExtension(userType, 'urn:acme:x:User'), null);
  assert.equal(resolveExtension(groupType, enterprise), null);
  assert.equal(resolveExtension(userType, 'toString'), null);
});

test('sub-attributes of complex, simple and unknown attributes', () => {
  const emails = lookUp(userType, { attribute: 'emails' });
  const schemas = lookUp(userType, { attribute: 'schemas' });
  const title = lookUp(userType, { attribute: 'title' });
  assert.equal(resolveSub(emails, 'PRIMARY')?.name, 'primary');
  assert.equal(resolveSub(emails, 'toString'), null);
  assert.equal(resolveSub(schemas, 'Value')?.attribute, schemas);
  assert.equal(resolveSub(title, 'value'), null);
  assert.deepEqual(resolveSub(null, 'Kind'), { name: 'Kind', attribute: null });
  assert.equal(resolveSub(null, 'a.b'), null);
});
