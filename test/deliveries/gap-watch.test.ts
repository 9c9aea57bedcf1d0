/** The watch over all routes: its minute, what the store tells it, and what it forgets. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SourceState } from '../../src/deliveries/event-store.ts';
import { makeGapWatch } from '../../src/deliveries/gap-watch.ts';
import type { Arrived } from '../../src/deliveries/intake.ts';
import type { SourceNoticed } from '../../src/telemetry/observe.ts';
import { manualClock } from '../ledger/manual-clock.ts';
import { webhookRoute } from '../support/webhooks.ts';

const minute = 60_000;

const scene = (alone = true) => {
  const clock = manualClock();
  const told: SourceNoticed[] = [];
  const state = {
    sources: [] as SourceState[],
    down: false,
    webhooks: [webhookRoute({ silentAfterMs: 5 * minute })],
  };
  const watch = makeGapWatch({
    store: {
      sources: () =>
        state.down ? Promise.reject(new Error('away')) : Promise.resolve(state.sources),
    },
    clock,
    observer: { sourceNoticed: (one) => void told.push(one), note: () => {} },
    snapshot: () => ({ webhooks: state.webhooks }),
    alone,
  });
  const heard = (sequence: number | null): void =>
    watch.heard(
      { route: webhookRoute(), verified: { sequence, retry: 0 }, at: clock.now() } as Arrived,
      'stored',
    );
  const kinds = (): readonly string[] => told.splice(0).map(({ kind }) => kind);
  return { clock, state, watch, heard, kinds };
};

describe('the watch over sources', () => {
  it('looks each minute, and stops', async () => {
    const { clock, watch, kinds } = scene();
    watch.start();
    for (let passed = 0; passed < 6; passed++) {
      await new Promise(setImmediate);
      assert.equal(clock.armed(), 1);
      clock.advance(minute);
    }
    await new Promise(setImmediate);
    assert.deepEqual(kinds(), ['silent']);
    watch.stop();
    assert.equal(clock.armed(), 0);
  });

  it('believes what other gateways heard', async () => {
    const { clock, state, watch, kinds } = scene();
    clock.advance(6 * minute);
    state.sources = [{ route: 'hr', lastAt: clock.now() - minute, sequence: null }];
    await watch.check();
    assert.deepEqual(kinds(), []);
  });

  it('raises no alarm while the store does not answer', async () => {
    const { clock, state, watch, kinds } = scene();
    clock.advance(6 * minute);
    state.down = true;
    await watch.check();
    assert.deepEqual(kinds(), []);
    state.down = false;
    await watch.check();
    assert.deepEqual(kinds(), ['silent']);
  });

  it('finds a skip over a restart, but none where others hear a part', async () => {
    for (const alone of [true, false]) {
      const { clock, state, watch, heard, kinds } = scene(alone);
      state.sources = [{ route: 'hr', lastAt: clock.now(), sequence: 5 }];
      await watch.check();
      heard(8);
      clock.advance(minute);
      await watch.check();
      assert.deepEqual(kinds(), alone ? ['missed'] : []);
    }
  });

  it('forgets routes that are gone, and takes back their alarm', async () => {
    const { clock, state, watch, kinds } = scene();
    clock.advance(6 * minute);
    await watch.check();
    assert.deepEqual(kinds(), ['silent']);
    state.webhooks = [];
    await watch.check();
    await watch.check();
    assert.deepEqual(kinds(), ['returned']);
  });
});
