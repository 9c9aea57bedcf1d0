/** Handshakes: what each sender wants, and what hostile challenges get. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { discordHandshake } from '../../../src/signatures/handshakes/discord.ts';
import { graphHandshake } from '../../../src/signatures/handshakes/graph.ts';
import { hibobHandshake } from '../../../src/signatures/handshakes/hibob.ts';
import { oktaHandshake } from '../../../src/signatures/handshakes/okta.ts';
import { slackHandshake } from '../../../src/signatures/handshakes/slack.ts';
import { snsHandshake } from '../../../src/signatures/handshakes/sns.ts';
import { zoomHandshake } from '../../../src/signatures/handshakes/zoom.ts';
import type { Greeting, Received, Verified } from '../../../src/signatures/receiver.ts';
import type { Handshake, HandshakeContext } from '../../../src/signatures/sender.ts';
import { receive } from '../messages.ts';
import { receiverWith } from '../receivers.ts';

const verified = (keyId = 'secrets[0]'): Verified => ({
  kind: 'verified',
  keyId,
  id: null,
  sentAt: null,
  signature: null,
  sequence: null,
  retry: 0,
});
const key = (id: string, text: string) => ({ id, text, notBefore: 0, until: Infinity });
const context: HandshakeContext = {
  keys: [key('secrets[0]', 'first'), key('secrets[1]', 'second')],
  options: { topics: ['arn:aws:sns:eu-west-1:123456789012:people'] },
};

const greet = (handshake: Handshake, received: Received): Greeting | null =>
  handshake.greet === null ? null : handshake.greet(received, context);
const answer = (handshake: Handshake, body: unknown, keyId?: string): Greeting | null => {
  assert.ok(handshake.answer !== null);
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return handshake.answer(receive({ body: text }), verified(keyId), context);
};

describe('okta', () => {
  const ask = (challenge?: string) =>
    greet(
      oktaHandshake,
      receive({
        method: 'GET',
        body: '',
        headers: challenge === undefined ? {} : { 'x-okta-verification-challenge': challenge },
      }),
    );

  it('gives the challenge back in JSON', () => {
    const greeting = ask('a1-B2_c3~d4.e5');
    assert.deepEqual(greeting, {
      status: 200,
      contentType: 'application/json',
      body: '{"verification":"a1-B2_c3~d4.e5"}',
      confirm: null,
      name: 'okta.challenge',
    });
    assert.equal(ask('x'.repeat(4096))?.status, 200);
  });

  for (const [what, challenge] of [
    ['none', undefined],
    ['empty', ''],
    ['too long', 'x'.repeat(4097)],
    ['markup', '<script>alert(1)</script>'],
    ['quotes', 'a"},{"b":"'],
    ['spaces', 'a b'],
    ['line breaks', 'a\r\nb: c'],
    ['other letters', 'ä'],
  ] as const) {
    it(`refuses a challenge that is ${what}`, () => {
      assert.deepEqual([ask(challenge)?.status, ask(challenge)?.body], [400, null]);
    });
  }

  it('leaves messages alone, with a challenge too', () => {
    const headers = { 'x-okta-verification-challenge': 'abc' };
    assert.equal(greet(oktaHandshake, receive({ headers })), null);
    assert.equal(oktaHandshake.answer?.(receive({ headers }), {} as never, context), null);
  });

  it('asks for the secret where the route wants it: then GET is verified like any message', async () => {
    const secret = 'okta-secret-7Hq2';
    const challenge = { 'x-okta-verification-challenge': 'abc' };
    const get = (headers: Record<string, string>) => receive({ method: 'GET', headers });
    const open = receiverWith({ scheme: 'okta' }, secret);
    assert.equal(open.greet(get(challenge))?.status, 200);
    const closed = receiverWith({ scheme: 'okta', challenge: 'secret' }, secret);
    assert.equal(closed.greet(get(challenge)), null);
    assert.equal((await closed.verify(get(challenge), 0)).kind, 'refused');
    const known = get({ ...challenge, authorization: secret });
    const verdict = await closed.verify(known, 0);
    assert.ok(verdict.kind === 'verified');
    assert.equal(closed.answer(known, verdict)?.body, '{"verification":"abc"}');
    // A GET is never a message.
    const bare = get({ authorization: secret });
    assert.equal(closed.answer(bare, verdict)?.status, 400);
  });
});

describe('graph', () => {
  const ask = (query: string, body = '') => greet(graphHandshake, receive({ body, query }));

  it('gives the token back as text, decoded once', () => {
    assert.deepEqual(ask('validationToken=Validation%3a+Testing%20reachability+%2541'), {
      status: 200,
      contentType: 'text/plain',
      body: 'Validation: Testing reachability %41',
      confirm: null,
      name: 'graph.validation',
    });
    assert.equal(ask('a=b&validationToken=x%2By')?.body, 'x+y');
  });

  for (const [what, query] of [
    ['empty', 'validationToken='],
    ['markup', 'validationToken=%3Cscript%3E'],
    ['given twice', 'validationToken=a&validationToken=b'],
    ['line breaks', 'validationToken=a%0d%0ab'],
    ['a zero byte', 'validationToken=a%00'],
    ['half an escape', 'validationToken=%4'],
    ['no UTF-8', 'validationToken=%ff'],
    ['other letters', 'validationToken=%C3%A4'],
    ['too long', `validationToken=${'a'.repeat(4097)}`],
    ['too long once decoded', `validationToken=${'%41'.repeat(4097)}`],
  ] as const) {
    it(`refuses a token that is ${what}`, () => {
      assert.deepEqual([ask(query)?.status, ask(query)?.body], [400, null]);
    });
  }

  it('takes a message for a message', () => {
    assert.equal(ask('validationToken=a', '{"value":[]}'), null);
    assert.equal(ask(''), null);
    assert.equal(ask('xvalidationToken=a'), null);
    const get = receive({ method: 'GET', body: '', query: 'validationToken=a' });
    assert.equal(greet(graphHandshake, get), null);
  });
});

describe('hibob', () => {
  for (const body of ['Ping test', '{"text":"Ping test"}']) {
    it(`answers ${body}, unsigned`, () => {
      assert.deepEqual(greet(hibobHandshake, receive({ body })), {
        status: 200,
        contentType: null,
        body: null,
        confirm: null,
        name: 'hibob.ping',
      });
    });
  }
  for (const body of ['', 'ping test', 'Ping test ', '{"text": "Ping test"}', '{"text":"Ping"}']) {
    it(`takes ${JSON.stringify(body)} for a message`, () => {
      assert.equal(greet(hibobHandshake, receive({ body })), null);
    });
  }
});

describe('signed handshakes', () => {
  it('are never answered before the message is verified', () => {
    for (const { greet: unsigned } of [
      slackHandshake,
      zoomHandshake,
      discordHandshake,
      snsHandshake,
    ]) {
      assert.equal(unsigned, null);
    }
  });

  it('of Slack give the challenge back', () => {
    const challenge = '3eZbrw1aBm2rZgRNFdxV2595E9CYPrxPxDFfK';
    const greeting = answer(slackHandshake, { type: 'url_verification', challenge, token: 'x' });
    assert.deepEqual([greeting?.status, greeting?.body], [200, `{"challenge":"${challenge}"}`]);
    for (const hostile of [undefined, '', '<b>', 'a b', 7, ['a'], { a: 1 }, 'x'.repeat(4097)]) {
      const refused = answer(slackHandshake, { type: 'url_verification', challenge: hostile });
      assert.deepEqual([refused?.status, refused?.body], [400, null]);
    }
    assert.equal(answer(slackHandshake, { type: 'event_callback', challenge }), null);
    const twice = `{"type":"event_callback","type":"url_verification","challenge":"a"}`;
    assert.equal(answer(slackHandshake, twice), null);
  });

  it('of Zoom sign the token with the key that matched', () => {
    const body = {
      event: 'endpoint.url_validation',
      payload: { plainToken: 'qgg8vlvZRS6UYooatFL8Aw' },
    };
    for (const [id, secret] of [
      ['secrets[0]', 'first'],
      ['secrets[1]', 'second'],
    ] as const) {
      const encryptedToken = createHmac('sha256', secret)
        .update('qgg8vlvZRS6UYooatFL8Aw')
        .digest('hex');
      assert.deepEqual(JSON.parse(String(answer(zoomHandshake, body, id)?.body)), {
        plainToken: 'qgg8vlvZRS6UYooatFL8Aw',
        encryptedToken,
      });
    }
    assert.equal(answer(zoomHandshake, body, 'secrets[9]')?.status, 400);
    assert.equal(answer(zoomHandshake, { event: 'user.created', payload: body.payload }), null);
  });

  it('of Zoom sign nothing that could be a signed string, nor anything odd', () => {
    const hostile = [
      'v0:1700000000:{"event":"x"}',
      'v0:1:a',
      'a.b',
      'a:b',
      '',
      'ä',
      'a b',
      7,
      null,
    ];
    for (const plainToken of [...hostile, 'x'.repeat(201), { a: 1 }, undefined]) {
      const body = { event: 'endpoint.url_validation', payload: { plainToken } };
      const refused = answer(zoomHandshake, body);
      assert.deepEqual([refused?.status, refused?.body], [400, null]);
    }
    for (const payload of [null, undefined, [], 'a', 1]) {
      const refused = answer(zoomHandshake, { event: 'endpoint.url_validation', payload });
      assert.equal(refused?.status, 400);
    }
  });

  it('of Discord give the number back; events are events', () => {
    assert.equal(answer(discordHandshake, { type: 1, id: '1' })?.body, '{"type":1}');
    assert.equal(answer(discordHandshake, { type: 0 })?.status, 204);
    const event = { type: 'APPLICATION_AUTHORIZED' };
    assert.equal(answer(discordHandshake, { type: 1, event }), null);
    for (const type of [2, '1', true, null]) assert.equal(answer(discordHandshake, { type }), null);
  });
});

describe('sns', () => {
  const arn = 'arn:aws:sns:eu-west-1:123456789012:people';
  const token = '2336412f37fb687f5d51e6e2425f004a'.repeat(4);
  const message = { Type: 'SubscriptionConfirmation', TopicArn: arn, Token: token };

  it('is confirmed at an address made from topic and token', () => {
    const SubscribeURL = 'https://evil.example/?Action=ConfirmSubscription';
    assert.deepEqual(answer(snsHandshake, { ...message, SubscribeURL }), {
      status: 200,
      contentType: null,
      body: null,
      confirm: `https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3Apeople&Token=${token}`,
      name: 'sns.confirmation',
    });
  });

  it('goes to the Chinese host for a Chinese topic', () => {
    const cn = 'arn:aws-cn:sns:cn-north-1:123456789012:people';
    const topics = { keys: [], options: { topics: [cn] } };
    const body = JSON.stringify({ ...message, TopicArn: cn });
    const greeting = snsHandshake.answer?.(receive({ body }), verified(), topics);
    assert.equal(new URL(String(greeting?.confirm)).host, 'sns.cn-north-1.amazonaws.com.cn');
  });

  for (const [what, over] of [
    ['another topic', { TopicArn: `${arn}2` }],
    ['no topic', { TopicArn: undefined }],
    ['a topic that is no name', { TopicArn: 'arn:aws:sns:evil.example/#:123456789012:people' }],
    ['no token', { Token: undefined }],
    ['a token with more in it', { Token: `${token}&TopicArn=x` }],
    ['an endless token', { Token: 'a'.repeat(5000) }],
  ] as const) {
    it(`is not confirmed with ${what}`, () => {
      const refused = answer(snsHandshake, { ...message, ...over });
      assert.deepEqual([refused?.status, refused?.confirm], [400, null]);
    });
  }

  it('is not confirmed without a list of topics', () => {
    const body = JSON.stringify(message);
    const refused = snsHandshake.answer?.(receive({ body }), verified(), { keys: [], options: {} });
    assert.equal(refused?.status, 400);
  });

  it('is not subscribed again by its end', () => {
    const ended = answer(snsHandshake, { ...message, Type: 'UnsubscribeConfirmation' });
    assert.deepEqual([ended?.status, ended?.confirm, ended?.name], [200, null, 'sns.unsubscribed']);
    assert.equal(answer(snsHandshake, { ...message, Type: 'Notification' }), null);
  });
});

describe('whatever comes', () => {
  const all = [
    discordHandshake,
    graphHandshake,
    hibobHandshake,
    oktaHandshake,
    slackHandshake,
    snsHandshake,
    zoomHandshake,
  ];
  const shapes = fc.oneof(
    fc.json().map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    fc
      .record({
        type: fc.constantFrom('url_verification', 1, 0),
        event: fc.constantFrom('endpoint.url_validation', undefined),
        Type: fc.constantFrom('SubscriptionConfirmation', undefined),
        challenge: fc.jsonValue(),
        payload: fc.oneof(fc.jsonValue(), fc.record({ plainToken: fc.string() })),
        TopicArn: fc.jsonValue(),
        Token: fc.jsonValue(),
      })
      .map((value) => Buffer.from(JSON.stringify(value))),
  );

  it('never throws, and no answer holds markup or a line break', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('GET', 'POST'),
        fc.string({ unit: 'binary' }).map((text) => `validationToken=${text}`),
        fc.string({ unit: 'binary' }),
        shapes,
        (method, query, challenge, body) => {
          const headers = { 'x-okta-verification-challenge': challenge };
          const received = { ...receive({ method, query, headers }), body };
          for (const handshake of all) {
            const greeting =
              handshake.greet?.(received, context) ??
              handshake.answer?.(received, verified(), context);
            assert.doesNotMatch(greeting?.body ?? '', /[<\r\n\u007f-\uffff]/);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
