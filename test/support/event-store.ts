/** An EventStore in memory that keeps the port's promises, and can be told to fail. */
import type {
  EventStore,
  ReceivedAs,
  Receiving,
  SourceState,
} from '../../src/deliveries/event-store.ts';
import { GatewayError } from '../../src/errors.ts';
import type { EventId } from '../../src/ids.ts';

export type MemoryEvents = Pick<EventStore, 'receive' | 'sources'> &
  Readonly<{
    /** What was kept, in order. */
    kept: Receiving[];
    /** Sizes of the batches that came, kept or not. */
    batches: number[];
    /** Fails this many of the next batches. */
    fail(count: number): void;
    /** Batches wait from now on; the function lets them through. */
    hold(): () => void;
    marks(): number;
  }>;

export const memoryEvents = (): MemoryEvents => {
  const marks = new Map<string, Readonly<{ of: EventId; until: number }>>();
  const sources = new Map<string, SourceState>();
  const kept: Receiving[] = [];
  const batches: number[] = [];
  let failing = 0;
  let gate: Promise<void> = Promise.resolve();

  const receiveOne = (one: Receiving, now: number): ReceivedAs => {
    const keys = one.marks.map(({ mark, until }) => ({ key: mark.toString('hex'), until }));
    for (const { key } of keys) {
      const known = marks.get(key);
      if (known !== undefined && known.until > now) return { kind: 'duplicate', of: known.of };
    }
    for (const { key, until } of keys) marks.set(key, { of: one.event.id, until });
    kept.push(one);
    return { kind: 'stored' };
  };

  return {
    kept,
    batches,
    fail: (count) => {
      failing = count;
    },
    hold: () => {
      let open = (): void => {};
      gate = new Promise((resolve) => {
        open = resolve;
      });
      return () => open();
    },
    marks: () => marks.size,
    receive: async (batch, states, now) => {
      batches.push(batch.length);
      await gate;
      if (failing > 0) {
        failing -= 1;
        throw new GatewayError('ledger_unavailable');
      }
      for (const state of states) sources.set(state.route, state);
      return batch.map((one) => receiveOne(one, now));
    },
    sources: () => Promise.resolve([...sources.values()]),
  };
};
