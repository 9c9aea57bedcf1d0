/** A provisioning session through the whole gateway: what clients send and what they get back. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startFixture, type Fixture } from '../support/fixture.ts';
import {
  assertMarks,
  assertScimError,
  base,
  group,
  make,
  membersOf,
  must,
  patch,
  read,
  user,
} from '../support/scim-calls.ts';

const scimMedia = 'application/scim+json; charset=utf-8';

describe('a provisioning session', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.stop());

  const publicUrl = (path: string): string =>
    `http://127.0.0.1:${fixture.gateway.data.port}${base}${path}`;

  it('creates: normalised, 201, Location and meta.location of the gateway', async () => {
    const made = await must(fixture, 'POST', '/Users', {
      body: user('  Ann@Example.COM ', {
        active: 'True',
        name: { givenName: ' Ann ', familyName: 'Lee' },
        emails: [{ value: 'ann@EXAMPLE.com', type: 'work', primary: true }],
      }),
    });
    const id = String(made.body['id']);
    assert.equal(made.status, 201);
    assert.equal(made.headers['content-type'], scimMedia);
    assert.equal(made.headers['location'], publicUrl(`/Users/${id}`));
    assert.equal((made.body['meta'] as { location: string }).location, publicUrl(`/Users/${id}`));
    assert.match(String(made.headers['sallyport-ledger-id']), /^led_/);
    const stored = fixture.sandbox.stored('User').find((each) => each['id'] === id);
    assert.equal(stored?.['userName'], 'ann@example.com');
    assert.equal(stored?.['active'], true);
    assert.deepEqual(stored?.['name'], { givenName: 'Ann', familyName: 'Lee' });
    assert.deepEqual(fixture.sandbox.seen().at(-1), {
      method: 'POST',
      path: '/Users',
      ledgerId: made.headers['sallyport-ledger-id'],
      status: 201,
    });
  });

  it('reads by id and by filter, with the value normalised as the target holds it', async () => {
    const id = await make(fixture, 'Users', user('bob@example.com'));
    const one = await must(fixture, 'GET', `/Users/${id}`);
    assert.equal(one.body['userName'], 'bob@example.com');
    assert.equal(one.headers['sallyport-ledger-id'], undefined);
    const filter = encodeURIComponent('userName eq "BOB@example.com"');
    const found = await must(fixture, 'GET', `/Users?filter=${filter}`);
    assert.equal(found.body['totalResults'], 1);
    const [first] = found.body['Resources'] as readonly {
      id: string;
      meta: { location: string };
    }[];
    assert.equal(first?.id, id);
    assert.equal(first?.meta.location, publicUrl(`/Users/${id}`));
    const none = await must(
      fixture,
      'GET',
      `/Users?filter=${encodeURIComponent('userName eq "nobody@example.com"')}`,
    );
    assert.equal(none.body['totalResults'], 0);
  });

  it('answers application/json where Accept names that and not scim+json', async () => {
    const accepts = [
      ['application/json', 'application/json; charset=utf-8'],
      ['application/json, text/plain, */*', 'application/json; charset=utf-8'],
      ['application/scim+json, application/json', scimMedia],
      ['*/*', scimMedia],
    ] as const;
    for (const [accept, wanted] of accepts) {
      const list = await fixture.ask('GET', `${base}/Users`, { headers: { accept } });
      assert.equal(list.headers['content-type'], wanted, accept);
      const refused = await fixture.ask('GET', `${base}/Users`, { key: null, headers: { accept } });
      assert.equal(refused.status, 401);
      assert.equal(refused.headers['content-type'], wanted, accept);
    }
  });

  it('takes bodies as scim+json, json, with a charset, and without a media type', async () => {
    const types = ['application/json', 'application/json; charset=utf-8', 'application/scim+json'];
    for (const [index, type] of [...types, ''].entries()) {
      const made = await fixture.ask('POST', `${base}/Users`, {
        body: user(`media${index}@example.com`),
        headers: { 'content-type': type },
      });
      assert.equal(made.status, 201, `${type}: ${made.text}`);
    }
  });

  it('patches as Entra writes it', async () => {
    const id = await make(
      fixture,
      'Users',
      user('cid@example.com', {
        displayName: 'Cid',
        emails: [{ type: 'work', value: 'old@example.com' }],
      }),
    );
    const off = patch({ op: 'Replace', path: 'active', value: 'False' });
    const done = await must(fixture, 'PATCH', `/Users/${id}`, { body: off });
    assert.equal(done.body['active'], false);
    const added = patch(
      { op: 'Replace', path: 'emails[type eq "work"].value', value: 'Cid@Example.com' },
      { op: 'Replace', path: 'displayName', value: 'Cid B' },
    );
    await must(fixture, 'PATCH', `/Users/${id}`, { body: added });
    const after = await read(fixture, 'Users', id);
    assert.equal(after['displayName'], 'Cid B');
    // The target holds the normal form; its client sees what it sent (C14).
    const stored = fixture.sandbox.stored('User').find((each) => each['id'] === id);
    assert.deepEqual(stored?.['emails'], [{ type: 'work', value: 'Cid@example.com' }]);
    assert.deepEqual(after['emails'], [{ type: 'work', value: 'Cid@Example.com' }]);
  });

  it('patches as Okta writes it, without a path', async () => {
    const id = await make(fixture, 'Users', user('dan@example.com'));
    const body = patch({ op: 'replace', value: { active: false, displayName: 'Dan' } });
    await must(fixture, 'PATCH', `/Users/${id}`, { body });
    const after = await read(fixture, 'Users', id);
    assert.equal(after['active'], false);
    assert.equal(after['displayName'], 'Dan');
  });

  it('puts, deletes, and passes on that it is gone', async () => {
    const id = await make(fixture, 'Users', user('eve@example.com'));
    const body = user('eve@example.com', { id, displayName: 'Eve' });
    const put = await must(fixture, 'PUT', `/Users/${id}`, { body });
    assert.equal(put.body['displayName'], 'Eve');
    const gone = await must(fixture, 'DELETE', `/Users/${id}`);
    assert.equal(gone.status, 204);
    assert.equal(gone.text, '');
    assert.equal(gone.headers['content-type'], undefined);
    assert.match(String(gone.headers['sallyport-ledger-id']), /^led_/);
    const missing = await fixture.ask('GET', `${base}/Users/${id}`);
    assertScimError(missing, 404, 'target_refused');
  });

  it("passes on the target's conflict with its scimType, and names the entry", async () => {
    await make(fixture, 'Users', user('fay@example.com'));
    const again = await fixture.ask('POST', `${base}/Users`, { body: user('FAY@example.com') });
    assertScimError(again, 409, 'target_refused', {
      scimType: 'uniqueness',
      ledgerId: String(again.headers['sallyport-ledger-id']),
    });
  });

  it('keeps groups: add, remove one member as Entra does, the others stay', async () => {
    const ids: string[] = [];
    for (const name of ['g1', 'g2', 'g3']) {
      ids.push(await make(fixture, 'Users', user(`${name}@example.com`)));
    }
    const [one, two, three] = ids as [string, string, string];
    const id = await make(fixture, 'Groups', group('app-wiki', [one, two]));
    const add = patch({ op: 'Add', path: 'members', value: [{ value: three }] });
    await must(fixture, 'PATCH', `/Groups/${id}`, { body: add });
    assert.deepEqual(await membersOf(fixture, id), [one, two, three].sort());
    const entra = patch({ op: 'Remove', path: 'members', value: [{ value: two }] });
    await must(fixture, 'PATCH', `/Groups/${id}`, { body: entra });
    assert.deepEqual(await membersOf(fixture, id), [one, three].sort());
    const rfc = patch({ op: 'remove', path: `members[value eq "${one}"]` });
    await must(fixture, 'PATCH', `/Groups/${id}`, { body: rfc });
    assert.deepEqual(await membersOf(fixture, id), [three]);
  });

  it('serves discovery with its own addresses', async () => {
    for (const path of ['/ServiceProviderConfig', '/ResourceTypes', '/Schemas']) {
      const shown = await must(fixture, 'GET', path);
      assert.ok(!shown.text.includes(fixture.sandbox.url), path);
      assert.ok(!shown.text.includes(`:${fixture.sandbox.port}`), path);
    }
  });

  it('does not serve a .search over everything and /Me', async () => {
    const asked = [
      ['POST', '/.search'],
      ['GET', '/Me'],
    ] as const;
    for (const [method, path] of asked) {
      const answer = await fixture.ask(
        method,
        `${base}${path}`,
        method === 'POST' ? { body: {} } : {},
      );
      assertScimError(answer, 501, 'not_supported');
    }
  });

  it('answers problem+json outside every route', async () => {
    const answer = await fixture.ask('GET', '/nowhere/Users');
    assertMarks(answer);
    assert.equal(answer.status, 404);
    assert.equal(answer.headers['content-type'], 'application/problem+json; charset=utf-8');
    assert.equal(answer.body['code'], 'route_unknown');
    assert.equal(answer.body['requestId'], answer.headers['x-request-id']);
    assert.equal(answer.body['traceId'], answer.headers['trace-id']);
    assert.equal(answer.body['type'], 'urn:sallyport:error:route_unknown');
  });

  it('never shows the target, its address or its credential', async () => {
    const id = await make(fixture, 'Users', user('gil@example.com'));
    const answers = await Promise.all([
      fixture.ask('GET', `${base}/Users/${id}`),
      fixture.ask('GET', `${base}/Users`),
      fixture.ask('GET', `${base}/Users/none`),
      fixture.ask('GET', `${base}/ServiceProviderConfig`),
    ]);
    for (const { text, headers } of answers) {
      assert.ok(!text.includes(`:${fixture.sandbox.port}`), text);
      assert.ok(!JSON.stringify(headers).includes(`:${fixture.sandbox.port}`));
    }
  });
});
