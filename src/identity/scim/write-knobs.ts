/**
 * What the knobs of a target say about writes: whether they touch any, and which changes can only be
 * sent with the current resource at hand. Pure questions; adapt-writes.ts and plan-writes.ts act.
 */
import { rfcKnobs, type Knobs } from '../dialects/knobs.ts';
import { isArray } from '../json-value.ts';
import type { Mutation } from '../operation.ts';
import type { AttributePath, Change, Filter, Path, ResourceType } from './schema-model.ts';
import { attributeName, lookUp } from './schemas.ts';

const valueKnobs = [
  'put',
  'patch',
  'deleteUser',
  'deactivateUser',
  'operationsPerPatch',
  'membersPerCall',
  'bodyMax',
  'replaceMembers',
  'membersPerOperation',
  'memberPath',
  'memberFilter',
  'showsMembers',
  'patchFilters',
  'patchReplace',
  'inactiveUsers',
] as const satisfies readonly (keyof Knobs)[];

const listKnobs = ['single', 'unsupported', 'immutable', 'required', 'defaults'] as const;

/** Is every write sent as RFC 7644 has it? Asked once per target; then a mutation is one call. */
export const isPlain = (knobs: Knobs): boolean =>
  valueKnobs.every((name) => knobs[name] === rfcKnobs[name]) &&
  listKnobs.every((name) => Object.keys(knobs[name]).length === 0);

/** The attribute of a path without its filter and sub-attribute. */
export const topOf = ({ schema, attribute }: Path): AttributePath =>
  schema === undefined ? { attribute } : { schema, attribute };

/** `members` of a group. */
export const isMembers = (type: ResourceType, { schema, attribute }: Path): boolean =>
  type.word === 'groups' && schema === undefined && attribute === 'members';

/** T4: does a read of this type leave open who is a member? */
export const hidesMembers = (knobs: Pick<Knobs, 'showsMembers'>, type: ResourceType): boolean =>
  !knobs.showsMembers && type.word === 'groups';

/** Replaces or empties a whole attribute. */
export const isWhole = ({ op, path }: Change): boolean =>
  op !== 'add' && path.filter === undefined && path.sub === undefined;

const valuesNamed = (filter: Filter): number | null => {
  if (filter.kind === 'compare') {
    return filter.operator === 'eq' && filter.path.attribute === 'value' ? 1 : null;
  }
  if (filter.kind !== 'or') return null;
  let sum = 0;
  for (const term of filter.terms) {
    const named = valuesNamed(term);
    if (named === null) return null;
    sum += named;
  }
  return sum;
};

/** How many elements a change adds or names one by one; null where its filter does not name them. */
export const elementsNamed = (change: Change): number | null => {
  const { filter } = change.path;
  if (filter !== undefined) return valuesNamed(filter);
  if (change.op === 'remove') return 0;
  return isArray(change.value) ? change.value.length : 1;
};

/** Is `active` of a user all that changes? */
const onlyActive = (type: ResourceType, changes: readonly Change[]): boolean =>
  changes.every(({ path }) => path.schema === undefined && path.attribute === 'active') &&
  lookUp(type, { attribute: 'active' }) !== null;

/**
 * T18, C35: must a PATCH go out as PUT? `active` speaks of types that have it; others take PATCH.
 */
export const goesAsPut = (
  type: ResourceType,
  changes: readonly Change[],
  { patch }: Pick<Knobs, 'patch'>,
): boolean =>
  patch === 'none' ||
  (patch === 'active' &&
    lookUp(type, { attribute: 'active' }) !== null &&
    !onlyActive(type, changes));

/** Does the list name the attribute of a path, a part of it, or all of its extension? */
const touchesListed = (
  lists: Readonly<Record<string, readonly string[]>>,
  type: ResourceType,
  path: Path,
): boolean => {
  const names = Object.hasOwn(lists, type.word) ? lists[type.word] : undefined;
  const top = attributeName(topOf(path));
  return (names ?? []).some(
    (name) => name === top || name.startsWith(`${top}.`) || name === path.schema,
  );
};

/** Sets `active` to false: what that does there is `deactivateUser`. */
export const deactivates = (change: Change): boolean =>
  change.op !== 'remove' &&
  change.path.schema === undefined &&
  change.path.attribute === 'active' &&
  change.value === false;

type Asks = (change: Change, type: ResourceType, knobs: Knobs) => boolean;

const asking: readonly Asks[] = [
  ({ path }, type, knobs) => touchesListed(knobs.immutable, type, path),
  ({ path }, type, knobs) => touchesListed(knobs.single, type, path),
  ({ path }, _type, knobs) => !knobs.patchFilters && path.filter !== undefined,
  // A replaced set becomes a removal and an addition; a replaced element the set it stands in.
  (change, type, knobs) =>
    !knobs.patchReplace &&
    change.op === 'replace' &&
    change.path.sub === undefined &&
    lookUp(type, topOf(change.path))?.multiValued !== false,
  (change, type, knobs) =>
    isMembers(type, change.path) &&
    ((isWhole(change) &&
      (knobs.replaceMembers === 'difference' || knobs.membersPerOperation === 'one')) ||
      (knobs.membersPerOperation === 'one' && elementsNamed(change) === null) ||
      (knobs.memberFilter === 'value-and-type' && change.path.filter !== undefined) ||
      (elementsNamed(change) ?? 0) > knobs.membersPerCall),
  // What destroys is recorded with what it destroyed, and conditions on `after` can be judged.
  (change, type, knobs) =>
    type.word === 'users' && knobs.deactivateUser === 'delete' && deactivates(change),
];

const membersIn = (type: ResourceType, changes: readonly Change[]): number =>
  changes.reduce(
    (sum, change) => sum + (isMembers(type, change.path) ? (elementsNamed(change) ?? 0) : 0),
    0,
  );

/** Will it be more than one call? Then there must be a way back. */
const splits = (type: ResourceType, changes: readonly Change[], knobs: Knobs): boolean =>
  changes.length > knobs.operationsPerPatch ||
  membersIn(type, changes) > knobs.membersPerCall ||
  (knobs.bodyMax < rfcKnobs.bodyMax && 2 * JSON.stringify(changes).length > knobs.bodyMax);

/** Can this mutation only be sent, or taken back, with the current resource at hand? */
export const asksCurrent = (operation: Mutation, knobs: Knobs): boolean => {
  if (operation.verb === 'replace') return true;
  if (operation.verb !== 'patch') return false;
  const { type, changes } = operation;
  return (
    goesAsPut(type, changes, knobs) ||
    changes.some((change) => asking.some((asks) => asks(change, type, knobs))) ||
    splits(type, changes, knobs)
  );
};

/** The element type a member path names where the element itself does not say (T36). */
export const memberTypeDefault = 'User';

/** Does the text of a condition ask who is in a group? */
export const asksMembers = (condition: string): boolean => /\bmembers\b/.test(condition);
