/**
 * The changes that turn one resource into another: singular attributes by sub-attribute, sets by
 * element, so that what is not meant is not touched and each change needs no more right than it
 * should. Where elements cannot be told apart by their value, the whole set is replaced.
 */
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import { hasValue, valueKey } from './element-keys.ts';
import type { Parted } from './elements.ts';
import { equalValues, refersToResources, sameJson } from './equality.ts';
import type { Attribute, Change, Path, Resource, ResourceType } from './schema-model.ts';
import { lookUp, resolveExtension } from './schemas.ts';

/** How close the result must come. `exact` restores every sub-attribute, read-only ones included. */
type Exactness = 'exact' | 'meant';

type Pair = Readonly<{
  path: Path;
  attribute: Attribute | null;
  before: Json | undefined;
  after: Json | undefined;
  exactness: Exactness;
  /** Where the lists part, if that is known. */
  parted: Parted | null;
}>;

const subsOf = (pair: Pair, ...values: readonly JsonObject[]): readonly string[] => {
  const names = new Set(values.flatMap((value) => Object.keys(value)));
  if (pair.exactness === 'exact') return [...names];
  return [...names].filter(
    (name) => pair.attribute?.sub?.[name.toLowerCase()]?.mutability !== 'readOnly',
  );
};

const changeTo = (path: Path, value: Json | undefined): Change =>
  value === undefined ? { op: 'remove', path } : { op: 'replace', path, value };

/** One singular complex value: only the sub-attributes that differ. */
const diffComplex = (pair: Pair, before: JsonObject, after: JsonObject): readonly Change[] => {
  const { path, attribute } = pair;
  const differing = subsOf(pair, before, after).filter(
    (name) => !sameJson(before[name], after[name]),
  );
  // Many targets know `manager` but not `manager.value` (T27).
  const together = refersToResources(attribute) && path.filter === undefined;
  const assigned = differing.filter((name) => after[name] !== undefined);
  const removed = differing.filter((name) => after[name] === undefined);
  const changes = removed.map((sub): Change => ({ op: 'remove', path: { ...path, sub } }));
  if (together && assigned.length > 0) {
    const value = Object.fromEntries(assigned.map((name) => [name, after[name] as Json]));
    changes.push({ op: 'replace', path, value });
  } else {
    for (const sub of assigned) {
      changes.push({ op: 'replace', path: { ...path, sub }, value: after[sub] as Json });
    }
  }
  return changes;
};

/** From where up to where, as indexes. */
type Run = readonly [from: number, to: number];

/** Lists from a place on. */
type Rest = Readonly<{ list: readonly Json[]; at: number }>;

/** Where two lists that differ run together again, as steps on either side; null = not found. */
const rejoin = (before: Rest, after: Rest, looks: number): Run | null => {
  const old = before.list[before.at];
  const next = after.list[after.at];
  const longest = Math.max(before.list.length - before.at, after.list.length - after.at);
  for (let step = 1; step < longest && step <= looks; step += 1) {
    const left = before.list[before.at + step];
    const right = after.list[after.at + step];
    if (left === right) return [step, step];
    if (left === next) return [step, 0];
    if (right === old) return [0, step];
  }
  return null;
};

/**
 * Walks both lists side by side and passes what they share by reference. Where they part, the place
 * where they run together again is looked for, as often in all as there are elements. What is missed
 * counts as not shared, which costs time and changes nothing.
 */
const partLists = (
  before: readonly Json[],
  after: readonly Json[],
  attribute: Attribute,
): Parted => {
  const gone: Json[] = [];
  const come: Json[] = [];
  const shared: Run[] = [];
  let looks = before.length + after.length;
  let left = 0;
  let right = 0;
  while (left < before.length && right < after.length) {
    const from = left;
    while (left < before.length && before[left] === after[right]) {
      left += 1;
      right += 1;
    }
    if (left > from) shared.push([from, left]);
    const found = rejoin({ list: before, at: left }, { list: after, at: right }, looks);
    looks = found === null ? 0 : looks - Math.max(...found);
    const [steps, others] = found ?? [1, 1];
    for (const end = Math.min(left + steps, before.length); left < end; left += 1) {
      gone.push(before[left] as Json);
    }
    for (const end = Math.min(right + others, after.length); right < end; right += 1) {
      come.push(after[right] as Json);
    }
  }
  for (; left < before.length; left += 1) gone.push(before[left] as Json);
  for (; right < after.length; right += 1) come.push(after[right] as Json);
  const shares = (values: ReadonlySet<string>): boolean =>
    values.size > 0 && shared.some((run) => hasValue(before, attribute, values, run));
  return { gone, come, shares };
};

const keyed = (elements: readonly Json[], attribute: Attribute): Map<string, JsonObject> | null => {
  const byKey = new Map<string, JsonObject>();
  for (const element of elements) {
    const key = valueKey(element, attribute);
    if (key === null || !isObject(element) || byKey.has(key)) return null;
    byKey.set(key, element);
  }
  return byKey;
};

const primaries = (elements: readonly Json[]): number => {
  let count = 0;
  for (const element of elements) if (isObject(element) && element['primary'] === true) count += 1;
  return count;
};

const elementPath = (path: Path, element: JsonObject): Path => ({
  ...path,
  filter: {
    kind: 'compare',
    path: { attribute: 'value' },
    operator: 'eq',
    value: element['value'] as string,
  },
});

const makesPrimary = (change: Change): boolean =>
  change.op === 'replace' && change.path.sub === 'primary' && change.value === true;

/** Changes by element, or null where elements cannot be told apart. */
const diffElements = (
  pair: Pair,
  before: readonly Json[],
  after: readonly Json[],
): readonly Change[] | null => {
  const { path, attribute, exactness } = pair;
  if (attribute?.sub?.['value'] === undefined) return null;
  if (attribute.sub['primary'] !== undefined && primaries(after) > 1) return null;
  const parted = pair.parted ?? partLists(before, after, attribute);
  const gone = keyed(parted.gone, attribute);
  const come = keyed(parted.come, attribute);
  if (gone === null || come === null) return null;
  if (parted.shares(new Set([...gone.keys(), ...come.keys()]))) return null;
  const removes: Change[] = [];
  const updates: Change[] = [];
  const byValueAlone = exactness === 'meant' && refersToResources(attribute);
  for (const [key, element] of gone) {
    const other = come.get(key);
    const place = elementPath(path, element);
    if (other === undefined) removes.push({ op: 'remove', path: place });
    else if (!byValueAlone && !sameJson(element, other))
      updates.push(...diffComplex({ ...pair, path: place }, element, other));
  }
  const added = [...come].filter(([key]) => !gone.has(key)).map(([, element]) => element);
  // A new primary element comes last: it clears the others, which must have said so before.
  const others = updates.filter((change) => !makesPrimary(change));
  const changes = [...removes, ...others, ...updates.filter(makesPrimary)];
  return added.length === 0 ? changes : [...changes, { op: 'add', path, value: added }];
};

const diffList = (pair: Pair, before: readonly Json[], after: readonly Json[]) => {
  const byElement = diffElements(pair, before, after);
  if (byElement !== null) return byElement;
  if (sameJson(before, after)) return [];
  // Sets have no order; an unordered comparison that keeps letter case.
  if (pair.exactness === 'meant' && equalValues(before, after, null)) return [];
  return [changeTo(pair.path, after.length === 0 ? undefined : after)];
};

/** The changes that turn one attribute's value into another. */
const diffAttribute = (pair: Pair): readonly Change[] => {
  const { path, attribute, before, after } = pair;
  if (before === after) return [];
  if (attribute?.multiValued === true) {
    return diffList(pair, isArray(before) ? before : [], isArray(after) ? after : []);
  }
  if (attribute?.sub !== undefined && isObject(before) && isObject(after)) {
    return diffComplex(pair, before, after);
  }
  return sameJson(before, after) ? [] : [changeTo(path, after)];
};

const memberOf = (value: Json | undefined, name: string): Json | undefined =>
  isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;

/** The value of an attribute, its extension's URN in any letter case. */
export const valueAt = (
  resource: Resource,
  { schema, attribute }: Pick<Path, 'schema' | 'attribute'>,
): Json | undefined => {
  if (schema === undefined) return memberOf(resource, attribute);
  if (Object.hasOwn(resource, schema)) return memberOf(resource[schema], attribute);
  const folded = schema.toLowerCase();
  const key = Object.keys(resource).find((name) => name.toLowerCase() === folded);
  return key === undefined ? undefined : memberOf(resource[key], attribute);
};

/**
 * As diffResources for these attributes alone, and exact in every sub-attribute. `parted` answers where
 * the lists of one part, as far as that is known already.
 */
export const diffExactly = (
  before: Resource,
  after: Resource,
  type: ResourceType,
  paths: readonly Pick<Path, 'schema' | 'attribute'>[],
  parted: (path: Pick<Path, 'schema' | 'attribute'>) => Parted | null,
): readonly Change[] =>
  paths.flatMap((path) =>
    diffAttribute({
      path,
      attribute: lookUp(type, path),
      before: valueAt(before, path),
      after: valueAt(after, path),
      exactness: 'exact',
      parted: parted(path),
    }),
  );

const isExtension = (type: ResourceType, name: string, value: Json | undefined): boolean =>
  name.includes(':') && (resolveExtension(type, name) !== null || isObject(value));

const pathsOf = (resource: Resource, type: ResourceType): readonly Path[] =>
  Object.keys(resource).flatMap((name): readonly Path[] => {
    const value = resource[name];
    if (!isExtension(type, name, value) || !isObject(value)) return [{ attribute: name }];
    const schema = resolveExtension(type, name) ?? name;
    return Object.keys(value).map((attribute) => ({ schema, attribute }));
  });

/**
 * The canonical changes that turn `before` into `after`, both canonical: what `after` lacks is
 * removed. Read-only attributes and `schemas` do not count. Elements that refer to resources count
 * as equal where their `value` is (C25). Elements are added in one change and removed one by one.
 */
export const diffResources = (
  before: Resource,
  after: Resource,
  type: ResourceType,
): readonly Change[] => {
  const paths = new Map<string, Path>();
  for (const path of [...pathsOf(before, type), ...pathsOf(after, type)]) {
    const key = `${path.schema?.toLowerCase() ?? ''} ${path.attribute}`;
    if (path.attribute !== 'schemas' && !paths.has(key)) paths.set(key, path);
  }
  const changes: Change[] = [];
  for (const path of paths.values()) {
    const attribute = lookUp(type, path);
    if (attribute?.mutability === 'readOnly') continue;
    changes.push(
      ...diffAttribute({
        path,
        attribute,
        before: valueAt(before, path),
        after: valueAt(after, path),
        exactness: 'meant',
        parted: null,
      }),
    );
  }
  return changes;
};
