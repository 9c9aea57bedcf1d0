/**
 * Does a mutation hit a protected subject? Either it does what a rule says never happens to it, or it
 * changes what makes it match: its keys, its membership, the name or the life of the group that protects
 * it. Marks are durable and count whatever the subject looks like now. Pure; fails closed: members and
 * names that are not known are taken for those that are protected.
 */
import type { Json } from '../identity/json-value.ts';
import type { Action } from '../identity/operation.ts';
import type { Change, Resource } from '../identity/scim/schema-model.ts';
import { foldKey } from './fold-key.ts';
import type { Moved } from './membership.ts';
import type { Protection } from './safety.ts';
import { displayNameOf, equal, isArray, isObject, own, pathOfName, valueOf } from './values.ts';
import { isUncertain, nameOfPath, namesIn } from './written-names.ts';

/** A member that moves, and the rules by whose name it is marked (as a user or as a group). */
export type MarkedMember = Readonly<{ id: string; marks: readonly string[] }>;

/** One mutation and what is known of its subject. */
export type SubjectFacts = Readonly<{
  /** Resource word. */
  word: string;
  /** Null: it is made only now. */
  id: string | null;
  actions: readonly Action[];
  before: Resource | null;
  after: Resource | null;
  changes: readonly Change[] | null;
  /** Names of rules by which the subject is marked. */
  marks: readonly string[];
  /** Of a group: who leaves and who enters (membership.ts); null = cannot be told. Else empty. */
  removed: readonly MarkedMember[] | null;
  added: readonly MarkedMember[] | null;
}>;

/** `never`: the rule forbids it. `key`: it would change what makes the subject match. */
export type Violation = Readonly<{ protection: Protection; why: 'never' | 'key' }>;

const isCreation = ({ actions, word }: SubjectFacts): boolean => actions.includes(`${word}:create`);

const isProtected = (protection: Protection, facts: SubjectFacts): boolean => {
  const { id, marks, before } = facts;
  if (isCreation(facts)) return false;
  if (id !== null && protection.ids.has(id)) return true;
  return marks.includes(protection.name) || (before !== null && protection.matches(before));
};

/** Values as keys see them: repairs of case, space or form change nothing. */
const seen = (value: Json | undefined): Json | undefined => {
  if (typeof value === 'string') return foldKey(value).trim();
  if (isArray(value)) return value.map((each) => seen(each) ?? null);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, seen(each)]));
};

const partOf = (
  resource: Resource,
  path: Readonly<{ schema?: string; attribute: string; sub?: string }>,
): readonly Json[] => {
  const value = valueOf(resource, path);
  const { sub } = path;
  const elements = isArray(value) ? value : value === undefined ? [] : [value];
  // Complex values are compared part by part, by the names below them.
  if (sub === undefined) return elements.some(isObject) ? [] : elements;
  return elements.flatMap((each) => {
    const part = isObject(each) ? own(each, sub) : undefined;
    return part === undefined ? [] : [part];
  });
};

/** A value as one text whatever the order of its elements, for sets have none. */
const asSet = (values: readonly Json[]): readonly string[] =>
  values.map((value) => JSON.stringify(seen(value)) ?? '').toSorted();

const keysOf = (protection: Protection, resource: Resource): readonly string[] =>
  namesIn(resource).filter((name) => protection.keys.covers(name));

const keyChanges = (protection: Protection, facts: SubjectFacts): boolean => {
  const { before, after, changes } = facts;
  if (before === null || after === null) {
    return changes?.some(({ path }) => protection.keys.covers(nameOfPath(path))) === true;
  }
  if (protection.matches(before) && !protection.matches(after)) return true;
  if (isUncertain(changes ?? [], protection.keys)) return true;
  const names = new Set([...keysOf(protection, before), ...keysOf(protection, after)]);
  return [...names].some((name) => {
    const path = pathOfName(name);
    return !equal(asSet(partOf(before, path)), asSet(partOf(after, path)));
  });
};

const onSubject = (protection: Protection, facts: SubjectFacts): Violation['why'] | null => {
  if (!isProtected(protection, facts)) return null;
  if (facts.actions.some((action) => protection.never.has(action))) return 'never';
  return keyChanges(protection, facts) ? 'key' : null;
};

const hits = ({ name, ids }: Protection, members: readonly MarkedMember[] | null): boolean =>
  members === null || members.some(({ id, marks }) => ids.has(id) || marks.includes(name));

/** Is it a group whose members the rule protects? Nested ones carry its mark. */
const protectsMembers = ({ name, memberOf }: Protection, facts: SubjectFacts): boolean => {
  if (memberOf === null) return false;
  if (facts.marks.includes(name)) return true;
  const displayName = displayNameOf(facts.before);
  return facts.before === null || (displayName !== null && memberOf(displayName));
};

const isRenamed = ({ before, after, changes }: SubjectFacts): boolean => {
  if (before === null || after === null) {
    return changes?.some(({ path }) => path.attribute.toLowerCase() === 'displayname') === true;
  }
  const names = (changes ?? []).filter(
    ({ path }) => path.attribute.toLowerCase() === 'displayname',
  );
  return (
    names.length > 1 || foldKey(displayNameOf(before) ?? '') !== foldKey(displayNameOf(after) ?? '')
  );
};

/** A rule on users, and a change of a group. */
const onMembers = (protection: Protection, facts: SubjectFacts): Violation['why'] | null => {
  const { never } = protection;
  const { removed, added, actions } = facts;
  if (never.has('groups:remove-member') && hits(protection, removed)) return 'never';
  if (never.has('groups:add-member') && hits(protection, added)) return 'never';
  if (isCreation(facts) || !protectsMembers(protection, facts)) return null;
  const gone = actions.includes('groups:delete') || removed?.length !== 0;
  return gone || isRenamed(facts) ? 'key' : null;
};

/** Every rule that the mutation breaks, in their order; several, because an override lifts one alone. */
export const violations = (
  protections: readonly Protection[],
  facts: SubjectFacts,
): readonly Violation[] =>
  protections.flatMap((protection): readonly Violation[] => {
    const why =
      protection.word === facts.word
        ? onSubject(protection, facts)
        : protection.word === 'users' && facts.word === 'groups'
          ? onMembers(protection, facts)
          : null;
    return why === null ? [] : [{ protection, why }];
  });

/** The same for what nobody moved: who is not a group has no members. */
export const noMembers: Pick<SubjectFacts, 'removed' | 'added'> = Object.freeze({
  removed: Object.freeze([]),
  added: Object.freeze([]),
});

/** Members with their marks, for the facts of a group. */
export const markedMembers = (
  moved: Moved,
  marksOf: (id: string) => readonly string[],
): Pick<SubjectFacts, 'removed' | 'added'> => {
  const marked = (ids: readonly string[] | null): readonly MarkedMember[] | null =>
    ids === null ? null : ids.map((id) => ({ id, marks: marksOf(id) }));
  const { removed, named, added } = moved;
  const leaving = removed === null ? null : [...new Set([...removed, ...named])];
  return { removed: marked(leaving), added: marked(added) };
};
