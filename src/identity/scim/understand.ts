/**
 * Reads one SCIM request into the operation it means. The only reader of what a client wrote: from
 * here on nothing of its spelling survives. Pure; http calls it with what it read from the wire.
 */
import { isRefusal, refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import { parseJson } from '../json.ts';
import { isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { Mutation, Operation, Preconditions } from '../operation.ts';
import { allowedMethods, readAddress } from './address.ts';
import type { Address, TypesByEndpoint } from './address.ts';
import { canonicalChanges, canonicalResource } from './canonical.ts';
import type { DialectHints } from './canonical.ts';
import { isMe, meNotCreated } from './me.ts';
import { readProjection } from './projection.ts';
import { readQuery } from './query.ts';
import type { Query } from './query.ts';
import type { Repair, Resource, ResourceType } from './schema-model.ts';
import { readSearchRequest, understandSearch } from './search-request.ts';

/** A request as http read it. Headers that choose another method are http's to refuse. */
export type ScimRequest = Readonly<{
  /** As sent, upper case. */
  method: string;
  /** Raw, still percent-encoded segments after the route's prefix; a trailing slash gives a last ''. */
  segments: readonly string[];
  /** Raw, without `?`. */
  query: string;
  /** Decoded UTF-8 text, or an object that was strictly parsed (in a Bulk); null where there was none. */
  body: string | JsonObject | null;
  ifMatch: string | null;
  ifNoneMatch: string | null;
}>;

/** What the route and the client say about reading it. */
export type ScimView = Readonly<{
  types: TypesByEndpoint;
  /** Address of the route as clients see it, no trailing slash: `https://gw.example.com/scim/slack`. */
  publicBase: string;
  hints: DialectHints;
  /** The client holds `users:password` on this route, so a password it sends is meant. */
  keepPassword: boolean;
  /** Id of the user at the target whom this client is (`/Me`); absent or null where nobody said. */
  me?: string | null;
}>;

type Located<Kind extends Address['kind']> = Extract<Address, { kind: Kind }>;

const entityTags = /^(?:\*|(?:W\/)?"[\x21\x23-\x7e]*"(?:, *(?:W\/)?"[\x21\x23-\x7e]*")*)$/;
const entityTagsLengthMax = 1_024;

const readPreconditions = (request: ScimRequest): Preconditions | Refusal => {
  const { ifMatch, ifNoneMatch } = request;
  for (const tags of [ifMatch, ifNoneMatch]) {
    if (tags !== null && (tags.length > entityTagsLengthMax || !entityTags.test(tags))) {
      return refuse('value_invalid', 'If-Match and If-None-Match hold quoted entity tags, or *.');
    }
  }
  return {
    ...(ifMatch === null ? {} : { ifMatch }),
    ...(ifNoneMatch === null ? {} : { ifNoneMatch }),
  };
};

const readBody = (text: string | JsonObject | null): JsonObject | Refusal => {
  if (text === null || text === '') {
    return refuse('body_malformed', 'This call needs a JSON object as its body.');
  }
  if (typeof text !== 'string') return text;
  const parsed = parseJson(text);
  if (isRefusal(parsed) || isObject(parsed)) return parsed;
  return refuse('body_malformed', 'The body must be a JSON object.');
};

/** The member of that name in any letter case; strict parsing has refused look-alikes. */
const member = (object: JsonObject, name: string): Json | undefined => {
  const found = Object.keys(object).find((key) => key.toLowerCase() === name);
  return found === undefined ? undefined : object[found];
};

/** URNs of core resources and messages; canonical.ts judges all others. */
const coreUrn = /^urn:ietf:params:scim:(?:schemas:core|api:messages):/i;

/** `schemas` must not say that the body is another kind of thing than the path takes. */
const schemasProblem = (body: JsonObject, type: ResourceType): Refusal | null => {
  const schemas = member(body, 'schemas');
  const own = type.schema.id.toLowerCase();
  if (!isArray(schemas) || own === '') return null;
  const foreign = schemas.some(
    (urn) => typeof urn === 'string' && coreUrn.test(urn) && urn.toLowerCase() !== own,
  );
  return foreign
    ? refuse('value_invalid', 'schemas names another kind of resource than the path.')
    : null;
};

const identityProblem = (body: JsonObject, type: ResourceType, id?: string): Refusal | null => {
  const stated = member(body, 'id');
  if (id !== undefined && stated !== undefined && stated !== null && stated !== id) {
    return refuse('value_invalid', 'The id in the body is not the id in the path.');
  }
  const meta = member(body, 'meta');
  const kind = isObject(meta) ? member(meta, 'resourcetype') : undefined;
  if (kind === undefined || kind === null) return null;
  return typeof kind === 'string' && kind.toLowerCase() === type.name.toLowerCase()
    ? null
    : refuse('value_invalid', 'meta.resourceType names another type than the path.');
};

type Read = Readonly<{ resource: Resource; repairs: readonly Repair[] }>;

/**
 * C27: Okta creates users with a random password nobody knows, beside an empty `groups`. It is
 * dropped unless the client was granted to set passwords.
 */
const withoutRandomPassword = (read: Read, body: JsonObject, view: ScimView): Read => {
  if (view.keepPassword || !Object.hasOwn(read.resource, 'password')) return read;
  const groups = member(body, 'groups');
  const oktaShape = isArray(groups) && groups.length === 0;
  if (view.hints.client !== 'okta' && !oktaShape) return read;
  const { password: _dropped, ...resource } = read.resource;
  const note = 'the random password of a create is not passed on';
  return { resource, repairs: [...read.repairs, { row: 'C27', path: 'password', note }] };
};

const readResource = (
  body: JsonObject,
  type: ResourceType,
  view: ScimView,
  id?: string,
): Read | Refusal =>
  schemasProblem(body, type) ??
  identityProblem(body, type, id) ??
  canonicalResource(body, type, view.hints);

const understandCreate = (
  type: ResourceType,
  query: Query,
  body: JsonObject,
  view: ScimView,
): Mutation | Refusal => {
  const projection = readProjection(type, query);
  if (isRefusal(projection)) return projection;
  const read = readResource(body, type, view);
  if (isRefusal(read)) return read;
  const { resource, repairs } = withoutRandomPassword(read, body, view);
  return { verb: 'create', type, resource, repairs, projection };
};

const understandChange = (
  request: ScimRequest,
  { type, id }: Located<'resource'>,
  query: Query,
  view: ScimView,
): Operation | Refusal => {
  const projection = readProjection(type, query);
  if (isRefusal(projection)) return projection;
  const preconditions = readPreconditions(request);
  if (isRefusal(preconditions)) return preconditions;
  const common = { type, id, projection, preconditions };
  if (request.method === 'GET') return { verb: 'read', ...common, repairs: [] };
  if (request.method === 'DELETE') return { verb: 'delete', ...common, repairs: [] };
  const body = readBody(request.body);
  if (isRefusal(body)) return body;
  if (request.method === 'PUT') {
    const read = readResource(body, type, view, id);
    return isRefusal(read) ? read : { verb: 'replace', ...common, ...read };
  }
  const wrong = identityProblem(body, type, id);
  if (wrong !== null) return wrong;
  const read = canonicalChanges(body, type, view.hints);
  if (isRefusal(read)) return read;
  if (read.statedId !== undefined && read.statedId !== id) {
    return refuse('value_invalid', 'The id in the body is not the id in the path.');
  }
  return { verb: 'patch', ...common, changes: read.changes, repairs: read.repairs };
};

const understandDiscovery = (
  { document, id }: Located<'discovery'>,
  query: Query,
): Operation | Refusal => {
  if (query.filter !== undefined) {
    // RFC 7644 §4 asks for 403, but this is no question of rights, and §3.4.2.2 says invalidFilter.
    return refuse(
      'filter_malformed',
      'Discovery documents are not filtered; ask without a filter.',
    );
  }
  return { verb: 'discover', document, ...(id === undefined ? {} : { id }), repairs: [] };
};

/** `POST …/.search`: a read, whose parameters stand in the body alone. */
const understandSearchRequest = (
  type: ResourceType,
  query: Query,
  text: string | JsonObject | null,
): Operation | Refusal => {
  if (Object.keys(query).length > 0) {
    return refuse('request_suspicious', 'A .search takes its parameters from the body alone.');
  }
  const body = readBody(text);
  if (isRefusal(body)) return body;
  const asked = readSearchRequest(body);
  return isRefusal(asked) ? asked : understandSearch(type, asked);
};

/**
 * The operation a request means, in canonical form, or why it is refused. A PATCH that changes
 * nothing (only its own id, C23; no operations, C17) gives an empty list of changes.
 */
export const understand = (request: ScimRequest, view: ScimView): Operation | Refusal => {
  const address = readAddress(request.segments, view.types, view.me);
  if (isRefusal(address)) return address;
  if (request.method === 'POST' && isMe(request.segments)) return meNotCreated;
  const allowed = allowedMethods(address);
  if (!allowed.includes(request.method)) {
    return refuse('method_unsupported', `Served here: ${allowed.join(', ')}.`, {
      allow: allowed.join(', '),
    });
  }
  const query = readQuery(request.query);
  if (isRefusal(query)) return query;
  const bodiless = request.method === 'GET' || request.method === 'DELETE';
  if (bodiless && request.body !== null && request.body !== '') {
    return refuse('request_suspicious', `A ${request.method} has no body.`);
  }
  if (address.kind === 'search') return understandSearchRequest(address.type, query, request.body);
  if (request.method !== 'GET' && query.filter !== undefined) {
    return refuse('request_suspicious', 'A change has no filter; address one resource by id.');
  }
  if (address.kind === 'discovery') return understandDiscovery(address, query);
  if (address.kind === 'resource') return understandChange(request, address, query, view);
  if (request.method === 'GET') return understandSearch(address.type, query);
  const body = readBody(request.body);
  if (isRefusal(body)) return body;
  return understandCreate(address.type, query, body, view);
};
