import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeLane, makeRetryShare } from '../../src/deliveries/lane.ts';
import { manualClock } from '../ledger/manual-clock.ts';
import { makeForward, makeSnapshot } from './outbox-fixture.ts';

const laneOf = (concurrent: number) => {
  const clock = manualClock();
  const forward = makeForward({ concurrent });
  const [route] = makeSnapshot([forward], []).webhooks;
  assert.ok(route !== undefined);
  return { clock, forward, route, lane: makeLane(route, forward, clock) };
};

describe('a lane', () => {
  it('begins at full width', () => {
    const { lane } = laneOf(5);
    assert.equal(lane.free(), 5);
    lane.began();
    lane.began();
    assert.equal(lane.free(), 3);
    lane.ended(true);
    assert.equal(lane.free(), 4);
  });

  it('rests, then begins with one and doubles as rounds go well', () => {
    const { lane, clock } = laneOf(6);
    lane.rest(1_000, 'target_overloaded');
    assert.equal(lane.free(), 0);
    assert.deepEqual(lane.standing().resting, { reason: 'target_overloaded', ms: 1_000 });
    clock.advance(1_000);
    const widths: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      const width = lane.free();
      widths.push(width);
      for (let one = 0; one < width; one += 1) lane.began();
      assert.equal(lane.free(), 0);
      for (let one = 0; one < width; one += 1) lane.ended(true);
    }
    assert.deepEqual(widths, [1, 2, 4, 6]);
  });

  it('does not grow by what fails, and shrinks again with the next rest', () => {
    const { lane, clock } = laneOf(6);
    lane.rest(10, 'x');
    clock.advance(10);
    for (let round = 0; round < 5; round += 1) {
      lane.began();
      lane.ended(false);
    }
    assert.equal(lane.free(), 1);
    lane.began();
    lane.ended(true);
    assert.equal(lane.free(), 2);
    lane.rest(10, 'x');
    clock.advance(10);
    assert.equal(lane.free(), 1);
  });

  it('keeps the longer rest, and forgets it with new settings', () => {
    const { lane, clock, route, forward } = laneOf(6);
    lane.rest(5_000, 'long');
    lane.rest(10, 'short');
    clock.advance(4_999);
    assert.equal(lane.free(), 0);
    lane.giveUp();
    clock.advance(1);
    assert.equal(lane.free(), 0, 'gone stays gone');
    lane.renew(route, { ...forward, concurrent: 3 });
    assert.equal(lane.isGone(), false);
    assert.equal(lane.free(), 1, 'what was slow begins slowly');
  });
});

describe('the share of retries', () => {
  it('is five a second where nothing is new', () => {
    const clock = manualClock();
    const share = makeRetryShare(clock);
    let gone = 0;
    for (let at = 0; at < 600; at += 1) {
      clock.advance(100);
      if (share.mayRetry()) gone += 1;
    }
    assert.ok(gone >= 300 && gone <= 311, `${gone} retries in a minute`);
  });

  it('is a fifth of what is new where that is more', () => {
    const clock = manualClock();
    const share = makeRetryShare(clock);
    let gone = 0;
    for (let at = 0; at < 600; at += 1) {
      clock.advance(100);
      for (let one = 0; one < 10; one += 1) share.live();
      for (let one = 0; one < 10; one += 1) if (share.mayRetry()) gone += 1;
    }
    assert.ok(gone >= 1_190 && gone <= 1_290, `${gone} retries beside 6,000`);
  });

  it('sends away for about as long as those before it take', () => {
    const clock = manualClock();
    const share = makeRetryShare(clock);
    for (let one = 0; one < 10; one += 1) assert.ok(share.mayRetry());
    assert.equal(share.mayRetry(), false);
    assert.ok(share.againMs(0.5) < 500, 'one waits: it is soon its turn');
    for (let one = 0; one < 99; one += 1) share.mayRetry();
    const waits = share.againMs(0.999);
    assert.ok(waits > 30_000 * 0.9 && waits <= 40_000, `${waits} ms behind a hundred`);
    clock.advance(20_000);
    assert.ok(share.mayRetry());
    assert.ok(share.againMs(0.999) < 500, 'they had their turn');
  });

  it('lets all that wait go within about the time their number asks for', () => {
    const clock = manualClock();
    const share = makeRetryShare(clock);
    let state = 7;
    const draw = (): number => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
    const dueAt = Array.from({ length: 110 }, () => 0);
    let gone = 0;
    for (let at = 0; at < 60_000; at += 20) {
      for (const [index, due] of dueAt.entries()) {
        if (due > at) continue;
        const goes = share.mayRetry();
        dueAt[index] = goes ? Number.POSITIVE_INFINITY : at + share.againMs(draw());
        if (goes) gone += 1;
      }
      if (gone === 110) break;
      clock.advance(20);
    }
    // A hundred beyond the burst, five a second.
    assert.ok(clock.monotonic() >= 19_900 && clock.monotonic() < 45_000, `${clock.monotonic()} ms`);
  });
});
