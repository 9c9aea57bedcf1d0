/**
 * Shows discovery as target and gateway together really are: Bulk as the gateway unrolls it, whatever
 * the target says of its own (T38), only the resource types of the route, links to the gateway, and
 * our knowledge where the target's is wrong. A target that serves no discovery has it made up from
 * the route's types.
 */
import { refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import type { Answer } from '../call.ts';
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { DiscoveryDocument, Operation } from '../operation.ts';
import type { TypesByEndpoint } from './address.ts';
import { openCopies } from './copies.ts';
import {
  correctSchema,
  isServedSchema,
  plainConfig,
  schemaDocuments,
  typeDocuments,
} from './discovery-documents.ts';
import { resourceLink } from './links.ts';
import { listResponse } from './messages.ts';
import type { Paging } from './pages.ts';
import type { Presented } from './present.ts';
import { failureOf } from './target-failure.ts';
import { isErrorMessage, readRawList } from './target-resource.ts';

/** How discovery is to be shown. */
export type DiscoveryView = Readonly<{
  types: TypesByEndpoint;
  /** No trailing slash. */
  publicBase: string;
  /** Wall time, ms since the epoch. */
  now: number;
  /** Limits of a Bulk on this route; null where none is served. */
  bulk: Readonly<{ operationsMax: number; payloadBytesMax: number }> | null;
  /** Which paging the target serves; by index where nobody said. */
  paging?: Paging;
  /** PATCH is served whatever the target says of itself (it is sent as something else). */
  patches?: boolean;
}>;

type Discover = Extract<Operation, { verb: 'discover' }>;

const configUrn = 'urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig';

/** Names of resource types in `meta.resourceType` (RFC 7643 §5-7). */
const kinds: Readonly<Record<DiscoveryDocument, string>> = {
  ServiceProviderConfig: 'ServiceProviderConfig',
  ResourceTypes: 'ResourceType',
  Schemas: 'Schema',
};

const supportOf = (document: JsonObject, name: string): JsonObject => {
  const stated = Object.hasOwn(document, name) ? document[name] : undefined;
  const supported = isObject(stated) && stated['supported'] === true;
  const most = isObject(stated) ? stated['maxResults'] : undefined;
  return {
    supported,
    ...(name === 'filter' ? { maxResults: typeof most === 'number' ? most : 0 } : {}),
  };
};

/** Lifetime of a cursor, seconds; that of a sealed one (passage/cursors.ts). */
const cursorTimeoutSeconds = 3_600;

const wholeNumber = (value: Json | undefined): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null;

/** RFC 9865 §4. Cursors are served on every route: sealed from the target's, or made of indices. */
const presentPagination = (document: JsonObject, paging: Paging): JsonObject => {
  const own = document['pagination'];
  const stated: JsonObject = isObject(own) ? own : {};
  const sizes = (['defaultPageSize', 'maxPageSize'] as const).flatMap((name) => {
    const size = wholeNumber(stated[name]);
    return size === null ? [] : [[name, size] as const];
  });
  const timeout = wholeNumber(stated['cursorTimeout']) ?? cursorTimeoutSeconds;
  return {
    cursor: true,
    index: paging !== 'cursor',
    defaultPaginationMethod: paging === 'cursor' ? 'cursor' : 'index',
    ...Object.fromEntries(sizes),
    cursorTimeout: Math.min(timeout, cursorTimeoutSeconds),
  };
};

/** RFC 7643 §5: what target and gateway together really do. */
const presentConfig = (document: JsonObject, view: DiscoveryView): JsonObject => {
  const { publicBase, bulk, paging = 'index', patches = false } = view;
  const help = document['documentationUri'];
  return {
    schemas: [configUrn],
    ...(typeof help === 'string' ? { documentationUri: help } : {}),
    patch: patches ? { supported: true } : supportOf(document, 'patch'),
    bulk: {
      supported: bulk !== null,
      maxOperations: bulk?.operationsMax ?? 0,
      maxPayloadSize: bulk?.payloadBytesMax ?? 0,
    },
    filter: supportOf(document, 'filter'),
    changePassword: supportOf(document, 'changePassword'),
    sort: supportOf(document, 'sort'),
    etag: supportOf(document, 'etag'),
    pagination: presentPagination(document, paging),
    authenticationSchemes: [
      {
        type: 'oauthbearertoken',
        name: 'Bearer token',
        description: 'A key of this gateway, sent as Authorization: Bearer.',
        primary: true,
      },
    ],
    meta: {
      resourceType: kinds.ServiceProviderConfig,
      location: `${publicBase}/ServiceProviderConfig`,
    },
  };
};

/** `/Users`, `Users`, `https://host/scim/v2/Users/` -> `users`. */
const endpointOf = (document: JsonObject): string | null => {
  const stated = document['endpoint'];
  if (typeof stated !== 'string') return null;
  return stated.replace(/\/+$/, '').split('/').at(-1)?.toLowerCase() ?? null;
};

const withMeta = (
  document: JsonObject,
  kind: Exclude<DiscoveryDocument, 'ServiceProviderConfig'>,
  publicBase: string,
): JsonObject => {
  const named = document['id'] ?? document['name'];
  const location =
    typeof named === 'string' ? resourceLink(publicBase, kind, named) : `${publicBase}/${kind}`;
  return { ...document, meta: { resourceType: kinds[kind], location } };
};

/** One ResourceType as the route serves it, or null where the route does not. */
const presentType = (document: JsonObject, view: DiscoveryView): JsonObject | null => {
  const endpoint = endpointOf(document);
  if (endpoint === null || !Object.hasOwn(view.types, endpoint)) return null;
  const served = view.types[endpoint];
  if (served === undefined) return null;
  return withMeta(
    { ...document, endpoint: `/${served.endpoint}` },
    'ResourceTypes',
    view.publicBase,
  );
};

/** One Schema, or null where it describes what the route does not serve. */
const presentSchema = (document: JsonObject, view: DiscoveryView): JsonObject | null => {
  const { id } = document;
  return typeof id === 'string' && !isServedSchema(view.types, id)
    ? null
    : withMeta(correctSchema(view.types, document), 'Schemas', view.publicBase);
};

const presentOne = (
  document: JsonObject,
  kind: DiscoveryDocument,
  view: DiscoveryView,
): JsonObject | null => {
  if (kind === 'ServiceProviderConfig') return presentConfig(document, view);
  return kind === 'ResourceTypes' ? presentType(document, view) : presentSchema(document, view);
};

const shown = (body: JsonObject): Presented => ({ status: 200, headers: {}, body });

const shownList = (resources: readonly JsonObject[]): Presented =>
  shown(listResponse({ totalResults: resources.length, startIndex: 1, resources }));

const asObject = (body: Json | undefined): JsonObject | null => {
  if (isObject(body)) return body;
  const [only] = isArray(body) ? body : [];
  return isObject(only) ? only : null;
};

const noSuchDocument = refuse(
  'route_unknown',
  'This route has no such document; the list of all is one segment up.',
);

const isNamed = (document: JsonObject, id: string): boolean =>
  [document['id'], document['name']].some(
    (name) => typeof name === 'string' && name.toLowerCase() === id.toLowerCase(),
  );

/** The document as the route alone knows it. */
const describe = ({ document, id }: Discover, view: DiscoveryView): Presented | Refusal => {
  if (document === 'ServiceProviderConfig') return shown(presentConfig(plainConfig, view));
  const made = document === 'Schemas' ? schemaDocuments(view.types) : typeDocuments(view.types);
  const all = made.map((each) => withMeta(each, document, view.publicBase));
  if (id === undefined) return shownList(all);
  const found = all.find((each) => isNamed(each, id));
  return found === undefined ? noSuchDocument : shown(found);
};

/** Statuses of a target that has no such endpoint. Any other failure is one. */
const absent: ReadonlySet<number> = new Set([400, 404, 405, 410, 501]);

/** No discovery is served: there is nothing there, or what is there is no SCIM (a page of HTML). */
const isUnserved = ({ status, readable, body }: Answer): boolean =>
  absent.has(status) || (status >= 200 && status <= 299 && (!readable || isErrorMessage(body)));

/** A document that says at least one thing of a ServiceProviderConfig. */
const isConfig = (body: JsonObject): boolean =>
  Object.keys(plainConfig).some((name) => Object.hasOwn(body, name));

/** What the target serves, as the route serves it; null where it is no such document. */
const merged = (
  body: Json | undefined,
  { document, id }: Discover,
  view: DiscoveryView,
): Presented | Refusal | null => {
  if (document === 'ServiceProviderConfig') {
    const config = asObject(body);
    return config === null || !isConfig(config) ? null : shown(presentConfig(config, view));
  }
  if (id !== undefined) {
    const stated = asObject(body);
    if (stated === null || !isNamed(stated, id)) return null;
    const presented = presentOne(stated, document, view);
    return presented === null ? noSuchDocument : shown(presented);
  }
  const resources = (readRawList(body)?.raw ?? [])
    .map((item) => presentOne(item, document, view))
    .filter((item) => item !== null);
  return resources.length === 0 ? null : shownList(resources);
};

/**
 * What the caller sees of a discovery document, or why there is nothing to see. What cannot be told
 * from the target's answer is told from the route's types; only a target that fails is a failure.
 */
export const presentDiscovery = (
  answer: Answer,
  operation: Discover,
  view: DiscoveryView,
): Presented | Refusal => {
  if (isUnserved(answer)) return describe(operation, view);
  const failure = failureOf(answer, {
    type: null,
    mayRead: () => true,
    copies: openCopies,
    now: view.now,
  });
  return failure ?? merged(answer.body, operation, view) ?? describe(operation, view);
};
