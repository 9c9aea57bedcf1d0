/** Keys in every form that senders give them. */
import assert from 'node:assert/strict';
import { constants, createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { messageOf, outcomeOf, problemsWith, receiverWith, verdictOf } from './receivers.ts';

const now = 1_760_000_000_000;

describe('keys of every form', () => {
  const signature = { header: 'X-Sig', encoding: 'base64' };
  const outcome = (
    webhook: Readonly<Record<string, unknown>>,
    key: string,
    signed: Buffer,
    body = '{}',
  ): string =>
    outcomeOf(
      verdictOf(
        receiverWith({ ...webhook, keys: [{ key }] }),
        messageOf({ 'x-sig': signed.toString('base64') }, body),
        now,
      ),
    );

  it('RSA, by PKCS #1 and PSS; not shorter than 2,048 bits', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
    const rsa = (padding: string) => ({
      scheme: 'custom',
      template: { rsa: { parts: ['body'], signature, padding } },
    });
    const pkcs1 = sign('sha256', Buffer.from('{}'), privateKey);
    const pss = sign('sha256', Buffer.from('{}'), {
      key: privateKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    });
    assert.equal(outcome(rsa('pkcs1'), pem, pkcs1), 'verified');
    assert.equal(outcome(rsa('pss'), pem, pss), 'verified');
    assert.equal(outcome(rsa('pkcs1'), pem, pss), 'signature_invalid');
    assert.equal(outcome(rsa('pkcs1'), pem, pkcs1, '{ }'), 'signature_invalid');
    assert.equal(outcome(rsa('pkcs1'), pem, Buffer.from('short')), 'signature_invalid');
    const short = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey;
    const shortPem = short.export({ format: 'pem', type: 'spki' }).toString();
    assert.match(problemsWith({ ...rsa('pkcs1'), keys: [{ key: shortPem }] }).join(), /2048 bits/);
  });

  it('Ed25519 as PEM, SPKI and hex', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const webhook = {
      scheme: 'custom',
      template: { ed25519: { parts: ['body'], signature } },
    };
    const signed = sign(null, Buffer.from('{}'), privateKey);
    const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
    for (const key of [
      publicKey.export({ format: 'pem', type: 'spki' }).toString(),
      publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
      raw.toString('hex'),
      `whpk_${raw.toString('base64')}`,
    ]) {
      assert.equal(outcome(webhook, key, signed), 'verified', key.slice(0, 12));
      assert.equal(outcome(webhook, key, signed, '[]'), 'signature_invalid');
    }
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    const foreign = other.export({ format: 'pem', type: 'spki' }).toString();
    assert.match(problemsWith({ ...webhook, keys: [{ key: foreign }] }).join(), /no Ed25519 key/);
    const halves = `whsk_${Buffer.concat([Buffer.alloc(31, 5), raw, Buffer.from([1])]).toString('base64')}`;
    assert.match(problemsWith(webhook, halves).join(), /belongs to another/);
  });

  it('an HMAC key in base64 is the bytes it says', () => {
    const webhook = {
      scheme: 'custom',
      template: { hmac: { parts: ['body'], signature, key: 'base64' } },
    };
    const bytes = Buffer.from(Array.from({ length: 32 }, (_one, at) => 255 - at));
    const receiver = receiverWith(webhook, bytes.toString('base64'));
    const signed = createHmac('sha256', bytes).update('{}').digest('base64');
    assert.equal(
      outcomeOf(verdictOf(receiver, messageOf({ 'x-sig': signed }, '{}'), now)),
      'verified',
    );
    assert.match(problemsWith(webhook, 'not base64 at all').join(), /is not base64/);
  });
});
