/**
 * Who leaves and who enters a group by one change. Told by the resource before and after it where both are
 * known, else by the changes alone, as far as they name single members. What cannot be told is null and
 * counts as everybody: rules that protect members fail closed. Nothing rests on how a target reads what
 * is not an id: filters by other things than ids may choose anybody, links without ids may lead to anybody,
 * ids are the same in any letter case, and who is named leaves though he is not shown.
 */
import type { Json } from '../identity/json-value.ts';
import type { Action } from '../identity/operation.ts';
import type { Change, Filter, Resource } from '../identity/scim/schema-model.ts';
import { idKey } from './fold-key.ts';
import { isArray, isObject, memberIdsOf, own, valueOf } from './values.ts';

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
  /** Ids that removals name, whether they are shown as members or not. */
  named: readonly string[];
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

/** Last segment of a link to a resource, decoded; null where it is none. */
const idOfLink = (link: string): string | null => {
  const last = link.replace(/\/+$/, '').split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last);
  } catch {
    return null;
  }
};

/** The id of an element; null where it has none, or a link that leads to another one. */
const idOfElement = (element: Json): string | null => {
  if (!isObject(element)) return typeof element === 'string' && element !== '' ? element : null;
  const id = own(element, 'value');
  if (typeof id !== 'string' || id === '') return null;
  const link = own(element, '$ref');
  if (typeof link !== 'string' || link === '') return id;
  const linked = idOfLink(link);
  return linked !== null && idKey(linked) === idKey(id) ? id : null;
};

/** Ids that a value names; null where one of its elements names none. */
const idsIn = (value: Json | undefined): readonly string[] | null => {
  const elements = isArray(value) ? value : value === undefined || value === null ? [] : [value];
  const ids = elements.map(idOfElement);
  return ids.some((id) => id === null) ? null : ids.filter((id) => id !== null);
};

/** Is this a change of the members of a group? */
export const changesMembers = ({ path }: Change): boolean =>
  path.schema === undefined && path.attribute.toLowerCase() === 'members';

const none: readonly string[] = Object.freeze([]);

/** What is told of a member, whoever that is. */
const describing: ReadonlySet<string> = new Set(['display', 'type']);

/** A change of who is a member, not of what is told of one. */
const moves = (change: Change): boolean =>
  changesMembers(change) && !describing.has(change.path.sub?.toLowerCase() ?? '');

/** Does it choose among the members by anything but their ids? Targets do not all choose alike. */
export const choosesBlindly = (change: Change): boolean =>
  moves(change) && change.path.filter !== undefined && idsNamed(change.path.filter) === null;

/** Ids that one change puts in; null where they cannot be told. */
const addedBy = (change: Change): readonly string[] | null => {
  if (change.op === 'remove') return none;
  const { sub } = change.path;
  // A link by itself leads to whom the target says.
  return sub === undefined || sub.toLowerCase() === 'value' ? idsIn(change.value) : null;
};

/** Ids that one change names to be taken away, or to have others put in their place. */
const takenBy = ({ op, path: { filter, sub } }: Change): readonly string[] | null => {
  if (op === 'add' && filter === undefined && sub === undefined) return none;
  return filter === undefined ? null : idsNamed(filter);
};

type ByChanges = Pick<Moved, 'removed' | 'added'>;

const movedByChanges = (changes: readonly Change[]): ByChanges => {
  let removed: Set<string> | null = new Set();
  let added: Set<string> | null = new Set();
  for (const change of changes) {
    if (!moves(change)) continue;
    const out = takenBy(change);
    if (out === null) removed = null;
    else for (const id of out) removed?.add(id);
    const put = addedBy(change);
    if (put === null) added = null;
    else for (const id of put) added?.add(id);
  }
  return { removed: removed && [...removed], added: added && [...added] };
};

/** Ids that changes name to be taken away. */
const namedBy = (changes: readonly Change[]): readonly string[] =>
  changes.flatMap((change) => (moves(change) ? (takenBy(change) ?? none) : none));

const difference = (from: ReadonlySet<string>, without: ReadonlySet<string>): readonly string[] =>
  [...from].filter((id) => !without.has(id));

/** Beside what is shown: who was named leaves, though the same change puts him back. */
const shownMoves = (
  old: ReadonlySet<string>,
  next: ReadonlySet<string>,
  changes: readonly Change[],
  named: readonly string[],
): ByChanges => {
  const told = changes.filter(moves);
  const keys = new Set(named.map(idKey));
  const removed = [...old].filter((id) => !next.has(id) || keys.has(idKey(id)));
  return {
    removed: told.some(choosesBlindly) ? null : removed,
    added: told.some((change) => addedBy(change) === null) ? null : difference(next, old),
  };
};

/** Who moves. A deletion removes all members, a creation adds its own. */
export const membersMoved = (group: GroupChange): Moved => {
  const { actions, before, after, changes } = group;
  const shown = group.membersHidden !== true;
  if (actions.includes('groups:create')) {
    const added = after === null ? null : idsIn(valueOf(after, { attribute: 'members' }));
    return { removed: none, added: added && [...new Set(added)], named: none, had: 0 };
  }
  const old = before !== null && shown ? memberIdsOf(before) : null;
  const had = old?.size ?? null;
  if (actions.includes('groups:delete')) {
    return { removed: old && [...old], added: none, named: none, had };
  }
  if (changes !== null && !changes.some(changesMembers)) {
    return { removed: none, added: none, named: none, had };
  }
  const named = changes === null ? none : namedBy(changes);
  if (old !== null && after !== null) {
    return { ...shownMoves(old, memberIdsOf(after), changes ?? [], named), named, had };
  }
  return {
    ...(changes === null ? { removed: null, added: null } : movedByChanges(changes)),
    named,
    had,
  };
};
