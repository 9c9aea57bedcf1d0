/** Senders with tokens as a route has them: settings, verdicts, what is kept, and a flood. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { compileReceiver } from '../../../src/signatures/compile-receiver.ts';
import type { KeyFetcher, Received, Receiver } from '../../../src/signatures/receiver.ts';
import { webhookSettings } from '../../../src/signatures/settings.ts';
import { makeKeyFetcher } from '../../../src/targets/key-fetcher.ts';
import { serveKeys, trustOurselves, trustTheSystem } from '../../support/key-server.ts';
import { makeTestClock } from '../../targets/harness.ts';
import { receive } from '../messages.ts';
import { jwk, moment, pairs, tableFetcher, token, unsigned } from '../token-keys.ts';

const tenant = '84bd8158-6d4d-4958-8b9f-9d6445542f95';
const seconds = moment / 1_000;
const published = JSON.stringify({ keys: [jwk(pairs.rsa.publicKey, { kid: 'one' })] });

const receiver = (given: Readonly<Record<string, unknown>>, fetcher: KeyFetcher): Receiver => {
  const made = compileReceiver(webhookSettings.parse(given), [], { fetcher });
  assert.ok(!('problems' in made), JSON.stringify(made));
  return made;
};
const bearer = (text: string, body = '{}'): Received =>
  receive({
    headers: { authorization: `Bearer ${text}`, 'content-type': 'application/json' },
    body,
  });

/** Fetchers by sender: the address is the sender's own, so a wrong one is noticed. */
const addresses = {
  entra: 'https://login.microsoftonline.com/common/discovery/v2.0/keys',
  google: 'https://www.googleapis.com/oauth2/v3/certs',
};

describe('google-pubsub', () => {
  const given = {
    scheme: 'google-pubsub',
    audience: 'https://gateway.example/hooks/hr',
    email: 'push@project.iam.gserviceaccount.com',
  };
  const claims = {
    iss: 'https://accounts.google.com',
    aud: given.audience,
    email: given.email,
    email_verified: true,
    exp: seconds + 3_600,
  };

  it('takes pushes of the account, and tells repeats by the id of the message', async () => {
    const made = receiver(given, tableFetcher({ [addresses.google]: published }));
    const text = await token(claims, pairs.rsa.privateKey);
    const received = bearer(text, '{"message":{"messageId":"136969346945","data":""}}');
    const verdict = await made.verify(received, moment);
    assert.ok(verdict.kind === 'verified');
    assert.deepEqual(verdict.id, { value: '136969346945', signed: false });
    const kept = made.keep(received, verdict);
    assert.equal(kept.headers['authorization'], 'sallyport-key:one');
    assert.ok(!JSON.stringify(kept).includes(text));
    const again = await made.verifyKept({ ...received, ...kept, headers: kept.headers }, moment);
    assert.equal(again.kind, 'verified');
  });

  it('takes none of another account at Google', async () => {
    const made = receiver(given, tableFetcher({ [addresses.google]: published }));
    const other = { ...claims, email: 'evil@other.iam.gserviceaccount.com' };
    const verdict = await made.verify(bearer(await token(other, pairs.rsa.privateKey)), moment);
    assert.equal(verdict.kind, 'refused');
  });

  it('needs audience and account', () => {
    for (const missing of ['audience', 'email']) {
      assert.throws(() => webhookSettings.parse({ ...given, [missing]: undefined }));
    }
    assert.throws(() => webhookSettings.parse({ ...given, topics: ['x'] }));
  });
});

describe('entra', () => {
  const cases = [
    ['entra-custom-extension', '99045fe1-7639-4a75-9d4a-577b6ca3810f'],
    ['entra-lifecycle', 'ce79fdc4-cd1d-4ea5-8139-e74d7dbe0bb7'],
  ] as const;
  for (const [scheme, party] of cases) {
    it(`${scheme} takes tokens of either version, of that application and tenant`, async () => {
      const fetcher = tableFetcher({ [addresses.entra]: published });
      const made = receiver({ scheme, tenants: [tenant], audience: 'app' }, fetcher);
      const claims = { aud: 'app', tid: tenant, exp: seconds + 300 };
      const one = { ...claims, iss: `https://sts.windows.net/${tenant}/`, appid: party };
      const two = {
        ...claims,
        iss: `https://login.microsoftonline.com/${tenant}/v2.0`,
        azp: party,
      };
      for (const [given, kind] of [
        [one, 'verified'],
        [two, 'verified'],
        [{ ...one, appid: '0bf30f3b-4a52-48df-9a82-234910c4a086' }, 'refused'],
        [{ ...two, azp: undefined }, 'refused'],
        [{ ...one, tid: 'other' }, 'refused'],
        [{ ...one, iss: 'https://sts.windows.net/common/' }, 'refused'],
      ] as const) {
        const text = await token(given, pairs.rsa.privateKey);
        assert.equal((await made.verify(bearer(text), moment)).kind, kind);
      }
    });
  }

  it('waits two seconds for the answer of an extension', () => {
    const given = { scheme: 'entra-custom-extension', tenants: [tenant], audience: 'app' };
    assert.equal(receiver(given, tableFetcher({})).answersWithinMs, 2_000);
  });
});

describe('set', () => {
  it('is told by jti, has no window, and is refused in its own form', async () => {
    const jwksUri = 'https://issuer.example/keys';
    const made = receiver(
      { scheme: 'set', issuer: 'https://issuer.example', audience: 'aud', jwksUri },
      tableFetcher({ [jwksUri]: published }),
    );
    const iat = seconds - 30 * 86_400;
    const claims = { iss: 'https://issuer.example', aud: 'aud', jti: 'j1', iat, events: { a: {} } };
    const body = await token(claims, pairs.rsa.privateKey, {
      alg: 'RS256',
      kid: 'one',
      typ: 'secevent+jwt',
    });
    const received = receive({ body, headers: { 'content-type': 'application/secevent+jwt' } });
    const verdict = await made.verify(received, moment);
    assert.ok(verdict.kind === 'verified');
    assert.deepEqual(verdict.id, { value: 'j1', signed: true });
    assert.deepEqual(verdict.sentAt, { at: iat * 1_000, signed: true });
    const kept = made.keep(received, verdict);
    assert.deepEqual(JSON.parse(String(kept.contents)), claims);
    const again = await made.verifyKept({ ...received, ...kept, headers: kept.headers }, moment);
    assert.equal(again.kind, 'verified');
    const refused = await made.verify(receive({ body: '{}' }), moment);
    assert.ok(refused.kind === 'refused');
    assert.equal(made.refusalForm?.(refused)?.status, 400);
  });
});

describe('a flood', () => {
  before(trustOurselves);
  after(trustTheSystem);

  it('of ten thousand bad signatures, keys and certificates makes two calls', async (t) => {
    let resolved = 0;
    const { base, asked } = await serveKeys(t, (_request, response) => response.end(published));
    const fetcher = makeKeyFetcher({
      clock: makeTestClock(),
      allowPrivate: ['127.0.0.1'],
      resolve: (_host, done) => {
        resolved++;
        done(new Error('no such host'), []);
      },
    });
    t.after(() => fetcher.close());
    const issuer = 'https://issuer.example';
    const tokens = receiver(
      { scheme: 'jwt', issuer, audience: 'aud', jwksUri: `${base}/keys` },
      fetcher,
    );
    const arn = 'arn:aws:sns:eu-west-1:123456789012:people';
    const topics = receiver({ scheme: 'aws-sns', topics: [arn] }, fetcher);
    const claims = { iss: issuer, aud: 'aud', exp: seconds + 300 };
    const sns = (hex: string) => ({
      Type: 'Notification',
      MessageId: 'a',
      TopicArn: arn,
      Message: 'm',
      Timestamp: '2023-11-14T22:13:20.000Z',
      SignatureVersion: '2',
      Signature: 'A'.repeat(344),
      SigningCertURL: `https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-${hex}.pem`,
    });
    for (let count = 0; count < 3_334; count++) {
      const hex = count.toString(16).padStart(32, '0');
      const signature = Buffer.from(hex.repeat(16)).toString('base64url').slice(0, 342);
      const verdicts = [
        await tokens.verify(bearer(unsigned({ alg: 'RS256', kid: hex }, claims, 'AAAA')), moment),
        await tokens.verify(
          bearer(unsigned({ alg: 'RS256', kid: 'one' }, claims, signature)),
          moment,
        ),
        await topics.verify(receive({ body: JSON.stringify(sns(hex)) }), moment),
      ];
      assert.ok(verdicts.every(({ kind }) => kind !== 'verified'));
    }
    assert.deepEqual([asked(), resolved], [['/keys'], 1]);
    // And whoever is genuine is still served.
    const genuine = await token(claims, pairs.rsa.privateKey);
    assert.equal((await tokens.verify(bearer(genuine), moment)).kind, 'verified');
  });
});
