/** Any sender that can be signed for: what was signed verifies, what was changed does not, nothing throws. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { compileSigner } from '../../src/signatures/compile-signer.ts';
import { formParameters } from '../../src/signatures/form-parameters.ts';
import { readGroups } from '../../src/signatures/presented.ts';
import type { Received } from '../../src/signatures/receiver.ts';
import { weakness } from '../../src/signatures/secret-strength.ts';
import { signSettings } from '../../src/signatures/settings.ts';
import { senders } from '../../src/signatures/table.ts';
import { parseTime, printTime } from '../../src/signatures/times.ts';
import { keysOf, messageOf, outcomeOf, receiverWith, verdictOf } from '../signatures/receivers.ts';

const seed = Buffer.from(Array.from({ length: 32 }, (_one, at) => (at * 37) % 256));
const secrets: Readonly<Record<string, string>> = {
  hmac: 'a-key-of-thirty-two-characters--',
  'standard-webhooks': `whsec_${seed.toString('base64')}`,
  ed25519: `whsk_${seed.toString('base64')}`,
};

/** Bodies that are no UTF-8 as often as not. */
const body = fc
  .uint8Array({ maxLength: 64 })
  .map((bytes) => Buffer.from(bytes))
  .chain((bytes) =>
    fc.constantFrom(
      bytes,
      Buffer.concat([bytes, Buffer.from([0xff])]),
      Buffer.concat([Buffer.from([0xfe]), bytes]),
    ),
  );
const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/);
const at = fc.integer({ min: 1_500_000_000_000, max: 2_000_000_000_000 });

const signable = Object.values(senders).flatMap((sender) => {
  const secret = secrets[sender.scheme.name];
  if (secret === undefined) return [];
  const signer = compileSigner(
    signSettings.parse({ scheme: sender.name, secret: '${env:KEY}' }),
    keysOf(secret)[0] as ReturnType<typeof keysOf>[number],
  );
  return 'sign' in signer
    ? [{ sender, signer, receiver: receiverWith({ scheme: sender.name }, secret) }]
    : [];
});

describe('what is signed', () => {
  it('is everything that has a template of ours, but Twilio', () => {
    const all = Object.values(senders).filter(({ scheme }) => secrets[scheme.name] !== undefined);
    const missing = all.filter((one) => !signable.some(({ sender }) => sender === one));
    assert.deepEqual(
      missing.map(({ name }) => name),
      ['twilio'],
    );
    assert.ok(signable.length > 15);
  });

  for (const { sender, signer, receiver } of signable)
    it(`${sender.name}: verifies, and with any byte changed it does not`, () => {
      fc.assert(
        fc.property(id, at, body, fc.nat(), (messageId, time, bytes, where) => {
          const message = { id: messageId, at: time, body: bytes, url: '', method: 'POST' };
          const received = messageOf(signer.sign(message), bytes);
          const verdict = verdictOf(receiver, received, time);
          assert.equal(outcomeOf(verdict), 'verified');
          const kept = receiver.keep(
            received,
            verdict as Extract<typeof verdict, { kind: 'verified' }>,
          );
          const again = receiver.verifyKept({ ...received, ...kept }, time);
          assert.ok(!(again instanceof Promise) && again.kind === 'verified');
          if (bytes.length === 0) return;
          const changed = Buffer.from(bytes);
          const index = where % bytes.length;
          changed[index] = (changed[index] ?? 0) ^ (1 + (where % 255));
          assert.notEqual(
            outcomeOf(verdictOf(receiver, { ...received, body: changed }, time)),
            'verified',
          );
        }),
        { numRuns: 60 },
      );
    });

  it('with any character of a signed header changed does not verify', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(
          ...signable.filter(({ sender }) => sender.scheme.name === 'standard-webhooks'),
        ),
        id,
        at,
        body,
        fc.nat(),
        ({ signer, receiver }, messageId, time, bytes, where) => {
          const message = { id: messageId, at: time, body: bytes, url: '', method: 'POST' };
          const headers = signer.sign(message);
          for (const name of Object.keys(headers).filter((one) => !one.endsWith('-signature'))) {
            const value = headers[name] ?? '';
            const index = where % value.length;
            const changed = `${value.slice(0, index)}${value[index] === '1' ? '2' : '1'}${value.slice(index + 1)}`;
            const verdict = verdictOf(
              receiver,
              messageOf({ ...headers, [name]: changed }, bytes),
              time,
            );
            assert.notEqual(outcomeOf(verdict), 'verified');
          }
        },
      ),
    );
  });
});

describe('garbage', () => {
  const headersOf = (sender: (typeof signable)[number]): readonly string[] => [
    ...Object.keys(
      sender.signer.sign({ id: 'a', at: 0, body: Buffer.from(''), url: '', method: 'POST' }),
    ),
    'content-type',
  ];
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^(t|v1|v0|sha256)?[=,: ]{0,2}[0-9a-f]{0,64}$/),
    fc
      .array(fc.constantFrom('t=1', 'v1=ab', 'v1,', ' ', ',', '=', 'sha256='), { maxLength: 40 })
      .map((each) => each.join('')),
  );

  for (const one of signable)
    it(`${one.sender.name}: is refused, and nothing throws`, () => {
      fc.assert(
        fc.property(
          fc.array(text, { minLength: 5, maxLength: 5 }),
          body,
          at,
          (values, bytes, now) => {
            const headers = Object.fromEntries(
              headersOf(one).map((name, index) => [name, values[index % 5] ?? '']),
            );
            const message = messageOf(headers, bytes, {
              query: values[0] ?? '',
              url: values[1] ?? '',
            });
            assert.match(
              outcomeOf(verdictOf(one.receiver, message, now)),
              /^(signature|timestamp)_/,
            );
            one.receiver.greet(message);
          },
        ),
        { numRuns: 40 },
      );
    });
});

describe('small parsers', () => {
  it('times: what is printed is read, to the second; what is read is of the form', () => {
    fc.assert(
      fc.property(fc.constantFrom('s', 'ms', 'rfc3339', 'either'), at, (unit, time) => {
        const read = parseTime(printTime(time, unit), unit);
        assert.equal(Math.floor((read ?? 0) / 1_000), Math.floor(time / 1_000));
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom('s', 'ms', 'rfc3339', 'either'), fc.string(), (unit, given) => {
        const read = parseTime(given, unit);
        assert.ok(read === null || Number.isFinite(read));
      }),
    );
  });

  it('signature headers: at most 16 signatures, whatever is presented', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('t=1', 'v1=ab', 'v1=cd', ' ', ',', ', '), { maxLength: 400 }),
        fc.constantFrom('v1', undefined),
        fc.constantFrom('t', null),
        (pieces, pair, timePair) => {
          const groups = readGroups(pieces.join(''), { pair, separator: 'comma', timePair });
          const count = groups.reduce((sum, { signatures }) => sum + signatures.length, 0);
          assert.ok(count <= 16 && groups.length <= 4);
        },
      ),
    );
  });

  it('forms: bytes stay bytes, and order of parameters does not matter', () => {
    const form = (text: string): Received =>
      messageOf({ 'content-type': 'application/x-www-form-urlencoded' }, text);
    const bytesOf = (text: string): string => {
      const bytes = formParameters(form(text), null);
      assert.ok(Buffer.isBuffer(bytes));
      return bytes.toString('hex');
    };
    assert.notEqual(bytesOf('a=%ff'), bytesOf('a=%fe'));
    assert.equal(bytesOf('a=%ff'), '61ff');
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.stringMatching(/^[a-z]{1,5}=[a-z%+0-9]{0,5}$/), { maxLength: 8 }),
        (pairs) => {
          assert.equal(bytesOf(pairs.join('&')), bytesOf(pairs.toReversed().join('&')));
        },
      ),
    );
  });

  it('weakness: never throws, and long random texts are none', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof (weakness(text) ?? '') === 'string'));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 24, maxLength: 24 }), (bytes) => {
        fc.pre(new Set(bytes).size > 4);
        return weakness(Buffer.from(bytes).toString('base64')) === null;
      }),
    );
  });
});
