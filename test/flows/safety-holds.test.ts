/** Approval, protection, an outside decision and undo at work, with real holds and people who decide. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { OverrideId } from '../../src/ids.ts';
import type { Protections, UseNotes } from '../../src/passage/safeguards.ts';
import { bulk } from '../support/bulk-calls.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import { assertScimError, base, group, make, patch, read, user } from '../support/scim-calls.ts';
import {
  approver,
  changesSeen,
  deactivation,
  errorIn,
  holdOf,
  makeUsers,
  rowsOf,
  withRules,
} from '../support/safety-scene.ts';

const approval = 'routes.sandbox.approval';
const client = (name: string, more: string): string =>
  `  ${name}: { owner: iam@example.com, purpose: a test, expires: 2099-12-31, auth: [{ apiKey: {} }], ${more} }\n`;

describe('approval', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({
      clients: ['full', 'later', 'patient'],
      config: withRules({
        route: '    approval: { required: [groups:delete, users:deactivate], by: 1 }\n',
        grants:
          '      - { client: later, use: provision }\n      - { client: patient, use: provision }\n',
        clients: client('later', 'whenHeld: retry') + client('patient', 'whenHeld: accept'),
      }),
    });
  });
  after(() => fixture.stop());
  const by = (name: string) => ({ key: fixture.keys[name] as string });
  const { holds } = { holds: () => fixture.gateway.context.holds };

  it('holds a call, joins the next like it, lets it out once and answers it by that', async () => {
    const id = await make(fixture, 'Groups', group('app-gone'));
    const seen = changesSeen(fixture);
    const path = `${base}/Groups/${id}`;
    const first = await fixture.ask('DELETE', path);
    assert.equal(first.status, 403);
    const hold = holdOf(first, approval);
    assert.equal(holdOf(await fixture.ask('DELETE', path), approval), hold);
    assert.equal(changesSeen(fixture), seen);
    const [approved] = await holds().approve([hold], approver, null);
    assert.equal(approved?.state, 'released');
    assert.equal(approved?.outcome, 'applied');
    assert.equal(changesSeen(fixture) - seen, 1);
    const [entry] = (await rowsOf(fixture, id)).filter(({ decision }) => decision === 'allow');
    assert.equal(entry?.hold, hold);
    assert.equal(entry?.id, approved?.entry);
    assert.equal((await fixture.ask('GET', path)).status, 404);
    const [twice] = await holds().approve([hold], approver, null);
    assert.equal(twice?.ok, false);
    assert.equal(changesSeen(fixture) - seen, 1);
  });

  it('says so as the client wants to hear it', async () => {
    const [one, two] = await makeUsers(fixture, 'when', 2);
    const ask = (id: string, name: string) =>
      fixture.ask('PATCH', `${base}/Users/${id}`, { body: deactivation, ...by(name) });
    const retry = await ask(one as string, 'later');
    assert.equal(retry.status, 503);
    assert.equal(retry.headers['retry-after'], '300');
    const hold = holdOf(retry, approval);
    const accepted = await ask(two as string, 'patient');
    assert.equal(accepted.status, 202);
    holdOf(accepted, approval);
    await holds().approve([hold], approver, null);
    // By then its outcome is on disk.
    assert.equal((await rowsOf(fixture, one as string))[0]?.outcome, 'applied');
    const told = await ask(one as string, 'later');
    assert.equal(told.status, 200, told.text);
    assert.equal(told.headers['idempotency-replayed'], 'true');
    // Undone since: it is another change, and waits anew.
    const activation = patch({ op: 'replace', path: 'active', value: true });
    const undone = await fixture.ask('PATCH', `${base}/Users/${one}`, { body: activation });
    assert.equal(undone.status, 200, undone.text);
    assert.notEqual(holdOf(await ask(one as string, 'later'), approval), hold);
  });

  it('asks people anew where the resource changed meanwhile', async () => {
    const [id] = await makeUsers(fixture, 'moved', 1);
    const path = `${base}/Users/${id}`;
    const held = await fixture.ask('PATCH', path, { body: deactivation });
    const hold = holdOf(held, approval);
    const title = patch({ op: 'replace', path: 'title', value: 'Chief' });
    assert.equal((await fixture.ask('PATCH', path, { body: title })).status, 200);
    const seen = changesSeen(fixture);
    const [back] = await holds().approve([hold], approver, null);
    assert.equal(back?.state, 'pending', JSON.stringify(back));
    assert.equal(changesSeen(fixture), seen);
    assert.equal((await read(fixture, 'Users', id as string))['active'], true);
    const [again] = await holds().approve([hold], approver, null);
    assert.equal(again?.state, 'released', JSON.stringify(again));
    assert.equal((await read(fixture, 'Users', id as string))['active'], false);
  });

  it('lets a PUT out as it was stated', async () => {
    const [id] = await makeUsers(fixture, 'whole', 1);
    const path = `${base}/Users/${id}`;
    const put = user('whole0@example.com', { active: false, title: 'Gone' });
    const hold = holdOf(await fixture.ask('PUT', path, { body: put }), approval);
    const [released] = await holds().approve([hold], approver, null);
    assert.equal(released?.state, 'released', JSON.stringify(released));
    const now = await read(fixture, 'Users', id as string);
    assert.deepEqual([now['active'], now['title']], [false, 'Gone']);
  });
});

describe('two rules', () => {
  it('are each asked: what was approved for one waits for the other as well', async () => {
    const fixture = await startFixture({
      clients: ['full'],
      config: withRules({
        target:
          '    guards: [{ name: leave, actions: [users:deactivate, users:delete], count: 1, in: 1h }]\n',
        route: '    approval: { required: [users:delete] }\n',
      }),
    });
    try {
      const [one, two] = await makeUsers(fixture, 'two', 2);
      const { holds } = fixture.gateway.context;
      const path = (id: string | undefined) => `${base}/Users/${id}`;
      const hold = holdOf(await fixture.ask('DELETE', path(one)), approval);
      const place = await fixture.ask('PATCH', path(two), { body: deactivation });
      assert.equal(place.status, 200, place.text);
      const seen = changesSeen(fixture);
      const [back] = await holds.approve([hold], approver, null);
      assert.equal(back?.state, 'pending', JSON.stringify(back));
      const [row] = await rowsOf(fixture, one as string);
      assert.deepEqual([row?.decision, row?.rule, row?.hold], ['hold', 'guards.leave', hold]);
      assert.equal(changesSeen(fixture), seen);
      const [out] = await holds.approve([hold], approver, null);
      assert.equal(out?.state, 'released', JSON.stringify(out));
      assert.equal(changesSeen(fixture) - seen, 1);
    } finally {
      await fixture.stop();
    }
  });
});

describe('protection', () => {
  const marks = new Map<string, readonly string[]>();
  const found: string[] = [];
  const joined: string[] = [];
  let resolved = true;
  let override: ReturnType<Protections['override']> = null;
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({
      clients: ['full'],
      deps: {
        safeguards: {
          protections: {
            marksOf: (_tenant, word, id) => marks.get(`${word}/${id}`) ?? [],
            resolved: () => resolved,
            found: (_tenant, rule, word, id) => void found.push(`${rule} ${word}/${id}`),
            joined: (_tenant, rule, ids) => void joined.push(...ids.map((id) => `${rule} ${id}`)),
            override: () => override,
          },
        },
      },
      config: withRules({
        target: `    protected:
      - { name: breakglass, users: { userName: ["breakglass*"], memberOf: [Administrators] }, never: [deactivate, delete, rename, remove-member] }
`,
        route: '    bulk: { operations: 20 }\n',
      }),
    });
  });
  after(() => fixture.stop());
  const rule = { rule: 'protected.breakglass' };

  it('never lets a protected subject be hit, whatever it is called now', async () => {
    const id = await make(fixture, 'Users', user('breakglass1@example.com'));
    assert.ok(found.includes(`breakglass users/${id}`));
    const path = `${base}/Users/${id}`;
    const seen = changesSeen(fixture);
    assertScimError(await fixture.ask('DELETE', path), 403, 'subject_protected', rule);
    const [plain] = await makeUsers(fixture, 'plain', 1);
    marks.set(`users/${plain}`, ['breakglass']);
    const marked = await fixture.ask('PATCH', `${base}/Users/${plain}`, { body: deactivation });
    assertScimError(marked, 403, 'subject_protected', rule);
    const title = patch({ op: 'replace', path: 'title', value: 'Still here' });
    assert.equal((await fixture.ask('PATCH', path, { body: title })).status, 200);
    assert.equal(changesSeen(fixture) - seen, 2);
    const [row] = await rowsOf(fixture, plain as string);
    assert.equal(row?.code, 'subject_protected');
  });

  it('decides a Bulk whole: one protected subject, and nothing is sent', async () => {
    const [plain, kept] = await makeUsers(fixture, 'bulk', 2);
    marks.set(`users/${kept}`, ['breakglass']);
    const seen = changesSeen(fixture);
    const operations = [plain, kept].map((id) => ({ method: 'DELETE', path: `/Users/${id}` }));
    const answer = await fixture.ask('POST', `${base}/Bulk`, { body: bulk(operations) });
    assert.equal(errorIn(answer)['code'], 'subject_protected', answer.text);
    assert.equal(changesSeen(fixture), seen);
  });

  it('keeps members in the group that protects them, and marks who comes in', async () => {
    const [one, two] = await makeUsers(fixture, 'admin', 2);
    const id = await make(fixture, 'Groups', group('Administrators', [one as string]));
    assert.ok(joined.includes(`breakglass ${one}`));
    const path = `${base}/Groups/${id}`;
    const add = patch({ op: 'add', path: 'members', value: [{ value: two }] });
    const added = await fixture.ask('PATCH', path, { body: add });
    assert.ok(added.status < 300, added.text);
    assert.ok(joined.includes(`breakglass ${two}`));
    const remove = patch({ op: 'remove', path: `members[value eq "${two}"]` });
    assertScimError(
      await fixture.ask('PATCH', path, { body: remove }),
      403,
      'subject_protected',
      rule,
    );
    assertScimError(await fixture.ask('DELETE', path), 403, 'subject_protected', rule);
  });

  it('answers 503 until somebody looked, and lets an override through', async () => {
    const [id, other] = await makeUsers(fixture, 'unknown', 2);
    const path = `${base}/Users/${id}`;
    resolved = false;
    const early = await fixture.ask('DELETE', path);
    assertScimError(early, 503, 'protection_unresolved', rule);
    const title = patch({ op: 'replace', path: 'title', value: 'Any' });
    assert.equal((await fixture.ask('PATCH', path, { body: title })).status, 200);
    resolved = true;
    marks.set(`users/${id}`, ['breakglass']);
    override = { id: 'ovr_1' as OverrideId, by: 'a', approvedBy: 'b' };
    assert.equal((await fixture.ask('DELETE', path)).status, 204);
    override = null;
    marks.set(`users/${other}`, ['breakglass']);
    const refused = await fixture.ask('DELETE', `${base}/Users/${other}`);
    assert.equal(errorIn(refused)['code'], 'subject_protected');
  });
});

describe('privilege', () => {
  const used: Parameters<UseNotes['used']>[0][] = [];
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({
      clients: ['full', 'granter'],
      deps: { safeguards: { uses: { used: (use) => void used.push(use) } } },
      config: withRules({
        target: '    privileged: { groups: ["root-*"], attributes: [title] }\n',
        grants: `      - client: granter
        users: { actions: [read, create, update, entitle] }
        groups: { actions: [read, create, add-member, remove-member] }
`,
        clients: client('granter', 'whenHeld: refuse'),
      }),
    });
  });
  after(() => fixture.stop());
  const granter = () => ({ key: fixture.keys['granter'] as string });

  it('makes an entitlement of a harmless-looking change', async () => {
    const [id] = await makeUsers(fixture, 'privileged', 1);
    const seen = changesSeen(fixture);
    const titled = user('titled@example.com', { title: 'Admin' });
    const made = await fixture.ask('POST', `${base}/Users`, { body: titled });
    assert.equal(errorIn(made)['code'], 'action_denied');
    assert.match(String(made.body['detail']), /users:entitle/);
    const title = patch({ op: 'replace', path: 'title', value: 'Admin' });
    const path = `${base}/Users/${id}`;
    const changed = await fixture.ask('PATCH', path, { body: title });
    assert.equal(errorIn(changed)['code'], 'action_denied');
    const named = await fixture.ask('POST', `${base}/Groups`, { body: group('root-all') });
    assert.equal(errorIn(named)['code'], 'action_denied');
    assert.equal(changesSeen(fixture), seen);
    const allowed = await fixture.ask('PATCH', path, { body: title, ...granter() });
    assert.equal(allowed.status, 200, allowed.text);
    const root = await fixture.ask('POST', `${base}/Groups`, {
      body: group('root-all', [id as string]),
      ...granter(),
    });
    assert.equal(root.status, 201, root.text);
    const remove = patch({ op: 'remove', path: `members[value eq "${id}"]` });
    const taken = await fixture.ask('PATCH', `${base}/Groups/${String(root.body['id'])}`, {
      body: remove,
    });
    assert.equal(errorIn(taken)['code'], 'action_denied');
    const plain = await make(fixture, 'Groups', group('app-plain', [id as string]));
    const fine = await fixture.ask('PATCH', `${base}/Groups/${plain}`, { body: remove });
    assert.ok(fine.status < 300, fine.text);
  });

  it('is told with the rule and the attributes that were used', () => {
    const denied = used.find(({ verdict }) => verdict === 'denied');
    assert.equal(denied?.client, 'full');
    assert.ok(denied?.actions.includes('users:entitle'));
    const entitled = used.find(
      ({ client: by, actions }) => by === 'granter' && actions.includes('users:entitle'),
    );
    assert.equal(entitled?.verdict, 'allowed');
    assert.ok(entitled?.rule.includes('granter') || entitled?.rule.startsWith('routes.sandbox'));
    assert.deepEqual(entitled?.attributes, ['title']);
  });
});

describe('an outside decision', () => {
  let answer: Readonly<{ status: number; body: string }> = { status: 200, body: '' };
  const asked: Record<string, unknown>[] = [];
  let server: Server;
  let fixture: Fixture;
  before(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        asked.push({
          url: request.url,
          type: request.headers['content-type'],
          id: request.headers['x-request-id'],
          ...(JSON.parse(Buffer.concat(chunks).toString('utf8')) as object),
        });
        response.writeHead(answer.status, { 'content-type': 'application/json' });
        response.end(answer.body);
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    fixture = await startFixture({
      clients: ['full'],
      config: withRules({
        targets: `  pdp:
    baseUrl: http://127.0.0.1:${port}
    auth: [{ bearer: "\${env:SANDBOX_TOKEN}" }]
    allowPrivate: [127.0.0.0/8]
    retry: { attempts: 1 }
`,
        route: '    authzen: { target: pdp, actions: [users:deactivate, users:rename] }\n',
      }),
    });
  });
  after(async () => {
    await fixture.stop();
    server.close();
  });
  const rule = { rule: 'routes.sandbox.authzen' };

  it('passes with a plain yes alone, and tells no value', async () => {
    const [id] = await makeUsers(fixture, 'asked', 1);
    const path = `${base}/Users/${id}`;
    assert.equal(asked.length, 0);
    const seen = changesSeen(fixture);
    const noes: readonly (typeof answer)[] = [
      { status: 200, body: '{"decision":false}' },
      { status: 200, body: '{"decision":"true"}' },
      { status: 200, body: '[true]' },
      { status: 200, body: 'true {' },
      { status: 201, body: '{"decision":true}' },
      { status: 404, body: '{"decision":true}' },
      { status: 200, body: `{"decision":true,"context":"${'x'.repeat(20_000)}"}` },
    ];
    for (const no of noes) {
      answer = no;
      const denied = await fixture.ask('PATCH', path, { body: deactivation });
      assertScimError(denied, 403, 'condition_denied', rule);
    }
    answer = { status: 500, body: '{"decision":true}' };
    const broken = await fixture.ask('PATCH', path, { body: deactivation });
    assert.equal(broken.status, 503, broken.text);
    assert.equal(changesSeen(fixture), seen);
    answer = { status: 200, body: '{"decision":true}' };
    asked.length = 0;
    const both = patch(
      { op: 'replace', path: 'active', value: false },
      { op: 'replace', path: 'userName', value: 'secretname@example.com' },
    );
    const passed = await fixture.ask('PATCH', path, { body: both });
    assert.equal(passed.status, 200, passed.text);
    assert.deepEqual(
      asked.map(({ url, action }) => [url, action]),
      [
        ['/access/v1/evaluation', { name: 'users:rename' }],
        ['/access/v1/evaluation', { name: 'users:deactivate' }],
      ],
    );
    const [first] = asked;
    assert.deepEqual(first?.['subject'], { type: 'client', id: 'full' });
    assert.deepEqual(first?.['resource'], { type: 'User', id });
    assert.equal(first?.['type'], 'application/json');
    assert.equal(first?.['id'], passed.headers['x-request-id']);
    assert.ok(!JSON.stringify(asked).includes('secretname'));
  });
});
