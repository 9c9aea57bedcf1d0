/**
 * What a client may not read is neither shown nor found out: copies of names, entity tags, guesses in
 * PATCH and PUT, refusals in the target's words. Against a target that gives tags and keeps count.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { startScimTarget, type Asked, type ScimTarget } from '../campaigns/scim-target.ts';
import type { Resource } from '../campaigns/scim-store.ts';
import { startFixture, type Answered, type Fixture } from '../support/fixture.ts';

const core = 'urn:ietf:params:scim:schemas:core:2.0:User';
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const patchUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
const tag = 'W/"7"';

const clients = ['all', 'blind', 'grouper'] as const;
const config = (url: string): string => `
version: 1
environment: test
server: { listen: 127.0.0.1:0 }
admin: { listen: 127.0.0.1:0 }
store:
  url: sqlite:data/sallyport.db
  encryptionKeys: ["\${file:data/store.key}"]
  checkpoints: { key: "\${file:data/checkpoint.key}", every: 1m, to: ["file:data/checkpoints"] }
clients:
${clients.map((name) => `  ${name}: { owner: a@example.com, purpose: test, expires: 2099-12-31, auth: [{ apiKey: {} }] }`).join('\n')}
targets:
  memory:
    baseUrl: ${url}
    auth: [{ bearer: "\${env:SANDBOX_TOKEN}" }]
    allowPrivate: [127.0.0.0/8]
routes:
  memory:
    path: /scim
    scim: memory
    before: capture
    grants:
      - client: all
        users: { actions: [read, search, update, rename] }
        groups: { actions: [read, search, update, add-member, remove-member] }
      - client: blind
        users: { actions: [read, search, update, rename], write: { only: [displayName, nickName, ims] }, read: { except: [title, nickName, ims.value, "${enterprise}:costCenter"] } }
        groups: { actions: [read, search], only: ["app-*"] }
      - client: grouper
        groups: { actions: [read, search, update, add-member, remove-member] }
`;

const ann: Resource = {
  schemas: [core, enterprise],
  id: 'u1',
  userName: 'ann@example.com',
  displayName: 'Ann',
  title: 'Spy',
  nickName: 'Annie',
  groups: [
    { value: 'g1', display: 'app-mail' },
    { value: 'g2', display: 'root' },
  ],
  [enterprise]: { costCenter: '7' },
};
const group: Resource = {
  id: 'g1',
  displayName: 'app-mail',
  members: [{ value: 'u1', type: 'User', display: 'Ann' }],
};

suite('what a client may not read', () => {
  let target: ScimTarget;
  let fixture: Fixture;
  let asked: Asked[] = [];
  before(async () => {
    target = await startScimTarget({
      serve: (call, store) => {
        asked.push(call);
        const { status, body } = store.handle(call.method, call.path, call.query, call.body);
        const refused = { ...(body as object), detail: 'taken by the Spy' };
        call.outgoing.writeHead(status, { 'content-type': 'application/scim+json', etag: tag });
        call.outgoing.end(JSON.stringify(status === 409 ? refused : body));
      },
    });
    fixture = await startFixture({ config: () => config(target.url), clients });
  });
  after(async () => {
    await fixture.stop();
    await target.stop();
  });
  beforeEach(() => {
    target.store.reset([ann, { id: 'u2', userName: 'ben@example.com' }], [group]);
    asked = [];
  });

  const ask = (
    client: (typeof clients)[number],
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answered> =>
    fixture.ask(method, `/scim${path}`, { key: fixture.keys[client] ?? null, body, headers });
  const patch = (path: string, value: string) => ({
    schemas: [patchUrn],
    Operations: [{ op: 'replace', path, value }],
  });
  const mutations = () => asked.filter(({ method }) => method !== 'GET');

  test('is missing from a user, with the groups outside and the extension that holds nothing else', async () => {
    const { body, headers } = await ask('blind', 'GET', '/Users/u1');
    assert.deepEqual(body['schemas'], [core]);
    assert.deepEqual(body['groups'], [{ value: 'g1', display: 'app-mail' }]);
    assert.ok(!JSON.stringify(body).includes('Spy') && headers['etag'] === undefined);
    const whole = await ask('all', 'GET', '/Users/u1');
    assert.deepEqual([whole.body['title'], whole.headers['etag']], ['Spy', tag]);
    assert.deepEqual(whole.body['groups'], ann['groups']);
  });

  test('groups can be judged under a projection too', async () => {
    const { body } = await ask('blind', 'GET', '/Users/u1?attributes=groups.value');
    assert.deepEqual(body['groups'], [{ value: 'g1' }]);
    assert.match(decodeURIComponent(asked[0]?.query ?? ''), /groups\.display/);
  });

  test('is missing from members: users are not read by who reads groups alone', async () => {
    const { body, headers } = await ask('grouper', 'GET', '/Groups/g1');
    assert.deepEqual(body['members'], [{ value: 'u1', type: 'User' }]);
    assert.equal(headers['etag'], undefined);
    const whole = await ask('all', 'GET', '/Groups/g1');
    assert.deepEqual(whole.body['members'], group['members']);
    const add = { op: 'add', path: 'members', value: [{ value: 'u2', display: 'Ann' }] };
    const changed = await ask('grouper', 'PATCH', '/Groups/g1', {
      schemas: [patchUrn],
      Operations: [add],
    });
    assert.equal(changed.status, 200, changed.text);
    assert.ok(!changed.text.includes('Ann'));
  });

  const probes = [
    ['grouper', 'GET', `/Groups?filter=${encodeURIComponent('members.display eq "Ann"')}`],
    ['grouper', 'GET', `/Groups?filter=${encodeURIComponent('members[display sw "A"]')}`],
    ['grouper', 'GET', '/Groups?sortBy=members.display'],
    ['blind', 'GET', `/Users?filter=${encodeURIComponent('groups.value eq "g2"')}`],
    ['blind', 'GET', `/Users?filter=${encodeURIComponent(`schemas eq "${enterprise}"`)}`],
    ['blind', 'GET', `/Users?filter=${encodeURIComponent('meta.version eq "7"')}`],
    ['blind', 'GET', '/Users?sortBy=meta.version'],
    ['blind', 'GET', '/Users?sortBy=title'],
    ['blind', 'GET', `/Users?filter=${encodeURIComponent('ims[not (type eq "aim")]')}`],
    ['blind', 'GET', `/Users?filter=${encodeURIComponent('ims.type ne "aim"')}`],
    ['blind', 'PATCH', '/Users/u1', patch('ims[type ne "aim"].display', 'x')],
    ['blind', 'PATCH', '/Users/u1', patch(`${enterprise}:manager[displayName eq "M"]`, 'x')],
    ['grouper', 'PATCH', '/Groups/g1', patch('members[display eq "Ann"].type', 'User')],
  ] as const;
  for (const [client, method, path, body] of probes) {
    test(`is not asked by: ${method} ${decodeURIComponent(path)} ${body === undefined ? '' : body.Operations[0]?.path}`, async () => {
      const { status, text } = await ask(client, method, path, body);
      assert.ok(status === 403 || status === 400, text);
      assert.equal(asked.length, 0);
    });
  }

  test('is not found out by a version: If-None-Match finds nothing, If-Match fails unasked', async () => {
    const none = await ask('blind', 'GET', '/Users/u1', undefined, { 'if-none-match': tag });
    assert.deepEqual([none.status, asked[0]?.incoming.headers['if-none-match']], [200, undefined]);
    asked = [];
    const change = patch('displayName', 'Anna');
    const match = await ask('blind', 'PATCH', '/Users/u1', change, { 'if-match': tag });
    assert.deepEqual([match.status, asked.length], [412, 0]);
    assert.match(match.text, /precondition_failed/);
    const any = await ask('blind', 'PATCH', '/Users/u1', change, { 'if-match': '*' });
    assert.deepEqual([any.status, any.headers['etag']], [200, undefined]);
    assert.equal(mutations()[0]?.incoming.headers['if-match'], '*');
    await ask('all', 'PATCH', '/Users/u1', change, { 'if-match': tag });
    assert.equal(mutations()[1]?.incoming.headers['if-match'], tag);
  });

  test('is not found out by whether a change was sent', async () => {
    for (const guess of ['Annie', 'Anna']) {
      const { status } = await ask('blind', 'PATCH', '/Users/u1', patch('nickName', guess));
      assert.equal(status, 200);
    }
    assert.equal(mutations().length, 2);
    await ask('all', 'PATCH', '/Users/u1', patch('nickName', 'Anna'));
    assert.equal(mutations().length, 2, 'who may read it need not send it');
  });

  test('is not guessed by a PUT, and survives one', async () => {
    const put = { schemas: [core], userName: 'ann@example.com', displayName: 'Ann' };
    const answers = [];
    for (const title of ['Spy', 'Clerk']) {
      const { status, body } = await ask('blind', 'PUT', '/Users/u1', { ...put, title });
      answers.push([status, body['detail']]);
    }
    assert.deepEqual(answers[0], answers[1]);
    assert.equal(answers[0]?.[0], 403);
    const changed = await ask('blind', 'PUT', '/Users/u1', { ...put, displayName: 'Anna' });
    assert.equal(changed.status, 200, changed.text);
    const held = target.store.look('Users', 'u1');
    assert.deepEqual([held?.['title'], held?.['nickName']], ['Spy', 'Annie']);
  });

  test('is not repeated in the words of the target', async () => {
    const rename = patch('userName', 'ben@example.com');
    const { status, text, body } = await ask('blind', 'PATCH', '/Users/u1', rename);
    assert.deepEqual([status, body['scimType']], [409, 'uniqueness']);
    assert.ok(!text.includes('Spy'));
    assert.match((await ask('all', 'PATCH', '/Users/u1', rename)).text, /taken by the Spy/);
  });
});
