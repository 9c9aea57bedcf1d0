/**
 * C9: Entra's AppRoleAssignmentsComplex writes a role of a PATCH as JSON text:
 * `{"value": "{\"id\":\"…\",\"value\":\"Admin\",\"displayName\":\"Admin\"}"}`, or that text alone as the
 * element. It is read by the strict parser within tight bounds; text of that shape which is no plain
 * role is refused, because a target might read it as another role than the one that was judged.
 */
import { isRefusal } from '../../errors.ts';
import { parseJson } from '../json.ts';
import { isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { Attribute } from '../scim/schema-model.ts';

/** Longest text of one role, characters. */
const roleTextMax = 4_096;
const limits = { depthMax: 1, nodesMax: 8 } as const;

/** Attributes that Entra maps app roles to. */
const mapped: ReadonlySet<string> = new Set(['roles', 'entitlements']);

/** Member of the text, lower-cased, to the sub-attribute it means; null = the id of the app role. */
const meanings: ReadonlyMap<string, string | null> = new Map([
  ['id', null],
  ['value', 'value'],
  ['displayname', 'display'],
  ['display', 'display'],
  ['type', 'type'],
]);

/** What a role's text means. `malformed`: JSON of that shape, but no plain role. */
export type RoleText = Readonly<{ role: JsonObject }> | 'malformed';

/** Does the text mean to be a JSON object with members? A role named `{admin}` is none. */
const looksLikeObject = /^\s*\{\s*"/;

const readText = (text: string): RoleText | null => {
  if (!looksLikeObject.test(text)) return null;
  const parsed = text.length > roleTextMax ? null : parseJson(text, limits);
  if (parsed === null || isRefusal(parsed) || !isObject(parsed)) return 'malformed';
  const role: Record<string, Json> = {};
  for (const name of Object.keys(parsed)) {
    const sub = meanings.get(name.toLowerCase());
    const value = parsed[name];
    if (sub === undefined || (value !== null && typeof value !== 'string')) return 'malformed';
    if (sub === null || value === null || value === '' || value === undefined) continue;
    if (Object.hasOwn(role, sub) || looksLikeObject.test(value)) return 'malformed';
    role[sub] = value;
  }
  return Object.hasOwn(role, 'value') ? { role } : 'malformed';
};

/** The name an element writes `value` under, in any letter case; undefined where it has none. */
const valueName = (element: JsonObject): string | undefined =>
  Object.keys(element).find((name) => name.toLowerCase() === 'value');

/** The role beside what else its element states; what both state cannot be told. */
const beside = (element: JsonObject, name: string, { role }: { role: JsonObject }): RoleText => {
  const { [name]: _text, ...rest } = element;
  const twice = Object.keys(rest).some((each) => Object.hasOwn(role, each.toLowerCase()));
  return twice ? 'malformed' : { role: { ...rest, ...role } };
};

/**
 * The role that an element of `attribute` holds as text; null where it is no such text, and stays
 * what it is.
 */
export const roleFromText = (element: Json, attribute: Attribute): RoleText | null => {
  if (!attribute.multiValued || !mapped.has(attribute.name)) return null;
  if (typeof element === 'string') return readText(element);
  const name = isObject(element) ? valueName(element) : undefined;
  if (!isObject(element) || name === undefined) return null;
  const text = element[name];
  const read = typeof text === 'string' ? readText(text) : null;
  return read === null || read === 'malformed' ? read : beside(element, name, read);
};
