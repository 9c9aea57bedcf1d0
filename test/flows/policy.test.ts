/** Grants at work on real resources: conditions, drops, carried-over values, patterns, elision. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { LedgerId } from '../../src/ids.ts';
import { mainConfig, startFixture, type Answered, type Fixture } from '../support/fixture.ts';
import {
  assertScimError,
  base,
  errorExtension,
  group,
  make,
  must,
  patch,
  read,
  user,
} from '../support/scim-calls.ts';

const policies = (sandboxUrl: string): string =>
  mainConfig(sandboxUrl)
    .replace(
      'permissions:\n',
      `permissions:
  same-title:
    users: { actions: [read, update], when: 'before.title == "A" && after.title in ["A", "B"]' }
  dropping:
    users: { actions: [read, create, update], write: { only: [displayName, title], denied: drop } }
  blind:
    users: { actions: [read, update], write: { except: [nickName] }, read: { except: [phoneNumbers] } }
  group-names:
    groups: { actions: [read, search, update, add-member], only: ["app-*"], except: ["app-root"] }
`,
    )
    .replace(
      'routes:\n',
      `routes:
  soft:
    path: /scim/soft
    scim: sandbox
    deletes: deactivate
    grants: [{ client: full, users: { actions: [read, deactivate] } }]
  lean:
    path: /scim/lean
    scim: sandbox
    before: needed
    grants:
      - { client: narrow, use: same-title }
      - { client: stranger, use: dropping }
      - { client: reader, use: blind }
      - { client: full, use: group-names }
`,
    );

describe('grants at work', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({ config: policies });
  });
  after(() => fixture.stop());

  const ask = (client: string, method: string, path: string, body?: object): Promise<Answered> =>
    fixture.ask(method, path, {
      key: fixture.keys[client] as string,
      ...(body === undefined ? {} : { body }),
    });
  const title = (value: string): object => patch({ op: 'replace', path: 'title', value });
  const sent = (): number => fixture.sandbox.seen().length;

  it('decides conditions over before and after', async () => {
    const id = await make(fixture, 'Users', user('con@example.com', { title: 'A' }));
    assert.equal((await ask('narrow', 'PATCH', `/scim/lean/Users/${id}`, title('B'))).status, 200);
    const count = sent();
    const again = await ask('narrow', 'PATCH', `/scim/lean/Users/${id}`, title('B'));
    const rule = 'permissions.same-title.users.when';
    assertScimError(again, 403, 'condition_denied', { rule });
    assert.equal(sent(), count);
    assert.equal((await read(fixture, 'Users', id))['title'], 'B');
  });

  it('drops exactly what is denied, on create and on patch', async () => {
    const made = await ask(
      'stranger',
      'POST',
      '/scim/lean/Users',
      user('dropped@example.com', { active: undefined, title: 'T', nickName: 'N' }),
    );
    assert.equal(made.status, 201, 'what a create cannot be without comes with the action');
    const fresh = await read(fixture, 'Users', String(made.body['id']));
    assert.equal(fresh['title'], 'T');
    assert.equal(fresh['nickName'], undefined);
    const id = await make(fixture, 'Users', user('drop@example.com', { nickName: 'Old' }));
    const both = patch({ op: 'replace', value: { title: 'T', nickName: 'New' } });
    const done = await ask('stranger', 'PATCH', `/scim/lean/Users/${id}`, both);
    assert.equal(done.status, 200, done.text);
    const now = await read(fixture, 'Users', id);
    assert.equal(now['title'], 'T');
    assert.equal(now['nickName'], 'Old');
    const shown = await fixture.gateway.context.ledger.show(
      done.headers['sallyport-ledger-id'] as LedgerId,
    );
    assert.ok(!JSON.stringify(shown?.body?.call).includes('New'), 'recorded as it was sent');
  });

  it('carries over in a PUT what may not be read or written', async () => {
    const id = await make(
      fixture,
      'Users',
      user('put@example.com', {
        nickName: 'Nick',
        title: 'Old',
        phoneNumbers: [{ value: '+491701234567' }],
      }),
    );
    const body = {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
      userName: 'put@example.com',
      displayName: 'Put',
    };
    const done = await ask('reader', 'PUT', `/scim/lean/Users/${id}`, body);
    assert.equal(done.status, 200, done.text);
    assert.ok(!done.text.includes('+49170'), done.text);
    const now = await read(fixture, 'Users', id);
    assert.equal(now['displayName'], 'Put');
    assert.equal(now['title'], undefined, 'what it may write and omits goes');
    assert.equal(now['nickName'], 'Nick');
    assert.deepEqual(now['phoneNumbers'], [{ value: '+491701234567' }]);
    assert.equal(now['active'], true, 'absent is not false');
  });

  it('sends nothing where nothing would change, but always what takes access away', async () => {
    const id = await make(fixture, 'Users', user('same@example.com', { title: 'S' }));
    const count = sent();
    const same = await must(fixture, 'PATCH', `/Users/${id}`, { body: title('S') });
    assert.equal(same.body['title'], 'S');
    assert.equal(sent(), count);
    const id1 = same.headers['sallyport-ledger-id'] as LedgerId;
    for (;;) {
      const shown = await fixture.gateway.context.ledger.show(id1);
      if (shown?.row.outcome === null) continue;
      assert.equal(shown?.row.outcome, 'not-sent');
      assert.equal(shown?.row.settledBy, 'no-change');
      break;
    }
    const off = patch({ op: 'replace', path: 'active', value: false });
    await must(fixture, 'PATCH', `/Users/${id}`, { body: off });
    await must(fixture, 'PATCH', `/Users/${id}`, { body: off });
    assert.equal(sent(), count + 2, 'a second deactivation goes out too');
  });

  it('turns deletes into deactivations where the route says so', async () => {
    const id = await make(fixture, 'Users', user('soft@example.com'));
    const done = await ask('full', 'DELETE', `/scim/soft/Users/${id}`);
    assert.ok(done.status === 204 || done.status === 200, done.text);
    assert.equal((await read(fixture, 'Users', id))['active'], false);
    assert.equal(fixture.sandbox.seen().at(-1)?.method, 'PATCH');
    const [row] = await fixture.gateway.context.ledger.list({ route: 'soft', limit: 1 });
    assert.deepEqual(row?.actions, ['users:deactivate']);
    assert.equal(row?.operation, 'delete');
  });

  it('judges a rename of a group on both names', async () => {
    const rename = (displayName: string) =>
      patch({ op: 'replace', path: 'displayName', value: displayName });
    const inside = await make(fixture, 'Groups', group('app-one'));
    const outside = await make(fixture, 'Groups', group('finance'));
    const root = await make(fixture, 'Groups', group('app-root'));
    const path = (id: string): string => `/scim/lean/Groups/${id}`;
    const count = sent();
    for (const [id, name] of [
      [inside, 'finance-2'],
      [inside, 'app-root'],
      [outside, 'app-mine'],
      [root, 'app-two'],
    ] as const) {
      const answer = await ask('full', 'PATCH', path(id), rename(name));
      const { rule } = answer.body[errorExtension] as { rule: string };
      assertScimError(answer, 403, 'action_denied', { rule });
    }
    assert.equal(sent(), count);
    assert.equal((await ask('full', 'PATCH', path(inside), rename('app-two'))).status, 200);
    const list = await ask('full', 'GET', '/scim/lean/Groups');
    const names = (list.body['Resources'] as readonly { displayName: string }[]).map(
      ({ displayName }) => displayName,
    );
    assert.deepEqual(names, ['app-two']);
    assert.equal(list.body['totalResults'], 1, 'what is hidden is not counted');
  });

  it('never lets one client use what another was granted', async () => {
    const id = await make(fixture, 'Users', user('own@example.com', { title: 'A' }));
    const wanted = [
      ['narrow', 'DELETE', `${base}/Users/${id}`],
      ['reader', 'DELETE', `${base}/Users/${id}`],
      ['stranger', 'GET', `${base}/Users/${id}`],
      ['full', 'PATCH', `/scim/lean/Users/${id}`],
    ] as const;
    for (const [client, method, path] of wanted) {
      const answer = await ask(client, method, path, method === 'PATCH' ? title('B') : undefined);
      assert.equal(answer.status, 403, `${client} ${method} ${path}`);
    }
  });
});
