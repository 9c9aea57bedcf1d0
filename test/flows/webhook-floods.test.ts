/**
 * Ten thousand bad messages, each from an address of its own, so that every one of them is verified and
 * none turned away unread: nothing is written, and at most two calls go out.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { makeKeyFetcher, type LiveKeyFetcher } from '../../src/targets/key-fetcher.ts';
import { startFixture, type Ask, type Fixture } from '../support/fixture.ts';
import {
  hookConfig,
  hookEnv,
  standardMessage,
  startHookReceiver,
  type HookReceiver,
} from '../support/hooks.ts';
import { connectRaw } from '../support/raw-http.ts';

const topic = 'arn:aws:sns:eu-central-1:123456789012:hr';

const routes = `  sns:
    path: /hooks/sns
    webhook: { scheme: aws-sns, topics: ["${topic}"], rate: 100000/s }
  idp:
    path: /hooks/idp
    webhook: { scheme: set, issuer: "https://idp.example.com", audience: sallyport, jwksUri: "https://keys.example.com/jwks", rate: 100000/s }
`;

const base64url = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token that is well-formed in every way, under a key that nobody knows. */
const strangeToken = (kid: string): string =>
  [
    base64url({ alg: 'ES256', typ: 'secevent+jwt', kid }),
    base64url({
      iss: 'https://idp.example.com',
      aud: 'sallyport',
      iat: Math.floor(Date.now() / 1_000),
      jti: kid,
      events: { 'https://schemas.openid.net/secevent/risc/event-type/account-disabled': {} },
    }),
    randomBytes(64).toString('base64url'),
  ].join('.');

const snsMessage = (index: number): string =>
  JSON.stringify({
    Type: 'Notification',
    MessageId: `m-${index}`,
    TopicArn: topic,
    Message: '{}',
    Timestamp: new Date().toISOString(),
    SignatureVersion: '2',
    Signature: randomBytes(256).toString('base64'),
    SigningCertURL: `https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-${randomBytes(16).toString('hex')}.pem`,
  });

/** One bad message of each kind in turn. */
const kinds: readonly ((index: number) => Readonly<{ path: string; ask: Ask }>)[] = [
  (index) => ({
    path: '/hooks/hr',
    ask: standardMessage({
      id: `msg_flood_${index}`,
      at: Date.now(),
      body: `{"n":${index}}`,
      secret: `whsec_${randomBytes(24).toString('base64')}`,
    }),
  }),
  (index) => ({
    path: '/hooks/idp',
    ask: {
      raw: strangeToken(`key-${index}`),
      headers: { 'content-type': 'application/secevent+jwt' },
    },
  }),
  (index) => ({
    path: '/hooks/sns',
    ask: { raw: snsMessage(index), headers: { 'content-type': 'text/plain; charset=UTF-8' } },
  }),
];

/** As it goes over the wire, from an address that no other message has. */
const wireOf = (index: number): string => {
  const { path, ask } = kinds[index % kinds.length]!(index);
  const body = String(ask.raw);
  const headers = {
    host: 'gateway',
    'x-forwarded-for': `20.0.${index >> 8}.${index & 255}`,
    'content-length': String(Buffer.byteLength(body)),
    ...ask.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
};

const total = 10_000;
const connections = 16;
/** Messages under way on one connection. */
const pipelined = 8;

/** Sends them all; gives how often each status was answered. */
const flood = async (port: number): Promise<ReadonlyMap<number, number>> => {
  const statuses = new Map<number, number>();
  let next = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const connection = connectRaw(port);
      let underWay = 0;
      for (;;) {
        for (; underWay < pipelined && next < total; underWay += 1) {
          connection.write(wireOf(next));
          next += 1;
        }
        if (underWay === 0) break;
        const answer = await connection.answer();
        assert.ok(answer !== null, 'the gateway hung up');
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        underWay -= 1;
      }
      connection.socket.destroy();
    }),
  );
  return statuses;
};

describe('a flood of bad messages', () => {
  let fixture: Fixture;
  let receiver: HookReceiver;
  /** Addresses that keys were asked from. */
  const fetched: string[] = [];
  let keyFetcher: LiveKeyFetcher;
  before(async () => {
    // The real fetcher; where it would connect nothing is there, and that is counted.
    keyFetcher = makeKeyFetcher({
      clock: systemClock,
      allowPrivate: [],
      resolve: (host, done) => {
        fetched.push(host);
        done(new Error('no such host'), []);
      },
    });
    receiver = await startHookReceiver();
    fixture = await startFixture({
      config: (url) =>
        hookConfig(
          receiver.url,
          routes,
        )(url).replace('maxBody: 64KiB', 'maxBody: 64KiB, trustedProxies: [127.0.0.0/8]'),
      env: hookEnv,
      deps: {
        keyFetcher,
      },
    });
  });
  after(async () => {
    await fixture.stop();
    await keyFetcher.close();
    await receiver.stop();
  });

  const counts = async () => {
    const { events, outbox } = fixture.gateway.foundation.stores;
    return {
      events: (await events.list({ limit: 1_000 })).length,
      sources: (await events.sources()).length,
      deliveries: (await outbox.list({ limit: 1_000 })).length,
    };
  };

  it('leaves the tables as they were and asks for keys at most twice', async () => {
    const before = await counts();
    const statuses = await flood(fixture.gateway.data.port);
    // A wrong signature is refused; what cannot be judged without a key that is not to be had, put off.
    assert.deepEqual(Object.fromEntries(statuses), { 401: 3_334, 503: 6_666 });
    assert.ok(fetched.length > 0 && fetched.length <= 2, fetched.join('\n'));
    assert.deepEqual(await counts(), before);
  });

  it('never asks an address that the message chose', () => {
    for (const host of fetched) {
      assert.ok(['keys.example.com', 'sns.eu-central-1.amazonaws.com'].includes(host), host);
    }
  });

  it('does not keep a good message out afterwards', async () => {
    const body = '{"type":"moved","user":"ann@example.com"}';
    const message = standardMessage({ id: 'msg_after', at: Date.now(), body });
    assert.equal((await fixture.ask('POST', '/hooks/hr', message)).status, 202);
  });
});
