/**
 * In which order the operations of a Bulk run, and how what they call each other becomes ids (RFC
 * 7644 §3.7.1-2). They run as given, except that a create runs before whatever refers to it. In a
 * circle one create goes out without its reference, and a PATCH adds it once both ids are known. Pure.
 */
import { isRefusal, refuse, type Refusal } from '../../errors.ts';
import type { Json } from '../json-value.ts';
import { isArray } from '../json-value.ts';
import type { Mutation } from '../operation.ts';
import { refusalOfOperation, type BulkOperation } from './bulk.ts';
import { attributesOf, rewriteReferences, rewriteValue, withAttribute } from './bulk-rewrite.ts';
import { quoted } from './reading.ts';
import type { Attribute, Change } from './schema-model.ts';
import { lookUp } from './schemas.ts';

/** One operation in its place in the order. */
export type PlannedOperation = Readonly<{
  of: BulkOperation;
  /** bulkIds whose resources must be there before it is sent. */
  needs: readonly string[];
  /** References of a circle, added by a PATCH of their own once both resources are there. */
  later: readonly string[];
  /** It stands in a circle that cannot be opened: it is not sent (409). */
  stuck: boolean;
}>;

/** What an operation refers to, by bulkId: may the reference be added after the create? */
type References = ReadonlyMap<string, boolean>;

/** What must be there from the start, or can never be written again, cannot be added later. */
const isDetachable = (attribute: Attribute | null): boolean =>
  attribute === null || (!attribute.required && attribute.mutability === 'readWrite');

const referencesOf = (operation: Mutation): References => {
  const found = new Map<string, boolean>();
  rewriteReferences(operation, (bulkId, at) => {
    const free = operation.verb === 'create' && at !== 'path' && isDetachable(at);
    found.set(bulkId, free && found.get(bulkId) !== false);
    return `bulkId:${bulkId}`;
  });
  return found;
};

/** Does the operation refer to what another one of the same Bulk makes, in its path? */
export const dependsOnBulk = (operation: Mutation): boolean => {
  let found = false;
  rewriteReferences(operation, (bulkId, at) => {
    found ||= at === 'path';
    return `bulkId:${bulkId}`;
  });
  return found;
};

type Node = Readonly<{ of: BulkOperation; references: References }>;

const readNodes = (operations: readonly BulkOperation[]): readonly Node[] | Refusal => {
  const made = new Set(
    operations.filter(({ operation }) => operation.verb === 'create').map(({ bulkId }) => bulkId),
  );
  const nodes: Node[] = [];
  for (const of of operations) {
    const references = referencesOf(of.operation);
    for (const bulkId of references.keys()) {
      if (made.has(bulkId)) continue;
      const detail = `No POST of this Bulk has the bulkId ${quoted(bulkId)}.`;
      return refusalOfOperation(refuse('value_invalid', detail), of);
    }
    nodes.push({ of, references });
  }
  return nodes;
};

/**
 * The operations in the order in which they run. Refuses a reference to no POST of the Bulk as
 * `value_invalid`. Linear in the number of references.
 */
export const planBulk = (
  operations: readonly BulkOperation[],
): readonly PlannedOperation[] | Refusal => {
  const nodes = readNodes(operations);
  if (isRefusal(nodes)) return nodes;
  const makers = new Map(
    nodes.flatMap((node) =>
      node.of.operation.verb === 'create' ? [[node.of.bulkId, node] as const] : [],
    ),
  );
  const state = new Map<Node, 'begun' | 'done'>();
  const plan: PlannedOperation[] = [];
  const visit = (node: Node): void => {
    state.set(node, 'begun');
    const needs: string[] = [];
    const later: string[] = [];
    let stuck = false;
    for (const [bulkId, detachable] of node.references) {
      const maker = makers.get(bulkId) as Node;
      if (!state.has(maker)) visit(maker);
      if (state.get(maker) === 'done') needs.push(bulkId);
      else if (detachable) later.push(bulkId);
      else stuck = true;
    }
    state.set(node, 'done');
    plan.push({ of: node.of, needs, later, stuck });
  };
  for (const node of nodes) if (!state.has(node)) visit(node);
  return plan;
};

/** The operation with ids in place of its references; every one of them must be known. */
export const resolveReferences = (
  operation: Mutation,
  ids: ReadonlyMap<string, string>,
): Mutation =>
  rewriteReferences(operation, (bulkId) => {
    const id = ids.get(bulkId);
    if (id === undefined)
      throw new TypeError('a reference is resolved before its resource is there');
    return id;
  });

type Create = Extract<Mutation, { verb: 'create' }>;
type Patch = Extract<Mutation, { verb: 'patch' }>;

const addition = ({ type }: Create, id: string): Patch => ({
  verb: 'patch',
  type,
  id,
  changes: [],
  preconditions: {},
  projection: {},
  repairs: [],
});

/** A value in two: what refers to one of `some` (undefined where nothing does), and the rest. */
const split = (
  value: Json,
  attribute: Attribute | null,
  some: ReadonlySet<string>,
): Readonly<{ kept: Json | undefined; loose: Json | undefined }> => {
  const refers = (item: Json): boolean => {
    let found = false;
    rewriteValue(item, attribute, (bulkId) => {
      found ||= some.has(bulkId);
      return `bulkId:${bulkId}`;
    });
    return found;
  };
  if (!isArray(value)) {
    return refers(value) ? { kept: undefined, loose: value } : { kept: value, loose: undefined };
  }
  const kept: Json[] = [];
  const loose: Json[] = [];
  for (const item of value) (refers(item) ? loose : kept).push(item);
  return {
    kept: kept.length === 0 ? undefined : kept,
    loose: loose.length === 0 ? undefined : loose,
  };
};

/** A create without some of its references, and the changes that add them afterwards. */
export const detachReferences = (
  operation: Create,
  later: readonly string[],
): Readonly<{ operation: Create; changes: readonly Change[] }> => {
  const some = new Set(later);
  const changes: Change[] = [];
  let { resource } = operation;
  for (const { path, value } of some.size === 0 ? [] : attributesOf(resource)) {
    const { kept, loose } = split(value, lookUp(operation.type, path), some);
    if (loose === undefined) continue;
    resource = withAttribute(resource, path, kept);
    changes.push({ op: 'add', path, value: loose });
  }
  return { operation: { ...operation, resource }, changes };
};

/** The PATCH that will add what a create goes out without, its ids not yet known. */
export const foreseenCompletion = (operation: Create, later: readonly string[]): Patch => ({
  ...addition(operation, ''),
  changes: detachReferences(operation, later).changes,
});

/** Changes that add references, as far as the ids are known: what refers to others is left out. */
export const resolveChanges = (
  create: Create,
  id: string,
  changes: readonly Change[],
  ids: ReadonlyMap<string, string>,
): Patch => {
  const patch = addition(create, id);
  const resolved = rewriteReferences({ ...patch, changes }, (bulkId) => ids.get(bulkId));
  return { ...patch, changes: resolved.verb === 'patch' ? resolved.changes : [] };
};
