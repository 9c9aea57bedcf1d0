import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ledgerId } from '../../src/ids.ts';
import { genesis } from '../../src/ledger/chain.ts';
import type { LedgerBatch } from '../../src/ledger/store.ts';
import { denial, intent, outcome } from './fixture.ts';
import { makeScripted, settle, writer } from './scripted-store.ts';

const kinds = (batch: LedgerBatch | undefined) =>
  batch === undefined ? null : [batch.count, batch.entries.length, batch.outcomes.length];

void suite('group commit', () => {
  void test('opens resolve only after their commit', async () => {
    const { open, calls, answers } = makeScripted();
    open();
    await settle();
    assert.deepEqual(answers, []);
    calls[0]?.commit();
    await settle();
    assert.deepEqual(answers, [ledgerId(writer, 1)]);
  });

  void test('what comes during a commit goes together after it, at most 128 at once', async () => {
    const { open, calls } = makeScripted();
    open();
    await settle();
    for (let more = 0; more < 200; more += 1) open();
    await settle();
    assert.equal(calls.length, 1);
    for (let call = 0; call < 3; call += 1) {
      calls[call]?.commit();
      await settle();
    }
    assert.deepEqual(
      calls.map(({ batch }) => [batch.first, batch.count]),
      [
        [1, 1],
        [2, 128],
        [130, 72],
      ],
    );
  });

  void test('a batch holds at most 256 KiB', async () => {
    const { queue, clock, calls } = makeScripted();
    const { body } = intent();
    const big = { ...body, before: 'x'.repeat(100_000) };
    for (let more = 0; more < 5; more += 1) {
      void queue.durable(intent({ at: clock.now(), body: big }), false);
    }
    await settle();
    calls[0]?.commit();
    await settle();
    assert.deepEqual(
      calls.map(({ batch }) => batch.count),
      [2, 2],
    );
  });

  void test('outcomes alone wait 20 ms for company', async () => {
    const { queue, clock, calls, open } = makeScripted();
    queue.soon(outcome(ledgerId(writer, 1), { at: clock.now() }), true);
    clock.advance(19);
    await settle();
    assert.equal(calls.length, 0);
    clock.advance(1);
    await settle();
    assert.deepEqual(kinds(calls[0]?.batch), [1, 0, 1]);
    calls[0]?.commit();
    await settle();
    queue.soon(outcome(ledgerId(writer, 1), { at: clock.now() }), true);
    open();
    await settle();
    assert.deepEqual(kinds(calls[1]?.batch), [2, 1, 1]);
  });

  void test('times never go back', async () => {
    const { queue, clock, calls, heard } = makeScripted();
    const at = clock.now();
    void queue.durable(intent({ at: at + 50 }), false);
    void queue.durable(intent({ at }), false);
    await settle();
    assert.deepEqual([calls[0]?.batch.atFirst, calls[0]?.batch.atLast], [at + 50, at + 50]);
    calls[0]?.commit();
    await settle();
    assert.equal(heard.appended.length, 1);
    assert.equal(queue.committed().newestAt, at + 50);
  });
});

void suite('memory', () => {
  void test('is bounded: intents are refused, outcomes have more room, then are dropped', async () => {
    const { queue, open, answers, calls } = makeScripted({ recordsMax: 3, bytesMax: 1_000_000 });
    open();
    await settle();
    for (let more = 0; more < 4; more += 1) open();
    await settle();
    assert.deepEqual(answers, ['ledger_unavailable']);
    assert.equal(queue.writable(), false);
    const taken = [1, 2, 3, 4].map(() => queue.soon(outcome(ledgerId(writer, 1)), true));
    assert.deepEqual(taken, [true, true, true, false]);
    calls[0]?.commit();
    await settle();
    assert.equal(calls[1]?.batch.count, 6);
    assert.equal(queue.writable(), true);
  });
});

void suite('a commit that fails', () => {
  void test('but is on disk counts as done', async () => {
    const { open, calls, answers, queue } = makeScripted();
    open();
    await settle();
    calls[0]?.fail(true);
    await settle();
    assert.deepEqual(answers, [ledgerId(writer, 1)]);
    assert.equal(queue.writable(), true);
  });

  void test('and is not on disk refuses intents, keeps outcomes, and lets intents in after them', async () => {
    const { open, calls, answers, queue, clock } = makeScripted();
    open();
    queue.soon(outcome(ledgerId(writer, 1)), true);
    await settle();
    calls[0]?.fail(false);
    await settle();
    assert.deepEqual(answers, ['ledger_unavailable']);
    assert.equal(queue.writable(), false);
    open();
    await settle();
    assert.deepEqual(answers, ['ledger_unavailable', 'ledger_unavailable']);
    assert.equal(calls.length, 1);
    clock.advance(100);
    await settle();
    // The outcome, and the act that tells of the interruption.
    assert.deepEqual(kinds(calls[1]?.batch), [2, 0, 1]);
    assert.equal(calls[1]?.batch.first, 1);
    calls[1]?.commit();
    await settle();
    assert.equal(queue.writable(), true);
    open();
    await settle();
    calls[2]?.commit();
    await settle();
    assert.equal(answers.at(-1), ledgerId(writer, 3));
  });

  void test('unknown for long: refused, and named not-sent once it is found on disk', async () => {
    const { open, calls, answers, queue, clock, state } = makeScripted();
    open();
    await settle();
    state.heads = false;
    calls[0]?.fail(true);
    await settle();
    assert.deepEqual(answers, ['ledger_unavailable']);
    clock.advance(100);
    await settle();
    assert.equal(calls.length, 1);
    state.heads = true;
    clock.advance(200);
    await settle();
    clock.advance(5_000);
    await settle();
    assert.deepEqual(
      calls[1]?.batch.outcomes.map((each) => [each.entry, each.outcome]),
      [[ledgerId(writer, 1), 'not-sent']],
    );
    assert.equal(calls[1]?.batch.first, 2);
    calls[1]?.commit();
    await settle();
    assert.equal(queue.writable(), true);
  });

  void test('because the chain is another one ends writing for good', async () => {
    const { open, calls, answers, queue, clock, committed, heard } = makeScripted();
    open();
    await settle();
    const { batch } = calls[0] as (typeof calls)[number];
    committed.push({ ...batch, digest: genesis('deadbeef') });
    calls[0]?.fail(false);
    await settle();
    clock.advance(60_000);
    await settle();
    open();
    await settle();
    assert.deepEqual(answers, ['ledger_unavailable', 'ledger_unavailable']);
    assert.equal(calls.length, 1);
    assert.equal(queue.writable(), false);
    assert.ok(heard.notes.some(({ fields }) => fields['to'] === 'forked'));
    assert.equal(await queue.stop(), 0);
  });
});

void suite('a store that is behind', () => {
  for (const [what, end] of [
    ['works', (call: { commit(): void } & { fail(written: boolean): void }) => call.commit()],
    ['fails', (call: { commit(): void } & { fail(written: boolean): void }) => call.fail(false)],
  ] as const) {
    void test(`stays so when a commit that was under way ${what}`, async () => {
      const { open, calls, answers, queue, clock } = makeScripted();
      open();
      await settle();
      queue.fallBehind('a standby lagged');
      end(calls[0] as (typeof calls)[number]);
      await settle();
      clock.advance(60_000);
      await settle();
      open();
      await settle();
      assert.equal(calls.length, 1);
      assert.equal(answers.at(-1), 'ledger_unavailable');
      assert.equal(queue.writable(), false);
      assert.equal(queue.behind(), 'a standby lagged');
      const accepted = queue.accept();
      await settle();
      calls[1]?.commit();
      await accepted;
      assert.equal(queue.writable(), true);
    });
  }
});

void suite('a full disk', () => {
  void test('lets outcomes and revocations through the reserve, and nothing else', async () => {
    const { open, calls, answers, queue, clock, state } = makeScripted();
    open();
    open(true);
    queue.soon(outcome(ledgerId(writer, 1)), true);
    queue.soon(denial(), false);
    await settle();
    assert.equal(calls[0]?.reserve, false);
    state.reserve = false;
    calls[0]?.full();
    await settle();
    assert.deepEqual(answers, ['ledger_unavailable']);
    assert.equal(calls[1]?.reserve, true);
    assert.deepEqual(kinds(calls[1]?.batch), [2, 1, 1]);
    calls[1]?.commit(false);
    await settle();
    assert.equal(answers.at(-1), ledgerId(writer, 1));
    assert.equal(queue.writable(), false);
    open();
    await settle();
    assert.equal(answers.at(-1), 'ledger_unavailable');
    open(true);
    await settle();
    assert.equal(calls[2]?.reserve, true);
    calls[2]?.commit(false);
    await settle();
    // Room again: the reserve is made, the denial follows, intents go on.
    state.reserve = true;
    clock.advance(60_000);
    await settle();
    assert.equal(calls[3]?.reserve, false);
    assert.deepEqual(kinds(calls[3]?.batch), [2, 1, 0]);
    assert.ok((calls[3]?.batch.atFirst ?? 0) >= (calls[2]?.batch.atLast ?? Infinity));
    calls[3]?.commit();
    await settle();
    assert.equal(queue.writable(), true);
  });

  void test('with a spent reserve refuses all who wait and keeps trying', async () => {
    const { open, calls, answers, queue, clock, state } = makeScripted();
    open(true);
    queue.soon(outcome(ledgerId(writer, 1)), true);
    await settle();
    state.reserve = false;
    calls[0]?.full();
    await settle();
    calls[1]?.full();
    await settle();
    assert.deepEqual(answers, ['ledger_unavailable']);
    open(true);
    await settle();
    assert.equal(calls.length, 2);
    state.reserve = true;
    clock.advance(60_000);
    await settle();
    assert.deepEqual(kinds(calls.at(-1)?.batch), [2, 0, 1]);
    calls.at(-1)?.commit();
    await settle();
    assert.equal(queue.writable(), true);
  });
});

void suite('stop', () => {
  void test('writes what waits', async () => {
    const { queue, calls } = makeScripted();
    queue.soon(outcome(ledgerId(writer, 1)), true);
    const stopped = queue.stop();
    await settle();
    calls[0]?.commit();
    assert.equal(await stopped, 0);
    await assert.rejects(queue.durable(intent(), false), { code: 'shutting_down' });
  });

  void test('does not hang on a broken store, and says how much it lost', async () => {
    const { queue, calls, state } = makeScripted();
    queue.soon(outcome(ledgerId(writer, 1)), true);
    const stopped = queue.stop();
    await settle();
    state.heads = false;
    calls[0]?.fail(false);
    assert.equal(await stopped, 2);
  });
});
