/**
 * Applies canonical changes to a resource (RFC 7644 §3.5.2) and says what that touched and how to
 * take it back. Pure: new values only where something changed, the rest is shared. It is mechanical:
 * what a client may not write was refused when its request was read, so that undo can restore all.
 */
import { isRefusal, refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import { bareCopy, bareObject, isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { AttributeName } from '../operation.ts';
import { isAttributeName } from './canonical-values.ts';
import { diffExactly, valueAt } from './diff.ts';
import { draftElements, elementFromFilter, elementTestsMax } from './elements.ts';
import type { Budget, ElementDraft, Parted } from './elements.ts';
import { foldedText, sameJson } from './equality.ts';
import type { Attribute, Change, Path, Resource, ResourceType } from './schema-model.ts';
import { attributeName, lookUp, resolveExtension } from './schemas.ts';
import { touchedBy } from './strip.ts';

export { diffResources } from './diff.ts';
export { equalValues } from './equality.ts';
export { stripChanges, stripResource, touchedBy } from './strip.ts';

type Members = Record<string, Json | undefined>;
type Top = Readonly<{ schema?: string; attribute: string }>;

/** Mutable while one list of changes is applied. */
type Work = {
  readonly type: ResourceType;
  readonly budget: Budget;
  readonly before: Resource;
  /** A copy of the top level, made at the first change. */
  copy: Members | null;
  /** Extensions copied already, by their name in the resource. */
  readonly copied: Set<string>;
  readonly drafts: Map<string, Readonly<{ top: Top; draft: ElementDraft }>>;
  /** Attributes with an effect, by rule-spelled name. */
  readonly changed: Map<string, Top>;
};

/** A copy that keeps the absence of a prototype. */
const copyOf = (value: JsonObject): Members =>
  Object.getPrototypeOf(value) === null ? bareCopy(value) : { ...value };

const topOf = ({ schema, attribute }: Path): Top =>
  schema === undefined ? { attribute } : { schema, attribute };

const noMatch = (path: Path): Refusal =>
  refuse('path_no_match', `No element of ${attributeName(topOf(path))} matches the path.`);

/** The name under which the resource holds an extension. */
const extensionKey = (resource: Members, schema: string): string => {
  if (Object.hasOwn(resource, schema)) return schema;
  const folded = schema.toLowerCase();
  return Object.keys(resource).find((key) => key.toLowerCase() === folded) ?? schema;
};

/** `schemas` names the extensions that have content (RFC 7643 §3). */
const listExtension = (resource: Members, urn: string, present: boolean): void => {
  const { schemas } = resource;
  if (!isArray(schemas)) return;
  const folded = urn.toLowerCase();
  const others = schemas.filter((id) => typeof id !== 'string' || id.toLowerCase() !== folded);
  if (present === (others.length === schemas.length)) {
    resource['schemas'] = present ? [...others, urn] : others;
  }
};

/** An extension that may be written to; without a schema its names come from outside. */
const extensionCopy = (work: Work, key: string, present: JsonObject | null): Members => {
  if (present !== null) return work.copied.has(key) ? present : copyOf(present);
  const known = resolveExtension(work.type, key) !== null;
  return known ? {} : bareObject<Json>();
};

const write = (work: Work, top: Top, value: Json | undefined): void => {
  work.copy ??= copyOf(work.before);
  const { copy } = work;
  if (top.schema === undefined) {
    if (value === undefined) delete copy[top.attribute];
    else copy[top.attribute] = value;
    return;
  }
  const key = extensionKey(copy, top.schema);
  const present = copy[key];
  const extension = extensionCopy(work, key, isObject(present) ? present : null);
  work.copied.add(key);
  if (value === undefined) delete extension[top.attribute];
  else extension[top.attribute] = value;
  const filled = Object.keys(extension).length > 0;
  if (filled) copy[key] = extension;
  else delete copy[key];
  listExtension(copy, key, filled);
};

const current = (work: Work, top: Top): Json | undefined => valueAt(work.copy ?? work.before, top);

const draftOf = (work: Work, top: Top, attribute: Attribute | null): ElementDraft => {
  const name = attributeName(top);
  const present = work.drafts.get(name);
  if (present !== undefined) return present.draft;
  const value = current(work, top);
  const draft = draftElements(isArray(value) ? value : [], attribute, work.budget);
  work.drafts.set(name, { top, draft });
  return draft;
};

const withSub = (element: JsonObject, sub: string, value: Json | undefined): JsonObject => {
  const next = copyOf(element);
  if (value === undefined) delete next[sub];
  else next[sub] = value;
  return next;
};

/** A change to the elements a filter selects; C5 makes one where the filter describes it. */
const changeSelected = (
  draft: ElementDraft,
  change: Change,
  attribute: Attribute,
): boolean | Refusal => {
  const { path } = change;
  const { filter, sub } = path;
  if (filter === undefined) return noMatch(path);
  if (change.op === 'remove') {
    if (sub === undefined) return draft.removeMatching(filter);
    return draft.updateMatching(filter, (element) => withSub(element, sub, undefined)) ?? false;
  }
  const { op, value } = change;
  if (sub === undefined && !isObject(value)) return noMatch(path);
  const next = (element: JsonObject): JsonObject => {
    if (sub !== undefined) return withSub(element, sub, value);
    return op === 'add' ? { ...element, ...(value as JsonObject) } : (value as JsonObject);
  };
  const changed = draft.updateMatching(filter, next);
  if (changed !== null) return changed;
  const described = elementFromFilter(filter, attribute);
  if (described === null) return noMatch(path);
  const stated = sub === undefined ? (value as JsonObject) : { [sub]: value };
  return draft.add({ ...described, ...stated });
};

const changeList = (work: Work, change: Change, attribute: Attribute): boolean | Refusal => {
  const { path } = change;
  const draft = draftOf(work, topOf(path), attribute);
  if (path.filter !== undefined) return changeSelected(draft, change, attribute);
  if (path.sub !== undefined) return noMatch(path);
  if (change.op === 'remove') return draft.replaceAll([]);
  const elements = isArray(change.value) ? change.value : [change.value];
  if (change.op === 'replace') return draft.replaceAll(elements);
  let changed = false;
  for (const element of elements) changed = draft.add(element) || changed;
  return changed;
};

/** What an attribute without elements becomes; add and replace mean the same (C13). */
const nextSingle = (
  present: Json | undefined,
  change: Change,
  attribute: Attribute | null,
): Json | undefined => {
  const { sub } = change.path;
  const value = change.op === 'remove' ? undefined : change.value;
  if (sub !== undefined) {
    const parent = isObject(present) ? present : bareObject<Json>();
    const plain = attribute === null || isObject(present) ? parent : {};
    const next = withSub(plain, sub, value);
    return Object.keys(next).length === 0 ? undefined : next;
  }
  if (value === undefined) return undefined;
  // Sub-attributes not mentioned stay as they are (RFC 7644 §3.5.2.1, §3.5.2.3).
  if (attribute?.sub !== undefined && isObject(present) && isObject(value)) {
    return { ...present, ...value };
  }
  if (attribute === null && change.op === 'add' && isArray(present) && isArray(value)) {
    const known = new Set(present.map((element) => foldedText(element, null)));
    const added = value.filter((element) => !known.has(foldedText(element, null)));
    return added.length === 0 ? present : [...present, ...added];
  }
  return value;
};

const changeSingle = (
  work: Work,
  change: Change,
  attribute: Attribute | null,
): boolean | Refusal => {
  const { path } = change;
  if (path.filter !== undefined) return noMatch(path);
  const top = topOf(path);
  const present = current(work, top);
  const next = nextSingle(present, change, attribute);
  if (sameJson(present, next)) return false;
  write(work, top, next);
  return true;
};

/** Names nobody gave a meaning may stand below an extension or in a type without a schema only. */
const isNameable = ({ type }: Work, { schema, attribute, sub }: Path): boolean =>
  isAttributeName(attribute) &&
  (sub === undefined || isAttributeName(sub)) &&
  (schema?.includes(':') ?? type.schema.id === '');

const applyChange = (work: Work, change: Change): boolean | Refusal => {
  const { path } = change;
  const attribute = lookUp(work.type, topOf(path));
  if (attribute === null && !isNameable(work, path)) {
    return refuse('path_malformed', `${work.type.name} has no such attribute.`);
  }
  if (
    attribute !== null &&
    path.sub !== undefined &&
    !Object.hasOwn(attribute.sub ?? {}, path.sub.toLowerCase())
  ) {
    return refuse('path_malformed', `${attribute.name} has no such sub-attribute.`);
  }
  return attribute?.multiValued === true
    ? changeList(work, change, attribute)
    : changeSingle(work, change, attribute);
};

/** A resource after changes. `touched`: rule-spelled names of what changed indeed. */
export type Applied = Readonly<{
  resource: Resource;
  touched: readonly AttributeName[];
  inverse: readonly Change[];
}>;

/**
 * Applies the changes in order, all or none. What is so already touches nothing, and without any
 * effect the very same resource comes back. A filter without a match: a remove has no effect (it
 * holds already), add and replace make the element that equalities describe (C5), else
 * `path_no_match`. `inverse`, applied to the result, restores the resource (sets without order).
 * Cost: linear in the elements for the first changes to a set, constant for further ones whose
 * filter holds an equality; too many others are refused (`path_malformed`).
 */
export const applyChanges = (
  resource: Resource,
  changes: readonly Change[],
  type: ResourceType,
): Applied | Refusal => {
  const work: Work = {
    type,
    budget: { left: elementTestsMax },
    before: resource,
    copy: null,
    copied: new Set(),
    drafts: new Map(),
    changed: new Map(),
  };
  const effective: Change[] = [];
  for (const change of changes) {
    const changed = applyChange(work, change);
    if (work.budget.left < 0)
      return refuse('path_malformed', 'Send fewer filtered operations at once.');
    if (isRefusal(changed)) return changed;
    if (!changed) continue;
    effective.push(change);
    const top = topOf(change.path);
    work.changed.set(attributeName(top), top);
  }
  const parted = new Map<string, Parted | null>();
  for (const [name, { top, draft }] of work.drafts) {
    if (!work.changed.has(name)) continue;
    parted.set(name, draft.parted());
    write(work, top, draft.finish());
  }
  if (work.copy === null) return { resource, touched: [], inverse: [] };
  const inverse = diffExactly(work.copy, resource, type, [...work.changed.values()], (top) => {
    const there = parted.get(attributeName(top)) ?? null;
    return there && { ...there, gone: there.come, come: there.gone };
  });
  return { resource: work.copy, touched: touchedBy(effective), inverse };
};
