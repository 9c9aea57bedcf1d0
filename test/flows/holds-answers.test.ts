/** What callers and people are answered about held changes, to the letter: single calls, parts of a Bulk, and odd questions to the desk. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import { bulk } from '../support/bulk-calls.ts';
import { startFixture, type Answered, type Fixture } from '../support/fixture.ts';
import { base, errorExtension, user } from '../support/scim-calls.ts';
import { deactivation, withRules } from '../support/safety-scene.ts';
import { issueToken } from '../support/people.ts';

const ways = { full: 403, later: 503, patient: 202 } as const;
const client = (name: string, whenHeld: string): string =>
  `  ${name}: { owner: iam@example.com, purpose: a test, expires: 2099-12-31, auth: [{ apiKey: {} }], whenHeld: ${whenHeld} }\n`;

describe('answers about what is held', () => {
  let fixture: Fixture;
  let token = '';
  before(async () => {
    fixture = await startFixture({
      clients: Object.keys(ways),
      config: withRules({
        route:
          '    bulk: { operations: 20 }\n    approval: { required: [users:deactivate, users:create] }\n',
        grants:
          '      - { client: later, use: provision }\n      - { client: patient, use: provision }\n',
        clients: client('later', 'retry') + client('patient', 'accept'),
      }),
    });
    token = await issueToken(fixture, 'alice@example.com');
  });
  after(() => fixture.stop());

  const assertHeld = (body: unknown, status: number): string => {
    const { detail, ...rest } = body as Record<string, unknown>;
    const { requestId, traceId, holdId, ...error } = rest[errorExtension] as Record<string, string>;
    assert.match(String(detail), /^Such a change waits .* It waits for people under hld_/);
    assert.match(String(detail), /nothing was sent to the target/);
    assert.deepEqual(
      { ...rest, [errorExtension]: error },
      {
        schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
        status: String(status),
        [errorExtension]: { code: 'mutation_held', rule: 'routes.sandbox.approval' },
      },
    );
    assert.match(holdId ?? '', /^hld_[0-9a-f]{24}$/);
    assert.ok(String(detail).includes(holdId as string));
    assert.ok((requestId ?? '') !== '' && (traceId ?? '') !== '');
    return holdId as string;
  };
  const create = (name: string, key: string | undefined): Promise<Answered> =>
    fixture.ask('POST', `${base}/Users`, {
      body: user(name),
      ...(key === undefined ? {} : { key }),
    });

  it('are a SCIM error in each way a client wants to hear it, single and in a Bulk', async () => {
    const ids: string[] = [];
    for (const [name, status] of Object.entries(ways)) {
      const key = fixture.keys[name];
      const one = await create(`one-${name}@example.com`, key);
      assert.equal(one.status, status);
      assert.match(String(one.headers['content-type']), /^application\/scim\+json/);
      assert.equal(one.headers['retry-after'] !== undefined, status === 503);
      assert.equal(one.headers['location'], undefined);
      assert.equal(one.headers['sallyport-ledger-id'], undefined);
      ids.push(assertHeld(one.body, status));
      const operations = [
        { method: 'POST', path: '/Users', bulkId: 'a', data: user(`two-${name}@example.com`) },
        { method: 'PATCH', path: '/Users/bulkId:a', data: deactivation },
      ];
      const many = await fixture.ask('POST', `${base}/Bulk`, {
        body: bulk(operations),
        ...(key === undefined ? {} : { key }),
      });
      assert.equal(many.status, 200, many.text);
      // A 202 brings its error along: whoever reads it learns that nothing was made.
      const [first, second] = many.body['Operations'] as Record<string, unknown>[];
      assert.equal(first?.['status'], String(status), many.text);
      assert.equal(first?.['location'], undefined);
      ids.push(assertHeld(first?.['response'], status));
      // What is not there cannot be referred to, whatever its status looks like.
      assert.ok(Number(second?.['status']) >= 400, many.text);
    }
    assert.equal(new Set(ids).size, 6);
  });

  it('are told to people as they asked, garbage or not', async () => {
    const ask = async (path: string, body: object) => {
      const response = await request(
        `http://127.0.0.1:${fixture.gateway.admin.port}/api/v1/holds/${path}`,
        {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        },
      );
      return { status: response.statusCode, json: await response.body.json() };
    };
    const held = await create('asked@example.com', fixture.keys['full']);
    const id = assertHeld(held.body, 403);
    const none = `hld_${'0'.repeat(24)}`;
    for (const body of [
      {},
      { ids: [] },
      { ids: ['hld_1'] },
      { ids: [`${id}\n`] },
      { ids: [id.toUpperCase()] },
      { ids: Array.from({ length: 501 }, () => none) },
      { ids: [id], batch: 'x' },
      { ids: [id], limit: 1 },
      { ids: [id, none], version: '000000000000' },
      { ids: [id], version: 'x' },
      { ids: [id], by: 'bob@example.com' },
    ]) {
      assert.equal((await ask('approve', body)).status, 400, JSON.stringify(body).slice(0, 80));
    }
    assert.equal((await ask('approve', { batch: '__proto__' })).status, 400);
    assert.equal((await ask('reject', { ids: [id] })).status, 400);
    const stale = await ask('approve', { ids: [id], version: '000000000000' });
    assert.match(JSON.stringify(stale.json), /not what you looked at/);
    const many = await ask('approve', {
      ids: [none, ...Array.from({ length: 499 }, () => id)],
    });
    const [first, second, ...rest] = many.json as Record<string, unknown>[];
    assert.deepEqual(
      [many.status, first?.['note'], second?.['state'], second?.['outcome'], rest.length],
      [200, 'there is no such hold', 'released', 'applied', 0],
    );
  });
});
