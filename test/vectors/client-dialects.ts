/**
 * What clients really send and what it means in canonical form, by row of the client dialect table
 * (src/identity/dialects). Shapes are the published ones; sources stand in the table. Rows that are
 * about serving have their tests in test/conformance/client-rows-*.
 */
import type { JsonObject, Json } from '../../src/identity/json-value.ts';

const patchOp = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
const user = 'urn:ietf:params:scim:schemas:core:2.0:User';
const group = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

/** A printed change: op, path, value (absent in a remove). */
export type PrintedChange = readonly [op: string, path: string, value?: Json];

type Common = Readonly<{ row: string; name: string; type: 'User' | 'Group' }>;

/** A PATCH; `before` and `after` where the effect on a resource is the point. */
export type PatchVector = Common &
  Readonly<{
    kind: 'patch';
    body: JsonObject;
    changes: readonly PrintedChange[];
    /** Rows reported, in order. */
    rows: readonly string[];
    statedId?: string;
    before?: JsonObject;
    after?: JsonObject;
  }>;

/** A whole resource. */
export type ResourceVector = Common &
  Readonly<{ kind: 'resource'; body: JsonObject; resource: JsonObject; rows: readonly string[] }>;

/** A PUT against a current resource. */
export type ReplaceVector = Common &
  Readonly<{
    kind: 'replace';
    before: JsonObject;
    body: JsonObject;
    changes: readonly PrintedChange[];
  }>;

/** A request that is refused. */
export type RefusedVector = Common &
  Readonly<{
    kind: 'refused';
    message: 'patch' | 'resource';
    body: JsonObject;
    code: string;
    scimType: string;
  }>;

/** A filter of a search, in its canonical print. */
export type FilterVector = Common & Readonly<{ kind: 'filter'; filter: string; printed: string }>;

export type DialectVector =
  | PatchVector
  | ResourceVector
  | ReplaceVector
  | RefusedVector
  | FilterVector;

const patch = (...Operations: readonly JsonObject[]): JsonObject => ({
  schemas: [patchOp],
  Operations,
});

/** Vectors in the order of the table. */
export const dialectVectors: readonly DialectVector[] = [
  {
    kind: 'patch',
    row: 'C1',
    name: 'op in capitals',
    type: 'User',
    body: patch({ op: 'REPLACE', path: 'displayName', value: 'Pvlo' }),
    changes: [['replace', 'displayName', 'Pvlo']],
    rows: ['C1'],
  },
  {
    kind: 'patch',
    row: 'C1',
    name: 'several attributes without the feature flag',
    type: 'User',
    body: patch(
      { op: 'Replace', path: 'displayName', value: 'Pvlo' },
      { op: 'Replace', path: 'emails[type eq "work"].value', value: 'a@example.com' },
      { op: 'Replace', path: 'name.givenName', value: 'Gtfd' },
      { op: 'Replace', path: `${enterprise}:employeeNumber`, value: 'Eqpj' },
    ),
    changes: [
      ['replace', 'displayName', 'Pvlo'],
      ['replace', 'emails[type eq "work"].value', 'a@example.com'],
      ['replace', 'name.givenName', 'Gtfd'],
      ['replace', `${enterprise}:employeeNumber`, 'Eqpj'],
    ],
    rows: ['C1', 'C5'],
  },
  {
    kind: 'patch',
    row: 'C2',
    name: 'disable without the feature flag',
    type: 'User',
    body: patch({ op: 'Replace', path: 'active', value: 'False' }),
    changes: [['replace', 'active', false]],
    rows: ['C1', 'C2'],
    before: { userName: 'a', active: true },
    after: { userName: 'a', active: false },
  },
  {
    kind: 'patch',
    row: 'C2',
    name: 'a string attribute keeps the word',
    type: 'User',
    body: patch({ op: 'replace', path: 'nickName', value: 'True' }),
    changes: [['replace', 'nickName', 'True']],
    rows: [],
  },
  {
    kind: 'resource',
    row: 'C2',
    name: 'create with booleans as text',
    type: 'User',
    body: {
      schemas: [user],
      userName: 'a',
      active: 'True',
      roles: [{ primary: 'False', value: 'admin' }],
    },
    resource: {
      schemas: [user],
      userName: 'a',
      active: true,
      roles: [{ primary: false, value: 'admin' }],
    },
    rows: ['C2', 'C2'],
  },
  {
    kind: 'patch',
    row: 'C3',
    name: 'remove a member without the feature flag',
    type: 'Group',
    body: patch({ op: 'Remove', path: 'members', value: [{ value: 'u1091' }] }),
    changes: [['remove', 'members[value eq "u1091"]']],
    rows: ['C1', 'C3'],
    before: { displayName: 'g', members: [{ value: 'u1' }, { value: 'u1091' }, { value: 'u2' }] },
    after: { displayName: 'g', members: [{ value: 'u1' }, { value: 'u2' }] },
  },
  {
    kind: 'patch',
    row: 'C3',
    name: 'two members, with null references',
    type: 'Group',
    body: patch({
      op: 'Remove',
      path: 'members',
      value: [
        { $ref: null, value: 'u1' },
        { $ref: null, value: 'u2' },
      ],
    }),
    changes: [
      ['remove', 'members[value eq "u1"]'],
      ['remove', 'members[value eq "u2"]'],
    ],
    rows: ['C1', 'C3'],
  },
  {
    kind: 'patch',
    row: 'C3',
    name: 'an empty array names nobody',
    type: 'Group',
    body: patch({ op: 'Remove', path: 'members', value: [] }),
    changes: [],
    rows: ['C1', 'C3'],
    before: { displayName: 'g', members: [{ value: 'u1' }] },
    after: { displayName: 'g', members: [{ value: 'u1' }] },
  },
  ...[null, '', [{}], [null], [{ value: null }], [{ value: '' }], {}, 5].map(
    (value): RefusedVector => ({
      kind: 'refused',
      row: 'C3',
      name: `what names no member never removes all: ${JSON.stringify(value)}`,
      type: 'Group',
      message: 'patch',
      body: patch({ op: 'Remove', path: 'members', value }),
      code: 'value_invalid',
      scimType: 'invalidValue',
    }),
  ),
  {
    kind: 'patch',
    row: 'C4',
    name: 'add members with null references',
    type: 'Group',
    body: patch({
      op: 'Add',
      path: 'members',
      value: [{ $ref: null, value: 'f648f8d5ea4e4cd38e9c' }],
    }),
    changes: [['add', 'members', [{ value: 'f648f8d5ea4e4cd38e9c' }]]],
    rows: ['C1', 'C4'],
  },
  {
    kind: 'patch',
    row: 'C5',
    name: 'several sub-attributes land in one new element',
    type: 'User',
    body: patch(
      { op: 'Add', path: 'addresses[type eq "work"].streetAddress', value: '1 Road' },
      { op: 'Add', path: 'addresses[type eq "work"].locality', value: 'Town' },
      { op: 'Replace', path: 'emails[type eq "work"].value', value: 'a@example.com' },
    ),
    changes: [
      ['add', 'addresses[type eq "work"].streetAddress', '1 Road'],
      ['add', 'addresses[type eq "work"].locality', 'Town'],
      ['replace', 'emails[type eq "work"].value', 'a@example.com'],
    ],
    rows: ['C1', 'C5', 'C5', 'C5'],
    before: { userName: 'a' },
    after: {
      userName: 'a',
      addresses: [{ type: 'work', streetAddress: '1 Road', locality: 'Town' }],
      emails: [{ type: 'work', value: 'a@example.com' }],
    },
  },
  {
    kind: 'patch',
    row: 'C6',
    name: 'several attributes with the feature flag',
    type: 'User',
    body: patch({
      op: 'replace',
      value: {
        displayName: 'Bjfe',
        'name.givenName': 'Kkom',
        'name.familyName': 'Unua',
        [`${enterprise}:employeeNumber`]: 'Aklq',
      },
    }),
    changes: [
      ['replace', 'displayName', 'Bjfe'],
      ['replace', 'name.givenName', 'Kkom'],
      ['replace', 'name.familyName', 'Unua'],
      ['replace', `${enterprise}:employeeNumber`, 'Aklq'],
    ],
    rows: ['C21', 'C6', 'C6', 'C6'],
    before: { schemas: [user], userName: 'a', name: { formatted: 'F' } },
    after: {
      schemas: [user, enterprise],
      userName: 'a',
      displayName: 'Bjfe',
      name: { formatted: 'F', givenName: 'Kkom', familyName: 'Unua' },
      [enterprise]: { employeeNumber: 'Aklq' },
    },
  },
  {
    kind: 'resource',
    row: 'C6',
    name: 'flattened names in a create',
    type: 'User',
    body: {
      schemas: [user],
      userName: 'a',
      'name.givenName': 'Kkom',
      [`${enterprise}:department`]: 'Tour Operations',
    },
    resource: {
      schemas: [user, enterprise],
      userName: 'a',
      name: { givenName: 'Kkom' },
      [enterprise]: { department: 'Tour Operations' },
    },
    rows: ['C6', 'C6'],
  },
  ...(['Add', 'replace'] as const).map((op): PatchVector => ({
    kind: 'patch',
    row: 'C7',
    name: `${op} manager as a bare id`,
    type: 'User',
    body: patch({ op, path: `${enterprise}:manager`, value: '271' }),
    changes: [[op.toLowerCase(), `${enterprise}:manager`, { value: '271' }]],
    rows: op === 'Add' ? ['C1', 'C7'] : ['C7'],
  })),
  {
    kind: 'patch',
    row: 'C7',
    name: 'manager as an id in an array',
    type: 'User',
    body: patch({ op: 'add', path: `${enterprise}:manager`, value: ['271'] }),
    changes: [['add', `${enterprise}:manager`, { value: '271' }]],
    rows: ['C18', 'C7'],
  },
  {
    kind: 'patch',
    row: 'C7',
    name: 'an empty manager clears',
    type: 'User',
    body: patch({ op: 'replace', path: `${enterprise}:manager`, value: '' }),
    changes: [['remove', `${enterprise}:manager`]],
    rows: ['C7'],
    before: {
      schemas: [user, enterprise],
      userName: 'a',
      [enterprise]: { manager: { value: '1' } },
    },
    after: { schemas: [user], userName: 'a' },
  },
  {
    kind: 'patch',
    row: 'C7',
    name: 'an empty string of a string attribute stays',
    type: 'User',
    body: patch({ op: 'replace', path: 'title', value: '' }),
    changes: [['replace', 'title', '']],
    rows: [],
  },
  {
    kind: 'patch',
    row: 'C8',
    name: 'a boolean as text in a filter',
    type: 'User',
    body: patch({ op: 'Replace', path: 'roles[primary eq "True"].value', value: 'admin' }),
    changes: [['replace', 'roles[primary eq true].value', 'admin']],
    rows: ['C1', 'C8', 'C5'],
    before: { userName: 'a', roles: [{ value: 'x' }, { value: 'y', primary: true }] },
    after: { userName: 'a', roles: [{ value: 'x' }, { value: 'admin', primary: true }] },
  },
  {
    kind: 'patch',
    row: 'C9',
    name: 'roles as JSON text in their value',
    type: 'User',
    body: patch({
      op: 'Add',
      path: 'roles',
      value: [
        {
          value:
            '{"id":"827f0d2e","value":"DocumentMgmt-Admin","displayName":"Admin of documents"}',
        },
        { value: '{"id":"8ae06bd4","value":"Admin","displayName":"Admin"}', primary: 'False' },
      ],
    }),
    changes: [
      [
        'add',
        'roles',
        [
          { value: 'DocumentMgmt-Admin', display: 'Admin of documents' },
          { primary: false, value: 'Admin', display: 'Admin' },
        ],
      ],
    ],
    rows: ['C1', 'C9', 'C2'],
    before: { userName: 'a' },
    after: {
      userName: 'a',
      roles: [
        { value: 'DocumentMgmt-Admin', display: 'Admin of documents' },
        { value: 'Admin', primary: false, display: 'Admin' },
      ],
    },
  },
  {
    kind: 'patch',
    row: 'C9',
    name: 'a list of texts never says what is to go: replace adds',
    type: 'User',
    body: patch({ op: 'replace', path: 'roles', value: ['{"id":"1","value":"User"}'] }),
    changes: [['add', 'roles', [{ value: 'User' }]]],
    rows: ['C9'],
    before: { userName: 'a', roles: [{ value: 'Admin' }] },
    after: { userName: 'a', roles: [{ value: 'Admin' }, { value: 'User' }] },
  },
  {
    kind: 'resource',
    row: 'C9',
    name: 'a create, and a role that only looks like text',
    type: 'User',
    body: {
      schemas: [user],
      userName: 'a',
      roles: [{ value: '{"value":"25","displayName":"Role1234"}' }, { value: '{curly}' }],
    },
    resource: {
      schemas: [user],
      userName: 'a',
      roles: [{ value: '25', display: 'Role1234' }, { value: '{curly}' }],
    },
    rows: ['C9'],
  },
  ...[
    '{"value":"a","value":"b"}',
    '{"value":"a","Value":"b"}',
    '{"value":"a","admin":true}',
    '{"value":{"value":"a"}}',
    '{"value":"{\\"value\\":\\"a\\"}"}',
    '{"value":"a"} {"value":"b"}',
    '{"value":"a"',
    '{"value":""}',
    '{"id":"1"}',
    '{"value":["a"]}',
    `{"value":"${'a'.repeat(5_000)}"}`,
  ].map((value): RefusedVector => ({
    kind: 'refused',
    row: 'C9',
    name: `text that is no plain role: ${value.slice(0, 32)}`,
    type: 'User',
    message: 'patch',
    body: patch({ op: 'Add', path: 'roles', value: [{ value }] }),
    code: 'value_invalid',
    scimType: 'invalidValue',
  })),
  {
    kind: 'resource',
    row: 'C10',
    name: 'a group with a schema URI that brings nothing',
    type: 'Group',
    body: {
      schemas: [group, 'http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group'],
      externalId: '8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159',
      displayName: 'displayName',
      meta: { resourceType: 'Group' },
    },
    resource: {
      schemas: [group],
      externalId: '8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159',
      displayName: 'displayName',
    },
    rows: ['C27', 'C10'],
  },
  ...[
    ['userName eq "bjensen@example.com"', 'userName eq "bjensen@example.com"'],
    [
      'emails[type eq "work"].value eq "a@example.com"',
      'emails[type eq "work" and value eq "a@example.com"]',
    ],
  ].map(([filter = '', printed = '']): FilterVector => ({
    kind: 'filter',
    row: 'C11',
    name: filter,
    type: 'User',
    filter,
    printed,
  })),
  ...(['add', 'replace'] as const).map((op): PatchVector => ({
    kind: 'patch',
    row: 'C13',
    name: `${op} of one value`,
    type: 'User',
    body: patch({ op, path: 'nickName', value: 'Babs' }),
    changes: [[op, 'nickName', 'Babs']],
    rows: [],
    before: { userName: 'a', nickName: 'B' },
    after: { userName: 'a', nickName: 'Babs' },
  })),
  {
    kind: 'resource',
    row: 'C14',
    name: 'what fits its attribute is kept as it was sent',
    type: 'User',
    body: {
      schemas: [user],
      userName: 'BJensen@Example.com',
      title: '',
      phoneNumbers: [{ value: '+1 (555) 555-5555', type: 'WORK' }],
    },
    resource: {
      schemas: [user],
      userName: 'BJensen@Example.com',
      title: '',
      phoneNumbers: [{ value: '+1 (555) 555-5555', type: 'WORK' }],
    },
    rows: [],
  },
  {
    kind: 'patch',
    row: 'C17',
    name: 'no operations',
    type: 'User',
    body: patch(),
    changes: [],
    rows: ['C17'],
  },
  {
    kind: 'patch',
    row: 'C18',
    name: 'a scalar wrapped as reference',
    type: 'User',
    body: patch({
      op: 'Replace',
      path: 'displayName',
      value: [{ $ref: null, value: 'User x' }],
    }),
    changes: [['replace', 'displayName', 'User x']],
    rows: ['C1', 'C18'],
  },
  {
    kind: 'patch',
    row: 'C18',
    name: 'a scalar wrapped in an array',
    type: 'User',
    body: patch({ op: 'replace', path: 'active', value: ['False'] }),
    changes: [['replace', 'active', false]],
    rows: ['C18', 'C2'],
  },
  {
    kind: 'patch',
    row: 'C20',
    name: 'sub-attributes of filtered elements',
    type: 'User',
    body: patch(
      { op: 'add', path: 'emails[type eq "home"].value', value: 'h@example.com' },
      { op: 'add', path: 'emails[type eq "home"].primary', value: false },
    ),
    changes: [
      ['add', 'emails[type eq "home"].value', 'h@example.com'],
      ['add', 'emails[type eq "home"].primary', false],
    ],
    rows: ['C5', 'C5'],
    before: { userName: 'a', emails: [{ type: 'work', value: 'w@example.com', primary: true }] },
    after: {
      userName: 'a',
      emails: [
        { type: 'work', value: 'w@example.com', primary: true },
        { type: 'home', value: 'h@example.com', primary: false },
      ],
    },
  },
  {
    kind: 'patch',
    row: 'C21',
    name: 'deactivate',
    type: 'User',
    body: patch({ op: 'replace', value: { active: false } }),
    changes: [['replace', 'active', false]],
    rows: ['C21'],
  },
  {
    kind: 'replace',
    row: 'C22',
    name: 'a PUT that deactivates',
    type: 'User',
    before: {
      schemas: [user],
      id: '23a35c27',
      userName: 'a',
      active: true,
      emails: [{ value: 'a@example.com', type: 'work', primary: true }],
      meta: { resourceType: 'User' },
    },
    body: {
      schemas: [user],
      id: '23a35c27',
      userName: 'a',
      active: false,
      emails: [{ primary: true, value: 'a@example.com', type: 'work' }],
      groups: [],
      meta: { resourceType: 'User' },
    },
    changes: [['replace', 'active', false]],
  },
  {
    kind: 'replace',
    row: 'C22',
    name: 'a PUT that changes members',
    type: 'Group',
    before: {
      schemas: [group],
      id: 'g',
      displayName: 'g',
      members: [{ value: '1', display: 'a' }, { value: '2' }],
    },
    body: {
      schemas: [group],
      id: 'g',
      displayName: 'g2',
      members: [
        { value: '3', display: 'c' },
        { value: '1', display: 'b' },
      ],
    },
    changes: [
      ['replace', 'displayName', 'g2'],
      ['remove', 'members[value eq "2"]'],
      ['add', 'members', [{ value: '3', display: 'c' }]],
    ],
  },
  {
    kind: 'patch',
    row: 'C23',
    name: 'rename of a group',
    type: 'Group',
    body: patch({ op: 'replace', value: { id: 'abf4dd94', displayName: 'Test SCIMv2' } }),
    changes: [['replace', 'displayName', 'Test SCIMv2']],
    rows: ['C23', 'C21'],
    statedId: 'abf4dd94',
  },
  {
    kind: 'patch',
    row: 'C24',
    name: 'filtered remove and add',
    type: 'Group',
    body: patch(
      { op: 'remove', path: 'members[value eq "89bb1940-b905-4575-9e7f-6f887cfb368e"]' },
      { op: 'add', path: 'members', value: [{ value: '23a35c27', display: 'test@example.com' }] },
    ),
    changes: [
      ['remove', 'members[value eq "89bb1940-b905-4575-9e7f-6f887cfb368e"]'],
      ['add', 'members', [{ value: '23a35c27', display: 'test@example.com' }]],
    ],
    rows: [],
  },
  {
    kind: 'patch',
    row: 'C24',
    name: 'full push',
    type: 'Group',
    body: patch({ op: 'replace', path: 'members', value: [{ value: '2', display: 'b' }] }),
    changes: [['replace', 'members', [{ value: '2', display: 'b' }]]],
    rows: [],
    before: { displayName: 'g', members: [{ value: '1' }] },
    after: { displayName: 'g', members: [{ value: '2', display: 'b' }] },
  },
  {
    kind: 'patch',
    row: 'C24',
    name: 'an empty group',
    type: 'Group',
    body: patch({ op: 'replace', path: 'members', value: [] }),
    changes: [['replace', 'members', []]],
    rows: [],
    before: { displayName: 'g', members: [{ value: '1' }] },
    after: { displayName: 'g' },
  },
  {
    kind: 'patch',
    row: 'C24',
    name: 'full push without a path',
    type: 'Group',
    body: patch({ op: 'replace', value: { members: [{ value: 'u9' }] } }),
    changes: [['replace', 'members', [{ value: 'u9' }]]],
    rows: ['C21'],
    before: { displayName: 'g', members: [{ value: 'u3' }] },
    after: { displayName: 'g', members: [{ value: 'u9' }] },
  },
  {
    kind: 'patch',
    row: 'C25',
    name: 'a member is known by its value, without type or $ref',
    type: 'Group',
    body: patch({ op: 'add', path: 'members', value: [{ value: '1', display: 'a@example.com' }] }),
    changes: [['add', 'members', [{ value: '1', display: 'a@example.com' }]]],
    rows: [],
    before: {
      displayName: 'g',
      members: [{ value: '1', type: 'User', $ref: 'https://x/Users/1' }],
    },
    after: { displayName: 'g', members: [{ value: '1', type: 'User', $ref: 'https://x/Users/1' }] },
  },
  {
    kind: 'resource',
    row: 'C27',
    name: 'create with what only the target may set',
    type: 'User',
    body: {
      schemas: [user],
      userName: 'test.user@okta.local',
      name: { givenName: 'Test', familyName: 'User' },
      emails: [{ primary: true, value: 'test.user@okta.local', type: 'work' }],
      displayName: 'Test User',
      locale: 'en-US',
      externalId: '00ujl29u0le5T6Aj10h7',
      groups: [],
      active: true,
    },
    resource: {
      schemas: [user],
      userName: 'test.user@okta.local',
      name: { givenName: 'Test', familyName: 'User' },
      emails: [{ primary: true, value: 'test.user@okta.local', type: 'work' }],
      displayName: 'Test User',
      locale: 'en-US',
      externalId: '00ujl29u0le5T6Aj10h7',
      active: true,
    },
    rows: ['C27'],
  },
  {
    kind: 'patch',
    row: 'C29',
    name: 'elements to remove in an array',
    type: 'User',
    body: patch({
      op: 'remove',
      path: 'emails',
      value: [{ value: 'a@example.com', type: 'home' }],
    }),
    changes: [['remove', 'emails[value eq "a@example.com" and type eq "home"]']],
    rows: ['C29'],
    before: {
      userName: 'a',
      emails: [
        { value: 'a@example.com', type: 'home' },
        { value: 'a@example.com', type: 'work' },
      ],
    },
    after: { userName: 'a', emails: [{ value: 'a@example.com', type: 'work' }] },
  },
  {
    kind: 'refused',
    row: 'C32',
    name: 'a SCIM 1.1 change',
    type: 'User',
    message: 'patch',
    body: { schemas: ['urn:scim:schemas:core:1.0'], active: false },
    code: 'body_malformed',
    scimType: 'invalidVers',
  },
  {
    kind: 'refused',
    row: 'C32',
    name: 'a SCIM 1.1 body',
    type: 'User',
    message: 'resource',
    body: { schemas: ['urn:scim:schemas:core:1.0'], userName: 'a' },
    code: 'body_malformed',
    scimType: 'invalidVers',
  },
  {
    kind: 'patch',
    row: 'C33',
    name: 'disable by an add without a path',
    type: 'User',
    body: patch({ op: 'add', value: { active: false } }),
    changes: [['add', 'active', false]],
    rows: ['C33'],
    before: { userName: 'a', active: true },
    after: { userName: 'a', active: false },
  },
  ...[
    ['Members', 'members'],
    [`${group}:members`, 'members'],
    ['URN:ietf:params:scim:schemas:core:2.0:group:MEMBERS', 'members'],
  ].map(([path = '', printed = '']): PatchVector => ({
    kind: 'patch',
    row: 'C37',
    name: path,
    type: 'Group',
    body: patch({ op: 'add', path, value: [{ value: '1' }] }),
    changes: [['add', printed, [{ value: '1' }]]],
    rows: ['C37'],
  })),
  {
    kind: 'patch',
    row: 'C37',
    name: 'USERNAME and Emails[Type eq "work"].Value',
    type: 'User',
    body: patch(
      { op: 'replace', path: 'USERNAME', value: 'b' },
      { op: 'replace', path: 'Emails[Type eq "work"].Value', value: 'b@example.com' },
    ),
    changes: [
      ['replace', 'userName', 'b'],
      ['replace', 'emails[type eq "work"].value', 'b@example.com'],
    ],
    rows: ['C37', 'C37', 'C5'],
  },
];
