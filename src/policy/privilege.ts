/**
 * What turns a harmless-looking change into one that grants privilege: attributes that feed the rules of
 * groups and roles, and groups that carry rights. Such a change needs `users:entitle` beside its own
 * actions; grants decide. A group also counts where its own representation tells so. Pure; fails closed:
 * a group that is not known is taken for a privileged one.
 */
import type { Action, Effect } from '../identity/operation.ts';
import type { Change, Resource, ResourceType } from '../identity/scim/schema-model.ts';
import { changesMembers, membersMoved } from './membership.ts';
import type { Privileged } from './safety.ts';
import {
  displayNameOf,
  equal,
  hasValue,
  isObject,
  own,
  memberIdsOf,
  pathOfName,
  valueOf,
} from './values.ts';
import { isUncertain, leavesIn, nameOfPath } from './written-names.ts';

/** One mutation. */
export type PrivilegeFacts = Readonly<{
  type: ResourceType;
  /** Null: it is made only now, or not known. */
  before: Resource | null;
  /** Null: it is deleted, or not known. */
  after: Resource | null;
  /** Canonical changes; null where there are none (create, delete). */
  changes: readonly Change[] | null;
}>;

const entitle: Action = 'users:entitle';

/** Names by which targets tell that a group carries rights, lower-cased, wherever they stand. */
const tellingFlags: ReadonlySet<string> = new Set(['isassignabletorole', 'isprivileged']);
const tellingLists: ReadonlySet<string> = new Set(['roles', 'entitlements']);

const tellsBelow = (object: Resource): boolean =>
  Object.keys(object).some((name) => {
    const folded = name.toLowerCase();
    const value = own(object, name);
    if (tellingFlags.has(folded)) return value === true || value === 'true' || value === 'True';
    return tellingLists.has(folded) && hasValue(value);
  });

/** Does the group's own representation tell that it grants something (T-rows of Entra, Keycloak)? */
const tells = (group: Resource): boolean =>
  tellsBelow(group) ||
  Object.keys(group).some((name) => {
    const value = name.includes(':') ? own(group, name) : undefined;
    return isObject(value) && tellsBelow(value);
  });

const isPrivileged = (group: Resource | null, privileged: Privileged): boolean => {
  if (group === null) return false;
  const name = displayNameOf(group);
  return (name !== null && privileged.group?.(name) === true) || tells(group);
};

/** Is one of several names in turn, of which a target may keep any, that of the other kind? */
const namesOther = (changes: readonly Change[], was: boolean, { group }: Privileged): boolean => {
  const names = changes.flatMap((change) =>
    change.path.attribute.toLowerCase() === 'displayname' && change.op !== 'remove'
      ? [change.value]
      : [],
  );
  return (
    names.length > 1 &&
    names.some((name) => typeof name === 'string' && (group?.(name) === true) !== was)
  );
};

const has = (effects: readonly Effect[], action: Action): boolean =>
  effects.some((effect) => effect.action === action);

const touchesMembers = (effects: readonly Effect[], facts: PrivilegeFacts): boolean => {
  const actions = effects.map(({ action }) => action);
  const { removed, added } = membersMoved({ ...facts, actions });
  return removed?.length !== 0 || added?.length !== 0;
};

const touchesGroup = (
  effects: readonly Effect[],
  facts: PrivilegeFacts,
  privileged: Privileged,
): boolean => {
  const { before, after, changes } = facts;
  // Without `groups:` nobody asked for the current group, nor for what it tells.
  if (privileged.group === null) return false;
  if (has(effects, 'groups:create')) return isPrivileged(after, privileged);
  if (has(effects, 'groups:delete')) return before === null || isPrivileged(before, privileged);
  const renamed = changes?.some(({ path }) => path.attribute.toLowerCase() === 'displayname');
  if (before === null) {
    // What it is called now is not known: members and names may be those of a privileged group.
    return changes === null || renamed === true || changes.some(changesMembers);
  }
  const was = isPrivileged(before, privileged);
  const is = after === null ? was : isPrivileged(after, privileged);
  if (was !== is || namesOther(changes ?? [], was, privileged)) return true;
  if (!was) return false;
  if (displayNameOf(before) !== displayNameOf(after)) return true;
  // Members a target never shows are absent on both sides, so the changes have their say as well.
  const hidden = memberIdsOf(before).size === 0 && changes?.some(changesMembers) === true;
  return hidden || touchesMembers(effects, facts);
};

const touchesAttributes = (facts: PrivilegeFacts, { attributes }: Privileged): boolean => {
  const { type, before, after, changes } = facts;
  if (attributes === null) return false;
  if (changes === null) {
    // A creation writes all it has; a deletion writes nothing.
    return (
      before === null && after !== null && leavesIn(after).some((name) => attributes.covers(name))
    );
  }
  if (type.word === 'users' && isUncertain(changes, attributes)) return true;
  return changes.some(({ path }) => {
    if (!attributes.covers(nameOfPath(path))) return false;
    if (before === null || after === null || type.word !== 'users') return true;
    const top = pathOfName(nameOfPath(path));
    return !equal(valueOf(before, top), valueOf(after, top));
  });
};

/**
 * The effects, with `users:entitle` beside them where the mutation touches what grants privilege: a
 * privileged attribute written, a privileged group created, deleted, renamed into or out of being one, or
 * its members changed. Judged on what is there before and after. The very same list where nothing is added.
 */
export const withPrivilege = (
  effects: readonly Effect[],
  facts: PrivilegeFacts,
  privileged: Privileged | null,
): readonly Effect[] => {
  if (privileged === null || has(effects, entitle)) return effects;
  const touched =
    facts.type.word === 'groups'
      ? touchesGroup(effects, facts, privileged)
      : facts.type.word === 'users' && touchesAttributes(facts, privileged);
  return touched ? [...effects, { action: entitle, attributes: [] }] : effects;
};
