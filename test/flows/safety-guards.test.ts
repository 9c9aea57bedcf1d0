/** Guards at work: one counter whatever the door, held above the limit and never lost. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { localPerson, perform } from '../../src/admin/operation.ts';
import { adminOperations } from '../../src/admin/operations.ts';
import { bulk, resultsOf } from '../support/bulk-calls.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import {
  assertScimError,
  base,
  group,
  make,
  membersOf,
  patch,
  read,
} from '../support/scim-calls.ts';
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

const leave = 'guards.leave';

const rules = {
  target: `    guards:
      - { name: leave, actions: [users:deactivate, users:delete], count: 3, in: 1h, per: client }
      - { name: emptied, detect: emptied, above: 1 }
      - { name: renames, actions: [users:rename], count: 1, in: 1h, then: deny }
`,
  targets: `  again:
    baseUrl: URL
    auth: [{ bearer: "\${env:SANDBOX_TOKEN}" }]
    allowPrivate: [127.0.0.0/8]
`,
  route: '    bulk: { operations: 20 }\n',
  grants: `      - { client: quick, users: { actions: [read, deactivate] }, urgent: 2/h }
      - { client: trial, use: provision, mode: shadow, until: 2099-01-01 }
`,
  routes: `  second:
    path: /scim/second
    scim: again
    grants: [{ client: full, use: provision }]
`,
  clients: `  quick: { owner: iam@example.com, purpose: urgent leavers, expires: 2099-12-31, auth: [{ apiKey: {} }] }
  trial: { owner: iam@example.com, purpose: looks on, expires: 2099-12-31, auth: [{ apiKey: {} }] }
`,
};

const start = (): Promise<Fixture> =>
  startFixture({ config: withRules(rules), clients: ['full', 'quick', 'trial'] });

describe('a guard', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await start();
  });
  after(() => fixture.stop());
  const by = (client: string) => ({ key: fixture.keys[client] as string });

  it('counts what goes through two routes, two targets and a Bulk as one, and holds the rest', async () => {
    const ids = await makeUsers(fixture, 'leaver', 8);
    const seen = changesSeen(fixture);
    const one = await fixture.ask('PATCH', `${base}/Users/${ids[0]}`, { body: deactivation });
    assert.equal(one.status, 200, one.text);
    const two = await fixture.ask('DELETE', `/scim/second/Users/${ids[1]}`);
    assert.equal(two.status, 204, two.text);
    const operations = ids.slice(2, 5).map((id) => ({
      method: 'PATCH',
      path: `/Users/${id}`,
      data: deactivation,
    }));
    const many = await fixture.ask('POST', `${base}/Bulk`, { body: bulk(operations) });
    assert.deepEqual(
      resultsOf(many).map(({ status }) => status),
      ['200', '403', '403'],
    );
    assert.equal(changesSeen(fixture) - seen, 3);
    const above = await fixture.ask('DELETE', `/scim/second/Users/${ids[5]}`);
    const holdId = holdOf(above, leave);
    assert.equal(above.status, 403);
    const detail = String(above.body['detail']);
    assert.match(detail, /lets 3 pass in 1h, and 3 are used; places are free again from 20/);
    assert.equal((await read(fixture, 'Users', ids[5] as string))['active'], true);
    assert.equal(changesSeen(fixture) - seen, 3);
    const [row] = await rowsOf(fixture, ids[5] as string);
    assert.equal(row?.decision, 'hold');
    assert.equal(row?.code, 'mutation_held');
    assert.equal(row?.hold, holdId);
    assert.equal(fixture.observed.at(-2)?.holdId, holdId);
  });

  it('lets an urgent leaver through by its own grant, and by the guard when that is used up', async () => {
    const ids = await makeUsers(fixture, 'urgent', 6);
    const answers = [];
    for (const id of ids) {
      answers.push(
        await fixture.ask('PATCH', `${base}/Users/${id}`, { body: deactivation, ...by('quick') }),
      );
    }
    // Two by the grant, three by the guard (it counts by client), the last waits.
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200, 200, 403],
    );
    holdOf(answers.at(-1) as (typeof answers)[0], leave);
  });

  it('looks on where a grant is in trial', async () => {
    const ids = await makeUsers(fixture, 'trial', 5);
    for (const id of ids) {
      const answer = await fixture.ask('PATCH', `${base}/Users/${id}`, {
        body: deactivation,
        ...by('trial'),
      });
      assert.equal(answer.status, 200, answer.text);
    }
  });

  it('tells how near each window is, the fullest first', async () => {
    const { context } = fixture.gateway;
    const list = adminOperations.find(({ name }) => name === 'guards.list');
    assert.ok(list !== undefined);
    const listed = async (input: object) => {
      const answer = await perform(list, context, localPerson, input);
      assert.ok('json' in answer, JSON.stringify(answer));
      return answer.json as readonly Record<string, unknown>[];
    };
    const shown = (rows: readonly Record<string, unknown>[]) =>
      rows.map(({ rule, who, used, limit }) => [rule, who, used, limit]);
    const all = await listed({});
    const [fullest, ...next] = shown(all);
    assert.deepEqual(fullest, [leave, 'trial', 5, 3]);
    // All full, in the order of the configuration.
    assert.deepEqual(next.slice(0, 3), [
      [leave, 'full', 3, 3],
      [leave, 'quick', 3, 3],
      ['routes.sandbox.urgent', 'quick', 2, 2],
    ]);
    assert.ok(
      all.some(
        ({ rule, used, freesAt }) => rule === 'guards.renames' && used === 0 && freesAt === null,
      ),
    );
    const [one, ...others] = await listed({ guard: 'leave', client: 'full' });
    assert.deepEqual(others, []);
    assert.deepEqual([one?.['in'], one?.['then'], one?.['window']], ['1h', 'hold', 'fast']);
    const frees = Date.parse(String(one?.['freesAt'])) - Date.now();
    assert.ok(frees > 3_500_000 && frees <= 3_600_000, String(one?.['freesAt']));
    assert.deepEqual(await listed({ tenant: 'elsewhere' }), []);
  });

  it('trips by what a change is, and denies where it says so', async () => {
    const ids = await makeUsers(fixture, 'member', 3);
    const team = await make(fixture, 'Groups', group('app-team', ids));
    const emptied = patch({ op: 'replace', path: 'members', value: [] });
    const held = await fixture.ask('PATCH', `${base}/Groups/${team}`, { body: emptied });
    holdOf(held, 'guards.emptied');
    assert.equal((await membersOf(fixture, team)).length, 3);
    const rename = (to: string) => patch({ op: 'replace', path: 'userName', value: to });
    const path = `${base}/Users/${ids[0]}`;
    const first = await fixture.ask('PATCH', path, { body: rename('renamed@example.com') });
    assert.equal(first.status, 200, first.text);
    const second = await fixture.ask('PATCH', path, { body: rename('again@example.com') });
    assertScimError(second, 403, 'guard_tripped', { rule: 'guards.renames' });
    assert.equal((await rowsOf(fixture, ids[0] as string))[0]?.code, 'guard_tripped');
  });

  it('takes no place for what changes nothing', async () => {
    const [id] = await makeUsers(fixture, 'same', 1);
    const path = `${base}/Users/${id}`;
    const before = await fixture.ask('PATCH', path, {
      body: patch({ op: 'replace', path: 'userName', value: 'same0@example.com' }),
    });
    assert.equal(before.status, 200, before.text);
  });
});

describe('a guard under load', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await start();
  });
  after(() => fixture.stop());

  it('lets exactly its limit pass of what comes at once, and what people release beyond it', async () => {
    const ids = await makeUsers(fixture, 'crowd', 12);
    const seen = changesSeen(fixture);
    const answers = await Promise.all(
      ids.map((id, at) =>
        fixture.ask('PATCH', `${at % 2 === 0 ? base : '/scim/second'}/Users/${id}`, {
          body: deactivation,
        }),
      ),
    );
    const waiting = ids.filter((_, at) => answers[at]?.status === 403);
    const held = answers.filter(({ status }) => status === 403).map((each) => holdOf(each, leave));
    assert.equal(held.length, 9);
    assert.equal(new Set(held).size, 9);
    assert.equal(changesSeen(fixture) - seen, 3);
    const { holds } = fixture.gateway.context;
    const [first, second] = held as [string, string];
    const decided = await holds.approve([first, second], approver, null);
    assert.deepEqual(
      decided.map(({ state, outcome }) => [state, outcome]),
      [
        ['released', 'applied'],
        ['released', 'applied'],
      ],
    );
    assert.equal(changesSeen(fixture) - seen, 5);
    await holds.reject(held.slice(2), approver, 'a broken sync');
    for (const [at, id] of waiting.entries()) {
      const door = ids.indexOf(id) % 2 === 0 ? base : '/scim/second';
      const again = await fixture.ask('PATCH', `${door}/Users/${id}`, { body: deactivation });
      if (at < 2) {
        // It holds already: sent once more, for it takes access away, and counted by nobody.
        assert.ok(again.status < 300, again.text);
      } else assert.equal(errorIn(again)['code'], 'action_denied', again.text);
    }
    assert.equal(changesSeen(fixture) - seen, 7);
  });
});

describe('a share of the population', () => {
  it('is counted of what there is, and closed where that cannot be told', async () => {
    let population: number | null = 40;
    const fixture = await startFixture({
      config: withRules({
        target:
          '    guards: [{ name: leave, actions: [users:deactivate], percent: 5%, in: 1h, per: tenant }]\n',
      }),
      clients: ['full'],
      deps: { safeguards: { populations: { count: () => population } } },
    });
    try {
      const ids = await makeUsers(fixture, 'share', 4);
      const leaves = (at: number) =>
        fixture.ask('PATCH', `${base}/Users/${ids[at]}`, { body: deactivation });
      assert.equal((await leaves(0)).status, 200);
      assert.equal((await leaves(1)).status, 200);
      holdOf(await leaves(2), leave);
      population = null;
      const unknown = await leaves(3);
      holdOf(unknown, leave);
      assert.match(String(unknown.body['detail']), /cannot be told now/);
    } finally {
      await fixture.stop();
    }
  });
});
