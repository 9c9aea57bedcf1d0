/**
 * Counts the lanes for gauges and for people: after something changed, at most every ten seconds, and
 * not at all while nothing does.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { LaneCount, OutboxStore } from './outbox-store.ts';

/** Milliseconds between two counts at least. */
export const countEveryMs = 10_000;

export type LaneCounter = Readonly<{
  /** Counts may have changed. Cheap. */
  changed(): void;
  /** As counted last. */
  latest(): readonly LaneCount[];
  stop(): void;
}>;

/** Counts nothing until told of a change. */
export const makeLaneCounter = (
  deps: Readonly<{
    store: Pick<OutboxStore, 'counts'>;
    clock: Clock;
    observer: Pick<Observer, 'deliveriesCounted'>;
  }>,
): LaneCounter => {
  const { store, clock, observer } = deps;
  let latest: readonly LaneCount[] = [];
  let timer: Timer | null = null;
  let countedAt = Number.NEGATIVE_INFINITY;
  let stopped = false;

  const count = async (): Promise<void> => {
    countedAt = clock.monotonic();
    try {
      latest = await store.counts();
      observer.deliveriesCounted(latest);
    } catch {
      // Whoever claims tells that the store is away; the next change counts again.
    }
  };
  return {
    changed: () => {
      if (stopped || timer !== null) return;
      const wait = Math.max(1, countedAt + countEveryMs - clock.monotonic());
      timer = clock.after(wait, () => {
        timer = null;
        void count();
      });
    },
    latest: () => latest,
    stop: () => {
      stopped = true;
      timer?.cancel();
    },
  };
};
