/** The write queue with intents that claim something: who is told what, and what is written meanwhile. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ledgerId, type HoldId } from '../../src/ids.ts';
import { openBodies, openLines } from '../../src/ledger/batch.ts';
import { noClaims, type Claims } from '../../src/ledger/claims.ts';
import type { LedgerBatch } from '../../src/ledger/store.ts';
import { denial, intent, keyRing, ledgerDeps, outcome, withLedger } from './fixture.ts';
import { makeScripted, settle, writer } from './scripted-store.ts';

const claims: Claims = {
  windows: [{ key: 'acme\nleavers', ms: 1_000, max: 1, amount: 1, force: false }],
  hold: null,
};
const release: Claims = {
  windows: [],
  hold: { id: 'hld_018bcfe568000123456789ab' as HoldId, version: 3 },
};

const claimed = ({ claims: list }: LedgerBatch) => list.map(({ sequence }) => sequence);

void suite('intents that claim something', () => {
  void test('hand their claims to the store by their sequence, the others none', async () => {
    const { open, claim, calls, answers } = makeScripted();
    open();
    claim(claims);
    claim(noClaims);
    claim(release);
    await settle();
    assert.deepEqual(calls[0]?.batch.claims, [
      { sequence: 2, ...claims },
      { sequence: 4, ...release },
    ]);
    calls[0]?.commit();
    await settle();
    assert.deepEqual(
      answers,
      [1, 2, 3, 4].map((each) => ledgerId(writer, each)),
    );
  });

  void test('are told what they cannot have; the rest is written at once, as it was printed', async () => {
    const { open, claim, calls, answers, queue, heard } = makeScripted();
    claim(claims);
    open();
    queue.soon(denial(), false);
    claim(release);
    claim(claims);
    await settle();
    const [first] = calls;
    first?.unclaimed(1, 4);
    await settle();
    assert.deepEqual(answers, ['no hold', 'no hold']);
    const rest = calls[1]?.batch as LedgerBatch;
    assert.deepEqual([rest.first, rest.count, claimed(rest)], [1, 3, [3]]);
    const linesOf = (batch: LedgerBatch) => openLines(batch, keyRing);
    const before = linesOf(first?.batch as LedgerBatch) ?? [];
    assert.deepEqual(linesOf(rest), [before[1], before[2], before[4]]);
    const salts = (batch: LedgerBatch) =>
      [...(openBodies(batch, keyRing)?.values() ?? [])].map(({ salt }) => salt);
    const printed = salts(first?.batch as LedgerBatch);
    assert.deepEqual(salts(rest), [printed[1], printed[3]]);
    calls[1]?.unclaimed(3);
    await settle();
    assert.deepEqual([calls[2]?.batch.count, claimed(calls[2]?.batch as LedgerBatch)], [2, []]);
    calls[2]?.commit();
    await settle();
    assert.deepEqual(answers.slice(2), ['no hold', ledgerId(writer, 1)]);
    assert.deepEqual(
      heard.appended.map(({ records, failed }) => [records, failed]),
      [[2, false]],
    );
  });

  void test('of which none can be had leave nothing, and the next goes on', async () => {
    const { open, claim, calls, answers, queue } = makeScripted();
    claim(claims);
    await settle();
    open();
    calls[0]?.unclaimed(1);
    await settle();
    assert.deepEqual(answers, ['no hold']);
    assert.deepEqual([calls[1]?.batch.first, calls[1]?.batch.count], [1, 1]);
    calls[1]?.commit();
    await settle();
    assert.deepEqual(answers[1], ledgerId(writer, 1));
    assert.equal(queue.writable(), true);
    claim(claims);
    await settle();
    const stopped = queue.stop();
    calls[2]?.unclaimed(2);
    assert.equal(await stopped, 0);
  });

  void test('are refused like others where the store fails, and named where they are found', async () => {
    const { claim, calls, answers, clock, state } = makeScripted();
    claim(claims);
    claim(claims);
    await settle();
    calls[0]?.unclaimed(1);
    await settle();
    state.heads = false;
    calls[1]?.fail(true);
    await settle();
    assert.deepEqual(answers, ['no hold', 'ledger_unavailable']);
    state.heads = true;
    for (let round = 0; round < 3; round += 1) {
      clock.advance(5_000);
      await settle();
    }
    // What it took goes back with this outcome.
    assert.deepEqual(
      calls[2]?.batch.outcomes.map(({ entry, outcome: ended }) => [entry, ended]),
      [[ledgerId(writer, 1), 'not-sent']],
    );
    assert.equal(calls[2]?.batch.first, 2);
  });

  void test('count as written where a failed commit is found on disk', async () => {
    const { claim, calls, answers } = makeScripted();
    claim(claims);
    await settle();
    calls[0]?.fail(true);
    await settle();
    assert.deepEqual(answers, [ledgerId(writer, 1)]);
  });

  void test('wait for the reserve of a full disk with their claims, or are refused', async () => {
    const { claim, calls, answers, queue, clock, state } = makeScripted();
    claim(claims);
    claim(release, true);
    await settle();
    state.reserve = false;
    calls[0]?.full();
    await settle();
    assert.deepEqual(answers, ['ledger_unavailable']);
    assert.deepEqual([calls[1]?.reserve, calls[1]?.batch.claims.length], [true, 1]);
    calls[1]?.unclaimed(1);
    await settle();
    assert.deepEqual(answers, ['ledger_unavailable', 'no hold']);
    assert.equal(queue.writable(), false);
    claim(claims, true);
    await settle();
    calls[2]?.commit(false);
    await settle();
    assert.equal(answers[2], ledgerId(writer, 1));
    state.reserve = true;
    clock.advance(60_000);
    await settle();
    calls[3]?.commit();
    await settle();
    assert.equal(queue.writable(), true);
  });

  void test('are not tried again on a store that turned out to be behind; outcomes are kept', async () => {
    const { open, claim, calls, answers, queue } = makeScripted();
    claim(claims);
    open();
    queue.soon(outcome(ledgerId(writer, 1)), true);
    await settle();
    queue.fallBehind('a standby lagged');
    calls[0]?.unclaimed(1);
    await settle();
    assert.deepEqual(answers, ['no hold', 'ledger_unavailable']);
    assert.equal(calls.length, 1);
    const accepted = queue.accept();
    await settle();
    assert.deepEqual(calls[1]?.batch.outcomes.length, 1);
    calls[1]?.commit();
    await accepted;
    assert.equal(queue.writable(), true);
  });

  void test('are in doubt where the store names what nobody claimed', async () => {
    for (const named of [[], [1], [9]]) {
      const { open, claim, calls, answers } = makeScripted();
      open();
      claim(claims);
      await settle();
      calls[0]?.unclaimed(...named);
      await settle();
      assert.deepEqual(answers, ['ledger_unavailable', 'ledger_unavailable']);
      assert.equal(calls.length, 1);
    }
  });
});

void suite('the ledger', () => {
  const most = { windows: [{ ...claims.windows[0], max: 3 }], hold: null } as Claims;

  void test('opens as many of fifty at once as the window has room for', () =>
    withLedger(async ({ ledger }) => {
      const options = { revocation: true, claims: most };
      const at = 1_700_000_000_000;
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => ledger.openClaiming(intent({ at }), options)),
      );
      assert.equal(answers.filter((answer) => typeof answer === 'string').length, 3);
      assert.deepEqual(answers[49], {
        unclaimed: 'window',
        key: claims.windows[0]?.key,
        used: 3,
        max: 3,
        freeAt: at + 1_000,
      });
      assert.equal((await ledger.list({ limit: 100 })).length, 3);
    }));

  void test('refuses claims that are out of bounds', () =>
    withLedger(async ({ ledger }) => {
      const [window] = claims.windows;
      assert.ok(window !== undefined);
      const wrong = [
        { ...window, amount: 0 },
        { ...window, max: 0.5 },
        { ...window, ms: 0 },
        { ...window, key: 'x'.repeat(401) },
      ].map((each) => [each]);
      for (const windows of [...wrong, Array.from({ length: 33 }, () => window)]) {
        const options = { revocation: false, claims: { windows, hold: null } };
        await assert.rejects(ledger.openClaiming(intent(), options), { code: 'internal' });
      }
      assert.deepEqual(await ledger.list({ limit: 10 }), []);
    }));

  void test('lets nothing claim before it was started', async () => {
    const { makeLedger } = await import('../../src/ledger/make-ledger.ts');
    const ledger = makeLedger(ledgerDeps({} as never));
    await assert.rejects(ledger.openClaiming(intent(), { revocation: false, claims }), {
      code: 'shutting_down',
    });
  });
});
