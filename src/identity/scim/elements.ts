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

/** The `value` of an element, folded as the attribute compares it, or null where it has none. */
export const valueKey = (element: Json, attribute: Attribute): string | null => {
  const value = isObject(element) ? element['value'] : element;
  if (typeof value !== 'string') return null;
  return foldedString(value, attribute.sub?.['value'] ?? attribute);
};

const elementKey = (element: Json, attribute: Attribute | null): string =>
  (attribute === null ? null : valueKey(element, attribute)) ??
  keyless + foldedText(element, attribute);

/** The text that `value` must equal for the filter to match, or null where there is none. */
const valueLiteral = (filter: Filter): string | null => {
  if (filter.kind === 'and') {
    for (const term of filter.terms) {
      const literal = valueLiteral(term);
      if (literal !== null) return literal;
    }
  }
  if (filter.kind !== 'compare' || filter.operator !== 'eq') return null;
  if (filter.path.attribute !== 'value' || filter.path.sub !== undefined) return null;
  return typeof filter.value === 'string' ? filter.value : null;
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
const sameType = (left: JsonObject, right: JsonObject): boolean =>
  left['type'] === undefined ||
  right['type'] === undefined ||
  foldedText(left['type'], null).toLowerCase() === foldedText(right['type'], null).toLowerCase();

/** `present` completed by `stated`; the value keeps its spelling. */
const completed = (present: JsonObject, stated: JsonObject): JsonObject => {
  const merged: Record<string, Json | undefined> = { ...present, ...stated };
  if (present['value'] !== undefined) merged['value'] = present['value'];
  return merged;
};

type State = {
  readonly attribute: Attribute | null;
  readonly original: readonly Json[];
  /** Holes are removed elements. */
  items: (Json | undefined)[];
  /** Positions of the holes. */
  holes: number[];
  owned: boolean;
  scans: number;
  index: Map<string, number | number[]> | null;
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

const enter = (index: Map<string, number | number[]>, key: string, at: number): void => {
  const present = index.get(key);
  if (present === undefined) index.set(key, at);
  else if (typeof present === 'number') index.set(key, [present, at]);
  else present.push(at);
};

const buildIndex = ({ items, attribute }: State): Map<string, number | number[]> => {
  const index = new Map<string, number | number[]>();
  for (const [at, element] of items.entries()) {
    if (element !== undefined) enter(index, elementKey(element, attribute), at);
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
): number[] => {
  const found: number[] = [];
  const exact = attribute !== null && (attribute.sub?.['value'] ?? attribute).caseExact;
  if (exact && !key.startsWith(keyless)) {
    for (let at = from; at < to; at += 1) {
      const element = items[at];
      const object = typeof element === 'object' && element !== null;
      if ((object ? (element as JsonObject)['value'] : element) === key) found.push(at);
    }
    return found;
  }
  for (let at = from; at < to; at += 1) {
    const element = items[at];
    if (element !== undefined && elementKey(element, attribute) === key) found.push(at);
  }
  return found;
};

/** Where the elements of that key stand. */
const positions = (state: State, key: string): readonly number[] => {
  if (state.index === null) {
    state.scans += 1;
    if (state.scans <= scansMax) return scanElements(state.items, state.attribute, key);
    state.index = buildIndex(state);
  }
  const found = state.index.get(key);
  if (found === undefined) return [];
  // Entries of elements that were removed or changed since stay in the index.
  return (typeof found === 'number' ? [found] : found).filter((at) => {
    const element = state.items[at];
    return element !== undefined && elementKey(element, state.attribute) === key;
  });
};

const matching = (state: State, filter: Filter): readonly number[] => {
  const { attribute } = state;
  const literal = attribute === null ? null : valueLiteral(filter);
  if (literal !== null && attribute !== null) {
    const key = foldedString(literal, attribute.sub?.['value'] ?? attribute);
    const candidates = positions(state, key);
    if (filter.kind === 'compare') return candidates;
    return candidates.filter((at) => matchesElement(filter, state.items[at] as Json, attribute));
  }
  const found: number[] = [];
  for (const [at, element] of state.items.entries()) {
    if (element !== undefined && matchesElement(filter, element, attribute)) found.push(at);
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
  if (state.index !== null) enter(state.index, elementKey(element, state.attribute), at);
  if (isPrimary(element)) clearOthers(state, at);
};

const add = (state: State, element: Json): boolean => {
  const { attribute } = state;
  for (const at of positions(state, elementKey(element, attribute))) {
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
    const texts = new Set(present.map((element) => JSON.stringify(element)));
    const same = elements.every((element) => texts.has(JSON.stringify(element)));
    if (same && texts.size === elements.length) return false;
  }
  state.items = elements.slice();
  state.holes = [];
  state.owned = true;
  state.index = null;
  state.scans = 0;
  state.primaryAt = null;
  return true;
};

/** Begins a draft of `elements`; `attribute` null = nobody gave it a meaning. */
export const draftElements = (
  elements: readonly Json[],
  attribute: Attribute | null,
): ElementDraft => {
  const state: State = {
    attribute,
    original: elements,
    items: elements as (Json | undefined)[],
    holes: [],
    owned: false,
    scans: 0,
    index: null,
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
