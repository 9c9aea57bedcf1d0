/**
 * The schemas of RFC 7643 §8.7.1 and the common attributes of §3.1, as data. Where the JSON of §8.7.1
 * contradicts the normative prose or a verified erratum, the prose wins:
 * - Group.displayName is required (EID 5368);
 * - references and binaries are case exact (§2.3.6, §2.3.7), and so is a `value` that holds the `id`
 *   of a resource (§3.1): some systems hand out ids that differ by case alone;
 * - members.display and the `primary` of addresses exist (§2.4, example of §8.2).
 * Only schemas.ts reads this file.
 */
import type { Attribute, AttributeType, Schema } from './schema-model.ts';

/** A row: name, words, then sub-attributes or, of a leaf, its canonical values. */
type Row = readonly [
  name: string,
  words?: string,
  subs?: readonly Row[] | undefined,
  canonicalValues?: readonly string[],
];

type Draft = { -readonly [Key in keyof Attribute]: Attribute[Key] };

const ofType = (type: AttributeType, caseExact = false): Partial<Draft> =>
  caseExact ? { type, caseExact } : { type };

/** What each word of a row says. Without words an attribute is an optional, plain string. */
const wordMeanings: ReadonlyMap<string, Partial<Draft>> = new Map([
  ['boolean', ofType('boolean')],
  ['dateTime', ofType('dateTime')],
  ['binary', ofType('binary', true)],
  ['external', { ...ofType('reference', true), referenceTypes: ['external'] }],
  ['uri', { ...ofType('reference', true), referenceTypes: ['uri'] }],
  ['toUser', { ...ofType('reference', true), referenceTypes: ['User'] }],
  ['toMember', { ...ofType('reference', true), referenceTypes: ['User', 'Group'] }],
  ['many', { multiValued: true }],
  ['required', { required: true }],
  ['exact', { caseExact: true }],
  ['readOnly', { mutability: 'readOnly' }],
  ['immutable', { mutability: 'immutable' }],
  ['secret', { mutability: 'writeOnly', returned: 'never', caseExact: true }],
  ['always', { returned: 'always' }],
  ['unique', { uniqueness: 'server' }],
] satisfies readonly (readonly [string, Partial<Draft>])[]);

const readRow = ([name, words = '', subs, canonicalValues]: Row): Attribute => {
  const draft: Draft = {
    name,
    type: subs === undefined ? 'string' : 'complex',
    multiValued: false,
    required: false,
    caseExact: false,
    mutability: 'readWrite',
    returned: 'default',
    uniqueness: 'none',
  };
  for (const word of words === '' ? [] : words.split(' ')) {
    const meaning = wordMeanings.get(word);
    if (meaning === undefined) throw new TypeError(`no such word in a schema row: ${word}`);
    Object.assign(draft, meaning);
  }
  if (subs !== undefined) draft.sub = readRows(subs);
  if (canonicalValues !== undefined) draft.canonicalValues = Object.freeze([...canonicalValues]);
  return Object.freeze(draft);
};

const readRows = (rows: readonly Row[]): Readonly<Record<string, Attribute>> => {
  const byName = Object.create(null) as Record<string, Attribute>;
  for (const row of rows) byName[row[0].toLowerCase()] = readRow(row);
  return Object.freeze(byName);
};

/** Attributes of every resource (RFC 7643 §3, §3.1). */
const commonRows: readonly Row[] = [
  ['schemas', 'uri many required always'],
  ['id', 'exact readOnly always unique'],
  ['externalId', 'exact'],
  [
    'meta',
    'readOnly',
    [
      ['resourceType', 'exact readOnly'],
      ['created', 'dateTime readOnly'],
      ['lastModified', 'dateTime readOnly'],
      ['location', 'uri readOnly'],
      ['version', 'exact readOnly'],
    ],
  ],
];

const schema = (id: string, name: string, rows: readonly Row[]): Schema =>
  Object.freeze({ id, name, attributes: readRows(rows) });

/** The default sub-attributes of a multi-valued attribute (§2.4). */
const plural = (canonicalTypes?: readonly string[], valueWords = ''): readonly Row[] => [
  ['value', valueWords],
  ['display'],
  canonicalTypes === undefined ? ['type'] : ['type', '', undefined, canonicalTypes],
  ['primary', 'boolean'],
];

/** `urn:ietf:params:scim:schemas:core:2.0:User` (§4.1), common attributes included. */
export const userSchema: Schema = schema('urn:ietf:params:scim:schemas:core:2.0:User', 'User', [
  ...commonRows,
  ['userName', 'required unique'],
  [
    'name',
    '',
    [
      ['formatted'],
      ['familyName'],
      ['givenName'],
      ['middleName'],
      ['honorificPrefix'],
      ['honorificSuffix'],
    ],
  ],
  ['displayName'],
  ['nickName'],
  ['profileUrl', 'external'],
  ['title'],
  ['userType'],
  ['preferredLanguage'],
  ['locale'],
  ['timezone'],
  ['active', 'boolean'],
  ['password', 'secret'],
  ['emails', 'many', plural(['work', 'home', 'other'])],
  ['phoneNumbers', 'many', plural(['work', 'home', 'mobile', 'fax', 'pager', 'other'])],
  ['ims', 'many', plural(['aim', 'gtalk', 'icq', 'xmpp', 'msn', 'skype', 'qq', 'yahoo'])],
  ['photos', 'many', plural(['photo', 'thumbnail'], 'external')],
  [
    'addresses',
    'many',
    [
      ['formatted'],
      ['streetAddress'],
      ['locality'],
      ['region'],
      ['postalCode'],
      ['country'],
      ['type', '', undefined, ['work', 'home', 'other']],
      ['primary', 'boolean'],
    ],
  ],
  [
    'groups',
    'many readOnly',
    [
      ['value', 'exact readOnly'],
      ['$ref', 'toMember readOnly'],
      ['display', 'readOnly'],
      ['type', 'readOnly', undefined, ['direct', 'indirect']],
    ],
  ],
  ['entitlements', 'many', plural()],
  ['roles', 'many', plural()],
  ['x509Certificates', 'many', plural(undefined, 'binary')],
]);

/** `urn:ietf:params:scim:schemas:core:2.0:Group` (§4.2), common attributes included. */
export const groupSchema: Schema = schema('urn:ietf:params:scim:schemas:core:2.0:Group', 'Group', [
  ...commonRows,
  ['displayName', 'required'],
  [
    'members',
    'many',
    [
      ['value', 'exact immutable'],
      ['$ref', 'toMember immutable'],
      ['display', 'immutable'],
      ['type', 'immutable', undefined, ['User', 'Group']],
    ],
  ],
]);

/** `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User` (§4.3). */
export const enterpriseUserSchema: Schema = schema(
  'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User',
  'EnterpriseUser',
  [
    ['employeeNumber'],
    ['costCenter'],
    ['organization'],
    ['division'],
    ['department'],
    [
      'manager',
      '',
      [
        ['value', 'exact'],
        ['$ref', 'toUser'],
        ['displayName', 'readOnly'],
      ],
    ],
  ],
);

/** A schema nobody published to us: the common attributes alone, without an id. */
export const unknownSchema: Schema = schema('', '', commonRows);
