/** Keys, freezes and time are asked again at the last moment, and what became of a call is named. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { revokeKey } from '../../src/callers/keys.ts';
import { systemClock } from '../../src/clock.ts';
import type { KeyId, LedgerId } from '../../src/ids.ts';
import { mainConfig, startFixture, type Answered, type Fixture } from '../support/fixture.ts';
import {
  assertScimError,
  base,
  errorExtension,
  make,
  patch,
  read,
  user,
} from '../support/scim-calls.ts';
import { callAndHangUp } from '../support/hang-up.ts';
import { startSlowTarget, type SlowTarget } from '../support/slow-target.ts';

const keyIdOf = (token: string): KeyId => token.split('_')[2] as KeyId;

describe('what is asked at the last moment', () => {
  let slow: SlowTarget;
  let fixture: Fixture;
  let skewMs = 0;
  before(async () => {
    slow = await startSlowTarget();
    fixture = await startFixture({
      config: (sandboxUrl) =>
        mainConfig(slow.before(sandboxUrl)).replace(
          'timeout: 5s',
          'timeout: 5s\n    limits: { concurrent: 1 }',
        ),
      clients: ['full', 'narrow', 'reader', 'stranger'],
      clock: { ...systemClock, now: () => systemClock.now() + skewMs },
    });
  });
  afterEach(() => slow.open());
  after(async () => {
    await fixture.stop();
    await slow.stop();
  });

  /** An outcome may reach the disk up to 20 ms after the answer; asked until it is there. */
  const settledAs = async (id: string): Promise<readonly unknown[]> => {
    for (;;) {
      const shown = await fixture.gateway.context.ledger.show(id as LedgerId);
      const outcomes = shown?.outcomes ?? [];
      if (outcomes.length > 0) {
        return outcomes.map(({ outcome, settledBy }) => [outcome, settledBy]);
      }
    }
  };
  const ledgerIdOf = ({ body }: Answered): string =>
    (body[errorExtension] as { ledgerId: string }).ledgerId;
  const create = (userName: string, key?: string): Promise<Answered> =>
    fixture.ask('POST', `${base}/Users`, {
      body: user(userName, { active: undefined, title: 'x' }),
      ...(key === undefined ? {} : { key }),
    });
  /** Resolves once the ledger holds another allowed entry of this client. */
  const recorded = async (client: string, count: number): Promise<void> => {
    for (;;) {
      const rows = await fixture.gateway.context.ledger.list({ client, limit: 100 });
      if (rows.filter(({ decision }) => decision === 'allow').length >= count) return;
    }
  };

  it('revokes a key whose call waits for its slot: nothing is sent', async () => {
    slow.shut((method) => method === 'POST');
    const first = create('first@example.com');
    await slow.waiting(1);
    const second = create('second@example.com', fixture.keys['narrow']);
    await recorded('narrow', 1);
    const count = fixture.sandbox.seen().length;
    await revokeKey(fixture.gateway.context.keys, keyIdOf(String(fixture.keys['narrow'])));
    slow.open();
    assert.equal((await first).status, 201);
    const answer = await second;
    const ledgerId = ledgerIdOf(answer);
    assertScimError(answer, 401, 'caller_refused', { outcome: 'not-sent', ledgerId });
    assert.equal(fixture.sandbox.seen().length, count + 1);
    assert.deepEqual(await settledAs(ledgerId), [['not-sent', 'standing']]);
    assert.equal((await create('third@example.com', fixture.keys['narrow'])).status, 401);
  });

  it('freezes a tenant under a call that waits: nothing is sent, and thaw lets go', async () => {
    const { freezes, snapshot } = fixture.gateway.context;
    const tenant = snapshot().targets['sandbox']?.tenant as string;
    slow.shut((method) => method === 'POST');
    const first = create('frost@example.com');
    await slow.waiting(1);
    const before = (await fixture.gateway.context.ledger.list({ client: 'full', limit: 500 }))
      .length;
    const second = create('ice@example.com');
    for (let count = before; count <= before;) {
      count = (await fixture.gateway.context.ledger.list({ client: 'full', limit: 500 })).length;
    }
    await freezes.freeze('tenant', tenant, 'a drill', 'alice@example.com');
    slow.open();
    assert.equal((await first).status, 201);
    const answer = await second;
    const ledgerId = ledgerIdOf(answer);
    assertScimError(answer, 503, 'target_frozen', { outcome: 'not-sent', ledgerId });
    assert.deepEqual(await settledAs(ledgerId), [['not-sent', 'standing']]);
    const refused = await create('snow@example.com');
    assertScimError(refused, 503, 'target_frozen');
    assert.match(String(refused.headers['retry-after']), /^[1-9]/);
    assert.equal((await fixture.ask('GET', `${base}/Users`)).status, 200, 'reads go on');
    await freezes.thaw('tenant', tenant, 'alice@example.com');
    assert.equal((await create('snow@example.com')).status, 201);
  });

  it('freezes a client and a route alike', async () => {
    const { freezes } = fixture.gateway.context;
    for (const [scope, name] of [
      ['client', 'full'],
      ['route', 'sandbox'],
    ] as const) {
      await freezes.freeze(scope, name, 'a drill', 'alice@example.com');
      assertScimError(await create(`${scope}@example.com`), 503, 'target_frozen');
      await freezes.thaw(scope, name, 'alice@example.com');
    }
  });

  it('drops a caller that hung up before the ledger: nothing recorded, nothing sent', async () => {
    const id = await make(fixture, 'Users', user('gone@example.com'));
    slow.shut((method) => method === 'GET');
    const list = () => fixture.gateway.context.ledger.list({ client: 'full', limit: 500 });
    const before = { seen: fixture.sandbox.seen().length, rows: (await list()).length };
    const body = JSON.stringify(patch({ op: 'replace', path: 'title', value: 'never' }));
    await callAndHangUp(fixture, slow, { method: 'PATCH', path: `${base}/Users/${id}`, body });
    assert.equal(fixture.sandbox.seen().length, before.seen);
    assert.equal((await list()).length, before.rows);
    assert.equal((await read(fixture, 'Users', id))['title'], undefined);
  });

  it('names a connection that died under a mutation: in doubt, 502, never repeated', async () => {
    slow.shut((method) => method === 'POST');
    const call = create('doubt@example.com');
    await slow.waiting(1);
    slow.cut();
    const answer = await call;
    const ledgerId = ledgerIdOf(answer);
    const detail = assertScimError(answer, 502, 'target_unreachable', {
      outcome: 'in-doubt',
      ledgerId,
    });
    assert.match(detail, /not known/);
    assert.deepEqual(await settledAs(ledgerId), [['in-doubt', 'connection']]);
  });

  it('stops deciding while the clock cannot be trusted, and a person can trust it again', async () => {
    skewMs = 60_000;
    const answer = await fixture.ask('GET', `${base}/Users`);
    assertScimError(answer, 503, 'clock_untrusted');
    assert.match(String(answer.headers['retry-after']), /^[1-9]/);
    assert.equal((await create('later@example.com')).status, 503);
    const ready = await fetch(`http://127.0.0.1:${fixture.gateway.admin.port}/readyz?verbose`);
    assert.equal(ready.status, 503);
    skewMs = -60_000;
    assertScimError(await fixture.ask('GET', `${base}/Users`), 503, 'clock_untrusted');
    skewMs = 0;
    assert.equal((await fixture.ask('GET', `${base}/Users`)).status, 200);
  });
});
