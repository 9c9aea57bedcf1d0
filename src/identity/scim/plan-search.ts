/**
 * How a search is put to a target that cannot do all of it: as it is, with a weaker filter whose
 * answer is sifted here, or not at all. A filter that the target does not know is never sent: many
 * answer it with an empty list, which a client reads as "nobody is there" (T20; RFC 7644 §3.4.2.2
 * wants invalidFilter). A weaker filter always finds at least what was asked for. Pure.
 */
import { refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import type { Knobs } from '../dialects/knobs.ts';
import type { Operation, Projection } from '../operation.ts';
import { filterNames } from './filter.ts';
import { isLookup } from './lookup.ts';
import type { AttributePath, Filter, ResourceType } from './schema-model.ts';
import { attributeName, lookUp } from './schemas.ts';

type Search = Extract<Operation, { verb: 'search' }>;

/** What becomes of a search. */
export type SearchPlan =
  /** One call answers it. `sort`: the order asked for is ours to make, where the whole list came. */
  | Readonly<{ kind: 'ask'; search: Search; sort: boolean; countZero: boolean }>
  /** Read whole, page by page, then filtered, sorted and paged here. */
  | Readonly<{ kind: 'sift'; search: Search; pageSize: number }>
  /** A connection test at a target whose lists are not to be believed. */
  | Readonly<{ kind: 'empty' }>
  | Readonly<{ kind: 'refused'; refusal: Refusal }>;

/** Resources on one page of a list that is read whole. */
const siftPageSize = 100;

const searchKnobs = [
  'filterOperators',
  'filterLogic',
  'filterAttributes',
  'filterValuePaths',
  'filterTerms',
  'unfilteredList',
  'sort',
  'paging',
  'pageMax',
  'countZero',
  'search',
] as const satisfies readonly (keyof Knobs)[];

/** Do these knobs touch searches at all? Asked once per snapshot. */
export const searchesAsAsked = (knobs: Knobs, plain: Knobs): boolean =>
  searchKnobs.every((knob) => JSON.stringify(knobs[knob]) === JSON.stringify(plain[knob]));

const below = (base: AttributePath, inner: AttributePath): AttributePath => ({
  ...base,
  sub: inner.attribute,
});

const sameName = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** `emails` in the list lets `emails.value` through: its value is what a bare name means. */
const mayFilterBy = (type: ResourceType, path: AttributePath, knobs: Knobs): boolean => {
  const listed = Object.hasOwn(knobs.filterAttributes, type.word)
    ? knobs.filterAttributes[type.word]
    : undefined;
  if (listed === undefined) return true;
  const name = attributeName(path);
  return listed.some((each) => sameName(each, name) || sameName(`${each}.value`, name));
};

const termCount = (filter: Filter): number => {
  if ('terms' in filter) return filter.terms.reduce((sum, term) => sum + termCount(term), 0);
  if (filter.kind === 'not') return termCount(filter.term);
  return filter.kind === 'values' ? termCount(filter.filter) : 1;
};

type Scope = Readonly<{ type: ResourceType; knobs: Knobs }>;

const operatorOf = (leaf: Extract<Filter, { kind: 'compare' | 'present' }>) =>
  leaf.kind === 'present' ? 'pr' : leaf.operator;

/** Can the target evaluate exactly this? `base` is the attribute whose elements are looked at. */
const isServed = (filter: Filter, scope: Scope, base: AttributePath | null): boolean => {
  const { type, knobs } = scope;
  if (filter.kind === 'compare' || filter.kind === 'present') {
    const path = base === null ? filter.path : below(base, filter.path);
    return knobs.filterOperators.includes(operatorOf(filter)) && mayFilterBy(type, path, knobs);
  }
  if (filter.kind === 'values') {
    return knobs.filterValuePaths === 'serve' && isServed(filter.filter, scope, filter.path);
  }
  if (!knobs.filterLogic.includes(filter.kind)) return false;
  const terms = filter.kind === 'not' ? [filter.term] : filter.terms;
  return terms.every((term) => isServed(term, scope, base));
};

/**
 * A value filter as conditions on the whole attribute: at least as wide, because what one element
 * fulfils together, the attribute fulfils. Only for comparisons that look for a value: `ne` and `not`
 * mean something else without the element. Null where there is no such reading.
 */
const dotted = (filter: Filter, base: AttributePath): Filter | null => {
  if (filter.kind === 'present') return { ...filter, path: below(base, filter.path) };
  if (filter.kind === 'compare') {
    const looksFor = filter.operator !== 'ne' && filter.value !== null;
    return looksFor ? { ...filter, path: below(base, filter.path) } : null;
  }
  if (filter.kind !== 'and' && filter.kind !== 'or') return null;
  const terms = filter.terms.map((term) => dotted(term, base));
  const kept = terms.filter((term) => term !== null);
  if (filter.kind === 'or' && kept.length < terms.length) return null;
  if (kept.length < 2) return kept[0] ?? null;
  return { kind: filter.kind, terms: kept };
};

const isKey = (type: ResourceType, filter: Filter): boolean => {
  if (filter.kind !== 'compare' || filter.operator !== 'eq') return false;
  return (
    filter.path.attribute === 'id' || (lookUp(type, filter.path)?.uniqueness ?? 'none') !== 'none'
  );
};

/** The part of a junction that narrows most: a key before an equality before anything else. */
const narrowest = (terms: readonly Filter[], { type }: Scope): Filter | null => {
  const isEqual = (term: Filter): boolean => term.kind === 'compare' && term.operator === 'eq';
  return terms.find((term) => isKey(type, term)) ?? terms.find(isEqual) ?? terms[0] ?? null;
};

/** The narrowest filter the target can do that finds all the filter finds; null = only everything. */
const weaken = (filter: Filter, scope: Scope): Filter | null => {
  const { knobs } = scope;
  if (isServed(filter, scope, null)) return filter;
  if (filter.kind === 'values') {
    if (knobs.filterValuePaths !== 'dotted') return null;
    const flat = dotted(filter.filter, filter.path);
    return flat === null ? null : weaken(flat, scope);
  }
  if (filter.kind !== 'and' && filter.kind !== 'or') return null;
  const terms = filter.terms.map((term) => weaken(term, scope));
  const kept = terms.filter((term) => term !== null);
  if (filter.kind === 'or') {
    const whole = kept.length === terms.length && knobs.filterLogic.includes('or');
    return whole ? { kind: 'or', terms: kept } : null;
  }
  if (kept.length < 2) return kept[0] ?? null;
  return knobs.filterLogic.includes('and') ? { kind: 'and', terms: kept } : narrowest(kept, scope);
};

/** A junction within a junction of its kind is the same junction: prints without parentheses. */
const flattened = (filter: Filter): Filter => {
  if (filter.kind === 'not') return { kind: 'not', term: flattened(filter.term) };
  if (filter.kind !== 'and' && filter.kind !== 'or') return filter;
  const { kind } = filter;
  const terms = filter.terms
    .map(flattened)
    .flatMap((term) => (term.kind === kind ? term.terms : [term]));
  return { kind, terms };
};

/** Within the target's number of comparisons: a conjunction may lose terms, nothing else may. */
const shortened = (filter: Filter, scope: Scope): Filter | null => {
  const { filterTerms } = scope.knobs;
  if (termCount(filter) <= filterTerms) return filter;
  if (filter.kind !== 'and') return null;
  const first = narrowest(filter.terms, scope);
  const terms: Filter[] = [];
  let left = filterTerms;
  for (const term of first === null ? [] : [first, ...filter.terms.filter((it) => it !== first)]) {
    const count = termCount(term);
    if (count > left) continue;
    left -= count;
    terms.push(term);
  }
  if (terms.length < 2) return terms[0] ?? null;
  return { kind: 'and', terms };
};

/** What a target can be asked for, as a refusal says it. */
const servedFilters = ({ type, knobs }: Scope): string => {
  const names = Object.hasOwn(knobs.filterAttributes, type.word)
    ? (knobs.filterAttributes[type.word] ?? [])
    : [];
  const by = names.length === 0 ? '' : ` on ${names.join(', ')}`;
  const joined =
    knobs.filterLogic.length === 0 ? 'one comparison' : `joined by ${knobs.filterLogic.join(', ')}`;
  return `${knobs.filterOperators.join(', ')}${by}, ${joined}`;
};

const covers = (outer: string, inner: string): boolean =>
  inner === outer || inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}:`);

/** What must come back so that the rest can be judged here. */
const siftProjection = (projection: Projection, needed: readonly string[]): Projection => {
  const excluded = projection.excluded?.filter(
    (name) => !needed.some((each) => covers(name, each) || covers(each, name)),
  );
  return excluded === undefined || excluded.length === 0 ? {} : { excluded };
};

const sifted = (search: Search, filter: Filter | null, knobs: Knobs): SearchPlan => {
  const { filter: asked, page, projection, ...rest } = search;
  const needed = [
    ...(asked === undefined ? [] : filterNames(asked)),
    ...(page.sortBy === undefined ? [] : [page.sortBy]),
  ];
  return {
    kind: 'sift',
    search: {
      ...rest,
      ...(filter === null ? {} : { filter }),
      page: {},
      projection: siftProjection(projection, needed),
    },
    pageSize: Math.min(siftPageSize, knobs.pageMax),
  };
};

const asked = (search: Search, knobs: Knobs): SearchPlan => {
  const { sortBy, sortOrder, ...page } = search.page;
  const countZero = page.count === 0 && !knobs.countZero;
  const count = countZero
    ? 1
    : page.count === undefined
      ? null
      : Math.min(page.count, knobs.pageMax);
  const sort = sortBy !== undefined && !knobs.sort;
  return {
    kind: 'ask',
    sort,
    countZero,
    search: {
      ...search,
      page: {
        ...page,
        ...(count === null ? {} : { count }),
        ...(sort || sortBy === undefined ? {} : { sortBy }),
        ...(sort || sortOrder === undefined ? {} : { sortOrder }),
      },
    },
  };
};

/** The plan for a search at a target with these knobs. */
export const planSearch = (search: Search, knobs: Knobs): SearchPlan => {
  const scope: Scope = { type: search.type, knobs };
  const { filter, page } = search;
  const pagesHere = knobs.paging === 'none' && ((page.startIndex ?? 1) > 1 || page.count === 0);
  if (filter === undefined) {
    if (knobs.unfilteredList === 'none') {
      if (isLookup(search)) return { kind: 'empty' };
      const detail = `This target lists nothing without a filter. It can filter by ${servedFilters(scope)}.`;
      return { kind: 'refused', refusal: refuse('filter_malformed', detail) };
    }
    return pagesHere ? sifted(search, null, knobs) : asked(search, knobs);
  }
  const weaker = weaken(filter, scope);
  const short = weaker === null ? null : shortened(flattened(weaker), scope);
  if (short === null) {
    const detail = `This target cannot do this filter. It can filter by ${servedFilters(scope)}.`;
    return { kind: 'refused', refusal: refuse('filter_malformed', detail) };
  }
  return !pagesHere && sameFilter(short, filter)
    ? asked(search, knobs)
    : sifted(search, short, knobs);
};

const sameFilter = (one: Filter, other: Filter): boolean =>
  JSON.stringify(one) === JSON.stringify(flattened(other));
