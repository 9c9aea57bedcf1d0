/**
 * Who leaves and who enters a group by one change. Told by the resource before and after it where both are
 * known, else by the changes alone, as far as they name single members. What cannot be told is null and
 * counts as everybody: rules that protect members fail closed.
 */
import type { Action } from '../identity/operation.ts';
import type { Change, Filter, Resource } from '../identity/scim/schema-model.ts';
import { isArray, isObject, memberIdsOf, own } from './values.ts';

/** One mutation of a group. `before` and `after` as the target shows them. */
export type GroupChange = Readonly<{
  actions: readonly Action[];
  /** Null: it is made only now, or not known. */
  before: Resource | null;
  /** Null: it is deleted, or not known. */
  after: Resource | null;
  changes: readonly Change[] | null;
  /** The target never shows members: `before` and `after` say nothing of them (T4). */
  membersHidden?: boolean;
}>;

/** Ids that leave and enter; null = cannot be told, possibly all. */
export type Moved = Readonly<{
  removed: readonly string[] | null;
  added: readonly string[] | null;
  /** Members before; null = not known. */
  had: number | null;
}>;

/** Ids a filter is sure to be bounded by: `value eq "x"`, alone, or-ed, or and-ed with more; else null. */
const idsNamed = (filter: Filter): readonly string[] | null => {
  if (filter.kind === 'compare') {
    const { path, operator, value } = filter;
    const named = path.attribute.toLowerCase() === 'value' && path.sub === undefined;
    return named && operator === 'eq' && typeof value === 'string' ? [value] : null;
  }
  if (filter.kind === 'and') {
    return filter.terms.reduce<readonly string[] | null>(
      (found, term) => found ?? idsNamed(term),
      null,
    );
  }
  if (filter.kind !== 'or') return null;
  const each = filter.terms.map(idsNamed);
  return each.some((ids) => ids === null) ? null : each.flatMap((ids) => ids ?? []);
};

const idsOfValue = (change: Exclude<Change, { op: 'remove' }>): readonly string[] => {
  const elements = isArray(change.value) ? change.value : [change.value];
  return elements.flatMap((element) => {
    const id = isObject(element) ? own(element, 'value') : element;
    return typeof id === 'string' ? [id] : [];
  });
};

/** Is this a change of the members of a group? */
export const changesMembers = ({ path }: Change): boolean =>
  path.schema === undefined && path.attribute.toLowerCase() === 'members';

const none: readonly string[] = Object.freeze([]);

const movedByChanges = (changes: readonly Change[]): Pick<Moved, 'removed' | 'added'> => {
  let removed: Set<string> | null = new Set();
  let added: Set<string> | null = new Set();
  for (const change of changes) {
    if (!changesMembers(change)) continue;
    const { filter, sub } = change.path;
    if (change.op === 'add' && filter === undefined && sub === undefined) {
      for (const id of idsOfValue(change)) added?.add(id);
      continue;
    }
    const named = filter === undefined ? null : idsNamed(filter);
    if (named === null) removed = null;
    else for (const id of named) removed?.add(id);
    // Whatever is put in their place may be anybody.
    if (change.op === 'remove') continue;
    if (sub === undefined) for (const id of idsOfValue(change)) added?.add(id);
    else if (typeof change.value === 'string') added?.add(change.value);
    else added = null;
  }
  return { removed: removed && [...removed], added: added && [...added] };
};

const difference = (from: ReadonlySet<string>, without: ReadonlySet<string>): readonly string[] =>
  [...from].filter((id) => !without.has(id));

/** Who moves. A deletion removes all members, a creation adds its own. */
export const membersMoved = (group: GroupChange): Moved => {
  const { actions, before, after, changes } = group;
  const shown = group.membersHidden !== true;
  if (actions.includes('groups:create')) {
    return { removed: none, added: after === null ? null : [...memberIdsOf(after)], had: 0 };
  }
  const old = before !== null && shown ? memberIdsOf(before) : null;
  const had = old?.size ?? null;
  if (actions.includes('groups:delete')) {
    return { removed: old && [...old], added: none, had };
  }
  if (changes !== null && !changes.some(changesMembers)) {
    return { removed: none, added: none, had };
  }
  if (old !== null && after !== null) {
    const next = memberIdsOf(after);
    return { removed: difference(old, next), added: difference(next, old), had };
  }
  return { ...(changes === null ? { removed: null, added: null } : movedByChanges(changes)), had };
};
