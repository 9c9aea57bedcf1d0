/** Rows T4, T6, T8, T11 to T14, T16, T31, T35 end to end: what a change means and becomes there. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { LedgerId } from '../../src/ids.ts';
import {
  assertScimError,
  base,
  errorExtension,
  group,
  patch,
  user,
} from '../support/scim-calls.ts';
import { startOddTarget, type OddTarget } from '../support/odd-target.ts';

const setActive = (value: boolean): object => patch({ op: 'replace', path: 'active', value });
const actionsOf = (odd: OddTarget): readonly string[] => odd.fixture.observed.at(-1)?.actions ?? [];

/** The client `narrow` may deactivate users and do nothing else that takes access. */
const leaversOnly = (config: string): string =>
  config.replace(
    '    users:\n      actions: [read, create, update]\n      write: { only: [name, displayName, title] }\n      read: { except: [phoneNumbers] }\n      when: after.userName.endsWith("@example.com")\n',
    '    users: { actions: [read, deactivate] }\n',
  );

describe('what taking access away means', () => {
  it('T8 DELETE of a user that deactivates is judged and recorded as such', async (t) => {
    const odd = await startOddTarget('{ deleteUser: deactivate }', (config) =>
      leaversOnly(config).replace(
        'before: capture',
        'before: capture\n    verify: [users:deactivate]',
      ),
    );
    t.after(() => odd.stop());
    odd.store.reset([{ id: 'u1', userName: 'ann@example.com', active: true }], []);
    odd.bend((call) => {
      if (call.method !== 'DELETE') return null;
      odd.store.handle('PATCH', call.path, '', JSON.stringify(setActive(false)));
      return { status: 204, body: null };
    });
    const key = odd.fixture.keys['narrow'] ?? '';
    const answer = await odd.fixture.ask('DELETE', `${base}/Users/u1`, { key });
    assert.equal(answer.status, 204, answer.text);
    assert.deepEqual([actionsOf(odd), odd.sent()], [['users:deactivate'], ['DELETE /Users/u1']]);
    const purposes = odd.fixture.observed.at(-1)?.attempts.map(({ call }) => call.purpose);
    assert.deepEqual(purposes, ['before', 'call', 'verify'], 'verify: speaks of the effect too');
    const id = String(answer.headers['sallyport-ledger-id']) as LedgerId;
    const entry = await odd.fixture.gateway.context.ledger.show(id);
    assert.deepEqual(entry?.body?.expected, {
      kind: 'changed',
      id: 'u1',
      checks: [{ kind: 'equals', path: { attribute: 'active' }, value: false }],
    });
  });

  it('T11 active: false that destroys needs users:delete, in a PATCH and in a PUT', async (t) => {
    const odd = await startOddTarget('{ deactivateUser: delete }', (config) =>
      leaversOnly(config).replace('before: capture', 'before: needed'),
    );
    t.after(() => odd.stop());
    odd.store.reset([{ id: 'u1', userName: 'ann@example.com', active: true }], []);
    const key = odd.fixture.keys['narrow'] ?? '';
    const patched = await odd.fixture.ask('PATCH', `${base}/Users/u1`, {
      key,
      body: setActive(false),
    });
    assert.match(assertScimError(patched, 403, 'action_denied', denied(patched)), /users:delete/);
    const put = await odd.fixture.ask('PUT', `${base}/Users/u1`, {
      key,
      body: user('ann@example.com', { active: false }),
    });
    assert.match(assertScimError(put, 403, 'action_denied', denied(put)), /users:delete/);
    assert.deepEqual(odd.sent(), []);
    const allowed = await odd.fixture.ask('PATCH', `${base}/Users/u1`, { body: setActive(false) });
    assert.equal(allowed.status, 200, allowed.text);
    assert.deepEqual(actionsOf(odd), ['users:delete']);
  });
});

const denied = ({ body }: { body: Record<string, unknown> }) => ({
  rule: (body[errorExtension] as { rule: string }).rule,
});

describe('a target without PUT that hides deactivated users', () => {
  let odd: OddTarget;
  before(async () => {
    odd = await startOddTarget(
      '{ put: none, inactiveUsers: absent, immutable: { users: [userName] }, unsupported: { users: [ims] } }',
    );
  });
  beforeEach(() => {
    odd.bend((call) => {
      if (call.method === 'PUT') return { status: 405, body: null };
      const id = call.path.split('/')[2] ?? '';
      const held = call.path.startsWith('/Users/') ? odd.store.look('Users', id) : null;
      return call.method === 'GET' && held?.['active'] === false ? absent : null;
    });
    odd.store.reset(
      [
        { id: 'u1', userName: 'ann@example.com', active: true, title: 'a' },
        { id: 'u2', userName: 'bob@example.com', active: false, title: 'b' },
      ],
      [],
    );
    odd.forget();
  });
  after(() => odd.stop());
  const absent = {
    status: 404,
    body: {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
      status: '404',
      detail: 'gone',
    },
  };

  it('T14 T16 T31 a PUT goes out as a PATCH of the differences', async () => {
    const answer = await odd.fixture.ask('PUT', `${base}/Users/u1`, {
      body: user('ann@example.com', { title: 'new' }),
    });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body['title'], 'new');
    assert.deepEqual(odd.sent(), ['PATCH /Users/u1']);
    assert.deepEqual(odd.bodies()[0]?.['Operations'], [
      { op: 'replace', path: 'title', value: 'new' },
    ]);
  });

  it('T13 a 404 stops neither the PATCH nor the PUT that activates', async () => {
    const patched = await odd.fixture.ask('PATCH', `${base}/Users/u2`, { body: setActive(true) });
    assert.equal(patched.status, 200, patched.text);
    odd.store.reset([{ id: 'u2', userName: 'bob@example.com', active: false, title: 'b' }], []);
    odd.forget();
    const put = await odd.fixture.ask('PUT', `${base}/Users/u2`, {
      body: { ...user(''), userName: undefined, title: 'c' },
    });
    assert.equal(put.status, 200, put.text);
    assert.deepEqual(odd.sent(), ['PATCH /Users/u2']);
    assert.equal(odd.store.look('Users', 'u2')?.['title'], 'c');
  });

  it('T13 the 404 of any other change says what it may mean', async () => {
    const answer = await odd.fixture.ask('PATCH', `${base}/Users/u2`, {
      body: patch({ op: 'replace', path: 'title', value: 'c' }),
    });
    assert.match(assertScimError(answer, 404, 'target_refused'), /deactivated users too/);
    assert.deepEqual(odd.sent(), []);
  });

  it('T12 a name that never changes is refused before anything is sent', async () => {
    const answer = await odd.fixture.ask('PATCH', `${base}/Users/u1`, {
      body: patch({ op: 'replace', path: 'userName', value: 'eve@example.com' }),
    });
    assertScimError(answer, 400, 'value_invalid', { scimType: 'mutability' });
    assert.deepEqual(odd.sent(), []);
  });

  it('T3 what is left out is told with the request', async () => {
    const answer = await odd.fixture.ask('POST', `${base}/Users`, {
      body: user('new@example.com', { ims: [{ value: 'x' }] }),
    });
    assert.equal(answer.status, 201, answer.text);
    assert.equal(odd.bodies()[0]?.['ims'], undefined);
    assert.deepEqual(odd.fixture.observed.at(-1)?.repairs, ['T3']);
  });
});

describe('a target that refuses what is there and hides members', () => {
  let odd: OddTarget;
  before(async () => {
    odd = await startOddTarget(
      '{ conflict: adopt, showsMembers: false, replaceMembers: difference }',
    );
  });
  beforeEach(() => {
    odd.store.reset(
      [{ id: 'u1', userName: 'ann@example.com', active: true, title: 'old', nickName: 'n' }],
      [{ id: 'g1', displayName: 'app-a', members: [{ value: 'u1' }] }],
    );
    odd.bend((call) => {
      if (call.method !== 'GET' || !call.path.startsWith('/Groups/')) return null;
      const { members: _members, ...rest } = odd.store.look('Groups', 'g1') ?? {};
      return { status: 200, body: { ...rest, members: [] } };
    });
    odd.forget();
  });
  after(() => odd.stop());

  const create = (key?: string, more: object = { title: 'new' }) =>
    odd.fixture.ask('POST', `${base}/Users`, {
      ...(key === undefined ? {} : { key }),
      body: user('ann@example.com', more),
    });

  it('T6 a create of what is there becomes a PATCH of the differences, with its own entry', async () => {
    const answer = await create();
    assert.equal(answer.status, 201, answer.text);
    assert.deepEqual([answer.body['id'], answer.body['title']], ['u1', 'new']);
    assert.match(String(answer.headers['location']), /\/scim\/sandbox\/Users\/u1$/);
    assert.deepEqual(odd.sent(), ['POST /Users', 'PATCH /Users/u1']);
    assert.equal(odd.store.look('Users', 'u1')?.['nickName'], 'n', 'what was omitted stays');
    assert.deepEqual(actionsOf(odd), ['users:update']);
    const { ledger } = odd.fixture.gateway.context;
    const rows = await ledger.list({ client: 'full', limit: 2 });
    assert.deepEqual(rows.map(({ operation }) => operation).toSorted(), ['create', 'patch']);
  });

  it('T6 where nothing differs the one that is there is the answer', async () => {
    const answer = await create(undefined, { title: 'old' });
    assert.equal(answer.status, 201, answer.text);
    assert.deepEqual([answer.body['id'], odd.sent()], ['u1', ['POST /Users']]);
    const { mutation } = odd.fixture.observed.at(-1) ?? {};
    assert.deepEqual([mutation?.outcome, mutation?.settledBy], ['not-sent', 'no-change']);
  });

  it('T6 the 409 stands where the client may not make that change', async () => {
    const answer = await create(odd.fixture.keys['narrow'], { emails: [{ value: 'x@y.org' }] });
    assert.equal(answer.status, 403, answer.text);
    const named = await create(odd.fixture.keys['narrow'], { title: 'x', active: undefined });
    assert.equal(named.status, 201, named.text);
    odd.store.reset([{ id: 'u1', userName: 'ann@example.com', active: false }], []);
    const activated = await create(odd.fixture.keys['narrow']);
    assert.equal(activated.status, 409, activated.text);
    assert.equal(odd.store.look('Users', 'u1')?.['active'], false);
  });

  it('T4 a PUT with members is refused, one without goes out as a PATCH', async () => {
    const refused = await odd.fixture.ask('PUT', `${base}/Groups/g1`, {
      body: group('app-a', ['u1']),
    });
    assert.match(assertScimError(refused, 501, 'not_supported'), /Send a PATCH/);
    const renamed = await odd.fixture.ask('PUT', `${base}/Groups/g1`, { body: group('app-b') });
    assert.ok(renamed.status < 300, renamed.text);
    assert.deepEqual(odd.sent(), ['PATCH /Groups/g1']);
    assert.deepEqual(odd.members('g1'), ['u1']);
  });

  it('T4 what cannot be seen is neither elided nor expected', async () => {
    const answer = await odd.fixture.ask('PATCH', `${base}/Groups/g1`, {
      body: patch(
        { op: 'remove', path: 'members[value eq "u1"]' },
        { op: 'replace', path: 'displayName', value: 'app-a' },
      ),
    });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(odd.members('g1'), [], 'the removal went out though no member was shown');
    const id = String(answer.headers['sallyport-ledger-id']) as LedgerId;
    const entry = await odd.fixture.gateway.context.ledger.show(id);
    assert.equal(entry?.body?.expected, null);
    assert.equal((entry.body.before as { members?: unknown }).members, undefined);
  });
});

describe('a condition on members nobody can see', () => {
  it('T4 is not judged on a guess: nothing is changed', async (t) => {
    const odd = await startOddTarget('{ showsMembers: false }', (config) =>
      config.replace(
        'groups: { actions: [read, add-member], only: ["app-*"] }',
        'groups: { actions: [read, add-member], when: size(before.members) < 5 }',
      ),
    );
    t.after(() => odd.stop());
    odd.store.reset([], [{ id: 'g1', displayName: 'app-a' }]);
    const answer = await odd.fixture.ask('PATCH', `${base}/Groups/g1`, {
      key: odd.fixture.keys['narrow'] ?? '',
      body: patch({ op: 'add', path: 'members', value: [{ value: 'u1' }] }),
    });
    const rule = 'permissions.join.groups.when';
    assert.match(assertScimError(answer, 503, 'internal', { rule }), /could not be judged/);
    assert.deepEqual(odd.sent(), []);
  });
});

describe('a target that skips members who are not there', () => {
  it('T35 is found out where the route verifies', async (t) => {
    const odd = await startOddTarget('{}', (config) =>
      config.replace('before: capture', 'before: capture\n    verify: [groups:add-member]'),
    );
    t.after(() => odd.stop());
    odd.store.reset([], [{ id: 'g1', displayName: 'app-a' }]);
    odd.bend((call) =>
      call.method === 'PATCH' ? { status: 200, body: odd.store.look('Groups', 'g1') } : null,
    );
    const answer = await odd.fixture.ask('PATCH', `${base}/Groups/g1`, {
      body: patch({ op: 'add', path: 'members', value: [{ value: 'not-yet' }] }),
    });
    assert.equal(answer.status, 502, answer.text);
    assert.match(String(answer.body['detail']), /does not hold it when it is read back/);
  });
});

describe('many changes of one group at a target that loses what comes at once', () => {
  it('T25 T33 they go out one after the other', async (t) => {
    const odd = await startOddTarget('{}');
    t.after(() => odd.stop());
    odd.store.reset([], [{ id: 'g1', displayName: 'app-a' }]);
    let open = 0;
    odd.bend(async (call) => {
      if (call.method !== 'PATCH') return null;
      open += 1;
      const alone = open === 1;
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
      return alone ? null : { status: 429, body: null };
    });
    const values = Array.from({ length: 20 }, (_, at) => `m${at}`);
    const answers = await Promise.all(
      values.map((value) =>
        odd.fixture.ask('PATCH', `${base}/Groups/g1`, {
          body: patch({ op: 'add', path: 'members', value: [{ value }] }),
        }),
      ),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.deepEqual(odd.members('g1'), values.toSorted());
  });
});
