import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  backoffBaseMs,
  backoffCapMs,
  backoffCeilingMs,
  backoffMs,
  isCounted,
  retryAfterMsMax,
  statusMeaning,
  type StatusMeaning,
} from '../../src/deliveries/backoff.ts';

describe('what an answer means', () => {
  const rows: readonly (readonly [StatusMeaning, readonly number[]])[] = [
    ['delivered', [200, 201, 202, 204, 299]],
    ['again', [408, 425, 429, 500, 501, 502, 503, 504, 599]],
    ['gone', [410]],
    ['dead', [300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 409, 413, 422, 499]],
  ];
  for (const [meaning, statuses] of rows) {
    for (const status of statuses) {
      it(`${status}: ${meaning}`, () => assert.equal(statusMeaning(status), meaning));
    }
  }

  it('spares a destination without using up tries', () => {
    assert.equal(isCounted('target_overloaded'), false);
    assert.equal(isCounted('target_timeout'), true);
    assert.equal(isCounted('internal'), true);
  });
});

describe('the wait before the next try', () => {
  it('has ceilings from a second to six hours', () => {
    const ceilings = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(backoffCeilingMs);
    assert.deepEqual(
      ceilings,
      [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 21_600, 21_600].map((seconds) => seconds * 1_000),
    );
  });

  const attempts = fc.integer({ min: 1, max: 10_000 });
  const draws = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  it('lies below the ceiling, wherever it is drawn, and grows with it', () => {
    fc.assert(
      fc.property(attempts, draws, (attempt, draw) => {
        const wait = backoffMs(attempt, null, draw);
        assert.ok(Number.isInteger(wait) && wait >= 0 && wait <= backoffCeilingMs(attempt));
        assert.ok(backoffCeilingMs(attempt) >= backoffBaseMs);
        assert.ok(backoffCeilingMs(attempt) <= backoffCapMs);
        assert.ok(backoffMs(attempt + 1, null, draw) >= wait);
      }),
    );
  });

  it('is never shorter than what was asked, nor longer than a day for it', () => {
    const asked = fc.oneof(fc.integer({ min: 0, max: 400_000_000 }), fc.constant(Infinity));
    fc.assert(
      fc.property(attempts, draws, asked, (attempt, draw, retryAfter) => {
        const wait = backoffMs(attempt, retryAfter, draw);
        assert.ok(wait >= Math.min(retryAfter, retryAfterMsMax));
        assert.ok(wait <= Math.max(retryAfterMsMax, backoffCapMs));
        assert.ok(wait >= backoffMs(attempt, null, draw));
      }),
    );
  });

  it('is full jitter: the whole range is used evenly', () => {
    const waits = Array.from({ length: 100 }, (_, at) => backoffMs(4, null, at / 100));
    assert.equal(Math.min(...waits), 0);
    assert.ok(Math.max(...waits) > 0.98 * backoffCeilingMs(4));
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
    assert.ok(Math.abs(mean / backoffCeilingMs(4) - 0.5) < 0.02);
  });
});
