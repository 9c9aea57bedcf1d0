/**
 * Brings a mutation that was decided into what the target takes: attributes it does not know are left
 * out, of several values one is kept, what never changes is refused, a create gets its defaults and
 * must have what is required (rows T3, T9, T12, T16, T17, T20). What was adapted is told as a repair.
 */
import { isRefusal, refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import type { Knobs } from '../dialects/knobs.ts';
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { Mutation } from '../operation.ts';
import { valueAt } from './diff.ts';
import { applyChanges, equalValues } from './patch.ts';
import { replacedBy } from './replace.ts';
import type {
  AttributePath,
  Change,
  Path,
  Repair,
  Resource,
  ResourceType,
} from './schema-model.ts';
import { attributeName, lookUp, resolveName } from './schemas.ts';
import { topOf } from './write-knobs.ts';

/** A mutation with its facts, as far as sending it is concerned. */
export type Writing = Readonly<{
  operation: Mutation;
  /** Changes it makes to the current resource; null for a create, and a delete that is one. */
  changes: readonly Change[] | null;
  /** The current resource; null where it is not known, or there is none. */
  before: Resource | null;
  after: Resource | null;
  /** Of a PATCH: what takes its changes back; null where the current resource is not known. */
  inverse?: readonly Change[] | null;
  /** Whole resource to send: create and replace. */
  resource: Resource | null;
}>;

type Members = Record<string, Json | undefined>;

const namesOf = (
  lists: Readonly<Record<string, readonly string[]>>,
  type: ResourceType,
): readonly string[] => (Object.hasOwn(lists, type.word) ? (lists[type.word] ?? []) : []);

const repairOf = (row: string, path: string, note: string): Repair => ({ row, path, note });

/** Names that were left out, each once. */
type LeftOut = Set<string>;

/** A value without the sub-attributes that are left out; undefined where nothing stays. */
const withoutSubs = (
  value: Json,
  prefix: string,
  names: ReadonlySet<string>,
  out: LeftOut,
): Json | undefined => {
  if (isArray(value)) {
    const kept = value
      .map((element) => withoutSubs(element, prefix, names, out))
      .filter((element) => element !== undefined);
    return kept.length === 0 && value.length > 0 ? undefined : kept;
  }
  if (!isObject(value)) return value;
  const gone = Object.keys(value).filter((sub) => names.has(`${prefix}.${sub}`));
  if (gone.length === 0) return value;
  for (const sub of gone) out.add(`${prefix}.${sub}`);
  const kept = Object.entries(value).filter(([sub]) => !gone.includes(sub));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
};

/** The name under which a path is left out, or null. */
const leftOutBy = (path: Path, names: ReadonlySet<string>): string | null => {
  const top = attributeName(topOf(path));
  if (path.schema !== undefined && names.has(path.schema)) return top;
  if (names.has(top)) return top;
  const whole = path.sub === undefined ? top : `${top}.${path.sub}`;
  return names.has(whole) ? whole : null;
};

const leaveOutOfChanges = (
  changes: readonly Change[],
  names: ReadonlySet<string>,
  out: LeftOut,
): readonly Change[] =>
  changes.flatMap((change): readonly Change[] => {
    const gone = leftOutBy(change.path, names);
    if (gone !== null) {
      out.add(gone);
      return [];
    }
    if (change.op === 'remove' || change.path.sub !== undefined) return [change];
    const value = withoutSubs(change.value, attributeName(topOf(change.path)), names, out);
    if (value === change.value) return [change];
    return value === undefined ? [] : [{ ...change, value }];
  });

/** Each attribute of a resource, core and extension, through `change`; undefined takes it out. */
const mapAttributes = (
  resource: Resource,
  change: (value: Json, path: AttributePath) => Json | undefined,
): Resource => {
  const out: Members = Object.create(null) as Members;
  for (const [name, value] of Object.entries(resource)) {
    if (value === undefined) continue;
    if (name === 'schemas' || name === 'id' || name === 'meta') out[name] = value;
    else if (name.includes(':') && isObject(value)) {
      const inner: [string, Json][] = Object.entries(value).flatMap(([attribute, member]) => {
        const next = member === undefined ? undefined : change(member, { schema: name, attribute });
        return next === undefined ? [] : [[attribute, next]];
      });
      if (inner.length > 0) out[name] = Object.fromEntries(inner);
    } else {
      const next = change(value, { attribute: name });
      if (next !== undefined) out[name] = next;
    }
  }
  return out;
};

const leaveOutOfResource = (
  resource: Resource,
  names: ReadonlySet<string>,
  out: LeftOut,
): Resource =>
  mapAttributes(resource, (value, path) => {
    const gone = leftOutBy(path, names);
    if (gone === null) return withoutSubs(value, attributeName(path), names, out);
    out.add(gone);
    return undefined;
  });

/** T3: the primary element, else the first. */
const keptOf = (elements: readonly Json[]): Json | undefined =>
  elements.find((element) => isObject(element) && element['primary'] === true) ?? elements[0];

const isMany = (value: Json | undefined): value is readonly Json[] =>
  isArray(value) && value.length > 1;

const keepOneInResource = (
  resource: Resource,
  names: ReadonlySet<string>,
  repairs: Repair[],
): Resource =>
  mapAttributes(resource, (value, path) => {
    const name = attributeName(path);
    if (!names.has(name) || !isMany(value)) return value;
    repairs.push(repairOf('T3', name, 'one of several values kept'));
    const kept = keptOf(value);
    return kept === undefined ? undefined : [kept];
  });

/** The changes with one value for an attribute of which several would be there. */
const keepOneInChanges = (
  { operation: { type }, before, after }: Writing,
  changes: readonly Change[],
  names: ReadonlySet<string>,
  repairs: Repair[],
): readonly Change[] => {
  const settled = new Set<string>();
  return changes.flatMap((change): readonly Change[] => {
    const top = topOf(change.path);
    const name = attributeName(top);
    if (!names.has(name)) return [change];
    if (settled.has(name)) return [];
    const values = after === null ? undefined : valueAt(after, top);
    const stated = change.op === 'remove' ? undefined : change.value;
    const many = after === null ? stated : values;
    if (!isMany(many)) return [change];
    repairs.push(repairOf('T3', name, 'one of several values kept'));
    const kept = [keptOf(many) as Json];
    if (after === null || before === null) return [{ op: 'replace', path: top, value: kept }];
    settled.add(name);
    return equalValues(valueAt(before, top), kept, lookUp(type, top))
      ? []
      : [{ op: 'replace', path: top, value: kept }];
  });
};

const pathNamed = (type: ResourceType, name: string): AttributePath =>
  resolveName(type, name) ?? { attribute: name };

/** What stands at a name: an attribute, or a part of a single complex one. */
const valueNamed = (resource: Resource, { sub, ...top }: AttributePath): Json | undefined => {
  const value = valueAt(resource, top);
  if (sub === undefined) return value;
  return isObject(value) && Object.hasOwn(value, sub) ? value[sub] : undefined;
};

/** T12: equal values are no change and do not go out; another value is refused. */
const holdFixed = (
  { operation: { type }, before, after }: Writing,
  changes: readonly Change[],
  knobs: Knobs,
): readonly Change[] | Refusal => {
  const fixed = namesOf(knobs.immutable, type).map((name) => pathNamed(type, name));
  const touched = fixed.filter((path) =>
    changes.some(
      (change) =>
        attributeName(topOf(change.path)) === attributeName(topOf(path)) &&
        (change.path.sub === undefined || path.sub === undefined || change.path.sub === path.sub),
    ),
  );
  const changed = touched.filter((path) => {
    if (before === null || after === null) return true;
    const held = valueNamed(before, path);
    return held !== undefined && !equalValues(held, valueNamed(after, path), lookUp(type, path));
  });
  if (changed.length > 0) {
    const names = changed.map((path) => attributeName(path)).join(', ');
    return refuse('value_invalid', `The target never changes ${names} once it is set.`, {
      scimType: 'mutability',
    });
  }
  const whole = new Set(
    touched
      .filter((path) => before !== null && valueNamed(before, path) !== undefined)
      .map((path) => attributeName(path)),
  );
  return changes.filter((change) => !whole.has(attributeName(change.path)));
};

const withDefault = (resource: Resource, path: AttributePath, value: Json): Resource => {
  if (valueNamed(resource, path) !== undefined) return resource;
  const { schema, attribute, sub } = path;
  const below = schema === undefined ? resource : resource[schema];
  const outer: JsonObject = isObject(below) ? below : {};
  const present = Object.hasOwn(outer, attribute) ? outer[attribute] : undefined;
  const next = sub === undefined ? value : { ...(isObject(present) ? present : {}), [sub]: value };
  const filled = { ...outer, [attribute]: next };
  return schema === undefined ? filled : { ...resource, [schema]: filled };
};

const adaptCreate = (
  resource: Resource,
  type: ResourceType,
  knobs: Knobs,
  repairs: Repair[],
): Resource | Refusal => {
  const out: LeftOut = new Set();
  let next = leaveOutOfResource(resource, new Set(namesOf(knobs.unsupported, type)), out);
  for (const name of out)
    repairs.push(repairOf('T3', name, 'left out: the target has no such attribute'));
  next = keepOneInResource(next, new Set(namesOf(knobs.single, type)), repairs);
  const defaults = Object.hasOwn(knobs.defaults, type.word) ? knobs.defaults[type.word] : {};
  for (const [name, value] of Object.entries(defaults ?? {})) {
    const filled = withDefault(next, pathNamed(type, name), value);
    if (filled !== next) repairs.push(repairOf('T17', name, 'filled in as the target needs it'));
    next = filled;
  }
  const missing = namesOf(knobs.required, type).filter(
    (name) => valueNamed(next, pathNamed(type, name)) === undefined,
  );
  if (missing.length === 0) return next;
  return refuse(
    'value_invalid',
    `The target needs ${missing.join(', ')} to create a ${type.name}. Send it, or ask for a default.`,
  );
};

/** The operation with what was told to be repaired. */
const repaired = <Of extends Mutation>(operation: Of, repairs: readonly Repair[]): Of =>
  repairs.length === 0 ? operation : { ...operation, repairs: [...operation.repairs, ...repairs] };

/** A PATCH or PUT as these changes, with what follows from them. */
export const withChanges = <Of extends Writing>(
  writing: Of,
  changes: readonly Change[],
  repairs: readonly Repair[],
): Of | Refusal => {
  const { before } = writing;
  const operation = repaired(writing.operation, repairs);
  const { type } = operation;
  if (operation.verb === 'replace') {
    if (before === null) return refuse('internal', 'Try again later.');
    const resource = replacedBy(before, changes, type);
    if (isRefusal(resource)) return resource;
    return {
      ...writing,
      operation: { ...operation, resource },
      changes,
      after: resource,
      resource,
    };
  }
  const applied = before === null ? null : applyChanges(before, changes, type);
  if (isRefusal(applied)) return applied;
  const sent = operation.verb === 'patch' ? { ...operation, changes } : operation;
  const { resource: after, inverse } = applied ?? { resource: null, inverse: null };
  return { ...writing, operation: sent, changes, after, inverse };
};

/**
 * The mutation as the target takes it, or why it does not: `value_invalid` where a fixed attribute
 * would change (scimType mutability), a create lacks what is required, or nothing is left of the
 * change once what the target does not know is left out.
 */
export const adaptWriting = <Of extends Writing>(writing: Of, knobs: Knobs): Of | Refusal => {
  const { operation } = writing;
  const repairs: Repair[] = [];
  if (operation.verb === 'delete') return writing;
  const { type } = operation;
  if (operation.verb === 'create') {
    const resource = adaptCreate(operation.resource, type, knobs, repairs);
    if (isRefusal(resource)) return resource;
    const sent = repaired({ ...operation, resource }, repairs);
    return { ...writing, operation: sent, resource, after: resource };
  }
  const held = holdFixed(writing, writing.changes ?? [], knobs);
  if (isRefusal(held)) return held;
  const out: LeftOut = new Set();
  const known = leaveOutOfChanges(held, new Set(namesOf(knobs.unsupported, type)), out);
  if (known.length === 0 && out.size > 0) {
    return refuse('value_invalid', `The target does not take ${[...out].join(', ')}.`);
  }
  for (const name of out)
    repairs.push(repairOf('T3', name, 'left out: the target has no such attribute'));
  const single = new Set(namesOf(knobs.single, type));
  const changes = keepOneInChanges(writing, known, single, repairs);
  return changes === writing.changes || sameChanges(changes, writing.changes ?? [])
    ? writing
    : withChanges(writing, changes, repairs);
};

const sameChanges = (left: readonly Change[], right: readonly Change[]): boolean =>
  left.length === right.length && left.every((change, at) => change === right[at]);
