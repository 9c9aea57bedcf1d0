/** Webhooks over real sockets: what counts as the body, byte by byte, and what ends it. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openEvent } from '../../src/deliveries/kept-event.ts';
import { makeBodyRoom } from '../../src/http/body-room.ts';
import { makeDataListener } from '../../src/http/data-listener.ts';
import { makeExchange, writeReply } from '../../src/http/exchange.ts';
import type { Listener } from '../../src/http/listener.ts';
import { serveCall } from '../../src/http/serve-call.ts';
import { connectRaw, sendRaw } from '../support/raw-http.ts';
import { testKeyRing, webhookScene, type WebhookScene } from '../support/webhook-scene.ts';
import { signed, webhookRoute, webhookSnapshot } from '../support/webhooks.ts';

const head = (lines: readonly string[], method = 'POST'): string =>
  [`${method} /hooks/hr HTTP/1.1`, 'host: gw.example.com', ...lines, '', ''].join('\r\n');

describe('webhooks over sockets', () => {
  let scene: WebhookScene;
  let listener: Listener;
  let port: number;
  before(async () => {
    scene = webhookScene({ snapshot: webhookSnapshot(webhookRoute()) });
    listener = makeDataListener(scene.deps());
    ({ port } = await listener.start({ host: '127.0.0.1', port: 0 }));
  });
  after(() => listener.stop(0));

  const lines = (body: Buffer, id: string): readonly string[] =>
    Object.entries(signed(body, { id, at: scene.clock.now() })).map(
      ([name, value]) => `${name}: ${value}`,
    );
  const whole = (body: Buffer, id: string, more: readonly string[] = []): Buffer =>
    Buffer.concat([
      Buffer.from(head([...lines(body, id), ...more, `content-length: ${body.length}`])),
      body,
    ]);
  const chunked = (body: Buffer, id: string, size: number): Buffer => {
    const parts: Buffer[] = [Buffer.from(head([...lines(body, id), 'transfer-encoding: chunked']))];
    for (let at = 0; at < body.length; at += size) {
      const chunk = body.subarray(at, at + size);
      parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
    }
    return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
  };
  const keptBodies = (): readonly (Buffer | undefined)[] =>
    scene.store.kept.map(({ event }) => openEvent(testKeyRing, event.id, event.sealed)?.body);

  it('0xff is not 0xfe: bytes are verified and kept as bytes', async () => {
    const ff = Buffer.from([0x7b, 0xff, 0x7d]);
    const fe = Buffer.from([0x7b, 0xfe, 0x7d]);
    const swapped = whole(ff, 'ff');
    swapped[swapped.length - 2] = 0xfe;
    assert.equal((await sendRaw(port, swapped))?.status, 401);
    assert.equal((await sendRaw(port, whole(ff, 'ff')))?.status, 202);
    assert.equal((await sendRaw(port, whole(fe, 'fe')))?.status, 202);
    assert.deepEqual(keptBodies().slice(-2), [ff, fe]);
  });

  it('changed whitespace is another body (Convoy#2754)', async () => {
    const message = whole(Buffer.from('{"kind":"test"}'), 'space');
    const changed = Buffer.from(
      message.toString('latin1').replace('{"kind":"test"}', '{"kind" :"tes"}'),
      'latin1',
    );
    assert.equal((await sendRaw(port, changed))?.status, 401);
    assert.equal((await sendRaw(port, message))?.status, 202);
  });

  it('chunks are the same body, whatever their size', async () => {
    const body = Buffer.from('{"kind":"mover","subject":"8"}');
    for (const size of [1, 7, 100]) {
      const answer = await sendRaw(port, chunked(body, `chunked-${size}`, size));
      assert.equal(answer?.status, 202, String(size));
      assert.deepEqual(keptBodies().at(-1), body);
    }
  });

  it('a body that stalls is held in bounds, and what finds no room is told so and cut', async () => {
    const addressMax = 100;
    const crowded = webhookScene({ snapshot: webhookSnapshot(webhookRoute()) });
    const bodies = makeBodyRoom({ allMax: 1_000, addressMax });
    const { webhooks } = crowded.deps();
    assert.ok(webhooks !== undefined);
    const crowdedListener = makeDataListener(crowded.deps({ webhooks: { ...webhooks, bodies } }));
    const { port: at } = await crowdedListener.start({ host: '127.0.0.1', port: 0 });
    try {
      const stalled = connectRaw(at);
      stalled.write(`${head(['content-length: 500'])}${'x'.repeat(80)}`);
      while (bodies.held() < 80) await new Promise(setImmediate);
      const body = Buffer.from(`{"text":"${'y'.repeat(60)}"}`);
      const refused = await sendRaw(at, whole(body, 'crowded'));
      assert.equal(refused?.status, 429);
      assert.match(refused?.head ?? '', /^connection: close$/im);
      assert.match(refused?.head ?? '', /^retry-after: [1-9]/im);
      stalled.socket.destroy();
      while (bodies.held() > 0) await new Promise(setImmediate);
      assert.equal((await sendRaw(at, whole(body, 'crowded')))?.status, 202);
      assert.equal(bodies.held(), 0);
    } finally {
      await crowdedListener.stop(0);
    }
  });

  it('a compressed body is signed, verified and kept as it was sent', async () => {
    const body = gzipSync('{"kind":"mover"}');
    const answer = await sendRaw(port, whole(body, 'gzip', ['content-encoding: gzip']));
    assert.equal(answer?.status, 202);
    assert.deepEqual(keptBodies().at(-1), body);
  });

  it('no body is the empty body, with and without a length', async () => {
    const empty = Buffer.alloc(0);
    const bare = head([...lines(empty, 'bare')]);
    assert.equal((await sendRaw(port, bare))?.status, 202);
    assert.equal((await sendRaw(port, whole(empty, 'zero')))?.status, 202);
    assert.deepEqual(keptBodies().slice(-2), [empty, empty]);
  });

  it('more bytes than the route takes are 413, declared or counted, and nothing is kept', async () => {
    const before = scene.store.kept.length;
    const exactly = Buffer.alloc(1_000, 0x61);
    const beyond = Buffer.alloc(1_001, 0x61);
    assert.equal((await sendRaw(port, whole(beyond, 'declared')))?.status, 413);
    assert.equal((await sendRaw(port, chunked(beyond, 'counted', 100)))?.status, 413);
    assert.equal(scene.store.kept.length, before);
    assert.equal((await sendRaw(port, chunked(exactly, 'exactly', 100)))?.status, 202);
  });

  it('a body that is cut is never taken for a whole one', async () => {
    const before = scene.store.kept.length;
    const seen = scene.observed.length;
    const message = whole(Buffer.from('{"kind":"test"}'), 'cut');
    const connection = connectRaw(port);
    connection.write(message.subarray(0, message.length - 3));
    await new Promise((resolve) => setTimeout(resolve, 50));
    connection.socket.destroy();
    await connection.closed;
    while (scene.observed.length === seen) await new Promise(setImmediate);
    assert.equal(scene.observed.at(-1)?.code, 'body_malformed');
    assert.equal(scene.store.kept.length, before);
  });

  it('a body longer than declared begins the next message, and is not of this one', async () => {
    const body = Buffer.from('{"kind":"test"}');
    const short = head([...lines(body, 'short'), 'content-length: 3']) + body.toString();
    const before = scene.store.kept.length;
    // The rest is no request: which of the two is answered first is up to the parser.
    assert.ok([400, 401].includes(Number((await sendRaw(port, short))?.status)));
    assert.equal(scene.store.kept.length, before);
  });

  it('HEAD and OPTIONS are 405', async () => {
    for (const method of ['HEAD', 'OPTIONS']) {
      const connection = connectRaw(port);
      connection.write(head(['connection: close'], method));
      await connection.closed;
      assert.equal(scene.observed.at(-1)?.status, 405);
      assert.equal(scene.observed.at(-1)?.method, method);
    }
  });
});

describe('a body that something read before the gateway (postel#114)', () => {
  let scene: WebhookScene;
  let server: Server;
  let port: number;
  before(async () => {
    scene = webhookScene({ snapshot: webhookSnapshot(webhookRoute()) });
    server = createServer((incoming, outgoing) => {
      incoming.resume();
      incoming.once('end', () => {
        void serveCall(scene.deps(), makeExchange(incoming, outgoing)).then((reply) =>
          writeReply(outgoing, reply),
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });
  after(() => {
    server.close();
  });

  it('is a fault of ours, even where the empty body is signed', async () => {
    for (const body of ['{"kind":"test"}', '']) {
      const id = `read-${body.length}`;
      const headers = signed('', { id, at: scene.clock.now() });
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      const sent = head([...lines, `content-length: ${Buffer.byteLength(body)}`]) + body;
      const answer = await sendRaw(port, sent);
      // Nothing was there to be read where there is no body.
      assert.equal(answer?.status, body === '' ? 202 : 503);
    }
    assert.equal(scene.store.kept.length, 1);
  });
});
