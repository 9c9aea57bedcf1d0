/**
 * Small rewrites of values that clients write in a shape the schema does not have. Each looks at
 * the attribute's type only, so a string attribute that holds "True" keeps it.
 */
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { Attribute, AttributePath, Filter } from '../scim/schema-model.ts';
import type { RewrittenValue } from './quirk.ts';

const booleanWords: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
]);

/** C2, C8: `"True"`, `"false"` on a boolean attribute. */
export const booleanFromText = (value: Json, attribute: Attribute): RewrittenValue | null => {
  if (attribute.type !== 'boolean' || typeof value !== 'string' || value.length > 5) return null;
  const word = booleanWords.get(value.toLowerCase());
  return word === undefined ? null : { value: word };
};

/** C7: a complex attribute that refers to a resource, given as the bare id; `''` clears it. */
export const referenceFromText = (value: Json, attribute: Attribute): RewrittenValue | null => {
  if (attribute.type !== 'complex' || attribute.multiValued || typeof value !== 'string') {
    return null;
  }
  if (attribute.sub?.['value']?.type !== 'string') return null;
  return { value: value === '' ? undefined : { value } };
};

/** C18: one value wrapped in an array, or a scalar wrapped as `{"$ref":null,"value":…}`. */
export const unwrapped = (value: Json, attribute: Attribute): RewrittenValue | null => {
  if (isArray(value)) return value.length === 1 ? { value: value[0] ?? undefined } : null;
  if (attribute.type === 'complex' || !isObject(value)) return null;
  for (const name of Object.keys(value)) {
    if (name.toLowerCase() !== 'value' && value[name] !== null) return null;
  }
  return Object.hasOwn(value, 'value') ? { value: value['value'] ?? undefined } : null;
};

const equals = (path: AttributePath, value: string | number | boolean): Filter => ({
  kind: 'compare',
  path,
  operator: 'eq',
  value,
});

const isScalar = (value: Json | undefined): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

/** By lower-cased name, own scalar members only. */
const scalarMember = (element: JsonObject, name: string): string | number | boolean | undefined => {
  for (const key of Object.keys(element)) {
    const value = element[key];
    if (key.toLowerCase() === name && isScalar(value)) return value;
  }
  return undefined;
};

/**
 * The filter that finds exactly the element a client describes, or null where it describes none.
 * Elements that refer to resources are found by `value` alone: clients know their ids and guess the
 * rest (C25). Others also by `type`, so that a remove never takes more than what was named.
 */
const elementFilter = (element: Json, attribute: Attribute): Filter | null => {
  if (element === '') return null;
  if (typeof element === 'string') return equals({ attribute: 'value' }, element);
  if (!isObject(element)) return null;
  const value = scalarMember(element, 'value');
  if (value === '' || (value !== undefined && typeof value !== 'string')) return null;
  const type = scalarMember(element, 'type');
  if (value !== undefined) {
    const byValue = equals({ attribute: 'value' }, value);
    if (type === undefined || attribute.sub?.['$ref'] !== undefined) return byValue;
    return { kind: 'and', terms: [byValue, equals({ attribute: 'type' }, type)] };
  }
  const terms: Filter[] = [];
  for (const sub of Object.values(attribute.sub ?? {})) {
    const stated = scalarMember(element, sub.name.toLowerCase());
    if (stated !== undefined) terms.push(equals({ attribute: sub.name }, stated));
  }
  if (terms.length === 0) return null;
  return terms.length === 1 ? (terms[0] as Filter) : { kind: 'and', terms };
};

/** C3: as removedElements, where the elements refer to resources (members). */
export const removedReferences = (value: Json, attribute: Attribute): readonly Filter[] | null =>
  attribute.sub?.['$ref'] === undefined ? null : removedElements(value, attribute);

/**
 * C3, C29: the `value` of a `remove` on a multi-valued attribute names the elements to take out. An
 * empty array names none. Null where an element cannot be told: then the remove is refused, never
 * widened to all elements.
 */
export const removedElements = (value: Json, attribute: Attribute): readonly Filter[] | null => {
  const filters: Filter[] = [];
  for (const element of isArray(value) ? value : [value]) {
    const filter = elementFilter(element, attribute);
    if (filter === null) return null;
    filters.push(filter);
  }
  return filters;
};
