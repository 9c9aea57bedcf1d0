import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { parseLedgerId } from '../../src/ids.ts';
import { evidenceOfStore } from '../../src/ledger/evidence.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { denial, intent, keyRing, outcome, withLedger } from './fixture.ts';

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

test('a held mutation, its release and what is taken back are found by their ids', () =>
  withLedger(async ({ ledger, stores }) => {
    const held = 'hld_018bcfe568000123456789ab';
    const override = 'ovr_018bcfe568000123456789ab';
    ledger.deny(denial({ code: 'mutation_held', hold: held, rule: 'guards.leavers' }));
    ledger.deny(denial());
    const hold = { id: held, approvals: ['alice', 'bob'] };
    const released = await ledger.open(intent({ hold }), { revocation: false });
    const reverses = [released];
    const back = await ledger.open(intent({ reverses, override }), { revocation: false });
    const found = async (subject: string) =>
      (await ledger.list({ subject, limit: 10 })).map((row) => [row.decision, row.hold, row.code]);
    assert.deepEqual(await found(held), [
      ['allow', held, null],
      ['hold', held, 'mutation_held'],
    ]);
    assert.deepEqual(
      (await ledger.list({ subject: released, limit: 10 })).map(({ id, reverses: of }) => [id, of]),
      [[back, reverses]],
    );
    assert.equal((await ledger.list({ subject: override, limit: 10 }))[0]?.id, back);
    assert.deepEqual((await ledger.show(released))?.row.hold, held);
    // What waits for people is no entry whose end is unknown; what was released is one.
    assert.deepEqual(
      (await ledger.unsettled(10)).map(({ id, intent: { hold: from } }) => [id, from]),
      [
        [released, hold],
        [back, undefined],
      ],
    );
    const source = evidenceOfStore({ store: stores.ledger, keyRing, writers: null });
    const { problems, entries } = await verifyLedger(source, { now: systemClock.now() });
    assert.deepEqual([problems, entries], [[], 4]);
  }));
