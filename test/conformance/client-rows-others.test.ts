/** Client rows of Okta, JumpCloud, Google, Ping, SailPoint and others, through a whole gateway. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Answered, Ask } from '../support/fixture.ts';
import {
  asSent,
  normalised,
  quick,
  startRowsFixture,
  stubbed,
  type RowsFixture,
} from '../support/client-rows.ts';
import {
  assertScimError,
  errorSchema,
  group,
  groupSchema,
  patch,
  user,
  userSchema,
} from '../support/scim-calls.ts';

type Held = Record<string, unknown>;

describe('rows of other clients', () => {
  let fixture: RowsFixture;
  before(async () => {
    fixture = await startRowsFixture();
  });
  after(() => fixture.stop());

  const must = async (method: string, path: string, ask: Ask = {}): Promise<Answered> => {
    const answer = await fixture.ask(method, path, ask);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  };
  const make = async (path: string, body: object): Promise<string> =>
    String((await must('POST', path, { body })).body['id']);
  const find = (id: string): Held | undefined =>
    [...fixture.sandbox.stored('User'), ...fixture.sandbox.stored('Group')].find(
      (each) => each['id'] === id,
    );
  const held = (id: string): Held => find(id) ?? assert.fail(`no ${id}`);
  const sent = (): number => fixture.sandbox.seen().length;
  const membersOf = (id: string): readonly string[] =>
    ((held(id)['members'] ?? []) as readonly Held[]).map((each) => String(each['value'])).sort();
  /** What the stub was sent last. */
  const received = (): Held => {
    const body = fixture.stub.calls.at(-1)?.body;
    assert.ok(typeof body === 'object' && body !== null);
    return body as Held;
  };
  const narrow = (): Ask => ({ key: fixture.keys['narrow'] ?? null });

  it('C22 one client does everything by PUT: profile, activation, group name and members', async () => {
    const emails = [{ type: 'work', value: 'put@example.com', primary: true }];
    const id = await make(`${normalised}/Users`, user('put@example.com', { emails }));
    const whole = { id, emails, groups: [], meta: { resourceType: 'User' } };
    const put = (more: object): Promise<Answered> =>
      must('PUT', `${normalised}/Users/${id}`, {
        body: user('put@example.com', { ...whole, ...more }),
      });
    await put({ displayName: 'Put' });
    assert.equal(held(id)['displayName'], 'Put');
    await put({ displayName: 'Put', active: false });
    assert.equal(held(id)['active'], false);
    await put({ displayName: 'Put', active: true });
    assert.equal(held(id)['active'], true);
    const gid = await make(`${normalised}/Groups`, group('put-group', ['a', 'b']));
    const body = { ...group('put-renamed', ['b', 'c']), id: gid };
    await must('PUT', `${normalised}/Groups/${gid}`, { body });
    assert.equal(held(gid)['displayName'], 'put-renamed');
    assert.deepEqual(membersOf(gid), ['b', 'c']);
  });

  it('C23 a rename that repeats id and name is answered, and nothing is sent', async () => {
    const gid = await make(`${asSent}/Groups`, group('rename'));
    const rename = (displayName: string): object =>
      patch({ op: 'replace', value: { id: gid, displayName } });
    await must('PATCH', `${asSent}/Groups/${gid}`, { body: rename('renamed') });
    assert.equal(held(gid)['displayName'], 'renamed');
    const count = sent();
    const again = await must('PATCH', `${asSent}/Groups/${gid}`, { body: rename('renamed') });
    assert.equal(again.body['displayName'], 'renamed');
    assert.equal(sent(), count);
    const other = patch({ op: 'replace', value: { id: 'another', displayName: 'x' } });
    assert.equal(
      (await fixture.ask('PATCH', `${asSent}/Groups/${gid}`, { body: other })).status,
      400,
    );
  });

  it('C26 users are only deactivated, an unlinked group is deleted', async () => {
    const id = await make(`${asSent}/Users`, user('okta-leaver@example.com'));
    const gid = await make(`${asSent}/Groups`, group('unlinked', [id]));
    await must('PATCH', `${asSent}/Users/${id}`, {
      body: patch({ op: 'replace', value: { active: false } }),
    });
    assert.equal(held(id)['active'], false);
    assert.equal((await fixture.ask('DELETE', `${asSent}/Groups/${gid}`, narrow())).status, 403);
    assert.equal((await must('DELETE', `${asSent}/Groups/${gid}`)).status, 204);
    assert.equal(find(gid), undefined);
    assert.equal(held(id)['active'], false);
  });

  it('C27 the random password of a create reaches no target, groups: [] neither', async () => {
    fixture.stubAnswers(({ body }) => ({ status: 201, body: { ...(body as object), id: 'n1' } }));
    const password = 'r4nd0m-Password';
    const body = user('okta@example.com', { password, groups: [] });
    const made = await must('POST', `${stubbed}/Users`, { body });
    assert.equal(made.status, 201);
    assert.ok(!made.text.includes(password));
    assert.equal(received()['password'], undefined);
    assert.equal(received()['groups'], undefined);
  });

  it('C28 pages carry integers and keep the order; an empty 201 and a page of HTML become SCIM', async () => {
    const ids = ['b', 'a', 'c'];
    fixture.stubAnswers(() => ({
      status: 200,
      body: {
        totalResults: '3',
        startIndex: '1',
        itemsPerPage: '3',
        Resources: ids.map((id) => ({ schemas: [userSchema], id, userName: id })),
      },
    }));
    const page = await must('GET', `${stubbed}/Users?startIndex=1&count=100`);
    assert.equal(fixture.stub.calls.at(-1)?.query.toString(), 'startIndex=1&count=100');
    const { totalResults, startIndex, itemsPerPage, Resources } = page.body;
    assert.deepEqual([totalResults, startIndex, itemsPerPage], [3, 1, 3]);
    assert.deepEqual(
      (Resources as readonly Held[]).map(({ id }) => id),
      ids,
    );
    const location = `${fixture.stub.url}/Users/n2`;
    fixture.stubAnswers(() => ({ status: 201, body: null, raw: '', location }));
    const made = await must('POST', `${stubbed}/Users`, { body: user('okta2@example.com') });
    assert.equal(made.status, 201);
    assert.equal(made.body['id'], 'n2');
    assert.equal(made.body['userName'], 'okta2@example.com');
    fixture.stubAnswers(() => ({
      status: 502,
      body: null,
      raw: '<html><h1>Bad gateway</h1>',
      type: 'text/html',
    }));
    const failed = await fixture.ask('GET', `${stubbed}/Users?startIndex=1&count=100`);
    assertScimError(failed, 502, 'target_unreachable');
    assert.ok(!failed.text.includes('<'));
  });

  it('C29 elements to remove as an array take out those and no other', async () => {
    const gid = await make(`${asSent}/Groups`, group('onelogin', ['a', 'b', 'c']));
    const value = [{ value: 'a' }, { value: 'c' }];
    const body = patch({ op: 'remove', path: 'members', value });
    const done = await must('PATCH', `${asSent}/Groups/${gid}`, { body, ...narrow() });
    assert.ok(done.status < 300);
    assert.deepEqual(membersOf(gid), ['b']);
  });

  it('C30 an activation makes a test user and a test group and takes them away, as anyone may', async () => {
    const test = user('jc_test@example.com', { name: { givenName: 'JC', familyName: 'Test' } });
    const denied = await fixture.ask('POST', `${asSent}/Users`, { key: null, body: test });
    assert.equal(denied.status, 401, 'a test identity is nothing special');
    const id = await make(`${asSent}/Users`, test);
    const gid = await make(`${asSent}/Groups`, group('jc-test-group', [id, 'other']));
    const body = patch({ op: 'remove', path: 'members', value: [{ value: id }] });
    await must('PATCH', `${asSent}/Groups/${gid}`, { body });
    assert.deepEqual(membersOf(gid), ['other']);
    const refused = await fixture.ask('DELETE', `${asSent}/Users/${id}`, narrow());
    assertScimError(refused, 403, 'action_denied', {
      rule: String((refused.body['urn:sallyport:error'] as Held)['rule']),
    });
    const off = patch({ op: 'replace', value: { active: false } });
    await must('PATCH', `${asSent}/Users/${id}`, { body: off, ...narrow() });
    assert.equal(held(id)['active'], false);
    await must('DELETE', `${asSent}/Groups/${gid}`);
    await must('DELETE', `${asSent}/Users/${id}`);
    assert.equal(find(id), undefined);
  });

  it('C31 a DELETE without a deactivation needs users:delete, which no wildcard gives; /Schemas is read', async () => {
    const id = await make(`${asSent}/Users`, user('google@example.com'));
    const count = sent();
    const refused = await fixture.ask('DELETE', `${asSent}/Users/${id}`, narrow());
    assert.equal(refused.status, 403);
    assert.match(refused.text, /users:delete/);
    assert.equal(sent(), count);
    assert.equal((await must('DELETE', `${asSent}/Users/${id}`)).status, 204);
    assert.deepEqual(fixture.observed.at(-1)?.actions, ['users:delete']);
    const schemas = await must('GET', `${asSent}/Schemas`, narrow());
    const listed = (schemas.body['Resources'] as readonly Held[]).map(({ id: urn }) => urn);
    assert.ok(listed.includes(userSchema) && listed.includes(groupSchema), listed.join());
    const one = await must('GET', `${asSent}/Schemas/${userSchema}`, narrow());
    assert.ok((one.body['attributes'] as readonly Held[]).some(({ name }) => name === 'userName'));
  });

  it('C32 SCIM 1.1 bodies and method overrides are refused, and said to be that', async () => {
    const count = sent();
    const body = { schemas: ['urn:scim:schemas:core:1.0'], userName: 'old', active: false };
    for (const [method, path] of [
      ['POST', '/Users'],
      ['PUT', '/Users/1'],
      ['PATCH', '/Users/1'],
    ] as const) {
      const answer = await fixture.ask(method, `${asSent}${path}`, { body });
      const detail = assertScimError(answer, 400, 'body_malformed', { scimType: 'invalidVers' });
      assert.match(detail, /SCIM 1\.1.*SCIM 2\.0/, method);
    }
    for (const header of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
      const headers = { [header]: 'PATCH' };
      const given = { body: patch({ op: 'replace', path: 'title', value: 't' }), headers };
      const answer = await fixture.ask('POST', `${asSent}/Users/1`, given);
      assert.equal(answer.status, 400, header);
      assert.match(answer.text, /overridden/);
    }
    const asked = await fixture.ask('POST', `${asSent}/Users?_method=PATCH`, { body });
    assert.equal(asked.status, 400);
    assert.equal(sent(), count);
  });

  it('C33 disabled by an add without a path; its bursts wait instead of a 429', async () => {
    const id = await make(`${asSent}/Users`, user('sailpoint@example.com'));
    const body = patch({ op: 'add', value: { active: false } });
    await must('PATCH', `${asSent}/Users/${id}`, { body });
    assert.equal(held(id)['active'], false);
    assert.deepEqual(fixture.observed.at(-1)?.actions, ['users:deactivate']);
    fixture.stubAnswers(() => ({ status: 204, body: null }));
    const burst = Array.from({ length: 20 }, (_, index) =>
      fixture.ask('PATCH', `${quick}/Users/${index}`, { body }),
    );
    for (const { status, text } of await Promise.all(burst)) assert.equal(status, 204, text);
  });

  it('C34 users are always PUT, and only a 404 that the target proves is one', async () => {
    const id = await make(`${asSent}/Users`, user('authentik@example.com'));
    const put = user('authentik@example.com', { id, displayName: 'A' });
    await must('PUT', `${asSent}/Users/${id}`, { body: put });
    assert.equal(held(id)['displayName'], 'A');
    const router = [
      { raw: '404 page not found', type: 'text/plain' },
      { raw: '', type: 'text/html' },
      { raw: '{"message":"no Route matched with those values"}', type: 'application/json' },
      { raw: '{"detail":"Not Found"}', type: 'application/json' },
      { raw: '{"status":404,"error":"Not Found","path":"/Users/1"}', type: 'application/json' },
      {
        raw: '{"type":"about:blank","status":404,"detail":"No endpoint"}',
        type: 'application/json',
      },
    ];
    for (const each of router) {
      fixture.stubAnswers(() => ({ status: 404, body: null, ...each }));
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
        const changed =
          method === 'PUT' ? put : patch({ op: 'replace', path: 'title', value: 't' });
        const body = method === 'PUT' || method === 'PATCH' ? { body: changed } : {};
        const answer = await fixture.ask(method, `${stubbed}/Users/${id}`, body);
        assert.notEqual(answer.status, 404, `${method} ${each.raw}`);
        assert.ok(answer.status >= 500, `${method} ${each.raw}: ${answer.status}`);
      }
    }
    fixture.stubAnswers(() => ({
      status: 404,
      body: { schemas: [errorSchema], status: '404', detail: 'no such user' },
    }));
    assert.equal((await fixture.ask('GET', `${stubbed}/Users/${id}`)).status, 404);
    assert.equal((await fixture.ask('PUT', `${stubbed}/Users/${id}`, { body: put })).status, 404);
  });

  it('C35 look-ups by externalId, users by PUT and groups by PATCH from one client', async () => {
    const externalId = 'rauthy-35';
    const body = user('rauthy@example.com', { externalId });
    const id = await make(`${normalised}/Users`, body);
    const path = `${normalised}/Users?filter=${encodeURIComponent(`externalId eq "${externalId}"`)}`;
    const found = await must('GET', path, narrow());
    assert.deepEqual(
      (found.body['Resources'] as readonly Held[]).map((each) => each['id']),
      [id],
    );
    const put = { ...body, id, displayName: 'R' };
    await must('PUT', `${normalised}/Users/${id}`, { body: put, ...narrow() });
    assert.equal(held(id)['displayName'], 'R');
    const gid = await make(`${normalised}/Groups`, group('rauthy'));
    const add = patch({ op: 'add', path: 'members', value: [{ value: id }] });
    await must('PATCH', `${normalised}/Groups/${gid}`, { body: add, ...narrow() });
    assert.deepEqual(membersOf(gid), [id]);
  });

  it('C36 who leaves active out does not disable: create, PUT and what the target is sent', async () => {
    fixture.stubAnswers(({ method, body }) =>
      method === 'GET'
        ? { status: 200, body: { schemas: [userSchema], id: 'u36', userName: 'u36', active: true } }
        : { status: method === 'POST' ? 201 : 200, body: { ...(body as object), id: 'u36' } },
    );
    const body = { schemas: [userSchema], userName: 'u36', title: 't' };
    await must('POST', `${stubbed}/Users`, { body });
    assert.ok(!('active' in received()));
    assert.deepEqual(fixture.observed.at(-1)?.actions, ['users:create']);
    for (const each of [body, { ...body, active: null }]) {
      await must('PUT', `${stubbed}/Users/u36`, { body: each });
      assert.equal(received()['active'], true);
      assert.deepEqual(fixture.observed.at(-1)?.actions, ['users:update']);
    }
    await must('PUT', `${stubbed}/Users/u36`, { body: { ...body, active: false } });
    assert.equal(received()['active'], false);
    const id = await make(`${asSent}/Users`, { schemas: [userSchema], userName: 'inbound@x.org' });
    assert.notEqual(held(id)['active'], false);
    await must('PATCH', `${asSent}/Users/${id}`, {
      body: patch({ op: 'replace', value: { title: 't' } }),
    });
    assert.notEqual(held(id)['active'], false);
  });
});
