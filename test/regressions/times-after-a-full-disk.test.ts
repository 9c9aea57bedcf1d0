/**
 * On a full disk outcomes overtake denials, for they may use the reserve; if that was full as well
 * they were put back to the front of the line, and the next batch held an earlier time behind a
 * later one: `ledger verify` then reported a ledger that nobody had touched.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom as random, type LedgerId } from '../../src/ids.ts';
import { emptyWaiting, enter, putBack, take } from '../../src/ledger/waiting.ts';
import { denial, outcome } from '../ledger/fixture.ts';

void test('records that overtook others and were put back leave no time behind a later one', () => {
  const waiting = emptyWaiting();
  enter(waiting, denial({ at: 5 }), { reserved: false, waiter: null, random });
  const settled = outcome('led_0123456700000a' as LedgerId, { at: 7 });
  enter(waiting, settled, { reserved: true, waiter: null, random });
  putBack(waiting, take(waiting, { onlyReserved: true, notBefore: 0 }));
  const batch = take(waiting, { onlyReserved: false, notBefore: 0 });
  assert.deepEqual(
    batch.map(({ record, at }) => [record.kind, at]),
    [
      ['outcome', 7],
      ['denial', 7],
    ],
  );
  assert.deepEqual(
    batch.map(({ text }) => (JSON.parse(text) as { at: number }).at),
    [7, 7],
  );
});
