/**
 * Releases that must not be: by whom, of what and how. Each over the admin HTTP API, with the code and the
 * words that come back, and each leaves the target as it was.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import { askAdmin, tokenOf, withPeople, type AdminAnswer } from '../support/people.ts';
import {
  changesSeen,
  deactivation,
  holdOf,
  makeUsers,
  withRules,
} from '../support/safety-scene.ts';
import { base, patch } from '../support/scim-calls.ts';
import { testEngine } from '../support/test-store.ts';

const approval = 'routes.sandbox.approval';
const unknown = `hld_${'0'.repeat(24)}`;

const config = withRules({
  route: '    approval: { required: [users:deactivate, users:update], by: 2 }\n',
  change: (text) =>
    withPeople(text, {
      alice: ['viewer', 'operator', 'approver'],
      bob: ['viewer', 'operator', 'approver'],
      dave: ['viewer', 'operator', 'approver', 'admin'],
      carol: ['viewer', 'operator', 'approver'],
      watch: ['viewer'],
      olga: ['operator'],
      gone: ['approver'],
    }).replace('full: { owner: iam@example.com', 'full: { owner: carol@example.com'),
});

type Decided = Readonly<{ ok: boolean; state: string | null; note: string | null }>;

describe('a release that must not be', () => {
  let fixture: Fixture;
  const tokens = new Map<string, string>();
  before(async () => {
    fixture = await startFixture({ config, clients: ['full'] });
    for (const name of ['alice', 'bob', 'dave', 'carol', 'watch', 'olga', 'gone']) {
      tokens.set(name, await tokenOf(fixture, name));
    }
  });
  after(() => fixture.stop());

  const ask = (who: string, path: string, body?: object): Promise<AdminAnswer> =>
    askAdmin(fixture, tokens.get(who) ?? who, path, body);
  const approve = (who: string, body: object) => ask(who, '/holds/approve', body);
  let made = 0;
  const change = async (id: string, body: object): Promise<string> =>
    holdOf(await fixture.ask('PATCH', `${base}/Users/${id}`, { body }), approval);
  const held = async (): Promise<Readonly<{ user: string; hold: string }>> => {
    made += 1;
    const [user = ''] = await makeUsers(fixture, `refused${made}-`, 1);
    return { user, hold: await change(user, deactivation) };
  };
  /** What was decided of one hold; the call itself went well. */
  const decided = ({ status, body, text }: AdminAnswer): Decided => {
    assert.equal(status, 200, text);
    const [one] = body as readonly Decided[];
    assert.ok(one !== undefined, text);
    return one;
  };
  const refusedOf = ({ status, body }: AdminAnswer): readonly unknown[] => [
    status,
    (body as Record<string, unknown>)['code'],
  ];
  const active = (id: string): unknown =>
    fixture.sandbox.stored('User').find((user) => user['id'] === id)?.['active'];

  type Played = Readonly<{ answer: AdminAnswer; note: RegExp; state: string | null }>;
  const releases: Readonly<Record<string, () => Promise<Played>>> = {
    'by the owner of its client': async () => {
      const { hold } = await held();
      const note = /^you may not approve it: owner of the client$/;
      return { answer: await approve('carol', { ids: [hold] }), note, state: 'pending' };
    },
    'by whoever issued a key of its client': async () => {
      const issued = await ask('dave', '/keys', { holder: 'full' });
      assert.equal(issued.status, 200, issued.text);
      const { hold } = await held();
      const note = /^you may not approve it: issued the client's key$/;
      return { answer: await approve('dave', { ids: [hold] }), note, state: 'pending' };
    },
    'by whoever issued a key, let it be used, and revoked it before they approve': async () => {
      const issued = await ask('bob', '/keys', { holder: 'full' });
      const { token, key } = issued.body as { token: string; key: { id: string } };
      made += 1;
      const [user = ''] = await makeUsers(fixture, `refused${made}-`, 1);
      const call = { key: token, body: deactivation };
      const hold = holdOf(await fixture.ask('PATCH', `${base}/Users/${user}`, call), approval);
      const revoked = await ask('bob', `/keys/${key.id}/revoke`, {});
      assert.equal(revoked.status, 200, revoked.text);
      const note = /^you may not approve it: issued the client's key$/;
      return { answer: await approve('bob', { ids: [hold] }), note, state: 'pending' };
    },
    'by one person with two tokens': async () => {
      const { hold } = await held();
      const first = decided(await approve('alice', { ids: [hold] }));
      assert.deepEqual([first.ok, first.note], [true, '1 of 2 approvals']);
      const other = await tokenOf(fixture, 'alice');
      const note = /^you may not approve it: approved already$/;
      return { answer: await approve(other, { ids: [hold] }), note, state: 'pending' };
    },
    'by one person who names it twice in one call': async () => {
      const { hold } = await held();
      const answer = await approve('alice', { ids: [hold, hold] });
      assert.equal((answer.body as unknown[]).length, 1);
      assert.equal(decided(answer).note, '1 of 2 approvals');
      const again = await approve('alice', { ids: [hold] });
      return { answer: again, note: /approved already$/, state: 'pending' };
    },
    'of a body that its client replaced': async () => {
      const { user, hold } = await held();
      assert.ok(decided(await approve('alice', { ids: [hold] })).ok);
      const both = patch(
        { op: 'replace', path: 'active', value: false },
        { op: 'replace', path: 'title', value: 'None' },
      );
      const first = await change(user, both);
      const next = patch(
        { op: 'replace', path: 'active', value: false },
        { op: 'replace', path: 'title', value: 'Another' },
      );
      const second = await change(user, next);
      assert.notEqual(first, second);
      assert.deepEqual(
        [decided(await approve('alice', { ids: [second] })).note],
        ['1 of 2 approvals'],
        'what was approved before does not count',
      );
      const note = /^its client sent another change instead$/;
      return { answer: await approve('alice', { ids: [first] }), note, state: 'replaced' };
    },
    'of something else than was looked at': async () => {
      const { user, hold } = await held();
      const shown = await ask('alice', `/holds/${hold}`);
      const { version } = shown.body as { version: string };
      assert.match(version, /^[0-9a-f]{12}$/);
      const body = {
        ids: [hold],
        version: `${version.startsWith('0') ? '1' : '0'}${version.slice(1)}`,
      };
      assert.equal(active(user), true);
      const note = /^it is not what you looked at any more: show it again$/;
      return { answer: await approve('alice', body), note, state: 'pending' };
    },
    'of what was rejected': async () => {
      const { hold } = await held();
      const reason = 'not today';
      assert.ok(decided(await ask('alice', '/holds/reject', { ids: [hold], reason })).ok);
      const answer = await approve('alice', { ids: [hold] });
      return { answer, note: /^it was rejected$/, state: 'rejected' };
    },
    'of what nobody holds': async () => ({
      answer: await approve('alice', { ids: [unknown] }),
      note: /^there is no such hold$/,
      state: null,
    }),
  };

  for (const [name, play] of Object.entries(releases)) {
    it(name, async () => {
      const seen = () => changesSeen(fixture) - made;
      const before = seen();
      const { answer, note, state } = await play();
      const { ok, state: standing, note: told } = decided(answer);
      assert.equal(ok, false);
      assert.match(String(told), note);
      assert.equal(standing, state);
      assert.equal(seen(), before, 'nothing reached the target');
    });
  }

  it('a second time: it was released already, and nothing goes out again', async () => {
    const { user, hold } = await held();
    const extra = await tokenOf(fixture, 'alice');
    assert.ok(decided(await approve(extra, { ids: [hold] })).ok);
    // Nobody but alice is left who may: bob and dave issued keys, so a fresh approver comes in.
    await fixture.rewrite((text) =>
      text.replace(
        '{ name: gone@example.com',
        '{ name: erin@example.com, roles: [approver], until: 2099-12-31 }, { name: gone@example.com',
      ),
    );
    await fixture.gateway.reload();
    tokens.set('erin', await tokenOf(fixture, 'erin'));
    assert.equal(decided(await approve('erin', { ids: [hold] })).note, '1 of 2 approvals');
    const both = await Promise.all([1, 2, 3].map(() => approve('alice', { ids: [hold] })));
    const ends = both.map(decided);
    assert.equal(ends.filter(({ ok }) => ok).length, 1, JSON.stringify(ends));
    assert.equal(active(user), false);
    const seen = changesSeen(fixture);
    for (const who of ['alice', 'erin']) {
      const again = decided(await approve(who, { ids: [hold] }));
      assert.deepEqual(
        [again.ok, again.note, again.state],
        [false, 'it was released already', 'released'],
      );
    }
    assert.equal(changesSeen(fixture), seen);
  });

  it('by nobody who has the say: keys of clients, roles, ended tokens, no token', async () => {
    const { user, hold } = await held();
    const body = { ids: [hold] };
    const refusals: readonly (readonly [string, AdminAnswer, number, string])[] = [
      [
        'the key of its client',
        await askAdmin(fixture, fixture.keys['full'] as string, '/holds/approve', body),
        401,
        'caller_refused',
      ],
      ['no token', await askAdmin(fixture, null, '/holds/approve', body), 401, 'caller_refused'],
      [
        'a made-up token',
        await askAdmin(fixture, `spp_test_${'A'.repeat(43)}`, '/holds/approve', body),
        401,
        'caller_refused',
      ],
      ['a viewer', await approve('watch', body), 403, 'action_denied'],
      ['an operator', await approve('olga', body), 403, 'action_denied'],
      [
        'a viewer who rejects',
        await ask('watch', '/holds/reject', { ...body, reason: 'no' }),
        403,
        'action_denied',
      ],
      [
        'two bodies in one',
        await approve('alice', { ids: [hold], batch: 'x' }),
        400,
        'value_invalid',
      ],
      [
        'a version of two',
        await approve('alice', { ids: [hold, unknown], version: '0'.repeat(12) }),
        400,
        'value_invalid',
      ],
      ['an id that is none', await approve('alice', { ids: ['hld_1'] }), 400, 'value_invalid'],
      [
        'too many',
        await approve('alice', { ids: Array.from({ length: 501 }, () => hold) }),
        400,
        'value_invalid',
      ],
      [
        'a batch of nothing',
        await approve('alice', { batch: 'guards.x/full@sandbox' }),
        400,
        'value_invalid',
      ],
      ['without a reason', await ask('alice', '/holds/reject', body), 400, 'value_invalid'],
    ];
    for (const [name, answer, status, code] of refusals) {
      assert.deepEqual(refusedOf(answer), [status, code], `${name}: ${answer.text}`);
    }
    // Somebody who is not in the file any more.
    await fixture.rewrite((text) => text.replace(/, \{ name: gone@example.com[^}]*\}/, ''));
    await fixture.gateway.reload();
    assert.deepEqual(refusedOf(await approve('gone', body)), [401, 'caller_refused']);
    // A person's token is no key of a client either.
    const call = { key: tokens.get('alice') as string, body: deactivation };
    assert.equal((await fixture.ask('PATCH', `${base}/Users/${user}`, call)).status, 401);
    assert.equal(active(user), true);
    const { body: shown } = await ask('alice', `/holds/${hold}`);
    assert.equal((shown as { state: string }).state, 'pending');
  });

  it(
    'of what has expired',
    { skip: testEngine === 'sqlite' ? false : 'a shared store has a clock that does not leap' },
    async () => {
      const { user, hold } = await held();
      const dayAndMore = 25 * 3_600_000;
      await fixture.restart({ ...systemClock, now: () => systemClock.now() + dayAndMore });
      const answer = decided(await approve('alice', { ids: [hold] }));
      assert.deepEqual([answer.ok, answer.note], [false, 'it has expired']);
      assert.equal(active(user), true);
      // The client may ask again, and people anew.
      assert.notEqual(await change(user, deactivation), hold);
    },
  );
});
