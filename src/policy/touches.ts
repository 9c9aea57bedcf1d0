/**
 * What one mutation takes of which guard: places in its windows, by amount. Pure and exact where the
 * resource is known before and after; where it is not, what could be the whole group trips the guard
 * (a touch without a window). Nothing is counted for what no guard speaks of.
 */
import type { Action } from '../identity/operation.ts';
import type { Change, Resource, ResourceType } from '../identity/scim/schema-model.ts';
import { clearsAttribute } from './cleared.ts';
import { idKey } from './fold-key.ts';
import { changesMembers, choosesBlindly, membersMoved, type Moved } from './membership.ts';
import type { Guard, GuardWindow, Touch } from './safety.ts';
import { hasValue, memberIdsOf } from './values.ts';

/** One mutation, as it would go out. */
export type TouchFacts = Readonly<{
  tenant: string;
  client: string;
  type: ResourceType;
  actions: readonly Action[];
  /** Null: it is made only now, or not known. */
  before: Resource | null;
  /** Null: it is deleted, or not known. */
  after: Resource | null;
  /** Canonical changes, of a PUT those it comes to; null where there are none (create, delete). */
  changes: readonly Change[] | null;
  /** Id of the group where the type is one; null = it is made only now. */
  groupId: string | null;
  /** The target never shows members (T4). Default false. */
  membersHidden?: boolean;
}>;

/** How many places a mutation takes; null = cannot be told, which trips. */
type Amount = number | null;

/** Longest key of a counter, characters (claims.ts). */
const keyLengthMax = 400;

/** FNV-1a over code units: a collision only makes two counters one, which is stricter. */
const fnv1a = (text: string, seed: number): string => {
  let hash = seed;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
};

/** `tenant\nguard\nwindow\nwho`; what is too long keeps its beginning and a digest of the whole. */
const counterKey = (parts: readonly string[]): string => {
  const key = parts.join('\n');
  if (key.length <= keyLengthMax) return key;
  const digest = fnv1a(key, 0x811c9dc5) + fnv1a(key, 0x01234567);
  return `${key.slice(0, keyLengthMax - digest.length - 1)}#${digest}`;
};

/** Stable key of a guard's window: of a client, a group, or '' where the whole tenant is counted together. */
export const windowKey = (
  tenant: string,
  guard: Pick<Guard, 'name'>,
  window: Pick<GuardWindow, 'name'>,
  who: string,
): string => counterKey([tenant, guard.name, window.name, who]);

/** A group counts as one however its id is spelled. */
const whoOf = ({ per }: Guard, { client, groupId }: TouchFacts): string =>
  per === 'client' ? client : per === 'group' ? idKey(groupId ?? '') : '';

const size = (ids: readonly string[] | null): Amount => (ids === null ? null : ids.length);

/** The larger of two amounts; what cannot be told is larger than anything. */
const larger = (one: Amount, other: Amount): Amount =>
  one === null || other === null ? null : Math.max(one, other);

const sum = (one: Amount, other: Amount): Amount =>
  one === null || other === null ? null : one + other;

/** Actions of memberships are counted by the members that move, however it is said. */
const membershipVerbs: ReadonlySet<Action> = new Set<Action>([
  'groups:add-member',
  'groups:remove-member',
  'groups:replace-members',
]);

/**
 * A guard on `remove-member` counts every member that leaves: by a removal, a replacement or with its
 * group; one on `replace-members` those that a replacement moves.
 */
const membersCounted = ({ actions }: Guard, facts: TouchFacts, moved: () => Moved): Amount => {
  const { actions: made } = facts;
  const replaces = actions.has('groups:replace-members') && made.includes('groups:replace-members');
  const loses =
    actions.has('groups:remove-member') &&
    made.some(
      (action) =>
        action === 'groups:remove-member' ||
        action === 'groups:replace-members' ||
        action === 'groups:delete',
    );
  const gains =
    actions.has('groups:add-member') &&
    made.some((action) => action === 'groups:add-member' || action === 'groups:replace-members');
  const out = replaces || loses ? size(moved().removed) : 0;
  return replaces || gains ? sum(out, size(moved().added)) : out;
};

const amountOf = (guard: Guard, facts: TouchFacts, moved: () => Moved): Amount => {
  const whole = facts.actions.some(
    (action) => guard.actions.has(action) && !membershipVerbs.has(action),
  );
  const counted = facts.type.word === 'groups' ? membersCounted(guard, facts, moved) : 0;
  return larger(whole ? 1 : 0, counted);
};

/** Where it cannot be told who leaves: may a change take all members away, whoever they are? */
const takesAll = ({ changes }: TouchFacts): boolean =>
  changes?.some(
    (change) =>
      choosesBlindly(change) ||
      (changesMembers(change) &&
        change.path.filter === undefined &&
        (change.op === 'remove' || (change.op === 'replace' && !hasValue(change.value)))),
  ) === true;

const replacesAll = ({ changes }: TouchFacts): boolean =>
  changes?.some(
    (change) =>
      choosesBlindly(change) ||
      (changesMembers(change) && change.path.filter === undefined && change.op !== 'add'),
  ) === true;

/** Is somebody left in the end, such as who was named to leave and put back? */
const keepsMembers = ({ after }: TouchFacts): boolean =>
  after !== null && memberIdsOf(after).size > 0;

type Detects = (guard: Guard, facts: TouchFacts, moved: () => Moved) => boolean;

const aboutMembers = ({ type, actions }: TouchFacts): boolean =>
  type.word === 'groups' &&
  actions.some(
    (action) => action === 'groups:remove-member' || action === 'groups:replace-members',
  );

/** How each kind is told. Deletions are actions of their own and none of these. */
const detectors: Readonly<Record<NonNullable<Guard['detect']>, Detects>> = {
  emptied: ({ above }, facts, moved) => {
    if (!aboutMembers(facts)) return false;
    const { had, removed, added } = moved();
    if (had !== null && had <= above) return false;
    if (had === null || removed === null) return takesAll(facts);
    // Who comes by a link alone, or by nothing, may be nobody.
    if (added === null) return removed.length === had;
    return removed.length === had && added.length === 0 && !keepsMembers(facts);
  },
  replaced: ({ above, share }, facts, moved) => {
    if (!aboutMembers(facts)) return false;
    const { had, removed } = moved();
    if (had !== null && had <= above) return false;
    if (had === null || removed === null) return replacesAll(facts);
    return removed.length > share * had;
  },
  cleared: ({ attributes }, facts) => attributes !== null && clearsAttribute(attributes, facts),
};

const touchOf = (
  guard: Guard,
  window: GuardWindow,
  amount: number,
  facts: TouchFacts,
  moved: () => Moved,
): Touch => {
  const shareOf = window.share === null ? null : guard.per === 'group' ? 'members' : 'population';
  const members = shareOf === 'members' ? moved().had : null;
  // A share of nobody knows how many is no limit: it trips.
  const known = shareOf !== 'members' || members !== null;
  return {
    guard,
    window: known ? window : null,
    key: windowKey(facts.tenant, guard, window, whoOf(guard, facts)),
    amount,
    shareOf: known ? shareOf : null,
    members,
  };
};

const tripping = (guard: Guard, facts: TouchFacts): Touch => ({
  guard,
  window: null,
  key: counterKey([facts.tenant, guard.name, '', whoOf(guard, facts)]),
  amount: 1,
  shareOf: null,
  members: null,
});

const touchesOfGuard = (guard: Guard, facts: TouchFacts, moved: () => Moved): readonly Touch[] => {
  const { detect, windows } = guard;
  const amount =
    detect === null
      ? amountOf(guard, facts, moved)
      : detectors[detect](guard, facts, moved)
        ? 1
        : 0;
  if (amount === 0) return [];
  if (amount === null || windows.length === 0) return [tripping(guard, facts)];
  return windows.map((window) => touchOf(guard, window, amount, facts, moved));
};

/**
 * What the mutation takes, guard by guard in their order, window by window. A change of users counts as one;
 * a change of memberships as the members that move by it, none as nothing.
 */
export const touchesOf = (guards: readonly Guard[], facts: TouchFacts): readonly Touch[] => {
  let known: Moved | null = null;
  const moved = (): Moved => (known ??= membersMoved(facts));
  return guards.flatMap((guard) => touchesOfGuard(guard, facts, moved));
};
