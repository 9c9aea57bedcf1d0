/** A changed route file under load: refused whole, kept waiting, or in force, and no call ever notices. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock, type Clock } from '../../src/clock.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import { base, make, patch, user } from '../support/scim-calls.ts';
import { testEngine } from '../support/test-store.ts';

/** A clock on which a second lasts an eighth: the watch's second of quiet need not be sat out. */
const fastClock = (): Clock => {
  const factor = 8;
  const wall = systemClock.now();
  const origin = systemClock.monotonic();
  const elapsed = (): number => (systemClock.monotonic() - origin) * factor;
  return {
    now: () => Math.round(wall + elapsed()),
    monotonic: elapsed,
    after: (ms, run) => systemClock.after(ms / factor, run),
  };
};

describe('a reload', () => {
  let fixture: Fixture;
  let ann: string;
  before(async () => {
    // A gateway whose clock departs from a shared store's stops deciding: then the second is sat out.
    const clock = testEngine === 'sqlite' ? fastClock() : systemClock;
    fixture = await startFixture({ clock, deps: { watch: true } });
    ann = await make(fixture, 'Users', user('ann@example.com'));
  });
  after(() => fixture.stop());

  const reader = () => ({ key: fixture.keys['reader'] as string });
  const groups = async (): Promise<number> =>
    (await fixture.ask('GET', `${base}/Groups`, reader())).status;
  const config = async () => {
    const answer = await fetch(`http://127.0.0.1:${fixture.gateway.admin.port}/readyz?verbose`);
    const { ready, checks } = (await answer.json()) as {
      ready: boolean;
      checks: { name: string; ok: boolean; detail: string }[];
    };
    assert.equal(ready, true, 'a route file never makes a gateway unready');
    return checks.find(({ name }) => name === 'config');
  };
  /** Calls without a pause until `done`; every one must succeed, and reads must find the writes. */
  const loadUntil = async (done: () => boolean): Promise<number> => {
    let calls = 0;
    while (!done()) {
      const title = `T${calls}`;
      const body = patch({ op: 'replace', path: 'title', value: title });
      const [changed, read] = await Promise.all([
        fixture.ask('PATCH', `${base}/Users/${ann}`, { body }),
        fixture.ask('GET', `${base}/Users/${ann}`, reader()),
      ]);
      assert.equal(changed.status, 200, changed.text);
      assert.equal(changed.body['title'], title);
      assert.equal(read.status, 200, read.text);
      calls += 2;
    }
    return calls;
  };
  const status = () => fixture.gateway.status();

  it('of a bad file fails no call, keeps the old snapshot and says so with the place', async () => {
    const { version } = status();
    await fixture.rewrite((text) =>
      text.replace('actions: [read, search] }', 'actions: [read, find] }'),
    );
    assert.ok((await loadUntil(() => status().problems.length > 0)) > 0);
    assert.equal(status().version, version);
    const check = await config();
    assert.equal(check?.ok, false);
    assert.match(check?.detail ?? '', /gateway\.yaml:\d+:\d+: /);
    await fixture.rewrite((text) =>
      text.replace('actions: [read, find] }', 'actions: [read, search] }'),
    );
    await loadUntil(() => status().problems.length === 0);
    assert.equal((await config())?.ok, true);
    assert.equal(status().version, version);
  });

  it('that widens waits until a person applies it', async () => {
    const { version } = status();
    assert.equal(await groups(), 403);
    await fixture.rewrite((text) =>
      text.replace(
        'users: { actions: [read, search] } }',
        'users: { actions: [read, search] }, groups: { actions: [read, search] } }',
      ),
    );
    await loadUntil(() => status().waiting !== null);
    const { waiting } = status();
    assert.equal(status().version, version);
    assert.equal(await groups(), 403, 'nothing is allowed before somebody says so');
    assert.ok(
      waiting?.widens.some((what) => what.includes('reader')),
      waiting?.widens.join(),
    );
    assert.match((await config())?.detail ?? '', /waits/);
    const { config: acts } = fixture.gateway.context;
    assert.equal(await acts.apply('another version', 'alice@example.com'), null);
    assert.equal(await acts.apply(waiting?.version ?? null, 'alice@example.com'), waiting?.version);
    assert.equal(status().version, waiting?.version);
    assert.equal(await groups(), 200);
  });

  it('that narrows counts at once', async () => {
    const { version } = status();
    await fixture.rewrite((text) => text.replace(', groups: { actions: [read, search] } }', ' }'));
    await loadUntil(() => status().version !== version);
    assert.equal(await groups(), 403);
    assert.equal(status().waiting, null);
  });

  it('by a person (SIGHUP) applies a widening at once', async () => {
    const { version } = status();
    await fixture.rewrite((text) =>
      text.replace(
        'users: { actions: [read, search] } }',
        'users: { actions: [read, search] }, groups: { actions: [read] } }',
      ),
    );
    await fixture.gateway.reload();
    assert.notEqual(status().version, version);
    assert.equal(status().waiting, null);
  });

  it('that changes what lives as long as the process needs a restart', async () => {
    const { version } = status();
    await fixture.rewrite((text) => text.replace('environment: test', 'environment: other'));
    await fixture.gateway.reload();
    assert.equal(status().version, version);
    assert.match(status().problems.join(), /environment.*restart/);
    assert.equal((await fixture.ask('GET', `${base}/Users/${ann}`)).status, 200);
  });

  it('is recorded, with what was in force before', async () => {
    let text = '';
    const lines = fixture.gateway.context.exportLedger({ format: 'ndjson' });
    for await (const line of lines) text += line;
    assert.equal(text.match(/config\.activated/g)?.length, 3, 'applied, narrowed, by a person');
  });
});
