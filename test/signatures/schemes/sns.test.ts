/** AWS SNS by certificates of our own making. */
import assert from 'node:assert/strict';
import { createSign } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { sns } from '../../../src/signatures/schemes/sns.ts';
import { readSnsTopic } from '../../../src/signatures/sns-topic.ts';
import { makeKeyFetcher } from '../../../src/targets/key-fetcher.ts';
import { selfSigned } from '../../support/self-signed.ts';
import { makeTestClock } from '../../targets/harness.ts';
import { receive } from '../messages.ts';
import { compiled, moment, tableFetcher } from '../token-keys.ts';

const day = 86_400_000;
const { certificate, key } = selfSigned(
  { dns: 'sns.amazonaws.com' },
  { from: moment - day, until: moment + day },
);
const arn = 'arn:aws:sns:eu-west-1:123456789012:people';
const host = 'https://sns.eu-west-1.amazonaws.com';
const name = `SimpleNotificationService-${'0123456789abcdef'.repeat(2)}.pem`;
const url = `${host}/${name}`;
const options = { topics: [arn] };

const message = {
  Type: 'Notification',
  MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
  TopicArn: arn,
  Subject: 'My First Message',
  Message: 'Hello\nworld',
  Timestamp: '2023-11-14T22:13:20.000Z',
  SignatureVersion: '2',
  SigningCertURL: url,
  UnsubscribeURL: `${host}/?Action=Unsubscribe`,
};
type Message = Readonly<Record<string, unknown>>;

const orders: Readonly<Record<string, readonly string[]>> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: 'Message MessageId SubscribeURL Timestamp Token TopicArn Type'.split(
    ' ',
  ),
};
/** Signed as AWS writes it down; what is changed afterwards is changed under the signature. */
const signed = (given: Message): Message => {
  const text = (orders[String(given['Type'])] ?? [])
    .filter((member) => given[member] !== undefined && given[member] !== null)
    .map((member) => `${member}\n${String(given[member])}\n`)
    .join('');
  const algorithm = given['SignatureVersion'] === '1' ? 'RSA-SHA1' : 'RSA-SHA256';
  return { ...given, Signature: createSign(algorithm).update(text).sign(key, 'base64') };
};
const check = async (
  given: Message | string,
  {
    fetcher = tableFetcher({ [url]: certificate }),
    now = moment,
    more = {},
  }: { fetcher?: ReturnType<typeof tableFetcher>; now?: number; more?: object } = {},
) =>
  await compiled(sns, { ...options, ...more }, { fetcher }).check(
    receive({ body: typeof given === 'string' ? given : JSON.stringify(given) }),
    now,
  );

describe('a message of SNS', () => {
  for (const [what, over] of [
    ['a notification', {}],
    ['one without a subject', { Subject: undefined }],
    ['one whose subject is null', { Subject: null }],
    ['one with SHA-1', { SignatureVersion: '1' }],
    [
      'a confirmation',
      { Type: 'SubscriptionConfirmation', Token: 'abc', SubscribeURL: 'https://x.example/' },
    ],
  ] as const) {
    it(`holds: ${what}`, async () => {
      const fetcher = tableFetcher({ [url]: certificate });
      const verdict = await check(signed({ ...message, ...over }), { fetcher });
      assert.ok(verdict.kind === 'proven');
      assert.deepEqual(
        [verdict.keyId, verdict.signedId, verdict.signedTime, verdict.contents],
        ['0123456789abcdef'.repeat(2), message.MessageId, message.Timestamp, null],
      );
      assert.deepEqual(fetcher.asked, [[url, { source: 'sns.eu-west-1.amazonaws.com' }]]);
    });
  }

  for (const [what, over] of [
    ['another message', { Message: 'Hello' }],
    ['another subject', { Subject: 'x' }],
    ['a subject taken away', { Subject: undefined }],
    ['another id', { MessageId: 'x' }],
    ['another time', { Timestamp: '2023-11-14T22:13:21.000Z' }],
    ['another type', { Type: 'UnsubscribeConfirmation', Token: 'a', SubscribeURL: 'b' }],
    ['another version', { SignatureVersion: '1' }],
    ['no signature', { Signature: undefined }],
    ['an empty signature', { Signature: '' }],
    ['a signature of zeros', { Signature: Buffer.alloc(256).toString('base64') }],
    ['a signature that is no text', { Signature: { a: 1 } }],
  ] as const) {
    it(`does not hold with ${what}`, async () => {
      assert.equal((await check({ ...signed(message), ...over })).kind, 'refused');
    });
  }

  it('does not hold where one signature could fit two readings', async () => {
    const inner = `real\nMessageId\nfake\nTimestamp\nt`;
    const given = signed({ ...message, Subject: undefined, Message: inner });
    assert.equal((await check(given)).kind, 'proven');
    const rest = `t\nMessageId\n${message.MessageId}\nTimestamp\n${message.Timestamp}`;
    const split = { ...given, Message: 'real', MessageId: 'fake', Timestamp: rest };
    assert.equal((await check(split)).kind, 'refused');
  });

  it('does not hold by SHA-1 where that is not taken', async () => {
    const given = signed({ ...message, SignatureVersion: '1' });
    assert.equal((await check(given, { more: { versions: [2] } })).kind, 'refused');
  });
});

describe('topics and certificates', () => {
  it('nothing is fetched for a topic that is not listed', async () => {
    for (const TopicArn of [`${arn}2`, undefined, null, 7, [arn], '__proto__']) {
      const fetcher = tableFetcher({ [url]: certificate });
      const given = { ...signed(message), TopicArn };
      assert.equal((await check(given, { fetcher })).kind, 'refused');
      assert.deepEqual(fetcher.asked, []);
    }
  });

  it('nothing is fetched from anywhere but the host of the topic', async () => {
    for (const SigningCertURL of [
      `https://sns.us-east-1.amazonaws.com/${name}`,
      `http://sns.eu-west-1.amazonaws.com/${name}`,
      `https://sns.eu-west-1.amazonaws.com.evil.example/${name}`,
      `https://sns.eu-west-1.amazonaws.com.cn/${name}`,
      `https://sns.eu-west-1.amazonaws.com@evil.example/${name}`,
      `https://sns.eu-west-1.amazonaws.com:444/${name}`,
      `https://SNS.eu-west-1.amazonaws.com/${name}`,
      `https://evil.s3.amazonaws.com/${name}`,
      `https://169.254.169.254/${name}`,
      `${host}/../${name}`,
      `${host}/x/${name}`,
      `${url}?x=1`,
      `${url}#x`,
      `${url}\n`,
      ` ${url}`,
      `${host}/SimpleNotificationService-${'A'.repeat(32)}.pem`,
      `${host}/anything.pem`,
      host,
      '',
      undefined,
      null,
      [url],
    ]) {
      const fetcher = tableFetcher({ [url]: certificate });
      const given = { ...signed(message), SigningCertURL };
      assert.equal((await check(given, { fetcher })).kind, 'refused', String(SigningCertURL));
      assert.deepEqual(fetcher.asked, []);
    }
  });

  it('a certificate holds in its time only', async () => {
    const given = signed(message);
    for (const [now, kind] of [
      [moment - day - 1_000, 'refused'],
      [moment - day, 'proven'],
      [moment + day - 1, 'proven'],
      [moment + day, 'refused'],
    ] as const) {
      assert.equal((await check(given, { now })).kind, kind);
    }
  });

  it('a certificate of another key, or none, proves nothing', async () => {
    const validity = { from: moment - day, until: moment + day };
    const other = selfSigned({ dns: 'sns.amazonaws.com' }, validity).certificate;
    const short = selfSigned({ dns: 'sns.amazonaws.com' }, validity, 1_024).certificate;
    for (const pem of [other, short, 'no certificate', '', '<html>']) {
      const fetcher = tableFetcher({ [url]: pem });
      assert.equal((await check(signed(message), { fetcher })).kind, 'refused');
    }
    const fetcher = tableFetcher({});
    assert.equal((await check(signed(message), { fetcher })).kind, 'unavailable');
  });

  it('ten thousand addresses make one attempt a minute', async () => {
    let resolved = 0;
    const clock = makeTestClock();
    const fetcher = makeKeyFetcher({
      clock,
      allowPrivate: [],
      resolve: (_host, done) => {
        resolved++;
        done(new Error('no such host'), []);
      },
    });
    const { check: judge } = compiled(sns, options, { fetcher });
    for (let count = 0; count < 10_000; count++) {
      const hex = count.toString(16).padStart(32, '0');
      const SigningCertURL = `${host}/SimpleNotificationService-${hex}.pem`;
      const body = JSON.stringify({ ...message, SigningCertURL, Signature: 'A'.repeat(344) });
      assert.equal((await judge(receive({ body }), moment)).kind, 'unavailable');
    }
    assert.equal(resolved, 1);
    await fetcher.close();
  });

  it('topics are names', () => {
    assert.equal(
      readSnsTopic('arn:aws-us-gov:sns:us-gov-west-1:123456789012:a')?.region,
      'us-gov-west-1',
    );
    assert.equal(readSnsTopic(`${arn}.fifo`)?.host, 'sns.eu-west-1.amazonaws.com');
    for (const text of [
      '',
      'arn:aws:sns:*:123456789012:people',
      'arn:aws:sns:eu-west-1.evil.example:123456789012:people',
      'arn:aws:sns:eu-west-1/x:123456789012:people',
      'arn:aws:sqs:eu-west-1:123456789012:people',
      `${arn}\n`,
      `${arn}:sub`,
      7,
    ]) {
      assert.equal(readSnsTopic(text), null);
    }
    assert.throws(() => sns.options.parse({ topics: ['people'] }));
    assert.throws(() => sns.options.parse({ topics: [] }));
    assert.throws(() => sns.options.parse({}));
  });
});

describe('whatever comes', () => {
  it('never throws', async () => {
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(signed(message))));
    const shape = fc.record(
      Object.fromEntries(Object.keys(signed(message)).map((member) => [member, value])),
      { requiredKeys: [] },
    );
    const body = fc.oneof(
      shape.map((given) => JSON.stringify({ ...given, TopicArn: arn })),
      fc.string({ unit: 'binary' }),
    );
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        assert.notEqual((await check(text)).kind, 'proven');
      }),
      { numRuns: 500 },
    );
  });
});
