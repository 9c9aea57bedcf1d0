/**
 * The messages of RFC 7644 (Error, ListResponse, PatchOp) and RFC 9457 problem documents as plain
 * objects, members in a fixed order. Holds the message URNs; everything that answers a caller or
 * prints a PATCH goes through here.
 */
import { errorTable } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import type { Json, JsonObject } from '../json-value.ts';

/** Schema URNs of RFC 7644 messages (§3.4.2, §3.4.3, §3.5.2, §3.12). */
const listResponseUrn = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';
export const patchOpUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
export const searchRequestUrn = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest';
export const errorUrn = 'urn:ietf:params:scim:api:messages:2.0:Error';
export const bulkRequestUrn = 'urn:ietf:params:scim:api:messages:2.0:BulkRequest';
const bulkResponseUrn = 'urn:ietf:params:scim:api:messages:2.0:BulkResponse';

/** Member of a SCIM error that holds what the gateway adds (interface.md §3). */
const errorExtensionUrn = 'urn:sallyport:error';

/** What the gateway adds to every error it answers. */
type ErrorExtension = Readonly<{
  code: ErrorCode;
  requestId: string;
  traceId: string;
  ledgerId?: string;
  rule?: string;
  holdId?: string;
  outcome?: 'not-sent' | 'in-doubt';
}>;

const extensionMembers = [
  'code',
  'requestId',
  'traceId',
  'ledgerId',
  'rule',
  'holdId',
  'outcome',
] as const satisfies readonly (keyof ErrorExtension)[];

const printExtension = (extension: ErrorExtension): JsonObject => {
  const out: Record<string, Json> = {};
  for (const name of extensionMembers) {
    const value = extension[name];
    if (value !== undefined) out[name] = value;
  }
  return out;
};

/** What an error says, whatever its form. `status` is the HTTP status. */
export type ErrorContent = Readonly<{
  status: number;
  scimType?: string;
  detail: string;
  extension: ErrorExtension;
}>;

/** A SCIM error body (RFC 7644 §3.12): `status` is a string there. */
export const scimError = ({ status, scimType, detail, extension }: ErrorContent): JsonObject => ({
  schemas: [errorUrn],
  status: String(status),
  ...(scimType === undefined ? {} : { scimType }),
  detail,
  [errorExtensionUrn]: printExtension(extension),
});

/** A problem document (RFC 9457 §3) with the same members at top level; `status` is a number there. */
export const problem = ({ status, scimType, detail, extension }: ErrorContent): JsonObject => ({
  type: `${errorExtensionUrn}:${extension.code}`,
  title: errorTable[extension.code].title,
  status,
  detail,
  ...(scimType === undefined ? {} : { scimType }),
  ...printExtension(extension),
});

/**
 * One page of a search; `startIndex` is 1-based (RFC 7644 §3.4.2.4). By cursor there is no index, and
 * the total may be unknown (RFC 9865 §2).
 */
export type ListContent = Readonly<{
  totalResults?: number;
  startIndex?: number;
  resources: readonly JsonObject[];
}>;

/** A ListResponse body; `Resources` is always present, an empty page too (C28). */
export const listResponse = ({ totalResults, startIndex, resources }: ListContent): JsonObject => ({
  schemas: [listResponseUrn],
  ...(totalResults === undefined ? {} : { totalResults }),
  ...(startIndex === undefined ? {} : { startIndex }),
  itemsPerPage: resources.length,
  Resources: resources,
});

/** One printed PATCH operation; without a path only where a target wants it so (T27). */
export type PrintedChange = Readonly<{
  op: 'add' | 'replace' | 'remove';
  path?: string;
  value?: Json;
}>;

/** A PatchOp body in interop style: lower-case `op`, with a path (RFC 7644 §3.5.2). */
export const patchOp = (operations: readonly PrintedChange[]): JsonObject => ({
  schemas: [patchOpUrn],
  Operations: operations,
});

/** What became of one operation of a Bulk; `status` is the HTTP status it would have had alone. */
export type BulkResultContent = Readonly<{
  method: string;
  bulkId: string | null;
  version: string | null;
  location: string | null;
  status: number;
  /** The SCIM error, where it failed. */
  response: JsonObject | null;
  /** Ledger entries of the operation; empty where none was opened. */
  ledger: Readonly<{ ledgerId?: string; completionLedgerId?: string }>;
}>;

/** Member of a Bulk's operation that holds what the gateway adds. */
const operationExtensionUrn = 'urn:sallyport:operation';

const bulkResult = (result: BulkResultContent): JsonObject => ({
  ...(result.location === null ? {} : { location: result.location }),
  method: result.method,
  ...(result.bulkId === null ? {} : { bulkId: result.bulkId }),
  ...(result.version === null ? {} : { version: result.version }),
  status: String(result.status),
  ...(result.response === null ? {} : { response: result.response }),
  ...(Object.keys(result.ledger).length === 0 ? {} : { [operationExtensionUrn]: result.ledger }),
});

/** A BulkResponse body (RFC 7644 §3.7.3): `status` of each operation is a string. */
export const bulkResponse = (results: readonly BulkResultContent[]): JsonObject => ({
  schemas: [bulkResponseUrn],
  Operations: results.map(bulkResult),
});
