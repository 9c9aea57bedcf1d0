import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LedgerId } from '../../src/ids.ts';
import type { Outcome } from '../../src/passage/doors.ts';
import {
  makeReplays,
  type CallIdentity,
  type Settled,
} from '../../src/passage/remembered-calls.ts';
import { manualClock } from '../ledger/manual-clock.ts';

const settled: Settled = {
  call: 'c',
  entry: {
    id: 'led_0badcafe000001' as LedgerId,
    at: 0,
    outcome: 'applied',
    settledBy: 'answer',
    resourceId: 'u1',
    status: 201,
  },
  revocation: false,
  refusal: null,
};
const identity = (id: string, keyed = false): CallIdentity => ({ id, call: id, keyed });
const about = { configVersion: 'v1', turnKey: 't/users/1' };
const outcome = { ledger: settled.entry } as Outcome;

describe('remembered calls', () => {
  it('are recalled for two minutes, those of a key for a day', () => {
    const clock = manualClock();
    const replays = makeReplays(clock);
    replays.remember(identity('a'), settled);
    replays.remember(identity('a', true), settled);
    clock.advance(119_999);
    assert.equal(replays.recall(identity('a')), settled);
    clock.advance(1);
    assert.equal(replays.recall(identity('a')), null);
    clock.advance(86_400_000 - 120_001);
    assert.equal(replays.recall(identity('a', true)), settled);
    clock.advance(1);
    assert.equal(replays.recall(identity('a', true)), null);
  });

  it('are 25,000 of a kind at most, and the oldest goes first', () => {
    const replays = makeReplays(manualClock());
    for (let at = 0; at < 25_001; at += 1) replays.remember(identity(`${at}`), settled);
    assert.equal(replays.recall(identity('0')), null);
    assert.equal(replays.recall(identity('1')), settled);
    assert.equal(replays.recall(identity('25000')), settled);
  });

  it('fly until they end, as the newest of their resource unless overtaken', async () => {
    const replays = makeReplays(manualClock());
    let land: (came: Outcome) => void = () => {};
    const came = replays.fly(
      identity('a'),
      about,
      () => new Promise<Outcome>((resolve) => (land = resolve)),
    );
    const flight = replays.inFlight('a');
    assert.ok(flight !== undefined && replays.isNewest(flight));
    const other = replays.fly(identity('b'), about, () => Promise.reject(new Error('a defect')));
    assert.ok(!replays.isNewest(flight));
    assert.equal(await replays.inFlight('b')?.outcome, null);
    await assert.rejects(other, /a defect/);
    land(outcome);
    assert.equal(await came, outcome);
    assert.equal(await flight.outcome, outcome);
    assert.equal(replays.inFlight('a'), undefined);
    assert.equal(replays.inFlight('b'), undefined);
  });

  it('are overtaken by what is nobody’s repeat', () => {
    const replays = makeReplays(manualClock());
    void replays.fly(identity('a'), about, () => new Promise<Outcome>(() => {}));
    const flight = replays.inFlight('a');
    replays.overtake(about.turnKey);
    assert.ok(flight !== undefined && !replays.isNewest(flight));
  });
});
