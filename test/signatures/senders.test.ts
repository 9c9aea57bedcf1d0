/**
 * Each signing sender, with its message built here by hand from the table of the reference, not by our
 * own templates: a descriptor that is wrong both ways would else go unnoticed.
 */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Received } from '../../src/signatures/receiver.ts';
import { senders } from '../../src/signatures/table.ts';
import { messageOf, outcomeOf, receiverWith, verdictOf } from './receivers.ts';

const now = 1_760_000_000_000;
const s = String(now / 1_000);
const iso = new Date(now).toISOString();
const secret = 'a-key-of-thirty-two-characters--';
const body = Buffer.concat([Buffer.from('{"id":"e1"}'), Buffer.from([0xff])]);

const mac = (
  pieces: readonly (string | Buffer)[],
  algorithm = 'sha256',
  key: string | Buffer = secret,
) => {
  const hmac = createHmac(algorithm, key);
  for (const piece of pieces) hmac.update(piece);
  return hmac.digest();
};
const hex = (...pieces: readonly (string | Buffer)[]): string => mac(pieces).toString('hex');
const ed25519 = generateKeyPairSync('ed25519');
const discordKey = Buffer.from(
  ed25519.publicKey.export({ format: 'jwk' }).x ?? '',
  'base64url',
).toString('hex');
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const sendgridKey = p256.publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
const whsec = Buffer.alloc(24, 'standard');

type Row = readonly [name: string, headers: Readonly<Record<string, string>>, key?: string];
const standard = (prefix: string): Record<string, string> => ({
  [`${prefix}-id`]: 'msg_1',
  [`${prefix}-timestamp`]: s,
  [`${prefix}-signature`]: `v1,${mac([`msg_1.${s}.`, body], 'sha256', whsec).toString('base64')}`,
});

const rows: readonly Row[] = [
  ['standard-webhooks', standard('webhook'), `whsec_${whsec.toString('base64')}`],
  ['svix', standard('svix'), `whsec_${whsec.toString('base64')}`],
  ['svix', standard('webhook'), `whsec_${whsec.toString('base64')}`],
  ['finch', standard('finch'), whsec.toString('base64')],
  ['github', { 'X-Hub-Signature-256': `sha256=${hex(body)}` }],
  ['jira', { 'X-Hub-Signature': `sha256=${hex(body)}` }],
  ['stripe', { 'Stripe-Signature': `t=${s},v1=${hex(`${s}.`, body)},v0=${'ab'.repeat(32)}` }],
  ['slack', { 'X-Slack-Request-Timestamp': s, 'X-Slack-Signature': `v0=${hex(`v0:${s}:`, body)}` }],
  ['zoom', { 'x-zm-request-timestamp': s, 'x-zm-signature': `v0=${hex(`v0:${s}:`, body)}` }],
  ['shopify', { 'X-Shopify-Hmac-Sha256': mac([body]).toString('base64') }],
  ['bamboohr', { 'X-BambooHR-Timestamp': s, 'X-BambooHR-Signature': hex(body, s) }],
  ['bamboohr', { 'X-BambooHR-Timestamp': iso, 'X-BambooHR-Signature': hex(body, iso) }],
  ['hibob', { 'Bob-Signature': mac([body], 'sha512').toString('base64') }],
  ['deel', { 'x-deel-signature': hex('POST', body) }],
  [
    'zendesk',
    {
      'X-Zendesk-Webhook-Signature': mac([iso, body]).toString('base64'),
      'X-Zendesk-Webhook-Signature-Timestamp': iso,
    },
  ],
  ['pagerduty', { 'X-PagerDuty-Signature': `v1=${'ab'.repeat(32)},v1=${hex(body)}` }],
  [
    'sendgrid',
    {
      'X-Twilio-Email-Event-Webhook-Timestamp': s,
      'X-Twilio-Email-Event-Webhook-Signature': sign(
        'sha256',
        Buffer.concat([Buffer.from(s), body]),
        p256.privateKey,
      ).toString('base64'),
    },
    sendgridKey,
  ],
  [
    'discord',
    {
      'X-Signature-Timestamp': s,
      'X-Signature-Ed25519': sign(
        null,
        Buffer.concat([Buffer.from(s), body]),
        ed25519.privateKey,
      ).toString('hex'),
    },
    discordKey,
  ],
  ['workos', { 'WorkOS-Signature': `t=${now}, v1=${hex(`${now}.`, body)}` }],
  ['kombo', { 'X-Kombo-Signature': mac([body]).toString('base64url') }],
  ['merge', { 'X-Merge-Webhook-Signature': mac([body]).toString('base64url') }],
  ['merge', { 'X-Merge-Webhook-Signature': `${mac([body]).toString('base64url')}=` }],
  ['greenhouse', { Signature: `sha256 ${hex(body)}` }],
  ['persona', { 'Persona-Signature': `t=${s},v1=${hex(`${s}.`, body)}` }],
  [
    'persona',
    { 'Persona-Signature': `t=${s},v1=${'ab'.repeat(32)} t=${s},v1=${hex(`${s}.`, body)}` },
  ],
  ['logto', { 'logto-signature-sha-256': hex(body) }],
  ['seek', { 'Seek-Signature': mac([body], 'sha512').toString('hex') }],
  ['gusto', { 'X-Gusto-Signature': hex(body) }],
];

describe('signing senders', () => {
  for (const [name, headers, key = secret] of rows)
    it(`${name}: ${Object.keys(headers).join(', ')}`, () => {
      const receiver = receiverWith({ scheme: name }, key);
      const message = messageOf(headers, body);
      assert.equal(outcomeOf(verdictOf(receiver, message, now)), 'verified');
      const other = Buffer.from(body);
      other[other.length - 1] = 0xfe;
      assert.equal(
        outcomeOf(verdictOf(receiver, { ...message, body: other }, now)),
        'signature_invalid',
      );
      for (const absent of Object.keys(message.headers)) {
        const { [absent]: _gone, ...left } = message.headers;
        assert.match(
          outcomeOf(verdictOf(receiver, { ...message, headers: left }, now)),
          /^signature_/,
        );
      }
    });

  it('are all of the table, with Twilio below', () => {
    const tested = new Set(rows.map(([name]) => name));
    const signing = ['hmac', 'ed25519', 'ecdsa', 'standard-webhooks'];
    const untested = Object.values(senders).filter(
      ({ name, scheme }) => signing.includes(scheme.name) && !tested.has(name),
    );
    assert.deepEqual(
      untested.map(({ name }) => name),
      ['twilio'],
    );
  });

  it('Deel: another method is another message', () => {
    const receiver = receiverWith({ scheme: 'deel' }, secret);
    const message = messageOf({ 'x-deel-signature': hex('POST', body) }, body, { method: 'PUT' });
    assert.equal(outcomeOf(verdictOf(receiver, message, now)), 'signature_invalid');
  });

  it('Persona: the time of one pair does not vouch for the signature of another', () => {
    const receiver = receiverWith({ scheme: 'persona' }, secret);
    const old = String(now / 1_000 - 3_600);
    const outcome = (text: string): string =>
      outcomeOf(verdictOf(receiver, messageOf({ 'persona-signature': text }, body), now));
    const stale = hex(`${old}.`, body);
    assert.equal(outcome(`t=${old},v1=${stale}`), 'timestamp_stale');
    assert.equal(outcome(`t=${s},v1=${'ab'.repeat(32)} t=${old},v1=${stale}`), 'timestamp_stale');
    assert.equal(outcome(`t=${s},v1=${stale}`), 'signature_invalid');
  });
});

describe('Twilio', () => {
  const receiver = receiverWith({ scheme: 'twilio' }, secret);
  const url = 'https://gateway.example/hooks/one?a=1';
  const form = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const signed = (text: string): string => mac([text], 'sha1').toString('base64');
  const outcome = (message: Received): string => outcomeOf(verdictOf(receiver, message, now));
  const formMessage = (signature: string, text: string, at = url): Received =>
    messageOf({ ...form, 'x-twilio-signature': signature }, text, { url: at, query: 'a=1' });

  it('signs the address and the sorted parameters, each value once', () => {
    const parameters = 'B=2&A=1&B=2&C=%20x';
    assert.equal(outcome(formMessage(signed(`${url}A1B2C x`), parameters)), 'verified');
    assert.equal(
      outcome(formMessage(signed(`${url}A1B2C x`), 'B=2&A=2&C=+x')),
      'signature_invalid',
    );
  });

  it('with its port or without it', () => {
    const withPort = 'https://gateway.example:443/hooks/one?a=1';
    assert.equal(outcome(formMessage(signed(`${withPort}A1`), 'A=1')), 'verified');
    assert.equal(outcome(formMessage(signed(`${url}A1`), 'A=1', withPort)), 'verified');
    const other = 'https://gateway.example:8443/hooks/one?a=1';
    assert.equal(outcome(formMessage(signed(`${other}A1`), 'A=1')), 'signature_invalid');
  });

  it('a body that is no form has to be hashed in the address', () => {
    const json = '{"a":1}';
    const hash = '015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862';
    const hashed = `${url}&bodySHA256=${hash}`;
    const message = (text: string, at: string): Received =>
      messageOf({ 'content-type': 'application/json', 'x-twilio-signature': signed(at) }, text, {
        url: at,
        query: at.slice(at.indexOf('?') + 1),
      });
    assert.equal(outcome(message(json, hashed)), 'verified');
    assert.equal(outcome(message('{"a":2}', hashed)), 'signature_invalid');
    assert.equal(outcome(message(json, url)), 'signature_invalid');
    assert.equal(outcome(message(json, `${hashed}&bodySHA256=${hash}`)), 'signature_invalid');
    assert.equal(outcome(message('', url)), 'verified');
  });
});
