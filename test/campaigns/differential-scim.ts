/**
 * Printed filters and PatchOps read by other SCIM engines: scim2-parse-filter, scim-patch and SCIMMY.
 * Where one of them is known to be wrong (reference: the row beside it) it is not asked.
 */
import { isDeepStrictEqual } from 'node:util';
import { Messages, Schemas, Types } from 'scimmy';
import { scimPatch, type ScimPatchOperation, type ScimResource } from 'scim-patch';
import { parse as parseForeign, type Filter as Foreign } from 'scim2-parse-filter';
import { isRefusal } from '../../src/errors.ts';
import type { Json, JsonObject } from '../../src/identity/json-value.ts';
import { matches } from '../../src/identity/scim/evaluate.ts';
import { parseFilter, printFilter } from '../../src/identity/scim/filter.ts';
import type { Filter, Resource, ResourceType } from '../../src/identity/scim/schema-model.ts';
import { attributeName, resolveName, userType } from '../../src/identity/scim/schemas.ts';
import { withoutOrder } from '../identity/scim/resource-arbitraries.ts';

/** A tree as plain text of its meaning: junctions flat, negations kept, names as the schema has them. */
const plainTree = (filter: Filter): Json => {
  if ('terms' in filter) {
    const terms = filter.terms.flatMap((term) => (term.kind === filter.kind ? term.terms : [term]));
    return [filter.kind, ...terms.map(plainTree)];
  }
  if (filter.kind === 'not') return ['not', plainTree(filter.term)];
  const name = attributeName(filter.path);
  if (filter.kind === 'values') return ['values', name, plainTree(filter.filter)];
  if (filter.kind === 'present') return ['pr', name];
  return [filter.operator, name, filter.value];
};

const canonicalName = (name: string): string => {
  const path = resolveName(userType, name);
  return path === null ? name : attributeName(path);
};

/** The same of scim2-parse-filter's tree. */
const foreignTree = (filter: Foreign, inside = false): Json => {
  const nameOf = (name: string): string => (inside ? name : canonicalName(name));
  if ('filters' in filter) {
    const terms = filter.filters.flatMap((term) => (term.op === filter.op ? term.filters : [term]));
    return [filter.op, ...terms.map((term) => foreignTree(term, inside))];
  }
  if (filter.op === 'not') return ['not', foreignTree(filter.filter, inside)];
  if (filter.op === '[]') {
    return ['values', nameOf(filter.attrPath), foreignTree(filter.valFilter, true)];
  }
  if (filter.op === 'pr') return ['pr', nameOf(filter.attrPath)];
  return 'compValue' in filter ? [filter.op, nameOf(filter.attrPath), filter.compValue] : null;
};

/** scim2-parse-filter does not decode the escapes of JSON strings (reference §4.1). */
const hasEscape = (text: string): boolean => text.includes('\\');

/** Does scim2-parse-filter read the printed filter as the tree it was printed from? Null: not asked. */
export const sameTree = (printed: string, type: ResourceType): boolean | null => {
  if (hasEscape(printed)) return null;
  const own = parseFilter(printed, type, { nodesMax: 10_000, lengthMax: 100_000 });
  if (isRefusal(own)) return false;
  return isDeepStrictEqual(foreignTree(parseForeign(printed)), plainTree(own));
};

/** As sameTree, for the filter inside a PATCH path. */
export const sameValueTree = (own: Filter): boolean | null => {
  const printed = printFilter(own);
  if (hasEscape(printed)) return null;
  return isDeepStrictEqual(foreignTree(parseForeign(printed), true), plainTree(own));
};

/** Resources on which filters are tried; no attribute is missing that SCIMMY would stumble over. */
const tried: readonly Resource[] = ['a', 'b', 'ab', 'x y', 'z@example.com'].flatMap((text, index) =>
  [true, false].map((active) => ({
    userName: text,
    name: { givenName: index % 2 === 0 ? text : 'c' },
    active,
    title: text,
    emails: [
      { type: 'a', value: text },
      { type: text, value: 'c' },
    ],
  })),
);

/**
 * What SCIMMY 1.3.5 reads otherwise than RFC 7644: escapes (§4.1), a negation of more than one
 * comparison (it negates each instead of the whole), extension URNs on plain resources, and null.
 */
const beyondScimmy = (filter: Filter): boolean => {
  if ('terms' in filter) return filter.terms.some(beyondScimmy);
  if (filter.kind === 'not') return filter.term.kind !== 'compare' || beyondScimmy(filter.term);
  if (filter.path.schema !== undefined) return true;
  if (filter.kind === 'values') return beyondScimmy(filter.filter);
  if (filter.kind === 'present') return false;
  const { value } = filter;
  return (
    value === null || value === '' || (typeof value === 'string' && !/^[a-z@. ]+$/.test(value))
  );
};

/** Attributes the filter names, each as often as it does. */
const leavesOf = (filter: Filter): readonly string[] => {
  if ('terms' in filter) return filter.terms.flatMap(leavesOf);
  if (filter.kind === 'not') return leavesOf(filter.term);
  return [attributeName(filter.path)];
};

/** SCIMMY lays two tests of one attribute in one conjunction over each other. */
const namesTwice = (filter: Filter): boolean => {
  const leaves = leavesOf(filter);
  return new Set(leaves).size < leaves.length;
};

const hasKind = (filter: Filter, kind: Filter['kind']): boolean => {
  if (filter.kind === kind) return true;
  if ('terms' in filter) return filter.terms.some((term) => hasKind(term, kind));
  return filter.kind === 'not' && hasKind(filter.term, kind);
};

/** Beside an `or`, SCIMMY takes the terms of a value filter for alternatives, and loses a `not`. */
const takesApart = (filter: Filter): boolean =>
  hasKind(filter, 'or') && (hasKind(filter, 'values') || hasKind(filter, 'not'));

const triple = /\(\(\(/;

/** Does SCIMMY find the same resources by the printed filter? Null: not asked. */
export const sameMatches = (printed: string): boolean | null => {
  const own = parseFilter(printed, userType);
  if (isRefusal(own) || triple.test(printed)) return null;
  if (beyondScimmy(own) || namesTwice(own) || takesApart(own)) return null;
  const found = new Types.Filter(printed).match(structuredClone(tried) as unknown[]);
  const expected = tried.filter((resource) => matches(own, resource, userType));
  return isDeepStrictEqual(found, expected);
};

const assigned = new Set(['schemas', 'id', 'meta']);

/** What counts of a resource: no order, nothing unassigned, nothing the engine adds. */
const compared = (resource: object): unknown => {
  const whole = JSON.parse(JSON.stringify(resource)) as JsonObject;
  const kept = Object.entries(whole).filter(
    ([name, value]) => !assigned.has(name) && !(Array.isArray(value) && value.length === 0),
  );
  return withoutOrder(Object.fromEntries(kept));
};

type PatchOp = Readonly<{ schemas: readonly string[]; Operations: readonly Json[] }>;

/** scim-patch refuses a filtered path where the list is not there (T32); then null. */
const patchForeign = (before: Resource, operations: ScimPatchOperation[]): object | null => {
  try {
    return scimPatch(structuredClone(before) as unknown as ScimResource, operations);
  } catch (error) {
    if (error instanceof Error && error.message.includes('on a mono valued attribute')) return null;
    throw error;
  }
};

/** The engines that disagree with `after` over a PatchOp, by name. */
export const disagreeing = async (
  body: PatchOp,
  before: Resource,
  after: Resource,
): Promise<readonly string[]> => {
  const wanted = compared(after);
  const out: string[] = [];
  const operations = structuredClone(body.Operations) as unknown as ScimPatchOperation[];
  const patched = patchForeign(before, operations);
  if (patched !== null && !isDeepStrictEqual(compared(patched), wanted)) out.push('scim-patch');
  const isUser = (before['schemas'] as readonly string[])[0]?.endsWith(':User') === true;
  const { User, Group } = Schemas;
  const Schema = isUser ? User : Group;
  const message = new Messages.PatchOp(structuredClone(body) as never);
  const applied = (await message.apply(new Schema(structuredClone(before) as never) as never)) as
    | object
    | undefined;
  // Nothing is its answer to a PATCH that changes nothing.
  if (!isDeepStrictEqual(compared(applied ?? before), wanted)) out.push('SCIMMY');
  return out;
};
