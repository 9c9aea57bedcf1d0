/** Bodies that provisioning clients send, and what every answer of the data listener must hold. */
import assert from 'node:assert/strict';
import type { Answered, Ask, Fixture } from './fixture.ts';

export const base = '/scim/sandbox';
export const userSchema = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const groupSchema = 'urn:ietf:params:scim:schemas:core:2.0:Group';
export const patchSchema = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
export const errorSchema = 'urn:ietf:params:scim:api:messages:2.0:Error';
export const errorExtension = 'urn:sallyport:error';

export const user = (userName: string, more: object = {}): object => ({
  schemas: [userSchema],
  userName,
  active: true,
  ...more,
});
export const group = (displayName: string, members: readonly string[] = []): object => ({
  schemas: [groupSchema],
  displayName,
  ...(members.length === 0 ? {} : { members: members.map((value) => ({ value })) }),
});
export const patch = (...operations: readonly object[]): object => ({
  schemas: [patchSchema],
  Operations: operations,
});

/** Every answer carries its own ids, is never cached and never a redirect. */
export const assertMarks = ({ status, headers }: Answered): void => {
  assert.match(String(headers['x-request-id']), /^req_[\w-]{16}$/);
  assert.match(String(headers['trace-id']), /^[0-9a-f]{32}$/);
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['x-powered-by'], undefined);
  assert.ok(status < 300 || status >= 400, `an answer redirects: ${status}`);
};

/** What an error's extension holds beside its three ids. */
export type ErrorFacts = Readonly<{ rule?: string; outcome?: string; ledgerId?: string }>;

/** An error on a SCIM route, exactly as interface.md §3 has it; returns its `detail`. */
export const assertScimError = (
  answer: Answered,
  status: number,
  code: string,
  facts: ErrorFacts & Readonly<{ scimType?: string }> = {},
): string => {
  assertMarks(answer);
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers['content-type'], 'application/scim+json; charset=utf-8');
  const { scimType, ...expected } = facts;
  const body: Readonly<Record<string, unknown>> = answer.body;
  const extension = body[errorExtension] as Record<string, unknown>;
  assert.deepEqual(body['schemas'], [errorSchema]);
  assert.equal(body['status'], String(status));
  assert.equal(body['scimType'], scimType);
  assert.deepEqual(extension, {
    code,
    requestId: answer.headers['x-request-id'],
    traceId: answer.headers['trace-id'],
    ...expected,
  });
  const detail = body['detail'];
  assert.ok(typeof detail === 'string' && detail.length > 10, 'detail says what to do');
  return detail;
};

/** Asks and asserts a success; gives the answer. */
export const must = async (
  fixture: Fixture,
  method: string,
  path: string,
  ask: Ask = {},
): Promise<Answered> => {
  const answer = await fixture.ask(method, `${base}${path}`, ask);
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
  assertMarks(answer);
  return answer;
};

/** Makes a user or a group and gives its id. */
export const make = async (
  fixture: Fixture,
  endpoint: 'Users' | 'Groups',
  body: object,
): Promise<string> => {
  const made = await must(fixture, 'POST', `/${endpoint}`, { body });
  assert.equal(made.status, 201);
  return String(made.body['id']);
};

/** The resource as the target holds it, through the most permissive client. */
export const read = async (
  fixture: Fixture,
  endpoint: 'Users' | 'Groups',
  id: string,
): Promise<Record<string, unknown>> => (await must(fixture, 'GET', `/${endpoint}/${id}`)).body;

/** Members of a group by id, sorted. */
export const membersOf = async (fixture: Fixture, id: string): Promise<readonly string[]> => {
  const members = (await read(fixture, 'Groups', id))['members'] ?? [];
  return (members as readonly { value: string }[]).map(({ value }) => value).sort();
};
