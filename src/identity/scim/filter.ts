/**
 * SCIM filters (RFC 7644 §3.4.2.2): text to tree, tree to text, and which attributes a tree probes.
 * What a target receives is printed from the tree, never the caller's text. For every filter that
 * parses, parsing its print gives the same tree again.
 */
import { refuse, type Refusal } from '../../errors.ts';
import type { AttributeName } from '../operation.ts';
import {
  atEnd,
  filterLengthMax,
  makeCursor,
  readChain,
  type FilterLimits,
} from './filter-reader.ts';
import type { AttributePath, Filter, ResourceType } from './schema-model.ts';
import { attributeName } from './schemas.ts';

/**
 * Parses a filter over resources of `type`. Names, operators and junctions in any letter case; string
 * values are JSON strings. Refuses with `filter_malformed` and what to fix: syntax, unknown
 * attributes, comparisons that the attribute's type does not have, attributes that are never returned.
 * Defaults: 8192 characters, 200 terms, 32 levels (T19 has the same 200).
 */
export const parseFilter = (
  text: string,
  type: ResourceType,
  options: FilterLimits = {},
): Filter | Refusal => {
  const lengthMax = options.lengthMax ?? filterLengthMax;
  if (text.length > lengthMax) {
    return refuse('filter_malformed', `A filter has at most ${lengthMax} characters.`);
  }
  const cursor = makeCursor(text, type, options);
  const filter = readChain(cursor, null, 'or');
  if (filter !== null && atEnd(cursor)) return filter;
  return refuse('filter_malformed', cursor.problem ?? 'The filter is not valid.');
};

/** A term inside `and`, which binds tighter than `or`. */
const printTight = (term: Filter): string =>
  term.kind === 'or' ? `(${printFilter(term)})` : printFilter(term);

/** Prints a filter in canonical text: single spaces, lower-case operators, JSON values. */
export const printFilter = (filter: Filter): string => {
  if ('terms' in filter) {
    const print = filter.kind === 'and' ? printTight : printFilter;
    return filter.terms.map(print).join(` ${filter.kind} `);
  }
  if (filter.kind === 'not') return `not (${printFilter(filter.term)})`;
  const name = attributeName(filter.path);
  if (filter.kind === 'values') return `${name}[${printFilter(filter.filter)}]`;
  if (filter.kind === 'present') return `${name} pr`;
  return `${name} ${filter.operator} ${JSON.stringify(filter.value)}`;
};

/** The path of a sub-attribute that a value filter over `base` names. */
const below = (base: AttributePath, inner: AttributePath): AttributePath => ({
  ...base,
  sub: inner.attribute,
});

const collectNames = (
  filter: Filter,
  base: AttributePath | null,
  names: Set<AttributeName>,
): void => {
  switch (filter.kind) {
    case 'compare':
    case 'present':
      names.add(attributeName(base === null ? filter.path : below(base, filter.path)));
      return;
    case 'not':
      collectNames(filter.term, base, names);
      return;
    case 'values':
      collectNames(filter.filter, filter.path, names);
      return;
    case 'and':
    case 'or':
      for (const term of filter.terms) collectNames(term, base, names);
  }
};

/**
 * Every attribute the filter probes, in rule spelling, each once: what a caller must be allowed to
 * read. Inside a value filter, the sub-attributes (`emails.type`).
 */
export const filterNames = (filter: Filter): readonly AttributeName[] => {
  const names = new Set<AttributeName>();
  collectNames(filter, null, names);
  return [...names];
};
