/**
 * Copies: names of one resource that another one shows (`members[].display`, `groups[].display`,
 * `manager.displayName`, RFC 7643 §4). Who may not read a name may not read its copy either, nor ask
 * by it. One table says where copies stand and whose names they repeat; schemas add their own.
 */
import { bareCopy, isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { AttributeName, Projection } from '../operation.ts';
import type { Attribute, AttributePath, Resource, ResourceType } from './schema-model.ts';
import { attributeName, lookUp, resolveName } from './schemas.ts';

/** What a caller may know of the names of resources. A kind is a type or endpoint, `User`, `Users`. */
export interface CopyScope {
  /** May it read each name such a resource goes by? `name`: the copy itself; null = of any. */
  mayName(kind: string, name: string | null): boolean;
  /** Is there a group of that name to it? Null = its grants restrict no group by name. */
  readonly knowsGroup: ((displayName: string) => boolean) | null;
}

/** For the gateway's own eyes: every name may be known. */
export const openCopies: CopyScope = Object.freeze({ mayName: () => true, knowsGroup: null });

/** Attributes a resource goes by, which copies repeat: by resource word, elsewhere `displayName`. */
export const namesCopied = (word: string): readonly AttributeName[] =>
  copiedNames.get(word) ?? copiedElsewhere;
const copiedNames: ReadonlyMap<string, readonly AttributeName[]> = new Map([
  ['users', ['displayName', 'userName', 'name.formatted']],
]);
const copiedElsewhere: readonly AttributeName[] = ['displayName'];

/** A place where names are repeated, and the kinds of resources whose names they are. */
type Copy = Readonly<{ path: AttributePath & Readonly<{ sub: string }>; of: readonly string[] }>;

const enterpriseUser = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

/** Copies of RFC 7643, by the resource word that holds them. */
const copiesByWord: ReadonlyMap<string, readonly Copy[]> = new Map([
  ['groups', [{ path: { attribute: 'members', sub: 'display' }, of: ['User', 'Group'] }]],
  [
    'users',
    [
      { path: { attribute: 'groups', sub: 'display' }, of: ['Group'] },
      { path: { schema: enterpriseUser, attribute: 'manager', sub: 'displayName' }, of: ['User'] },
    ],
  ],
]);

/** Sub-attributes that repeat a name where they stand beside a `$ref`. */
const copyParts: ReadonlySet<string> = new Set(['display', 'displayname']);
/** Kinds of reference that lead to no resource (RFC 7643 §7). */
const outsideKinds: ReadonlySet<string> = new Set(['external', 'uri']);

const sameAttribute = (one: AttributePath, other: AttributePath): boolean =>
  one.attribute.toLowerCase() === other.attribute.toLowerCase() &&
  one.schema?.toLowerCase() === other.schema?.toLowerCase();

/** Copies of an attribute that a schema declares: a display beside a reference to resources. */
const declaredIn = (path: AttributePath, { sub }: Attribute): readonly Copy[] => {
  const kinds = (sub?.['$ref']?.referenceTypes ?? []).filter((kind) => !outsideKinds.has(kind));
  return kinds.length === 0
    ? []
    : Object.values(sub ?? {})
        .filter(({ name }) => copyParts.has(name.toLowerCase()))
        .map(({ name }) => ({ path: { ...path, sub: name }, of: kinds }));
};

const copiesKnown = new WeakMap<ResourceType, readonly Copy[]>();

const copiesOf = (type: ResourceType): readonly Copy[] => {
  const known = copiesKnown.get(type);
  if (known !== undefined) return known;
  const rows = copiesByWord.get(type.word) ?? [];
  const declared = [type.schema, ...Object.values(type.extensions)].flatMap((schema, position) =>
    Object.values(schema.attributes).flatMap((attribute) => {
      const path = { ...(position === 0 ? {} : { schema: schema.id }), attribute: attribute.name };
      return rows.some((row) => sameAttribute(row.path, path)) ? [] : declaredIn(path, attribute);
    }),
  );
  const copies = Object.freeze([...rows, ...declared]);
  copiesKnown.set(type, copies);
  return copies;
};

const isOpen = ({ of }: Copy, scope: CopyScope): boolean =>
  of.every((kind) => scope.mayName(kind, null));

/** May the caller read every copy that a resource of this type can hold? */
export const seesEveryCopy = (type: ResourceType, scope: CopyScope): boolean =>
  (type.word !== 'users' || scope.knowsGroup === null) &&
  copiesOf(type).every((copy) => isOpen(copy, scope));

const coversName = (outer: AttributeName, inner: AttributeName): boolean =>
  inner === outer || inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}:`);

/**
 * Would asking by this attribute (in a filter, an order, a PATCH path) ask for a copy the caller may
 * not read, or for groups that do not exist to it? A container asks for all it holds.
 */
export const asksForCopy = (name: AttributeName, type: ResourceType, scope: CopyScope): boolean => {
  const groups = type.word === 'users' && coversName('groups', name);
  if (groups && scope.knowsGroup !== null) return true;
  const touched = copiesOf(type).filter(({ path }) => coversName(name, attributeName(path)));
  if (touched.some((copy) => !isOpen(copy, scope))) return true;
  const path = resolveName(type, name);
  if (path?.sub === undefined || !copyParts.has(path.sub.toLowerCase())) return false;
  // Nobody gave it a meaning, so whose name it repeats cannot be told.
  return lookUp(type, topOf(path)) === null && !anyKind.every((kind) => scope.mayName(kind, null));
};
const anyKind = ['User', 'Group'] as const;

const topOf = ({ schema, attribute }: AttributePath): AttributePath =>
  schema === undefined ? { attribute } : { schema, attribute };

/** Kind of resource a `$ref` leads to: the segment before its id. */
const kindOfLink = (link: Json | undefined): string | null =>
  typeof link === 'string'
    ? (/(?:^|\/)([A-Za-z][A-Za-z0-9]*)\/[^/]+\/?$/.exec(link)?.[1] ?? null)
    : null;

/** Kinds an element may refer to: what its `type` says, else its `$ref`, else all it could be. */
const kindsOf = (element: JsonObject, of: readonly string[]): readonly string[] => {
  const { type: stated } = element;
  const named =
    typeof stated === 'string'
      ? of.find((kind) => kind.toLowerCase() === stated.toLowerCase())
      : undefined;
  if (named !== undefined) return [named];
  const linked = kindOfLink(element['$ref']);
  return linked === null || of.length === 1 ? of : [linked];
};

const without = (element: JsonObject, part: string): JsonObject => {
  const { [part]: _hidden, ...rest } = element;
  return bareCopy(rest);
};

type Strip = (element: JsonObject) => JsonObject | null;

const stripEach = (value: Json, strip: Strip): Json | undefined => {
  if (isObject(value)) return strip(value) ?? undefined;
  if (!isArray(value)) return value;
  let same = true;
  const out: Json[] = [];
  for (const element of value) {
    const left = isObject(element) ? strip(element) : element;
    if (left !== element) same = false;
    if (left !== null || element === null) out.push(left);
  }
  if (same) return value;
  return out.length === 0 ? undefined : out;
};

const hideCopy =
  (part: string, of: readonly string[], scope: CopyScope): Strip =>
  (element) => {
    const name = Object.hasOwn(element, part) ? element[part] : undefined;
    if (name === undefined) return element;
    const text = typeof name === 'string' ? name : null;
    const known = kindsOf(element, of).every((kind) => scope.mayName(kind, text));
    return known ? element : without(element, part);
  };

/** A name beside a `$ref` in an attribute nobody gave a meaning: a copy of what it leads to. */
const hideUndeclared =
  (scope: CopyScope): Strip =>
  (element) => {
    if (!Object.hasOwn(element, '$ref')) return element;
    const kind = kindOfLink(element['$ref']);
    let out = element;
    for (const part of Object.keys(element)) {
      const name = element[part];
      if (!copyParts.has(part.toLowerCase())) continue;
      const text = typeof name === 'string' ? name : null;
      if (kind === null || !scope.mayName(kind, text)) out = without(out, part);
    }
    return out;
  };

const hideGroups =
  (knows: (displayName: string) => boolean): Strip =>
  (element) => {
    const name = Object.hasOwn(element, 'display') ? element['display'] : undefined;
    return typeof name === 'string' && knows(name) ? element : null;
  };

const stripsOf = (path: AttributePath, type: ResourceType, scope: CopyScope): readonly Strip[] => {
  const copies = copiesOf(type).filter((copy) => sameAttribute(copy.path, path));
  const { knowsGroup } = scope;
  const groups = type.word === 'users' && path.schema === undefined && path.attribute === 'groups';
  return [
    ...(groups && knowsGroup !== null ? [hideGroups(knowsGroup)] : []),
    ...copies.map(({ path: { sub }, of }) => hideCopy(sub, of, scope)),
    ...(copies.length === 0 && lookUp(type, path) === null ? [hideUndeclared(scope)] : []),
  ];
};

const stripAttribute = (value: Json, strips: readonly Strip[]): Json | undefined => {
  let left: Json | undefined = value;
  for (const strip of strips) if (left !== undefined) left = stripEach(left, strip);
  return left;
};

type StripsAt = (path: AttributePath) => readonly Strip[];

const stripBelow = (
  value: JsonObject,
  schema: string | undefined,
  stripsAt: StripsAt,
): JsonObject => {
  let out: Record<string, Json | undefined> | null = null;
  for (const name of Object.keys(value)) {
    const member = value[name];
    if (typeof member !== 'object' || member === null) continue;
    const left =
      schema === undefined && name.includes(':') && isObject(member)
        ? stripBelow(member, name, stripsAt)
        : stripAttribute(
            member,
            stripsAt(schema === undefined ? { attribute: name } : { schema, attribute: name }),
          );
    if (left === member) continue;
    out ??= bareCopy(value);
    if (left === undefined) delete out[name];
    else out[name] = left;
  }
  return out ?? value;
};

/** Attributes whose strips are kept: names come from targets, so they have an end. */
const stripsKeptMax = 1_000;

/**
 * Takes out of resources of one type the copies of names that the caller may not read, and of users
 * the groups that do not exist to it; a group without a name cannot be judged and goes. Gives the
 * same object back where nothing goes.
 */
export const foreignNamesHider = (
  type: ResourceType,
  scope: CopyScope,
): ((resource: Resource) => Resource) => {
  if (scope === openCopies) return (resource) => resource;
  const known = new Map<string, readonly Strip[]>();
  const stripsAt: StripsAt = (path) => {
    const name = attributeName(path);
    const found = known.get(name);
    if (found !== undefined) return found;
    const strips = stripsOf(path, type, scope);
    if (known.size < stripsKeptMax) known.set(name, strips);
    return strips;
  };
  return (resource) => stripBelow(resource, undefined, stripsAt);
};

/**
 * The projection as it is asked of the target: with the parts by which copies are judged, so that
 * `attributes=groups.value` does not lose the groups that the caller may see.
 */
export const withJudgedParts = (
  projection: Projection,
  type: ResourceType,
  scope: CopyScope,
): Projection => {
  const parts = judgedParts.get(type.word) ?? [];
  if (scope === openCopies || parts.length === 0 || seesEveryCopy(type, scope)) return projection;
  const { attributes, excluded } = projection;
  if (excluded !== undefined) {
    const left = excluded.filter((name) => !parts.includes(name));
    return left.length === 0 ? {} : { excluded: left };
  }
  const missing = parts.filter((part) => {
    const above = part.slice(0, part.indexOf('.'));
    return (
      attributes?.some((name) => name.startsWith(`${above}.`)) === true &&
      !attributes.includes(above) &&
      !attributes.includes(part)
    );
  });
  return missing.length === 0 ? projection : { attributes: [...(attributes ?? []), ...missing] };
};
const judgedParts: ReadonlyMap<string, readonly AttributeName[]> = new Map([
  ['users', ['groups.display']],
  ['groups', ['members.type']],
]);
