/** Published examples verify, are signed to the same text, and no byte of them can be another. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { compileSigner } from '../../src/signatures/compile-signer.ts';
import { compileTemplate } from '../../src/signatures/message-template.ts';
import { signSettings } from '../../src/signatures/settings.ts';
import { schemes, senders } from '../../src/signatures/table.ts';
import { signatureVectors, twilioVectors } from '../vectors/webhook-signatures.ts';
import { keysOf, messageOf, outcomeOf, receiverWith, verdictOf } from './receivers.ts';

describe('published examples', () => {
  for (const vector of signatureVectors) {
    const { name, webhook, secret, headers, body, at, signs } = vector;
    const receiver = receiverWith(webhook, secret);

    it(`${name}: verifies`, () => {
      const verdict = verdictOf(receiver, messageOf(headers, body), at);
      assert.equal(outcomeOf(verdict), 'verified');
      assert.ok(verdict.kind === 'verified');
      assert.equal(verdict.keyId, 'secrets[0]');
      assert.equal(verdict.sentAt?.at ?? 0, at);
      assert.ok(verdict.signature !== null);
    });

    it(`${name}: with one byte changed it does not`, () => {
      const bytes = Buffer.from(body, 'utf8');
      for (let index = 0; index < bytes.length; index += Math.ceil(bytes.length / 16)) {
        const changed = Buffer.from(bytes);
        changed[index] = (changed[index] ?? 0) ^ 1;
        assert.equal(
          outcomeOf(verdictOf(receiver, messageOf(headers, changed), at)),
          'signature_invalid',
        );
      }
    });

    if (signs)
      it(`${name}: is signed to the same text`, () => {
        const settings = signSettings.parse({ ...webhook, secret: '${env:SECRET}' });
        const [key] = keysOf(secret);
        assert.ok(key !== undefined);
        const signer = compileSigner(settings, key);
        assert.ok('sign' in signer);
        const { id } = { id: headers['webhook-id'] ?? headers['svix-id'] ?? 'unused' };
        const message = { id, at, body: Buffer.from(body), url: '', method: 'POST' };
        assert.deepEqual({ ...signer.sign(message) }, messageOf(headers, '').headers);
      });
  }

  for (const { url, contentType, body, token, signature } of twilioVectors)
    it(`Twilio, ${contentType}`, () => {
      const options = schemes['hmac']?.options.parse(senders['twilio']?.scheme.options) as Record<
        string,
        unknown
      >;
      const { algorithm, key: _key, ...template } = options;
      const compiled = compileTemplate(template as Parameters<typeof compileTemplate>[0]);
      assert.ok('read' in compiled);
      const read = compiled.read(
        messageOf({ 'content-type': contentType, 'x-twilio-signature': signature }, body, {
          url,
          query: url.slice(url.indexOf('?') + 1),
        }),
      );
      assert.ok(read.kind === 'read');
      const texts = read.groups[0]?.messages.map((message) =>
        createHmac(String(algorithm), token).update(message).digest('base64'),
      );
      assert.equal(texts?.[0], signature);
      assert.equal(texts?.length, 2);
      assert.equal(read.groups[0]?.signatures[0]?.toString('base64'), signature);
    });
});
