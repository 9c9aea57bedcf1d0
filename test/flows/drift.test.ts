/**
 * Later proofs of effect as the route file asks for them (`verify: {actions, again, every}`), with the
 * real passage and the command line: a target that says yes and forgets is found out.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import type { CheckState } from '../../src/drift/check-store.ts';
import type { DriftListed } from '../../src/drift/drift-acts.ts';
import { day, minute, shiftedClock, type Noted, type ShiftedClock } from '../drift/drift-scene.ts';
import { startOddTarget } from '../support/odd-target.ts';
import { runInProcess } from '../support/run-program.ts';
import { sqliteStore } from '../support/test-store.ts';
import { mainConfig, startFixture, targetToken, type Fixture } from '../support/fixture.ts';
import { planRollback, runRollback } from '../support/rollback-run.ts';
import { assertScimError, base, group, make, patch, user } from '../support/scim-calls.ts';
import { deactivation } from '../support/safety-scene.ts';
import { issueToken } from '../support/people.ts';

const operator = 'alice@example.com';
const set = (path: string, value: unknown) => ({ op: 'replace', path, value });

const config = (url: string): string =>
  mainConfig(url)
    .replace(
      '    before: capture\n',
      `    before: capture
    verify: { actions: [users:create, users:update, users:deactivate, users:delete, groups:add-member], again: [1m, 15m], every: 1d }
    approval: { required: [users:delete] }
`,
    )
    .replace('deactivate, delete]', 'deactivate, delete, password]');

describe('drift', () => {
  let fixture: Fixture;
  let clock: ShiftedClock;
  let token = '';
  const noted: Noted[] = [];
  const counted: Readonly<{ watching: number; drifted: number }>[] = [];
  before(async () => {
    clock = shiftedClock();
    fixture = await startFixture({
      clock,
      config,
      // A shared store compares clocks, and would not trust this one.
      store: sqliteStore,
      observer: {
        note: (_level, event, fields) => void noted.push({ event, fields }),
        driftCounted: (now) => void counted.push(now),
      },
    });
    token = await issueToken(fixture, operator);
  });
  after(() => fixture.stop());

  const drift = (...args: readonly string[]) =>
    runInProcess(
      [
        'drift',
        ...args,
        '--config',
        fixture.configPath,
        '--admin',
        `http://127.0.0.1:${fixture.gateway.admin.port}`,
      ],
      { SALLYPORT_ADMIN_TOKEN: token },
    );
  const change = async (method: string, path: string, body?: object): Promise<string> => {
    const answer = await fixture.ask(method, `${base}${path}`, body === undefined ? {} : { body });
    assert.ok(answer.status < 300, answer.text);
    return String(answer.headers['sallyport-ledger-id']);
  };
  const outside = async (method: 'PATCH' | 'DELETE', path: string, body?: object) => {
    const { statusCode, body: answer } = await request(`${fixture.sandbox.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${targetToken}`, 'content-type': 'application/scim+json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    await answer.dump();
    assert.ok(statusCode < 300);
  };
  const rowOf = async (entry: string): Promise<DriftListed | undefined> => {
    const rows = await fixture.gateway.context.drift.list({ limit: 1_000 });
    return rows.find((row) => row.entry === entry);
  };
  /** Waits for it, as rounds go on by themselves. */
  const until = async (
    entry: string,
    fits: (row: DriftListed) => boolean,
  ): Promise<DriftListed> => {
    const end = performance.now() + 10_000;
    for (;;) {
      const row = await rowOf(entry);
      if (row !== undefined && fits(row)) return row;
      assert.ok(performance.now() < end, `${JSON.stringify(row)} at ${clock.now()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const kept = (entry: string) => until(entry, () => true);
  /** Lets time go by, until the resource was looked at once more. */
  const lookedAt = async (entry: string, ms: number): Promise<DriftListed> => {
    const { dueAt } = await kept(entry);
    clock.advance(ms);
    return until(entry, (row) => row.dueAt !== dueAt && row.dueAt > clock.now() + 300_000);
  };
  const state = async (entry: string): Promise<CheckState | undefined> =>
    (await rowOf(entry))?.state;

  it('finds out a target that said yes and forgot, and writes it again', async () => {
    const ann = await make(fixture, 'Users', user('ann@example.com'));
    const entry = await change('PATCH', `/Users/${ann}`, deactivation);
    await kept(entry);
    assert.equal((await lookedAt(entry, minute)).state, 'watching');
    assert.doesNotMatch((await drift('list')).out, /drf_/);
    await outside('PATCH', `/Users/${ann}`, patch(set('active', true)));
    const found = await lookedAt(entry, 15 * minute);
    assert.deepEqual([found.state, found.paths], ['drifted', ['active']]);
    const alarm = noted.filter(({ event }) => event === 'drift.found').at(-1);
    assert.deepEqual(
      [alarm?.fields['ledgerId'], alarm?.fields['attributes'], alarm?.fields['route']],
      [entry, 'active', 'sandbox'],
    );
    // Counted at the end of the round.
    while (counted.at(-1)?.drifted !== 1) await new Promise((resolve) => setTimeout(resolve, 5));
    const list = await drift('list');
    assert.equal(list.code, 0, list.err);
    assert.match(list.out, new RegExp(`${found.id} +drifted +sandbox +User +active`));
    const shown = await drift('show', found.id);
    assert.equal(shown.code, 0, shown.err);
    for (const said of ['active', 'false', 'true', entry])
      assert.ok(shown.out.includes(said), said);
    const [act] = await fixture.gateway.context.ledger.list({ subject: ann, limit: 1 });
    assert.equal(act?.id, entry, 'to look writes nothing at the target');
    const again = await drift('reapply', found.id);
    assert.equal(again.code, 0, again.err);
    assert.match(again.out, /applied/);
    const stored = fixture.sandbox.stored('User').find(({ id }) => id === ann);
    assert.equal(stored?.['active'], false);
  });

  it('takes no change through the gateway for one: rollbacks, releases, creates with a password', async () => {
    const bob = await make(
      fixture,
      'Users',
      user('bob@example.com', { title: 'A', password: 'Tr0ub4dor&3-x' }),
    );
    const first = await change('PATCH', `/Users/${bob}`, patch(set('title', 'B')));
    const { digest } = await planRollback(fixture, [first]);
    const run = await runRollback(fixture, [first], digest);
    assert.equal(run.whole, true);
    const undone = String(run.steps[0]?.result.entry);
    assert.equal((await lookedAt(undone, minute)).state, 'watching');
    const answer = await fixture.ask('DELETE', `${base}/Users/${bob}`);
    assert.equal(answer.status, 403, answer.text);
    const { holdId } = (answer.body['urn:sallyport:error'] ?? {}) as { holdId?: string };
    const [released] = await fixture.gateway.context.holds.approve(
      [String(holdId)],
      { name: operator, local: false },
      null,
    );
    assert.equal(released?.outcome, 'applied', JSON.stringify(released));
    assert.equal((await lookedAt(String(released?.entry), minute)).state, 'watching');
    const entries = [first, undone, released?.entry];
    assert.ok(!noted.some(({ fields }) => entries.includes(String(fields['ledgerId']))));
  });

  it('goes on after a restart, and every day; what is dismissed stays dismissed', async () => {
    const eve = await make(fixture, 'Users', user('eve@example.com'));
    const entry = await change('PATCH', `/Users/${eve}`, patch(set('title', 'Chief')));
    await lookedAt(entry, 16 * minute);
    await fixture.restart(clock);
    await outside('PATCH', `/Users/${eve}`, patch(set('title', 'Intruder')));
    const found = await lookedAt(entry, day);
    assert.deepEqual([found.state, found.paths], ['drifted', ['title']]);
    const dismissed = await drift('dismiss', found.id, '--reason', 'agreed with the owner');
    assert.equal(dismissed.code, 0, dismissed.err);
    clock.advance(day);
    assert.equal(await state(entry), 'dismissed');
    const all = await drift('list', '--state', 'all');
    assert.equal(all.code, 0);
    assert.match(all.out, new RegExp(`${found.id} +dismissed`));
    const unknown = await drift('show', `drf_${'0'.repeat(32)}`);
    assert.deepEqual([unknown.code, unknown.out], [1, '']);
    assert.match(unknown.err, /Nothing of that id is watched/);
    assert.match((await drift('dismiss', found.id)).err, /say why/);
  });

  it('finds out a target that lies at once', async () => {
    const lying = await startOddTarget('{}', (text) =>
      text.replace(
        '    before: capture\n',
        '    before: capture\n    verify: { actions: [users:update], again: [1s] }\n',
      ),
    );
    try {
      const dan = await make(lying.fixture, 'Users', user('dan@example.com', { title: 'A' }));
      lying.bend(({ method }) =>
        method === 'PATCH'
          ? { status: 200, body: { ...lying.store.look('Users', dan), title: 'B' } }
          : null,
      );
      const body = patch(set('title', 'B'));
      const answer = await lying.fixture.ask('PATCH', `${base}/Users/${dan}`, { body });
      assert.equal(
        assertScimError(answer, 502, 'target_refused', {
          outcome: 'in-doubt',
          ledgerId: String(answer.headers['sallyport-ledger-id']),
        }).includes('title'),
        true,
      );
      // Nobody said that it is so: it is in doubt, and no drift of what was never there.
      assert.deepEqual(await lying.fixture.gateway.context.drift.list({ limit: 10 }), []);
    } finally {
      await lying.stop();
    }
  });

  it('watches members', async () => {
    const [ann, crew] = [
      await make(fixture, 'Users', user('m@example.com')),
      await make(fixture, 'Groups', group('app-crew')),
    ];
    const entry = await change(
      'PATCH',
      `/Groups/${crew}`,
      patch({ op: 'add', path: 'members', value: [{ value: ann }] }),
    );
    await outside('PATCH', `/Groups/${crew}`, patch({ op: 'remove', path: 'members' }));
    assert.deepEqual((await lookedAt(entry, minute)).paths, ['members']);
  });
});
