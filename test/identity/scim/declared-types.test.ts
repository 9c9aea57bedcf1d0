import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import { canonicalChanges, canonicalResource } from '../../../src/identity/scim/canonical.ts';
import { schemasFile } from '../../../src/identity/scim/declared-settings.ts';
import { declareTypes, schemasProblems } from '../../../src/identity/scim/declared-types.ts';
import { effectsOfChanges } from '../../../src/identity/scim/effects.ts';
import { pinSchemas } from '../../../src/identity/scim/pinned-schemas.ts';
import type { ResourceType } from '../../../src/identity/scim/schema-model.ts';
import { lookUp, resolveName } from '../../../src/identity/scim/schemas.ts';
import { accepted, enterpriseUrn, groupUrn, patchUrn, types, userUrn } from './scim-fixture.ts';

const badgeUrn = 'urn:example:params:scim:schemas:extension:badge:2.0:User';
const deviceUrn = 'urn:ietf:params:scim:schemas:core:2.0:Device';
const bleUrn = 'urn:ietf:params:scim:schemas:extension:ble:2.0:Device';
const file = {
  resourceTypes: [
    { name: 'User', endpoint: '/Users', schema: userUrn, schemaExtensions: [{ schema: badgeUrn }] },
    {
      name: 'Device',
      endpoint: '/Devices',
      schema: deviceUrn,
      schemaExtensions: [{ schema: bleUrn }],
    },
    { name: 'Robot', endpoint: '/Robots', schema: deviceUrn },
  ],
  schemas: [
    {
      id: userUrn,
      attributes: [
        { name: 'USERNAME', type: 'integer', required: false, caseExact: true, returned: 'never' },
        { name: 'password', mutability: 'readWrite', returned: 'default' },
        {
          name: 'groups',
          type: 'complex',
          multiValued: true,
          mutability: 'readWrite',
          subAttributes: [{ name: 'value' }],
        },
        { name: 'title', mutability: 'readOnly', required: true },
        { name: 'active', type: 'boolean', mutability: 'writeOnly' },
        {
          name: 'name',
          type: 'complex',
          subAttributes: [{ name: 'givenName', required: true }, { name: 'nick' }],
        },
        { name: 'isAdmin', type: 'boolean' },
        { name: 'id', mutability: 'readWrite' },
      ],
    },
    { id: enterpriseUrn, attributes: [{ name: 'shift' }, { name: 'department', required: true }] },
    {
      id: badgeUrn,
      name: 'Badge',
      attributes: [
        { name: 'number', caseExact: true, mutability: 'immutable' },
        { name: 'colours', multiValued: true },
        { name: 'pin', mutability: 'writeOnly', returned: 'never' },
        { name: 'issued', type: 'dateTime', mutability: 'readOnly' },
      ],
    },
    {
      id: deviceUrn,
      attributes: [
        { name: 'displayName', required: true },
        { name: 'active', type: 'boolean' },
        { name: 'id', mutability: 'readWrite' },
        { name: 'mud', type: 'reference', mutability: 'readOnly' },
      ],
    },
    { id: bleUrn, attributes: [{ name: 'deviceMacAddress', required: true }] },
  ],
};
const parsed = schemasFile.parse(file);
const declared = declareTypes(types, parsed);
const typeOf = (word: string): ResourceType => {
  const type = declared[word];
  assert.ok(type !== undefined);
  return type;
};
const user = typeOf('users');
const device = typeOf('devices');
const found = (type: ResourceType, name: string) => {
  const path = resolveName(type, name);
  return path === null ? null : lookUp(type, path);
};
const changesOf = (type: ResourceType, operation: object) =>
  canonicalChanges({ schemas: [patchUrn], Operations: [operation] } as never, type, {
    client: null,
  });
const verbsOf = (type: ResourceType, path: string, value: unknown): readonly string[] =>
  effectsOfChanges(type, accepted(changesOf(type, { op: 'replace', path, value })).changes).map(
    ({ action }) => action,
  );

suite('a schemas file', () => {
  test('never loosens what RFC 7643 says', () => {
    const userName = found(user, 'userName');
    assert.deepEqual(
      [userName?.type, userName?.required, userName?.caseExact, userName?.returned],
      ['string', true, false, 'never'],
    );
    const password = found(user, 'password');
    assert.deepEqual([password?.mutability, password?.returned], ['writeOnly', 'never']);
    assert.equal(found(user, 'groups')?.mutability, 'readOnly');
    assert.equal(found(user, 'groups.value')?.mutability, 'readOnly');
    assert.equal(found(user, 'id')?.mutability, 'readOnly');
    assert.equal(found(user, 'active')?.mutability, 'readWrite');
  });

  test('may make more read-only and required', () => {
    const title = found(user, 'title');
    assert.deepEqual([title?.mutability, title?.required], ['readOnly', true]);
    assert.equal(found(user, 'name.givenName')?.required, true);
    assert.equal(found(user, 'name.nick'), null);
    assert.equal(found(user, `${enterpriseUrn}:department`)?.required, true);
    const refusal = changesOf(user, { op: 'replace', path: 'title', value: 'x' });
    assert.ok(isRefusal(refusal) && refusal.scimType === 'mutability');
  });

  test('adds to the schemas of RFC 7643 what then must be named', () => {
    assert.equal(found(user, 'ISADMIN')?.beyond, true);
    assert.equal(found(user, `${enterpriseUrn}:shift`)?.beyond, true);
    assert.equal(found(user, 'title')?.beyond, undefined);
    assert.deepEqual(verbsOf(user, 'isAdmin', true), ['users:update']);
  });

  test('gives extensions a meaning; what it does not declare stays unknown', () => {
    assert.deepEqual(verbsOf(user, `${badgeUrn}:number`, '7'), ['users:update']);
    assert.deepEqual(verbsOf(user, `${badgeUrn}:level`, '7'), ['users:update-unknown']);
    assert.deepEqual(verbsOf(user, 'urn:other:2.0:User:x', '7'), ['users:update-unknown']);
    const readOnly = changesOf(user, { op: 'replace', path: `${badgeUrn}:issued`, value: 'x' });
    assert.ok(isRefusal(readOnly) && readOnly.scimType === 'mutability');
    const wrong = changesOf(user, { op: 'replace', path: `${badgeUrn}:number`, value: 7 });
    assert.ok(isRefusal(wrong) && wrong.refused === 'value_invalid');
    const whole = changesOf(user, { op: 'remove', path: badgeUrn });
    assert.ok(isRefusal(whole), 'it may hold more than was declared');
    const body = { userName: 'a', [badgeUrn]: { NUMBER: '7', level: 1, issued: 'x' } };
    const read = accepted(canonicalResource(body, user, { client: null }));
    assert.deepEqual({ ...(read.resource[badgeUrn] as object) }, { number: '7', level: 1 });
  });

  test('describes a type that was known by its endpoint alone', () => {
    assert.deepEqual([device.name, device.schema.id], ['Device', deviceUrn]);
    assert.equal(found(device, 'mud')?.mutability, 'readOnly');
    assert.equal(found(device, 'id')?.mutability, 'readOnly');
    assert.equal(found(device, `${bleUrn}:devicemacaddress`)?.required, true);
    assert.equal(resolveName(device, 'serial'), null);
    assert.deepEqual(verbsOf(device, 'active', true), ['devices:update']);
    const refusal = canonicalResource({ displayName: 'x', serial: '1' }, device, { client: null });
    assert.ok(isRefusal(refusal) && refusal.refused === 'attribute_denied');
  });

  test('adds no type and takes none away', () => {
    assert.deepEqual(Object.keys(declared).sort(), ['devices', 'groups', 'users']);
    assert.equal(typeOf('groups').schema.id, groupUrn);
    assert.equal(Object.getPrototypeOf(declared), null);
    const none = declareTypes(types, schemasFile.parse({ schemas: [] }));
    assert.deepEqual(none, types);
  });
});

type Bad = readonly [what: string, change: (draft: typeof file) => unknown, problem: RegExp];
const attribute = (more: object) => (draft: typeof file) => ({
  ...draft,
  schemas: [{ id: 'urn:x:y', attributes: [{ name: 'a', ...more }] }],
});
const bad: readonly Bad[] = [
  ['a name that is none', attribute({ name: '__proto__' }), /attribute name/],
  [
    'a complex sub-attribute (EID 8415)',
    attribute({ type: 'complex', subAttributes: [{ name: 'b', type: 'complex' }] }),
    /Invalid/,
  ],
  [
    'a third level',
    attribute({ type: 'complex', subAttributes: [{ name: 'b', subAttributes: [] }] }),
    /Unrecognized/,
  ],
  ['complex without sub-attributes', attribute({ type: 'complex' }), /subAttributes/],
  ['an unknown characteristic', attribute({ secret: true }), /Unrecognized/],
  [
    'one name twice',
    (draft) => ({
      ...draft,
      schemas: [{ id: 'urn:x:y', attributes: [{ name: 'a' }, { name: 'A' }] }],
    }),
    /one name/,
  ],
  [
    'one schema twice',
    (draft) => ({
      ...draft,
      schemas: [
        ...draft.schemas,
        { id: badgeUrn.toUpperCase().replace('URN', 'urn'), attributes: [] },
      ],
    }),
    /twice/,
  ],
  [
    'a schema below another',
    (draft) => ({ ...draft, schemas: [...draft.schemas, { id: `${badgeUrn}:x`, attributes: [] }] }),
    /below/,
  ],
  [
    'an endpoint twice',
    (draft) => ({
      ...draft,
      resourceTypes: [
        ...draft.resourceTypes,
        { name: 'D', endpoint: '/devices', schema: deviceUrn },
      ],
    }),
    /twice/,
  ],
  [
    'too many attributes',
    () => ({
      schemas: [
        {
          id: 'urn:x:y',
          attributes: Array.from({ length: 1_001 }, (_, at) => ({ name: `a${at}` })),
        },
      ],
    }),
    /Too big/,
  ],
  [
    'too many schemas',
    () => ({
      schemas: Array.from({ length: 65 }, (_, at) => ({ id: `urn:x:y${at}`, attributes: [] })),
    }),
    /Too big/,
  ],
];
suite('a schemas file is refused for', () => {
  for (const [what, change, problem] of bad) {
    test(what, () => {
      const result = schemasFile.safeParse(change(file));
      assert.ok(!result.success);
      assert.match(result.error.issues.map(({ message }) => message).join('\n'), problem);
    });
  }

  test('schemas it names and does not hold, and extensions that are core', () => {
    const problems = schemasProblems(
      schemasFile.parse({
        resourceTypes: [
          {
            name: 'User',
            endpoint: '/Users',
            schema: userUrn,
            schemaExtensions: [{ schema: groupUrn }],
          },
          {
            name: 'X',
            endpoint: '/Xs',
            schema: 'urn:x:y',
            schemaExtensions: [{ schema: 'urn:x:z' }],
          },
        ],
        schemas: [],
      }),
    );
    assert.deepEqual(
      problems.map(({ path }) => path.join('.')),
      [
        'resourceTypes.0.schemaExtensions.0.schema',
        'resourceTypes.1.schema',
        'resourceTypes.1.schemaExtensions.0.schema',
      ],
    );
    assert.deepEqual(schemasProblems(parsed), []);
  });
});

suite('what a target answers is pinned', () => {
  const answered = {
    Resources: [
      {
        id: userUrn,
        name: 'User',
        meta: {},
        attributes: [{ name: 'title', type: 'string', x: 1 }],
      },
      { id: 'urn:ietf:params:scim:schemas:core:2.0:Schema', attributes: [] },
      {
        id: deviceUrn,
        description: 'told at length',
        attributes: [
          { name: 'bad name' },
          {
            name: 'deep',
            type: 'complex',
            subAttributes: [{ name: 'x', type: 'complex' }, { name: 'y' }],
          },
        ],
      },
      { id: 'urn:no:type', attributes: [] },
    ],
  };
  const listed = [
    {
      id: 'User',
      name: 'User',
      endpoint: 'https://t.example/v2/Users',
      schema: userUrn,
      schemaExtensions: [{ schema: 'urn:gone' }],
    },
    { name: 'Device', endpoint: '/Devices/', schema: deviceUrn },
    { name: 'Odd', endpoint: '/Odd', schema: 'urn:gone' },
  ];

  test('in a fixed order, without what has no meaning here', () => {
    const pinned = pinSchemas(listed, answered);
    assert.deepEqual(pinned?.file, {
      resourceTypes: [
        { name: 'Device', endpoint: '/Devices', schema: deviceUrn, schemaExtensions: [] },
        { name: 'User', endpoint: '/Users', schema: userUrn, schemaExtensions: [] },
      ],
      schemas: [
        {
          id: deviceUrn,
          attributes: [{ name: 'deep', type: 'complex', subAttributes: [{ name: 'y' }] }],
        },
        { id: userUrn, name: 'User', attributes: [{ name: 'title', type: 'string' }] },
      ],
    });
    assert.deepEqual(pinned?.leftOut, [
      '/Odd',
      'urn:ietf:params:scim:schemas:core:2.0:Schema',
      'urn:no:type',
      `${deviceUrn}:bad name`,
      `${deviceUrn}:deep.x`,
    ]);
    assert.ok(schemasFile.safeParse(pinned?.file).success);
  });

  test('also where it serves no resource types, and not where it serves no schemas', () => {
    const pinned = pinSchemas(undefined, answered);
    assert.ok(pinned !== null);
    assert.deepEqual(pinned.file['resourceTypes'], []);
    assert.equal((pinned.file['schemas'] as readonly unknown[]).length, 3);
    assert.equal(pinSchemas(listed, 'x'), null);
  });
});
