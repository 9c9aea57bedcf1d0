/**
 * What a condition may see when `denied: drop` strips attributes: the resource as it will really be
 * sent. Without this a caller could satisfy a condition with a value that is then dropped.
 */
import { isObject, type Json, type JsonObject } from '../identity/json-value.ts';
import type { AttributeName } from '../identity/operation.ts';
import type { Resource } from '../identity/scim/schema-model.ts';

/** The facts that conditions see; `before` undefined = not gathered. */
export type ChangeFacts = Readonly<{
  before: Resource | null | undefined;
  after: Resource | null | undefined;
  changed: readonly AttributeName[] | undefined;
}>;

/**
 * The facts with the dropped attributes back at their former values. Null where that cannot be told
 * exactly (a part of a multi-valued attribute, say); no condition holds of such facts.
 */
export const asSent = (
  facts: ChangeFacts,
  drop: ReadonlySet<AttributeName>,
): ChangeFacts | null => {
  if (drop.size === 0) return facts;
  let after = facts.after;
  if (after !== null && after !== undefined) {
    // Without the former values nothing is known of what stays.
    if (facts.before === undefined) return null;
    for (const name of drop) {
      const restored = restore(after, facts.before, segmentsOf(name));
      if (restored === null) return null;
      after = restored;
    }
  }
  const changed = facts.changed;
  if (changed === undefined) return { ...facts, after };
  const left = changed.filter((name) => !isAtOrBelow(name, drop));
  // A changed container may have changed only in its dropped part.
  for (const name of left) for (const gone of drop) if (isBelow(gone, name)) return null;
  return { before: facts.before, after, changed: left };
};

/** `urn:…:User:manager.value` -> [urn, manager, value]; a whole extension is one segment. */
const segmentsOf = (name: AttributeName): readonly string[] => {
  if (!name.startsWith('urn:')) return name.split('.');
  const colon = name.lastIndexOf(':');
  const rest = name.slice(colon + 1);
  // `…:2.0:User` names the schema itself where its resource holds it; restore() tries both.
  return [name, name.slice(0, colon), ...rest.split('.')];
};

const restore = (
  after: Resource,
  before: Resource | null,
  segments: readonly string[],
): Resource | null => {
  const [first, second, ...rest] = segments as [string, ...string[]];
  if (!first.startsWith('urn:')) return putBack(after, before ?? {}, segments);
  if (Object.hasOwn(after, first) || (before !== null && Object.hasOwn(before, first))) {
    return putBack(after, before ?? {}, [first]);
  }
  return putBack(after, before ?? {}, [second as string, ...rest]);
};

const putBack = (
  into: JsonObject,
  from: JsonObject,
  segments: readonly string[],
): JsonObject | null => {
  const [name, ...rest] = segments as [string, ...string[]];
  const current = own(into, name);
  const former = own(from, name);
  if (rest.length === 0) return replaced(into, name, former);
  if (current === undefined && former === undefined) return into;
  if (!isObjectOrAbsent(current) || !isObjectOrAbsent(former)) return null;
  const inner = putBack(current ?? {}, former ?? {}, rest);
  if (inner === null) return null;
  return replaced(into, name, Object.keys(inner).length === 0 ? undefined : inner);
};

const own = (object: JsonObject, name: string): Json | undefined =>
  Object.hasOwn(object, name) ? object[name] : undefined;

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

const isAtOrBelow = (name: string, names: ReadonlySet<string>): boolean => {
  if (names.has(name)) return true;
  for (const each of names) if (isBelow(name, each)) return true;
  return false;
};
