/**
 * Reads a BulkRequest (RFC 7644 §3.7) into the operations it means. Each inner operation goes through
 * the same reader as a single call, so that nothing is allowed in a Bulk that is refused alone; the
 * body was parsed once, and is not printed again. References by bulkId are left standing:
 * bulk-references.ts resolves them. Pure; for http and `explain`.
 */
import { isRefusal, refuse, type ErrorCode, type Refusal } from '../../errors.ts';
import { parseJson } from '../json.ts';
import { isArray, isObject, type Json, type JsonObject } from '../json-value.ts';
import { isMutation, type Mutation } from '../operation.ts';
import { bulkRequestUrn } from './messages.ts';
import { quoted } from './reading.ts';
import { understand, type ScimView } from './understand.ts';

/** Methods of an operation inside a Bulk (RFC 7644 §3.7). */
export type BulkMethod = 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One operation of a Bulk. */
export type BulkOperation = Readonly<{
  /** Place in the request, from 1. */
  position: number;
  method: BulkMethod;
  /** The client's name for it; a POST always has one. */
  bulkId: string | null;
  /** In canonical form; references by bulkId still stand in it. */
  operation: Mutation;
}>;

/** A whole BulkRequest. */
export type Bulk = Readonly<{
  /** In the order of the request, at least one. */
  operations: readonly BulkOperation[];
  /** `failOnErrors`: so many errors end it; Infinity where none is stated. */
  errorsMax: number;
}>;

const malformed = (detail: string): Refusal => refuse('body_malformed', detail);
const invalid = (detail: string): Refusal => refuse('value_invalid', detail);

/** `Operation 3 (bulkId "ann")`: how a detail names one. */
export const nameOfOperation = (
  operation: Pick<BulkOperation, 'position'> & Readonly<{ bulkId: string | null }>,
): string =>
  operation.bulkId === null
    ? `Operation ${operation.position}`
    : `Operation ${operation.position} (bulkId ${quoted(operation.bulkId)})`;

/** Codes whose status would speak of the Bulk's own address, where only an inner one is wrong (C34). */
const aboutAddress: ReadonlySet<ErrorCode> = new Set([
  'route_unknown',
  'method_unsupported',
  'not_supported',
]);

/** The refusal of one operation as that of the whole Bulk: its detail names the operation. */
export const refusalOfOperation = (
  refusal: Refusal,
  operation: Parameters<typeof nameOfOperation>[0],
): Refusal => {
  const detail = `${nameOfOperation(operation)}: ${refusal.detail}`;
  return aboutAddress.has(refusal.refused) ? invalid(detail) : { ...refusal, detail };
};

/** Members that hold something, by lower-cased name; or the name of one that nobody knows. */
const membersOf = (
  object: JsonObject,
  known: ReadonlySet<string>,
): ReadonlyMap<string, Json> | string => {
  const members = new Map<string, Json>();
  for (const [key, value] of Object.entries(object)) {
    const name = key.toLowerCase();
    // A misspelled `version` would drop a precondition without a word.
    if (!known.has(name)) return key;
    if (value !== undefined && value !== null) members.set(name, value);
  }
  return members;
};

const requestMembers: ReadonlySet<string> = new Set(['schemas', 'failonerrors', 'operations']);
/** `location`, `response` and `status` are of a response: what a client echoes of them says nothing. */
const operationMembers: ReadonlySet<string> = new Set(
  'method bulkid version path data location response status'.split(' '),
);

const methods: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const isBulkMethod = (text: string): text is BulkMethod => methods.has(text);

const readMethod = (raw: Json | undefined): BulkMethod | Refusal => {
  const method = typeof raw === 'string' && raw.length < 10 ? raw.toUpperCase() : '';
  return isBulkMethod(method) ? method : invalid('`method` must be POST, PUT, PATCH or DELETE.');
};

/** A bulkId may stand in a path, so nothing may stand in it that means something there. */
const bulkIdPattern = /^[^\p{C}\p{Z}/\\%?#;]{1,200}$/u;

const readBulkId = (raw: Json | undefined, method: BulkMethod): string | null | Refusal => {
  if (raw === undefined) {
    return method === 'POST' ? invalid('A POST in a Bulk needs a bulkId.') : null;
  }
  if (typeof raw === 'string' && bulkIdPattern.test(raw)) return raw;
  return invalid('`bulkId` is 1 to 200 characters without spaces, controls and / \\ % ? # ;');
};

/** Raw segments below the route; what stands in them is readAddress's to judge. */
const readPath = (raw: Json | undefined): readonly string[] | Refusal => {
  if (typeof raw !== 'string' || !raw.startsWith('/') || raw.startsWith('//')) {
    return invalid('`path` must begin with / and an endpoint, such as /Users.');
  }
  if (raw.includes('?')) return invalid('`path` must have no query.');
  const segments = raw.slice(1).split('/');
  return segments[0]?.toLowerCase() === 'bulk' ? invalid('A Bulk holds no other Bulk.') : segments;
};

const readData = (raw: Json | undefined): JsonObject | null | Refusal => {
  if (raw === undefined) return null;
  return isObject(raw) ? raw : invalid('`data` must be an object.');
};

const readVersion = (raw: Json | undefined): string | null | Refusal => {
  if (raw === undefined) return null;
  return typeof raw === 'string' ? raw : invalid('`version` must be a string.');
};

type Named = { position: number; bulkId: string | null };

/** Reads one operation; notes its bulkId in `named` as soon as it is known. */
const readOperation = (raw: Json, named: Named, view: ScimView): BulkOperation | Refusal => {
  if (!isObject(raw)) return malformed('An operation must be an object.');
  const members = membersOf(raw, operationMembers);
  if (typeof members === 'string') return malformed(`There is no member ${quoted(members)}.`);
  const method = readMethod(members.get('method'));
  if (isRefusal(method)) return method;
  const bulkId = readBulkId(members.get('bulkid'), method);
  if (isRefusal(bulkId)) return bulkId;
  named.bulkId = bulkId;
  const segments = readPath(members.get('path'));
  if (isRefusal(segments)) return segments;
  const body = readData(members.get('data'));
  if (isRefusal(body)) return body;
  const ifMatch = readVersion(members.get('version'));
  if (isRefusal(ifMatch)) return ifMatch;
  const request = { method, segments, query: '', body, ifMatch, ifNoneMatch: null };
  const operation = understand(request, view);
  if (isRefusal(operation)) return operation;
  if (!isMutation(operation)) return invalid('A Bulk holds changes only.');
  return { ...named, method, operation };
};

const readRequest = (text: string | null): ReadonlyMap<string, Json> | Refusal => {
  if (text === null || text === '') return malformed('This call needs a BulkRequest as its body.');
  const body = parseJson(text);
  if (isRefusal(body)) return body;
  if (!isObject(body)) return malformed('The body must be a JSON object.');
  const members = membersOf(body, requestMembers);
  if (typeof members === 'string') return malformed(`There is no member ${quoted(members)}.`);
  const schemas = members.get('schemas');
  const named =
    isArray(schemas) &&
    schemas.some(
      (urn) => typeof urn === 'string' && urn.toLowerCase() === bulkRequestUrn.toLowerCase(),
    );
  return named ? members : malformed(`schemas must hold ${bulkRequestUrn}.`);
};

const readErrorsMax = (raw: Json | undefined): number | Refusal => {
  if (raw === undefined) return Number.POSITIVE_INFINITY;
  return typeof raw === 'number' && Number.isSafeInteger(raw) && raw >= 1
    ? raw
    : invalid('`failOnErrors` is a whole number of at least 1.');
};

/**
 * The Bulk a body means, or why it is refused, by its first bad operation. More than `operationsMax`
 * operations are `body_too_large`, with the limit in the detail (RFC 7644 §3.7.4).
 */
export const readBulk = (
  text: string | null,
  view: ScimView,
  operationsMax: number,
): Bulk | Refusal => {
  const members = readRequest(text);
  if (isRefusal(members)) return members;
  const errorsMax = readErrorsMax(members.get('failonerrors'));
  if (isRefusal(errorsMax)) return errorsMax;
  const raw = members.get('operations');
  if (!isArray(raw) || raw.length === 0) {
    return malformed('`Operations` must be an array of at least one operation.');
  }
  if (raw.length > operationsMax) {
    const detail = `A Bulk has ${operationsMax} operations at most here, and this one ${raw.length}.`;
    return refuse('body_too_large', detail);
  }
  const operations: BulkOperation[] = [];
  const known = new Set<string>();
  for (const [index, each] of raw.entries()) {
    const named: Named = { position: index + 1, bulkId: null };
    const read = readOperation(each, named, view);
    if (isRefusal(read)) return refusalOfOperation(read, named);
    if (read.bulkId !== null && known.has(read.bulkId)) {
      return refusalOfOperation(invalid('Another operation has the same bulkId.'), named);
    }
    if (read.bulkId !== null) known.add(read.bulkId);
    operations.push(read);
  }
  return { operations, errorsMax };
};
