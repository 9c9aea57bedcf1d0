import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { deliveryId } from '../../src/ids.ts';
import {
  makeForward,
  makeSnapshot,
  makeTarget,
  openScene,
  secret,
  startReceiver,
  type Got,
} from './outbox-fixture.ts';

/** Standard Webhooks v1, computed here: HMAC-SHA256 over `id.timestamp.body`. */
const signatureOf = ({ headers, body }: Got): string => {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const hmac = createHmac('sha256', key);
  hmac.update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.`);
  return `v1,${hmac.update(body).digest('base64')}`;
};

describe('a forward', () => {
  it('passes raw bytes on under a stable id, signed with the time of the try', async (t) => {
    const receiver = await startReceiver(t);
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    scene.clock.advance(90_000);
    const body = Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0x0d, 0x0a]);
    const event = await scene.receive(body, { contentType: 'application/x-odd; a="b"' });
    await scene.until(() => scene.told.length === 1);
    const [got] = receiver.got as [Got];
    assert.deepEqual(got.body, body);
    assert.equal(got.method, 'POST');
    assert.equal(got.path, '/webhook/hr');
    assert.equal(got.headers['content-type'], 'application/x-odd; a="b"');
    assert.equal(got.headers['webhook-id'], deliveryId({ event, item: 0, name: 'n8n' }));
    assert.equal(got.headers['webhook-timestamp'], String(Math.floor(scene.clock.now() / 1_000)));
    assert.equal(got.headers['webhook-signature'], signatureOf(got));
    assert.equal(got.headers['sallyport-event-id'], event);
    assert.equal(got.headers['sallyport-source'], 'bamboohr');
    assert.equal(got.headers['sallyport-attempt'], '1');
    assert.equal(got.headers['sallyport-replayed'], undefined);
    const [told] = scene.told;
    const traceparent = String(got.headers['traceparent']);
    assert.equal(traceparent.split('-')[1], told?.traceId);
    assert.equal(traceparent.split('-')[2], told?.calls[0]?.spanId);
    assert.equal(told?.result, 'delivered');
    await scene.until(async () => (await scene.states())['delivered'] === 1);
  });

  it('sends one item of many in its own envelope', async (t) => {
    const receiver = await startReceiver(t);
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    await scene.receive('{"items":[{"subject":"a"},{"subject":"b"}]}', { subjects: ['a', 'b'] });
    await scene.until(() => scene.told.length === 2);
    const bodies = receiver.got.map(({ body }) => body.toString()).sort();
    assert.deepEqual(bodies, ['{"items":[{"subject":"a"}]}', '{"items":[{"subject":"b"}]}']);
    for (const got of receiver.got)
      assert.equal(got.headers['webhook-signature'], signatureOf(got));
  });

  it('keeps id and bytes over tries and replays, and signs each try anew', async (t) => {
    const receiver = await startReceiver(t, (_got, response, ordinal) => {
      response.writeHead(ordinal === 1 ? 500 : 204).end();
    });
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    const event = await scene.receive('{"subject":"a"}');
    await scene.until(() => receiver.got.length === 2, 250);
    await scene.until(async () => (await scene.states())['delivered'] === 1);
    const key = { event, item: 0, name: 'n8n' };
    scene.clock.advance(60_000);
    const now = scene.clock.now();
    await scene.stores.outbox.act('replay', [{ key, dueAt: now }], now);
    scene.deliveries().wake();
    await scene.until(() => receiver.got.length === 3);
    assert.equal(new Set(receiver.got.map(({ headers }) => headers['webhook-id'])).size, 1);
    assert.equal(new Set(receiver.got.map(({ body }) => body.toString())).size, 1);
    assert.equal(new Set(receiver.got.map(({ headers }) => headers['traceparent'])).size, 3);
    assert.ok(new Set(receiver.got.map(({ headers }) => headers['webhook-timestamp'])).size >= 2);
    for (const got of receiver.got)
      assert.equal(got.headers['webhook-signature'], signatureOf(got));
    assert.deepEqual(
      receiver.got.map(({ headers }) => headers['sallyport-attempt']),
      ['1', '2', '1'],
    );
    assert.equal(receiver.got[2]?.headers['sallyport-replayed'], 'true');
  });

  it('carries the credential of the target, and masks it where the answer shows it', async (t) => {
    const receiver = await startReceiver(t, (got, response) => {
      response.writeHead(400).end(`no: ${String(got.headers.authorization)} ${'x'.repeat(5_000)}`);
    });
    const credentials = [
      {
        headerName: 'authorization',
        headerValue: 'Bearer tok_very_secret_1',
        expiresAt: Number.POSITIVE_INFINITY,
      },
    ];
    const settings = { auth: [{ bearer: '${env:TOKEN}' }] };
    const target = makeTarget('n8n', receiver.url, settings, { credentials });
    const scene = await openScene(t, makeSnapshot([makeForward()], [target]));
    const event = await scene.receive('{"subject":"a"}');
    await scene.until(async () => (await scene.states())['dead'] === 1);
    assert.equal(receiver.got[0]?.headers.authorization, 'Bearer tok_very_secret_1');
    const shown = await scene.stores.outbox.show({ event, item: 0, name: 'n8n' });
    const [attempt] = shown?.attempts ?? [];
    assert.equal(attempt?.status, 400);
    assert.equal(attempt?.reason, '400');
    assert.match(String(attempt?.detail), /^no: Bearer \*\*\* x+$/);
    assert.equal(String(attempt?.detail).length, 300);
    assert.ok(!JSON.stringify([shown, scene.told]).includes('tok_very_secret_1'));
  });

  it('is delivered where the answer talks on without end', async (t) => {
    let written = 0;
    const receiver = await startReceiver(t, (_got, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => {
        if (response.destroyed || written > 64 * 1_048_576) return void response.end();
        written += 65_536;
        if (response.write(Buffer.alloc(65_536, 0x20))) setImmediate(more);
        else response.once('drain', more);
      };
      more();
    });
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    await scene.receive('{"subject":"a"}');
    await scene.until(async () => (await scene.states())['delivered'] === 1);
    assert.equal(receiver.got.length, 1);
    assert.ok(written < 32 * 1_048_576, `read on for ${written} bytes`);
  });

  it('goes nowhere by a redirect, and nowhere else at all', async (t) => {
    const elsewhere = await startReceiver(t);
    const receiver = await startReceiver(t, (_got, response) => {
      response.writeHead(307, { location: `${elsewhere.url}/` }).end();
    });
    const scene = await openScene(
      t,
      makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]),
    );
    await scene.receive('{"subject":"a"}');
    await scene.until(async () => (await scene.states())['dead'] === 1);
    assert.equal(elsewhere.got.length, 0);
    assert.equal(scene.told[0]?.reason, 'redirected');
  });

  it('goes through the connect guard', async (t) => {
    const receiver = await startReceiver(t);
    const target = makeTarget('n8n', receiver.url, { allowPrivate: [] });
    const scene = await openScene(t, makeSnapshot([makeForward({ attemptsMax: 1 })], [target]));
    await scene.receive('{"subject":"a"}');
    await scene.until(async () => (await scene.states())['dead'] === 1);
    assert.equal(scene.told[0]?.reason, 'address_blocked');
    assert.equal(receiver.got.length, 0);
  });
});
