/** Senders whose body is signed, as a route has them: windows, ids, handshakes and what is kept. */
import assert from 'node:assert/strict';
import { createHash, createSign } from 'node:crypto';
import { describe, it } from 'node:test';
import { compileReceiver } from '../../../src/signatures/compile-receiver.ts';
import { compileSigner } from '../../../src/signatures/compile-signer.ts';
import type { KeyFetcher, KeyMaterial, Receiver } from '../../../src/signatures/receiver.ts';
import { signSettings, webhookSettings } from '../../../src/signatures/settings.ts';
import { selfSigned } from '../../support/self-signed.ts';
import { receive } from '../messages.ts';
import { jwk, moment, pairs, routeKey, tableFetcher, token } from '../token-keys.ts';

const day = 86_400_000;
const receiver = (
  given: Readonly<Record<string, unknown>>,
  fetcher: KeyFetcher,
  keys: readonly KeyMaterial[] = [],
): Receiver => {
  const made = compileReceiver(webhookSettings.parse(given), keys, { fetcher });
  assert.ok(!('problems' in made), JSON.stringify(made));
  return made;
};

describe('http-signature', () => {
  const secret = routeKey('secrets[0]', 'a secret for messages of ours');
  const settings = { scheme: 'http-signature', secrets: ['${env:SECRET}'] };
  const signer = compileSigner(
    signSettings.parse({ scheme: 'http-signature', secret: '${env:SECRET}' }),
    secret,
  );
  assert.ok('sign' in signer);
  const { url } = receive({ query: 'a=1' });
  const body = Buffer.from('{"id":1}');
  const headers = signer.sign({ id: 'evt_1', at: moment, body, url, method: 'POST' });
  const received = { ...receive({ query: 'a=1', body }), headers: { ...headers, 'x-other': 'y' } };
  const made = receiver(settings, tableFetcher({}), [secret]);

  it('takes what the signer of the same name signed, within five minutes', async () => {
    for (const [now, kind] of [
      [moment, 'verified'],
      [moment + 300_000, 'verified'],
      [moment + 300_001, 'refused'],
      [moment - 300_001, 'refused'],
    ] as const) {
      assert.equal((await made.verify(received, now)).kind, kind);
    }
    const verdict = await made.verify(received, moment);
    assert.ok(verdict.kind === 'verified');
    assert.deepEqual(verdict.id, { value: 'evt_1', signed: true });
    assert.deepEqual(verdict.sentAt, { at: moment, signed: true });
  });

  it('keeps what it covers and nothing else, and verifies it again', async () => {
    const verdict = await made.verify(received, moment);
    assert.ok(verdict.kind === 'verified');
    const kept = made.keep(received, verdict);
    assert.deepEqual(Object.keys(kept.headers).sort(), [
      'content-digest',
      'signature',
      'signature-input',
    ]);
    const again = { ...received, headers: kept.headers, body: kept.body };
    assert.equal((await made.verifyKept(again, moment)).kind, 'verified');
    const changed = { ...again, body: Buffer.from('{"id":2}') };
    assert.equal((await made.verifyKept(changed, moment)).kind, 'refused');
  });

  it('without a time is refused', async () => {
    const timeless = {
      ...headers,
      'signature-input': String(headers['signature-input']).replace(/created=[0-9]+;/, ''),
    };
    assert.equal((await made.verify({ ...received, headers: timeless }, moment)).kind, 'refused');
  });

  it('needs a secret', () => {
    const bare = webhookSettings.parse({ scheme: 'http-signature' });
    assert.ok('problems' in compileReceiver(bare, [], { fetcher: tableFetcher({}) }));
  });
});

describe('fusionauth', () => {
  const secret = routeKey('secrets[0]', 'a secret of at least thirty-two bytes');
  const given = { scheme: 'fusionauth', secrets: ['${env:SECRET}'] };
  const body = '{"event":{"id":"e1","type":"user.create"}}';
  const hash = createHash('sha256').update(body).digest('base64');

  it('is told by the id of the event, and verified again as of its time', async () => {
    const made = receiver(given, tableFetcher({}), [secret]);
    const claims = { request_body_sha256: hash, exp: moment / 1_000 + 60 };
    const text = await token(claims, Buffer.from(secret.text), { alg: 'HS256' });
    const received = receive({ body, headers: { 'x-fusionauth-signature-jwt': text } });
    const verdict = await made.verify(received, moment);
    assert.ok(verdict.kind === 'verified');
    assert.deepEqual(verdict.id, { value: 'e1', signed: true });
    const kept = made.keep(received, verdict);
    const again = { ...received, headers: kept.headers, body: kept.body };
    assert.equal((await made.verifyKept(again, moment)).kind, 'verified');
    assert.equal((await made.verifyKept(again, moment + day)).kind, 'refused');
    const other = { ...received, body: Buffer.from(body.replace('e1', 'e2')) };
    assert.equal((await made.verify(other, moment)).kind, 'refused');
  });

  it('needs a key or an address', () => {
    const bare = webhookSettings.parse({ scheme: 'fusionauth' });
    assert.ok('problems' in compileReceiver(bare, [], { fetcher: tableFetcher({}) }));
  });
});

describe('aws-sns', () => {
  const arn = 'arn:aws:sns:eu-west-1:123456789012:people';
  const url = `https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-${'0'.repeat(32)}.pem`;
  const { certificate, key } = selfSigned(
    { dns: 'sns.amazonaws.com' },
    { from: moment - day, until: moment + day },
  );
  const fetcher = tableFetcher({ [url]: certificate });
  const made = receiver({ scheme: 'aws-sns', topics: [arn] }, fetcher);
  const confirmation = {
    Message: 'You have chosen to subscribe',
    MessageId: 'm1',
    SubscribeURL: 'https://evil.example/',
    Timestamp: new Date(moment).toISOString(),
    Token: 'abcdef0123456789',
    TopicArn: arn,
    Type: 'SubscriptionConfirmation',
  };
  const text = Object.entries(confirmation)
    .map(([name, value]) => `${name}\n${value}\n`)
    .join('');
  const body = JSON.stringify({
    ...confirmation,
    SignatureVersion: '2',
    SigningCertURL: url,
    Signature: createSign('RSA-SHA256').update(text).sign(key, 'base64'),
  });

  it('confirms a subscription once it is verified', async () => {
    const received = receive({ body });
    assert.equal(made.greet(received), null);
    const verdict = await made.verify(received, moment);
    assert.ok(verdict.kind === 'verified');
    assert.deepEqual(verdict.id, { value: 'm1', signed: true });
    const greeting = made.answer(received, verdict);
    assert.equal(new URL(String(greeting?.confirm)).host, 'sns.eu-west-1.amazonaws.com');
  });

  it('has a window of six hours, for as long as SNS tries', async () => {
    for (const [now, kind] of [
      [moment + 6 * 3_600_000, 'verified'],
      [moment + 6 * 3_600_000 + 1, 'refused'],
    ] as const) {
      assert.equal((await made.verify(receive({ body }), now)).kind, kind);
    }
  });
});

describe('ms-graph-rich', () => {
  it('keeps neither tokens nor clientState', async () => {
    const tenant = '84bd8158-6d4d-4958-8b9f-9d6445542f95';
    const jwksUri = 'https://login.microsoftonline.com/common/discovery/v2.0/keys';
    const published = JSON.stringify({ keys: [jwk(pairs.rsa.publicKey, { kid: 'one' })] });
    const state = routeKey('state', 'a client state of the route');
    const pem = pairs.other.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const made = receiver(
      { scheme: 'ms-graph-rich', application: 'app', tenants: [tenant], secrets: ['${env:A}'] },
      tableFetcher({ [jwksUri]: published }),
      [routeKey('cert', pem), state],
    );
    const claims = {
      iss: `https://sts.windows.net/${tenant}/`,
      aud: 'app',
      appid: '0bf30f3b-4a52-48df-9a82-234910c4a086',
      tid: tenant,
      exp: moment / 1_000 + 300,
    };
    const proof = await token(claims, pairs.rsa.privateKey);
    const item = { subscriptionId: 's', tenantId: tenant, clientState: state.text };
    const body = JSON.stringify({ value: [item], validationTokens: [proof] });
    const received = receive({ body });
    const verdict = await made.verify(received, moment);
    assert.ok(verdict.kind === 'verified');
    const kept = made.keep(received, verdict);
    for (const bytes of [kept.body, kept.contents]) {
      assert.ok(bytes !== null && !bytes.includes(proof) && !bytes.includes(state.text));
    }
    const again = { ...received, headers: kept.headers, body: kept.body };
    assert.equal((await made.verifyKept(again, moment)).kind, 'verified');
    assert.equal((await made.verify(again, moment)).kind, 'refused');
    const asked = receive({ body: '', query: 'validationToken=abc' });
    assert.equal(made.greet(asked)?.body, 'abc');
  });
});
