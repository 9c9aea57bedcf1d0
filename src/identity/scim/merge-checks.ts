/**
 * What a resource must hold after several mutations: each adds its checks, and of the older ones only
 * what it did not change stays. Found out by applying the newer change to what the older check alone
 * describes, so that sets, filters and parts of attributes need no rules of their own. Pure.
 */
import { isRefusal } from '../../errors.ts';
import { isArray, isObject, type Json } from '../json-value.ts';
import { valueAt } from './diff.ts';
import { refersToResources, sameJson } from './equality.ts';
import { applyChanges } from './patch.ts';
import { foundAt, passes, type Check } from './readback.ts';
import type { Change, Filter, Resource, ResourceType } from './schema-model.ts';
import { lookUp } from './schemas.ts';

/** A check, and the entry of the mutation that made it so. `at`: wall ms of that entry. */
export type Watched = Readonly<{ check: Check; entry: string; at: number }>;

/** One mutation, as checks. */
export type Wrote = Readonly<{ checks: readonly Check[]; entry: string; at: number }>;

/** The change that makes a check hold. */
export const changeOfCheck = (check: Check): Change => {
  if (check.kind === 'absent') return { op: 'remove', path: check.path };
  const { path, value } = check;
  // An element that a filter chooses is made where it is not there.
  const adds = check.kind === 'includes' || path.filter !== undefined;
  return { op: adds ? 'add' : 'replace', path, value };
};

const topOf = ({ path: { schema, attribute } }: Check): string =>
  `${schema?.toLowerCase() ?? ''} ${attribute}`;

const none: Resource = Object.freeze({});

/** The least resource that holds the check; null where none can be made. */
const describedBy = (check: Check, type: ResourceType): Resource | null => {
  if (check.kind === 'absent') return none;
  const applied = applyChanges(none, [changeOfCheck(check)], type);
  return isRefusal(applied) || !passes(check, applied.resource, type) ? null : applied.resource;
};

/**
 * Of a set or a complex attribute that was written whole: what it is after the newer change. Null where
 * that cannot be told.
 */
const rewritten = (check: Check, resource: Resource, type: ResourceType): Check | null => {
  const { path } = check;
  if (check.kind !== 'equals' || path.filter !== undefined) return null;
  const value = foundAt(resource, path, type);
  return isArray(value) || isObject(value) ? lasting({ ...check, value }, type) : null;
};

/** Were chosen elements replaced, or filled up? A check does not say. */
const isEither = (check: Check): boolean =>
  check.kind === 'equals' && check.path.filter !== undefined && check.path.sub === undefined;

/** Sub-attributes that a filter asks for; a path without one asks for none. */
const askedBy = (filter: Filter | undefined): readonly string[] => {
  if (filter === undefined) return [];
  if ('term' in filter) return askedBy(filter.term);
  if ('terms' in filter) return filter.terms.flatMap(askedBy);
  return [filter.path.attribute];
};

const writtenBy = ({ path: { filter, sub }, ...change }: Change): readonly string[] => {
  if (filter === undefined) return [];
  if (sub !== undefined) return [sub];
  return 'value' in change && isObject(change.value) ? Object.keys(change.value) : [];
};

/**
 * Can the change of chosen elements be told from what the check alone describes? Only where it says of
 * its elements what the choice asks for; else the very element may be one of those chosen.
 */
const isTold = (check: Check, described: Resource, changes: readonly Change[]): boolean => {
  const asked = changes.flatMap(({ path }) => askedBy(path.filter));
  const own = askedBy(check.path.filter);
  if (check.kind === 'absent') {
    const { filter, sub } = check.path;
    const removes = changes.every(({ op }) => op === 'remove');
    if (filter === undefined) return removes || sub !== undefined;
    if (sub !== undefined) return removes && asked.length === 0;
    const written = changes.flatMap(writtenBy);
    return asked.every((name) => own.includes(name)) && !own.some((name) => written.includes(name));
  }
  const { sub: _sub, filter: _filter, ...whole } = check.path;
  const value = valueAt(described, whole);
  const elements: readonly Json[] = isArray(value) ? value : [];
  return elements.every((one) => isObject(one) && asked.every((name) => Object.hasOwn(one, name)));
};

const leanElement = (element: Json, refers: boolean): Json => {
  if (!isObject(element)) return element;
  const { primary, ...rest } = element;
  const lean = primary === true ? element : rest;
  return refers && lean['value'] !== undefined ? { value: lean['value'] } : lean;
};

/**
 * A check without what changes by itself, or means nothing: names that a target copies to where others
 * refer to them (C25), `primary: false`. Null where nothing is left to be found.
 */
const lasting = (check: Check, type: ResourceType): Check | null => {
  const { path } = check;
  if (path.sub === 'primary' && !('value' in check && check.value === true)) return null;
  const { filter: _filter, sub, ...whole } = path;
  const refers = refersToResources(lookUp(type, whole));
  if (refers && path.filter !== undefined && sub !== undefined) return null;
  if (check.kind === 'absent') return check;
  if (refers && path.filter !== undefined)
    return { ...check, value: leanElement(check.value, true) };
  if (!isArray(check.value)) return check;
  const value = check.value.map((one) => leanElement(one, refers));
  const empty = value.some((one) => isObject(one) && Object.keys(one).length === 0);
  return empty ? null : { ...check, value };
};

/** Each element of a set for itself, so that one of them may go and the others stay. */
const apart = (older: Watched): readonly Watched[] => {
  const { check } = older;
  if (check.kind !== 'includes' || !isArray(check.value)) return [older];
  return check.value.map((one) => ({ ...older, check: { ...check, value: [one] } }));
};

/** What of an older check still stands after the newer mutation; null = nothing that can be told. */
const changedBy = (older: Watched, wrote: Wrote, type: ResourceType): Watched | null => {
  const { check } = older;
  const top = topOf(check);
  const newer = wrote.checks.filter((one) => topOf(one) === top);
  if (newer.length === 0) return older;
  const either = newer.some(isEither);
  const changes = newer.map((one): Change => {
    const change = changeOfCheck(one);
    return isEither(one) && change.op === 'add' ? { ...change, op: 'replace' } : change;
  });
  const described = describedBy(check, type);
  if (described === null || !isTold(check, described, changes)) return null;
  const applied = applyChanges(described, changes, type);
  if (isRefusal(applied)) return null;
  if (passes(check, applied.resource, type)) return older;
  const now = either ? null : rewritten(check, applied.resource, type);
  return now === null ? null : { check: now, entry: wrote.entry, at: wrote.at };
};

/** The older checks that still hold after the newer mutation, and its own. */
export const mergeChecks = (
  older: readonly Watched[],
  wrote: Wrote,
  type: ResourceType,
): readonly Watched[] => {
  const { entry, at } = wrote;
  const touched = new Set(wrote.checks.map(topOf));
  const parts = older.flatMap((one) => (touched.has(topOf(one.check)) ? apart(one) : [one]));
  const left = parts.flatMap((one) => changedBy(one, wrote, type) ?? []);
  const kept = left.filter(({ check }) => !wrote.checks.some((mine) => sameJson(mine, check)));
  const mine = wrote.checks.flatMap((check) => lasting(check, type) ?? []);
  return [...kept, ...mine.map((check): Watched => ({ check, entry, at }))];
};
