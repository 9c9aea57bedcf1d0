import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  makeForward,
  makeSnapshot,
  makeTarget,
  openScene,
  startReceiver,
} from './outbox-fixture.ts';

it('spares a receiver that asks for peace, with all subjects of the lane, for a minute at most', async (t) => {
  const receiver = await startReceiver(t, (_got, response, ordinal) => {
    if (ordinal === 1) response.writeHead(429, { 'retry-after': '7200' }).end();
    else response.writeHead(204).end();
  });
  const targets = [makeTarget('n8n', receiver.url)];
  const scene = await openScene(t, makeSnapshot([makeForward()], targets));
  await scene.receive('{"subject":"a"}', { subject: 'a' });
  await scene.until(() => scene.told.length === 1);
  for (const subject of ['b', 'c', 'd']) await scene.receive('{}', { subject });
  await scene.settled();
  assert.equal(receiver.got.length, 1);
  assert.equal(scene.deliveries().state()[0]?.standing?.resting?.reason, '429');
  scene.clock.advance(59_000);
  await scene.settled();
  assert.equal(receiver.got.length, 1);
  await scene.until(async () => (await scene.states())['delivered'] === 3, 100);
  assert.deepEqual(await scene.states(), { delivered: 3, ready: 1 }, 'the first waits as asked');
});
