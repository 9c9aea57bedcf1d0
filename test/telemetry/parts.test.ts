import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isUnrolled, mutationsOf } from '../../src/telemetry/parts.ts';
import { part, refusedPart, settled, settledRead } from './settled.ts';

test('a mutation tells of itself, a read of none, a Bulk of each it was unrolled into', () => {
  const alone = settled();
  assert.equal(mutationsOf(alone)[0], alone);
  assert.deepEqual(mutationsOf(settledRead()), []);
  const parts = [part(), refusedPart];
  const bulk = settled({ operation: 'bulk', httpRoute: '/scim/slack/Bulk', mutation: null, parts });
  assert.deepEqual([isUnrolled(alone), isUnrolled(bulk)], [false, true]);
  const told = mutationsOf(bulk);
  assert.deepEqual(
    told.map(({ operation, status, mutation }) => [operation, status, mutation?.ledgerId]),
    [
      ['create', 201, 'led_0123abcd000002'],
      ['create', 409, undefined],
    ],
  );
  for (const each of told) {
    assert.equal(each.traceId, bulk.traceId);
    assert.equal(each.requestId, bulk.requestId);
    assert.equal(each.httpRoute, bulk.httpRoute);
    assert.equal(each.parts, undefined);
  }
});

test('a Bulk that was refused whole is told as the one mutation it is', () => {
  const refused = settled({ operation: 'bulk', status: 403, mutation: null, parts: [] });
  assert.equal(mutationsOf(refused).length, 1);
  assert.equal(isUnrolled(refused), false);
});
