/** Client rows of Entra ID and Microsoft's validator that are about serving, through a whole gateway. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  asSent,
  groupless,
  normalised,
  quick,
  startRowsFixture,
  stingy,
  stubbed,
  type RowsFixture,
} from '../support/client-rows.ts';
import { assertScimError, group, patch, user, userSchema } from '../support/scim-calls.ts';
import type { Answered, Ask } from '../support/fixture.ts';

type Held = Record<string, unknown>;

describe('rows of Entra ID', () => {
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
  const held = (id: string): Held => {
    const all = [...fixture.sandbox.stored('User'), ...fixture.sandbox.stored('Group')];
    return all.find((each) => each['id'] === id) ?? assert.fail(`no ${id}`);
  };
  const sent = (): number => fixture.sandbox.seen().length;
  const role = (value: string, id: string): object => ({
    value: JSON.stringify({ id, value, displayName: `${value} role` }),
  });

  it('C9 roles as JSON text are added as roles, need entitle, and remove none', async () => {
    const roles = [{ value: 'User', display: 'User', primary: true }];
    const id = await make(`${asSent}/Users`, user('roles@example.com', { roles }));
    const path = `${asSent}/Users/${id}`;
    const body = patch({ op: 'Add', path: 'roles', value: [role('Admin', '06b07648')] });
    const denied = await fixture.ask('PATCH', path, { key: fixture.keys['narrow'] ?? null, body });
    assert.equal(denied.status, 403, denied.text);
    assert.match(denied.text, /users:entitle/);
    await must('PATCH', path, { body });
    const again = patch({ op: 'Replace', path: 'roles', value: [role('Auditor', '8ae06bd4')] });
    await must('PATCH', path, { body: again });
    assert.deepEqual(
      (held(id)['roles'] as readonly Held[]).map((each) => [each['value'], each['display']]),
      [
        ['User', 'User'],
        ['Admin', 'Admin role'],
        ['Auditor', 'Auditor role'],
      ],
    );
    const count = sent();
    await must('PATCH', path, { body });
    assert.equal(sent(), count, 'what is there already is not sent again');
  });

  it('C11 look-ups by eq, and groups without their members', async () => {
    const id = await make(
      `${normalised}/Users`,
      user('lookup@example.com', {
        externalId: 'ext-11',
        emails: [{ type: 'work', value: 'Lookup@Example.com' }],
      }),
    );
    const gid = await make(`${normalised}/Groups`, group('lookup-group', [id]));
    const find = async (endpoint: string, filter: string, more = ''): Promise<readonly Held[]> => {
      const path = `${normalised}/${endpoint}?filter=${encodeURIComponent(filter)}${more}`;
      const answer = await must('GET', path, { key: fixture.keys['narrow'] ?? null });
      return answer.body['Resources'] as readonly Held[];
    };
    for (const filter of ['userName eq "LOOKUP@example.com"', 'externalId eq "ext-11"']) {
      assert.deepEqual(
        (await find('Users', filter)).map((each) => each['id']),
        [id],
        filter,
      );
    }
    const groups = await find(
      'Groups',
      'displayName eq "lookup-group"',
      '&excludedAttributes=members',
    );
    assert.deepEqual(
      groups.map((each) => each['id']),
      [gid],
    );
    assert.equal(groups[0]?.['members'], undefined);
  });

  it('C12 a connection test of a type the target lacks finds an empty list, nothing more', async () => {
    fixture.stubAnswers(() => ({ status: 404, body: null, raw: '<html>', type: 'text/html' }));
    const filter = encodeURIComponent('displayName eq "b1c9b5ae"');
    const test = `/Groups?excludedAttributes=members&filter=${filter}`;
    const off = await fixture.ask('GET', `${stubbed}${test}`);
    assertScimError(off, 502, 'target_unreachable');
    const before = fixture.stub.calls.length;
    const on = await must('GET', `${groupless}${test}`);
    assert.equal(on.body['totalResults'], 0);
    assert.deepEqual(on.body['Resources'], []);
    const unknown = await fixture.ask('GET', `${groupless}${test}`, { key: null });
    assert.equal(unknown.status, 401);
    const asked = [
      ['POST', '/Groups', { body: group('new') }],
      ['PATCH', '/Groups/1', { body: patch({ op: 'replace', path: 'displayName', value: 'x' }) }],
      ['GET', '/Groups/1', {}],
    ] as const;
    for (const [method, path, ask] of asked) {
      assert.equal((await fixture.ask(method, `${groupless}${path}`, ask)).status, 501, path);
    }
    assert.equal(fixture.stub.calls.length, before, 'nothing was sent');
    assertScimError(
      await fixture.ask('GET', `${groupless}/Users?count=1`),
      502,
      'target_unreachable',
    );
  });

  it('C14 what was sent comes back as sent; where it is normalised, its repetition changes nothing', async () => {
    const more = { emails: [{ type: 'work', value: 'BJensen@Example.COM' }], title: ' Dr.  ' };
    const plain = await must('POST', `${asSent}/Users`, {
      body: user('BJensen@Example.com', more),
    });
    assert.equal(plain.body['userName'], 'BJensen@Example.com');
    assert.deepEqual(plain.body['emails'], more.emails);
    assert.equal(plain.body['title'], more.title);
    const id = await make(`${normalised}/Users`, user('Diff@Example.com', more));
    const count = sent();
    const repeated = patch(
      { op: 'Replace', path: 'userName', value: 'Diff@Example.com' },
      { op: 'Replace', path: 'title', value: ' Dr.  ' },
      { op: 'Replace', path: 'emails[type eq "work"].value', value: 'BJensen@Example.COM' },
    );
    for (let cycle = 0; cycle < 3; cycle += 1) {
      await must('PATCH', `${normalised}/Users/${id}`, { body: repeated });
    }
    assert.equal(sent(), count, 'a diff that is none reaches no target');
  });

  it('C15 a burst beyond the rate of a target is absorbed, not refused', async () => {
    fixture.stubAnswers(() => ({ status: 204, body: null }));
    const before = fixture.stub.calls.length;
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        fixture.ask('PATCH', `${quick}/Users/${index}`, {
          body: patch({ op: 'replace', path: 'title', value: `t${index}` }),
        }),
      ),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [204]);
    assert.equal(fixture.stub.calls.length - before, 60);
  });

  it('C15 a wait longer than the target allows is a 429 that says how long', async () => {
    fixture.stubAnswers(() => ({ status: 204, body: null }));
    const ask = () =>
      fixture.ask('PATCH', `${stingy}/Users/1`, {
        body: patch({ op: 'replace', path: 'title', value: 't' }),
      });
    assert.equal((await ask()).status, 204);
    const over = await ask();
    assert.equal(over.status, 429, over.text);
    const seconds = Number(over.headers['retry-after']);
    assert.ok(seconds >= 5 && seconds <= 10, String(seconds));
    const disable = await fixture.ask('PATCH', `${stingy}/Users/1`, {
      body: patch({ op: 'replace', path: 'active', value: false }),
    });
    assert.equal(disable.status, 204, 'taking access away has a reserve');
  });

  it('C16 parallel PATCHes of one group lose no member', async () => {
    const id = await make(`${asSent}/Groups`, group('parallel'));
    const members = Array.from({ length: 25 }, (_, index) => `m-${index}`);
    await Promise.all(
      members.map((value) =>
        must('PATCH', `${asSent}/Groups/${id}`, {
          body: patch({ op: 'Add', path: 'members', value: [{ $ref: null, value }] }),
        }),
      ),
    );
    const found = (held(id)['members'] as readonly Held[]).map((each) => String(each['value']));
    assert.deepEqual(found.sort(), [...members].sort());
  });

  it('C17 no operations succeed and change nothing', async () => {
    const id = await make(`${asSent}/Users`, user('noop@example.com'));
    const count = sent();
    const known = await must('PATCH', `${asSent}/Users/${id}`, { body: patch() });
    assert.equal(known.status, 200);
    assert.equal(known.body['userName'], 'noop@example.com');
    const unknown = await must('PATCH', `${stubbed}/Users/1`, { body: patch() });
    assert.equal(unknown.status, 204);
    assert.equal(sent(), count);
    const missing = await fixture.ask('PATCH', `${asSent}/Users/nobody`, { body: patch() });
    assert.equal(missing.status, 404, missing.text);
  });

  it('C19 both dialects from one client in alternating requests', async () => {
    const id = await make(`${asSent}/Users`, user('both@example.com'));
    const gid = await make(`${asSent}/Groups`, group('both', ['a', 'b', 'c', 'd']));
    const flagged = (active: boolean, givenName: string): object =>
      patch({ op: 'replace', value: { active, 'name.givenName': givenName } });
    const plain = (active: string, givenName: string): object =>
      patch(
        { op: 'Replace', path: 'active', value: active },
        { op: 'Add', path: 'name.givenName', value: givenName },
      );
    const rounds = [
      [plain('False', 'A'), false, 'A'],
      [flagged(true, 'B'), true, 'B'],
      [plain('False', 'C'), false, 'C'],
      [flagged(true, 'D'), true, 'D'],
    ] as const;
    for (const [body, active, givenName] of rounds) {
      await must('PATCH', `${asSent}/Users/${id}`, { body });
      assert.equal(held(id)['active'], active);
      assert.deepEqual(held(id)['name'], { givenName });
    }
    const removals = [
      { op: 'Remove', path: 'members', value: [{ value: 'a' }] },
      { op: 'remove', path: 'members[value eq "b"]' },
      { op: 'Remove', path: 'members', value: [{ value: 'c' }] },
    ];
    for (const each of removals) {
      await must('PATCH', `${asSent}/Groups/${gid}`, { body: patch(each) });
    }
    assert.deepEqual(
      (held(gid)['members'] as readonly Held[]).map((each) => each['value']),
      ['d'],
    );
  });

  it('C20 the request of the validator, whole', async () => {
    const emails = [
      { type: 'work', value: 'old@example.com', primary: true },
      { type: 'home', value: 'home@example.com' },
    ];
    const id = await make(`${asSent}/Users`, user('validator@example.com', { emails }));
    const at = (type: string, sub: string): string => `emails[type eq "${type}"].${sub}`;
    const body = patch(
      { op: 'replace', path: at('work', 'value'), value: 'oren.collins@white.com' },
      { op: 'add', path: at('home', 'value'), value: 'angelita@mante.us' },
      { op: 'add', path: at('other', 'value'), value: 'yasmine_bins@braun.us' },
      { op: 'replace', path: at('work', 'display'), value: '0TXBC2MOGUI0' },
      { op: 'replace', path: at('home', 'display'), value: '14UDKFEIO3YS' },
      { op: 'replace', path: at('other', 'display'), value: 'YFQRBLBNUS0R' },
      { op: 'add', path: at('work', 'primary'), value: false },
      { op: 'replace', path: at('home', 'primary'), value: true },
      { op: 'replace', path: at('other', 'primary'), value: false },
      {
        op: 'replace',
        value: {
          displayName: 'Sibyl',
          'name.givenName': 'Ora',
          'name.familyName': 'Kub',
          active: true,
        },
      },
      { op: 'add', path: 'phoneNumbers[type eq "mobile"].value', value: '19-206-9573' },
      { op: 'add', path: 'addresses[type eq "work"].formatted', value: 'LNAIXP' },
      { op: 'add', path: 'addresses[type eq "work"].primary', value: true },
      { op: 'add', path: 'roles[primary eq "True"].value', value: 'HBNBRY' },
      {
        op: 'add',
        path: 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department',
        value: 'X',
      },
    );
    await must('PATCH', `${asSent}/Users/${id}`, { body });
    const now = held(id);
    assert.deepEqual(now['emails'], [
      { type: 'work', value: 'oren.collins@white.com', display: '0TXBC2MOGUI0', primary: false },
      { type: 'home', value: 'angelita@mante.us', display: '14UDKFEIO3YS', primary: true },
      { type: 'other', value: 'yasmine_bins@braun.us', display: 'YFQRBLBNUS0R', primary: false },
    ]);
    assert.deepEqual(now['name'], { givenName: 'Ora', familyName: 'Kub' });
    assert.deepEqual(now['phoneNumbers'], [{ type: 'mobile', value: '19-206-9573' }]);
    assert.deepEqual(now['addresses'], [{ type: 'work', formatted: 'LNAIXP', primary: true }]);
    assert.deepEqual(now['roles'], [{ primary: true, value: 'HBNBRY' }]);
  });

  it('C38 the flag behind the tenant URL is accepted and goes no further', async () => {
    const flag = 'aadOptscim062020';
    const id = await make(`${asSent}/Users/?${flag}`, user('flagged@example.com'));
    const filter = encodeURIComponent('userName eq "flagged@example.com"');
    for (const query of [`?${flag}&filter=${filter}`, `?filter=${filter}&${flag}=`, `/?${flag}`]) {
      const found = await must('GET', `${asSent}/Users${query}`);
      assert.ok(found.text.includes(id), query);
    }
    await must('PATCH', `${asSent}/Users/${id}?${flag}`, {
      body: patch({ op: 'replace', value: { title: 't' } }),
    });
    assert.ok(!JSON.stringify(fixture.sandbox.seen()).includes(flag));
    assert.ok((held(id)['schemas'] as readonly string[]).includes(userSchema));
  });
});
