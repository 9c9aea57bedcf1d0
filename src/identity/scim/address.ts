/**
 * Reads the path of a SCIM call: raw segments in, the addressed collection, resource or discovery
 * document out. Anything two readers could read differently (encoded separators, dot segments,
 * parameters, look-alike ids) is refused here, so that no other file has to think of it.
 */
import { refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import type { DiscoveryDocument } from '../operation.ts';
import { isMe, meUnmapped } from './me.ts';
import type { ResourceType } from './schema-model.ts';

/** Longest resource id, characters. */
const idLengthMax = 256;

/** What a path addresses. */
export type Address =
  | Readonly<{ kind: 'collection'; type: ResourceType }>
  /** `/Users/.search` (RFC 7644 §3.4.3). */
  | Readonly<{ kind: 'search'; type: ResourceType }>
  | Readonly<{ kind: 'resource'; type: ResourceType; id: string }>
  | Readonly<{ kind: 'discovery'; document: DiscoveryDocument; id?: string }>;

/** Resource types by lower-cased endpoint; null prototype. */
export type TypesByEndpoint = Readonly<Record<string, ResourceType>>;

const suspicious = (detail: string): Refusal => refuse('request_suspicious', detail);
const unserved = (detail: string): Refusal => refuse('not_supported', detail);

const discoveryDocuments: ReadonlyMap<string, DiscoveryDocument> = new Map(
  (['ServiceProviderConfig', 'ResourceTypes', 'Schemas'] as const).map((name) => [
    name.toLowerCase(),
    name,
  ]),
);

/** Parts of SCIM that are refused by name, at any level of the path (C32, RFC 7644 §3.7). */
const unservedEndpoints: ReadonlyMap<string, string> = new Map([
  ['bulk', 'Bulk is not served; send the operations one by one.'],
]);
const searchDetail =
  'A .search over all resource types is not served; send it to one of them, such as /Users/.search.';

/** Last segment of a search by POST, in any letter case. */
const searchSegment = '.search';

/** `/ \ NUL ; % ? #` in escaped form, either case. */
const encodedSeparator = /%(?:2f|5c|00|3b|25|3f|23)/i;
const badEscape = /%(?![0-9A-Fa-f]{2})/;
/** Only visible ASCII may stand in a path unescaped; `\ ; ? #` never do. */
const unprintable = /[^\x21-\x7e]|[\\;?#]/;
const dotSegment = /^(?:\.|%2e){1,2}$/i;

/** Decodes one segment once, or says what is wrong with it. */
const decodeSegment = (raw: string): string | Refusal => {
  if (raw === '') return suspicious('The path has an empty segment.');
  if (dotSegment.test(raw)) return suspicious('The path has a dot segment.');
  if (unprintable.test(raw) || encodedSeparator.test(raw) || badEscape.test(raw)) {
    return suspicious('The path has an encoded separator, a parameter or a broken escape.');
  }
  try {
    return decodeURIComponent(raw);
  } catch {
    return suspicious('The path is not UTF-8.');
  }
};

/** C0, DEL, C1, line and paragraph separators; bidi controls and invisible joiners. */
const forbiddenInId =
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff/\\%?#;]/;

/**
 * Why a decoded id is not one we pass on, or null. Ids come from targets, so they are opaque; only
 * what could be read as another path, or looks like another id, is refused.
 */
const idProblem = (id: string): string | null => {
  if (id === '' || id.length > idLengthMax) return `An id has 1 to ${idLengthMax} characters.`;
  if (id === '.' || id === '..' || forbiddenInId.test(id)) {
    return 'The id holds a character that cannot be part of an id.';
  }
  return id === id.normalize('NFC') ? null : 'The id is not in Unicode normal form C.';
};

const readId = (id: string): string | Refusal => {
  if (id.toLowerCase() === 'me') return suspicious('`me` is not an id; address the user by id.');
  const wrong = idProblem(id);
  return wrong === null ? id : suspicious(wrong);
};

/**
 * Reads raw, still percent-encoded segments after the route's prefix. One trailing empty segment (a
 * trailing slash, C38) is tolerated; endpoints match case-insensitively and are printed canonically.
 * `me` is the user whom `/Me` stands for.
 */
export const readAddress = (
  segments: readonly string[],
  types: TypesByEndpoint,
  me: string | null = null,
): Address | Refusal => {
  const raw = segments.length > 0 && segments.at(-1) === '' ? segments.slice(0, -1) : segments;
  const decoded: string[] = [];
  for (const segment of raw) {
    const text = decodeSegment(segment);
    if (typeof text !== 'string') return text;
    decoded.push(text);
  }
  const [endpoint, id] = decoded;
  if (endpoint === undefined || raw[0] === undefined) {
    return refuse('route_unknown', 'Add a SCIM endpoint to the address, such as /Users.');
  }
  if (raw[0].includes('%')) return suspicious('Endpoint names are written without escapes.');
  const lower = endpoint.toLowerCase();
  if (lower === searchSegment) return unserved(searchDetail);
  const reason = unservedEndpoints.get(lower);
  if (reason !== undefined) return unserved(reason);
  if (isMe(raw)) return readMe(me, decoded.length, types);
  const document = discoveryDocuments.get(lower);
  const type = Object.hasOwn(types, lower) ? types[lower] : undefined;
  if (document === undefined && type === undefined) return unknownEndpoint(types);
  if (decoded.length > 2) {
    return refuse('route_unknown', 'Nothing is served below a single resource.');
  }
  if (document !== undefined) return readDiscovery(document, id);
  if (type === undefined) return unknownEndpoint(types);
  if (id === undefined) return { kind: 'collection', type };
  if (id.toLowerCase() === searchSegment) return readSearch(type, raw[1] ?? '');
  const checked = readId(id);
  return typeof checked === 'string' ? { kind: 'resource', type, id: checked } : checked;
};

/** `/Me` is the user that `me` names, and nobody where there is none. */
const readMe = (me: string | null, depth: number, types: TypesByEndpoint): Address | Refusal => {
  const type = types['users'];
  if (me === null || type === undefined || idProblem(me) !== null) return meUnmapped;
  return depth === 1
    ? { kind: 'resource', type, id: me }
    : refuse('route_unknown', 'Nothing is served below /Me.');
};

const readSearch = (type: ResourceType, raw: string): Address | Refusal =>
  raw.includes('%')
    ? suspicious('Endpoint names are written without escapes.')
    : { kind: 'search', type };

const readDiscovery = (document: DiscoveryDocument, id: string | undefined): Address | Refusal => {
  if (id === undefined) return { kind: 'discovery', document };
  if (document === 'ServiceProviderConfig') {
    return refuse('route_unknown', 'Nothing is served below ServiceProviderConfig.');
  }
  if (id.toLowerCase() === searchSegment) {
    return unserved('Discovery documents are not searched; read them with GET.');
  }
  const wrong = idProblem(id);
  return wrong === null ? { kind: 'discovery', document, id } : suspicious(wrong);
};

const unknownEndpoint = (types: TypesByEndpoint): Refusal => {
  const served = Object.values(types).map((type) => type.endpoint);
  return refuse('route_unknown', `This route serves ${served.sort().join(', ')} and discovery.`);
};

const methodsByKind: Readonly<Record<Address['kind'], readonly string[]>> = {
  collection: ['GET', 'POST'],
  search: ['POST'],
  resource: ['GET', 'PUT', 'PATCH', 'DELETE'],
  discovery: ['GET'],
};

/** Methods served at an address, for the check and for an `Allow` header (RFC 9110 §15.5.6). */
export const allowedMethods = (address: Address): readonly string[] => methodsByKind[address.kind];
