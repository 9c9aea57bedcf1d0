/**
 * Prints operations as calls to a target. Path, query and body come from the canonical operation
 * alone, in a fixed order, so what was decided is what is sent (product.md, promise 2).
 */
import type { Call } from '../call.ts';
import { isArray } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { Operation, Preconditions, Projection } from '../operation.ts';
import { printFilter } from './filter.ts';
import { linksToTarget } from './links.ts';
import type { Bases } from './links.ts';
import { patchOp, searchRequestUrn, type PrintedChange } from './messages.ts';
import { printPath } from './path.ts';
import type { Change, Filter, Path, Resource, ResourceType } from './schema-model.ts';

/** How members stand in a PATCH where a target wants it otherwise (T27, T36). */
export type MemberStyle = Readonly<{
  /** Adds without a path: `{"op":"add","value":{"members":[…]}}`. */
  pathless: boolean;
  /** Type of a member by its id, to name it by both; null = by its id alone. */
  typeOf: ((value: string) => string) | null;
}>;

/** What a call needs beside its operation. Bases without a trailing slash. */
export type CallParts = Readonly<{
  publicBase: string;
  targetBase: string;
  /** Whole resource to send instead of the operation's (normalised, merged); create and replace. */
  resource?: Resource;
  /** Changes to send instead of the operation's (normalised, stripped); patch. */
  changes?: readonly Change[];
  /** `post` prints a search as `POST …/.search`, so that a filter need not stand in a URL. */
  search?: 'get' | 'post';
  /** Of a PATCH of members; absent = as RFC 7644 has it. */
  members?: MemberStyle;
}>;

type Search = Extract<Operation, { verb: 'search' }>;

type QueryParts = readonly (readonly [name: string, value: string | undefined])[];

const printQuery = (parts: QueryParts): string =>
  parts
    .flatMap(([name, value]) => (value === undefined ? [] : `${name}=${encodeURIComponent(value)}`))
    .join('&');

const projectionParts = ({ attributes, excluded }: Projection): QueryParts => [
  ['attributes', attributes?.join(',')],
  ['excludedAttributes', excluded?.join(',')],
];

const segment = encodeURIComponent;

const resourcePath = (type: ResourceType, id: string) => ({
  path: `/${type.endpoint}/${segment(id)}`,
  template: `/${type.endpoint}/{id}`,
});
const collectionPath = (type: ResourceType) => ({
  path: `/${type.endpoint}`,
  template: `/${type.endpoint}`,
});

/** Only reads may be sent twice; a mutation never is (product.md, promise 4). */
const reading = { method: 'GET', body: null, repeatable: true, mutation: false } as const;
const mutating = { repeatable: false, mutation: true } as const;

const printTags = ({ ifMatch, ifNoneMatch }: Preconditions): Preconditions => ({
  ...(ifMatch === undefined ? {} : { ifMatch }),
  ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
});

/** Schemas a body names: the type's, and each extension it holds (RFC 7643 §3). */
const schemasOf = (resource: Resource, type: ResourceType): readonly Json[] => {
  const stated = resource['schemas'];
  const core = type.schema.id === '' ? (isArray(stated) ? stated : []) : [type.schema.id];
  const extensions = Object.keys(resource).filter(
    (name) => name.includes(':') && !core.includes(name),
  );
  return [...core, ...extensions];
};

/** A whole resource as it goes to the target: `schemas` first, then `id` where it has one. */
const printResource = (
  resource: Resource,
  type: ResourceType,
  id: string | null,
  bases: Bases,
): string => {
  const { schemas: _schemas, id: _id, meta: _meta, ...rest } = resource;
  const body: JsonObject = {
    schemas: schemasOf(resource, type),
    ...(id === null ? {} : { id }),
    ...linksToTarget(rest, bases),
  };
  return JSON.stringify(body);
};

const isMemberPath = ({ schema, attribute, sub }: Path): boolean =>
  schema === undefined && attribute === 'members' && sub === undefined;

/** `value eq "x"` with the type beside it (T36). */
const typed = (path: Path, typeOf: (value: string) => string): Path => {
  const { filter } = path;
  if (filter?.kind !== 'compare' || filter.operator !== 'eq') return path;
  if (filter.path.attribute !== 'value' || typeof filter.value !== 'string') return path;
  const type: Filter = {
    kind: 'compare',
    path: { attribute: 'type' },
    operator: 'eq',
    value: typeOf(filter.value),
  };
  return { ...path, filter: { kind: 'and', terms: [filter, type] } };
};

/** One operation of a PATCH as it is printed. */
export const printChange = (change: Change, bases: Bases, members?: MemberStyle): PrintedChange => {
  const { op, path } = change;
  const styled = members !== undefined && isMemberPath(path);
  if (styled && members.pathless && op === 'add' && path.filter === undefined) {
    return { op, value: { members: linksToTarget(change.value, bases) } };
  }
  const printed = printPath(styled && members.typeOf !== null ? typed(path, members.typeOf) : path);
  return op === 'remove'
    ? { op, path: printed }
    : { op, path: printed, value: linksToTarget(change.value, bases) };
};

const printChanges = (changes: readonly Change[], bases: Bases, members?: MemberStyle): string =>
  JSON.stringify(patchOp(changes.map((change) => printChange(change, bases, members))));

/** The GET by id of before-images and read-backs. */
export const readCall = (type: ResourceType, id: string): Call => ({
  ...reading,
  ...resourcePath(type, id),
  query: '',
});

/** The search of look-ups and of read-backs of a create. */
export const searchCall = (type: ResourceType, filter: Filter, count: number): Call => ({
  ...reading,
  ...collectionPath(type),
  query: printQuery([
    ['filter', printFilter(filter)],
    ['count', String(count)],
  ]),
});

const searchParts = ({ filter, page, projection }: Search): QueryParts => [
  ['filter', filter === undefined ? undefined : printFilter(filter)],
  ['sortBy', page.sortBy],
  ['sortOrder', page.sortOrder],
  ['startIndex', page.startIndex?.toString()],
  ['count', page.count?.toString()],
  ['cursor', page.cursor],
  ...projectionParts(projection),
];

/** A search as `POST …/.search` (RFC 7644 §3.4.3): still a read, which may be sent twice. */
const printSearchRequest = (operation: Search): Call => {
  const { type, filter, page, projection } = operation;
  const { sortBy, sortOrder, startIndex, count, cursor } = page;
  const { attributes, excluded: excludedAttributes } = projection;
  const body = {
    schemas: [searchRequestUrn],
    filter: filter === undefined ? undefined : printFilter(filter),
    sortBy,
    sortOrder,
    startIndex,
    count,
    cursor,
    attributes,
    excludedAttributes,
  };
  const { path } = collectionPath(type);
  const address = `${path}/.search`;
  return {
    ...reading,
    method: 'POST',
    path: address,
    template: address,
    query: '',
    body: JSON.stringify(body),
  };
};

const printSearch = (operation: Search): Call => ({
  ...reading,
  ...collectionPath(operation.type),
  query: printQuery(searchParts(operation)),
});

/** What a search asks for but its place among the pages, printed: equal for equal searches. */
export const printSearchShape = (operation: Search): string => {
  const { cursor: _cursor, startIndex: _startIndex, ...page } = operation.page;
  return printQuery([['type', operation.type.word], ...searchParts({ ...operation, page })]);
};

const printDiscovery = (operation: Extract<Operation, { verb: 'discover' }>): Call => {
  const { document, id } = operation;
  return id === undefined
    ? { ...reading, path: `/${document}`, template: `/${document}`, query: '' }
    : {
        ...reading,
        path: `/${document}/${segment(id)}`,
        template: `/${document}/{id}`,
        query: '',
      };
};

/**
 * The one call that carries an operation out. Links below the gateway's base are written below the
 * target's. Bodies: create and replace print the whole resource, patch a PatchOp in interop style.
 */
export const printCall = (operation: Operation, parts: CallParts): Call => {
  const bases: Bases = { from: parts.publicBase, to: parts.targetBase };
  if (operation.verb === 'discover') return printDiscovery(operation);
  if (operation.verb === 'search') {
    return parts.search === 'post' ? printSearchRequest(operation) : printSearch(operation);
  }
  const { type, projection } = operation;
  const query = printQuery(projectionParts(projection));
  if (operation.verb === 'create') {
    const body = printResource(parts.resource ?? operation.resource, type, null, bases);
    return { ...mutating, ...collectionPath(type), method: 'POST', query, body };
  }
  const addressed = { ...resourcePath(type, operation.id), ...printTags(operation.preconditions) };
  if (operation.verb === 'read') return { ...reading, ...addressed, query };
  if (operation.verb === 'delete') {
    return { ...mutating, ...addressed, method: 'DELETE', query, body: null };
  }
  if (operation.verb === 'replace') {
    const resource = parts.resource ?? operation.resource;
    const body = printResource(resource, type, operation.id, bases);
    return { ...mutating, ...addressed, method: 'PUT', query, body };
  }
  const body = printChanges(parts.changes ?? operation.changes, bases, parts.members);
  return { ...mutating, ...addressed, method: 'PATCH', query, body };
};
