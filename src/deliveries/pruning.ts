/**
 * Drops what need not be kept any longer, a slice at a time: every minute, with a pause between slices
 * so that receiving goes first, and never by a clock that cannot be trusted.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { EventStore } from './event-store.ts';

/** Milliseconds between two rounds, and between two slices of one. */
export const pruneEveryMs = 60_000;
const betweenSlicesMs = 100;

export type Pruning = Readonly<{ start(): void; stop(): void }>;

/** Stands still until `start`. */
export const makePruning = (
  deps: Readonly<{
    store: Pick<EventStore, 'prune'>;
    clock: Clock;
    clockTrusted(): boolean;
    snapshot(): Snapshot;
    observer: Pick<Observer, 'note'>;
  }>,
): Pruning => {
  const { store, clock, observer } = deps;
  let timer: Timer | null = null;
  let stopped = false;

  /** One slice; true where another has work. */
  const slice = async (): Promise<boolean> => {
    if (!deps.clockTrusted()) return false;
    const now = clock.now();
    const { bodiesMs, deliveriesMs } = deps.snapshot().store.retention;
    try {
      return await store.prune({
        now,
        bodiesBefore: now - bodiesMs,
        deliveriesBefore: now - deliveriesMs,
      });
    } catch (cause) {
      observer.note('warn', 'deliveries.prune.failed', { cause });
      return false;
    }
  };
  const arm = (ms: number): void => {
    timer = clock.after(ms, () => {
      timer = null;
      void slice().then((more) => {
        if (!stopped) arm(more ? betweenSlicesMs : pruneEveryMs);
      });
    });
  };
  return {
    start: () => {
      if (timer === null && !stopped) arm(pruneEveryMs);
    },
    stop: () => {
      stopped = true;
      timer?.cancel();
    },
  };
};
