/** Rollback as an operator meets it: the command line over the admin API of a running gateway. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import { mainConfig, startFixture, targetToken, type Fixture } from '../support/fixture.ts';
import { runInProcess } from '../support/run-program.ts';
import { base, group, make, membersOf, patch, read, user } from '../support/scim-calls.ts';
import { issueToken } from '../support/people.ts';

const operator = 'alice@example.com';

describe('rollback', () => {
  let fixture: Fixture;
  let token = '';
  before(async () => {
    fixture = await startFixture({
      config: (url) =>
        mainConfig(url).replace('deactivate, delete]', 'deactivate, delete, password]'),
    });
    token = await issueToken(fixture, operator);
  });
  after(() => fixture.stop());

  const rollback = (...args: readonly string[]) =>
    runInProcess(
      [
        'rollback',
        ...args,
        '--config',
        fixture.configPath,
        '--admin',
        `http://127.0.0.1:${fixture.gateway.admin.port}`,
      ],
      { SALLYPORT_ADMIN_TOKEN: token },
    );

  const change = async (path: string, ...operations: readonly object[]): Promise<string> => {
    const answer = await fixture.ask('PATCH', `${base}${path}`, { body: patch(...operations) });
    assert.ok(answer.status < 300, answer.text);
    return String(answer.headers['sallyport-ledger-id']);
  };

  const outside = (path: string, ...operations: readonly object[]) =>
    request(`${fixture.sandbox.url}${path}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${targetToken}`, 'content-type': 'application/scim+json' },
      body: JSON.stringify(patch(...operations)),
    }).then(({ body }) => body.text());

  const newestBy = async (client: string) =>
    (await fixture.gateway.context.ledger.list({ client, limit: 1 }))[0];

  it('shows the plan and changes nothing with --dry-run', async () => {
    const id = await make(fixture, 'Users', user('dry@example.com', { title: 'Old' }));
    const entry = await change(`/Users/${id}`, { op: 'replace', path: 'title', value: 'New' });
    const { code, out } = await rollback(entry, '--dry-run');
    assert.equal(code, 0);
    assert.match(out, /Taking back 1 entry on 1 resource:/);
    assert.match(out, /restore +title: is "New", was "Old", will be "Old"/);
    assert.match(out, /unguarded/);
    assert.equal((await read(fixture, 'Users', id))['title'], 'New');
  });

  it('takes one entry back, as the person, and takes that back again', async () => {
    const id = await make(fixture, 'Users', user('twice@example.com', { title: 'Old' }));
    const entry = await change(`/Users/${id}`, { op: 'replace', path: 'title', value: 'New' });
    const first = await rollback(entry);
    assert.equal(first.code, 0, first.out + first.err);
    assert.match(first.out, /Everything selected was restored/);
    assert.equal((await read(fixture, 'Users', id))['title'], 'Old');
    const undo = await newestBy(operator);
    assert.equal(undo?.resource.id, id);
    assert.deepEqual(undo?.actions, ['users:update']);
    const again = await rollback(undo.id);
    assert.equal(again.code, 0, again.out + again.err);
    assert.equal((await read(fixture, 'Users', id))['title'], 'New');
  });

  it('takes back all that a client deactivated in a span, and leaves the rest', async () => {
    const since = new Date().toISOString();
    const ids: string[] = [];
    for (let index = 0; index < 12; index += 1) {
      ids.push(await make(fixture, 'Users', user(`mass${index}@example.com`)));
    }
    for (const id of ids) {
      await change(
        `/Users/${id}`,
        { op: 'replace', path: 'active', value: false },
        { op: 'replace', path: 'nickName', value: 'gone' },
      );
    }
    const span = ['--client', 'full', '--since', since, '--actions', 'users:deactivate'];
    const { code, out, err } = await rollback(...span);
    assert.equal(code, 0, out + err);
    assert.match(out, /reactivate +active/);
    for (const id of ids) {
      const { active, nickName } = await read(fixture, 'Users', id);
      assert.deepEqual([active, nickName], [true, undefined]);
    }
  });

  it('never writes over what was changed since, and says so', async () => {
    const id = await make(fixture, 'Users', user('since@example.com', { title: 'Old' }));
    const entry = await change(
      `/Users/${id}`,
      { op: 'replace', path: 'title', value: 'New' },
      { op: 'replace', path: 'nickName', value: 'Nick' },
    );
    await outside(`/Users/${id}`, { op: 'replace', path: 'title', value: 'Theirs' });
    const { code, out } = await rollback(entry);
    assert.equal(code, 1);
    assert.match(out, /refused +title: stays "Theirs": it was changed since/);
    assert.match(out, /Not everything selected was restored/);
    const { title, nickName } = await read(fixture, 'Users', id);
    assert.deepEqual([title, nickName], ['Theirs', undefined]);
  });

  it('takes members back one by one', async () => {
    const names = ['m1', 'm2', 'm3', 'm4'];
    const [a, b, c, d] = (await Promise.all(
      names.map((name) => make(fixture, 'Users', user(`${name}@example.com`))),
    )) as [string, string, string, string];
    const id = await make(fixture, 'Groups', group('app-members', [a, b]));
    const entry = await change(`/Groups/${id}`, {
      op: 'replace',
      path: 'members',
      value: [{ value: c }],
    });
    await outside(`/Groups/${id}`, { op: 'add', path: 'members', value: [{ value: d }] });
    const { code, out } = await rollback(entry);
    assert.equal(code, 0, out);
    assert.deepEqual(await membersOf(fixture, id), [a, b, d].sort());
  });

  it('makes a deleted user again, and says what does not come back', async () => {
    const more = { title: 'Boss', password: 'Secret-Pass-1' };
    const id = await make(fixture, 'Users', user('deleted@example.com', more));
    const team = await make(fixture, 'Groups', group('app-deleted', [id]));
    const gone = await fixture.ask('DELETE', `${base}/Users/${id}`);
    const { code, out } = await rollback(String(gone.headers['sallyport-ledger-id']));
    assert.equal(code, 1, 'a new id is not the old one');
    assert.match(out, /make again users/);
    assert.match(out, /the target gives a new id/);
    assert.match(out, /password, MFA/);
    const [member] = await membersOf(fixture, team);
    assert.notEqual(member, id);
    assert.equal((await read(fixture, 'Users', String(member)))['title'], 'Boss');
  });

  it('removes what was made, but not where somebody else wrote in it', async () => {
    const made = await fixture.ask('POST', `${base}/Users`, { body: user('made@example.com') });
    const kept = await fixture.ask('POST', `${base}/Users`, { body: user('kept@example.com') });
    await outside(`/Users/${String(kept.body['id'])}`, {
      op: 'replace',
      path: 'nickName',
      value: 'Theirs',
    });
    const ids = [made, kept].map(({ headers }) => String(headers['sallyport-ledger-id']));
    const { code, out } = await rollback(...ids);
    assert.equal(code, 1);
    assert.match(out, /refused +nickName: stays/);
    const stored = fixture.sandbox.stored('User').map((one) => one['userName']);
    assert.ok(!stored.includes('made@example.com'));
    assert.ok(stored.includes('kept@example.com'));
  });

  it('refuses a run where the plan is not the one that was shown', async () => {
    const id = await make(fixture, 'Users', user('digest@example.com', { title: 'Old' }));
    const entry = await change(`/Users/${id}`, { op: 'replace', path: 'title', value: 'New' });
    const answer = await request(
      `http://127.0.0.1:${fixture.gateway.admin.port}/api/v1/rollbacks/run`,
      {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ ids: [entry], digest: '0'.repeat(64) }),
      },
    );
    assert.equal(answer.statusCode, 400);
    assert.match(await answer.body.text(), /The plan changed/);
    assert.equal((await read(fixture, 'Users', id))['title'], 'New');
  });

  it('does not step over a freeze', async () => {
    const id = await make(fixture, 'Users', user('frozen@example.com', { title: 'Old' }));
    const entry = await change(`/Users/${id}`, { op: 'replace', path: 'title', value: 'New' });
    const { freezes } = fixture.gateway.context;
    await freezes.freeze('route', 'sandbox', 'test of undo', operator);
    const { code, out } = await rollback(entry);
    await freezes.thaw('route', 'sandbox', operator);
    assert.equal(code, 1);
    assert.match(out, /refused, target_frozen/);
    assert.equal((await read(fixture, 'Users', id))['title'], 'New');
  });

  it('says that a password does not come back', async () => {
    const id = await make(fixture, 'Users', user('secret@example.com', { title: 'Old' }));
    const entry = await change(
      `/Users/${id}`,
      { op: 'replace', path: 'password', value: 'Another-Pass-2' },
      { op: 'replace', path: 'title', value: 'New' },
    );
    const { code, out } = await rollback(entry);
    assert.equal(code, 1);
    assert.match(out, /refused +password: stays: it is never shown/);
    assert.equal((await read(fixture, 'Users', id))['title'], 'Old');
  });

  it('wants entries, or a client and a time', async () => {
    assert.equal((await rollback()).code, 2);
    assert.equal((await rollback('--client', 'full')).code, 2);
    assert.equal((await rollback('led_00000000000001', '--client', 'full')).code, 2);
    const missing = await rollback('led_00000000000001');
    assert.equal(missing.code, 1);
    assert.match(missing.err, /no entry/);
  });
});
