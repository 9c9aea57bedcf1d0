import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import { readIdempotencyKey } from '../../src/http/idempotency-key.ts';

const readKey = (stated: string | undefined) => readIdempotencyKey({ 'idempotency-key': stated });

describe('Idempotency-Key', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['"8e03978e"', '8e03978e'],
    [' key/1:a,b ', 'key/1:a,b'],
    [String.raw`"a\"b\\c"`, String.raw`a"b\c`],
    ['a'.repeat(128), 'a'.repeat(128)],
  ];
  for (const [stated, key] of cases) {
    it(`reads ${stated.slice(0, 40)}`, () => assert.equal(readKey(stated), key));
  }

  for (const stated of ['', '""', '"a', 'a"', 'a b', '"a b"', 'ü', 'a'.repeat(129), '"a";b=1']) {
    it(`refuses ${JSON.stringify(stated.slice(0, 20))}`, () => {
      const read = readKey(stated);
      assert.ok(isRefusal(read));
      assert.equal(read.refused, 'value_invalid');
    });
  }

  it('is nothing where there is none', () => {
    assert.equal(readKey(undefined), null);
  });
});
