/** Ten thousand bad messages: nothing is written, and at most two calls go out. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { makeKeyFetcher, type LiveKeyFetcher } from '../../src/targets/key-fetcher.ts';
import { startFixture, type Fixture } from '../support/fixture.ts';
import {
  hookConfig,
  hookEnv,
  standardMessage,
  startHookReceiver,
  type HookReceiver,
} from '../support/hooks.ts';

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
      config: hookConfig(receiver.url, routes),
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
    const statuses = new Map<number, number>();
    const send = async (index: number): Promise<void> => {
      const kind = index % 3;
      const answer =
        kind === 0
          ? await fixture.ask(
              'POST',
              '/hooks/hr',
              standardMessage({
                id: `msg_flood_${index}`,
                at: Date.now(),
                body: `{"n":${index}}`,
                secret: `whsec_${randomBytes(24).toString('base64')}`,
              }),
            )
          : kind === 1
            ? await fixture.ask('POST', '/hooks/idp', {
                key: null,
                raw: strangeToken(`key-${index}`),
                headers: { 'content-type': 'application/secevent+jwt' },
              })
            : await fixture.ask('POST', '/hooks/sns', {
                key: null,
                raw: snsMessage(index),
                headers: { 'content-type': 'text/plain; charset=UTF-8' },
              });
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      assert.notEqual(answer.status, 202);
    };
    const total = 10_000;
    let next = 0;
    await Promise.all(
      Array.from({ length: 32 }, async () => {
        while (next < total) await send(next++);
      }),
    );
    assert.equal(
      [...statuses.values()].reduce((sum, count) => sum + count, 0),
      total,
    );
    for (const status of statuses.keys())
      assert.ok([400, 401, 429, 503].includes(status), `${status}`);
    assert.ok(fetched.length <= 2, fetched.join('\n'));
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
