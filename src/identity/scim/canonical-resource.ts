/**
 * A whole resource in canonical form: schema spelling of names, extensions below their URN, the
 * schema's JSON types, nothing unassigned (RFC 7643 §2.5), nothing read-only, `schemas` rebuilt from
 * the content. What no schema knows is refused, except below extensions of an open type. Pure; for
 * the request readers of this folder and for whoever reads a target's resource.
 */
import type { Refusal } from '../../errors.ts';
import { bareCopy, bareObject, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import { canonicalValue, plainValue, twice } from './canonical-values.ts';
import { newReading, quoted, refused, repaired } from './reading.ts';
import type { DialectHints, Reading } from './reading.ts';
import type { Attribute, AttributePath, Repair, Resource, ResourceType } from './schema-model.ts';
import { attributeName, lookUp, resolveExtension, resolveName } from './schemas.ts';

/** Mutable while one resource is read. */
type Draft = {
  readonly type: ResourceType;
  readonly reading: Reading;
  readonly core: Record<string, Json>;
  /** By lower-cased URN. */
  readonly extensions: Map<string, { urn: string; values: Record<string, Json> }>;
  /** Lower-cased names already stated below each holder (`''` = core). */
  readonly stated: Set<string>;
};

const holderOf = (draft: Draft, schema: string | undefined): Record<string, Json> => {
  if (schema === undefined) return draft.core;
  const folded = schema.toLowerCase();
  let extension = draft.extensions.get(folded);
  if (extension === undefined) {
    // The names of an extension without a schema come from outside.
    const known = resolveExtension(draft.type, schema) !== null;
    const values = known ? {} : bareObject<Json>();
    extension = { urn: schema, values };
    draft.extensions.set(folded, extension);
  }
  return extension.values;
};

/** Is `name` stated for the second time? Refuses then. */
const statedTwice = (draft: Draft, name: string): boolean => {
  const folded = name.toLowerCase();
  if (draft.stated.has(folded)) {
    twice(draft.reading, quoted(name));
    return true;
  }
  draft.stated.add(folded);
  return false;
};

const valueOf = (draft: Draft, attribute: Attribute | null, prefix: string, raw: Json) =>
  attribute === null
    ? plainValue(raw, draft.reading, 1)
    : canonicalValue(raw, attribute, { reading: draft.reading, prefix, wrap: false });

const putWhole = (draft: Draft, path: AttributePath, raw: Json): void => {
  const name = attributeName(path);
  if (statedTwice(draft, name)) return;
  const attribute = lookUp(draft.type, path);
  if (attribute?.mutability === 'readOnly') {
    repaired(draft.reading, 'C27', name);
    return;
  }
  const prefix = path.schema === undefined ? '' : `${path.schema}:`;
  const value = valueOf(draft, attribute, prefix, raw);
  if (value !== undefined && draft.reading.refusal === null) {
    holderOf(draft, path.schema)[path.attribute] = value;
  }
};

/** C6: `name.givenName` beside, or instead of, `name: {…}`. Comes after the whole attributes. */
const putFlattened = (draft: Draft, path: AttributePath, raw: Json): void => {
  const { sub, ...parentPath } = path;
  if (sub === undefined) return putWhole(draft, path, raw);
  const name = attributeName(path);
  if (statedTwice(draft, name)) return;
  const parent = lookUp(draft.type, parentPath);
  if (parent?.multiValued === true) {
    const detail = `${attributeName(parentPath)} has several values: send it as an array.`;
    return refused(draft.reading, 'value_invalid', detail);
  }
  const attribute = lookUp(draft.type, path);
  if (parent?.mutability === 'readOnly' || attribute?.mutability === 'readOnly') {
    return repaired(draft.reading, 'C27', name);
  }
  const value = valueOf(draft, attribute, `${attributeName(parentPath)}.`, raw);
  if (value === undefined || draft.reading.refusal !== null) return;
  const holder = holderOf(draft, path.schema);
  const present = Object.hasOwn(holder, path.attribute) ? holder[path.attribute] : undefined;
  if (present !== undefined && !isObject(present)) return twice(draft.reading, name);
  if (present !== undefined && Object.hasOwn(present, sub)) return twice(draft.reading, name);
  const merged = (parent === null ? bareCopy({ ...present }) : { ...present }) as Record<
    string,
    Json
  >;
  merged[sub] = value;
  holder[path.attribute] = merged;
};

const deny = (reading: Reading, type: ResourceType, key: string): void =>
  refused(reading, 'attribute_denied', `${type.name} has no attribute ${quoted(key)}.`);

/**
 * The path of a member below an extension's URN. A colon in it would make the two together name an
 * attribute of another schema.
 */
export const resolveInside = (
  type: ResourceType,
  urn: string,
  key: string,
): AttributePath | null => {
  const path = key.includes(':') ? null : resolveName(type, `${urn}:${key}`);
  return path?.schema === undefined ? null : path;
};

/** The members of one extension given as an object below its URN. */
const putExtension = (draft: Draft, urn: string, raw: Json): void => {
  if (statedTwice(draft, urn) || raw === null) return;
  if (!isObject(raw)) {
    return refused(draft.reading, 'value_invalid', `${quoted(urn)} must be an object.`);
  }
  for (const key of Object.keys(raw)) {
    const path = resolveInside(draft.type, urn, key);
    if (path === null) return deny(draft.reading, draft.type, key);
    if (path.sub !== undefined) repaired(draft.reading, 'C6', attributeName(path));
    putFlattened(draft, path, raw[key] ?? null);
    if (draft.reading.refusal !== null) return;
  }
};

/**
 * The canonical URN if `key` with this value stands for a whole extension of the type, else null. An
 * unknown URN is one where it holds an object, for without a schema nothing else can tell.
 */
export const extensionOf = (type: ResourceType, key: string, value: Json): string | null => {
  if (!key.includes(':')) return null;
  const known = resolveExtension(type, key);
  if (known !== null || !isObject(value)) return known;
  const inside = resolveName(type, `${key}:x`);
  if (inside?.schema === undefined || inside.schema.length !== key.length) return null;
  return lookUp(type, inside) === null && resolveKnown(type, key) === null ? inside.schema : null;
};

/** `urn:…:enterprise:2.0:User:manager` is an attribute of a known extension, whatever it holds. */
const resolveKnown = (type: ResourceType, key: string): Attribute | null => {
  const path = resolveName(type, key);
  return path === null ? null : lookUp(type, path);
};

/** Is this the URN of the core schema itself? */
export const isCore = (type: ResourceType, key: string): boolean =>
  type.schema.id !== '' && key.toLowerCase() === type.schema.id.toLowerCase();

const putMembers = (draft: Draft, raw: JsonObject, nested: boolean): void => {
  const flattened: (readonly [AttributePath, Json])[] = [];
  const { type, reading } = draft;
  for (const key of Object.keys(raw)) {
    const value = raw[key] ?? null;
    if (key.toLowerCase() === 'schemas') continue;
    const urn = extensionOf(type, key, value);
    if (urn !== null) putExtension(draft, urn, value);
    else if (!nested && isCore(type, key) && isObject(value)) {
      repaired(reading, 'C37', type.schema.id);
      putMembers(draft, value, true);
    } else {
      const path = resolveName(type, key);
      if (path === null) return deny(reading, type, key);
      if (key.includes(':') && path.schema === undefined) {
        repaired(reading, 'C37', attributeName(path));
      }
      if (path.sub !== undefined || path.schema !== undefined) {
        repaired(reading, 'C6', attributeName(path));
        flattened.push([path, value]);
      } else putWhole(draft, path, value);
    }
    if (reading.refusal !== null) return;
  }
  for (const [path, value] of flattened) {
    putFlattened(draft, path, value);
    if (reading.refusal !== null) return;
  }
};

/** The member `schemas` in any letter case. */
const schemasOf = (raw: JsonObject): Json | undefined => {
  for (const key of Object.keys(raw)) if (key.toLowerCase() === 'schemas') return raw[key];
  return undefined;
};

const scim1 = 'urn:scim:schemas:';

/** C32: refuses what names a schema of SCIM 1.1, and says what to do. */
export const refuseScim1 = (schemas: readonly Json[], reading: Reading): void => {
  const old = schemas.some((urn) => typeof urn === 'string' && urn.toLowerCase().startsWith(scim1));
  if (!old) return;
  const detail = 'This is a SCIM 1.1 body; set the client to SCIM 2.0.';
  refused(reading, 'body_malformed', detail, { scimType: 'invalidVers' });
};

/** Checks the stated `schemas`; the URNs without repetition, in the order written. */
const readSchemas = (raw: JsonObject, draft: Draft): readonly string[] => {
  const { type, reading } = draft;
  const stated = schemasOf(raw);
  if (stated === undefined) return [];
  if (!Array.isArray(stated) || !stated.every((urn): urn is string => typeof urn === 'string')) {
    refused(reading, 'body_malformed', 'schemas must be an array of strings.');
    return [];
  }
  const byFolded = new Map(stated.map((urn) => [urn.toLowerCase(), urn]));
  refuseScim1(stated, reading);
  if (type.schema.id !== '' && !byFolded.has(type.schema.id.toLowerCase())) {
    refused(reading, 'body_malformed', `schemas must hold ${type.schema.id}.`);
  }
  return [...byFolded.values()];
};

/** `schemas` as the content wants it; C10 drops what brings no attribute and nobody knows. */
const rebuiltSchemas = (stated: readonly string[], draft: Draft): readonly string[] => {
  const { type, reading } = draft;
  const core = type.schema.id.toLowerCase();
  const urns = new Map<string, string>();
  if (core !== '') urns.set(core, type.schema.id);
  for (const urn of stated) {
    const folded = urn.toLowerCase();
    if (folded === core) continue;
    const known = resolveExtension(type, urn) ?? draft.extensions.get(folded)?.urn;
    if (known !== undefined) urns.set(folded, known);
    else if (core === '') urns.set(folded, urn);
    else repaired(reading, 'C10', 'schemas');
  }
  for (const [folded, { urn }] of draft.extensions) urns.set(folded, urn);
  return [...urns.values()];
};

/**
 * Reads a resource as a client or a target wrote it. Refuses with `attribute_denied` what the type
 * does not have, `value_invalid` what has the wrong JSON type or two primaries, `body_malformed`
 * wrong `schemas`, `request_suspicious` an attribute stated twice. Idempotent.
 */
export const canonicalResource = (
  raw: JsonObject,
  type: ResourceType,
  _hints: DialectHints,
): Readonly<{ resource: Resource; repairs: readonly Repair[] }> | Refusal => {
  const draft: Draft = {
    type,
    reading: newReading(),
    // Names of a type without a schema come from outside.
    core: type.schema.id === '' ? bareObject<Json>() : {},
    extensions: new Map(),
    stated: new Set(),
  };
  const { reading } = draft;
  const stated = readSchemas(raw, draft);
  if (reading.refusal === null) putMembers(draft, raw, false);
  if (reading.refusal !== null) return reading.refusal;
  for (const [folded, { values }] of draft.extensions) {
    if (Object.keys(values).length === 0) draft.extensions.delete(folded);
  }
  const schemas = rebuiltSchemas(stated, draft);
  const resource = draft.core;
  if (schemas.length > 0) resource['schemas'] = schemas;
  for (const { urn, values } of draft.extensions.values()) resource[urn] = values;
  return { resource, repairs: reading.repairs };
};
