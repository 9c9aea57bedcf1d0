/**
 * Literals of a filter pass the rules of their path, so a search finds what a create stored. A literal
 * without a canonical form passes as it is: a search for it finds nothing. Literals of `co`, `sw` and
 * `ew` pass only the rules that keep a part a part.
 */
import type { Filter, ResourceType } from '../scim/schema-model.ts';
import { emptyView } from '../scim/view.ts';
import { applySteps } from './apply-steps.ts';
import type { Branch, Leaf } from './plan.ts';
import { comparedLeaf, insideOf, nodeAt } from './plan.ts';

type Compare = Extract<Filter, { kind: 'compare' }>;

const literal = (
  value: string | boolean,
  leaf: Leaf,
  operator: Compare['operator'],
  type: ResourceType,
): Compare['value'] => {
  const whole = operator === 'eq' || operator === 'ne';
  const steps = whole ? leaf.steps : leaf.steps.filter(({ prefixSafe }) => prefixSafe);
  const applied = applySteps(steps, value, () => ({ after: emptyView(null, type) }));
  if (applied === null || 'refusedBy' in applied) return value;
  return typeof applied.value === 'string' || typeof applied.value === 'boolean'
    ? applied.value
    : value;
};

/** The filter with canonical literals; the same object where nothing changed. */
export const normaliseFilter = (filter: Filter, branch: Branch, type: ResourceType): Filter => {
  if (filter.kind === 'compare') {
    const leaf = comparedLeaf(nodeAt(branch, filter.path));
    const { value } = filter;
    if (leaf === null || (typeof value !== 'string' && typeof value !== 'boolean')) return filter;
    const canonical = literal(value, leaf, filter.operator, type);
    return canonical === value ? filter : { ...filter, value: canonical };
  }
  if (filter.kind === 'not') {
    const term = normaliseFilter(filter.term, branch, type);
    return term === filter.term ? filter : { kind: 'not', term };
  }
  if (filter.kind === 'values') {
    const inside = insideOf(nodeAt(branch, filter.path));
    if (inside === null) return filter;
    const inner = normaliseFilter(filter.filter, inside, type);
    return inner === filter.filter ? filter : { ...filter, filter: inner };
  }
  if (filter.kind === 'present') return filter;
  const terms = filter.terms.map((term) => normaliseFilter(term, branch, type));
  return terms.every((term, at) => term === filter.terms[at])
    ? filter
    : { kind: filter.kind, terms };
};
