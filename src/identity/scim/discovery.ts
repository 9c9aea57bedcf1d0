/**
 * Shows a target's discovery documents as the gateway serves them: nothing advertised that is
 * refused here (Bulk, T38), only the resource types of the route, links to the gateway.
 */
import type { Refusal } from '../../errors.ts';
import type { Answer } from '../call.ts';
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { DiscoveryDocument, Operation } from '../operation.ts';
import type { TypesByEndpoint } from './address.ts';
import { openCopies } from './copies.ts';
import { resourceLink } from './links.ts';
import { listResponse } from './messages.ts';
import type { Presented } from './present.ts';
import { failureOf, unreadableAnswer } from './target-failure.ts';
import { isErrorMessage, readRawList } from './target-resource.ts';

/** How discovery is to be shown. */
export type DiscoveryView = Readonly<{
  types: TypesByEndpoint;
  /** No trailing slash. */
  publicBase: string;
  /** Wall time, ms since the epoch. */
  now: number;
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

/** RFC 7643 §5: what target and gateway together really do. */
const presentConfig = (document: JsonObject, publicBase: string): JsonObject => {
  const help = document['documentationUri'];
  return {
    schemas: [configUrn],
    ...(typeof help === 'string' ? { documentationUri: help } : {}),
    patch: supportOf(document, 'patch'),
    bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
    filter: supportOf(document, 'filter'),
    changePassword: supportOf(document, 'changePassword'),
    sort: supportOf(document, 'sort'),
    etag: supportOf(document, 'etag'),
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

const presentOne = (
  document: JsonObject,
  kind: DiscoveryDocument,
  view: DiscoveryView,
): JsonObject | null => {
  if (kind === 'ServiceProviderConfig') return presentConfig(document, view.publicBase);
  return kind === 'ResourceTypes'
    ? presentType(document, view)
    : withMeta(document, kind, view.publicBase);
};

const shown = (body: JsonObject): Presented => ({ status: 200, headers: {}, body });

const asObject = (body: Json | undefined): JsonObject | null => {
  if (isObject(body)) return body;
  const [only] = isArray(body) ? body : [];
  return isObject(only) ? only : null;
};

/** What the caller sees of a discovery document, or why there is nothing to see. */
export const presentDiscovery = (
  answer: Answer,
  operation: Discover,
  view: DiscoveryView,
): Presented | Refusal => {
  const failure = failureOf(answer, 'discover', {
    type: null,
    mayRead: () => true,
    copies: openCopies,
    now: view.now,
  });
  if (failure !== null) return failure;
  if (!answer.readable || isErrorMessage(answer.body)) return unreadableAnswer(answer);
  const { document, id } = operation;
  if (document === 'ServiceProviderConfig' || id !== undefined) {
    const body = asObject(answer.body);
    const presented = body === null ? null : presentOne(body, document, view);
    return presented === null ? unreadableAnswer(answer) : shown(presented);
  }
  const list = readRawList(answer.body);
  if (list === null) return unreadableAnswer(answer);
  const resources = list.raw
    .map((item) => presentOne(item, document, view))
    .filter((item) => item !== null);
  return shown(listResponse({ totalResults: resources.length, startIndex: 1, resources }));
};
