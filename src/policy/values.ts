/**
 * Reads canonical resources for policy, which must not import the engines of identity: members, paths in
 * rule spelling, the texts below them. Names of extensions nobody declared keep the spelling of whoever
 * wrote them, so they are found in any letter case.
 */
import type { Json, JsonObject } from '../identity/json-value.ts';
import type { AttributeName } from '../identity/operation.ts';
import type { AttributePath, Resource } from '../identity/scim/schema-model.ts';

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isArray = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

/** An own member by its name, exactly spelled. */
export const own = (object: JsonObject, name: string): Json | undefined =>
  Object.hasOwn(object, name) ? object[name] : undefined;

/** The same in any letter case. */
const member = (object: JsonObject, name: string): Json | undefined => {
  if (Object.hasOwn(object, name)) return object[name];
  const folded = name.toLowerCase();
  const key = Object.keys(object).find((each) => each.toLowerCase() === folded);
  return key === undefined ? undefined : object[key];
};

/** Sameness of JSON values; the order of members does not matter, that of elements does. */
export const equal = (one: Json | undefined, other: Json | undefined): boolean => {
  if (one === other) return true;
  if (isArray(one) && isArray(other)) {
    return one.length === other.length && one.every((each, at) => equal(each, other[at]));
  }
  if (!isObject(one) || !isObject(other)) return false;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && equal(one[name], other[name]))
  );
};

/** Is there anything to it? Null, '' and what holds nothing but such are not (RFC 7643 §2.5). */
export const hasValue = (value: Json | undefined): boolean => {
  if (value === undefined || value === null || value === '') return false;
  if (isArray(value)) return value.some(hasValue);
  return isObject(value) ? Object.keys(value).some((name) => hasValue(value[name])) : true;
};

/** `name.givenName`, `urn:…:User:manager.value`: the parts of a name in rule spelling. */
export const pathOfName = (name: AttributeName): AttributePath => {
  const colon = name.toLowerCase().startsWith('urn:') ? name.lastIndexOf(':') : -1;
  const dot = name.indexOf('.', colon + 1);
  const attribute = dot < 0 ? name.slice(colon + 1) : name.slice(colon + 1, dot);
  return {
    ...(colon < 0 ? {} : { schema: name.slice(0, colon) }),
    attribute,
    ...(dot < 0 ? {} : { sub: name.slice(dot + 1) }),
  };
};

/** The value of a whole attribute. */
export const valueOf = (
  resource: Resource,
  { schema, attribute }: Pick<AttributePath, 'schema' | 'attribute'>,
): Json | undefined => {
  if (schema === undefined) return member(resource, attribute);
  const extension = member(resource, schema);
  return isObject(extension) ? member(extension, attribute) : undefined;
};

/** Every text a path reaches, of each element; of a complex value without `sub` its `value`. */
export const textsAt = (resource: Resource, path: AttributePath): readonly string[] => {
  const value = valueOf(resource, path);
  const texts: string[] = [];
  for (const each of isArray(value) ? value : [value]) {
    const leaf = isObject(each) ? member(each, path.sub ?? 'value') : each;
    if (typeof leaf === 'string') texts.push(leaf);
  }
  return texts;
};

/** The displayName of a group; null where it has none. */
export const displayNameOf = (resource: Resource | null): string | null => {
  const name = resource === null ? undefined : member(resource, 'displayName');
  return typeof name === 'string' ? name : null;
};

/** Ids of a group's members, each once. */
export const memberIdsOf = (resource: Resource): ReadonlySet<string> =>
  new Set(textsAt(resource, { attribute: 'members', sub: 'value' }));
