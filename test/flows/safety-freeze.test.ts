/**
 * One command stops every change of a system, a client or a route: told in answers, on /readyz?verbose and
 * in the metrics, recorded with who and why, and still so after a restart. Nothing that waits slips out.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import { Writable } from 'node:stream';
import { systemClock } from '../../src/clock.ts';
import { makeLog } from '../../src/telemetry/log.ts';
import { makeObserver } from '../../src/telemetry/make-observer.ts';
import { bulk } from '../support/bulk-calls.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import { commandLineOf, tokenOf, withPeople, type AtCommandLine } from '../support/people.ts';
import {
  changesSeen,
  deactivation,
  errorIn,
  makeUsers,
  withRules,
} from '../support/safety-scene.ts';
import { assertScimError, base, make, patch, user } from '../support/scim-calls.ts';

const config = withRules({
  target: '    tenant: suite\n',
  route: '    bulk: { operations: 10 }\n    approval: { required: [users:deactivate] }\n',
  change: (text) =>
    withPeople(text, { alice: ['viewer', 'operator'], bob: ['viewer', 'approver'] }),
});

type Check = Readonly<{ name: string; ok: boolean; detail: string }>;

describe('a freeze', () => {
  let fixture: Fixture;
  let alice: AtCommandLine;
  let bob: AtCommandLine;
  before(async () => {
    const log = makeLog({
      level: 'info',
      destination: new Writable({ write: (_chunk, _encoding, done) => done() }),
    });
    const real = makeObserver({ log, clock: systemClock });
    fixture = await startFixture({
      config,
      clients: ['full', 'narrow'],
      observer: real,
      deps: { metrics: () => real.prometheus() },
    });
    alice = commandLineOf(fixture, await tokenOf(fixture, 'alice'));
    bob = commandLineOf(fixture, await tokenOf(fixture, 'bob'));
  });
  after(() => fixture.stop());

  const ofAdmin = async (path: string): Promise<string> => {
    const answer = await request(`http://127.0.0.1:${fixture.gateway.admin.port}${path}`);
    return answer.body.text();
  };
  /** What operators see: the line of readiness, whether it decides, and the gauge by scope. */
  const seen = async () => {
    const { checks } = JSON.parse(await ofAdmin('/readyz?verbose')) as { checks: readonly Check[] };
    const line = checks.find(({ name }) => name === 'freezes');
    const metrics = await ofAdmin('/metrics');
    const gauge = (scope: string): number =>
      Number(
        new RegExp(`^sallyport_freezes\\{[^}]*scope="${scope}"[^}]*\\} (\\d+)$`, 'm').exec(
          metrics,
        )?.[1] ?? 0,
      );
    const ready = (await request(`http://127.0.0.1:${fixture.gateway.admin.port}/readyz`))
      .statusCode;
    return {
      ok: line?.ok,
      detail: String(line?.detail),
      gauges: [gauge('tenant'), gauge('client'), gauge('route')],
      ready,
    };
  };
  const acts = async (word: string): Promise<readonly string[]> => {
    const lines: string[] = [];
    for await (const line of fixture.gateway.context.exportLedger({ format: 'ndjson' })) {
      if (line.includes(word)) lines.push(line);
    }
    return lines;
  };

  for (const [name, scope, gauges, others] of [
    ['suite', 'tenant', [1, 0, 0], 503],
    ['full', 'client', [0, 1, 0], 201],
  ] as const) {
    it(`of a ${scope} is one command, and seen wherever people look`, async () => {
      const id = await make(fixture, 'Users', user(`${scope}@example.com`));
      const ran = await alice.run('freeze', name, '--reason', 'Jane Doe has lost her laptop');
      assert.equal(ran.code, 0, ran.err);
      const told = await seen();
      assert.deepEqual([told.ok, told.gauges, told.ready], [false, gauges, 200], told.detail);
      assert.match(told.detail, new RegExp(`^${scope} ${name} since `));
      const before = changesSeen(fixture);
      const title = patch({ op: 'replace', path: 'title', value: 'T' });
      for (const [method, path, body] of [
        ['POST', '/Users', user('frozen@example.com')],
        ['PATCH', `/Users/${id}`, title],
        ['PATCH', `/Users/${id}`, deactivation],
        ['DELETE', `/Users/${id}`, undefined],
        ['POST', '/Bulk', bulk([{ method: 'DELETE', path: `/Users/${id}` }])],
      ] as const) {
        const answer = await fixture.ask(method, `${base}${path}`, { body });
        const detail = assertScimError(answer, 503, 'target_frozen');
        assert.match(detail, new RegExp(scope));
        assert.ok(!detail.includes('Jane'), 'why is for people with a token');
        assert.match(String(answer.headers['retry-after']), /^\d+$/);
      }
      assert.equal(changesSeen(fixture), before);
      assert.equal((await fixture.ask('GET', `${base}/Users/${id}`)).status, 200, 'reads go on');
      const key = fixture.keys['narrow'] as string;
      const other = await fixture.ask('POST', `${base}/Users`, {
        key,
        body: user(`other-${scope}@example.com`),
      });
      assert.equal(other.status, others, other.text);
      const [act] = await acts('freezes.freeze').then((all) => all.slice(-1));
      assert.ok(act?.includes('alice@example.com') && act.includes('laptop'), act);

      await fixture.restart(systemClock);
      assert.equal(
        (await fixture.ask('PATCH', `${base}/Users/${id}`, { body: title })).status,
        503,
      );
      assert.deepEqual((await seen()).gauges, gauges);
      const thawed = await alice.run('thaw', name);
      assert.equal(thawed.code, 0, thawed.err);
      const clear = await seen();
      assert.deepEqual([clear.ok, clear.gauges], [true, [0, 0, 0]]);
      assert.equal(
        (await fixture.ask('PATCH', `${base}/Users/${id}`, { body: title })).status,
        200,
      );
    });
  }

  it('holds what was approved back, and a thaw lets nothing out that nobody looks at', async () => {
    const [id = ''] = await makeUsers(fixture, 'waits', 1);
    const held = await fixture.ask('PATCH', `${base}/Users/${id}`, { body: deactivation });
    const hold = String(errorIn(held)['holdId']);
    assert.equal((await alice.run('freeze', 'suite', '--reason', 'a drill')).code, 0);
    const refused = await bob.run('holds', 'approve', hold, '--json');
    assert.equal(refused.code, 1);
    const [decided] = JSON.parse(refused.out) as Record<string, unknown>[];
    assert.equal(decided?.['state'], 'pending');
    assert.match(String(decided?.['note']), /^it waits for approval anew: target_frozen/);
    assert.equal((await alice.run('thaw', 'suite')).code, 0);
    const stands = (): unknown =>
      fixture.sandbox.stored('User').find((one) => one['id'] === id)?.['active'];
    const [row] = await bob.json<readonly Record<string, unknown>[]>('holds', 'list');
    assert.deepEqual([row?.['id'], row?.['state'], stands()], [hold, 'pending', true]);
    const [out] = await bob.json<readonly Record<string, unknown>[]>('holds', 'approve', hold);
    assert.deepEqual([out?.['state'], stands()], ['released', false]);
  });

  it('is for operators, with a reason', async () => {
    const without = await alice.run('freeze', 'suite');
    assert.notEqual(without.code, 0);
    const approver = await bob.run('freeze', 'suite', '--reason', 'I may not');
    assert.equal(approver.code, 1);
    assert.match(approver.err, /operator/);
    assert.deepEqual((await seen()).gauges, [0, 0, 0]);
  });
});
