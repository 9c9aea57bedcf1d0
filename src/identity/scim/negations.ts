/**
 * Filters that ask whether something is there at all: `emails[not (type eq "work")]` and `emails.type
 * ne "work"` are true of an element that shows no type, so they find elements of which every part a
 * client may read is absent. Who may not read all parts may not ask so.
 */
import type { AttributeName } from '../operation.ts';
import type { AttributePath, Filter } from './schema-model.ts';
import { attributeName } from './schemas.ts';

const container = ({ schema, attribute }: AttributePath): AttributeName =>
  attributeName(schema === undefined ? { attribute } : { schema, attribute });

const collect = (filter: Filter, base: AttributePath | null, names: Set<AttributeName>): void => {
  if ('terms' in filter) {
    for (const term of filter.terms) collect(term, base, names);
  } else if (filter.kind === 'values') {
    collect(filter.filter, filter.path, names);
  } else if (filter.kind === 'not') {
    if (base !== null) names.add(container(base));
    collect(filter.term, base, names);
  } else if (filter.kind === 'compare' && filter.operator === 'ne') {
    if (base !== null) names.add(container(base));
    else if (filter.path.sub !== undefined) names.add(container(filter.path));
  }
};

/** Whole attributes that a filter asks for by negation, in rule spelling, each once. */
export const negatedNames = (filter: Filter): readonly AttributeName[] => {
  const names = new Set<AttributeName>();
  collect(filter, null, names);
  return [...names];
};
