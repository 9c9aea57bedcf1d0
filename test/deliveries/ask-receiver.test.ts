import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Arrived } from '../../src/deliveries/intake.ts';
import { newEventId, newSpanId, newTraceId, systemRandom } from '../../src/ids.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import {
  makeForward,
  makeSnapshot,
  makeTarget,
  openScene,
  startReceiver,
  type Answering,
  type Scene,
} from './outbox-fixture.ts';
import { testReceiver } from '../support/webhooks.ts';

const arrivedAt = (scene: Scene, snapshot: Snapshot, ago = 0): Arrived => {
  const [route] = snapshot.webhooks;
  assert.ok(route !== undefined);
  const at = scene.clock.now() - ago;
  return {
    snapshot,
    route,
    received: {
      method: 'POST',
      url: 'https://gateway.example/hooks/hr',
      path: '/hooks/hr',
      query: '',
      headers: { 'content-type': 'application/json', authorization: 'static' },
      body: Buffer.from('{"subject":"anna","bytes":"\u00ff"}', 'latin1'),
    },
    verified: {
      kind: 'verified',
      keyId: 'secrets[0]',
      id: null,
      sentAt: null,
      signature: null,
      sequence: null,
      retry: 0,
    },
    at,
    traceId: newTraceId(at, systemRandom),
    spanId: newSpanId(systemRandom),
  };
};

const asking = async (t: Parameters<typeof openScene>[0], answer: Answering) => {
  const receiver = await startReceiver(t, answer);
  const snapshot = makeSnapshot(
    [makeForward({ answers: true })],
    [makeTarget('n8n', receiver.url)],
    { answer: { withinMs: 2_500, otherwise: {} }, receiver: testReceiver() },
  );
  const scene = await openScene(t, snapshot);
  const ask = (ago = 0) =>
    scene
      .deliveries()
      .ask.ask(arrivedAt(scene, snapshot, ago), newEventId(scene.clock.now(), systemRandom));
  return { receiver, scene, ask };
};

describe('asking a receiver at once', () => {
  it('gives what it answered, and sends the bytes as they came', async (t) => {
    const { receiver, scene, ask } = await asking(t, (_got, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{ "commands": [] }');
    });
    assert.deepEqual(await ask(), { status: 200, body: '{"commands":[]}' });
    const [got] = receiver.got;
    assert.ok(got !== undefined);
    assert.ok(got.body.includes(0xff));
    assert.match(String(got.headers['webhook-signature']), /^v1,/);
    assert.equal(got.headers.authorization, undefined, 'nothing of the sender rides along');
    assert.equal(scene.told[0]?.result, 'delivered');
    assert.deepEqual(await scene.states(), {}, 'nothing is queued');
  });

  it('gives nothing where there is no answer in time, counted from the receipt', async (t) => {
    const { receiver, scene, ask } = await asking(t, () => undefined);
    const answer = ask(2_000);
    await scene.until(() => receiver.got.length === 1);
    scene.clock.advance(501);
    assert.equal(await answer, null);
    assert.equal(scene.told[0]?.reason, 'timeout');
    assert.equal(await ask(2_600), null);
    assert.equal(receiver.got.length, 1);
  });

  it('asks once, whatever is answered', async (t) => {
    const { receiver, ask } = await asking(t, (_got, response) => {
      response.writeHead(503).end();
    });
    assert.deepEqual(await ask(), { status: 503, body: null });
    assert.equal(receiver.got.length, 1);
  });
});
