/**
 * A recorded day under a trial: what enforcement would have refused is told by rule, exactly as often as
 * it was planted; the tighter grants that are proposed admit every call of that day again, and no more.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startFixture, type Answered, type Fixture } from '../support/fixture.ts';
import { commandLineOf, tokenOf, type AtCommandLine } from '../support/people.ts';
import { deactivation, errorIn, withRules } from '../support/safety-scene.ts';
import { bulk, post, resultsOf } from '../support/bulk-calls.ts';
import { base, group, patch, user } from '../support/scim-calls.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const trial = 'routes.sandbox.grants[3].users';

const config = withRules({
  target:
    '    guards: [{ name: leave, actions: [users:deactivate], count: 3, in: 1h, per: client }]\n',
  grants: `      - client: trial
        mode: shadow
        until: 2099-01-01
        users:
          actions: [read, search, create, update, rename, deactivate, delete]
          write: { only: [name, displayName, title] }
          when: after.userName.endsWith("@example.com")
      - { client: both, users: { actions: [read, update], write: { only: [title, nickName] } } }
      - { client: both, users: { actions: [rename, create], write: { only: [locale] } } }
`,
  route: '    bulk: { operations: 20 }\n    approval: { required: [groups:delete] }\n',
  clients:
    '  both: { owner: iam@example.com, purpose: two grants, expires: 2099-12-31, auth: [{ apiKey: {} }] }\n  trial: { owner: iam@example.com, purpose: a new sync, expires: 2099-12-31, auth: [{ apiKey: {} }] }\n',
});

/** Numbers from a seed (mulberry32), below `end`. */
const seeded = (seed: number) => {
  let state = seed;
  return (end: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
  };
};

type Call = Readonly<{
  client: 'both' | 'full' | 'reader' | 'trial' | 'stranger';
  method: string;
  path: string;
  body?: object;
  /** What it comes to; default: it passes. */
  ends?: string;
  /** Rule that would have stopped it, in the trial. */
  planted?: string;
}>;

/** The kinds of calls of a day; `{name}` is the id of a person or group of that day. */
const kinds: readonly ((person: string, number: number) => Call)[] = [
  (person) => ({ client: 'full', method: 'GET', path: `/Users/{${person}}` }),
  (_, number) => ({
    client: 'full',
    method: 'POST',
    path: '/Users',
    body: user(`new${number}@example.com`),
  }),
  (person, number) => ({
    client: 'full',
    method: 'PATCH',
    path: `/Users/{${person}}`,
    body: patch({ op: 'replace', value: { title: `T${number}`, 'name.givenName': `G${number}` } }),
  }),
  (person, number) => ({
    client: 'full',
    method: 'PATCH',
    path: `/Users/{${person}}`,
    body: patch({ op: 'replace', path: 'userName', value: `renamed${number}@example.com` }),
  }),
  (person) => ({
    client: 'full',
    method: 'PATCH',
    path: '/Groups/{team}',
    body: patch({ op: 'add', path: 'members', value: [{ value: `{${person}}` }] }),
  }),
  (person, number) => ({
    client: 'full',
    method: 'PUT',
    path: `/Users/{${person}}`,
    body: user(`put${number}@example.com`, {
      emails: [{ value: `put${number}@example.com`, type: 'work' }],
      [enterprise]: { department: `D${number}` },
    }),
  }),
  (person, number) => ({
    client: 'full',
    method: 'PATCH',
    path: `/Users/{${person}}`,
    body: patch({ op: 'add', path: `${enterprise}:costCenter`, value: `C${number}` }),
  }),
  (person, number) => ({
    client: 'full',
    method: 'POST',
    path: '/Bulk',
    body: bulk([
      post('one', '/Users', user(`bulk${number}@example.com`)),
      {
        method: 'PATCH',
        path: `/Users/{${person}}`,
        data: patch({ op: 'replace', path: 'preferredLanguage', value: 'en' }),
      },
    ]),
  }),
  (person, number) => ({
    client: 'both',
    method: 'PATCH',
    path: `/Users/{${person}}`,
    // Each grant allows one half.
    body: patch({
      op: 'replace',
      value: { title: `B${number}`, userName: `both${number}@example.com` },
    }),
  }),
  // What waits for people was granted all the same.
  () => ({ client: 'full', method: 'DELETE', path: '/Groups/{spare}', ends: 'mutation_held' }),
  () => ({ client: 'reader', method: 'GET', path: '/Users?startIndex=1&count=5' }),
  () => ({ client: 'reader', method: 'GET', path: '/Schemas' }),
  (person) => ({
    client: 'reader',
    method: 'GET',
    path: `/Users?filter=${encodeURIComponent(`userName eq "${person}@example.com"`)}`,
  }),
  () => ({ client: 'stranger', method: 'GET', path: '/Users', ends: 'action_denied' }),
  (_, number) => ({
    client: 'reader',
    method: 'POST',
    path: '/Users',
    body: user(`no${number}@example.com`),
    ends: 'action_denied',
  }),
  (person) => ({ client: 'trial', method: 'GET', path: `/Users/{${person}}` }),
  (_, number) => ({
    client: 'trial',
    method: 'POST',
    path: '/Users',
    body: user(`joined${number}@example.com`, { displayName: `J ${number}` }),
  }),
  (_, number) => ({
    client: 'trial',
    method: 'POST',
    path: '/Users',
    body: user(`outside${number}@elsewhere.org`),
    planted: `${trial}.when`,
  }),
  (person, number) => ({
    client: 'trial',
    method: 'PATCH',
    path: `/Users/{${person}}`,
    body: patch({ op: 'replace', path: 'nickName', value: `N${number}` }),
    planted: `${trial}.write`,
  }),
  (person, number) => ({
    client: 'trial',
    method: 'PATCH',
    path: `/Users/{${person}}`,
    body: patch({ op: 'replace', path: 'displayName', value: `D ${number}` }),
  }),
];

const people = Array.from({ length: 12 }, (_, at) => `p${at}`);
const leavers = Array.from({ length: 5 }, (_, at) => `leaver${at}`);

/** A day: mixed calls in an order of their own, and five leavers of the sync among them. */
const dayOf = (seed: number): readonly Call[] => {
  const next = seeded(seed);
  const calls = Array.from({ length: 150 }, (_, number): Call => {
    // Each kind is there at least once, whatever the seed.
    const kind = number < kinds.length ? number : next(kinds.length);
    const make = kinds[kind] as (typeof kinds)[number];
    return make(people[next(people.length)] as string, number);
  });
  for (const [at, leaver] of leavers.entries()) {
    const call: Call = {
      client: 'trial',
      method: 'PATCH',
      path: `/Users/{${leaver}}`,
      body: deactivation,
    };
    // Three pass the guard; the others would have waited.
    const planted = at < 3 ? {} : { planted: 'guards.leave' };
    calls.splice(20 * (at + 1), 0, { ...call, ...planted });
  }
  return calls;
};

type ShadowRow = Readonly<{ rule: string; count: number; clients: string[]; examples: string[] }>;

describe('a recorded day', () => {
  let fixture: Fixture;
  let alice: AtCommandLine;
  let answers: readonly string[];
  const day = dayOf(20_261_127);
  before(async () => {
    fixture = await startFixture({
      config,
      clients: ['both', 'full', 'narrow', 'reader', 'stranger', 'trial'],
    });
    alice = commandLineOf(fixture, await tokenOf(fixture, 'alice'));
  });
  after(() => fixture.stop());

  const ask = (client: string, method: string, path: string, body?: object): Promise<Answered> =>
    fixture.ask(method, `${base}${path}`, {
      key: fixture.keys[client] as string,
      ...(body === undefined ? {} : { body }),
    });
  /** Plays the day with people of its own; `passed` or why not. */
  const play = async (round: string): Promise<readonly string[]> => {
    const ids = new Map<string, string>();
    for (const name of [...people, ...leavers]) {
      const made = await ask('full', 'POST', '/Users', user(`${round}${name}@example.com`));
      ids.set(name, String(made.body['id']));
    }
    for (const name of ['team', 'spare']) {
      const made = await ask('full', 'POST', '/Groups', group(`${round}${name}`));
      ids.set(name, String(made.body['id']));
    }
    const fill = (text: string): string =>
      text
        .replace(/\{(\w+)\}/g, (_, name: string) => ids.get(name) ?? name)
        .replaceAll(/(new|renamed|joined|outside|put|bulk|both)(\d+)@/g, `${round}$1$2@`);
    const out: string[] = [];
    for (const { client, method, path, body } of day) {
      const given = body && (JSON.parse(fill(JSON.stringify(body))) as object);
      const answer = await ask(client, method, fill(path), given);
      out.push(answer.status < 300 ? 'passed' : String(errorIn(answer)['code']));
      if (path === '/Bulk') {
        for (const { status } of resultsOf(answer)) {
          assert.match(status, /^20[01]$/, 'each part goes through');
        }
      }
    }
    return out;
  };

  it('tells what enforcement would have refused, and by which rule', async () => {
    answers = await play('one');
    for (const [at, call] of day.entries()) {
      assert.equal(answers[at], call.ends ?? 'passed', JSON.stringify(call));
    }
    const planted = new Map<string, number>();
    for (const { planted: rule } of day) {
      if (rule !== undefined) planted.set(rule, (planted.get(rule) ?? 0) + 1);
    }
    const rows = await alice.json<readonly ShadowRow[]>('report', 'shadow', '--since', '1d');
    assert.deepEqual(new Map(rows.map(({ rule, count }) => [rule, count])), planted);
    for (const { clients, examples } of rows) {
      assert.deepEqual(clients, ['trial']);
      assert.ok(examples.every((id) => id.startsWith('led_')));
    }
    const told = await alice.run('report', 'shadow', '--since', '1d');
    assert.equal(told.code, 0, told.err);
    for (const rule of planted.keys()) assert.ok(told.out.includes(rule), told.out);
  });

  it('proposes grants that admit every call of that day again', async () => {
    const proposed = await alice.run('report', 'access', '--yaml', '--days', '2');
    assert.equal(proposed.code, 0, proposed.err);
    const grants = /^ {4}grants:[\s\S]*/m.exec(proposed.out)?.[0];
    assert.ok(grants !== undefined, proposed.out);
    await fixture.rewrite((text) => text.replace(/^ {4}grants:[\s\S]*/m, () => grants));
    await fixture.gateway.reload();
    assert.equal(fixture.gateway.status().waiting, null, 'it is no wider than before');
    assert.deepEqual(await play('two'), answers, proposed.out);
  });

  for (const [what, client, method, path, body] of [
    ['an action never used', 'full', 'DELETE', '/Users/{id}', undefined],
    ['a deactivation by who never did', 'full', 'PATCH', '/Users/{id}', deactivation],
    ['another action of the trial', 'trial', 'DELETE', '/Users/{id}', undefined],
    [
      'an attribute never written',
      'full',
      'PATCH',
      '/Users/{id}',
      patch({ op: 'replace', path: 'userType', value: 'n' }),
    ],
    [
      'an attribute of one of two grants',
      'both',
      'PATCH',
      '/Users/{id}',
      patch({ op: 'replace', path: 'nickName', value: 'n' }),
    ],
    ['an action of one of two grants', 'both', 'POST', '/Users', user('both@example.com')],
    ['a client that did nothing', 'narrow', 'GET', '/Users/{id}', undefined],
    [
      'groups nobody took members from',
      'full',
      'PATCH',
      '/Groups/{team}',
      patch({ op: 'remove', path: 'members[value eq "{id}"]' }),
    ],
    ['a list by who read one by one', 'trial', 'GET', '/Users?startIndex=1&count=5', undefined],
  ] as const) {
    it(`refuses what was granted and not used: ${what}`, async () => {
      const made = await ask(
        'full',
        'POST',
        '/Users',
        user(`${what.replaceAll(' ', '-')}@example.com`),
      );
      assert.equal(made.status, 201, made.text);
      const id = String(made.body['id']);
      const team = String(
        fixture.sandbox.stored('Group').find(({ displayName }) => displayName === 'twoteam')?.[
          'id'
        ],
      );
      const fill = (text: string): string => text.replaceAll('{id}', id).replaceAll('{team}', team);
      const given = body && (JSON.parse(fill(JSON.stringify(body))) as object);
      const refused = await ask(client, method, fill(path), given);
      assert.equal(refused.status, 403, refused.text);
      assert.match(String(errorIn(refused)['code']), /^(action|attribute|route)_denied$/);
    });
  }
});
