/**
 * Every door at once before one guard: two routes, a second target of the same system, a Bulk, a plan that
 * webhooks start, the same events sent out again, and a rollback by a person. They meet one counter.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Person } from '../../src/admin/operation.ts';
import { resultsOf, sendBulk, type Result } from '../support/bulk-calls.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import {
  hookConfig,
  hookEnv,
  standardMessage,
  startHookReceiver,
  type HookReceiver,
} from '../support/hooks.ts';
import { askAdmin, commandLineOf, tokenOf, withPeople } from '../support/people.ts';
import { planRollback, runRollback } from '../support/rollback-run.ts';
import { changesSeen, deactivation, makeUsers } from '../support/safety-scene.ts';
import { base, make, patch, user } from '../support/scim-calls.ts';

const each = 8;
const doors = 6;
const count = 20;
const bob: Person = { name: 'bob@example.com', roles: new Set(['operator']) };

const config = (receiver: string) => (sandbox: string) =>
  withPeople(hookConfig(receiver)(sandbox), {
    alice: ['viewer', 'operator', 'approver'],
    bob: ['operator'],
  })
    .replace(
      '    timeout: 5s\nprofiles:',
      `    timeout: 5s
    guards: [{ name: leave, actions: [users:deactivate, users:delete], count: ${count}, in: 1h, per: tenant }]
  again:
    baseUrl: ${sandbox}/
    auth: [{ bearer: "\${env:SANDBOX_TOKEN}" }]
    allowPrivate: [127.0.0.0/8]
profiles:`,
    )
    .replace('    before: capture\n', '    before: capture\n    bulk: { operations: 20 }\n')
    .replace(
      '  hr:\n',
      `  second:
    path: /scim/second
    scim: again
    grants: [{ client: full, use: provision }, { client: narrow, use: provision }]
  hr:
`,
    );

type Row = Readonly<Record<string, unknown>>;

describe('all doors at once', () => {
  let receiver: HookReceiver;
  let fixture: Fixture;
  before(async () => {
    receiver = await startHookReceiver();
    fixture = await startFixture({ config: config(receiver.url), env: hookEnv });
  });
  after(async () => {
    await fixture.stop();
    await receiver.stop();
  });

  let messages = 0;
  const left = async (name: string): Promise<void> => {
    messages += 1;
    const body = JSON.stringify({ type: 'left', user: `${name}@example.com` });
    const message = standardMessage({ id: `msg_${messages}`, at: Date.now(), body });
    const answer = await fixture.ask('POST', '/hooks/hr', message);
    assert.equal(answer.status, 202, answer.text);
  };
  const names = (prefix: string): readonly string[] =>
    Array.from({ length: each }, (_, at) => `${prefix}${at}`);
  const inactive = (prefix: string): number =>
    fixture.sandbox
      .stored('User')
      .filter(({ active, userName }) => active === false && String(userName).startsWith(prefix))
      .length;
  /** Waits for what goes on behind the answers. */
  const until = async <Value>(
    look: () => Promise<Value>,
    enough: (value: Value) => boolean,
  ): Promise<Value> => {
    const end = Date.now() + 20_000;
    for (;;) {
      const value = await look();
      if (enough(value)) return value;
      assert.ok(Date.now() < end, `it did not come to it: ${JSON.stringify(value)}`);
    }
  };

  it('together let exactly the count pass, and the rest waits', async () => {
    const alice = commandLineOf(fixture, await tokenOf(fixture, 'alice'));
    const token = await tokenOf(fixture, 'bob');
    // Events whose people the target does not know yet: their plans end, and are sent out again later.
    for (const name of names('replay')) await left(name);
    const ended = await until(
      async () => await alice.json<readonly Row[]>('deliveries', 'list', '--limit', '1000'),
      (rows) => rows.length === each * 2 && rows.every(({ state }) => state === 'delivered'),
    );
    assert.ok(ended.length > 0);

    const route = await makeUsers(fixture, 'route', each);
    const second = await makeUsers(fixture, 'second', each);
    const bulk = await makeUsers(fixture, 'bulk', each);
    await makeUsers(fixture, 'plan', each);
    await makeUsers(fixture, 'replay', each);
    // People who were activated; taking that back is taking access away.
    const entries: string[] = [];
    for (const name of names('undone')) {
      const id = await make(fixture, 'Users', user(`${name}@example.com`, { active: false }));
      const body = patch({ op: 'replace', path: 'active', value: true });
      const answer = await fixture.ask('PATCH', `${base}/Users/${id}`, { body });
      entries.push(String(answer.headers['sallyport-ledger-id']));
    }
    const plan = await planRollback(fixture, entries, bob);
    assert.ok(plan.whole);
    const events = await alice.json<readonly Row[]>('events', 'list', '--limit', '100');
    assert.equal(events.length, each);

    const seen = changesSeen(fixture);
    const [one, two, many, , replayed, undone] = await Promise.all([
      Promise.all(
        route.map((id) => fixture.ask('PATCH', `${base}/Users/${id}`, { body: deactivation })),
      ),
      Promise.all(
        second.map((id) =>
          fixture.ask('PATCH', `/scim/second/Users/${id}`, {
            body: deactivation,
            key: fixture.keys['narrow'] as string,
          }),
        ),
      ),
      sendBulk(
        fixture,
        bulk.map((id) => ({ method: 'PATCH', path: `/Users/${id}`, data: deactivation })),
      ),
      Promise.all(names('plan').map(left)),
      Promise.all(
        events.map(({ id }) => askAdmin(fixture, token, '/events/replay', { id: String(id) })),
      ),
      runRollback(fixture, entries, plan.digest, bob),
    ]);
    assert.ok(
      replayed.every(({ status }) => status === 200),
      JSON.stringify(replayed[0]),
    );

    const held = await until(
      async () => await alice.json<readonly Row[]>('holds', 'list', '--limit', '1000'),
      ({ length }) => length >= each * doors - count,
    );
    assert.equal(held.length, each * doors - count);
    assert.ok(held.every(({ rule }) => rule === 'guards.leave'));
    assert.equal(changesSeen(fixture) - seen, count, 'exactly the count went out');
    const byDoor = ['route', 'second', 'bulk', 'plan', 'replay', 'undone'].map(inactive);
    assert.equal(
      byDoor.reduce((sum, one) => sum + one),
      count,
      `one counter: ${byDoor.join(' ')}`,
    );
    // Every door was told the truth of each of its own.
    const of = (answers: readonly { status: number | string }[], status: number): number =>
      answers.filter((answer) => Number(answer.status) === status).length;
    const results: readonly Result[] = resultsOf(many);
    for (const [answers, prefix] of [
      [one, 'route'],
      [two, 'second'],
      [results, 'bulk'],
    ] as const) {
      assert.equal(of(answers, 200), inactive(prefix), prefix);
      assert.equal(of(answers, 403), each - inactive(prefix), prefix);
    }
    const outcomes = undone.steps.map(({ result }) => result.outcome);
    assert.equal(outcomes.filter((one) => one === 'applied').length, inactive('undone'));
    assert.equal(outcomes.filter((one) => one === 'held').length, each - inactive('undone'));
  });

  it('let each of the rest out once, when a person says so', async () => {
    const alice = commandLineOf(fixture, await tokenOf(fixture, 'alice'));
    const batches = await alice.json<readonly Row[]>('holds', 'batches');
    assert.equal(new Set(batches.map(({ client }) => client)).size, batches.length);
    for (const { batch } of batches) {
      const decided = await alice.json<readonly Row[]>(
        'holds',
        'approve',
        '--batch',
        String(batch),
      );
      for (const one of decided) {
        assert.deepEqual([one['state'], one['outcome']], ['released', 'applied']);
      }
    }
    for (const prefix of ['route', 'second', 'bulk', 'plan', 'replay', 'undone']) {
      assert.equal(inactive(prefix), each, prefix);
    }
    const entries = await fixture.gateway.context.ledger.list({ limit: 1_000 });
    const released = entries.filter(({ decision, hold }) => decision === 'allow' && hold !== null);
    assert.equal(released.length, each * doors - count);
    assert.equal(new Set(released.map(({ hold }) => hold)).size, released.length);
    assert.equal(new Set(released.map(({ resource }) => resource.id)).size, released.length);
  });
});
