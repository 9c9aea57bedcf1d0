/** Rollback where rules stand in its way, and over entries of every make: Bulk, other configurations, undo. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Person } from '../../src/admin/operation.ts';
import { systemClock } from '../../src/clock.ts';
import { post, sendBulk } from '../support/bulk-calls.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import { planRollback, runRollback } from '../support/rollback-run.ts';
import { approver, deactivation, makeUsers, rowsOf, withRules } from '../support/safety-scene.ts';
import { base, group, make, patch, read, user } from '../support/scim-calls.ts';

const bob: Person = { name: 'bob@example.com', roles: new Set(['operator']) };
const set = (path: string, value: unknown) => ({ op: 'replace', path, value });

describe('rollback among rules', () => {
  let fixture: Fixture;
  afterEach(() => fixture.stop());

  const takeBack = async (ids: readonly string[], person?: Person) => {
    const { digest } = await planRollback(fixture, ids, person);
    return runRollback(fixture, ids, digest, person);
  };
  const told = ({ steps }: Awaited<ReturnType<typeof takeBack>>) =>
    steps.map(({ does, result }) => [does, result.outcome, result.code]);
  const entryOf = async (method: string, path: string, body?: object): Promise<string> => {
    const answer = await fixture.ask(method, `${base}${path}`, body === undefined ? {} : { body });
    assert.ok(answer.status < 300, answer.text);
    return String(answer.headers['sallyport-ledger-id']);
  };

  it('does not step over protection, and says so', async () => {
    fixture = await startFixture({
      clients: ['full'],
      config: withRules({
        target:
          '    protected: [{ name: glass, users: { userName: ["glass*"] }, never: [deactivate, rename] }]\n',
      }),
    });
    await fixture.gateway.context.safety.resolve();
    const id = await make(fixture, 'Users', user('glass@example.com', { active: false }));
    const on = await entryOf('PATCH', `/Users/${id}`, patch(set('active', true)));
    const run = await takeBack([on]);
    assert.deepEqual([run.whole, told(run)[0]?.[0]], [false, 'change']);
    assert.ok(
      ['subject_protected', 'protection_unresolved'].includes(String(run.steps[0]?.result.code)),
      JSON.stringify(run.steps[0]?.result),
    );
    assert.equal((await read(fixture, 'Users', id))['active'], true);
  });

  it('waits where a guard holds it, joins what waits, and is done once released', async () => {
    fixture = await startFixture({
      clients: ['full'],
      config: withRules({
        target: '    guards: [{ name: back, actions: [users:activate], count: 1, in: 1h }]\n',
        change: (text) =>
          text.replace(
            'people: [',
            'people: [{ name: bob@example.com, roles: [operator], until: 2099-12-31 }, ',
          ),
      }),
    });
    const ids = await makeUsers(fixture, 'held', 3);
    const entries: string[] = [];
    for (const id of ids) entries.push(await entryOf('PATCH', `/Users/${id}`, deactivation));
    const first = await takeBack(entries, bob);
    const outcomes = first.steps.map(({ result }) => result.outcome);
    assert.deepEqual([first.whole, outcomes], [false, ['applied', 'held', 'held']]);
    const again = await takeBack(entries, bob);
    assert.deepEqual(
      again.steps.map(({ result }) => result.hold),
      first.steps.map(({ result }) => result.hold),
    );
    const holds = first.steps.flatMap(({ result }) => result.hold ?? []);
    const released = await fixture.gateway.context.holds.approve(holds, approver, null);
    assert.deepEqual(
      released.map(({ outcome }) => outcome),
      ['applied', 'applied'],
      JSON.stringify(released),
    );
    const last = await takeBack(entries, bob);
    assert.deepEqual(
      [last.whole, new Set(last.steps.map(({ does }) => does))],
      [true, new Set(['nothing'])],
    );
  });

  it('takes entries of a Bulk back, those of one resource together', async () => {
    fixture = await startFixture({
      clients: ['full'],
      config: withRules({ route: '    bulk: { operations: 20 }\n' }),
    });
    const ann = await make(fixture, 'Users', user('bulk@example.com', { title: 'A' }));
    const answer = await sendBulk(fixture, [
      { method: 'PATCH', path: `/Users/${ann}`, data: patch(set('title', 'B')) },
      post('one', '/Users', user('one@example.com')),
      post('two', '/Groups', group('app-bulk', ['bulkId:one'])),
    ]);
    assert.equal(answer.status, 200, answer.text);
    const rows = await fixture.gateway.context.ledger.list({ client: 'full', limit: 3 });
    const run = await takeBack(rows.map(({ id }) => id));
    assert.deepEqual(
      [run.whole, told(run).map(([does]) => does)],
      [true, ['remove', 'remove', 'change']],
    );
    assert.equal((await read(fixture, 'Users', ann))['title'], 'A');
    assert.deepEqual(fixture.sandbox.stored('Group'), []);
  });

  it('finds no way to a resource whose route is gone, and says so', async () => {
    fixture = await startFixture({
      clients: ['full'],
      config: withRules({}),
    });
    const ann = await make(fixture, 'Users', user('gone@example.com', { title: 'A' }));
    const entry = await entryOf('PATCH', `/Users/${ann}`, patch(set('title', 'B')));
    await fixture.rewrite((text) => text.replace('  sandbox:\n    path', '  other:\n    path'));
    await fixture.restart(systemClock);
    const run = await takeBack([entry]);
    assert.deepEqual([run.whole, run.steps[0]?.parts[0]?.reason], [false, 'route-gone']);
    assert.equal((await rowsOf(fixture, ann))[0]?.id, entry);
  });
});
