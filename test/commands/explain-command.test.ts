/** `explain` as it is typed: exit codes, files, a running gateway's admin API and the store itself. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RecordFacts } from '../../src/commands/explain-record.ts';
import { startFixture, targetToken, type Fixture } from '../support/fixture.ts';
import { runInProcess } from '../support/run-program.ts';
import type { Ran } from '../support/sallyport-process.ts';
import { base, user } from '../support/scim-calls.ts';
import { issueToken } from '../support/people.ts';

describe('the command explain', () => {
  let fixture: Fixture;
  let stopped = false;
  before(async () => {
    fixture = await startFixture();
  });
  after(async () => {
    if (!stopped) await fixture.stop();
  });

  const env = { SANDBOX_TOKEN: targetToken };
  const explain = (args: readonly string[], more = {}): Promise<Ran> =>
    runInProcess(['explain', ...args, '--config', fixture.configPath], { ...env, ...more });
  const person = async (name: string, roles: readonly string[]): Promise<string> => {
    await fixture.rewrite((text) =>
      text.replace(
        'people: [',
        `people: [{ name: ${name}, roles: [${roles.join()}], until: 2099-12-31 }, `,
      ),
    );
    await fixture.gateway.reload();
    return await issueToken(fixture, name);
  };

  it('ends with 2 for wrong usage, and says what to write', async () => {
    const call = ['PATCH', `${base}/Users/1`];
    for (const [args, message] of [
      [[], /^write one of: explain --client/],
      [call, /^write one of/],
      [[...call, '--client', 'full', '--ledger', 'led_x'], /^write one of/],
      [['--ledger', 'led_x', '--request', 'req_x'], /^write one of/],
      [[...call, '--client', 'full', '--body', '/no/such'], /^--body: cannot read \/no\/such/],
      [[...call, '--client', 'full', '--before', fixture.configPath], /holds no JSON object\n$/],
      [['--nonsense'], /unknown option/],
    ] as const) {
      const { code, out, err } = await explain(args);
      assert.deepEqual([code, out], [2, ''], args.join(' '));
      assert.match(err, message);
    }
  });

  it('ends with 0 for what passes and 1 for what does not, in text and in JSON', async () => {
    const body = join(fixture.directory, 'body.json');
    await writeFile(body, JSON.stringify(user('New@Example.com')));
    const call = ['--client', 'full', 'post', `${base}/Users`, '--body', body];
    const allowed = await explain(call);
    assert.deepEqual([allowed.code, allowed.err], [0, '']);
    assert.match(allowed.out, /^decision {4}allow$/m);
    const denied = await explain(['--client', 'reader', ...call.slice(2), '--json']);
    assert.equal(denied.code, 1);
    assert.equal((JSON.parse(denied.out) as { code: string }).code, 'action_denied');
    const unset = await runInProcess(['explain', ...call, '--config', '/no/such.yaml']);
    assert.equal(unset.code, 1);
    assert.match(unset.err, /cannot read such\.yaml/);
  });

  it('explains entries by id and by request, from the gateway by role and from the store', async () => {
    const operator = await person('olga', ['viewer', 'operator']);
    const viewer = await person('vera', ['viewer']);
    const headers = { 'x-request-id': 'their-own-7' };
    const made = await fixture.ask('POST', `${base}/Users`, {
      body: user('recorded@example.com', { active: 'True', title: 'Clerk' }),
      headers: { 'x-request-id': 'their-own-6' },
    });
    const denied = await fixture.ask('DELETE', `${base}/Users/1`, {
      key: fixture.keys['reader'] ?? null,
      headers,
    });
    assert.deepEqual([made.status, denied.status], [201, 403]);
    const id = String(made.headers['sallyport-ledger-id']);
    const admin = ['--admin', `http://127.0.0.1:${fixture.gateway.admin.port}`];
    const asOperator = { SALLYPORT_ADMIN_TOKEN: operator };
    const asViewer = { SALLYPORT_ADMIN_TOKEN: viewer };

    const shown = await explain(['--ledger', id, ...admin], asOperator);
    assert.equal(shown.code, 0, shown.err);
    assert.match(shown.out, /^repairs {5}C2$/m);
    assert.match(shown.out, /"title": "Clerk"/);
    assert.match(shown.out, /^today {7}allow: the same$/m);
    const listed = await explain(['--request', 'their-own-6', ...admin], asViewer);
    assert.equal(listed.code, 0, listed.err);
    assert.ok(!listed.out.includes('Clerk'), 'what is sealed needs the role operator');
    assert.match(listed.out, /^today {7}cannot be told: .*sealed for this role/m);
    const sealed = await explain(['--ledger', id, ...admin], asViewer);
    assert.deepEqual([sealed.code, sealed.err], [1, 'This needs the role operator.\n']);
    const missing = await explain(['--request', 'req_none', ...admin], asOperator);
    assert.equal(missing.code, 1);
    assert.match(missing.err, /^no entry of the request req_none among \d+ entries since 24h; /);
    const nobody = await explain(['--ledger', id, ...admin]);
    assert.equal(nobody.code, 1);
    assert.match(nobody.err, /SALLYPORT_ADMIN_TOKEN/);

    await fixture.gateway.stop(1_000);
    const unknown = await explain(['--ledger', 'led_nonsense']);
    assert.deepEqual([unknown.code, unknown.err], [1, 'There is no such entry.\n']);
    const local = await explain(['--request', 'their-own-7', '--since', '1h', '--json']);
    assert.equal(local.code, 1);
    const facts = JSON.parse(local.out) as RecordFacts;
    assert.deepEqual([facts.decision, facts.code], ['deny', 'action_denied']);
    assert.equal(facts.entry.requestId, denied.headers['x-request-id']);
    assert.equal(facts.differs, false);
    await fixture.stop();
    stopped = true;
  });
});
