/** The gateway's own events: in the outbox like any other, once, signed, and without any sender's route. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { makeOwnEvents } from '../../src/deliveries/own-events.ts';
import { newEventId, systemRandom } from '../../src/ids.ts';
import { makeKeyRing } from '../../src/sealing.ts';
import type { HoldNotice, Snapshot } from '../../src/snapshot.ts';
import {
  makeForward,
  makeSnapshot,
  makeTarget,
  openScene,
  secret,
  startReceiver,
} from './outbox-fixture.ts';

const withNotice = (snapshot: Snapshot, notify: readonly HoldNotice[]): Snapshot => ({
  ...snapshot,
  holds: { ...snapshot.holds, notify },
});

void test('an event of ours is delivered once, signed as a Standard Webhook, and tried again', async (t) => {
  const receiver = await startReceiver(t, (_got, response, ordinal) => {
    response.writeHead(ordinal === 1 ? 503 : 204).end();
  });
  const plain = makeSnapshot([], [makeTarget('pager', receiver.url)]);
  const { signer } = makeForward();
  const snapshot = withNotice(plain, [{ name: 'ops', target: 'pager', path: '/holds', signer }]);
  const scene = await openScene(t, snapshot);
  let woken = 0;
  const keep = makeOwnEvents({
    store: scene.stores.events,
    // The ring of the scene's own dispatcher.
    keyRing: makeKeyRing([Buffer.alloc(32, 1)], systemRandom),
    random: systemRandom,
    snapshot: () => snapshot,
    wake: () => {
      woken += 1;
    },
  });
  const now = scene.clock.now();
  const event = {
    id: newEventId(now, systemRandom),
    kind: 'hold.created',
    subject: 'entra\nmass-leave',
    body: { type: 'hold.created', data: { count: 3 } },
  };
  await keep([event], now);
  // The same news again, as another gateway tells it after a crash.
  await keep([event], now + 5_000);
  assert.equal(woken, 2);
  scene.deliveries().wake();
  await scene.until(() => scene.told.some(({ result }) => result === 'delivered'), 1_000);
  await scene.settled();
  assert.equal(receiver.got.length, 2);
  const got = receiver.got[1];
  assert.ok(got !== undefined);
  assert.deepEqual(JSON.parse(got.body.toString()), event.body);
  assert.equal(got.path, '/holds');
  const { headers } = got;
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['webhook-id'], `dlv_${event.id.slice(4)}_0_ops`);
  const signed = `${headers['webhook-id']}.${String(headers['webhook-timestamp'])}.`;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const mac = createHmac('sha256', key).update(signed).update(got.body).digest('base64');
  assert.equal(headers['webhook-signature'], `v1,${mac}`);
  const [listed] = await scene.stores.outbox.list({ limit: 10 });
  assert.deepEqual(
    [listed?.route, listed?.lane, listed?.state],
    ['_sallyport', '_sallyport/ops', 'delivered'],
  );
});

void test('where nobody is to be told nothing is kept', async (t) => {
  const snapshot = makeSnapshot([], []);
  const scene = await openScene(t, snapshot);
  const keep = makeOwnEvents({
    store: scene.stores.events,
    keyRing: makeKeyRing([Buffer.alloc(32, 1)], systemRandom),
    random: systemRandom,
    snapshot: () => snapshot,
    wake: () => assert.fail('nothing to wake for'),
  });
  const id = newEventId(scene.clock.now(), systemRandom);
  await keep([{ id, kind: 'hold.created', subject: '', body: {} }], scene.clock.now());
  assert.deepEqual(await scene.stores.outbox.list({ limit: 10 }), []);
});
