/**
 * Resource types, and how a written attribute name becomes a path: case-insensitive, with the core
 * URN stripped (RFC 7643 §2.1, RFC 7644 §3.10; quirk C37), spelled as the schema spells it. Nobody
 * else compares attribute names that came from outside.
 *
 * A path may resolve where `lookUp` answers null: then nobody gave the attribute a meaning, it is a
 * plain value below an open type, and whoever judges it must treat it so.
 */
import type { AttributeName } from '../operation.ts';
import { knownPaths, knownSubs } from './known-names.ts';
import { enterpriseUserSchema, groupSchema, unknownSchema, userSchema } from './rfc-schemas.ts';
import type { Attribute, AttributePath, ResourceType, Schema } from './schema-model.ts';

const byUrn = (schemas: readonly Schema[]): Readonly<Record<string, Schema>> => {
  const table = Object.create(null) as Record<string, Schema>;
  for (const schema of schemas) table[schema.id.toLowerCase()] = schema;
  return Object.freeze(table);
};

/** Lower-cased names of the attributes that every resource has (RFC 7643 §3, §3.1). */
export const commonAttributes: ReadonlySet<string> = new Set(Object.keys(unknownSchema.attributes));

/** User with the enterprise extension; open to extensions nobody gave a meaning. */
export const userType: ResourceType = Object.freeze({
  name: 'User',
  endpoint: 'Users',
  word: 'users',
  schema: userSchema,
  extensions: byUrn([enterpriseUserSchema]),
  open: true,
});

/** Group, closed: no action would cover an attribute of a group that nobody gave a meaning. */
export const groupType: ResourceType = Object.freeze({
  name: 'Group',
  endpoint: 'Groups',
  word: 'groups',
  schema: groupSchema,
  extensions: byUrn([]),
  open: false,
});

/** The types every SCIM target has, by lower-cased endpoint; null prototype. */
export const coreTypes: Readonly<Record<string, ResourceType>> = Object.freeze(
  Object.assign(Object.create(null) as Record<string, ResourceType>, {
    users: userType,
    groups: groupType,
  }),
);

/**
 * A type that a target declares and we have no schema of (`Devices`, say): the common attributes are
 * known, every other name is a plain value.
 */
export const genericType = (endpoint: string): ResourceType =>
  Object.freeze({
    name: endpoint,
    endpoint,
    word: endpoint.toLowerCase(),
    schema: unknownSchema,
    extensions: byUrn([]),
    open: true,
  });

/** Longest attribute name that is read at all, URN included, characters. */
const nameLengthMax = 400;

/** ATTRNAME of RFC 7643 §2.1, with the `$` that `$ref` needs wherever it stands. */
const namePattern = /^[A-Za-z$][-_A-Za-z0-9$]*$/;
const urnPattern = /^urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:[A-Za-z0-9._:/-]*[A-Za-z0-9_/-]$/i;

/**
 * Namespaces that are never extensions. A target that reads only what follows the last colon would
 * take `urn:ietf:params:scim:schemas:core:2.0:Group:active` for `active`.
 */
const reservedPrefixes = [
  'urn:ietf:params:scim:schemas:core:',
  'urn:ietf:params:scim:api:',
  'urn:scim:schemas:',
] as const;

const own = <Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

const schemaOf = (type: ResourceType, urn: string | undefined): Schema | undefined => {
  if (urn === undefined) return type.schema;
  return own(type.extensions, urn.toLowerCase());
};

/**
 * The attribute a path names, or the sub-attribute where it has one; in any letter case. Null where
 * nobody gave it a meaning.
 */
export const lookUp = (type: ResourceType, path: AttributePath): Attribute | null => {
  const schema = schemaOf(type, path.schema);
  if (schema === undefined) return null;
  const attribute = own(schema.attributes, path.attribute.toLowerCase());
  if (attribute === undefined) return null;
  if (path.sub === undefined) return attribute;
  if (attribute.sub === undefined) return null;
  return own(attribute.sub, path.sub.toLowerCase()) ?? null;
};

const makePath = (
  urn: string | undefined,
  attribute: string,
  sub: string | undefined,
): AttributePath =>
  urn === undefined
    ? sub === undefined
      ? { attribute }
      : { attribute, sub }
    : sub === undefined
      ? { schema: urn, attribute }
      : { schema: urn, attribute, sub };

/** Reads `attribute` or `attribute.sub` below `schema`; `plain` where unknown names may stand. */
const resolveBelow = (
  schema: Schema | null,
  urn: string | undefined,
  text: string,
  plain: boolean,
): AttributePath | null => {
  const dot = text.indexOf('.');
  const written = dot < 0 ? text : text.slice(0, dot);
  const writtenSub = dot < 0 ? undefined : text.slice(dot + 1);
  // Before any folding: U+212A KELVIN SIGN folds to an ASCII k.
  if (!namePattern.test(written)) return null;
  if (writtenSub !== undefined && !namePattern.test(writtenSub)) return null;
  const attribute = schema === null ? undefined : own(schema.attributes, written.toLowerCase());
  if (attribute === undefined) return plain ? makePath(urn, written, writtenSub) : null;
  if (writtenSub === undefined) return makePath(urn, attribute.name, undefined);
  if (attribute.sub === undefined) return null;
  const sub = own(attribute.sub, writtenSub.toLowerCase());
  return sub === undefined ? null : makePath(urn, attribute.name, sub.name);
};

/** Does one URN stand below the other, or are they the same? Both folded. */
const overlap = (one: string, other: string): boolean =>
  one === other || one.startsWith(`${other}:`) || other.startsWith(`${one}:`);

/** An attribute name has no colon, so the URN is all before the last one. */
const resolveUrn = (type: ResourceType, text: string): AttributePath | null => {
  const colon = text.lastIndexOf(':');
  const urn = text.slice(0, colon);
  const name = text.slice(colon + 1);
  const folded = urn.toLowerCase();
  const core = type.schema.id.toLowerCase();
  if (core !== '' && folded === core) return resolveBelow(type.schema, undefined, name, false);
  const extension = own(type.extensions, folded);
  if (extension !== undefined) {
    return resolveBelow(extension, extension.id, name, extension.open === true);
  }
  if (!type.open || !urnPattern.test(urn)) return null;
  if (reservedPrefixes.some((prefix) => folded.startsWith(prefix))) return null;
  if (Object.keys(type.extensions).some((known) => overlap(known, folded))) return null;
  return resolveBelow(null, urn, name, true);
};

/** The long way of resolveName. */
const resolveAny = (type: ResourceType, text: string): AttributePath | null => {
  if (text.length > nameLengthMax) return null;
  return text.includes(':')
    ? resolveUrn(type, text)
    : resolveBelow(type.schema, undefined, text, type.schema.id === '' && type.open);
};

/**
 * The path a written name stands for: `userName`, `NAME.givenname`,
 * `urn:ietf:params:scim:schemas:core:2.0:User:userName`, `urn:…:User:manager.value`. Spelled as the
 * schema spells it; an unknown extension of an open type stays as written. Null where the type has no
 * such attribute, and for the URN of a whole schema (see `resolveExtension`).
 */
export const resolveName = (type: ResourceType, text: string): AttributePath | null =>
  knownPaths(type, resolveAny).get(text) ?? resolveAny(type, text);

/**
 * The canonical URN if the text names a whole known extension of the type, in any letter case, else
 * null. What follows an unknown URN's last colon cannot be told from an attribute, so unknown
 * extensions resolve by `resolveName` alone.
 */
export const resolveExtension = (type: ResourceType, text: string): string | null =>
  own(type.extensions, text.toLowerCase())?.id ?? null;

/** Rule spelling of a path: `name.givenName`, `emails.value`, `urn:…:User:manager.value`. */
export const attributeName = (path: AttributePath): AttributeName => {
  const name = path.schema === undefined ? path.attribute : `${path.schema}:${path.attribute}`;
  return path.sub === undefined ? name : `${name}.${path.sub}`;
};

/**
 * The rule spelling of a written name: of an attribute, or of a whole known extension. Null where the
 * type has neither.
 */
export const ruleName = (type: ResourceType, text: string): AttributeName | null => {
  const extension = resolveExtension(type, text);
  if (extension !== null) return extension;
  const path = resolveName(type, text);
  return path === null ? null : attributeName(path);
};

/** A sub-attribute in the schema's spelling; `attribute` is null where nobody gave it a meaning. */
export type SubAttribute = Readonly<{ name: string; attribute: Attribute | null }>;

/** The long way of resolveSub. */
const resolveAnySub = (parent: Attribute | null, text: string): SubAttribute | null => {
  if (text.length > nameLengthMax || !namePattern.test(text)) return null;
  if (parent === null) return { name: text, attribute: null };
  const folded = text.toLowerCase();
  if (parent.sub === undefined) {
    return parent.multiValued && folded === 'value' ? { name: 'value', attribute: parent } : null;
  }
  const attribute = own(parent.sub, folded);
  return attribute === undefined ? null : { name: attribute.name, attribute };
};

/**
 * Sub-attribute of `parent` by its written name, as a value filter or the end of a path names it.
 * Below a parent nobody gave a meaning (null) any name may stand; below a simple multi-valued
 * attribute only `value`, which is the element itself. Null where there is none.
 */
export const resolveSub = (parent: Attribute | null, text: string): SubAttribute | null => {
  if (parent === null) return resolveAnySub(parent, text);
  return knownSubs(parent, resolveAnySub).get(text) ?? resolveAnySub(parent, text);
};

/** A caller's text as a public detail may quote it: at most 60 characters, printable ASCII only. */
export const quoteName = (text: string): string =>
  `"${text.slice(0, 60).replaceAll(/[^\x20-\x21\x23-\x7e]/g, '?')}"`;
