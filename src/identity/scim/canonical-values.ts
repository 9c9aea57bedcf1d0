/**
 * One value of one attribute in canonical form: schema spelling of names, the schema's JSON types,
 * nothing that is unassigned (RFC 7643 §2.5), nothing read-only. What does not fit is offered to
 * the dialect table, then refused. Used by whole resources and by changes alike, so both judge the
 * same value.
 */
import { roleFromText } from '../dialects/role-text.ts';
import { rewriteValue } from '../dialects/table.ts';
import { bareObject, isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import { quoted, refused, repaired } from './reading.ts';
import type { Reading } from './reading.ts';
import type { Attribute, AttributeType } from './schema-model.ts';

/** Deepest nesting of values that no schema describes. */
const plainDepthMax = 32;

/** ATTRNAME of RFC 7643 §2.1, with the `$` of `$ref`. */
const namePattern = /^[A-Za-z$][-_A-Za-z0-9$]{0,127}$/;

/** May this be the name of an attribute that no schema describes? */
export const isAttributeName = (name: string): boolean => namePattern.test(name);

type Fit = Readonly<{ fits: (value: Json) => boolean; wanted: string }>;
const isText = (value: Json): boolean => typeof value === 'string';

const fits: Readonly<Record<AttributeType, Fit>> = Object.freeze({
  string: { fits: isText, wanted: 'a string' },
  dateTime: { fits: isText, wanted: 'a date and time as a string' },
  reference: { fits: isText, wanted: 'a URI as a string' },
  binary: { fits: isText, wanted: 'a base64 string' },
  boolean: { fits: (value) => typeof value === 'boolean', wanted: 'true or false' },
  integer: { fits: Number.isSafeInteger, wanted: 'an integer' },
  decimal: { fits: Number.isFinite, wanted: 'a number' },
  complex: { fits: isObject, wanted: 'an object' },
} satisfies Record<AttributeType, Fit>);

/** How often one value may be rewritten: `[""]` for manager needs two. */
const rewritesMax = 3;

/** Where a value stands. `prefix` ends with its separator: ``, `name.`, `urn:…:User:`. */
export type Place = Readonly<{
  reading: Reading;
  prefix: string;
  /** May one element stand for an array of one (RFC 7644 §3.5.2)? Only in changes. */
  wrap: boolean;
  /** Called for sub-attributes explicitly set to null. */
  cleared?: (sub: Attribute) => void;
  /** Called where elements came as text that says nothing about the others (C9). */
  partial?: () => void;
}>;

/** Canonical value of `attribute`, or undefined: unassigned, or refused in `place.reading`. */
export const canonicalValue = (
  raw: Json | undefined,
  attribute: Attribute,
  place: Place,
): Json | undefined => {
  if (raw === null || raw === undefined) return undefined;
  return attribute.multiValued
    ? canonicalList(raw, attribute, place)
    : canonicalSingle(raw, attribute, place);
};

/** C9: an element that is JSON text, as the element it means; undefined = refused. */
const readText = (raw: Json, attribute: Attribute, place: Place): Json | undefined => {
  const read = roleFromText(raw, attribute);
  if (read === null) return raw;
  const path = place.prefix + attribute.name;
  if (read === 'malformed') {
    refused(place.reading, 'value_invalid', `${path} holds JSON text that is no plain role.`);
    return undefined;
  }
  repaired(place.reading, 'C9', path);
  place.partial?.();
  return read.role;
};

/** As canonicalValue, for one element of a multi-valued attribute or one single value. */
export const canonicalSingle = (
  raw: Json,
  attribute: Attribute,
  place: Place,
): Json | undefined => {
  const { fits: fit, wanted } = fits[attribute.type];
  const read = readText(raw, attribute, place);
  if (read === undefined) return undefined;
  let value = read;
  for (let round = 0; !fit(value); round += 1) {
    if (isArray(value) && value.length === 0) return undefined;
    const rewritten = round < rewritesMax ? rewriteValue(value, attribute) : null;
    if (rewritten === null) {
      const detail = `${place.prefix}${attribute.name} must be ${wanted}.`;
      refused(place.reading, 'value_invalid', detail);
      return undefined;
    }
    repaired(place.reading, rewritten.row, place.prefix + attribute.name);
    if (rewritten.value === undefined || rewritten.value === null) return undefined;
    value = rewritten.value;
  }
  return attribute.type === 'complex'
    ? canonicalComplex(value as JsonObject, attribute, place)
    : value;
};

const canonicalList = (raw: Json, attribute: Attribute, place: Place): Json | undefined => {
  const path = place.prefix + attribute.name;
  if (!isArray(raw) && !place.wrap) {
    refused(place.reading, 'value_invalid', `${path} must be an array.`);
    return undefined;
  }
  const out: Json[] = [];
  let primaries = 0;
  for (const element of isArray(raw) ? raw : [raw]) {
    if (element === null) continue;
    const value = canonicalSingle(element, attribute, place);
    if (place.reading.refusal !== null) return undefined;
    if (value === undefined) continue;
    if (isObject(value) && value['primary'] === true) primaries += 1;
    out.push(value);
  }
  if (primaries > 1) {
    // RFC 7643 §2.4: the value true MUST appear no more than once.
    refused(place.reading, 'value_invalid', `Only one element of ${path} may be primary.`);
    return undefined;
  }
  return out.length === 0 ? undefined : out;
};

const canonicalComplex = (
  raw: JsonObject,
  attribute: Attribute,
  place: Place,
): JsonObject | undefined => {
  const { reading } = place;
  if (attribute.sub === undefined) return plainValue(raw, place.reading, 1) as JsonObject;
  const inner: Place = { reading, prefix: `${place.prefix}${attribute.name}.`, wrap: false };
  const out: Record<string, Json> = {};
  let assigned = false;
  for (const key of Object.keys(raw)) {
    const sub = attribute.sub[key.toLowerCase()];
    if (sub === undefined) {
      const detail = `${place.prefix}${attribute.name} has no ${quoted(key)}.`;
      refused(reading, 'attribute_denied', detail);
      return undefined;
    }
    if (Object.hasOwn(out, sub.name)) {
      twice(reading, inner.prefix + sub.name);
      return undefined;
    }
    const given = raw[key];
    if (sub.mutability === 'readOnly') {
      repaired(reading, 'C27', inner.prefix + sub.name);
      continue;
    }
    if (given === null) {
      if (sub.name === '$ref') repaired(reading, 'C4', inner.prefix + sub.name);
      else place.cleared?.(sub);
      continue;
    }
    const value = canonicalValue(given, sub, inner);
    if (reading.refusal !== null) return undefined;
    if (value === undefined) continue;
    out[sub.name] = value;
    assigned = true;
  }
  return assigned ? out : undefined;
};

/** Refuses an attribute stated twice under names that mean the same. */
export const twice = (reading: Reading, path: string): void =>
  refused(reading, 'request_suspicious', `${path} is stated twice, in different spellings.`);

/**
 * A value that no schema describes: kept as it is, but for what is unassigned. Its names are
 * checked, and its objects have no prototype.
 */
export const plainValue = (
  raw: Json | undefined,
  reading: Reading,
  depth: number,
): Json | undefined => {
  if (raw === null || raw === undefined) return undefined;
  if (typeof raw !== 'object') return raw;
  if (depth > plainDepthMax) {
    refused(reading, 'body_malformed', `Values may be nested ${plainDepthMax} deep at most.`);
    return undefined;
  }
  if (isArray(raw)) {
    const out: Json[] = [];
    for (const element of raw) {
      const value = plainValue(element, reading, depth + 1);
      if (value !== undefined) out.push(value);
    }
    return out.length === 0 ? undefined : out;
  }
  return plainObject(raw, reading, depth);
};

const plainObject = (raw: JsonObject, reading: Reading, depth: number): JsonObject | undefined => {
  const out = bareObject<Json>();
  const names = new Set<string>();
  let assigned = false;
  for (const key of Object.keys(raw)) {
    if (!isAttributeName(key)) {
      refused(reading, 'body_malformed', `${quoted(key)} is not an attribute name.`);
      return undefined;
    }
    const folded = key.toLowerCase();
    if (names.has(folded)) {
      twice(reading, quoted(key));
      return undefined;
    }
    names.add(folded);
    const value = plainValue(raw[key], reading, depth + 1);
    if (value === undefined) continue;
    out[key] = value;
    assigned = true;
  }
  return assigned ? out : undefined;
};
