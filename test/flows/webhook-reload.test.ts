/** The route file changes under a load of webhooks: nothing is dropped, and nothing is let in wrongly. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startFixture, type Fixture } from '../support/fixture.ts';
import {
  hookConfig,
  hookEnv,
  standardMessage,
  startHookReceiver,
  type HookReceiver,
} from '../support/hooks.ts';

/** Another secret that takes turns with the first in the route file. */
const secondSecret = `whsec_${Buffer.alloc(24, 'second').toString('base64')}`;
const strangeSecret = `whsec_${Buffer.alloc(24, 'strange').toString('base64')}`;

describe('a reload under a load of webhooks', () => {
  let fixture: Fixture;
  let receiver: HookReceiver;
  before(async () => {
    receiver = await startHookReceiver();
    fixture = await startFixture({
      config: (url) => hookConfig(receiver.url)(url).replace('reload: careful', 'reload: auto'),
      env: { ...hookEnv, SECOND_SECRET: secondSecret },
    });
  });
  after(async () => {
    await fixture.stop();
    await receiver.stop();
  });

  const first = 'secrets: ["${env:HOOK_SECRET}"]';
  const both = 'secrets: ["${env:SECOND_SECRET}", "${env:HOOK_SECRET}"]';

  it('drops no good message and takes no bad one', async () => {
    // Bad ones are spread over the rounds, and stay below what one address may be refused at once
    // (http/strangers.ts): above it every message of the address is turned away unread, also good ones.
    const load = { done: false, badLeft: 0 };
    let sent = 0;
    let bad = 0;
    const wrong: string[] = [];
    const post = async (secret: string | undefined, id: string): Promise<void> => {
      const body = `{"type":"moved","user":"u${sent % 50}@example.com","id":"${id}"}`;
      const answer = await fixture.ask(
        'POST',
        '/hooks/hr',
        standardMessage({ id, at: Date.now(), body, ...(secret === undefined ? {} : { secret }) }),
      );
      const wanted = secret === undefined ? 202 : 401;
      if (answer.status !== wanted) wrong.push(`${id}: ${answer.status} ${answer.text}`);
    };
    const workers = Array.from({ length: 8 }, async (_, worker) => {
      for (let number = 0; !load.done; number += 1) {
        sent += 1;
        await post(undefined, `msg_good_${worker}_${number}`);
        if (load.badLeft <= 0) continue;
        load.badLeft -= 1;
        bad += 1;
        await post(strangeSecret, `msg_bad_${worker}_${number}`);
      }
    });
    const versions = new Set<string>();
    for (let round = 0; round < 20; round += 1) {
      load.badLeft += 12;
      const [from, to] = round % 2 === 0 ? [first, both] : [both, first];
      await fixture.rewrite((text) => text.replace(from, to));
      await fixture.gateway.reload();
      assert.deepEqual(fixture.gateway.status().problems, []);
      versions.add(fixture.gateway.status().version);
    }
    load.done = true;
    await Promise.all(workers);
    assert.equal(versions.size, 2);
    assert.deepEqual(wrong, []);
    assert.ok(sent > 100);
    assert.ok(bad > 100);
    await receiver.until(sent, 60_000);
    const ids = new Set(receiver.got.map(({ headers }) => headers['webhook-id']));
    assert.equal(ids.size, sent, 'every good message was passed on');
  });

  it('that leaves a route without a usable key closes it, and the last good file serves', async () => {
    await fixture.rewrite((text) => text.replace(first, 'secrets: ["${env:NOT_THERE}"]'));
    await fixture.gateway.reload();
    const body = '{"type":"moved","user":"ann@example.com"}';
    const good = await fixture.ask(
      'POST',
      '/hooks/hr',
      standardMessage({ id: 'msg_closed', at: Date.now(), body }),
    );
    const bad = await fixture.ask(
      'POST',
      '/hooks/hr',
      standardMessage({ id: 'msg_closed2', at: Date.now(), body, secret: strangeSecret }),
    );
    // Closed alone (503), or refused whole with the old key in force: never open.
    assert.ok([202, 503].includes(good.status), good.text);
    assert.ok([401, 503].includes(bad.status), bad.text);
  });
});
