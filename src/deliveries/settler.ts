/**
 * Writes what became of tries, many in one transaction: a batch closes when the one before it has
 * returned. Outcomes whose lease has run out are never written; while the store is away they wait,
 * bounded by the places of the lanes, for whoever claims asks `waiting` first.
 */
import type { Clock, Timer } from '../clock.ts';
import { deliveryId } from '../ids.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { OutboxStore, Settling } from './outbox-store.ts';

/** Most settlings of one transaction (outbox-store.ts). */
export const settleMax = 256;
const againMs = 1_000;

export type Settler = Readonly<{
  /** `leaseEnd`: monotonic ms. */
  add(settling: Settling, leaseEnd: number): void;
  /** Not yet written. */
  waiting(): number;
  /** Writes nothing any more. */
  close(): void;
}>;

type Entry = Readonly<{ settling: Settling; leaseEnd: number }>;

/** `settled` is told after each batch, also of one that was given up. */
export const makeSettler = (
  deps: Readonly<{
    store: Pick<OutboxStore, 'settle'>;
    clock: Clock;
    now(): number;
    observer: Pick<Observer, 'note'>;
    settled(): void;
  }>,
): Settler => {
  const { store, clock, now, observer, settled } = deps;
  let queue: Entry[] = [];
  let underWay = 0;
  let timer: Timer | null = null;
  let closed = false;

  const note = (settling: Settling): void =>
    observer.note('warn', 'deliveries.lease.lost', { delivery: deliveryId(settling.key) });

  const dropLate = (): void => {
    const monotonic = clock.monotonic();
    const late = queue.filter(({ leaseEnd }) => monotonic >= leaseEnd);
    if (late.length === 0) return;
    queue = queue.filter(({ leaseEnd }) => monotonic < leaseEnd);
    for (const { settling } of late) note(settling);
    settled();
  };

  const write = async (batch: readonly Entry[]): Promise<boolean> => {
    try {
      const settlings = batch.map(({ settling }) => settling);
      const kept = await store.settle(settlings, now());
      for (const [index, settling] of settlings.entries()) if (kept[index] !== true) note(settling);
      return true;
    } catch (cause) {
      observer.note('error', 'deliveries.settle.failed', { waiting: batch.length, cause });
      return false;
    }
  };

  const run = async (): Promise<void> => {
    if (closed || underWay > 0 || timer !== null) return;
    dropLate();
    for (;;) {
      if (queue.length === 0 || closed) return;
      const batch = queue.splice(0, settleMax);
      underWay = batch.length;
      const written = await write(batch);
      underWay = 0;
      if (!written) {
        queue = [...batch, ...queue];
        if (closed) return;
        timer = clock.after(againMs, () => {
          timer = null;
          void run();
        });
        return;
      }
      settled();
      dropLate();
    }
  };

  return {
    add: (settling, leaseEnd) => {
      if (closed) return;
      queue.push({ settling, leaseEnd });
      void run();
    },
    waiting: () => queue.length + underWay,
    close: () => {
      closed = true;
      timer?.cancel();
      timer = null;
      queue = [];
    },
  };
};
