import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeDenials } from '../../src/ledger/denials.ts';
import type { DenialRecord } from '../../src/ledger/record.ts';
import { denial } from './fixture.ts';
import { manualClock } from './manual-clock.ts';

const make = () => {
  const clock = manualClock();
  const recorded: DenialRecord[] = [];
  return { clock, recorded, denials: makeDenials(clock, (each) => recorded.push(each)) };
};

test('records sixty a minute one by one and counts the rest into one', () => {
  const { clock, recorded, denials } = make();
  for (let call = 0; call < 100; call += 1) denials.take(denial({ at: call }));
  denials.take(denial({ rule: 'another' }));
  denials.take(denial({ client: 'another' }));
  assert.equal(recorded.length, 62);
  clock.advance(59_999);
  assert.equal(recorded.length, 62);
  clock.advance(1);
  assert.deepEqual(
    recorded.slice(62).map((each) => [each.count, each.at]),
    [[40, 99]],
  );
  assert.equal(clock.armed(), 0);
  denials.take(denial());
  assert.equal(recorded.length, 64);
});

test('a flush records what was only counted', () => {
  const { recorded, denials } = make();
  for (let call = 0; call < 61; call += 1) denials.take(denial());
  denials.flush();
  denials.flush();
  assert.equal(
    recorded.reduce((sum, each) => sum + each.count, 0),
    61,
  );
});

test('watches a bounded number of pairs; the rest share one counter', () => {
  const { recorded, denials } = make();
  for (let pair = 0; pair < 10_100; pair += 1) denials.take(denial({ client: `c${pair}` }));
  assert.equal(recorded.length, 10_060);
  denials.flush();
  assert.equal(
    recorded.reduce((sum, each) => sum + each.count, 0),
    10_100,
  );
});

test('records each mutation that is held, beside the refusals of the same rule', () => {
  const { recorded, denials } = make();
  for (let call = 0; call < 100; call += 1) {
    denials.take(denial({ code: 'mutation_held', hold: `hld_${call}` }));
    denials.take(denial());
  }
  assert.equal(recorded.filter(({ hold }) => hold !== undefined).length, 100);
  assert.equal(recorded.length, 160);
  denials.flush();
  assert.deepEqual(
    recorded.slice(160).map(({ hold, count }) => [hold, count]),
    [[undefined, 40]],
  );
});
