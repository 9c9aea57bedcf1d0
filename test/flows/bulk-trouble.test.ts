/** A Bulk in which something goes wrong on the way: what was done stays told, what was not is not sent. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { revokeKey } from '../../src/callers/keys.ts';
import { systemClock } from '../../src/clock.ts';
import type { KeyId, LedgerId } from '../../src/ids.ts';
import {
  bulk,
  errorOf,
  inShort,
  operationExtension,
  post,
  resultsOf,
  sendBulk,
  type Result,
} from '../support/bulk-calls.ts';
import { mainConfig, startFixture, type Fixture } from '../support/fixture.ts';
import { assertScimError, base, group, make, patch } from '../support/scim-calls.ts';
import { callAndHangUp } from '../support/hang-up.ts';
import { startSlowTarget, type SlowTarget } from '../support/slow-target.ts';
import { testEngine } from '../support/test-store.ts';

/** A gateway whose clock departs from that of a shared store stops deciding. */
const leaping =
  testEngine === 'postgres' ? 'two minutes cannot leap: the store has a clock, too' : false;

describe('trouble on the way of a Bulk', () => {
  let slow: SlowTarget;
  let fixture: Fixture;
  let skewMs = 0;
  before(async () => {
    slow = await startSlowTarget();
    fixture = await startFixture({
      config: (url) => mainConfig(slow.before(url)),
      // Wall and monotonic time leap together: a slow target, not a broken clock.
      clock: {
        ...systemClock,
        now: () => systemClock.now() + skewMs,
        monotonic: () => systemClock.monotonic() + skewMs,
      },
    });
  });
  afterEach(() => slow.open());
  after(async () => {
    await fixture.stop();
    await slow.stop();
  });

  const seen = (): number => fixture.sandbox.seen().length;
  const create = (bulkId: string) =>
    post(bulkId, '/Users', {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
      userName: `${bulkId}@example.com`,
      title: 'x',
    });
  /** An outcome may reach the disk up to 20 ms after the answer; asked until it is there. */
  const settledAs = async (id: unknown): Promise<readonly unknown[]> => {
    for (;;) {
      const shown = await fixture.gateway.context.ledger.show(String(id) as LedgerId);
      const outcomes = shown?.outcomes ?? [];
      if (outcomes.length > 0) return outcomes.map(({ outcome }) => outcome);
    }
  };

  it('a key revoked in the middle ends it there: what follows is 401 and not sent', async () => {
    slow.shut((method) => method === 'POST');
    const count = seen();
    const key = fixture.keys['narrow'] as string;
    const running = sendBulk(fixture, [create('r1'), create('r2'), create('r3')], {}, { key });
    await slow.waiting(1);
    await revokeKey(fixture.gateway.context.keys, key.split('_')[2] as KeyId);
    slow.open();
    const results = resultsOf(await running);
    assert.deepEqual(inShort(results), ['POST r1 201', 'POST r2 401', 'POST r3 401']);
    assert.equal(seen(), count + 1);
    assert.equal(errorOf(results[1] as Result)['code'], 'caller_refused');
  });

  it('a target that dies in the middle leaves each entry named: made, in doubt, not sent', async () => {
    let posts = 0;
    slow.shut((method) => method === 'POST' && ++posts === 2);
    const running = sendBulk(fixture, [
      create('k1'),
      create('k2'),
      post('g', '/Groups', group('k', ['bulkId:k2'])),
      create('k3'),
    ]);
    await slow.waiting(1);
    slow.cut();
    const results = resultsOf(await running);
    assert.deepEqual(inShort(results), ['POST k1 201', 'POST k2 502', 'POST g 409', 'POST k3 201']);
    const [first, second, third] = results as [Result, Result, Result];
    const { ledgerId, outcome, code } = errorOf(second);
    assert.deepEqual([outcome, code], ['in-doubt', 'target_unreachable']);
    assert.deepEqual(await settledAs(ledgerId), ['in-doubt']);
    assert.deepEqual(await settledAs(first[operationExtension]?.ledgerId), ['applied']);
    assert.equal(second.location, undefined, 'whether it was made is not known');
    assert.equal(errorOf(third)['ledgerId'], undefined, 'it was never opened');
    const told = fixture.observed.at(-1)?.parts?.map(({ mutation }) => mutation?.outcome);
    assert.deepEqual(told, ['applied', 'in-doubt', undefined, 'applied']);
  });

  it('names a completion in doubt: the resource was made, its circular reference perhaps', async () => {
    slow.shut((method) => method === 'PATCH');
    const running = sendBulk(fixture, [
      post('a', '/Groups', group('doubt-a', ['bulkId:b'])),
      post('b', '/Groups', group('doubt-b', ['bulkId:a'])),
    ]);
    await slow.waiting(1);
    slow.cut();
    const results = resultsOf(await running);
    assert.deepEqual(inShort(results), ['POST a 201', 'POST b 502']);
    const b = results[1] as Result;
    const { ledgerId, outcome } = errorOf(b);
    assert.equal(outcome, 'in-doubt');
    assert.equal(ledgerId, b[operationExtension]?.completionLedgerId);
    assert.deepEqual(await settledAs(b[operationExtension]?.ledgerId), ['applied']);
    assert.deepEqual(await settledAs(ledgerId), ['in-doubt']);
    assert.match(String(b.location), /\/Groups\/[^/]+$/);
  });

  it(
    'has an end: what has not begun after two minutes is 503 and not sent',
    { skip: leaping },
    async () => {
      let posts = 0;
      slow.shut((method) => method === 'POST' && ++posts === 1);
      const count = seen();
      const running = sendBulk(fixture, [
        post('a', '/Groups', group('late-a', ['bulkId:b'])),
        post('b', '/Groups', group('late-b', ['bulkId:a'])),
        create('late'),
      ]);
      await slow.waiting(1);
      skewMs += 121_000;
      slow.open();
      const results = resultsOf(await running);
      assert.deepEqual(inShort(results), ['POST a 503', 'POST b 409', 'POST late 503']);
      assert.equal(seen(), count + 1);
      assert.equal(errorOf(results[2] as Result)['code'], 'target_overloaded');
      assert.match(String(results[1]?.response?.['detail']), /was made, but not its reference/);
    },
  );

  it('sends nothing where a current resource that decides cannot be read', async () => {
    const id = await make(fixture, 'Groups', group('unreadable'));
    slow.shut((method) => method === 'GET');
    const count = seen();
    const running = sendBulk(fixture, [
      create('unread'),
      {
        method: 'PATCH',
        path: `/Groups/${id}`,
        data: patch({ op: 'replace', path: 'displayName', value: 'renamed' }),
      },
    ]);
    // A read is tried again: whatever of it arrives is cut.
    const run = { answered: false };
    void running.finally(() => {
      run.answered = true;
    });
    while (!run.answered) {
      slow.cut();
      await new Promise(setImmediate);
    }
    const detail = assertScimError(await running, 503, 'target_unreachable');
    assert.match(detail, /^Operation 2: .*nothing was changed/);
    assert.equal(seen(), count);
  });

  it('stops where the caller hangs up: nothing more is sent', async () => {
    slow.shut((method) => method === 'POST');
    const count = seen();
    const body = JSON.stringify(bulk([create('h1'), create('h2')]));
    await callAndHangUp(fixture, slow, { method: 'POST', path: `${base}/Bulk`, body });
    assert.equal(seen(), count + 1);
  });

  it('a frozen tenant refuses it whole', async () => {
    const { freezes, snapshot } = fixture.gateway.context;
    const tenant = snapshot().targets['sandbox']?.tenant as string;
    const count = seen();
    await freezes.freeze('tenant', tenant, 'a drill', 'alice@example.com');
    assertScimError(await sendBulk(fixture, [create('f')]), 503, 'target_frozen');
    await freezes.thaw('tenant', tenant, 'alice@example.com');
    assert.equal(seen(), count);
  });

  it('is not served where the route switches it off, and discovery says so', async () => {
    await fixture.rewrite((text) =>
      text.replace('before: capture', 'before: capture\n    bulk: off'),
    );
    await fixture.gateway.reload();
    assertScimError(await sendBulk(fixture, [create('off')]), 501, 'not_supported');
    const { body } = await fixture.ask('GET', `${base}/ServiceProviderConfig`);
    assert.deepEqual(body['bulk'], { supported: false, maxOperations: 0, maxPayloadSize: 0 });
  });
});
