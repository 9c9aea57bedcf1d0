/**
 * What a PUT means once the current resource is known (RFC 7644 §3.5.1): which changes it makes, and
 * which whole resource goes to the target so that nothing is lost that the client could not see.
 */
import { isRefusal } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import { bareCopy, bareObject, isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { AttributeName, Mutation } from '../operation.ts';
import { refersToResources } from './equality.ts';
import { applyChanges, diffResources } from './patch.ts';
import type { Attribute, Change, Resource, ResourceType } from './schema-model.ts';
import { attributeName, lookUp } from './schemas.ts';

type Replace = Extract<Mutation, { verb: 'replace' }>;
type Patch = Extract<Mutation, { verb: 'patch' }>;
type Members = Record<string, Json>;

/** Members that no client writes: the service provider assigns them (RFC 7643 §3.1). */
const assigned: ReadonlySet<string> = new Set(['schemas', 'id', 'meta']);

const definitionOf = (
  type: ResourceType,
  schema: string | undefined,
  attribute: string,
): Attribute | null => lookUp(type, schema === undefined ? { attribute } : { schema, attribute });

const nameOf = (schema: string | undefined, attribute: string, sub?: string): AttributeName =>
  attributeName({
    ...(schema === undefined ? {} : { schema }),
    attribute,
    ...(sub === undefined ? {} : { sub }),
  });

/** Whether `$ref`, which only repeats `value`, counts as part of it. */
type Refs = 'kept' | 'left out';

/** A value without readOnly sub-attributes. */
const writableValue = (value: Json, definition: Attribute | null, refs: Refs): Json => {
  const subs = definition?.sub;
  if (subs === undefined) return value;
  if (isArray(value)) return value.map((item) => writableValue(item, definition, refs));
  if (!isObject(value)) return value;
  const out = bareObject<Json>();
  let same = true;
  for (const name of Object.keys(value)) {
    const member = value[name];
    const sub = Object.hasOwn(subs, name.toLowerCase()) ? subs[name.toLowerCase()] : undefined;
    const skipped = name === '$ref' ? refs === 'left out' : sub?.mutability === 'readOnly';
    if (member === undefined || skipped) same = false;
    else out[name] = member;
  }
  return same ? value : out;
};

const writableBelow = (
  value: JsonObject,
  type: ResourceType,
  refs: Refs,
  schema?: string,
): Members => {
  const out = bareObject<Json>();
  for (const name of Object.keys(value)) {
    const member = value[name];
    if (member === undefined) continue;
    const isExtension = schema === undefined && name.includes(':');
    if (isExtension && isObject(member)) {
      const inner = writableBelow(member, type, refs, name);
      if (Object.keys(inner).length > 0) out[name] = inner;
      continue;
    }
    if (schema === undefined && assigned.has(name)) continue;
    const definition = definitionOf(type, schema, name);
    if (definition?.mutability !== 'readOnly') out[name] = writableValue(member, definition, refs);
  }
  return out;
};

/** What of a resource a client may write at all: no readOnly attributes, no `id`, `meta`, `schemas`. */
export const writablePart = (resource: Resource, type: ResourceType): Resource =>
  writableBelow(resource, type, 'left out');

/**
 * The changes a PUT makes to the current resource. What it omits it removes; readOnly attributes do
 * not count on either side.
 */
export const replaceChanges = (
  operation: Pick<Replace, 'resource' | 'type'>,
  current: Resource,
): readonly Change[] =>
  diffResources(
    writablePart(current, operation.type),
    writablePart(operation.resource, operation.type),
    operation.type,
  );

/**
 * The whole resource a PUT sends: the current one with exactly the changes that were judged. What the
 * client wrote beside them (an element twice, a `$ref` of its own) does not go out.
 */
export const replacedBy = (
  current: Resource,
  changes: readonly Change[],
  type: ResourceType,
): Resource | Refusal => {
  const applied = applyChanges(writableBelow(current, type, 'kept'), changes, type);
  return isRefusal(applied) ? applied : applied.resource;
};

/** A PUT as the PATCH it amounts to, which is how it is judged (effects.ts) and recorded. */
export const asPatch = (operation: Replace, current: Resource): Patch => {
  const { type, id, projection, preconditions, repairs } = operation;
  const changes = replaceChanges(operation, current);
  return { verb: 'patch', type, id, projection, preconditions, repairs, changes };
};

/** Asks whether the client may both read and write an attribute, given in rule spelling. */
export type MayTouch = (name: AttributeName) => boolean;

type Merge = Readonly<{ type: ResourceType; mayTouch: MayTouch; schema: string | undefined }>;

/** Sub-attributes of `current` that `stated` omits and the client may not touch, beside `stated`. */
const mergeElement = (
  current: JsonObject,
  stated: JsonObject,
  definition: Attribute,
  { mayTouch, schema }: Merge,
): JsonObject => {
  const carried = bareObject<Json>();
  for (const name of Object.keys(current)) {
    const member = current[name];
    if (member === undefined || Object.hasOwn(stated, name)) continue;
    const subs = definition.sub ?? {};
    const sub = Object.hasOwn(subs, name.toLowerCase()) ? subs[name.toLowerCase()] : undefined;
    if (sub?.mutability === 'readOnly' || mayTouch(nameOf(schema, definition.name, name))) continue;
    carried[name] = member;
  }
  return Object.keys(carried).length === 0 ? stated : { ...carried, ...stated };
};

const mergeElements = (
  current: readonly Json[],
  stated: readonly Json[],
  definition: Attribute,
  merge: Merge,
): readonly Json[] => {
  const byValue = new Map<Json | undefined, JsonObject>();
  for (const element of current) {
    if (isObject(element) && element['value'] !== undefined) {
      byValue.set(element['value'], element);
    }
  }
  // What refers to the same resource counts as unchanged (C25), so unchanged is what is sent.
  const asItStands = refersToResources(definition);
  return stated.map((element) => {
    const same = isObject(element) ? byValue.get(element['value']) : undefined;
    if (!isObject(element) || same === undefined) return element;
    return asItStands ? same : mergeElement(same, element, definition, merge);
  });
};

const untouchable = (element: Json, definition: Attribute, { mayTouch, schema }: Merge): boolean =>
  isObject(element)
    ? Object.keys(element).every((name) => !mayTouch(nameOf(schema, definition.name, name)))
    : !mayTouch(nameOf(schema, definition.name));

/**
 * C36: who leaves `active` out of a PUT says nothing about it. Sent without it, one target would take
 * the account for disabled and another for enabled.
 */
const staysUnlessStated = (name: string, { type, schema }: Merge): boolean =>
  schema === undefined && type.word === 'users' && name === 'active';

/** What the PUT should hold of one attribute, or undefined where it stays omitted. */
const mergeAttribute = (
  current: Json,
  stated: Json | undefined,
  name: string,
  merge: Merge,
): Json | undefined => {
  const definition = definitionOf(merge.type, merge.schema, name);
  if (definition?.mutability === 'readOnly') return stated;
  if (staysUnlessStated(name, merge)) return stated ?? current;
  if (definition?.sub === undefined) {
    return stated ?? (merge.mayTouch(nameOf(merge.schema, name)) ? undefined : current);
  }
  if (isArray(current)) {
    if (isArray(stated)) return mergeElements(current, stated, definition, merge);
    const whole = current.every((element) => untouchable(element, definition, merge));
    return stated ?? (whole ? current : undefined);
  }
  if (!isObject(current) || (stated !== undefined && !isObject(stated))) return stated;
  const merged = mergeElement(current, stated ?? {}, definition, merge);
  return Object.keys(merged).length === 0 ? stated : merged;
};

const mergeBelow = (current: JsonObject, stated: JsonObject, merge: Merge): Members => {
  const out: Members = bareCopy(stated) as Members;
  for (const name of Object.keys(current)) {
    const member = current[name];
    if (member === undefined || (merge.schema === undefined && assigned.has(name))) continue;
    if (merge.schema === undefined && name.includes(':') && isObject(member)) {
      const wanted = out[name];
      const below = isObject(wanted) ? wanted : {};
      const inner = mergeBelow(member, below, { ...merge, schema: name });
      if (Object.keys(inner).length > 0) out[name] = inner;
      continue;
    }
    const merged = mergeAttribute(member, out[name], name, merge);
    if (merged !== undefined) out[name] = merged;
  }
  return out;
};

/**
 * The whole resource a PUT sends: what the client stated, and from the current resource what it
 * omitted but may not read or write (interface.md §2), or left out as C36 does. Omitting what one may
 * touch removes it;
 * stating what one may not touch stays stated, so that it is judged.
 */
export const mergeReplace = (
  current: Resource,
  wanted: Resource,
  mayTouch: MayTouch,
  type: ResourceType,
): Resource => mergeBelow(current, wanted, { type, mayTouch, schema: undefined });
