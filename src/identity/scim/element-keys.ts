/**
 * By what an element of a multi-valued attribute is told from its neighbours: its `value`, folded as
 * RFC 7643 compares it (C25), or another sub-attribute that a filter names. For drafts (elements.ts)
 * and diffs (diff.ts), which look for few elements among ten thousand.
 */
import { isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import { foldedString, foldedText } from './equality.ts';
import type { Attribute, Filter } from './schema-model.ts';

/** What precedes the key of an element without a `value`; no value begins with it. */
const keyless = '\u0000';

/** How keys of elements under one sub-attribute are read: resolved once, for a group has 10,000. */
export type Keys = Readonly<{
  attribute: Attribute | null;
  sub: string;
  /** Compared as it is written, as ids are. */
  exact: boolean;
}>;

export const keysUnder = (attribute: Attribute | null, sub: string): Keys => ({
  attribute,
  sub,
  exact: (attribute?.sub?.[sub.toLowerCase()] ?? attribute)?.caseExact !== false,
});

const keyTables = new WeakMap<Attribute, Keys>();

/** How keys under `value` are read. */
export const valueKeys = (attribute: Attribute): Keys => {
  let keys = keyTables.get(attribute);
  if (keys === undefined) {
    keys = keysUnder(attribute, 'value');
    keyTables.set(attribute, keys);
  }
  return keys;
};

/** A sub-attribute of an element, folded as it compares, or null where the element has no such text. */
const subKey = (element: Json, { sub, exact }: Keys): string | null => {
  const value = isObject(element) ? element[sub] : sub === 'value' ? element : undefined;
  if (typeof value !== 'string') return null;
  return exact ? value : value.toLowerCase();
};

/** The `value` of an element, folded as it compares, or null where it has none. */
export const valueKey = (element: Json, attribute: Attribute): string | null =>
  subKey(element, valueKeys(attribute));

/** The key of an element under one sub-attribute; under `value` every element has one. */
export const elementKey = (element: Json, keys: Keys): string | null => {
  const { attribute, sub } = keys;
  const key = attribute === null ? null : subKey(element, keys);
  return key === null && sub === 'value' ? keyless + foldedText(element, attribute) : key;
};

/** What an index is kept for: the name of a sub-attribute and the text it must have. */
type Literal = Readonly<{ sub: string; text: string }>;

/** An equality without which the filter cannot match, on `value` if there is one; null = none. */
export const literalOf = (filter: Filter, attribute: Attribute): Literal | null => {
  if (filter.kind === 'and') {
    let found: Literal | null = null;
    for (const term of filter.terms) {
      const literal = literalOf(term, attribute);
      if (literal?.sub === 'value') return literal;
      found ??= literal;
    }
    return found;
  }
  if (filter.kind !== 'compare' || filter.operator !== 'eq') return null;
  const { path, value } = filter;
  if (typeof value !== 'string' || path.sub !== undefined) return null;
  const sub = attribute.sub?.[path.attribute.toLowerCase()];
  if (sub === undefined || sub.multiValued || sub.type === 'dateTime') return null;
  return { sub: sub.name, text: foldedString(value, sub) };
};

/** Positions of one key, looked at one by one; exact values, ids above all, are compared in place. */
export const scanItems = (
  items: readonly (Json | undefined)[],
  keys: Keys,
  key: string,
  from = 0,
  to = items.length,
): number[] => {
  const found: number[] = [];
  if (keys.attribute !== null && keys.exact && keys.sub === 'value' && !key.startsWith(keyless)) {
    // Ids differ at their end more than anywhere: one character spares most whole comparisons.
    const last = key.length - 1;
    const code = key.charCodeAt(last);
    for (let at = from; at < to; at += 1) {
      const element = items[at];
      const object = typeof element === 'object' && element !== null;
      const value = object ? (element as JsonObject)['value'] : element;
      if (typeof value !== 'string' || value.length !== key.length) continue;
      if ((last < 0 || value.charCodeAt(last) === code) && value === key) found.push(at);
    }
    return found;
  }
  for (let at = from; at < to; at += 1) {
    const element = items[at];
    if (element !== undefined && elementKey(element, keys) === key) found.push(at);
  }
  return found;
};

/** Keys up to which each is scanned for, which is faster than reading every key. */
const fewKeys = 2;

/** Has an element between `from` and `to`, `except` some, one of these values? */
export const hasValue = (
  elements: readonly Json[],
  attribute: Attribute,
  values: ReadonlySet<string>,
  [from, to]: readonly [from: number, to: number],
  except?: ReadonlySet<number>,
): boolean => {
  const keys = valueKeys(attribute);
  if (values.size <= fewKeys) {
    return [...values].some((value) =>
      scanItems(elements, keys, value, from, to).some((at) => except?.has(at) !== true),
    );
  }
  for (let at = from; at < to; at += 1) {
    const key = subKey(elements[at] as Json, keys);
    if (key !== null && values.has(key) && except?.has(at) !== true) return true;
  }
  return false;
};
