/**
 * Does a canonical resource match a filter? RFC 7644 §3.4.2.2 with the comparison of RFC 7643 types:
 * strings by `caseExact`, dateTimes as instants. A multi-valued attribute matches if any value does;
 * a value filter tests the same element with all of its terms. Unassigned, null and missing are one:
 * equal to null, unequal to anything else, never greater, lesser or containing.
 */
import { isArray, isObject, type Json, type JsonObject } from '../json-value.ts';
import { instantOf } from './instant.ts';
import type {
  Attribute,
  AttributePath,
  CompareOperator,
  Filter,
  Resource,
  ResourceType,
} from './schema-model.ts';
import { lookUp, resolveSub } from './schemas.ts';

type Compare = Extract<Filter, { kind: 'compare' }>;
/** Answers a leaf (`compare` or `present`) or a value filter; the junctions are common to all. */
type Leaf = (filter: Exclude<Filter, { kind: 'and' | 'or' | 'not' }>) => boolean;

/**
 * An own member by its canonical name. Names nobody gave a meaning keep the spelling of whoever wrote
 * them, so they are compared in any letter case.
 */
const member = (object: JsonObject, name: string, known: boolean): Json | undefined => {
  if (Object.hasOwn(object, name)) return object[name];
  if (known) return undefined;
  const folded = name.toLowerCase();
  for (const key of Object.keys(object)) if (key.toLowerCase() === folded) return object[key];
  return undefined;
};

const isPresent = (value: Json | undefined): boolean => {
  if (value === undefined || value === null || value === '') return false;
  if (isArray(value)) return value.some(isPresent);
  return isObject(value) ? Object.keys(value).some((key) => isPresent(value[key])) : true;
};

const compareOrder: Readonly<Record<CompareOperator, (order: number) => boolean>> = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  gt: (order) => order > 0,
  ge: (order) => order >= 0,
  lt: (order) => order < 0,
  le: (order) => order <= 0,
  co: () => false,
  sw: () => false,
  ew: () => false,
};

const orderOf = <Ordered extends string | number>(left: Ordered, right: Ordered): number =>
  left === right ? 0 : left < right ? -1 : 1;

const compareText = (left: string, operator: CompareOperator, right: string): boolean => {
  if (operator === 'co') return left.includes(right);
  if (operator === 'sw') return left.startsWith(right);
  if (operator === 'ew') return left.endsWith(right);
  return compareOrder[operator](orderOf(left, right));
};

const compareStrings = (
  left: string,
  operator: CompareOperator,
  right: string,
  attribute: Attribute | null,
): boolean => {
  if (
    attribute?.type === 'dateTime' &&
    operator !== 'co' &&
    operator !== 'sw' &&
    operator !== 'ew'
  ) {
    const order = instantOf(left) - instantOf(right);
    // NaN where one of them is no dateTime: it is then unequal and in no order.
    return compareOrder[operator](order);
  }
  return attribute?.caseExact === true
    ? compareText(left, operator, right)
    : compareText(left.toLowerCase(), operator, right.toLowerCase());
};

/** One value against one literal. */
const compareValue = (
  actual: Json | undefined,
  { operator, value }: Compare,
  attribute: Attribute | null,
): boolean => {
  // An element of an attribute nobody gave a meaning may be complex: its `value` is what counts.
  const left = (isObject(actual) ? member(actual, 'value', false) : actual) ?? null;
  if (left === null || value === null) {
    const same = left === null && value === null;
    return operator === 'eq' ? same : operator === 'ne' && !same;
  }
  if (typeof left === 'string' && typeof value === 'string') {
    return compareStrings(left, operator, value, attribute);
  }
  if (typeof left === 'number' && typeof value === 'number') {
    return compareOrder[operator](orderOf(left, value));
  }
  return operator === 'eq' ? left === value : operator === 'ne' && left !== value;
};

/** The values a path reaches, one per element; a missing value stays as undefined. */
const valuesAt = (
  resource: Resource,
  path: AttributePath,
  known: boolean,
): readonly (Json | undefined)[] => {
  const holder = path.schema === undefined ? resource : member(resource, path.schema, known);
  if (!isObject(holder)) return [undefined];
  const value = member(holder, path.attribute, known);
  const elements =
    isArray(value) && value.length > 0 ? value : [isArray(value) ? undefined : value];
  const { sub } = path;
  if (sub === undefined) return elements;
  return elements.map((element) => (isObject(element) ? member(element, sub, known) : undefined));
};

const test = (filter: Filter, leaf: Leaf): boolean => {
  if ('terms' in filter) {
    return filter.kind === 'and'
      ? filter.terms.every((term) => test(term, leaf))
      : filter.terms.some((term) => test(term, leaf));
  }
  return filter.kind === 'not' ? !test(filter.term, leaf) : leaf(filter);
};

/**
 * True if one element of a multi-valued attribute matches a value filter. `attribute` describes the
 * whole attribute; null where nobody gave it a meaning. A simple element is its own `value`.
 */
export const matchesElement = (
  filter: Filter,
  element: Json,
  attribute: Attribute | null,
): boolean =>
  test(filter, (leaf) => {
    // The parser nests no value filter; one that was built by hand matches nothing.
    if (leaf.kind === 'values') return false;
    const sub = resolveSub(attribute, leaf.path.attribute);
    const known = sub !== null && sub.attribute !== null;
    const name = sub?.name ?? leaf.path.attribute;
    const value = isObject(element)
      ? member(element, name, known)
      : name.toLowerCase() === 'value'
        ? element
        : undefined;
    return leaf.kind === 'present'
      ? isPresent(value)
      : compareValue(value, leaf, sub?.attribute ?? null);
  });

/** True if the resource, in canonical shape, matches the filter. */
export const matches = (filter: Filter, resource: Resource, type: ResourceType): boolean =>
  test(filter, (leaf) => {
    const attribute = lookUp(type, leaf.path);
    const values = valuesAt(resource, leaf.path, attribute !== null);
    if (leaf.kind === 'values') {
      return values.some(
        (value) => value !== undefined && matchesElement(leaf.filter, value, attribute),
      );
    }
    return values.some((value) =>
      leaf.kind === 'present' ? isPresent(value) : compareValue(value, leaf, attribute),
    );
  });
