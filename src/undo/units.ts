/**
 * A resource as the units that undo takes back one by one: a plain attribute, a part of a complex one,
 * an element of a set. What one hand wrote in a unit is taken back without touching what another wrote
 * beside it. Where elements cannot be told apart the whole attribute is one unit. Pure.
 */
import { isArray, isObject, type Json, type JsonObject } from '../identity/json-value.ts';
import type { AttributeName } from '../identity/operation.ts';
import { valueAt } from '../identity/scim/diff.ts';
import { valueKey } from '../identity/scim/element-keys.ts';
import { equalValues, refersToResources } from '../identity/scim/equality.ts';
import { writablePart } from '../identity/scim/replace.ts';
import type { Attribute, Resource, ResourceType } from '../identity/scim/schema-model.ts';
import { attributeName, lookUp, resolveExtension } from '../identity/scim/schemas.ts';

/** An attribute at the top of a resource or of an extension. */
export type Top = Readonly<{ schema?: string; attribute: string }>;

/** One unit of a resource. */
export type Unit = Readonly<{
  /** Tells units of one resource apart. */
  key: string;
  top: Top;
  /** Part of a complex attribute. */
  sub: string | null;
  /** Element of a set, by its `value` as it compares. */
  element: string | null;
  /** Rule-spelled name: `name.givenName`, `members`. */
  name: AttributeName;
}>;

/** What a change made of one unit; undefined = not there. Read-only parts and `$ref` are left out. */
export type Delta = Readonly<{ unit: Unit; from: Json | undefined; to: Json | undefined }>;

const keyOf = ({ schema, attribute }: Top): string => `${schema?.toLowerCase() ?? ''} ${attribute}`;

/** The key of a whole attribute: what an unknown change of it bears upon. */
export const topKey = keyOf;

/** The key of the attribute to which a unit belongs. */
export const topKeyOf = ({ top }: Unit): string => keyOf(top);

const unitOf = (top: Top, part: Partial<Pick<Unit, 'sub' | 'element'>> = {}): Unit => {
  const { sub = null, element = null } = part;
  return {
    key: `${keyOf(top)}${sub === null ? '' : `.${sub}`}${element === null ? '' : `[${element}]`}`,
    top,
    sub,
    element,
    name: attributeName(sub === null ? top : { ...top, sub }),
  };
};

/** Members that are no attributes, or that nobody writes. */
const unwritten: ReadonlySet<string> = new Set(['schemas', 'id', 'meta']);

const isExtension = (type: ResourceType, name: string, value: Json | undefined): boolean =>
  name.includes(':') && (resolveExtension(type, name) !== null || isObject(value));

const topsOf = (resource: Resource, type: ResourceType): readonly Top[] =>
  Object.keys(resource).flatMap((name): readonly Top[] => {
    const value = resource[name];
    if (unwritten.has(name)) return [];
    if (!isExtension(type, name, value) || !isObject(value)) return [{ attribute: name }];
    const schema = resolveExtension(type, name) ?? name;
    return Object.keys(value).map((attribute) => ({ schema, attribute }));
  });

const isActive = (type: ResourceType, { schema, attribute }: Top): boolean =>
  type.word === 'users' && schema === undefined && attribute === 'active';

/** An account of which nothing is said is in force: many targets show `active` only once it was set. */
const read = (resource: Resource, type: ResourceType, top: Top): Json | undefined =>
  valueAt(resource, top) ?? (isActive(type, top) ? true : undefined);

/** Elements by key, or null where two of them cannot be told apart. */
const keyed = (value: Json | undefined, attribute: Attribute): Map<string, JsonObject> | null => {
  const byKey = new Map<string, JsonObject>();
  for (const element of isArray(value) ? value : []) {
    const key = valueKey(element, attribute);
    if (key === null || !isObject(element) || byKey.has(key)) return null;
    byKey.set(key, element);
  }
  return byKey;
};

const byElement = (attribute: Attribute | null): attribute is Attribute =>
  attribute?.multiValued === true && attribute.sub?.['value'] !== undefined;

const byPart = (attribute: Attribute | null): boolean =>
  attribute?.multiValued === false && attribute.sub !== undefined && !refersToResources(attribute);

const valueOf = (value: Json | undefined): Json | undefined =>
  isObject(value) ? value['value'] : value;

/**
 * Are these the same of a unit? As they are written, for undo must not take a hand's spelling for
 * another's; sets have no order, and what refers to a resource is told by its `value` alone.
 */
export const isSame = (
  left: Json | undefined,
  right: Json | undefined,
  type: ResourceType,
  { top }: Unit,
): boolean =>
  refersToResources(lookUp(type, top)) && !isArray(left) && !isArray(right)
    ? equalValues(valueOf(left), valueOf(right), null)
    : equalValues(left, right, null);

const namesOf = (left: Json | undefined, right: Json | undefined): ReadonlySet<string> =>
  new Set([left, right].flatMap((value) => (isObject(value) ? Object.keys(value) : [])));

const partsOf = (top: Top, from: Json | undefined, to: Json | undefined): readonly Delta[] =>
  [...namesOf(from, to)].map((sub) => ({
    unit: unitOf(top, { sub }),
    from: isObject(from) ? from[sub] : undefined,
    to: isObject(to) ? to[sub] : undefined,
  }));

const elementsOf = (
  top: Top,
  from: ReadonlyMap<string, JsonObject>,
  to: ReadonlyMap<string, JsonObject>,
): readonly Delta[] => {
  const deltas: Delta[] = [];
  for (const [element, was] of from) {
    deltas.push({ unit: unitOf(top, { element }), from: was, to: to.get(element) });
  }
  for (const [element, is] of to) {
    if (!from.has(element)) {
      deltas.push({ unit: unitOf(top, { element }), from: undefined, to: is });
    }
  }
  return deltas;
};

const deltasAt = (
  before: Resource,
  after: Resource,
  type: ResourceType,
  top: Top,
): readonly Delta[] => {
  const from = read(before, type, top);
  const to = read(after, type, top);
  if (from === to) return [];
  const attribute = lookUp(type, top);
  if (byElement(attribute)) {
    const gone = keyed(from, attribute);
    const come = keyed(to, attribute);
    if (gone !== null && come !== null) return elementsOf(top, gone, come);
  }
  return byPart(attribute) ? partsOf(top, from, to) : [{ unit: unitOf(top), from, to }];
};

/** What turns `before` into `after`, unit by unit; what nobody may write does not count. */
export const deltasOf = (
  before: Resource,
  after: Resource,
  type: ResourceType,
): readonly Delta[] => {
  const was = writablePart(before, type);
  const is = writablePart(after, type);
  const tops = new Map<string, Top>();
  for (const top of [...topsOf(was, type), ...topsOf(is, type)]) tops.set(keyOf(top), top);
  return [...tops.values()]
    .flatMap((top) => deltasAt(was, is, type, top))
    .filter(({ unit, from, to }) => !isSame(from, to, type, unit));
};

/** Reads units of one resource; `undefined` where the unit is not there. */
export type Reader = Readonly<{
  read(unit: Unit): Json | undefined;
  /** False where the unit is an element of a set whose elements cannot be told apart now. */
  tells(unit: Unit): boolean;
}>;

/** A reader over a resource as it is now. */
export const readerOf = (resource: Resource, type: ResourceType): Reader => {
  const written = writablePart(resource, type);
  const sets = new Map<string, Map<string, JsonObject> | null>();
  const setOf = ({ top }: Unit): Map<string, JsonObject> | null => {
    const key = keyOf(top);
    const known = sets.get(key);
    if (known !== undefined) return known;
    const attribute = lookUp(type, top);
    const made = attribute === null ? null : keyed(valueAt(written, top), attribute);
    sets.set(key, made);
    return made;
  };
  return {
    tells: (unit) => unit.element === null || setOf(unit) !== null,
    read: (unit) => {
      if (unit.element !== null) return setOf(unit)?.get(unit.element);
      const value = read(written, type, unit.top);
      if (unit.sub === null) return value;
      return isObject(value) ? value[unit.sub] : undefined;
    },
  };
};

type Members = Record<string, Json | undefined>;

const copyOf = (value: Json | undefined): Members => ({ ...(isObject(value) ? value : {}) });

const putTop = (into: Members, { schema, attribute }: Top, value: Json | undefined): void => {
  if (schema === undefined) {
    if (value === undefined) delete into[attribute];
    else into[attribute] = value;
    return;
  }
  const folded = schema.toLowerCase();
  const key = Object.keys(into).find((name) => name.toLowerCase() === folded) ?? schema;
  const below = copyOf(into[key]);
  if (value === undefined) delete below[attribute];
  else below[attribute] = value;
  if (Object.keys(below).length === 0) delete into[key];
  else into[key] = below;
};

/** A unit and the value it is to have. */
export type Wish = Readonly<{ unit: Unit; value: Json | undefined }>;

const withParts = (value: Json | undefined, wishes: readonly Wish[]): Json | undefined => {
  const next = copyOf(value);
  for (const { unit, value: part } of wishes) {
    if (part === undefined) delete next[unit.sub ?? ''];
    else next[unit.sub ?? ''] = part;
  }
  return Object.keys(next).length === 0 ? undefined : next;
};

const withElements = (
  value: Json | undefined,
  wishes: readonly Wish[],
  attribute: Attribute,
): Json | undefined => {
  const left = new Map(wishes.map((wish) => [wish.unit.element, wish.value]));
  const out: Json[] = [];
  for (const element of isArray(value) ? value : []) {
    const key = valueKey(element, attribute);
    if (key === null || !left.has(key)) out.push(element);
    else {
      const wanted = left.get(key);
      if (wanted !== undefined) out.push(wanted);
      left.delete(key);
    }
  }
  for (const wanted of left.values()) if (wanted !== undefined) out.push(wanted);
  return out.length === 0 ? undefined : out;
};

/** What of a resource may be written, with these units as they are wished. */
export const withUnits = (
  resource: Resource,
  wishes: readonly Wish[],
  type: ResourceType,
): Resource => {
  const out: Members = { ...writablePart(resource, type) };
  const byTop = Map.groupBy(wishes, ({ unit }) => keyOf(unit.top));
  for (const group of byTop.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const { top } = first.unit;
    const attribute = lookUp(type, top);
    const value = valueAt(out, top);
    if (first.unit.element !== null && attribute !== null) {
      putTop(out, top, withElements(value, group, attribute));
    } else if (first.unit.sub !== null) putTop(out, top, withParts(value, group));
    else putTop(out, top, first.value);
  }
  return out;
};
