import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLedgerId } from '../../src/ids.ts';
import { denial, intent, outcome, withLedger } from './fixture.ts';

test('an intent is listed, shown and settled', () =>
  withLedger(async ({ ledger }) => {
    const id = await ledger.open(intent(), { revocation: false });
    assert.equal(parseLedgerId(id)?.sequence, 1);
    const before = await ledger.unsettled(10);
    assert.deepEqual(
      before.map((entry) => [entry.id, entry.outcome]),
      [[id, null]],
    );
    assert.equal(before[0]?.intent.body.subject, 'zoë@example.com');

    ledger.settle(outcome(id, { outcome: 'in-doubt', settledBy: 'timeout', status: null }));
    ledger.deny(denial());
    await ledger.act({
      kind: 'act',
      at: 1,
      actor: 'local',
      act: 'keys.issue',
      details: { b: 1, a: 'x' },
    });
    assert.equal((await ledger.unsettled(10))[0]?.outcome, 'in-doubt');
    ledger.settle(outcome(id, { settledBy: 'read-back' }));
    await ledger.act({ kind: 'act', at: 1, actor: 'local', act: 'keys.issue', details: {} });
    assert.deepEqual(await ledger.unsettled(10), []);

    const rows = await ledger.list({ limit: 10 });
    assert.deepEqual(
      rows.map((row) => [row.decision, row.outcome]),
      [
        ['deny', null],
        ['allow', 'applied'],
      ],
    );
    const shown = await ledger.show(id);
    assert.equal(shown?.row.settledBy, 'read-back');
    assert.deepEqual(
      shown?.outcomes.map((each) => each.outcome),
      ['in-doubt', 'applied'],
    );
    assert.deepEqual(shown?.body, intent().body);
  }));
