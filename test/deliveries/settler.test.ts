import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Settling } from '../../src/deliveries/outbox-store.ts';
import { makeSettler, settleMax } from '../../src/deliveries/settler.ts';
import type { EventId } from '../../src/ids.ts';
import { manualClock } from '../ledger/manual-clock.ts';

const settlingOf = (item: number): Settling => ({
  key: { event: `evt_${'0'.repeat(32)}` as EventId, item, name: 'n8n' },
  token: 1,
  next: { state: 'delivered', reason: null },
  attempt: null,
});

const turns = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 5));

/** A settler on a store that refuses every batch with one of these items; `held` waits to be let go. */
const openSettler = (refused: ReadonlySet<number>, held: Promise<void> = Promise.resolve()) => {
  const clock = manualClock();
  const written: number[] = [];
  const notes: string[] = [];
  let calls = 0;
  let away = false;
  const settler = makeSettler({
    store: {
      settle: async (settlings) => {
        calls += 1;
        await held;
        const items = settlings.map(({ key }) => key.item);
        if (away || items.some((item) => refused.has(item))) throw new TypeError('refused');
        written.push(...items);
        return items.map(() => true);
      },
    },
    clock,
    now: () => 0,
    observer: { note: (_level, event) => void notes.push(event) },
    settled: () => {},
  });
  return {
    settler,
    clock,
    written,
    notes,
    calls: () => calls,
    setAway: (value: boolean) => void (away = value),
    fill: (count: number) => {
      for (let item = 0; item < count; item += 1) settler.add(settlingOf(item), 60_000);
    },
  };
};

describe('the settler', () => {
  it('is not stopped by an outcome that the store refuses: the others are written at once', async () => {
    for (const bad of [0, 1, 100, settleMax, settleMax + 43]) {
      const scene = openSettler(new Set([bad]));
      scene.fill(300);
      await turns();
      assert.equal(scene.written.length, 299, `all but ${bad}`);
      assert.equal(scene.settler.waiting(), 1);
      assert.ok(scene.calls() < 40, `${scene.calls()} calls`);
      // It may be tried until its lease ends, and goes then: whoever claims it next decides.
      scene.clock.advance(60_000);
      await turns();
      assert.equal(scene.settler.waiting(), 0);
      assert.ok(scene.notes.includes('deliveries.settle.failed'));
      assert.equal(scene.notes.at(-1), 'deliveries.lease.lost');
    }
  });

  it('waits where the store is away, and writes everything when it is back', async () => {
    const scene = openSettler(new Set());
    scene.setAway(true);
    scene.fill(300);
    await turns();
    const before = scene.calls();
    assert.ok(before <= 4, `${before} calls`);
    await turns();
    assert.equal(scene.calls(), before, 'it does not hammer');
    scene.setAway(false);
    scene.clock.advance(1_000);
    await turns();
    assert.equal(new Set(scene.written).size, 300);
    assert.deepEqual(
      scene.notes.filter((note) => note === 'deliveries.lease.lost'),
      [],
    );
  });

  it('writes what waits before it closes', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const scene = openSettler(new Set(), promise);
    scene.fill(5);
    const closed = scene.settler.close();
    scene.settler.add(settlingOf(99), 60_000);
    resolve();
    await closed;
    assert.deepEqual(scene.written, [0, 1, 2, 3, 4]);
  });
});
