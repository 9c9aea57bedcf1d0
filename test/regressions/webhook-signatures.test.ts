/** What went wrong in verifiers of others, each by the name it is known under (webhooks.md §4.4). */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Received } from '../../src/signatures/receiver.ts';
import { senders } from '../../src/signatures/table.ts';
import {
  messageOf,
  outcomeOf,
  problemsWith,
  receiverWith,
  verdictOf,
} from '../signatures/receivers.ts';

const secret = 'a-key-of-thirty-two-characters--';
const whsec = `whsec_${Buffer.from(Array.from({ length: 32 }, (_one, at) => at + 7)).toString('base64')}`;
const now = 1_760_000_000_000;
const seconds = String(now / 1_000);
const mac = (text: string | Buffer, key: string | Buffer = secret): Buffer =>
  createHmac('sha256', key).update(text).digest();

const github = receiverWith({ scheme: 'github' }, secret);
const onGithub = (signature: string, body: string | Buffer = '{}'): string =>
  outcomeOf(verdictOf(github, messageOf({ 'x-hub-signature-256': signature }, body), now));

const standard = receiverWith({ scheme: 'standard-webhooks' }, whsec);
const standardKey = Buffer.from(whsec.slice(6), 'base64');
const standardMessage = (
  over: Readonly<Record<string, string>> = {},
  body: string | Buffer = '{}',
): Received => {
  const signed = mac(
    Buffer.concat([Buffer.from(`msg_1.${seconds}.`), Buffer.from(body)]),
    standardKey,
  );
  const headers: Record<string, string> = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': seconds,
    'webhook-signature': `v1,${signed.toString('base64')}`,
    ...over,
  };
  return messageOf(headers, body);
};
const onStandard = (message: Received, at = now): string =>
  outcomeOf(verdictOf(standard, message, at));

describe('signatures', () => {
  it('CVE-2024-21491 svix: a comparison cut to the shorter one let `v1,` pass', () => {
    assert.equal(onStandard(standardMessage()), 'verified');
    const whole = standardMessage().headers['webhook-signature'] ?? '';
    for (const cut of ['v1,', 'v1', '', ' ', 'v1, ', 'v1,AA==', whole.slice(0, 20), `${whole}AAAA`])
      assert.match(onStandard(standardMessage({ 'webhook-signature': cut })), /^signature_/);
  });

  it('CVE-2023-50728 octokit/webhooks: a malformed header never throws out of the verifier', () => {
    for (const garbage of ['sha256', 'sha256=', '=', 'sha256=zz', 'sha256=é', '\u0000', 'sha1=ab'])
      assert.match(onGithub(garbage), /^signature_/);
  });

  it('CVE-2021-43571 ecdsa-node: r and s of zero, and out of range', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
    const receiver = receiverWith({ scheme: 'sendgrid', keys: [{ key }] });
    const outcome = (signature: Buffer): string =>
      outcomeOf(
        verdictOf(
          receiver,
          messageOf(
            {
              'x-twilio-email-event-webhook-timestamp': seconds,
              'x-twilio-email-event-webhook-signature': signature.toString('base64'),
            },
            '[]',
          ),
          now,
        ),
      );
    const good = sign('sha256', Buffer.from(`${seconds}[]`), privateKey);
    assert.equal(outcome(good), 'verified');
    const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
    for (const hex of [
      '3006020100020100',
      '3006020100020101',
      '3006020101020100',
      `3026022100${order}020101`,
      `3046022100${order}022100${order}`,
      '30060201ff0201ff',
      '3080',
    ])
      assert.equal(outcome(Buffer.from(hex, 'hex')), 'signature_invalid');
    assert.equal(outcome(Buffer.concat([good, Buffer.from([0])])), 'signature_invalid');
  });

  it('ECDSA: the other signature that holds for the same message is no new one', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
    const receiver = receiverWith({ scheme: 'sendgrid', keys: [{ key }] });
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const raw = sign('sha256', Buffer.from(`${seconds}[]`), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    const integer = (bytes: Buffer): Buffer => {
      let from = 0;
      while (from < 31 && bytes[from] === 0) from++;
      const short = bytes.subarray(from);
      const padded = (short[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short;
      return Buffer.concat([Buffer.from([2, padded.length]), padded]);
    };
    const der = (s: bigint): Buffer => {
      const both = Buffer.concat([
        integer(raw.subarray(0, 32)),
        integer(Buffer.from(s.toString(16).padStart(64, '0'), 'hex')),
      ]);
      return Buffer.concat([Buffer.from([0x30, both.length]), both]);
    };
    const s = BigInt(`0x${raw.subarray(32).toString('hex')}`);
    const signatures = [s, order - s].map((one) => {
      const verdict = verdictOf(
        receiver,
        messageOf(
          {
            'x-twilio-email-event-webhook-timestamp': seconds,
            'x-twilio-email-event-webhook-signature': der(one).toString('base64'),
          },
          '[]',
        ),
        now,
      );
      assert.ok(verdict.kind === 'verified');
      return verdict.signature?.toString('hex');
    });
    assert.equal(signatures[0], signatures[1]);
  });

  it('Hookaido 2.11: only the first `v1=` was compared, so keys could not be changed', () => {
    const stripe = receiverWith({ scheme: 'stripe' }, secret);
    const good = mac(`${seconds}.{}`).toString('hex');
    const other = 'ab'.repeat(32);
    const outcome = (text: string): string =>
      outcomeOf(verdictOf(stripe, messageOf({ 'stripe-signature': text }, '{}'), now));
    for (const text of [
      `t=${seconds},v1=${good}`,
      `t=${seconds},v1=${other},v1=${good}`,
      `t=${seconds},v1=${good},v1=${other}`,
      `v1=${other},v1=${good},t=${seconds}`,
      `t=${seconds},v0=${other},v1=${good}`,
    ])
      assert.equal(outcome(text), 'verified', text);
    const sixteen = Array.from({ length: 16 }, () => `v1=${other}`).join(',');
    assert.equal(outcome(`t=${seconds},${sixteen},v1=${good}`), 'signature_invalid');
    assert.equal(outcome(`t=${seconds},v0=${good}`), 'signature_invalid');
    assert.equal(outcome(`t=1,t=${seconds},v1=${good}`), 'signature_invalid');
  });

  it('keys of a route are all tried, whichever comes first', () => {
    const both = receiverWith({ scheme: 'github' }, 'another-key-another', secret);
    const verdict = verdictOf(
      both,
      messageOf({ 'x-hub-signature-256': `sha256=${mac('{}').toString('hex')}` }, '{}'),
      now,
    );
    assert.ok(verdict.kind === 'verified');
    assert.equal(verdict.keyId, 'secrets[1]');
  });

  it('mercadopago/sdk-nodejs#459, stripe-node: signatures outside of ASCII', () => {
    const stripe = receiverWith({ scheme: 'stripe' }, secret);
    for (const value of ['é'.repeat(64), 'ä'.repeat(32), '\u{1f511}', `${'a'.repeat(63)}é`])
      assert.match(
        outcomeOf(
          verdictOf(
            stripe,
            messageOf({ 'stripe-signature': `t=${seconds},v1=${value}` }, '{}'),
            now,
          ),
        ),
        /^signature_/,
      );
  });

  it('standardwebhooks: bodies 0xff and 0xfe were one body', () => {
    const ff = standardMessage({}, Buffer.from([0xff]));
    assert.equal(onStandard(ff), 'verified');
    assert.equal(onStandard({ ...ff, body: Buffer.from([0xfe]) }), 'signature_invalid');
    assert.equal(onStandard({ ...ff, body: Buffer.from('\ufffd', 'utf8') }), 'signature_invalid');
  });

  it('Convoy#2392, #2754: a body written anew is not the body that was signed', () => {
    const signature = `sha256=${mac('{"a": 1}').toString('hex')}`;
    assert.equal(onGithub(signature, '{"a": 1}'), 'verified');
    assert.equal(onGithub(signature, '{"a":1}'), 'signature_invalid');
  });

  it('GitHub: a redelivery without a signature stays refused', () => {
    assert.equal(
      outcomeOf(verdictOf(github, messageOf({ 'x-github-delivery': 'known' }, '{}'), now)),
      'signature_missing',
    );
  });

  it('an id that holds the separator could be another message', () => {
    const signed = mac(`a.1.${seconds}.{}`, standardKey);
    assert.equal(
      onStandard(
        standardMessage({
          'webhook-id': 'a.1',
          'webhook-signature': `v1,${signed.toString('base64')}`,
        }),
      ),
      'signature_invalid',
    );
  });

  it('Hookaido GHSA-cpfq-rj4r-hh5c: nothing computed or presented stands in a reason', () => {
    const presented = 'ab'.repeat(32);
    const verdict = verdictOf(
      github,
      messageOf({ 'x-hub-signature-256': `sha256=${presented}` }, '{}'),
      now,
    );
    assert.ok(verdict.kind === 'refused');
    assert.doesNotMatch(verdict.reason, /[0-9a-f]{6}/);
  });
});

describe('times', () => {
  it('are held to a window both ways', () => {
    const message = standardMessage();
    assert.equal(onStandard(message, now + 300_000), 'verified');
    assert.equal(onStandard(message, now - 300_000), 'verified');
    assert.equal(onStandard(message, now + 300_001), 'timestamp_stale');
    assert.equal(onStandard(message, now - 300_001), 'timestamp_stale');
  });

  it('mercadopago/sdk-nodejs#458: milliseconds are no seconds', () => {
    const workos = receiverWith({ scheme: 'workos' }, secret);
    const outcome = (time: string): string =>
      outcomeOf(
        verdictOf(
          workos,
          messageOf(
            { 'workos-signature': `t=${time}, v1=${mac(`${time}.{}`).toString('hex')}` },
            '{}',
          ),
          now,
        ),
      );
    assert.equal(outcome(String(now)), 'verified');
    assert.equal(outcome(seconds), 'timestamp_stale');
  });

  it('are strict numbers', () => {
    for (const time of [
      ` ${seconds}`,
      `${seconds}.0`,
      `+${seconds}`,
      '1e9',
      `0x1`,
      '',
      '٣'.repeat(10),
    ]) {
      const signed = mac(`msg_1.${time}.{}`, standardKey);
      assert.match(
        onStandard(
          standardMessage({
            'webhook-timestamp': time,
            'webhook-signature': `v1,${signed.toString('base64')}`,
          }),
        ),
        /^signature_/,
        time,
      );
    }
  });

  it('agentfield#717, OwnPay#296: a time that is not signed, or missing, opens nothing', () => {
    const changed = standardMessage({ 'webhook-timestamp': String(now / 1_000 + 1) });
    assert.equal(onStandard(changed), 'signature_invalid');
    const { 'webhook-timestamp': _time, ...headers } = standardMessage().headers;
    assert.equal(onStandard(messageOf(headers, '{}')), 'signature_missing');
    const unsigned = receiverWith(
      {
        scheme: 'custom',
        template: {
          hmac: { parts: ['body'], signature: { header: 'X-Sig', encoding: 'hex' } },
          time: { at: { header: 'X-Time' }, unit: 's' },
        },
      },
      secret,
    );
    const verdict = verdictOf(
      unsigned,
      messageOf({ 'x-sig': mac('{}').toString('hex'), 'x-time': '1' }, '{}'),
      now,
    );
    assert.ok(verdict.kind === 'verified');
    assert.deepEqual(verdict.sentAt, { at: 1_000, signed: false });
    assert.deepEqual(unsigned.dedupe, { by: 'signature', windowMs: 400 * 86_400_000 });
  });
});

describe('secrets', () => {
  const names = Object.values(senders).filter(({ scheme }) =>
    ['hmac', 'standard-webhooks', 'static', 'body-token', 'ed25519', 'ecdsa'].includes(scheme.name),
  );

  it('n8n CVE-2026-21894 and -54308, OneUptime, Typebot, Hookaido GHSA-5v3w-hjh4-4q9q: none is no route', () => {
    assert.ok(names.length > 30);
    for (const { name } of names)
      assert.match(problemsWith({ scheme: name }).join(), /anyone could send/, name);
  });

  it('bridgestack, coolhand-ruby#86: empty ones and placeholders are none', () => {
    for (const { name } of names)
      for (const text of [
        '',
        '   ',
        '\n',
        'changeme',
        'Change_Me',
        'secret',
        'your-secret-here',
        'xxxxxxxx',
      ])
        assert.match(
          problemsWith({ scheme: name }, text).join(),
          /is empty|is a placeholder/,
          `${name} ${text}`,
        );
  });

  it('Hookaido GHSA-q2r7-wm3j-xppw: a reference that nobody resolved is no secret', () => {
    for (const text of [
      'env:WEBHOOK_KEY',
      '${env:KEY}',
      '${KEY}',
      '$KEY',
      '{{ secret }}',
      '<key>',
      'file:/run/k',
    ])
      assert.match(problemsWith({ scheme: 'github' }, text).join(), /not resolved/, text);
  });

  it('too short for what they are for', () => {
    assert.match(
      problemsWith({ scheme: 'github' }, 'sEvEn77').join(),
      /^secrets\.0: .*shorter than 8/,
    );
    assert.match(problemsWith({ scheme: 'personio' }, 'sEvEn77').join(), /shorter than 8/);
    const short = `whsec_${Buffer.alloc(23, 'k').toString('base64')}`;
    assert.match(problemsWith({ scheme: 'standard-webhooks' }, short).join(), /24 to 64/);
    const long = `whsec_${Buffer.alloc(65, 'k').toString('base64')}`;
    assert.match(problemsWith({ scheme: 'svix' }, long).join(), /24 to 64/);
  });

  it('problems name the key, never its text', () => {
    for (const text of ['changeme', 'sEvEn77', 'env:WEBHOOK_KEY'])
      for (const line of problemsWith({ scheme: 'github' }, secret, text)) {
        assert.match(line, /secrets\[1\]/);
        assert.ok(!line.includes(text));
      }
  });
});

describe('repeats', () => {
  it('camunda/connectors#8989: where the id is not signed, body and signature tell them', () => {
    for (const name of ['github', 'pagerduty', 'shopify', 'jira'])
      assert.deepEqual(receiverWith({ scheme: name }, secret).dedupe, {
        by: 'signature',
        windowMs: 400 * 86_400_000,
      });
    const verdict = verdictOf(
      github,
      messageOf(
        { 'x-hub-signature-256': `sha256=${mac('{}').toString('hex')}`, 'x-github-delivery': 'd1' },
        '{}',
      ),
      now,
    );
    assert.ok(verdict.kind === 'verified');
    assert.deepEqual(verdict.id, { value: 'd1', signed: false });
    assert.ok(verdict.signature?.equals(mac('{}')));
  });

  it('first-tree#1627: without the header there is no id, and body and signature remain', () => {
    const verdict = verdictOf(
      github,
      messageOf({ 'x-hub-signature-256': `sha256=${mac('{}').toString('hex')}` }, '{}'),
      now,
    );
    assert.ok(verdict.kind === 'verified');
    assert.equal(verdict.id, null);
    assert.ok(verdict.signature !== null);
  });
});
