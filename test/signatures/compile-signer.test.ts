/** Signing what is passed on: by any template, and never by what can only verify or guards nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileSigner } from '../../src/signatures/compile-signer.ts';
import { signSettings } from '../../src/signatures/settings.ts';
import { keysOf, messageOf, outcomeOf, receiverWith, verdictOf } from './receivers.ts';

const now = 1_760_000_000_000;
const message = {
  id: 'dlv_1',
  at: now,
  body: Buffer.from([0xff, 0x00]),
  url: 'https://n8n.example/hook',
  method: 'POST',
};
const signerFor = (given: Readonly<Record<string, unknown>>, secret: string) => {
  const [key] = keysOf(secret);
  assert.ok(key !== undefined);
  return compileSigner(signSettings.parse({ secret: '${env:FORWARD_SECRET}', ...given }), key);
};
const problemOf = (given: Readonly<Record<string, unknown>>, secret: string): string => {
  const made = signerFor(given, secret);
  return 'problem' in made ? made.problem : '';
};
const whsec = `whsec_${Buffer.alloc(32, 'signing').toString('base64')}`;

describe('signers', () => {
  it('sign as Standard Webhooks unless told otherwise', () => {
    const signer = signerFor({}, whsec);
    assert.ok('sign' in signer);
    assert.equal(signer.scheme, 'standard-webhooks');
    const headers = signer.sign(message);
    assert.deepEqual(Object.keys(headers), [
      'webhook-id',
      'webhook-timestamp',
      'webhook-signature',
    ]);
    const receiver = receiverWith({ scheme: 'standard-webhooks' }, whsec);
    const verdict = verdictOf(receiver, messageOf(headers, message.body), now);
    assert.equal(outcomeOf(verdict), 'verified');
  });

  it('sign by a template of one’s own, the address included', () => {
    const template = {
      hmac: {
        parts: ['method', { text: '\n' }, 'url', { text: '\n' }, 'time', { text: '\n' }, 'body'],
        time: { header: 'X-Time', unit: 'rfc3339' },
        signature: { header: 'X-Sig', prefix: 'hmac=', encoding: 'base64url' },
        algorithm: 'sha512',
      },
    };
    const secret = 'a-key-of-thirty-two-characters--';
    const signer = signerFor({ scheme: 'custom', template }, secret);
    assert.ok('sign' in signer);
    const receiver = receiverWith({ scheme: 'custom', template }, secret);
    const received = messageOf(signer.sign(message), message.body, { url: message.url });
    assert.equal(outcomeOf(verdictOf(receiver, received, now)), 'verified');
    for (const other of [{ url: `${message.url}?a` }, { method: 'PUT' }, { url: '\u0168ttps://x' }])
      assert.equal(
        outcomeOf(verdictOf(receiver, { ...received, ...other }, now)),
        'signature_invalid',
      );
  });

  it('are none by a key that only verifies, a weak one, or for a sender that we cannot be', () => {
    const whpk = 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=';
    assert.match(problemOf({}, whpk), /nothing can be signed/);
    assert.match(problemOf({}, 'whsec_c2hvcnQ='), /24 to 64 bytes/);
    assert.match(problemOf({}, ''), /is empty/);
    assert.match(problemOf({}, 'changeme'), /placeholder/);
    assert.match(problemOf({ scheme: 'github' }, 'seven77'), /shorter than 8/);
    for (const scheme of ['twilio', 'okta', 'sendgrid'])
      assert.notEqual(problemOf({ scheme }, 'a-key-of-thirty-two-characters--'), '');
    assert.match(problemOf({ scheme: 'nobody' }, whsec), /no such scheme/);
    assert.match(problemOf({ scheme: 'custom' }, whsec), /template|exactly one/);
  });
});
