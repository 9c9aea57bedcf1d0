/** How long a claim lasts: until another gateway may do what this one left. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { leaseMarginMs, leaseMsOf } from '../../src/deliveries/lanes.ts';
import type { Snapshot } from '../../src/snapshot.ts';
import { makeForward, makePlanRun, makeSnapshot, makeTarget } from './outbox-fixture.ts';

const url = 'http://127.0.0.1:9';
const under = (leaseMs: number, timeout: string): Snapshot => {
  const snapshot = makeSnapshot(
    [makeForward()],
    [makeTarget('n8n', url, { timeout, limits: { wait: '1s' } })],
  );
  return { ...snapshot, store: { ...snapshot.store, leaseMs } };
};

describe('a claim', () => {
  it('lasts as long as a gateway may be silent', () => {
    assert.equal(leaseMsOf(under(30_000, '2s')), 30_000);
    assert.equal(leaseMsOf(under(120_000, '2s')), 120_000);
  });

  it('lasts longer than any try: its wait and time-out, and a margin on both sides', () => {
    assert.equal(leaseMsOf(under(2_000, '2s')), 3_000 + 2 * leaseMarginMs);
    const plan = makeSnapshot([makePlanRun()], []);
    assert.equal(
      leaseMsOf({ ...plan, store: { ...plan.store, leaseMs: 2_000 } }),
      20_000 + 2 * leaseMarginMs,
    );
  });

  it('ends within two hours', () => {
    assert.equal(leaseMsOf(under(10_800_000, '2s')), 7_200_000);
  });
});
