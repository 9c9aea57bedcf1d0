/** Receivers put together: what is kept and verified again, keys in time, repeats, settings. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { compileReceiver } from '../../src/signatures/compile-receiver.ts';
import { effectiveDedupe } from '../../src/signatures/dedupe.ts';
import type { Received, Receiver, Verified } from '../../src/signatures/receiver.ts';
import { keySlots, webhookSettings } from '../../src/signatures/settings.ts';
import {
  compileWith,
  messageOf,
  noFetcher,
  outcomeOf,
  problemsWith,
  receiverWith,
  verdictOf,
} from './receivers.ts';

const now = 1_760_000_000_000;
const secret = 'a-key-of-thirty-two-characters--';
const day = 86_400_000;
const hex = (text: string, key = secret): string =>
  createHmac('sha256', key).update(text).digest('hex');

const verified = (receiver: Receiver, message: Received): Verified => {
  const verdict = verdictOf(receiver, message, now);
  assert.ok(verdict.kind === 'verified', JSON.stringify(verdict));
  return verdict;
};
const keptOf = (receiver: Receiver, message: Received): Received => {
  const kept = receiver.keep(message, verified(receiver, message));
  return { ...message, headers: kept.headers, body: kept.body };
};
const again = (receiver: Receiver, kept: Received, at = now): string => {
  const verdict = receiver.verifyKept(kept, at);
  assert.ok(!(verdict instanceof Promise));
  return verdict.kind === 'verified' ? verdict.keyId : outcomeOf(verdict);
};

describe('what is kept', () => {
  it('holds what verifying and reading need, and nothing else', () => {
    const github = receiverWith({ scheme: 'github' }, secret);
    const message = messageOf(
      {
        'x-hub-signature-256': `sha256=${hex('{}')}`,
        'x-github-delivery': 'd1',
        'x-github-event': 'member',
        'content-type': 'application/json',
        authorization: 'Bearer something',
        cookie: 'a=b',
        'x-forwarded-for': '203.0.113.7',
      },
      '{}',
    );
    const kept = keptOf(github, message);
    assert.deepEqual(Object.keys(kept.headers).sort(), [
      'content-type',
      'x-github-delivery',
      'x-github-event',
      'x-hub-signature-256',
    ]);
    assert.equal(again(github, kept), 'secrets[0]');
    assert.equal(again(github, { ...kept, body: Buffer.from('{ }') }), 'signature_invalid');
  });

  it('has the id of the key where a static secret was, and is verified by it', () => {
    const personio = receiverWith({ scheme: 'personio' }, 'older-secret-1', 'newer-secret-2');
    const kept = keptOf(personio, messageOf({ authorization: 'Bearer newer-secret-2' }, '{}'));
    assert.equal(kept.headers['authorization'], 'sallyport-key:secrets[1]');
    assert.equal(again(personio, kept), 'kept:secrets[1]');
    const forged = { ...kept, headers: { authorization: 'sallyport-key:secrets[2]' } };
    assert.equal(again(personio, forged), 'signature_invalid');
  });

  it('the mark of a kept secret opens nothing for a message that comes in', () => {
    const personio = receiverWith({ scheme: 'personio' }, 'older-secret-1');
    for (const value of ['sallyport-key:secrets[0]', 'Bearer sallyport-key:secrets[0]'])
      assert.equal(
        outcomeOf(verdictOf(personio, messageOf({ authorization: value }, '{}'), now)),
        'signature_invalid',
      );
  });

  it('tokens in bodies are replaced, however they are written, and the rest stays as it came', () => {
    const graph = receiverWith({ scheme: 'ms-graph' }, 'client-state-1', 'client-state-2');
    const body =
      '{"value": [{"clientState":"client-state-1","n":1.0},\n {"clientState":"client\\u002dstate-2"}]}';
    const plain = '{"value": [{"clientState":"client-state-1","n":1.0}]}';
    assert.equal(
      keptOf(graph, messageOf({}, plain)).body.toString(),
      '{"value": [{"clientState":"sallyport-key:secrets[0]","n":1.0}]}',
    );
    const kept = keptOf(graph, messageOf({}, body));
    assert.doesNotMatch(kept.body.toString(), /client-state|u002d/);
    assert.equal(again(graph, kept), 'kept:secrets[0]');
    const marks = messageOf({}, '{"value":[{"clientState":"sallyport-key:secrets[0]"}]}');
    assert.equal(outcomeOf(verdictOf(graph, marks, now)), 'signature_invalid');
  });

  it('a token of one item does not vouch for the next', () => {
    const graph = receiverWith({ scheme: 'ms-graph' }, 'client-state-1');
    for (const [body, outcome] of [
      ['{"value":[{"clientState":"client-state-1"},{"clientState":"other"}]}', 'signature_invalid'],
      ['{"value":[{"clientState":"client-state-1"},{}]}', 'signature_missing'],
      ['{"value":[]}', 'signature_missing'],
      ['{"value":{"clientState":"client-state-1"}}', 'signature_missing'],
      ['{"value":[{"clientState":"x","clientState":"client-state-1"}]}', 'body_malformed'],
      ['[]', 'signature_missing'],
      ['', 'body_malformed'],
    ] as const)
      assert.equal(outcomeOf(verdictOf(graph, messageOf({}, body), now)), outcome, body);
  });

  it('is verified as of when it came in', () => {
    const stripe = receiverWith({ scheme: 'stripe' }, secret);
    const time = String(now / 1_000);
    const message = messageOf(
      { 'stripe-signature': `t=${time},v1=${hex(`${time}.{"id":"evt_1"}`)}` },
      '{"id":"evt_1"}',
    );
    assert.deepEqual(verified(stripe, message).id, { value: 'evt_1', signed: true });
    const kept = keptOf(stripe, message);
    assert.equal(again(stripe, kept, now), 'secrets[0]');
    assert.equal(again(stripe, kept, now + day), 'timestamp_stale');
  });
});

describe('keys', () => {
  it('fit from their first day to the end of their last', () => {
    const settings = webhookSettings.parse({
      scheme: 'github',
      secrets: [
        { value: '${env:OLD}', id: 'old', until: '2025-10-09' },
        { value: '${env:NEW}', id: 'new', from: '2025-10-09' },
      ],
    });
    const keys = keySlots(settings).map(({ id, notBefore, until }) => ({
      id,
      text: `${id}-${secret}`,
      notBefore,
      until,
    }));
    const receiver = compileReceiver(settings, keys, { fetcher: noFetcher });
    assert.ok('verify' in receiver);
    const by = (id: string, at: number): string => {
      const signature = `sha256=${hex('{}', `${id}-${secret}`)}`;
      return outcomeOf(
        verdictOf(receiver, messageOf({ 'x-hub-signature-256': signature }, '{}'), at),
      );
    };
    const first = Date.UTC(2025, 9, 9);
    assert.equal(by('old', first + day - 1), 'verified');
    assert.equal(by('old', first + day), 'signature_invalid');
    assert.equal(by('new', first - 1), 'signature_invalid');
    assert.equal(by('new', first), 'verified');
  });

  it('are at most 16, each under its own id', () => {
    const many = Array.from({ length: 17 }, (_one, at) => `\${env:S${at}}`);
    assert.equal(webhookSettings.safeParse({ scheme: 'github', secrets: many }).success, false);
    const twice = { scheme: 'github', keys: [] };
    assert.equal(webhookSettings.safeParse(twice).success, false);
  });

  it('written out are public keys only', () => {
    const literal = { key: 'a-secret-that-stands-here' };
    assert.match(
      problemsWith({ scheme: 'github', keys: [literal] }).join(),
      /keys\.0: .*reference/,
    );
    assert.match(
      problemsWith({ scheme: 'standard-webhooks', keys: [literal] }).join(),
      /keys\.0: .*reference/,
    );
    const whpk = { key: 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=' };
    assert.deepEqual(problemsWith({ scheme: 'standard-webhooks', keys: [whpk] }), []);
    const discord = { key: 'd5288' + '0e28f61caa4c2a48a82e57f4751a9228'.padEnd(59, '1') };
    assert.deepEqual(problemsWith({ scheme: 'discord', keys: [discord] }), []);
    const literalSecret = webhookSettings.safeParse({ scheme: 'github', secrets: ['my-literal'] });
    assert.match(literalSecret.error?.issues[0]?.message ?? '', /a secret is a reference/);
    assert.doesNotMatch(JSON.stringify(literalSecret.error?.issues), /my-literal/);
  });

  it('Basic and Bearer say what they are', () => {
    const outcome = (
      webhook: Readonly<Record<string, unknown>>,
      key: string,
      value: string,
    ): string =>
      outcomeOf(
        verdictOf(receiverWith(webhook, key), messageOf({ authorization: value }, '{}'), now),
      );
    const basic = { scheme: 'workday' };
    const encoded = Buffer.from('hook:long-password').toString('base64');
    assert.equal(outcome(basic, 'hook:long-password', `Basic ${encoded}`), 'verified');
    assert.equal(outcome(basic, 'hook:long-password', `Bearer ${encoded}`), 'signature_invalid');
    assert.equal(outcome(basic, 'hook:long-password', 'hook:long-password'), 'signature_invalid');
    assert.match(problemsWith(basic, 'no-colon-in-it').join(), /user:password/);
    const bearer = { scheme: 'auth0-event-stream' };
    assert.equal(outcome(bearer, 'token-token', 'Bearer token-token'), 'verified');
    assert.equal(outcome(bearer, 'token-token', 'token-token'), 'signature_invalid');
    assert.equal(outcome({ scheme: 'okta' }, 'token-token', 'token-token'), 'verified');
    assert.equal(outcome({ scheme: 'okta' }, 'token-token', 'Bearer token-token'), 'verified');
    assert.equal(
      outcome({ scheme: 'okta' }, 'token-token', 'Bearer token-toke'),
      'signature_invalid',
    );
  });
});

describe('settings', () => {
  it('know which word belongs to which sender', () => {
    const flaws = (given: Readonly<Record<string, unknown>>): string =>
      (webhookSettings.safeParse({ secrets: ['${env:S}'], ...given }).error?.issues ?? [])
        .map(({ path, message }) => `${path.join('.')}: ${message}`)
        .join('; ');
    assert.equal(flaws({ scheme: 'okta', header: 'X-Okta' }), '');
    assert.match(flaws({ scheme: 'github', header: 'X-Okta' }), /^header: scheme github does not/);
    assert.match(flaws({ scheme: 'nobody' }), /^scheme: /);
    assert.match(flaws({ scheme: 'custom' }), /needs a template/);
    assert.match(flaws({ scheme: 'okta', headr: 'X-Okta' }), /headr/);
    assert.match(flaws({ scheme: 'aws-sns' }), /scheme aws-sns needs topics/);
  });

  it('a header of one’s own is read in any case', () => {
    const receiver = receiverWith({ scheme: 'okta', header: 'X-Hook-Key' }, 'long-enough-1');
    const message = messageOf({ 'X-Hook-Key': 'long-enough-1' }, '{"eventId":"e1"}');
    assert.deepEqual(verified(receiver, message).id, { value: 'e1', signed: false });
    assert.equal(keptOf(receiver, message).headers['x-hook-key'], 'sallyport-key:secrets[0]');
  });

  it('tolerance only where a time is signed; repeats by the body only where there is nothing else', () => {
    assert.deepEqual(problemsWith({ scheme: 'bamboohr', tolerance: '10m' }, secret), []);
    assert.match(
      problemsWith({ scheme: 'github', tolerance: '5m' }, secret).join(),
      /^tolerance: /,
    );
    assert.match(problemsWith({ scheme: 'slack', tolerance: '2d' }, secret).join(), /1s and 24h/);
    const by = (scheme: string, dedupe: Readonly<Record<string, string>>): string =>
      problemsWith({ scheme, dedupe }, secret).join();
    assert.equal(by('bamboohr', { window: '30d', by: 'id' }), '');
    assert.equal(by('kombo', { by: 'body', window: '10m' }), '');
    assert.equal(by('kombo', { by: 'body' }), '');
    assert.match(by('kombo', { by: 'body', window: '11m' }), /^dedupe\.window: /);
    assert.match(by('github', { by: 'body', window: '5m' }), /^dedupe\.by: /);
    assert.match(by('bamboohr', { by: 'body', window: '5m' }), /^dedupe\.by: /);
    assert.match(by('github', { window: '401d' }), /^dedupe\.window: /);
  });

  it('a sender that waits is answered within its time', () => {
    const answer = (within: string) => ({ within, otherwise: { commands: [] } });
    const inline = { scheme: 'okta-inline-hook' };
    assert.deepEqual(problemsWith({ ...inline, answer: answer('3s') }, secret), []);
    assert.match(
      problemsWith({ ...inline, answer: answer('4s') }, secret).join(),
      /^answer\.within/,
    );
    assert.equal(receiverWith(inline, secret).answersWithinMs, 3_000);
  });

  it('repeats: what the route says over what the sender says', () => {
    const github = receiverWith({ scheme: 'github' }, secret);
    assert.deepEqual(effectiveDedupe({}, github.dedupe), { by: 'signature', windowMs: 400 * day });
    assert.deepEqual(effectiveDedupe({ dedupe: { by: 'none' } }, github.dedupe).by, 'none');
    assert.deepEqual(effectiveDedupe({ dedupe: { by: 'body' } }, github.dedupe).windowMs, 600_000);
    const of = (scheme: string) => receiverWith({ scheme }, secret).dedupe;
    assert.deepEqual(of('stripe'), { by: 'id', windowMs: 30 * day });
    assert.deepEqual(of('bamboohr'), { by: 'signature', windowMs: 30 * day });
    assert.deepEqual(of('okta'), { by: 'id', windowMs: 30 * day });
    assert.deepEqual(of('logto'), { by: 'body', windowMs: 600_000 });
  });
});

describe('templates of one’s own', () => {
  const signature = { header: 'X-Sig', encoding: 'hex' };
  const flaw = (hmac: Readonly<Record<string, unknown>>): string =>
    problemsWith({ scheme: 'custom', template: { hmac } }, secret).join();

  it('that would not prove the body, or could be read two ways, do not compile', () => {
    assert.equal(flaw({ parts: ['body'], signature }), '');
    const time = { header: 'X-Time', unit: 's' };
    assert.match(flaw({ parts: ['time'], time, signature }), /what is not signed proves nothing/);
    assert.match(flaw({ parts: ['body', 'time'], signature }), /give both or none/);
    assert.match(flaw({ parts: ['body'], time, signature }), /give both or none/);
    assert.match(
      flaw({ parts: ['id', 'body'], id: { header: 'X-Id' }, signature }),
      /literal text/,
    );
    assert.match(
      flaw({ parts: [{ header: 'X-A' }, { header: 'X-B' }, { text: '.' }, 'body'], signature }),
      /literal text/,
    );
    assert.match(flaw({ parts: ['body', 'body'], signature }), /once/);
    assert.match(
      flaw({ parts: ['time', { text: '.' }, 'body'], time: { pair: 't', unit: 's' }, signature }),
      /among pairs/,
    );
    const two = { hmac: { parts: ['body'], signature }, static: { header: 'x' } };
    assert.match(problemsWith({ scheme: 'custom', template: two }, secret).join(), /exactly one/);
  });

  it('sign a header of theirs, and read id, sequence and try from anywhere', () => {
    const receiver = receiverWith(
      {
        scheme: 'custom',
        template: {
          hmac: { parts: [{ header: 'X-Topic' }, { text: '\n' }, 'body'], signature },
          id: { body: 'meta.ids.0' },
          sequence: { query: 'n' },
          retry: { header: 'X-Try' },
          keep: ['X-Kind'],
        },
      },
      secret,
    );
    const body = '{"meta":{"ids":["i1"]}}';
    const message = messageOf(
      { 'x-topic': 'hr', 'x-sig': hex(`hr\n${body}`), 'x-try': '2', 'x-kind': 'k' },
      body,
      { query: 'n=17' },
    );
    const verdict = verified(receiver, message);
    assert.deepEqual(verdict.id, { value: 'i1', signed: true });
    assert.equal(verdict.sequence, 17);
    assert.equal(verdict.retry, 2);
    assert.deepEqual(Object.keys(keptOf(receiver, message).headers).sort(), [
      'x-kind',
      'x-sig',
      'x-topic',
      'x-try',
    ]);
    const moved = messageOf({ 'x-topic': 'hr', 'x-sig': hex(`hr\n${body}`) }, `\n${body}`);
    assert.equal(outcomeOf(verdictOf(receiver, moved, now)), 'signature_invalid');
  });

  it('without the body inside of what is proven, an id in it is unsigned', () => {
    const receiver = receiverWith(
      { scheme: 'custom', template: { static: { header: 'X-Key' }, id: { body: 'id' } } },
      secret,
    );
    const verdict = verified(receiver, messageOf({ 'x-key': secret }, '{"id":7}'));
    assert.deepEqual(verdict.id, { value: '7', signed: false });
    assert.deepEqual(receiver.dedupe, { by: 'id', windowMs: 30 * day });
  });
});

describe('nothing throws', () => {
  it('whatever settings come in', () => {
    for (const broken of [
      null,
      {},
      { scheme: 'custom', template: { hmac: 1 } },
      { scheme: '__proto__' },
    ])
      assert.ok(
        'problems' in
          compileReceiver(broken as unknown as Parameters<typeof compileReceiver>[0], [], {
            fetcher: noFetcher,
          }),
      );
    assert.ok('problems' in compileWith({ scheme: 'github' }));
  });

  it('and a message that breaks the scheme is refused', () => {
    const github = receiverWith({ scheme: 'github' }, secret);
    const hostile = new Proxy(messageOf({}, '{}'), {
      get: () => {
        throw new TypeError('boom');
      },
    });
    const verdict = verdictOf(github, hostile, now);
    assert.ok(verdict.kind === 'refused');
    assert.equal(verdict.reason, 'malformed');
    assert.equal(github.greet(hostile), null);
  });
});
