/** /Me through a whole gateway (RFC 7644 §3.11): who a client is stands in its grant, nowhere else. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startFixture, type Fixture } from '../support/fixture.ts';

const base = '/scim/sandbox';
const patchUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
const userUrn = 'urn:ietf:params:scim:schemas:core:2.0:User';

describe('/Me', () => {
  let fixture: Fixture;
  let id = '';
  before(async () => {
    fixture = await startFixture();
    const body = { schemas: [userUrn], userName: 'ann@example.com', title: 'old' };
    const made = await fixture.ask('POST', `${base}/Users`, { body });
    assert.equal(made.status, 201, made.text);
    id = String(made.body['id']);
    await fixture.rewrite((text) =>
      text
        .replace('client: full, use: provision', `client: full, use: provision, me: "${id}"`)
        .replace('client: reader, ', `client: reader, me: "${id}", `),
    );
    await fixture.gateway.reload();
  });
  after(() => fixture.stop());

  const permanent = (): string =>
    `http://127.0.0.1:${fixture.gateway.data.port}${base}/Users/${encodeURIComponent(id)}`;

  it('is read as the user it stands for, at its permanent address', async () => {
    const shown = await fixture.ask('GET', `${base}/Me?attributes=userName`);
    assert.equal(shown.status, 200, shown.text);
    assert.equal(shown.body['userName'], 'ann@example.com');
    assert.equal(shown.headers['location'], permanent());
    const seen = fixture.observed.at(-1);
    assert.equal(seen?.httpRoute, `${base}/Users/{id}`);
    assert.deepEqual(seen?.actions, ['users:read']);
  });

  it('is changed and recorded as that user', async () => {
    const body = {
      schemas: [patchUrn],
      Operations: [{ op: 'replace', path: 'title', value: 'x' }],
    };
    const changed = await fixture.ask('PATCH', `${base}/Me`, { body });
    assert.equal(changed.status, 200, changed.text);
    assert.equal(changed.headers['location'], permanent());
    const asked = { key: fixture.keys['reader'] ?? null, body };
    const denied = await fixture.ask('PATCH', `${base}/Me`, asked);
    assert.equal(denied.status, 403);
    assert.equal(denied.headers['location'], undefined);
    const ledgerId = String(changed.headers['sallyport-ledger-id']);
    const entry = await fixture.gateway.context.ledger.show(ledgerId as never);
    assert.ok(JSON.stringify(entry).includes(id));
  });

  it('is nobody for a client of whom no grant says who it is', async () => {
    for (const client of ['narrow', 'stranger']) {
      const shown = await fixture.ask('GET', `${base}/Me`, { key: fixture.keys[client] ?? null });
      assert.equal(shown.status, 501);
    }
    const made = await fixture.ask('POST', `${base}/Me`, { body: { schemas: [userUrn] } });
    assert.equal(made.status, 501);
  });

  it('is deleted once', async () => {
    const gone = await fixture.ask('DELETE', `${base}/Me`);
    assert.equal(gone.status, 204);
    const missing = await fixture.ask('GET', `${base}/Me`);
    assert.equal(missing.status, 404);
  });
});
