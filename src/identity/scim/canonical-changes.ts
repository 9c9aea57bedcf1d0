/**
 * A PATCH message as canonical changes: every change with a path, in the schema's spelling, its value
 * of the schema's type. What clients leave out, flatten, wrap or put in the wrong member is repaired
 * by the rows of the dialect table and reported; what could take away more than was named is refused.
 * Pure; reached through canonical.ts.
 */
import { isRefusal } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import { extensionOf, isCore, refuseScim1, resolveInside } from './canonical-resource.ts';
import { deny, mutability, nameOf, pathOf, put } from './located-change.ts';
import type { Context, Op } from './located-change.ts';
import { patchOpUrn } from './messages.ts';
import { parsePath } from './path.ts';
import { newReading, quoted, refused, repaired } from './reading.ts';
import type { DialectHints, Reading } from './reading.ts';
import type { Change, Filter, Repair, ResourceType } from './schema-model.ts';
import { attributeName, resolveExtension, resolveName } from './schemas.ts';

/** `statedId`: the id a client put inside a value (C23); the caller compares it with the URL's. */
export type CanonicalChanges = Readonly<{
  changes: readonly Change[];
  repairs: readonly Repair[];
  statedId?: string;
}>;

/** Most operations in one message. */
const operationsMax = 1_000;

/** What stands before and after the filter of a path as written, without the filter itself. */
const outline = (text: string): string => {
  const open = text.indexOf('[');
  const close = text.lastIndexOf(']');
  return open < 0 || close < open ? text : text.slice(0, open) + text.slice(close + 1);
};

/** C8: the filter parser reads them by the schema; here they are noticed. */
const quotedBoolean = /"(?:true|false)"/i;

const hasBoolean = (filter: Filter): boolean => {
  if (filter.kind === 'and' || filter.kind === 'or') return filter.terms.some(hasBoolean);
  if (filter.kind === 'not') return hasBoolean(filter.term);
  return filter.kind === 'compare' && typeof filter.value === 'boolean';
};

/** An operation with a path as the client wrote it. */
const readLocated = (context: Context, op: Op, text: string, raw: Json | undefined): void => {
  const { type, reading } = context;
  const whole = resolveExtension(type, text) ?? (isCore(type, text) ? type.schema.id : null);
  if (whole !== null) return readSchemaWhole(context, op, whole, raw);
  const parsed = parsePath(text, type);
  if (isRefusal(parsed)) {
    reading.refusal ??= parsed;
    return;
  }
  if (outline(text) !== nameOf(parsed)) repaired(reading, 'C37', nameOf(parsed));
  if (parsed.filter !== undefined && quotedBoolean.test(text) && hasBoolean(parsed.filter)) {
    repaired(reading, 'C8', nameOf(parsed));
  }
  put(context, { op, path: parsed, raw, explicit: true });
};

/** A path that is the URN of a whole schema: its attributes, one by one. */
const readSchemaWhole = (context: Context, op: Op, urn: string, raw: Json | undefined): void => {
  const { type, reading } = context;
  const extension = type.extensions[urn.toLowerCase()];
  if (op === 'remove' || (raw === null && op === 'replace')) {
    const unknown = extension === undefined || extension.open === true;
    if (unknown || (op === 'remove' && raw !== undefined)) {
      return refused(reading, 'value_invalid', 'Name the attributes to remove.', mutability);
    }
    for (const { name } of Object.values(extension.attributes)) {
      put(context, {
        op: 'remove',
        path: { schema: urn, attribute: name },
        raw: undefined,
        explicit: true,
      });
    }
    return;
  }
  if (!isObject(raw)) {
    return refused(reading, 'value_invalid', `${quoted(urn)} needs an object as its value.`);
  }
  if (extension === undefined) readMembers(context, op, raw, true);
  else readExtension(context, op, urn, raw);
};

const readExtension = (context: Context, op: Op, urn: string, raw: JsonObject): void => {
  for (const key of Object.keys(raw)) {
    const path = resolveInside(context.type, urn, key);
    if (path === null) return deny(context, key);
    repaired(context.reading, path.sub === undefined ? expandedRow[op] : 'C6', attributeName(path));
    put(context, { op, path: pathOf(path), raw: raw[key], explicit: false });
    if (context.reading.refusal !== null) return;
  }
};

/** Which row an attribute inside a value without a path is reported under. */
const expandedRow: Readonly<Record<Op, string>> = { add: 'C33', replace: 'C21', remove: 'C21' };

const stateId = (context: Context, raw: Json | undefined): void => {
  if (raw === null || raw === undefined) return;
  if (typeof raw !== 'string' || (context.statedId !== null && context.statedId !== raw)) {
    return refused(
      context.reading,
      'value_invalid',
      'id must be the id of this resource.',
      mutability,
    );
  }
  context.statedId = raw;
  repaired(context.reading, 'C23', 'id');
};

/** The members of a value without a path: one change for each (C6, C21, C23, C24, C33). */
const readMembers = (context: Context, op: Op, raw: JsonObject, nested: boolean): void => {
  const { type, reading } = context;
  for (const key of Object.keys(raw)) {
    const value = raw[key] ?? null;
    const folded = key.toLowerCase();
    if (folded === 'schemas') continue;
    const urn = extensionOf(type, key, value);
    if (folded === 'id') stateId(context, value);
    else if (urn !== null && isObject(value)) readExtension(context, op, urn, value);
    else if (urn !== null) readSchemaWhole(context, op, urn, value);
    else if (!nested && isCore(type, key) && isObject(value)) readMembers(context, op, value, true);
    else if (key.includes('[')) {
      repaired(reading, 'C6', outline(key));
      readLocated(context, op, key, value);
    } else {
      const path = resolveName(type, key);
      if (path === null) return deny(context, key);
      const flattened = path.sub !== undefined || path.schema !== undefined;
      repaired(reading, flattened ? 'C6' : expandedRow[op], attributeName(path));
      put(context, { op, path: pathOf(path), raw: value, explicit: false });
    }
    if (reading.refusal !== null) return;
  }
};

/** The member of that name in any letter case; refuses two of them. */
const member = (object: JsonObject, name: string, reading: Reading): Json | undefined => {
  let found: Json | undefined;
  let count = 0;
  for (const key of Object.keys(object)) {
    if (key.toLowerCase() !== name) continue;
    found = object[key];
    count += 1;
  }
  if (count > 1) refused(reading, 'request_suspicious', `${name} is stated twice.`);
  return found;
};

const ops: ReadonlyMap<string, Op> = new Map([
  ['add', 'add'],
  ['replace', 'replace'],
  ['remove', 'remove'],
]);

const readOperation = (context: Context, raw: Json, position: number): void => {
  const { reading } = context;
  if (!isObject(raw)) {
    return refused(reading, 'body_malformed', `Operation ${position} must be an object.`);
  }
  const word = member(raw, 'op', reading);
  const path = member(raw, 'path', reading);
  const value = member(raw, 'value', reading);
  if (reading.refusal !== null) return;
  const op = typeof word === 'string' && word.length < 10 ? ops.get(word.toLowerCase()) : undefined;
  if (op === undefined) {
    const detail = `\`op\` of operation ${position} must be add, replace or remove.`;
    return refused(reading, 'body_malformed', detail);
  }
  if (op !== word) repaired(reading, 'C1', 'op');
  if (typeof path === 'string') return readLocated(context, op, path, value);
  if (path !== undefined && path !== null) {
    return refused(
      reading,
      'body_malformed',
      `\`path\` of operation ${position} must be a string.`,
    );
  }
  if (op === 'remove') {
    return refused(
      reading,
      'path_no_match',
      `Operation ${position} must say in \`path\` what to remove.`,
    );
  }
  if (!isObject(value)) {
    const detail = `Operation ${position} has no \`path\`: its value must be an object.`;
    return refused(reading, 'value_invalid', detail);
  }
  readMembers(context, op, value, false);
};

const readMessage = (body: JsonObject, reading: Reading): readonly Json[] => {
  const schemas = member(body, 'schemas', reading);
  if (isArray(schemas)) refuseScim1(schemas, reading);
  const named =
    isArray(schemas) &&
    schemas.some(
      (urn) => typeof urn === 'string' && urn.toLowerCase() === patchOpUrn.toLowerCase(),
    );
  if (!named) refused(reading, 'body_malformed', `schemas must hold ${patchOpUrn}.`);
  const operations = member(body, 'operations', reading);
  if (isArray(operations) && operations.length <= operationsMax) {
    return operations;
  }
  refused(reading, 'body_malformed', `Operations must be an array of at most ${operationsMax}.`);
  return [];
};

/**
 * Reads a PatchOp message (RFC 7644 §3.5.2). Order is kept. `[]` stays the value of a replace of a
 * multi-valued attribute; null, or `''` for a reference (C7), becomes a remove; `''` of a string
 * stays. A message that repairs away to nothing gives no changes. Refuses with `body_malformed`
 * (message), `path_malformed`, `path_no_match` (remove without path), `attribute_denied` (no such
 * attribute), `value_invalid` (JSON type; scimType `mutability` for what cannot change).
 */
export const canonicalChanges = (
  body: JsonObject,
  type: ResourceType,
  _hints: DialectHints,
): CanonicalChanges | Refusal => {
  const context: Context = { type, reading: newReading(), changes: [], statedId: null };
  const { reading, changes } = context;
  const operations = readMessage(body, reading);
  if (operations.length === 0) repaired(reading, 'C17', 'Operations');
  for (const [index, operation] of operations.entries()) {
    if (reading.refusal !== null) break;
    readOperation(context, operation, index + 1);
  }
  if (reading.refusal !== null) return reading.refusal;
  const { statedId } = context;
  const { repairs } = reading;
  return statedId === null ? { changes, repairs } : { changes, repairs, statedId };
};
