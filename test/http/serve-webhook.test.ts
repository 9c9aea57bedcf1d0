/** Webhook routes as functions: hand-made exchanges, the real edge and intake, a store in memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Ask } from '../../src/deliveries/intake.ts';
import { openEvent } from '../../src/deliveries/kept-event.ts';
import { errorTable, refuse } from '../../src/errors.ts';
import type { Exchange, Reply } from '../../src/http/exchange.ts';
import { serveCall, type ServeDeps } from '../../src/http/serve-call.ts';
import type { Verdict } from '../../src/signatures/receiver.ts';
import type { WebhookRoute } from '../../src/snapshot.ts';
import {
  testKeyRing,
  webhookExchange,
  webhookScene,
  type WebhookScene,
} from '../support/webhook-scene.ts';
import {
  forward,
  senderKey,
  signed,
  testReceiver,
  webhookRoute,
  webhookSnapshot,
} from '../support/webhooks.ts';

const body = '{"kind":"leaver","subject":"ann@example.com"}';

const sceneOf = (route: Partial<WebhookRoute> = {}, ask?: Ask): WebhookScene =>
  webhookScene({
    snapshot: webhookSnapshot(webhookRoute(route)),
    ...(ask === undefined ? {} : { ask }),
  });

const send = (
  scene: WebhookScene,
  message: Readonly<{
    body?: string | Buffer;
    id?: string | null;
    headers?: Record<string, string>;
  }> = {},
  more: Partial<Exchange> = {},
  deps: Partial<ServeDeps> = {},
): Promise<Reply> => {
  const sent = message.body ?? body;
  const id = message.id === undefined ? 'msg-1' : message.id;
  const headers = { ...signed(sent, { id, at: scene.clock.now() }), ...message.headers };
  return serveCall(scene.deps(deps), webhookExchange(sent, headers, more));
};

/** A message that nobody signed. */
const knock = (scene: WebhookScene, more: Partial<Exchange> = {}): Promise<Reply> =>
  serveCall(scene.deps(), webhookExchange(body, {}, more));

const codeOf = ({ body: text }: Reply): string =>
  String((JSON.parse(text ?? '{}') as { code?: string }).code);

describe('a verified message', () => {
  it('is kept as it came before it is acknowledged, and the outbox is told', async () => {
    const scene = sceneOf();
    const open = scene.store.hold();
    let answered = false;
    const replying = send(scene).finally(() => {
      answered = true;
    });
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    assert.equal(scene.store.batches.length, 1);
    assert.equal(answered, false);
    open();
    const reply = await replying;
    assert.equal(reply.status, 202);
    assert.equal(reply.body, null);
    const [kept] = scene.store.kept;
    assert.ok(kept !== undefined);
    assert.equal(reply.headers['sallyport-event-id'], kept.event.id);
    assert.equal(reply.headers['sallyport-duplicate'], undefined);
    assert.match(String(reply.headers['x-request-id']), /^req_/);
    assert.equal(reply.headers['trace-id'], kept.event.traceId);
    const opened = openEvent(testKeyRing, kept.event.id, kept.event.sealed);
    assert.equal(opened?.body.toString(), body);
    assert.equal(opened?.messageId, 'msg-1');
    assert.equal(opened?.headers['x-signature'], undefined);
    assert.equal(kept.deliveries.length, 1);
    assert.equal(scene.woken(), 1);
  });

  it('that comes again is acknowledged in the same way, and kept once', async () => {
    const scene = sceneOf();
    const first = await send(scene);
    const second = await send(scene);
    assert.equal(second.status, first.status);
    assert.equal(second.headers['sallyport-duplicate'], 'true');
    assert.equal(second.headers['sallyport-event-id'], first.headers['sallyport-event-id']);
    assert.equal(scene.store.kept.length, 1);
    assert.equal(scene.woken(), 1);
  });

  it('sent many times at once becomes one event (Convoy#2747)', async () => {
    const scene = sceneOf();
    const replies = await Promise.all(Array.from({ length: 20 }, () => send(scene)));
    assert.equal(scene.store.kept.length, 1);
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([202]));
    const repeats = replies.filter(({ headers }) => headers['sallyport-duplicate'] === 'true');
    assert.equal(repeats.length, 19);
  });

  it('that could not be stored is 503, and its retry is stored, not a repeat (Hookaido 2.11)', async () => {
    const scene = sceneOf();
    scene.store.fail(1);
    const failed = await send(scene);
    assert.equal(failed.status, 503);
    assert.equal(codeOf(failed), 'ledger_unavailable');
    assert.ok(Number(failed.headers['retry-after']) > 0);
    assert.equal(scene.store.marks(), 0);
    const again = await send(scene);
    assert.equal(again.status, 202);
    assert.equal(again.headers['sallyport-duplicate'], undefined);
    assert.equal(scene.store.kept.length, 1);
  });

  it('without an id is known again by signature and body (first-tree#1627)', async () => {
    const scene = sceneOf();
    await send(scene, { id: null });
    const again = await send(scene, { id: null });
    assert.equal(again.headers['sallyport-duplicate'], 'true');
    const other = await send(scene, { id: null, body: '{"kind":"joiner"}' });
    assert.equal(other.headers['sallyport-duplicate'], undefined);
  });

  it('gets the status and body that its sender insists on', async () => {
    const ackBody = { contentType: 'application/json', body: '{"ok":true}' };
    const scene = sceneOf({ receiver: testReceiver({ ackStatus: 200, ackBody }) });
    const reply = await send(scene);
    assert.deepEqual([reply.status, reply.body], [200, ackBody.body]);
    assert.equal(reply.headers['content-type'], ackBody.contentType);
  });

  it('may be written as foreign senders write: forms, charsets, codings, underscores, overrides', async () => {
    const scene = sceneOf();
    const reply = await send(scene, {
      headers: {
        'content-type': 'application/x-www-form-urlencoded; charset=iso-8859-1',
        'content-encoding': 'gzip',
        x_custom_header: '1',
        'x-http-method-override': 'PUT',
      },
    });
    assert.equal(reply.status, 202);
  });
});

describe('what is not verified', () => {
  const broken: Readonly<Record<string, readonly [Record<string, string>, string]>> = {
    'no signature': [{ 'x-signature': '' }, 'signature_invalid'],
    'a short one (CVE-2024-21491)': [{ 'x-signature': 'ab' }, 'signature_invalid'],
    'not even ASCII': [{ 'x-signature': 'ÿÿ日本' }, 'signature_invalid'],
    'another id': [{ 'x-id': 'msg-2' }, 'signature_invalid'],
    'an unsigned time': [{ 'x-time': '1' }, 'signature_invalid'],
  };
  for (const [name, [headers, code]] of Object.entries(broken)) {
    it(`is 401 with one text, and nothing is written: ${name}`, async () => {
      const scene = sceneOf();
      const reply = await send(scene, { headers });
      assert.equal(reply.status, 401);
      assert.equal(codeOf(reply), code);
      assert.equal(scene.store.batches.length, 0);
    });
  }

  it('says why to the trace alone', async () => {
    const scene = sceneOf();
    const missing = await knock(scene);
    const wrong = await send(scene, { headers: { 'x-signature': 'abcd' } });
    const texts = [missing, wrong].map(
      (reply) => (JSON.parse(reply.body ?? '') as { detail: string }).detail,
    );
    assert.equal(texts[0], texts[1]);
    assert.equal(codeOf(missing), 'signature_missing');
    const reasons = scene.observed.map(({ internal }) => internal);
    assert.deepEqual(reasons, ['no header x-signature', 'no key fits']);
    for (const reply of [missing, wrong]) {
      for (const reason of reasons) assert.ok(!JSON.stringify(reply).includes(reason ?? 'none'));
    }
  });

  it('is refused in the form its sender wants (RFC 8935)', async () => {
    const form = { status: 400, contentType: 'application/json', body: '{"err":"invalid_key"}' };
    const scene = sceneOf({ receiver: testReceiver({ refusalForm: () => form }) });
    const reply = await knock(scene);
    assert.deepEqual(
      [reply.status, reply.headers['content-type'], reply.body],
      [400, form.contentType, form.body],
    );
    assert.equal(scene.observed.at(-1)?.code, 'signature_missing');
    assert.equal(scene.observed.at(-1)?.webhook?.result, 'refused');
  });

  it('grows nothing but a bounded count of addresses (Hookaido GHSA-cmwq-5829-xw24)', async () => {
    const scene = sceneOf();
    for (let one = 0; one < 50; one++) {
      await send(scene, { id: `poison-${one}`, headers: { 'x-signature': '00' } });
    }
    assert.equal(scene.store.marks(), 0);
    assert.equal(scene.store.batches.length, 0);
    assert.deepEqual(scene.intake.held(), { events: 0, bytes: 0 });
    assert.equal(scene.strangers.size(), 1);
    // The ids that a stranger named are still free for the sender.
    const reply = await send(scene, { id: 'poison-7' });
    assert.equal(reply.headers['sallyport-duplicate'], undefined);
    assert.equal(reply.status, 202);
  });

  it('is turned away unread once an address was refused too often, and let in again later', async () => {
    const scene = sceneOf();
    let reads = 0;
    const counted = {
      bytes: () => {
        reads += 1;
        return Promise.resolve(Buffer.from(body));
      },
    };
    for (let one = 0; one < 300; one++) assert.equal((await knock(scene)).status, 401);
    const refused = await knock(scene, counted);
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers['retry-after']) >= 1);
    assert.equal(reads, 0);
    assert.equal(scene.observed.at(-1)?.webhook?.result, 'rate_limited');
    const elsewhere = await knock(scene, { ...counted, peer: '203.0.113.9' });
    assert.equal(elsewhere.status, 401);
    scene.clock.advance(1_000);
    assert.equal((await send(scene)).status, 202);
  });

  it('counts the neighbours of an IPv6 address as one', async () => {
    const scene = sceneOf();
    for (let one = 0; one < 300; one++) await knock(scene, { peer: `2001:db8:1:2::${one}` });
    assert.equal((await knock(scene, { peer: '2001:db8:1:2:ffff::1' })).status, 429);
    assert.equal((await knock(scene, { peer: '2001:db8:1:3::1' })).status, 401);
  });

  it('costs a sender nothing whose messages are verified', async () => {
    const scene = sceneOf();
    for (let one = 0; one < 400; one++) {
      assert.equal((await send(scene, { id: `msg-${one}` })).status, 202);
    }
    assert.equal(scene.strangers.size(), 0);
  });
});

describe('before anything is verified', () => {
  it('only the exact path is a webhook route, and the longest path wins', async () => {
    const scene = sceneOf();
    for (const path of ['/hooks/hr/', '/hooks/hr/more', '/hooks', '/hooks/hrx', '/hooks//hr']) {
      const reply = await send(scene, {}, { path });
      assert.ok([400, 404].includes(reply.status), path);
      assert.equal(scene.observed.at(-1)?.webhook, undefined);
    }
    assert.equal(scene.store.batches.length, 0);
    assert.equal((await send(scene, {}, { path: '/hooks/hr/' })).status, 404);
  });

  it('other methods are 405 with those that are served', async () => {
    const scene = sceneOf({ receiver: testReceiver({ methods: ['POST', 'GET'] }) });
    for (const method of ['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'BREW']) {
      const reply = await send(scene, {}, { method });
      assert.equal(reply.status, 405, method);
      assert.equal(reply.headers['allow'], 'POST, GET');
    }
    assert.equal((await send(scene, {}, { method: 'GET' })).status, 202);
  });

  it('a header that stands twice and means something is refused', async () => {
    const scene = sceneOf();
    const twice = ['host', 'a', 'authorization', 'x', 'Authorization', 'y'];
    assert.equal((await send(scene, {}, { rawHeaders: twice })).status, 400);
    const harmless = ['host', 'a', 'x-request-id', 'x', 'x-request-id', 'y'];
    assert.equal((await send(scene, {}, { rawHeaders: harmless })).status, 202);
  });

  it("the route's own limit is 429 with Retry-After, and no stranger can use it up", async () => {
    const limit = { key: 'route:hr', policy: 'route', count: 1, seconds: 60, burst: 2 };
    const scene = sceneOf({ limit });
    for (let one = 0; one < 5; one++) assert.equal((await knock(scene)).status, 401);
    assert.equal((await send(scene, { id: 'a' })).status, 202);
    assert.equal((await send(scene, { id: 'b' })).status, 202);
    const reply = await send(scene, { id: 'c' });
    assert.equal(reply.status, 429);
    assert.equal(codeOf(reply), 'rate_limited');
    assert.ok(Number(reply.headers['Retry-After'] ?? reply.headers['retry-after']) > 0);
    assert.equal(scene.store.kept.length, 2);
  });

  it('a body that is too large counts against its address', async () => {
    const scene = sceneOf();
    const bytes = () => Promise.resolve(refuse('body_too_large', 'as the exchange says'));
    for (let one = 0; one < 300; one++) await send(scene, {}, { bytes });
    assert.equal((await send(scene, {}, { bytes })).status, 429);
  });

  it('a body that is too large or was cut answers as such, one that was read before as our fault', async () => {
    const scene = sceneOf();
    const cases = [
      ['body_too_large', 413],
      ['body_malformed', 400],
      ['internal', 503],
    ] as const;
    for (const [code, status] of cases) {
      const bytes = () => Promise.resolve(refuse(code, 'as the exchange says'));
      const reply = await send(scene, {}, { bytes });
      assert.deepEqual([codeOf(reply), reply.status], [code, status]);
    }
    assert.equal(scene.store.batches.length, 0);
  });

  it('draining, an untrusted clock, a missing secret and a key that cannot be had are 503', async () => {
    const scene = sceneOf();
    const untrusted = { ...scene.deps().watch, trusted: () => false };
    const draining = await send(scene, {}, {}, { stopping: () => true });
    const adrift = await send(scene, {}, {}, { watch: untrusted });
    scene.load(webhookSnapshot(webhookRoute({ receiver: null, unconfigured: 'env:KEY is unset' })));
    const bare = await send(scene);
    const away: Verdict = { kind: 'unavailable', reason: 'the key set does not answer' };
    const receiver = testReceiver({ verify: () => Promise.resolve(away) });
    scene.load(webhookSnapshot(webhookRoute({ receiver })));
    const keyless = await send(scene);
    const replies = [draining, adrift, bare, keyless];
    assert.deepEqual(replies.map(codeOf), [
      'shutting_down',
      'clock_untrusted',
      'target_unconfigured',
      'key_unavailable',
    ]);
    for (const reply of replies) {
      assert.equal(reply.status, 503);
      assert.ok(Number(reply.headers['retry-after']) > 0);
      assert.ok(!String(reply.body).includes('KEY'));
    }
    // Only the last one had a signature that nobody could judge.
    assert.equal(scene.strangers.size(), 1);
    assert.equal(errorTable.key_unavailable.retryable, true);
  });

  it('a receiver or an intake that throws is a fault of ours, and nothing of it is told', async () => {
    const scene = sceneOf({
      receiver: testReceiver({
        verify: () => {
          throw new Error(senderKey);
        },
      }),
    });
    const reply = await send(scene);
    assert.equal(reply.status, 503);
    assert.equal(codeOf(reply), 'internal');
    assert.ok(!JSON.stringify(reply).includes(senderKey));
    assert.ok(scene.observed.at(-1)?.cause instanceof Error);
  });
});

describe('handshakes', () => {
  it('that come unsigned are answered, counted against their address, and store nothing', async () => {
    const scene = sceneOf();
    const reply = await knock(scene, { query: 'challenge' });
    assert.deepEqual([reply.status, reply.body], [200, 'pong']);
    assert.equal(reply.headers['x-content-type-options'], 'nosniff');
    assert.equal(scene.strangers.size(), 1);
    assert.equal(scene.store.batches.length, 0);
    assert.deepEqual(scene.observed.at(-1)?.webhook, {
      sender: 'test-sender',
      result: 'handshake',
      eventId: null,
      greeting: 'test.challenge',
      answered: null,
    });
  });

  it('that are signed are answered only once verified, and confirmed after the answer, once', async () => {
    const scene = sceneOf();
    const forged = await send(scene, {
      body: '"confirm"',
      headers: { 'x-signature': '00' },
    });
    assert.equal(forged.status, 401);
    const reply = await send(scene, { body: '"confirm"' });
    assert.equal(reply.status, 200);
    assert.deepEqual(scene.confirmed, []);
    await new Promise(setImmediate);
    assert.deepEqual(scene.confirmed, ['https://sender.example/confirm']);
    assert.equal(scene.store.batches.length, 0);
  });
});

describe('synchronous hooks', () => {
  const route = {
    answer: { withinMs: 2_000, otherwise: { commands: [] } },
    deliver: [forward({ answers: true })],
  };

  it('are answered with what the receiver says, after the message is on disk', async () => {
    let keptThen = -1;
    const asked: string[] = [];
    const scene: WebhookScene = sceneOf(route, {
      ask: (_arrived, id) => {
        keptThen = scene.store.kept.length;
        asked.push(id);
        return Promise.resolve({ status: 200, body: '{ "commands": [1] }' });
      },
    });
    const reply = await send(scene);
    assert.deepEqual([reply.status, reply.body], [200, '{"commands":[1]}']);
    assert.equal(keptThen, 1);
    const again = await send(scene);
    assert.equal(again.body, '{"commands":[1]}');
    assert.equal(again.headers['sallyport-duplicate'], 'true');
    assert.deepEqual(asked, [asked[0], asked[0]]);
    assert.equal(scene.store.kept[0]?.deliveries.length, 0);
  });

  it('are answered by the default where there is no good answer', async () => {
    const answers: readonly (() => ReturnType<Ask['ask']>)[] = [
      () => Promise.resolve(null),
      () => Promise.reject(new Error('unreachable')),
      () => Promise.resolve({ status: 500, body: '{}' }),
      () => Promise.resolve({ status: 200, body: null }),
      () => Promise.resolve({ status: 200, body: 'no JSON' }),
      () => Promise.resolve({ status: 200, body: JSON.stringify('x'.repeat(65_536)) }),
    ];
    for (const ask of answers) {
      const scene = sceneOf(route, { ask });
      const reply = await send(scene);
      assert.deepEqual([reply.status, reply.body], [200, '{"commands":[]}']);
      assert.equal(scene.observed.at(-1)?.webhook?.answered, 'otherwise');
    }
  });

  it('are answered by the default once the time is over', async () => {
    const scene = sceneOf(route, { ask: () => new Promise(() => {}) });
    const replying = send(scene);
    while (scene.clock.armed() === 0) await new Promise(setImmediate);
    scene.clock.advance(1_999);
    assert.equal(scene.clock.armed(), 1);
    scene.clock.advance(1);
    assert.equal((await replying).body, '{"commands":[]}');
  });
});

describe('a reload while a message is under way', () => {
  it('changes nothing for it: route, keys and limits are those it began with (GHSA-rcpp-44rf-jxvj)', async () => {
    const open = testReceiver({ verify: () => ({ kind: 'unavailable', reason: 'reloaded' }) });
    const scene = sceneOf();
    let go = (): void => {};
    const reading = new Promise<void>((resolve) => {
      go = resolve;
    });
    const bytes = async () => {
      await reading;
      return Buffer.from(body);
    };
    const forged = send(scene, { id: 'forged', headers: { 'x-signature': '00' } }, { bytes });
    const honest = send(scene, {}, { bytes });
    scene.load({ ...webhookSnapshot(webhookRoute({ receiver: open })), version: 'later' });
    go();
    assert.equal((await forged).status, 401);
    assert.equal((await honest).status, 202);
    assert.equal(scene.store.kept[0]?.event.configVersion, 'c0ffeec0ffee');
  });
});

describe('what is observed', () => {
  it('is the route, sender, event, key and reason; no body, header or computed value', async () => {
    const scene = sceneOf();
    const reply = await send(scene);
    const [record] = scene.observed;
    assert.equal(record?.httpRoute, '/hooks/hr');
    assert.equal(record?.route, 'hr');
    assert.equal(record?.keyId, 'secrets[0]');
    assert.equal(record?.webhook?.eventId, reply.headers['sallyport-event-id']);
    assert.equal(record?.webhook?.result, 'stored');
    await send(scene, { headers: { 'x-signature': 'feed' } });
    const { 'x-signature': mac } = signed(body, { at: scene.clock.now() });
    const told = JSON.stringify(scene.observed);
    for (const secret of ['ann@example.com', senderKey, 'feed', String(mac)]) {
      assert.ok(!told.includes(secret), secret);
    }
  });

  it("joins the sender's trace only where the route says so", async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const own = sceneOf();
    await send(own, { headers: { traceparent } });
    assert.equal(own.observed[0]?.parent?.continued, false);
    assert.notEqual(own.store.kept[0]?.event.traceId, '0af7651916cd43dd8448eb211c80319c');
    const joined = sceneOf({ trace: 'continue' });
    await send(joined, { headers: { traceparent } });
    assert.equal(joined.observed[0]?.traceId, '0af7651916cd43dd8448eb211c80319c');
    assert.equal(joined.store.kept[0]?.event.traceId, '0af7651916cd43dd8448eb211c80319c');
  });
});
