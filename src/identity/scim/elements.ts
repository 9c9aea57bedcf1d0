/**
 * The element a filter describes (C5), and a draft of one attribute's elements that changes are applied
 * to: a few look-ups scan, more build an index, and the original array is never touched. It knows
 * afterwards what it changed.
 */
import { isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import {
  elementKey,
  hasValue,
  keysUnder,
  literalOf,
  scanItems,
  valueKeys,
} from './element-keys.ts';
import type { Keys } from './element-keys.ts';
import { refersToResources, sameJson } from './equality.ts';
import { matchesElement } from './evaluate.ts';
import type { Attribute, Filter } from './schema-model.ts';

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

/** Where two lists part: what only the first has, what only the second has, each in its order. */
export type Parted = Readonly<{
  gone: readonly Json[];
  come: readonly Json[];
  /** Has an element that both share one of these values, folded as `valueKey` answers them? */
  shares(values: ReadonlySet<string>): boolean;
}>;

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
  /** What was changed; null where it is not known element by element. */
  parted(): Parted | null;
  /** Ends the draft. The elements now; the very array that came in where nothing changed; undefined where none. */
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

/** Positions of elements by their key, under one sub-attribute. */
type Index = Readonly<{ keys: Keys; at: Map<string, number | number[]> }>;

type State = {
  readonly budget: Budget;
  readonly attribute: Attribute | null;
  readonly keys: Keys;
  readonly original: readonly Json[];
  /** Holes are removed elements. */
  items: (Json | undefined)[];
  /** Positions of the holes. */
  holes: number[];
  owned: boolean;
  /** Positions of the original that hold something else now. */
  readonly touched: Set<number>;
  /** Positions mean nothing any more. */
  replaced: boolean;
  scans: number;
  /** By name of the sub-attribute. */
  readonly indexes: Map<string, Index>;
  /** Values that no element has but those that were changed. */
  readonly settled: Set<string>;
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

const set = (state: State, at: number, element: Json | undefined): void => {
  own(state)[at] = element;
  if (at < state.original.length) state.touched.add(at);
};

const enter = ({ at: index }: Index, key: string, at: number): void => {
  const present = index.get(key);
  if (present === undefined) index.set(key, at);
  else if (typeof present === 'number') index.set(key, [present, at]);
  else if (present.at(-1) !== at) present.push(at);
};

const buildIndex = (items: readonly (Json | undefined)[], keys: Keys): Index => {
  const index: Index = { keys, at: new Map() };
  for (let at = 0; at < items.length; at += 1) {
    const element = items[at];
    const key = element === undefined ? null : elementKey(element, keys);
    if (key !== null) enter(index, key, at);
  }
  return index;
};

/** Where the elements of that key stand, in order. */
const positions = (state: State, sub: string, key: string): readonly number[] => {
  const { items, attribute, indexes } = state;
  let index = indexes.get(sub);
  if (index === undefined) {
    const keys = sub === 'value' ? state.keys : keysUnder(attribute, sub);
    state.scans += 1;
    if (state.scans <= scansMax) return scanItems(items, keys, key);
    index = buildIndex(items, keys);
    indexes.set(sub, index);
  }
  const found = index.at.get(key);
  if (found === undefined) return [];
  // One value a thousand times over would make each look-up a scan again.
  if (typeof found !== 'number') state.budget.left -= found.length;
  if (state.budget.left < 0) return [];
  // Entries of elements that were removed or changed since stay in the index.
  const { keys } = index;
  return (typeof found === 'number' ? [found] : found).filter((at) => {
    const element = items[at];
    return element !== undefined && elementKey(element, keys) === key;
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
  const { items } = state;
  const others = state.primaryAt === null ? items.keys() : [state.primaryAt];
  for (const at of others) {
    const element = items[at];
    if (at !== primary && isPrimary(element)) set(state, at, { ...element, primary: false });
  }
  state.primaryAt = primary;
};

const put = (state: State, at: number, element: Json): void => {
  set(state, at, element);
  for (const index of state.indexes.values()) {
    const key = elementKey(element, index.keys);
    if (key !== null) enter(index, key, at);
  }
  if (isPrimary(element)) clearOthers(state, at);
};

const add = (state: State, element: Json): boolean => {
  const key = elementKey(element, state.keys) ?? '';
  const found = positions(state, 'value', key);
  for (const at of found) {
    const present = state.items[at];
    if (!isObject(present) || !isObject(element) || refersToResources(state.attribute))
      return false;
    if (!sameType(present, element)) continue;
    const merged = completed(present, element);
    if (sameJson(merged, present)) return false;
    put(state, at, merged);
    return true;
  }
  if (found.length === 0) state.settled.add(key);
  put(state, own(state).length, element);
  return true;
};

const dig = (state: State, at: number): void => {
  set(state, at, undefined);
  state.holes.push(at);
};

/** Holes that are closed one by one, which moves memory and looks at nothing. */
const fewHoles = 16;

/** The elements as they are, in a list of their own where some were removed. */
const present = ({ items, holes }: State): readonly Json[] =>
  holes.length === 0
    ? (items as readonly Json[])
    : items.filter((element) => element !== undefined);

const finish = (state: State): readonly Json[] | undefined => {
  const { items, holes, owned } = state;
  const few = owned && holes.length > 0 && holes.length <= fewHoles;
  if (few) for (const at of holes.toSorted((left, right) => right - left)) items.splice(at, 1);
  const kept = few ? (items as readonly Json[]) : present(state);
  return kept.length === 0 ? undefined : kept;
};

const parted = (state: State): Parted | null => {
  const { original, items, touched, replaced, attribute, settled } = state;
  if (replaced) return null;
  const places = [...touched].toSorted((left, right) => left - right);
  const now = [...places.map((at) => items[at]), ...items.slice(original.length)];
  return {
    gone: places.map((at) => original[at] as Json),
    come: now.filter((element) => element !== undefined),
    shares: (values) => {
      if (attribute === null) return true;
      const open = new Set([...values].filter((value) => !settled.has(value)));
      return hasValue(original, attribute, open, [0, original.length], touched);
    },
  };
};

/** Do the elements differ in their order at most, each of them there once? */
const sameElements = (now: readonly Json[], stated: readonly Json[]): boolean => {
  if (now.length !== stated.length) return false;
  if (sameJson(now, stated)) return true;
  const count = stated.length;
  const had = new Set(now.map((element) => JSON.stringify(element)));
  const wanted = new Set(stated.map((element) => JSON.stringify(element)));
  return had.size === count && wanted.size === count && [...wanted].every((text) => had.has(text));
};

const replaceAll = (state: State, elements: readonly Json[]): boolean => {
  if (sameElements(present(state), elements)) return false;
  state.items = elements.slice();
  state.holes = [];
  state.owned = true;
  state.replaced = true;
  state.indexes.clear();
  state.settled.clear();
  state.scans = 0;
  state.primaryAt = null;
  return true;
};

/** A filter that is no more than `value eq "…"` selects all elements of that value. */
const removeMatching = (state: State, filter: Filter): boolean => {
  const { attribute, settled } = state;
  const found = matching(state, filter);
  for (const at of found) dig(state, at);
  const literal = attribute === null ? null : literalOf(filter, attribute);
  if (literal?.sub === 'value' && filter.kind === 'compare') settled.add(literal.text);
  return found.length > 0;
};

const updateMatching = (
  state: State,
  filter: Filter,
  change: (element: JsonObject) => JsonObject,
): boolean | null => {
  const found = matching(state, filter);
  let changed = false;
  for (const at of found) {
    const present = state.items[at];
    if (!isObject(present)) continue;
    const next = change(present);
    if (sameJson(next, present)) continue;
    changed = true;
    // It may take a value that another element has.
    state.settled.delete(elementKey(next, state.keys) ?? '');
    if (Object.keys(next).length === 0) dig(state, at);
    else put(state, at, next);
  }
  return found.length === 0 ? null : changed;
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
    keys: attribute === null ? keysUnder(null, 'value') : valueKeys(attribute),
    original: elements,
    items: elements as (Json | undefined)[],
    holes: [],
    owned: false,
    touched: new Set(),
    replaced: false,
    scans: 0,
    indexes: new Map(),
    settled: new Set(),
    primaryAt: null,
  };
  return {
    add: (element) => add(state, element),
    replaceAll: (replacement) => replaceAll(state, replacement),
    removeMatching: (filter) => removeMatching(state, filter),
    updateMatching: (filter, change) => updateMatching(state, filter, change),
    parted: () => parted(state),
    finish: () => finish(state),
  };
};
