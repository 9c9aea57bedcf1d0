/**
 * How an element of a multi-valued attribute is told from its neighbours (by `value`, C25), which
 * element a filter describes (C5), and a draft of one attribute's elements that changes are applied
 * to: a few look-ups scan, more build an index, and the original array is never touched.
 */
import { isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import { foldedString, foldedText, refersToResources, sameJson } from './equality.ts';
import { matchesElement } from './evaluate.ts';
import type { Attribute, Filter } from './schema-model.ts';

/** What precedes the key of an element without a `value`; no value begins with it. */
const keyless = '\u0000';

/** A sub-attribute of an element, folded as it compares, or null where the element has no such text. */
const subKey = (element: Json, attribute: Attribute, sub: string): string | null => {
  const value = isObject(element) ? element[sub] : sub === 'value' ? element : undefined;
  if (typeof value !== 'string') return null;
  return foldedString(value, attribute.sub?.[sub.toLowerCase()] ?? attribute);
};

/** The `value` of an element, folded as it compares, or null where it has none. */
export const valueKey = (element: Json, attribute: Attribute): string | null =>
  subKey(element, attribute, 'value');

/** The key of an element under one sub-attribute; under `value` every element has one. */
const elementKey = (element: Json, attribute: Attribute | null, sub: string): string | null => {
  const key = attribute === null ? null : subKey(element, attribute, sub);
  return key === null && sub === 'value' ? keyless + foldedText(element, attribute) : key;
};

/** What an index is kept for: the name of a sub-attribute and the text it must have. */
type Literal = Readonly<{ sub: string; text: string }>;

/** An equality without which the filter cannot match, on `value` if there is one; null = none. */
const literalOf = (filter: Filter, attribute: Attribute): Literal | null => {
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

/**
 * C5: the element a filter of equalities describes, `{type: "work"}` for `[type eq "work"]`, or null.
 * A filter on `value` describes none: making a member out of an update would be a grant.
 */
export const elementFromFilter = (filter: Filter, attribute: Attribute): JsonObject | null => {
  if (refersToResources(attribute)) return null;
  const out: Record<string, Json> = {};
  for (const term of filter.kind === 'and' ? filter.terms : [filter]) {
    if (term.kind !== 'compare' || term.operator !== 'eq' || term.value === null) return null;
    const sub = attribute.sub?.[term.path.attribute.toLowerCase()];
    if (sub === undefined || sub.name === 'value' || Object.hasOwn(out, sub.name)) return null;
    out[sub.name] = term.value;
  }
  return out;
};

/** Look-ups that scan before an index is built: building one costs about as much. */
const scansMax = 8;

/**
 * Looks at elements that no index spares, for one list of changes: a thousand
 * operations on ten thousand elements would hold the process for seconds.
 */
export type Budget = { left: number };

/** What a Budget begins with: about 12 ms. */
export const elementTestsMax = 50_000;

/** A draft of one multi-valued attribute. Methods that change tell whether anything did change. */
export type ElementDraft = Readonly<{
  /** RFC 7644 §3.5.2.1: an element that exists already is at most completed. */
  add(element: Json): boolean;
  replaceAll(elements: readonly Json[]): boolean;
  removeMatching(filter: Filter): boolean;
  /**
   * Puts `change(element)` in place of each match; undefined or an empty object removes it. `null`
   * where nothing matched.
   */
  updateMatching(filter: Filter, change: (element: JsonObject) => JsonObject): boolean | null;
  /** The elements now; the very array that came in where nothing changed; undefined where none. */
  finish(): readonly Json[] | undefined;
}>;

const isPrimary = (element: Json | undefined): element is JsonObject =>
  isObject(element) && element['primary'] === true;

/** May the two, of one value, be the same element? Types that differ make two (RFC 7643 §2.4). */
const sameType = ({ type: left }: JsonObject, { type: right }: JsonObject): boolean => {
  if (typeof left !== 'string' || typeof right !== 'string') return true;
  return left === right || left.toLowerCase() === right.toLowerCase();
};

/** `present` completed by `stated`; the value keeps its spelling. */
const completed = (present: JsonObject, stated: JsonObject): JsonObject => {
  const merged: Record<string, Json | undefined> = { ...present, ...stated };
  if (present['value'] !== undefined) merged['value'] = present['value'];
  return merged;
};

type Index = Map<string, number | number[]>;

type State = {
  readonly budget: Budget;
  readonly attribute: Attribute | null;
  readonly original: readonly Json[];
  /** Holes are removed elements. */
  items: (Json | undefined)[];
  /** Positions of the holes. */
  holes: number[];
  owned: boolean;
  scans: number;
  /** By name of the sub-attribute. */
  readonly indexes: Map<string, Index>;
  /** Position of the one primary element; -1 none; null not known. */
  primaryAt: number | null;
};

const own = (state: State): (Json | undefined)[] => {
  if (!state.owned) {
    state.items = state.original.slice();
    state.owned = true;
  }
  return state.items;
};

const enter = (index: Index, key: string, at: number): void => {
  const present = index.get(key);
  if (present === undefined) index.set(key, at);
  else if (typeof present === 'number') index.set(key, [present, at]);
  else if (present.at(-1) !== at) present.push(at);
};

const buildIndex = ({ items, attribute }: State, sub: string): Index => {
  const index: Index = new Map();
  for (const [at, element] of items.entries()) {
    const key = element === undefined ? null : elementKey(element, attribute, sub);
    if (key !== null) enter(index, key, at);
  }
  return index;
};

/**
 * Positions of one key between `from` and `to`. Exact values, ids above all, are compared in place:
 * a group has ten thousand of them.
 */
export const scanElements = (
  items: readonly (Json | undefined)[],
  attribute: Attribute | null,
  key: string,
  from = 0,
  to = items.length,
  sub = 'value',
): number[] => {
  const found: number[] = [];
  const exact = attribute !== null && (attribute.sub?.['value'] ?? attribute).caseExact;
  if (exact && sub === 'value' && !key.startsWith(keyless)) {
    for (let at = from; at < to; at += 1) {
      const element = items[at];
      const object = typeof element === 'object' && element !== null;
      if ((object ? (element as JsonObject)['value'] : element) === key) found.push(at);
    }
    return found;
  }
  for (let at = from; at < to; at += 1) {
    const element = items[at];
    if (element !== undefined && elementKey(element, attribute, sub) === key) found.push(at);
  }
  return found;
};

/** Where the elements of that key stand, in order. */
const positions = (state: State, sub: string, key: string): readonly number[] => {
  const { items, attribute, indexes } = state;
  let index = indexes.get(sub);
  if (index === undefined) {
    state.scans += 1;
    if (state.scans <= scansMax) return scanElements(items, attribute, key, 0, items.length, sub);
    index = buildIndex(state, sub);
    indexes.set(sub, index);
  }
  const found = index.get(key);
  if (found === undefined) return [];
  // One value a thousand times over would make each look-up a scan again.
  if (typeof found !== 'number') state.budget.left -= found.length;
  if (state.budget.left < 0) return [];
  // Entries of elements that were removed or changed since stay in the index.
  return (typeof found === 'number' ? [found] : found).filter((at) => {
    const element = items[at];
    return element !== undefined && elementKey(element, attribute, sub) === key;
  });
};

const matching = (state: State, filter: Filter): readonly number[] => {
  const { attribute, items, budget } = state;
  const literal = attribute === null ? null : literalOf(filter, attribute);
  const candidates = literal === null ? items.keys() : positions(state, literal.sub, literal.text);
  if (literal !== null && filter.kind === 'compare') return candidates as readonly number[];
  const found: number[] = [];
  for (const at of candidates) {
    const element = items[at];
    if (element === undefined) continue;
    budget.left -= 1;
    if (budget.left < 0) return [];
    if (matchesElement(filter, element, attribute)) found.push(at);
  }
  return found;
};

/** RFC 7644 §3.5.2: a new primary element makes all others not primary. */
const clearOthers = (state: State, primary: number): void => {
  const items = own(state);
  const others = state.primaryAt === null ? items.keys() : [state.primaryAt];
  for (const at of others) {
    const element = items[at];
    if (at !== primary && isPrimary(element)) items[at] = { ...element, primary: false };
  }
  state.primaryAt = primary;
};

const put = (state: State, at: number, element: Json): void => {
  own(state)[at] = element;
  for (const [sub, index] of state.indexes) {
    const key = elementKey(element, state.attribute, sub);
    if (key !== null) enter(index, key, at);
  }
  if (isPrimary(element)) clearOthers(state, at);
};

const add = (state: State, element: Json): boolean => {
  const { attribute } = state;
  for (const at of positions(state, 'value', elementKey(element, attribute, 'value') ?? '')) {
    const present = state.items[at];
    if (!isObject(present) || !isObject(element) || refersToResources(attribute)) return false;
    if (!sameType(present, element)) continue;
    const merged = completed(present, element);
    if (sameJson(merged, present)) return false;
    put(state, at, merged);
    return true;
  }
  put(state, own(state).length, element);
  return true;
};

const dig = (state: State, at: number): void => {
  own(state)[at] = undefined;
  state.holes.push(at);
};

/** Holes that are closed one by one, which moves memory and looks at nothing. */
const fewHoles = 16;

const withoutHoles = (items: readonly (Json | undefined)[], holes: readonly number[]): Json[] => {
  if (holes.length > fewHoles) return items.filter((element) => element !== undefined);
  const kept = items.slice();
  for (const at of holes.toSorted((left, right) => right - left)) kept.splice(at, 1);
  return kept as Json[];
};

const finish = ({ original, items, holes, owned }: State): readonly Json[] | undefined => {
  if (!owned) return original.length === 0 ? undefined : original;
  const kept = withoutHoles(items, holes);
  return kept.length === 0 ? undefined : kept;
};

const replaceAll = (state: State, elements: readonly Json[]): boolean => {
  const present = finish(state) ?? [];
  if (present.length === elements.length) {
    if (sameJson(present, elements)) return false;
    const count = elements.length;
    const had = new Set(present.map((element) => JSON.stringify(element)));
    const stated = new Set(elements.map((element) => JSON.stringify(element)));
    if (had.size === count && stated.size === count && [...stated].every((text) => had.has(text)))
      return false;
  }
  state.items = elements.slice();
  state.holes = [];
  state.owned = true;
  state.indexes.clear();
  state.scans = 0;
  state.primaryAt = null;
  return true;
};

/**
 * Begins a draft of `elements`; `attribute` null = nobody gave it a meaning. Once `budget` is spent
 * filters match nothing; whoever gave it must refuse then.
 */
export const draftElements = (
  elements: readonly Json[],
  attribute: Attribute | null,
  budget: Budget,
): ElementDraft => {
  const state: State = {
    budget,
    attribute,
    original: elements,
    items: elements as (Json | undefined)[],
    holes: [],
    owned: false,
    scans: 0,
    indexes: new Map(),
    primaryAt: null,
  };
  return {
    add: (element) => add(state, element),
    replaceAll: (replacement) => replaceAll(state, replacement),
    removeMatching: (filter) => {
      const found = matching(state, filter);
      for (const at of found) dig(state, at);
      return found.length > 0;
    },
    updateMatching: (filter, change) => {
      const found = matching(state, filter);
      let changed = false;
      for (const at of found) {
        const present = state.items[at];
        if (!isObject(present)) continue;
        const next = change(present);
        if (sameJson(next, present)) continue;
        changed = true;
        if (Object.keys(next).length === 0) dig(state, at);
        else put(state, at, next);
      }
      return found.length === 0 ? null : changed;
    },
    finish: () => finish(state),
  };
};
