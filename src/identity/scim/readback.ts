/**
 * Settles doubt by reading: what a read-back must find (stored in the ledger as JSON), where to look,
 * and what the found says. Claims that a change was made only where nothing else explains what is
 * there: the before-image differed and every written value is held. (What the answer to the mutation
 * itself says is `classify`, classify.ts.)
 *
 * A password can never be read back, so a mutation that writes one cannot be settled here.
 */
import { isRefusal } from '../../errors.ts';
import type { Answer, Call } from '../call.ts';
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { AttributeName, Mutation } from '../operation.ts';
import { matches } from './evaluate.ts';
import { applyChanges, diffResources, equalValues } from './patch.ts';
import { readCall, searchCall } from './print.ts';
import { replaceChanges, writablePart } from './replace.ts';
import type { Attribute, Change, Filter, Path, Resource, ResourceType } from './schema-model.ts';
import { attributeName, lookUp } from './schemas.ts';
import { isErrorMessage, provesAbsence, readList, resourceOf } from './target-resource.ts';

/**
 * One thing a read-back must find: `equals` the value, `includes` its elements among others, or be
 * `absent`. Plain JSON.
 */
export type Check =
  | Readonly<{ kind: 'equals' | 'includes'; path: Path; value: Json }>
  | Readonly<{ kind: 'absent'; path: Path }>;

/** What a read-back must find. Plain JSON: it is stored in the ledger (`IntentBody.expected`). */
export type Expected =
  | Readonly<{ kind: 'changed'; id: string; checks: readonly Check[] }>
  | Readonly<{ kind: 'gone'; id: string }>
  | Readonly<{ kind: 'created'; by: MatchingAttribute; checks: readonly Check[] }>;

/** The attribute by which a created resource is found again. */
type MatchingAttribute = Readonly<{ attribute: string; value: string }>;

/** What was sent in the end, where it differs from the operation (normalised, merged, stripped). */
export type SentBody = Readonly<{
  changes?: readonly Change[];
  resource?: Resource;
  /** The before-image with the changes applied, where that was done already. */
  after?: Resource;
}>;

/** In order of preference, per resource word; elsewhere `externalId`. */
const matchingAttributes: ReadonlyMap<string, readonly string[]> = new Map([
  ['users', ['userName', 'externalId']],
  ['groups', ['externalId', 'displayName']],
]);

/** The matching attribute a resource would be found by, or null where it has none. */
export const matchingOf = (resource: Resource, type: ResourceType): MatchingAttribute | null => {
  for (const attribute of matchingAttributes.get(type.word) ?? ['externalId']) {
    const value = Object.hasOwn(resource, attribute) ? resource[attribute] : undefined;
    if (typeof value === 'string' && value !== '') return { attribute, value };
  }
  return null;
};

/** Attributes that no answer ever holds. */
const isHidden = (type: ResourceType, { schema, attribute }: Path): boolean => {
  const found = lookUp(type, schema === undefined ? { attribute } : { schema, attribute });
  return found?.returned === 'never' || found?.mutability === 'writeOnly';
};

const toCheck = (change: Change): Check => {
  if (change.op === 'remove') return { kind: 'absent', path: change.path };
  const { path, value } = change;
  return { kind: change.op === 'add' && isArray(value) ? 'includes' : 'equals', path, value };
};

/**
 * The checks that sent changes amount to. With a before-image: the differences they make to it, so
 * that later changes override earlier ones. Without: each change for itself, which is why one path
 * written twice cannot be checked.
 */
const checksOf = (
  changes: readonly Change[],
  before: Resource | null,
  type: ResourceType,
  after?: Resource,
): readonly Check[] | null => {
  if (changes.some((change) => isHidden(type, change.path))) return null;
  if (before === null) {
    const written = new Set(changes.map(({ path }) => `${path.schema ?? ''}:${path.attribute}`));
    return written.size === changes.length ? changes.map(toCheck) : null;
  }
  const applied = after === undefined ? applyChanges(before, changes, type) : { resource: after };
  if (isRefusal(applied)) return null;
  return diffResources(before, applied.resource, type).map(toCheck);
};

/**
 * What a read-back of this mutation must find, or null where reading cannot settle it: it writes a
 * password, its effect cannot be told, or a create has no matching attribute.
 */
export const expectedOf = (
  mutation: Mutation,
  sent: SentBody,
  before: Resource | null,
): Expected | null => {
  const { type, verb } = mutation;
  if (verb === 'delete') return { kind: 'gone', id: mutation.id };
  if (verb === 'create') {
    const resource = writablePart(sent.resource ?? mutation.resource, type);
    const by = matchingOf(resource, type);
    const checks = checksOf(diffResources({}, resource, type), null, type);
    return by === null || checks === null ? null : { kind: 'created', by, checks };
  }
  const changes =
    verb === 'patch'
      ? (sent.changes ?? mutation.changes)
      : replaceChanges({ type, resource: sent.resource ?? mutation.resource }, before ?? {});
  const checks = checksOf(changes, before, type, sent.after);
  return checks === null ? null : { kind: 'changed', id: mutation.id, checks };
};

/** The call that looks for it: the resource by id, or a created one by its matching attribute. */
export const locate = (expected: Expected | null, type: ResourceType): Call | 'unlocatable' => {
  if (expected === null) return 'unlocatable';
  if (expected.kind !== 'created') return readCall(type, expected.id);
  const { attribute, value } = expected.by;
  const filter: Filter = { kind: 'compare', path: { attribute }, operator: 'eq', value };
  return searchCall(type, filter, 2);
};

/** Does what is there hold what was written? A target may add, never change or leave out. */
const holds = (found: Json | undefined, wanted: Json, attribute: Attribute | null): boolean => {
  if (wanted === null) return found === undefined;
  if (found === undefined) return false;
  if (isArray(wanted)) {
    return isArray(found) && wanted.every((item) => found.some((it) => holds(it, item, attribute)));
  }
  if (!isObject(wanted)) return equalValues(found, wanted, attribute);
  if (!isObject(found)) return false;
  return Object.keys(wanted).every((name) => {
    const subs = attribute?.sub ?? {};
    const sub = Object.hasOwn(subs, name.toLowerCase()) ? subs[name.toLowerCase()] : undefined;
    if (name === '$ref' || sub?.mutability === 'readOnly') return true;
    const here = Object.hasOwn(found, name) ? found[name] : undefined;
    return holds(here, wanted[name] ?? null, sub ?? null);
  });
};

/** What stands at a path: the attribute, or its elements that the filter selects, then the sub. */
export const foundAt = (resource: Resource, path: Path, type: ResourceType): Json | undefined => {
  const { schema, attribute, filter, sub } = path;
  const outer = schema === undefined ? resource : resource[schema];
  let value = isObject(outer) && Object.hasOwn(outer, attribute) ? outer[attribute] : undefined;
  if (filter !== undefined) {
    const selector: Filter = {
      kind: 'values',
      path: schema === undefined ? { attribute } : { schema, attribute },
      filter,
    };
    const elements = isArray(value) ? value : value === undefined ? [] : [value];
    const selected = elements.filter((element) => {
      const alone: JsonObject = { [attribute]: [element] };
      return matches(selector, schema === undefined ? alone : { [schema]: alone }, type);
    });
    value = selected.length === 0 ? undefined : selected;
  }
  if (sub === undefined || value === undefined) return value;
  const parts = (isArray(value) ? value : [value])
    .map((element) => (isObject(element) && Object.hasOwn(element, sub) ? element[sub] : undefined))
    .filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : isArray(value) ? parts : parts[0];
};

/**
 * Does the resource hold what this check wants? Filtered paths and subs of lists select several; each
 * selected one must hold the value.
 */
export const passes = (check: Check, resource: Resource, type: ResourceType): boolean => {
  const { path } = check;
  const found = foundAt(resource, path, type);
  if (check.kind === 'absent') return found === undefined;
  const { schema, attribute, sub } = path;
  const definition = lookUp(type, {
    ...(schema === undefined ? {} : { schema }),
    attribute,
    ...(sub === undefined ? {} : { sub }),
  });
  const { value } = check;
  if (isArray(found) && !isArray(value)) {
    return found.length > 0 && found.every((item) => holds(item, value, definition));
  }
  const sameSize = !isArray(found) || !isArray(value) || found.length === value.length;
  return (check.kind === 'includes' || sameSize) && holds(found, value, definition);
};

/** What a read-back says. */
export type Comparison = 'holds' | 'differs' | 'before-already-held' | 'unreadable';

const isGone = (answer: Answer): boolean =>
  answer.status === 404
    ? provesAbsence(answer)
    : answer.status === 410 && answer.readable && isObject(answer.body);

const isRead = (answer: Answer): boolean =>
  answer.status === 200 && answer.readable && !isErrorMessage(answer.body);

/** Created resources of an answer to `locate` that carry the matching attribute. */
const foundCreated = (
  { by }: Extract<Expected, { kind: 'created' }>,
  answer: Answer,
  type: ResourceType,
): readonly Resource[] | null => {
  const list = isRead(answer) ? readList(answer.body, type) : null;
  const definition = lookUp(type, { attribute: by.attribute });
  return (
    list?.resources.filter((resource) => {
      const value = resource[by.attribute];
      return value !== undefined && equalValues(value, by.value, definition);
    }) ?? null
  );
};

/**
 * Compares what was read with what was expected.
 * `holds`: the change was made. `differs`: it was not (or not wholly): a created resource is not
 * there, a deleted one is, a value is another. `before-already-held`: all is as it should be, but it
 * was before, or there is no before-image to tell. `unreadable`: the answer tells nothing (a failure,
 * a 404 that is not the target's, several matches).
 */
export const compareReadBack = (
  expected: Expected,
  before: Resource | null,
  answer: Answer,
  type: ResourceType,
): Comparison => {
  if (expected.kind === 'created') {
    const found = foundCreated(expected, answer, type);
    if (found === null || found.length > 1) return 'unreadable';
    const [only] = found;
    if (only === undefined) return 'differs';
    if (before !== null) return 'before-already-held';
    return expected.checks.every((check) => passes(check, only, type)) ? 'holds' : 'differs';
  }
  if (expected.kind === 'gone') {
    if (isGone(answer)) return before === null ? 'before-already-held' : 'holds';
    return isRead(answer) && resourceOf(answer, type) !== null ? 'differs' : 'unreadable';
  }
  if (isGone(answer)) return 'differs';
  const resource = isRead(answer) ? resourceOf(answer, type) : null;
  if (resource === null) return 'unreadable';
  if (!expected.checks.every((check) => passes(check, resource, type))) return 'differs';
  if (before === null || expected.checks.every((check) => passes(check, before, type))) {
    return 'before-already-held';
  }
  return 'holds';
};

/** Attributes, in rule spelling, whose written values a read-back does not find; each once. */
export const differingPaths = (
  expected: Expected,
  answer: Answer,
  type: ResourceType,
): readonly AttributeName[] => {
  if (expected.kind !== 'changed') return [];
  const resource = isRead(answer) ? resourceOf(answer, type) : null;
  if (resource === null) return [];
  const failed = expected.checks.filter((check) => !passes(check, resource, type));
  return [...new Set(failed.map(({ path: { filter: _filter, ...path } }) => attributeName(path)))];
};

/** Id of the created resource that a read-back found, where it found exactly one; else null. */
export const readBackId = (
  expected: Expected,
  answer: Answer,
  type: ResourceType,
): string | null => {
  if (expected.kind !== 'created') return expected.id;
  const found = foundCreated(expected, answer, type);
  const id = found?.length === 1 ? found[0]?.['id'] : undefined;
  return typeof id === 'string' ? id : null;
};

/** The resource that a read-back shows; null where it shows none, or several. */
export const readBackResource = (
  expected: Expected,
  answer: Answer,
  type: ResourceType,
): Resource | null => {
  if (expected.kind !== 'created') return isRead(answer) ? resourceOf(answer, type) : null;
  const found = foundCreated(expected, answer, type);
  return found?.length === 1 ? (found[0] ?? null) : null;
};

/** Dates of targets are often cut to whole seconds. */
const secondMs = 1_000;

/**
 * Is the created resource that a read-back found as young as our call, by the target's own clock?
 * Without this a resource that was there all along would prove a create that never arrived. Says no
 * where the answer has no `meta.created` or no Date. `ageMsMax`: ms since the call was recorded.
 */
export const isCreatedSince = (
  expected: Expected,
  answer: Answer,
  type: ResourceType,
  ageMsMax: number,
): boolean => {
  if (expected.kind !== 'created') return true;
  const found = foundCreated(expected, answer, type);
  const meta = found?.length === 1 ? found[0]?.['meta'] : undefined;
  const created = isObject(meta) && Object.hasOwn(meta, 'created') ? meta['created'] : undefined;
  const age =
    Date.parse(answer.headers['date'] ?? '') -
    Date.parse(typeof created === 'string' ? created : '');
  return age <= ageMsMax + secondMs;
};
