/**
 * What a condition may see when `denied: drop` strips attributes: the resource as it will really be
 * sent. Without this a caller could satisfy a condition with a value that is then dropped. Where the
 * outcome of dropping cannot be told exactly there are no facts, and no condition holds of none.
 */
import type { Json, JsonObject } from '../identity/json-value.ts';
import type { AttributeName } from '../identity/operation.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import { equal, isObject, own } from './values.ts';

/** The facts that conditions see; undefined = not gathered. */
export type ChangeFacts = Readonly<{
  before: Resource | null | undefined;
  after: Resource | null | undefined;
  changed: readonly AttributeName[] | undefined;
}>;

/** The facts with the dropped attributes back at their former values, or null. */
export const asSent = (
  facts: ChangeFacts,
  drop: ReadonlySet<AttributeName>,
): ChangeFacts | null => {
  if (drop.size === 0) return facts;
  // Without the former values nothing is known of what stays.
  if (facts.before === undefined) return null;
  const before = facts.before ?? {};
  let after = facts.after ?? null;
  if (after !== null) {
    for (const place of placesOf(drop, [after, before])) {
      const restored = putBack(after, before, place);
      if (restored === null) return null;
      after = restored;
    }
  }
  const changed = facts.changed?.filter((name) => staysChanged(name, drop, after ?? {}, before));
  return { before: facts.before, after, changed };
};

/** Where dropped values stand: members from the top to an attribute, and its parts that go. */
type Place = Readonly<{
  steps: readonly string[];
  /** Null = the attribute goes whole. */
  parts: ReadonlySet<string> | null;
}>;

/** The dropped names by attribute. */
const placesOf = (
  drop: ReadonlySet<AttributeName>,
  resources: readonly Resource[],
): readonly Place[] => {
  const places = new Map<string, Place>();
  for (const name of drop) {
    const steps = stepsOf(name, resources);
    const attributeDepth = steps[0]?.startsWith('urn:') === true ? 2 : 1;
    const part = steps.length > attributeDepth ? steps.pop() : undefined;
    const key = steps.join('\n');
    const known = places.get(key);
    if (part === undefined) places.set(key, { steps, parts: null });
    else if (known?.parts !== null) {
      places.set(key, { steps, parts: new Set([...(known?.parts ?? []), part]) });
    }
  }
  return [...places.values()];
};

/** `urn:…:User:manager.value` -> [urn, manager, value]; a whole extension is one step. */
const stepsOf = (name: AttributeName, resources: readonly Resource[]): string[] => {
  if (!name.startsWith('urn:')) return name.split('.');
  if (resources.some((resource) => Object.hasOwn(resource, name))) return [name];
  const colon = name.lastIndexOf(':');
  return [name.slice(0, colon), ...name.slice(colon + 1).split('.')];
};

const putBack = (
  into: JsonObject,
  from: JsonObject,
  { steps, parts }: Place,
): JsonObject | null => {
  const [name, ...rest] = steps as [string, ...string[]];
  const current = own(into, name);
  const former = own(from, name);
  if (rest.length > 0) {
    if (current === undefined && former === undefined) return into;
    if (!isObjectOrAbsent(current) || !isObjectOrAbsent(former)) return null;
    const inner = putBack(current ?? {}, former ?? {}, { steps: rest, parts });
    if (inner === null) return null;
    return replaced(into, name, Object.keys(inner).length === 0 ? undefined : inner);
  }
  // Parts of several elements cannot be matched up; but if only they differ, nothing is sent of it.
  if (parts === null || equal(without(current, parts), without(former, parts))) {
    return replaced(into, name, former);
  }
  if (!isObjectOrAbsent(current) || !isObjectOrAbsent(former)) return null;
  let inner: JsonObject = current ?? {};
  for (const part of parts) inner = replaced(inner, part, own(former ?? {}, part));
  return replaced(into, name, Object.keys(inner).length === 0 ? undefined : inner);
};

/** A changed name stays one unless it was dropped or, as a container, is now as before. */
const staysChanged = (
  name: AttributeName,
  drop: ReadonlySet<AttributeName>,
  after: Resource,
  before: Resource,
): boolean => {
  let contains = false;
  for (const gone of drop) {
    if (gone === name || isBelow(name, gone)) return false;
    if (isBelow(gone, name)) contains = true;
  }
  if (!contains) return true;
  const steps = stepsOf(name, [after, before]);
  return !equal(valueAt(after, steps), valueAt(before, steps));
};

const valueAt = (resource: Resource, steps: readonly string[]): Json | undefined => {
  let value: Json | undefined = resource;
  for (const step of steps) value = isObject(value) ? own(value, step) : undefined;
  return value;
};

/** A value without some of its parts; what is left empty is absent. */
const without = (value: Json | undefined, parts: ReadonlySet<string>): Json | undefined => {
  if (Array.isArray(value)) {
    const left = (value as readonly Json[]).flatMap((element) => without(element, parts) ?? []);
    return left.length === 0 ? undefined : left;
  }
  if (!isObject(value)) return value;
  let left: JsonObject = value;
  for (const part of parts) left = replaced(left, part, undefined);
  return Object.keys(left).length === 0 ? undefined : left;
};

const isObjectOrAbsent = (value: Json | undefined): value is JsonObject | undefined =>
  value === undefined || isObject(value);

/** A copy without a prototype, so that no name in it means anything else. */
const replaced = (object: JsonObject, name: string, value: Json | undefined): JsonObject => {
  const copy = Object.assign(Object.create(null) as Record<string, Json | undefined>, object);
  if (value === undefined) delete copy[name];
  else copy[name] = value;
  return copy;
};

const isBelow = (name: string, container: string): boolean =>
  name.length > container.length &&
  name.startsWith(container) &&
  (name[container.length] === '.' || name[container.length] === ':');
