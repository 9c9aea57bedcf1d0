/**
 * Reads resources out of a target's answers, leniently: letter case of names, flattened names,
 * nulls, booleans as text, a lone object where a list belongs (T16, T21). What no schema knows and
 * is no extension is left out. Used for answers, before-images and read-backs alike.
 */
import type { Answer } from '../call.ts';
import { bareObject, isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import { errorUrn } from './messages.ts';
import { targetCursorPattern } from './pages.ts';
import type { ListedPage } from './pages.ts';
import type { Attribute, Resource, ResourceType } from './schema-model.ts';
import { lookUp, resolveExtension, resolveName } from './schemas.ts';

type Members = Record<string, Json>;

/** Common attributes as RFC 7643 §3.1 spells them. */
const commonNames: ReadonlyMap<string, string> = new Map(
  ['schemas', 'id', 'externalId', 'meta'].map((name) => [name.toLowerCase(), name]),
);
const metaNames: ReadonlyMap<string, string> = new Map(
  ['resourceType', 'created', 'lastModified', 'location', 'version'].map((name) => [
    name.toLowerCase(),
    name,
  ]),
);

const booleans: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
]);

/** A value without nulls and empty lists, which all mean "unassigned" (RFC 7643 §2.5). */
const withoutNulls = (value: Json): Json | undefined => {
  if (value === null) return undefined;
  if (isArray(value)) {
    const items = value.map(withoutNulls).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  if (!isObject(value)) return value;
  const out = bareObject<Json>();
  for (const name of Object.keys(value)) {
    const member = value[name];
    const kept = member === undefined ? undefined : withoutNulls(member);
    if (kept !== undefined) out[name] = kept;
  }
  return out;
};

const readElement = (value: Json, definition: Attribute): Json | undefined => {
  if (definition.type === 'boolean' && typeof value === 'string') {
    return booleans.get(value.toLowerCase()) ?? value;
  }
  const { sub: subs } = definition;
  if (subs === undefined || !isObject(value)) return withoutNulls(value);
  const out = bareObject<Json>();
  for (const name of Object.keys(value)) {
    const member = value[name];
    const lower = name.toLowerCase();
    const sub = Object.hasOwn(subs, lower) ? subs[lower] : undefined;
    const kept = member === undefined || sub === undefined ? undefined : readElement(member, sub);
    if (sub !== undefined && kept !== undefined) out[sub.name] = kept;
  }
  return Object.keys(out).length === 0 ? undefined : out;
};

const readValue = (value: Json, definition: Attribute): Json | undefined => {
  if (!definition.multiValued) return readElement(value, definition);
  const items = (isArray(value) ? value : [value])
    .map((item) => readElement(item, definition))
    .filter((item) => item !== undefined);
  return items.length === 0 ? undefined : items;
};

const readMeta = (value: Json): Json | undefined => {
  if (!isObject(value)) return undefined;
  const out = bareObject<Json>();
  for (const name of Object.keys(value)) {
    const member = value[name];
    const canonical = metaNames.get(name.toLowerCase());
    if (canonical !== undefined && typeof member === 'string') out[canonical] = member;
  }
  return out;
};

/** Puts a value at its path: `urn:…:User` / `manager` / `value`. */
const place = (
  into: Members,
  path: Readonly<{ schema?: string; attribute: string; sub?: string }>,
  value: Json,
): void => {
  const steps = [path.schema, path.attribute, path.sub].filter((step) => step !== undefined);
  const last = steps.pop() as string;
  let at = into;
  for (const step of steps) {
    const next = at[step];
    const below = isObject(next) ? Object.assign(bareObject<Json>(), next) : bareObject<Json>();
    at[step] = below;
    at = below;
  }
  at[last] = value;
};

const readExtension = (
  type: ResourceType,
  schema: string,
  value: JsonObject,
  into: Members,
): void => {
  for (const name of Object.keys(value)) {
    const member = value[name];
    if (member === undefined) continue;
    const resolved = resolveName(type, `${schema}:${name}`);
    const path = resolved?.schema === schema ? resolved : { schema, attribute: name };
    const definition = lookUp(type, path);
    const kept = definition === null ? withoutNulls(member) : readValue(member, definition);
    if (kept !== undefined) place(into, path, kept);
  }
};

const readMember = (type: ResourceType, name: string, value: Json, into: Members): void => {
  const common = commonNames.get(name.toLowerCase());
  if (common !== undefined) {
    const kept = common === 'meta' ? readMeta(value) : withoutNulls(value);
    if (kept !== undefined) into[common] = kept;
    return;
  }
  const path = resolveName(type, name);
  const definition = path === null ? null : lookUp(type, path);
  if (path !== null && definition !== null) {
    const kept = readValue(value, definition);
    if (kept !== undefined) place(into, path, kept);
  } else if (name.includes(':') && isObject(value)) {
    readExtension(type, resolveExtension(type, name) ?? name, value, into);
  } else if (path !== null) {
    const kept = withoutNulls(value);
    if (kept !== undefined) place(into, path, kept);
  }
};

/** The canonical resource a target's JSON stands for. */
export const readResource = (raw: JsonObject, type: ResourceType): Resource => {
  const out = bareObject<Json>();
  for (const name of Object.keys(raw)) {
    const value = raw[name];
    if (value !== undefined) readMember(type, name, value, out);
  }
  return out;
};

/** Is the body an Error message, whatever the HTTP status says (RFC 7644 §3.12)? */
export const isErrorMessage = (body: Json | undefined): boolean => {
  if (!isObject(body)) return false;
  const schemas = body['schemas'];
  return isArray(schemas) && schemas.includes(errorUrn);
};

/** A SCIM 1.1 error, which some 2.0 targets still send: `{"Errors": [{"code": "404", …}]}`. */
const isOldError = (body: JsonObject): boolean => {
  const errors = Object.hasOwn(body, 'Errors') ? body['Errors'] : undefined;
  const list = isArray(errors) ? errors : [errors];
  return list.some(
    (error) => isObject(error) && (error['code'] === '404' || error['code'] === 404),
  );
};

/**
 * Does this 404 prove that the target knows no such resource (C34)? Only an error as SCIM writes it
 * does: its schema, or its `status`, which is a string nowhere else. Routers answer in JSON too.
 */
export const provesAbsence = ({ readable, body }: Answer): boolean =>
  readable &&
  isObject(body) &&
  (isErrorMessage(body) || body['status'] === '404' || isOldError(body));

const member = (object: JsonObject, lower: string): Json | undefined => {
  const found = Object.keys(object).find((name) => name.toLowerCase() === lower);
  return found === undefined ? undefined : object[found];
};

/** The parts of a list answer, repaired. */
type RawList = Omit<ListedPage<never>, 'resources'> & Readonly<{ raw: readonly JsonObject[] }>;

/** A cursor as a target states it (RFC 9865 §2); an empty one is none. */
const asCursor = (value: Json | undefined): string | null =>
  typeof value === 'string' && value !== '' ? value : null;

const isOdd = (cursor: string | null): boolean =>
  cursor !== null && !targetCursorPattern.test(cursor);

const asCount = (value: Json | undefined): number | null => {
  const number = typeof value === 'string' && /^[0-9]{1,10}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : null;
};

/**
 * Reads a ListResponse: `resources` in lower case (T16), a bare array, counts as text or missing. A
 * body without resources is a list only where it says that there are none, and none where a cursor is
 * longer than 4 KiB or no plain text.
 */
export const readRawList = (body: Json | undefined): RawList | null => {
  const cursors = { nextCursor: null, previousCursor: null };
  if (isArray(body)) {
    const raw = body.filter((item) => isObject(item));
    return { totalResults: raw.length, totalStated: false, startIndex: 1, raw, ...cursors };
  }
  if (!isObject(body) || isErrorMessage(body)) return null;
  const listed = member(body, 'resources');
  const total = asCount(member(body, 'totalresults'));
  if (!isArray(listed) && total === null) return null;
  const raw = isArray(listed) ? listed.filter((item) => isObject(item)) : [];
  const startIndex = Math.max(asCount(member(body, 'startindex')) ?? 1, 1);
  const nextCursor = asCursor(member(body, 'nextcursor'));
  const previousCursor = asCursor(member(body, 'previouscursor'));
  // Without its cursor a page would read as the last one.
  if (isOdd(nextCursor) || isOdd(previousCursor)) return null;
  return {
    totalResults: total ?? startIndex - 1 + raw.length,
    totalStated: total !== null,
    startIndex,
    raw,
    nextCursor,
    previousCursor,
  };
};

/** As `readRawList`, with each resource read by its type. */
export const readList = (
  body: Json | undefined,
  type: ResourceType,
): ListedPage<Resource> | null => {
  const list = readRawList(body);
  if (list === null) return null;
  const { raw, ...rest } = list;
  return { ...rest, resources: raw.map((item) => readResource(item, type)) };
};

/**
 * The resource an answer holds, or null: no success, no JSON object, an error or a list in place of a
 * resource. The one reader of before-images.
 */
export const resourceOf = (answer: Answer, type: ResourceType): Resource | null => {
  const { status, readable, body } = answer;
  if (status < 200 || status > 299 || !readable || !isObject(body)) return null;
  if (isErrorMessage(body) || isArray(member(body, 'resources'))) return null;
  return readResource(body, type);
};

/** The id a Location header names: its last segment below the type's endpoint, decoded; or null. */
export const idFromLocation = (headers: Answer['headers'], endpoint: string): string | null => {
  const path = headers['location']?.split(/[?#]/, 1)[0]?.replace(/\/$/, '') ?? '';
  const [parent, last] = path.split('/').slice(-2);
  if (last === undefined || last === '') return null;
  if (parent?.toLowerCase() !== endpoint.toLowerCase()) return null;
  try {
    return decodeURIComponent(last);
  } catch {
    return null;
  }
};
