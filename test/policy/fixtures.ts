/** A small user and group type and a compiler of grants, for the tests of policy. */
import type { z } from 'zod';
import type { Json } from '../../src/identity/json-value.ts';
import type {
  Attribute,
  Resource,
  ResourceType,
  Schema,
} from '../../src/identity/scim/schema-model.ts';
import { compileGrants, type GrantsInput } from '../../src/policy/compile-grants.ts';
import type { Grants } from '../../src/policy/decision.ts';
import { grant, permission } from '../../src/policy/settings.ts';

export const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
export const custom = 'urn:example:params:scim:schemas:Badge';

type Shape = { [name: string]: null | Shape };

const attributes = (shape: Shape): Record<string, Attribute> => {
  const out = Object.create(null) as Record<string, Attribute>;
  for (const [name, sub] of Object.entries(shape)) {
    out[name.toLowerCase()] = {
      name,
      type: sub === null ? 'string' : 'complex',
      multiValued: ['emails', 'phoneNumbers', 'roles', 'members'].includes(name),
      required: false,
      caseExact: false,
      mutability: 'readWrite',
      returned: 'default',
      uniqueness: 'none',
      ...(sub === null ? {} : { sub: attributes(sub) }),
    };
  }
  return out;
};

const schema = (id: string, name: string, shape: Shape): Schema => ({
  id,
  name,
  attributes: attributes(shape),
});

const byUrn = (...schemas: readonly Schema[]): Record<string, Schema> =>
  Object.assign(
    Object.create(null) as Record<string, Schema>,
    Object.fromEntries(schemas.map((each) => [each.id.toLowerCase(), each])),
  );

const value = { value: null, type: null };

export const userType: ResourceType = {
  name: 'User',
  endpoint: 'Users',
  word: 'users',
  schema: schema('urn:ietf:params:scim:schemas:core:2.0:User', 'User', {
    userName: null,
    displayName: null,
    nickName: null,
    title: null,
    active: null,
    password: null,
    name: { givenName: null, familyName: null },
    emails: value,
    phoneNumbers: value,
    roles: value,
  }),
  extensions: byUrn(
    schema(enterprise, 'Enterprise', { department: null, manager: { value: null } }),
    schema(custom, 'Badge', { colour: null }),
  ),
  open: false,
};

export const groupType: ResourceType = {
  name: 'Group',
  endpoint: 'Groups',
  word: 'groups',
  schema: schema('urn:ietf:params:scim:schemas:core:2.0:Group', 'Group', {
    displayName: null,
    members: value,
  }),
  extensions: byUrn(),
  open: false,
};

/** Rule spelling by way of the type's own tables. */
export const resolveName = (type: ResourceType, text: string): string | null => {
  const plain = text.replaceAll('[]', '');
  if (['id', 'externalid', 'meta'].includes(plain.toLowerCase())) return plain;
  const urn = Object.keys(type.extensions).find((id) => plain.toLowerCase().startsWith(id));
  const found = urn === undefined ? type.schema : (type.extensions[urn] as Schema);
  const rest = urn === undefined ? plain : plain.slice(urn.length + 1);
  if (rest === '') return found.id;
  let within: Readonly<Record<string, Attribute>> | undefined = found.attributes;
  const names: string[] = [];
  for (const part of rest.split('.')) {
    const attribute: Attribute | undefined = within?.[part.toLowerCase()];
    if (attribute === undefined) return null;
    names.push(attribute.name);
    within = attribute.sub;
  }
  return (urn === undefined ? '' : `${found.id}:`) + names.join('.');
};

/** Absent top-level attributes read as ''. */
export const view = (resource: Resource | null, type: ResourceType): Record<string, unknown> => {
  const out = Object.create(null) as Record<string, unknown>;
  for (const { name } of Object.values(type.schema.attributes)) out[name] = '';
  return Object.assign(out, resource);
};

export type Written = z.input<typeof grant>;
export type Compiled = Readonly<{
  grants: Readonly<Record<string, Grants>>;
  /** `path: message` */
  problems: readonly string[];
}>;

/** Parses as the route file would and compiles; client `c` unless written. */
export const compile = (
  written: readonly Readonly<Record<string, unknown>>[],
  permissions: Readonly<Record<string, unknown>> = {},
  more: Partial<GrantsInput> = {},
): Compiled => {
  const problems: string[] = [];
  const grants = compileGrants({
    route: 'slack',
    grants: written.map((each) => grant.parse({ client: 'c', ...each })),
    permissions: Object.fromEntries(
      Object.entries(permissions).map(([name, rules]) => [name, permission.parse(rules)]),
    ),
    types: [userType, groupType],
    problem: (path, message) => problems.push(`${path.join('.')}: ${message}`),
    view,
    resolveName,
    ...more,
  });
  return { grants, problems };
};

export const resource = (fields: Readonly<Record<string, Json>>): Resource =>
  Object.assign(Object.create(null) as Record<string, Json>, fields);
