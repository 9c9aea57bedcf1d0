/**
 * A person whose name was `local` held every role; an operator could end an administrator's token as
 * if it were a client's key; a body without a length failed as our own fault.
 */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import { issueKey, type IssuedKey } from '../../src/callers/keys.ts';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';

const people = `people: [
    { name: local, roles: [viewer], until: 2099-12-31 },
    { name: chief@example.com, roles: [admin], until: 2099-12-31 },
    `;

describe('people at the admin listener', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({ config: (url) => mainConfig(url).replace('people: [', people) });
  });
  after(() => fixture.stop());

  const issue = async (holder: string): Promise<IssuedKey> => {
    const end = Date.parse('2099-12-31T00:00:00Z');
    const order = { kind: 'person', environment: 'test', issuedBy: 'test' } as const;
    const { keys } = fixture.gateway.context;
    return (await issueKey(keys, { ...order, holder, holderExpiresAt: end })) as IssuedKey;
  };
  const post = async (path: string, token: string, body: unknown): Promise<number> => {
    const url = `http://127.0.0.1:${fixture.gateway.admin.port}/api/v1${path}`;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await request(url, { method: 'POST', headers, body: JSON.stringify(body) });
    await answer.body.dump();
    return answer.statusCode;
  };

  it('have the roles the file gives them, whatever their name', async () => {
    const { token } = await issue('local');
    assert.equal(await post('/people', token, { holder: 'chief@example.com' }), 403);
  });

  it('end tokens of people only as administrators', async () => {
    const operator = await issue('alice@example.com');
    const chief = await issue('chief@example.com');
    const { id } = chief.key;
    assert.equal(await post(`/keys/${id}/revoke`, operator.token, {}), 400);
    assert.equal(await post(`/people/${id}/revoke`, operator.token, {}), 403);
    assert.equal(await post(`/people/${id}/revoke`, chief.token, {}), 200);
  });

  it('are told what to do about a body without a length', async () => {
    const { token } = await issue('alice@example.com');
    const url = `http://127.0.0.1:${fixture.gateway.admin.port}/api/v1/freezes`;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const body = Readable.from([Buffer.from('{}')]);
    const answer = await request(url, { method: 'POST', headers, body });
    assert.equal(answer.statusCode, 400);
    assert.match(await answer.body.text(), /Content-Length/);
  });
});
