/** A Bulk as a client sends it, and what is asserted of its answer. */
import assert from 'node:assert/strict';
import type { Answered, Ask, Fixture } from './fixture.ts';
import { assertMarks, base, errorExtension } from './scim-calls.ts';

export const bulkRequest = 'urn:ietf:params:scim:api:messages:2.0:BulkRequest';
const bulkResponse = 'urn:ietf:params:scim:api:messages:2.0:BulkResponse';
export const operationExtension = 'urn:sallyport:operation';

export type Result = Readonly<{
  method: string;
  bulkId?: string;
  location?: string;
  version?: string;
  status: string;
  response?: Record<string, unknown>;
  [operationExtension]?: Readonly<{ ledgerId?: string; completionLedgerId?: string }>;
}>;

export const bulk = (operations: readonly object[], more: object = {}): object => ({
  schemas: [bulkRequest],
  Operations: operations,
  ...more,
});

export const post = (bulkId: string, path: string, data: object): object => ({
  method: 'POST',
  path,
  bulkId,
  data,
});

export const sendBulk = (
  fixture: Fixture,
  operations: readonly object[],
  more: object = {},
  ask: Ask = {},
): Promise<Answered> =>
  fixture.ask('POST', `${base}/Bulk`, { body: bulk(operations, more), ...ask });

/** Asserts a BulkResponse (RFC 7644 §3.7.3); gives its results. */
export const resultsOf = (answer: Answered): readonly Result[] => {
  assertMarks(answer);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['content-type'], 'application/scim+json; charset=utf-8');
  assert.deepEqual(answer.body['schemas'], [bulkResponse]);
  const results = answer.body['Operations'] as readonly Result[];
  for (const { status, response } of results) {
    assert.equal(typeof status, 'string');
    assert.equal(
      response !== undefined,
      Number(status) >= 300,
      'errors say what, successes need not',
    );
    if (response !== undefined) assert.equal(response['status'], status);
  }
  return results;
};

/** Method, bulkId and status of each, in short. */
export const inShort = (results: readonly Result[]): readonly string[] =>
  results.map(({ method, bulkId, status }) => [method, bulkId, status].filter(Boolean).join(' '));

export const idOf = ({ location }: Result): string => String(location?.split('/').at(-1));

export const errorOf = ({ response }: Result): Readonly<Record<string, unknown>> =>
  response?.[errorExtension] as Record<string, unknown>;
