/** A rollback passes the guards and holds of anyone: what it grants waits for people, who are asked by four eyes. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import type { Person } from '../../src/admin/operation.ts';
import type { HoldId } from '../../src/ids.ts';
import { startFixture, targetToken, type Fixture } from '../support/fixture.ts';
import { planRollback, runRollback } from '../support/rollback-run.ts';
import { approver, deactivation, makeUsers, rowsOf, withRules } from '../support/safety-scene.ts';
import { base, make, patch, read, user } from '../support/scim-calls.ts';

const bob: Person = { name: 'bob@example.com', roles: new Set(['operator']) };

const guards = `    guards:
      - { name: back, actions: [users:activate], count: 2, in: 1h }
`;

describe('a rollback under guards', () => {
  let fixture: Fixture;
  before(async () => {
    const change = (text: string): string =>
      text.replace(
        'people: [',
        'people: [{ name: bob@example.com, roles: [operator], until: 2099-12-31 }, ',
      );
    fixture = await startFixture({ config: withRules({ target: guards, change }) });
  });
  after(() => fixture.stop());

  const entryOf = async (id: string, body: object): Promise<string> => {
    const answer = await fixture.ask('PATCH', `${base}/Users/${id}`, { body });
    assert.ok(answer.status < 300, answer.text);
    return String(answer.headers['sallyport-ledger-id']);
  };
  const activeOf = async (id: string): Promise<unknown> =>
    (await read(fixture, 'Users', id))['active'];

  it('activates up to the guard, waits above it, and goes out once a person approved', async () => {
    const ids = await makeUsers(fixture, 'back', 4);
    const entries: string[] = [];
    for (const id of ids) entries.push(await entryOf(id, deactivation));
    const plan = await planRollback(fixture, entries, bob);
    const run = await runRollback(fixture, entries, plan.digest, bob);
    assert.equal(run.whole, false);
    const outcomes = run.steps.map(({ result }) => result.outcome);
    assert.deepEqual(outcomes.toSorted(), ['applied', 'applied', 'held', 'held']);
    const held = run.steps.filter(({ result }) => result.outcome === 'held');
    const [first] = held;
    assert.match(String(first?.result.hold), /^hld_/);
    const id = String(first?.subject.id);
    assert.equal(await activeOf(id), false);
    const { holds } = fixture.gateway.context;
    const hold = first?.result.hold as HoldId;
    const [own] = await holds.approve([hold], { name: bob.name, local: false }, null);
    assert.notEqual(own?.state, 'released', 'nobody approves their own');
    const [approved] = await holds.approve([hold], approver, null);
    assert.equal(approved?.state, 'released', JSON.stringify(approved));
    assert.equal(approved?.outcome, 'applied');
    assert.equal(await activeOf(id), true);
    const [entry] = await rowsOf(fixture, id);
    assert.deepEqual([entry?.client, entry?.reverses.length], [bob.name, 1]);
  });

  it('stands in the ledger with the entries that it takes back', async () => {
    const id = await make(fixture, 'Users', user('named@example.com', { title: 'Old' }));
    const entry = await entryOf(id, patch({ op: 'replace', path: 'title', value: 'New' }));
    const plan = await planRollback(fixture, [entry]);
    await runRollback(fixture, [entry], plan.digest);
    const [undo] = await rowsOf(fixture, id);
    assert.deepEqual(undo?.reverses, [entry]);
    const second = await planRollback(fixture, [undo.id]);
    await runRollback(fixture, [undo.id], second.digest);
    assert.equal((await read(fixture, 'Users', id))['title'], 'New');
    // The first entry may be taken back once more: its undo was undone.
    const third = await planRollback(fixture, [entry]);
    assert.ok(third.whole, JSON.stringify(third.steps));
  });

  it('writes over nothing that came between its look and its write', async () => {
    const id = await make(fixture, 'Users', user('between@example.com', { title: 'Old' }));
    const entry = await entryOf(id, patch({ op: 'replace', path: 'title', value: 'New' }));
    const plan = await planRollback(fixture, [entry]);
    const theirs = patch({ op: 'replace', path: 'title', value: 'Theirs' });
    await request(`${fixture.sandbox.url}/Users/${id}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${targetToken}`, 'content-type': 'application/scim+json' },
      body: JSON.stringify(theirs),
    }).then(({ body }) => body.text());
    await assert.rejects(runRollback(fixture, [entry], plan.digest), /The plan changed/);
    assert.equal((await read(fixture, 'Users', id))['title'], 'Theirs');
  });
});
