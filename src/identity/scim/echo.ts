/**
 * Values as a client sent them beside the normalised form the target holds (row C14): a client that
 * compares what it reads with what it sent would else update for ever. Pure; the passage remembers
 * the pairs. Only strings are paired: another type would not be the attribute's any more.
 */
import { withMember } from '../attributes/apply-plan.ts';
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { Operation } from '../operation.ts';
import type { AttributePath, Change, Path, Resource } from './schema-model.ts';
import { attributeName } from './schemas.ts';

/** One leaf: the canonical value before the profile, and after it. */
export type Echo = Readonly<{ path: AttributePath; sent: string; held: string }>;

/** Pairs of one resource, and characters of one value, at most; what is beyond is not remembered. */
const echoesMax = 100;
const valueLengthMax = 1_024;

const isSamePath = (a: AttributePath, b: AttributePath): boolean =>
  a.schema === b.schema && a.attribute === b.attribute && a.sub === b.sub;

const pathOf = (schema: string | undefined, attribute: string, sub?: string): AttributePath => ({
  ...(schema === undefined ? {} : { schema }),
  attribute,
  ...(sub === undefined ? {} : { sub }),
});

/** Pairs of two forms of one value: lists by position, members by name, never deeper than a sub. */
const pairValues = (
  sent: Json | undefined,
  held: Json | undefined,
  path: AttributePath,
  into: Echo[],
): void => {
  if (typeof sent === 'string' && typeof held === 'string') {
    into.push({ path, sent, held });
  } else if (isArray(sent) && isArray(held)) {
    if (sent.length !== held.length) return;
    sent.forEach((element, at) => pairValues(element, held[at], path, into));
  } else if (isObject(sent) && isObject(held) && path.sub === undefined) {
    for (const sub of Object.keys(held)) {
      const name = pathOf(path.schema, path.attribute, sub);
      pairValues(sent[sub], held[sub], name, into);
    }
  }
};

const pairResources = (
  sent: Resource,
  held: Resource,
  schema: string | undefined,
  into: Echo[],
): void => {
  for (const name of Object.keys(held)) {
    const [before, after] = [sent[name], held[name]];
    if (schema === undefined && name.includes(':') && isObject(before) && isObject(after)) {
      pairResources(before, after, name, into);
    } else pairValues(before, after, pathOf(schema, name), into);
  }
};

const isSameTarget = (a: Change, b: Change): boolean => a.op === b.op && isSamePath(a.path, b.path);

/** A change that the profile dropped is missing among those held; the others keep their order. */
const pairChanges = (sent: readonly Change[], held: readonly Change[], into: Echo[]): void => {
  let at = 0;
  for (const change of held) {
    while (at < sent.length && !isSameTarget(sent[at] as Change, change)) at += 1;
    const before = sent[at];
    at += 1;
    if (before === undefined) return;
    if (before.op === 'remove' || change.op === 'remove') continue;
    const { schema, attribute, sub } = change.path;
    pairValues(before.value, change.value, pathOf(schema, attribute, sub), into);
  }
};

/** Leaves of a mutation in both forms, also those that are alike. `held`: after the profile. */
const pairsOf = (sent: Operation, held: Operation): readonly Echo[] => {
  const into: Echo[] = [];
  if ('resource' in sent && 'resource' in held) {
    pairResources(sent.resource, held.resource, undefined, into);
  } else if (sent.verb === 'patch' && held.verb === 'patch') {
    pairChanges(sent.changes, held.changes, into);
  }
  return into;
};

/** Does this change write (or remove) all that stands at the path? Elements beside others do not. */
const overwrites = (change: Change, path: AttributePath): boolean => {
  const { schema, attribute, sub, filter }: Path = change.path;
  if (schema !== path.schema || attribute !== path.attribute || filter !== undefined) return false;
  if (sub !== undefined) return sub === path.sub;
  if (change.op === 'remove') return true;
  if (isArray(change.value)) return change.op === 'replace';
  // A complex value writes the members it names.
  return isObject(change.value)
    ? path.sub !== undefined && Object.hasOwn(change.value, path.sub)
    : true;
};

const states = (resource: Resource, { schema, attribute }: AttributePath): boolean => {
  const owner = schema === undefined ? resource : resource[schema];
  return isObject(owner) && Object.hasOwn(owner, attribute);
};

const isOverwritten = (held: Operation, path: AttributePath): boolean => {
  if (held.verb === 'patch') return held.changes.some((change) => overwrites(change, path));
  return held.verb === 'replace' && states(held.resource, path);
};

/** Does the operation write at this attribute at all, be it other elements of it? */
const touches = (held: Operation, { schema, attribute }: AttributePath): boolean =>
  held.verb !== 'patch' ||
  held.changes.some(({ path }) => path.schema === schema && path.attribute === attribute);

const holdsValue = (value: Json | undefined, sub: string | undefined, text: string): boolean => {
  if (isArray(value)) return value.some((element) => holdsValue(element, sub, text));
  if (sub === undefined) return value === text;
  return isObject(value) && Object.hasOwn(value, sub) && value[sub] === text;
};

const isHeld = (resource: Resource, { path, held }: Echo): boolean => {
  const { schema, attribute, sub } = path;
  const owner = schema === undefined ? resource : resource[schema];
  return (
    isObject(owner) && Object.hasOwn(owner, attribute) && holdsValue(owner[attribute], sub, held)
  );
};

/**
 * The pairs after a mutation: what it wrote in another form than the client's, and what was known
 * and is not overwritten. `after` is the resource it leaves, null where that is not known: a pair of an
 * attribute that was written is forgotten where it does not hold its value. A delete leaves none.
 */
export const nextEchoes = (
  known: readonly Echo[],
  sent: Operation,
  held: Operation,
  after: Resource | null,
): readonly Echo[] => {
  if (held.verb === 'delete') return [];
  const written = pairsOf(sent, held);
  const left = known.filter(
    (echo) =>
      !isOverwritten(held, echo.path) &&
      !written.some((one) => one.held === echo.held && isSamePath(one.path, echo.path)),
  );
  const fresh = written.filter(
    (echo, at) =>
      echo.sent !== echo.held &&
      echo.sent.length <= valueLengthMax &&
      echo.held.length <= valueLengthMax &&
      // Two spellings of one value: the last one counts.
      !written.some(
        (one, later) => later > at && one.held === echo.held && isSamePath(one.path, echo.path),
      ),
  );
  const stands = (echo: Echo): boolean => after === null || isHeld(after, echo);
  return [
    ...left.filter((echo) => !touches(held, echo.path) || stands(echo)),
    ...fresh.filter(stands),
  ].slice(-echoesMax);
};

/** Sent forms by held ones, of one path. */
type Spellings = ReadonlyMap<string, string>;

const mapValue = (value: Json, sub: string | undefined, spellings: Spellings): Json => {
  if (isArray(value)) {
    const mapped = value.map((element) => mapValue(element, sub, spellings));
    return mapped.every((element, at) => element === value[at]) ? value : mapped;
  }
  if (sub === undefined) {
    return typeof value === 'string' ? (spellings.get(value) ?? value) : value;
  }
  const member = isObject(value) && Object.hasOwn(value, sub) ? value[sub] : undefined;
  const sent = typeof member === 'string' ? spellings.get(member) : undefined;
  return sent === undefined ? value : withMember(value as JsonObject, sub, sent);
};

const spellPath = (resource: Resource, path: AttributePath, spellings: Spellings): Resource => {
  const { schema, attribute, sub } = path;
  const owner = schema === undefined ? resource : resource[schema];
  if (!isObject(owner) || !Object.hasOwn(owner, attribute)) return resource;
  const value = owner[attribute] as Json;
  const mapped = mapValue(value, sub, spellings);
  if (mapped === value) return resource;
  const changed = withMember(owner, attribute, mapped);
  return schema === undefined ? changed : withMember(resource, schema, changed);
};

/** The resource with each held value as the client sent it; the same object where nothing differs. */
export const echoed = (resource: Resource, echoes: readonly Echo[]): Resource => {
  const byPath = new Map<string, { path: AttributePath; spellings: Map<string, string> }>();
  for (const { path, sent, held } of echoes) {
    const name = attributeName(path);
    let entry = byPath.get(name);
    if (entry === undefined) byPath.set(name, (entry = { path, spellings: new Map() }));
    entry.spellings.set(held, sent);
  }
  let shown = resource;
  for (const { path, spellings } of byPath.values()) shown = spellPath(shown, path, spellings);
  return shown;
};
