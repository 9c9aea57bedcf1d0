/** The bench measures: one short round of the first row gives figures that can be judged. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figureOf, holds, medianOf, printFigures } from './figures.ts';
import { runBench } from './run.ts';

const short = {
  rounds: 1,
  seconds: 0.5,
  warmUpSeconds: 0.3,
  entries: 2_000,
  requests: 1_000,
  earlier: null,
};

test('medians, best rounds and judgement', () => {
  assert.equal(medianOf([3, 1, 2]), 2);
  assert.equal(medianOf([4, 1, 2, 3]), 2.5);
  const most = { what: 'CPU', unit: 'x', target: { kind: 'at most', value: 1 } } as const;
  const least = { what: 'rate', unit: 'x', target: { kind: 'at least', value: 1 } } as const;
  assert.equal(holds(figureOf([2, 0.9], most)), true);
  assert.equal(holds(figureOf([2, 1.1], most)), false);
  assert.equal(holds(figureOf([0.5, 1.2], least)), true);
  assert.equal(holds(figureOf([1], { ...most, target: null })), null);
  const rate = { what: 'rate', unit: '/s', target: null } as const;
  assert.equal(figureOf([2, 9, 4], rate).least, 9);
  assert.match(printFigures([figureOf([2], most)]), /CPU .* at most 1 x .*MISSED/);
});

test(
  'mutations and the ledger, one short round',
  { skip: process.platform === 'linux' ? false : 'CPU of other processes is read from /proc' },
  async () => {
    const figures = await runBench(['mutations', 'ledger'], short);
    assert.equal(figures.length, 5);
    for (const { what, least, median } of figures) {
      assert.ok(Number.isFinite(least) && Number.isFinite(median) && least > 0, what);
    }
    await assert.rejects(runBench(['no-such-row'], short), TypeError);
  },
);

test(
  'webhooks and deliveries, one short round',
  { skip: process.platform === 'linux' ? false : 'CPU of other processes is read from /proc' },
  async () => {
    const figures = await runBench(['webhooks', 'deliveries'], short);
    // Deliveries on PostgreSQL too, where its server is installed.
    assert.ok(figures.length === 6 || figures.length === 8, String(figures.length));
    for (const { what, least, median } of figures) {
      assert.ok(Number.isFinite(least) && Number.isFinite(median) && least > 0, what);
    }
  },
);

test('the engines, one short round against their peer', async () => {
  const figures = await runBench(['engines'], short);
  assert.equal(figures.length, 8);
  for (const { what, unit, median } of figures) {
    assert.equal(unit, '/s', what);
    assert.ok(Number.isFinite(median) && median > 0, what);
  }
  assert.match(figures[0]?.note ?? '', /times scimmy's rate/);
  assert.match(figures[4]?.note ?? '', /times scimmy's rate/);
});
