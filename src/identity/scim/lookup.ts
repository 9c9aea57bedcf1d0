/**
 * Tells a look-up from a search. A look-up asks for what the caller already knows the name of, so it
 * needs `read` only; everything else lists people and needs `search` (interface.md §2).
 */
import type { Operation } from '../operation.ts';
import type { AttributePath, Filter } from './schema-model.ts';

/** Attributes by which one resource is looked up, lower-cased, per resource word. */
const lookupAttributes: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['users', new Set(['id', 'username', 'externalid', 'emails', 'emails.value'])],
  // Group push finds its group by name and nothing else (C11); the name is the group's matching
  // attribute, as userName is the user's.
  ['groups', new Set(['id', 'externalid', 'displayname'])],
]);
const lookupAttributesElsewhere: ReadonlySet<string> = new Set(['id', 'externalid']);

const isNamed = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';

const allows = (word: string, path: AttributePath, inside = ''): boolean => {
  if (path.schema !== undefined) return false;
  const name = `${inside}${path.attribute}${path.sub === undefined ? '' : `.${path.sub}`}`;
  return (lookupAttributes.get(word) ?? lookupAttributesElsewhere).has(name.toLowerCase());
};

/** `value eq "x"`, alone or beside one `type eq "work"`, inside `emails[…]` (C11). */
const isValueLookup = (word: string, path: AttributePath, filter: Filter): boolean => {
  const inside = `${path.attribute}.`;
  const terms = filter.kind === 'and' ? filter.terms : [filter];
  if (path.schema !== undefined || path.sub !== undefined || terms.length > 2) return false;
  const equalities = terms.filter(
    (term) => term.kind === 'compare' && term.operator === 'eq' && isNamed(term.value),
  ) as Extract<Filter, { kind: 'compare' }>[];
  const values = equalities.filter((term) => allows(word, term.path, inside));
  const types = equalities.filter((term) => term.path.attribute.toLowerCase() === 'type');
  return values.length === 1 && values.length + types.length === terms.length;
};

/**
 * Is the filter exactly one `eq` on a matching attribute, with a value? `eq null` and `eq ""` ask for
 * everybody without one, so they are none.
 */
const isLookupFilter = (word: string, filter: Filter): boolean => {
  if (filter.kind === 'compare') {
    return filter.operator === 'eq' && isNamed(filter.value) && allows(word, filter.path);
  }
  return filter.kind === 'values' && isValueLookup(word, filter.path, filter.filter);
};

/**
 * True for a search that needs `read` only: its filter is a look-up, or it is an empty connection
 * test, i.e. no filter, no order, the first page and at most one resource. (With `startIndex`, `cursor`
 * or `sortBy` free, one resource at a time would list them all.)
 */
export const isLookup = (operation: Extract<Operation, { verb: 'search' }>): boolean => {
  const { filter, page, type } = operation;
  if (filter !== undefined) return isLookupFilter(type.word, filter);
  return (
    page.count !== undefined &&
    page.count <= 1 &&
    (page.startIndex ?? 1) === 1 &&
    page.cursor === undefined &&
    page.sortBy === undefined
  );
};
