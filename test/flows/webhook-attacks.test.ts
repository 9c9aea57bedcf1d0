/**
 * Hostile messages against a running gateway: senders taken for each other, headers given twice or
 * folded, ids with separators, bodies that are none, challenges that are pages. Whatever is told or
 * kept of them is searched for the secrets of the routes.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { localPerson } from '../../src/admin/operation.ts';
import { adminOperations } from '../../src/admin/operations.ts';
import { isRefusal } from '../../src/errors.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import {
  githubMessage,
  githubSecret,
  hookConfig,
  hookEnv,
  hookSecret,
  passSecret,
  standardMessage,
  startHookReceiver,
  type HookReceiver,
} from '../support/hooks.ts';
import { sendRaw } from '../support/raw-http.ts';

const oktaSecret = 'okta-static-secret-Jm3q';
const channelToken = 'google-channel-token-Tt8z';
const clientState = 'graph-client-state-Pw5r';
const bobSecret = 'bob-signing-secret-Xe2v';

const routes = `  hr2:
    path: /hooks/hr2
    webhook: { scheme: standard-webhooks, secrets: ["\${env:HOOK_SECRET}"] }
    deliver:
      - { name: pass, to: receiver, path: /hr2, sign: none }
  okta:
    path: /hooks/okta
    webhook: { scheme: okta, secrets: ["\${env:OKTA_SECRET}"] }
    deliver:
      - { name: pass, to: receiver, path: /okta, sign: none }
  google:
    path: /hooks/google
    webhook: { scheme: google-directory, secrets: ["\${env:CHANNEL_TOKEN}"] }
    deliver:
      - { name: pass, to: receiver, path: /google, sign: none }
  graph:
    path: /hooks/graph
    webhook: { scheme: ms-graph, secrets: ["\${env:CLIENT_STATE}"] }
    deliver:
      - { name: pass, to: receiver, path: /graph, sign: none }
  bob:
    path: /hooks/bob
    webhook: { scheme: hibob, secrets: ["\${env:BOB_SECRET}"] }
`;

const env = {
  ...hookEnv,
  OKTA_SECRET: oktaSecret,
  CHANNEL_TOKEN: channelToken,
  CLIENT_STATE: clientState,
  BOB_SECRET: bobSecret,
};
const secrets = [
  hookSecret,
  githubSecret,
  passSecret,
  oktaSecret,
  channelToken,
  clientState,
  bobSecret,
];

describe('hostile messages', () => {
  let fixture: Fixture;
  let receiver: HookReceiver;
  /** All that was told to whoever watches. */
  const told: unknown[] = [];
  const signatures = new Set<string>();
  before(async () => {
    receiver = await startHookReceiver();
    const tell = (...given: unknown[]) => void told.push(given);
    fixture = await startFixture({
      config: hookConfig(receiver.url, routes),
      env,
      observer: {
        requestSettled: tell,
        note: tell,
        deliveryAttempted: tell,
        sourceNoticed: tell,
        limitRejected: tell,
      },
    });
  });
  after(async () => {
    await fixture.stop();
    await receiver.stop();
  });

  const send = async (path: string, message: Parameters<Fixture['ask']>[2], method = 'POST') => {
    for (const [name, value] of Object.entries(message?.headers ?? {}))
      if (/signature/.test(name)) signatures.add(value);
    return fixture.ask(method, path, { key: null, ...message });
  };
  const events = async () => fixture.gateway.foundation.stores.events.list({ limit: 1_000 });
  const raw = async (path: string, lines: readonly string[], body: string) =>
    sendRaw(
      fixture.gateway.data.port,
      [
        `POST ${path} HTTP/1.1`,
        'host: gw.example.com',
        ...lines,
        `content-length: ${Buffer.byteLength(body)}`,
        '',
        body,
      ].join('\r\n'),
    );
  const show = async (id: string): Promise<Record<string, unknown>> => {
    const operation = adminOperations.find(({ name }) => name === 'events.show');
    const shown = await operation?.run(fixture.gateway.context, localPerson, { id } as never);
    assert.ok(shown !== undefined && !isRefusal(shown));
    return JSON.parse(JSON.stringify(shown)) as Record<string, unknown>;
  };
  const rejected = async (path: string, message: Parameters<Fixture['ask']>[2]): Promise<void> => {
    const before = (await events()).length;
    const answer = await send(path, message);
    assert.ok([400, 401].includes(answer.status), `${path}: ${answer.status} ${answer.text}`);
    assert.equal((await events()).length, before);
  };
  const body = '{"type":"moved","user":"ann@example.com"}';
  const standard = (id: string, text: string | Buffer = body) =>
    standardMessage({ id, at: Date.now(), body: text });

  it('of one sender are none of another', async () => {
    await rejected('/hooks/github', standard('msg_x'));
    await rejected('/hooks/hr', githubMessage('d-x', body));
    await rejected('/hooks/okta', githubMessage('d-x', body));
    await rejected('/hooks/bob', {
      raw: body,
      headers: {
        'bob-signature': createHmac('sha256', bobSecret).update(body).digest('base64'),
      },
    });
    // What stands in a kept message for a secret is no secret.
    await rejected('/hooks/okta', {
      raw: body,
      headers: { authorization: 'sallyport-key:secrets[0]' },
    });
    await rejected('/hooks/graph', {
      raw: '{"value":[{"clientState":"sallyport-key:secrets[0]"}]}',
    });
  });

  it('with headers given twice, folded or beside each other prove nothing', async () => {
    const message = githubMessage('d-twice', body);
    const lines = Object.entries(message.headers ?? {}).map(([name, value]) => `${name}: ${value}`);
    const signature = lines.find((line) => line.startsWith('x-hub-signature-256')) ?? '';
    const before = (await events()).length;
    for (const more of [
      [signature],
      [`x-hub-signature-256: sha256=${'0'.repeat(64)}`],
      [`x-folded: a\r\n ${signature}`],
      [`x-hub-signature-256 : x`],
      ['content-length: 5'],
      ['transfer-encoding: chunked'],
      ['host: other.example.com'],
    ]) {
      const kept =
        more[0]?.startsWith('x-folded') === true ? lines.filter((one) => one !== signature) : lines;
      const answer = await raw('/hooks/github', [...kept, ...more], body);
      assert.ok(
        answer === null || [400, 401].includes(answer.status),
        `${more[0]}: ${answer?.status}`,
      );
    }
    assert.equal((await events()).length, before);
  });

  it('with separators in their id, or times of another unit, are refused though they are signed', async () => {
    for (const id of ['a.b', 'a.1700000000.{}', '..', ' ', 'a b.c'])
      await rejected('/hooks/hr', standard(id));
    for (const at of [0, 1e15, Date.now() / 1_000, Date.now() - 301_000, Date.now() + 301_000])
      await rejected('/hooks/hr', standardMessage({ id: 'msg_at', at, body }));
    for (const time of ['1e9', '0x10', '+1', ' 1', '١٢٣', '-1', '1.5', '']) {
      const key = Buffer.from(hookSecret.slice(6), 'base64');
      const mac = createHmac('sha256', key).update(`msg_t.${time}.${body}`).digest('base64');
      const answer = await raw(
        '/hooks/hr',
        [`webhook-id: msg_t`, `webhook-timestamp: ${time}`, `webhook-signature: v1,${mac}`],
        body,
      );
      assert.ok([400, 401].includes(answer?.status ?? 0), time);
    }
  });

  it('that are signed and mean nothing are kept and passed on as they are', async () => {
    const before = receiver.got.length;
    const bodies: readonly (string | Buffer)[] = [
      '{"__proto__":{"type":"left"},"constructor":{"prototype":{"x":1}},"type":"moved","user":"p@example.com"}',
      '{"type":"left","type":"moved"}',
      `${'['.repeat(5_000)}${']'.repeat(5_000)}`,
      gzipSync(Buffer.alloc(1_000_000)),
      Buffer.from([0xff, 0xfe, 0x00]),
      '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
      '\u0000',
      '{"user":1e999,"type":"\ud800"}',
    ];
    for (const [index, text] of bodies.entries()) {
      const answer = await send('/hooks/hr', standard(`msg_odd_${index}`, text));
      assert.equal(answer.status, 202, String(index));
    }
    await receiver.until(before + bodies.length);
    const got = receiver.got.slice(before).map((one) => one.body.toString('hex'));
    for (const text of bodies) assert.ok(got.includes(Buffer.from(text).toString('hex')));
    assert.equal(({} as { x?: number }).x, undefined);
  });

  it('that are too large are turned away', async () => {
    const large = Buffer.alloc(65_537, 'x');
    assert.equal((await send('/hooks/hr', standard('msg_large', large))).status, 413);
  });

  it('of one id at two routes are two events, and one at each', async () => {
    const message = standard('msg_both');
    for (const path of ['/hooks/hr', '/hooks/hr2']) {
      assert.equal((await send(path, message)).headers['sallyport-duplicate'], undefined);
      assert.equal((await send(path, message)).headers['sallyport-duplicate'], 'true');
    }
  });

  it('with one body for two things are two events where headers say so', async () => {
    const google = (state: string, number: string) =>
      send('/hooks/google', {
        raw: '{"kind":"admin#directory#user","id":"1","etag":"e","primaryEmail":"ann@example.com"}',
        headers: {
          'x-goog-channel-token': channelToken,
          'x-goog-channel-id': 'c1',
          'x-goog-resource-state': state,
          'x-goog-message-number': number,
        },
      });
    assert.equal((await google('update', '10')).headers['sallyport-duplicate'], undefined);
    assert.equal((await google('delete', '11')).headers['sallyport-duplicate'], undefined);
    assert.equal((await google('delete', '11')).headers['sallyport-duplicate'], 'true');
  });

  it('that ask for an echo get no page, and only where such senders are', async () => {
    const page = '<script>alert(1)</script>';
    const okta = await send(
      '/hooks/okta',
      { headers: { 'x-okta-verification-challenge': page } },
      'GET',
    );
    assert.deepEqual([okta.status, okta.text], [400, '']);
    const graph = await send(`/hooks/graph?validationToken=${encodeURIComponent(page)}`, {});
    assert.deepEqual([graph.status, graph.text], [400, '']);
    const twice = await send('/hooks/graph?validationToken=a&validationToken=b', {});
    assert.equal(twice.status, 400);
    const good = await send('/hooks/graph?validationToken=Validation%3A+it+is+me', {});
    assert.deepEqual([good.status, good.text], [200, 'Validation: it is me']);
    assert.equal(good.headers['content-type'], 'text/plain');
    assert.equal(good.headers['x-content-type-options'], 'nosniff');
    for (const path of ['/hooks/hr', '/hooks/github', '/hooks/google']) {
      const asked = await send(
        `${path}?validationToken=abc`,
        { headers: { 'x-okta-verification-challenge': 'abc' } },
        'GET',
      );
      assert.equal(asked.status, 405);
      assert.ok(!asked.text.includes('abc'));
      assert.equal((await send(`${path}?validationToken=abc`, {})).status, 401);
    }
  });

  it('leave no secret in what is kept, and are proven again without it', async () => {
    const okta = await send('/hooks/okta', {
      raw: '{"eventId":"e1","data":{"events":[{"eventType":"user.lifecycle.deactivate","target":[{"id":"00u1","type":"User"}]}]}}',
      headers: { authorization: oktaSecret, cookie: 'a=b', 'x-other': oktaSecret },
    });
    const graph = await send('/hooks/graph', {
      raw: JSON.stringify({
        value: ['a', 'b'].map((id) => ({
          clientState,
          resource: `users/${id}`,
          changeType: 'updated',
          resourceData: { id },
        })),
      }),
    });
    const verify = adminOperations.find(({ name }) => name === 'events.verify');
    for (const answer of [okta, graph]) {
      assert.equal(answer.status, 202);
      const id = String(answer.headers['sallyport-event-id']);
      const text = JSON.stringify(await show(id));
      assert.ok(text.includes('sallyport-key:secrets[0]'));
      for (const secret of secrets) assert.ok(!text.includes(secret));
      assert.ok(!text.includes('cookie'));
      const said = await verify?.run(fixture.gateway.context, localPerson, { id } as never);
      assert.match(JSON.stringify(said), /"ok":true/);
    }
  });

  it('without end use up the patience with their address, and nothing else', async () => {
    const headers = { 'x-okta-verification-challenge': 'abc' };
    const statuses = new Set<number>();
    // Patience comes back at 50 a second: so many at once as no machine is too slow for.
    for (let wave = 0; wave < 100 && !statuses.has(429); wave += 1) {
      const sent = Array.from({ length: 50 }, () => send('/hooks/okta', { headers }, 'GET'));
      for (const { status } of await Promise.all(sent)) statuses.add(status);
    }
    assert.ok(statuses.has(429), [...statuses].join());
    assert.equal((await send('/hooks/hr', standard('msg_after'))).status, 202);
  });

  it('are told without secrets and without what they were signed with', async () => {
    const text = JSON.stringify(told, (_name, value: unknown) =>
      value instanceof Error
        ? [value.message, value.stack, value.cause]
        : typeof value === 'bigint'
          ? String(value)
          : value,
    );
    assert.ok(told.length > 100);
    for (const secret of [...secrets, ...signatures])
      assert.ok(!text.includes(secret), secret.slice(0, 4));
    assert.ok(!text.includes('ann@example.com'));
    for (const { headers, body: bytes } of receiver.got) {
      const passed = JSON.stringify(headers) + bytes.toString('latin1');
      for (const secret of secrets) assert.ok(!passed.includes(secret));
    }
  });
});
