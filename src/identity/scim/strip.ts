/**
 * Names of what changes touch, and what is left of a resource or of changes when some attributes are
 * taken out: for `denied: drop` and for what a client may read. Judges by rule-spelled leaf names.
 */
import { bareObject, isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { AttributeName } from '../operation.ts';
import type { Attribute, Change, Path, Resource, ResourceType } from './schema-model.ts';
import { attributeName, lookUp, resolveExtension } from './schemas.ts';

/** Is the attribute of that rule-spelled name kept? */
export type Keep = (name: AttributeName) => boolean;

const nameOf = (path: Path): AttributeName => attributeName(path);

/** Names of the members of all objects in a value; empty where it holds none. */
const memberNames = (value: Json): ReadonlySet<string> => {
  const names = new Set<string>();
  for (const element of isArray(value) ? value : [value]) {
    if (isObject(element)) for (const name of Object.keys(element)) names.add(name);
  }
  return names;
};

/**
 * Rule-spelled names of what changes write: leaves where a value says which (`name.givenName`), the
 * whole attribute where elements go or a set is replaced. Without repetition.
 */
export const touchedBy = (changes: readonly Change[]): readonly AttributeName[] => {
  const touched = new Set<AttributeName>();
  for (const change of changes) {
    const name = nameOf(change.path);
    const whole = change.op === 'remove' || (change.op === 'replace' && isArray(change.value));
    const members = whole ? null : memberNames(change.value);
    if (members === null || members.size === 0) touched.add(name);
    else for (const member of members) touched.add(`${name}.${member}`);
  }
  return [...touched];
};

/** An empty object that keeps the absence of a prototype. */
const emptyLike = (value: JsonObject): Record<string, Json> =>
  Object.getPrototypeOf(value) === null ? bareObject<Json>() : {};

const stripObject = (
  value: JsonObject,
  keepMember: (name: string) => boolean,
): JsonObject | null => {
  const names = Object.keys(value);
  const kept = names.filter(keepMember);
  if (kept.length === names.length) return value;
  if (kept.length === 0) return null;
  const out = emptyLike(value);
  for (const name of kept) out[name] = value[name] as Json;
  return out;
};

/** A value without the members not kept; undefined where nothing is left. */
const stripValue = (value: Json, keepMember: (name: string) => boolean): Json | undefined => {
  if (isObject(value)) return stripObject(value, keepMember) ?? undefined;
  if (!isArray(value)) return value;
  let same = true;
  const out: Json[] = [];
  for (const element of value) {
    const left = isObject(element) ? stripObject(element, keepMember) : element;
    if (left !== element) same = false;
    if (left !== null || element === null) out.push(left);
  }
  if (same) return value;
  return out.length === 0 ? undefined : out;
};

const holdsObjects = (value: Json): boolean =>
  isObject(value) || (isArray(value) && value.some(isObject));

const topOf = ({ schema, attribute }: Path) =>
  schema === undefined ? { attribute } : { schema, attribute };

/** Names of all parts that a change of a whole complex attribute writes; empty where it has none. */
const partsOf = (type: ResourceType, path: Path): readonly AttributeName[] => {
  const top = topOf(path);
  return Object.values(lookUp(type, top)?.sub ?? {})
    .filter((sub) => sub.mutability !== 'readOnly')
    .map((sub) => attributeName({ ...top, sub: sub.name }));
};

/** What is left of a change that writes a whole attribute, element or set at once. */
const stripWhole = (change: Change, type: ResourceType, keep: Keep): readonly Change[] => {
  const { path } = change;
  if (!keep(nameOf(path))) return [];
  const parts = path.sub === undefined ? partsOf(type, path) : [];
  const kept = parts.filter(keep);
  if (kept.length === parts.length) return [change];
  // Of one object the kept parts can go; elements of a set cannot be taken apart.
  const single = change.op === 'remove' && path.filter === undefined;
  if (!single || lookUp(type, topOf(path))?.multiValued === true) return [];
  const depth = nameOf(path).length + 1;
  return kept.map((name): Change => ({ op: 'remove', path: { ...path, sub: name.slice(depth) } }));
};

/**
 * The changes that are left: those on a kept path, and of complex values the members kept. What
 * writes a whole set or element is kept only where all of its parts are; of the removal of a single
 * complex value the removals of the kept parts are left.
 */
export const stripChanges = (
  changes: readonly Change[],
  type: ResourceType,
  keep: Keep,
): readonly Change[] => {
  const out: Change[] = [];
  for (const change of changes) {
    const name = nameOf(change.path);
    const elements =
      change.path.filter !== undefined || (change.op !== 'remove' && isArray(change.value));
    if (
      change.op === 'remove' ||
      (change.op === 'replace' && elements) ||
      change.path.sub !== undefined ||
      !holdsObjects(change.value)
    ) {
      out.push(...stripWhole(change, type, keep));
      continue;
    }
    const value = stripValue(change.value, (member) => keep(`${name}.${member}`));
    if (value === change.value) out.push(change);
    else if (value !== undefined) out.push({ ...change, value });
  }
  return out;
};

const stripAttribute = (
  value: Json,
  name: AttributeName,
  attribute: Attribute | null,
  keep: Keep,
): Json | undefined => {
  if (attribute?.sub === undefined) return keep(name) ? value : undefined;
  return stripValue(value, (member) => keep(`${name}.${member}`));
};

/**
 * What is left of a resource: leaves for which `keep` says so, complex attributes with any of them.
 * `schemas` and `id` always stay (RFC 7643 §3.1: returned always). Shares what did not change.
 */
export const stripResource = (resource: Resource, type: ResourceType, keep: Keep): Resource => {
  const out = emptyLike(resource);
  let same = true;
  for (const name of Object.keys(resource)) {
    const value = resource[name] as Json;
    const left = name === 'schemas' || name === 'id' ? value : stripMember(name, value, type, keep);
    if (left !== value) same = false;
    if (left !== undefined) out[name] = left;
  }
  return same ? resource : out;
};

const stripMember = (
  name: string,
  value: Json,
  type: ResourceType,
  keep: Keep,
): Json | undefined => {
  if (!name.includes(':') || !isObject(value)) {
    return stripAttribute(value, name, lookUp(type, { attribute: name }), keep);
  }
  const schema = resolveExtension(type, name) ?? name;
  const out = emptyLike(value);
  let same = true;
  let left = 0;
  for (const key of Object.keys(value)) {
    const path = { schema, attribute: key };
    const member = value[key] as Json;
    const kept = stripAttribute(member, attributeName(path), lookUp(type, path), keep);
    if (kept !== member) same = false;
    if (kept === undefined) continue;
    out[key] = kept;
    left += 1;
  }
  if (same) return value;
  return left === 0 ? undefined : out;
};
