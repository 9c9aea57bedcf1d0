/** The admin listener over HTTP: health, who may do what, and what is recorded of it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { adminOperations } from '../../src/admin/operations.ts';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';
import { sendRaw } from '../support/raw-http.ts';
import { issueToken } from '../support/people.ts';

const roles = ['viewer', 'operator', 'approver', 'admin'] as const;
const person = (role: string): string => `${role}@example.com`;

describe('the admin listener', () => {
  let fixture: Fixture;
  const tokens = new Map<string, string>();
  before(async () => {
    fixture = await startFixture({
      config: (url) =>
        mainConfig(url).replace(
          'people: [',
          `people: [${roles.map((role) => `{ name: ${person(role)}, roles: [${role}], until: 2099-12-31 }`).join(', ')}, `,
        ),
    });
    for (const role of roles) {
      tokens.set(role, await issueToken(fixture, person(role)));
    }
  });
  after(() => fixture.stop());

  const ask = (
    method: string,
    path: string,
    role: string | null,
    body?: object,
  ): Promise<Response> =>
    fetch(`http://127.0.0.1:${fixture.gateway.admin.port}${path}`, {
      method,
      headers: {
        ...(role === null ? {} : { authorization: `Bearer ${tokens.get(role) ?? role}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const codeOf = async (answer: Response): Promise<unknown> => {
    assert.match(String(answer.headers.get('content-type')), /^application\/problem\+json/);
    const body = (await answer.json()) as { code: string; requestId: string };
    assert.equal(body.requestId, answer.headers.get('x-request-id'));
    return body.code;
  };
  const acts = async (): Promise<string> => {
    let text = '';
    const lines = fixture.gateway.context.exportLedger({ format: 'ndjson' });
    for await (const line of lines) text += line;
    return text;
  };

  it('tells health without a token, and nothing else', async () => {
    assert.equal((await ask('GET', '/livez', null)).status, 200);
    assert.equal((await ask('GET', '/readyz', null)).status, 200);
    const verbose = (await (await ask('GET', '/readyz?verbose', null)).json()) as {
      checks: { name: string }[];
    };
    const names = verbose.checks.map(({ name }) => name);
    for (const name of ['store', 'serving', 'clock', 'config', 'target sandbox']) {
      assert.ok(names.includes(name), name);
    }
    assert.equal((await ask('GET', '/metrics', null)).status, 200);
    assert.equal((await ask('GET', '/api/v1/ledger', null)).status, 401);
    assert.equal(await codeOf(await ask('GET', '/api/v1/keys', null)), 'caller_refused');
    assert.equal(await codeOf(await ask('GET', '/nothing', null)), 'route_unknown');
  });

  it("takes people's tokens only, and serves none of it on the data listener", async () => {
    const answer = await ask('GET', '/api/v1/keys', fixture.keys['full'] as string);
    assert.equal(answer.status, 401);
    for (const path of ['/livez', '/readyz', '/metrics', '/api/v1/keys']) {
      assert.equal((await fixture.ask('GET', path)).status, 404, path);
    }
    const asPerson = await fixture.ask('GET', '/scim/sandbox/Users', {
      key: tokens.get('admin') as string,
    });
    assert.equal(asPerson.status, 401);
  });

  it('refuses every operation to whoever lacks its role, before it runs', async () => {
    for (const entry of adminOperations) {
      const path = `/api/v1${entry.path.replace(/\{\w+\}/g, 'x')}`;
      for (const role of roles) {
        if (role === entry.role || role === 'admin') continue;
        const answer = await ask(
          entry.method,
          path,
          role,
          entry.method === 'POST' ? {} : undefined,
        );
        assert.equal(answer.status, 403, `${role}: ${entry.name}`);
        assert.equal(await codeOf(answer), 'action_denied');
      }
    }
  });

  it('refuses unknown and malformed input with the place of the mistake', async () => {
    const unknown = await ask('GET', '/api/v1/ledger?nonsense=1', 'viewer');
    assert.equal(await codeOf(unknown), 'value_invalid');
    const limit = await ask('GET', '/api/v1/ledger?limit=100000', 'viewer');
    assert.equal(await codeOf(limit), 'value_invalid');
    const freeze = await ask('POST', '/api/v1/freezes', 'operator', { scope: 'tenant', name: 'x' });
    assert.match(JSON.stringify(await freeze.json()), /reason/);
    const big = await ask('POST', '/api/v1/freezes', 'operator', { reason: 'x'.repeat(2_000_000) });
    assert.equal(big.status, 413);
  });

  it('does as asked, and records who did it', async () => {
    const issued = await ask('POST', '/api/v1/keys', 'operator', { holder: 'reader' });
    const { token, key } = (await issued.json()) as { token: string; key: { id: string } };
    assert.match(token, /^spk_test_/);
    assert.equal((await fixture.ask('GET', '/scim/sandbox/Users', { key: token })).status, 200);
    assert.equal((await ask('POST', `/api/v1/keys/${key.id}/revoke`, 'operator', {})).status, 200);
    assert.equal((await fixture.ask('GET', '/scim/sandbox/Users', { key: token })).status, 401);
    const text = await acts();
    for (const part of ['keys.issue', 'keys.revoke', person('operator')]) {
      assert.ok(text.includes(part), part);
    }
    assert.ok(!text.includes(token));
  });

  it('answers only under its own names, so that no foreign page reaches it', async () => {
    const raw = (host: string) =>
      sendRaw(
        fixture.gateway.admin.port,
        `GET /api/v1/keys HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${tokens.get('viewer')}\r\n\r\n`,
      );
    assert.equal((await raw('localhost:8081'))?.status, 200);
    for (const host of ['evil.example', 'localhost.evil.example', 'gw.example.com:8081']) {
      const answer = await raw(host);
      assert.equal(answer?.status, 400, host);
      assert.match(answer.body, /request_suspicious/);
    }
  });

  it('describes itself: every operation stands in the OpenAPI document', async () => {
    const answer = await ask('GET', '/api/v1/openapi.json', null);
    const { openapi, paths } = (await answer.json()) as {
      openapi: string;
      paths: Record<string, Record<string, { operationId: string }>>;
    };
    assert.equal(openapi, '3.1.0');
    const described = Object.values(paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    assert.deepEqual([...described].sort(), adminOperations.map(({ name }) => name).sort());
  });
});
