/**
 * Repeats long after: on day 15 the bytes of deliveries are gone and the marks are not, on day 40 the
 * window of signed ids has passed too. Days pass by a clock that leaps with the gateway stopped.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock, type Clock } from '../../src/clock.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import {
  githubMessage,
  hookConfig,
  hookEnv,
  standardMessage,
  startHookReceiver,
  type HookReceiver,
} from '../support/hooks.ts';
import { testEngine } from '../support/test-store.ts';

const dayMs = 86_400_000;

const clockAhead = (ms: number): Clock => ({ ...systemClock, now: () => systemClock.now() + ms });

describe(
  'a message that is replayed',
  {
    skip:
      testEngine === 'sqlite'
        ? false
        : 'days leap by, and a shared store has a clock of its own that does not',
  },
  () => {
    let receiver: HookReceiver;
    let fixture: Fixture;
    const sentAt = systemClock.now();
    const hr = standardMessage({
      id: 'msg_day0',
      at: sentAt,
      body: '{"type":"moved","user":"ann@example.com"}',
    });
    const hub = githubMessage(
      'd-day0',
      '{"action":"member_added","organization":{"login":"acme"}}',
    );
    before(async () => {
      receiver = await startHookReceiver();
      fixture = await startFixture({ config: hookConfig(receiver.url), env: hookEnv });
      assert.equal((await fixture.ask('POST', '/hooks/hr', hr)).status, 202);
      assert.equal((await fixture.ask('POST', '/hooks/github', hub)).status, 202);
      await receiver.until(2);
    });
    after(async () => {
      await fixture.stop();
      await receiver.stop();
    });

    const leapTo = async (days: number): Promise<void> => {
      const clock = clockAhead(days * dayMs);
      await fixture.restart(clock);
      const { retention } = fixture.gateway.context.snapshot().store;
      const now = clock.now();
      const limits = {
        now,
        bodiesBefore: now - retention.bodiesMs,
        deliveriesBefore: now - retention.deliveriesMs,
      };
      while (await fixture.gateway.foundation.stores.events.prune(limits));
    };
    const events = async () => fixture.gateway.foundation.stores.events.list({ limit: 100 });

    it('on day 15: its time is stale where it was signed, its mark is known where it was not', async () => {
      await leapTo(15);
      const old = await fixture.ask('POST', '/hooks/hr', hr);
      assert.equal(old.status, 401);
      assert.equal(old.body['code'], 'timestamp_stale');
      // The sender itself may try again with a new time under the same id.
      const again = await fixture.ask(
        'POST',
        '/hooks/hr',
        standardMessage({
          id: 'msg_day0',
          at: sentAt + 15 * dayMs,
          body: '{"type":"moved","user":"ann@example.com"}',
        }),
      );
      assert.equal(again.headers['sallyport-duplicate'], 'true');
      const replay = await fixture.ask('POST', '/hooks/github', hub);
      assert.equal(replay.headers['sallyport-duplicate'], 'true');
      // An id that is not signed can be changed by whoever replays; body and signature cannot.
      const other = await fixture.ask('POST', '/hooks/github', {
        ...hub,
        headers: { ...hub.headers, 'x-github-delivery': 'd-other' },
      });
      assert.equal(other.headers['sallyport-duplicate'], 'true');
      assert.equal(receiver.got.length, 2);
    });

    it('on day 40: stale, or still known where no signed time protects it', async () => {
      await leapTo(40);
      assert.equal((await fixture.ask('POST', '/hooks/hr', hr)).status, 401);
      const replay = await fixture.ask('POST', '/hooks/github', hub);
      assert.equal(replay.headers['sallyport-duplicate'], 'true');
      assert.equal(receiver.got.length, 2);
      assert.ok(
        (await events()).every(({ kept }) => !kept),
        'their bytes are gone by then',
      );
    });
  },
);
