/** What recognises a repeat, and what must never pass for one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { bodyWindowMsMax, marksOf } from '../../src/deliveries/repeat-marks.ts';
import type { DedupeBy, Verified } from '../../src/signatures/receiver.ts';
import { testKeyRing } from '../support/webhook-scene.ts';

const at = 1_700_000_000_000;
const windowMs = 86_400_000;

type Message = Readonly<{
  by: DedupeBy;
  route?: string;
  id?: string | null;
  signature?: string | null;
  body?: string;
  headers?: Readonly<Record<string, string>>;
}>;

const marks = ({
  by,
  route = 'hr',
  id = 'a',
  signature = 'sig',
  body = '{}',
  headers = {},
}: Message) => {
  const verified: Verified = {
    kind: 'verified',
    keyId: 'secrets[0]',
    id: id === null ? null : { value: id, signed: false },
    sentAt: null,
    signature: signature === null ? null : Buffer.from(signature),
    sequence: null,
    retry: 0,
  };
  return marksOf(testKeyRing.fingerprint, {
    route: {
      name: route,
      dedupe: { by, windowMs },
      receiver: { meaningHeaders: ['x-goog-resource-state', 'ce-id'] },
    },
    verified,
    received: { headers, body: Buffer.from(body) },
    at,
  });
};
const keys = (message: Message): readonly string[] =>
  marks(message).map(({ mark }) => mark.toString('hex'));
const isRepeat = (one: Message, other: Message): boolean => {
  const known = new Set(keys(one));
  return keys(other).some((key) => known.has(key));
};

describe('marks', () => {
  it('have 16 bytes and end with the window', () => {
    for (const { mark, until } of marks({ by: 'signature' })) {
      assert.equal(mark.length, 16);
      assert.equal(until, at + windowMs);
    }
  });

  const table: readonly (readonly [string, Message, Message, boolean])[] = [
    ['the same id', { by: 'id' }, { by: 'id', body: '{"x":1}', signature: 'b' }, true],
    ['another id', { by: 'id' }, { by: 'id', id: 'b' }, false],
    ['the same id at another route', { by: 'id' }, { by: 'id', route: 'it' }, false],
    ['no id: body and signature', { by: 'id', id: null }, { by: 'id', id: null }, true],
    ['no id, another body', { by: 'id', id: null }, { by: 'id', id: null, body: '1' }, false],
    [
      'no id, signed anew',
      { by: 'id', id: null },
      { by: 'id', id: null, signature: 'anew' },
      false,
    ],
    ['an empty id is none', { by: 'id', id: '' }, { by: 'id', id: '', body: '1' }, false],
    [
      'no id and no signature: the body',
      { by: 'id', id: null, signature: null },
      { by: 'id', id: null, signature: null },
      true,
    ],
    [
      'a replayed GitHub delivery under an id of the replayer (camunda#8989)',
      { by: 'signature', id: 'a' },
      { by: 'signature', id: 'forged' },
      true,
    ],
    [
      'a redelivery under the same id, signed anew',
      { by: 'signature' },
      { by: 'signature', signature: 'anew' },
      true,
    ],
    [
      'two events of a static-secret sender with ids of their own',
      { by: 'signature', id: 'a', signature: null },
      { by: 'signature', id: 'b', signature: null },
      false,
    ],
    ['the body alone', { by: 'body', id: 'a' }, { by: 'body', id: 'b', signature: 'c' }, true],
    [
      'one body under two states of Google',
      { by: 'body', headers: { 'x-goog-resource-state': 'update' } },
      { by: 'body', headers: { 'x-goog-resource-state': 'delete' } },
      false,
    ],
    [
      'one body under two ids of CloudEvents, no id of its own',
      { by: 'id', id: null, signature: null, headers: { 'ce-id': '1' } },
      { by: 'id', id: null, signature: null, headers: { 'ce-id': '2' } },
      false,
    ],
    [
      'one body under another header that means nothing',
      { by: 'body', headers: { 'x-request-id': '1' } },
      { by: 'body', headers: { 'x-request-id': '2' } },
      true,
    ],
    ['nothing at all', { by: 'none' }, { by: 'none' }, false],
  ];
  for (const [name, one, other, expected] of table) {
    it(`${expected ? 'know again' : 'tell apart'}: ${name}`, () => {
      assert.equal(isRepeat(one, other), expected);
    });
  }

  it('of a body alone hold for ten minutes at most', () => {
    for (const message of [
      { by: 'body' },
      { by: 'id', id: null, signature: null },
      { by: 'signature', id: null, signature: null },
    ] as const) {
      assert.deepEqual(
        marks(message).map(({ until }) => until),
        [at + bodyWindowMsMax],
      );
    }
  });

  it('no byte can move between route, id, signature and body', () => {
    const texts = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(
        fc.constantFrom<DedupeBy>('id', 'signature', 'body'),
        fc.record({ route: texts, signature: texts, body: texts }),
        fc.record({ route: texts, signature: texts, body: texts }),
        (by, one, other) => {
          const same =
            one.route === other.route &&
            one.body === other.body &&
            (by === 'body' || one.signature === other.signature);
          assert.equal(isRepeat({ by, id: null, ...one }, { by, id: null, ...other }), same);
        },
      ),
    );
  });
});
