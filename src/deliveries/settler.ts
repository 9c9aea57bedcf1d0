/**
 * Writes what became of tries, many in one transaction: a batch closes when the one before it has
 * returned. Outcomes whose lease has run out are never written; while the store is away they wait,
 * bounded by the places of the lanes, for whoever claims asks `waiting` first. A batch that fails is
 * halved until the one that the store refuses stands alone: it fails until its lease ends, the rest goes.
 */
import type { Clock, Timer } from '../clock.ts';
import { deliveryId } from '../ids.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { OutboxStore, Settling } from './outbox-store.ts';

/** Most settlings of one transaction (outbox-store.ts). */
export const settleMax = 256;
const againMs = 1_000;
/** Of three batches in a row one at least is free of a single outcome that is refused: the store is away. */
const failuresMax = 2;

export type Settler = Readonly<{
  /** `leaseEnd`: monotonic ms. */
  add(settling: Settling, leaseEnd: number): void;
  /** Not yet written. */
  waiting(): number;
  /** Takes no more and writes what waits, each batch once. */
  close(): Promise<void>;
}>;

/** `most`: how many may go together with it; 0 = it failed alone. */
type Entry = Readonly<{ settling: Settling; leaseEnd: number; most: number }>;

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
  /** Batches that failed in a row. */
  let failures = 0;
  let timer: Timer | null = null;
  let closed = false;
  let running: Promise<void> = Promise.resolve();

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

  const nextBatch = (): readonly Entry[] => {
    let most = settleMax;
    let count = 0;
    for (const entry of queue) {
      most = Math.min(most, Math.max(1, entry.most));
      if (count >= most) break;
      count += 1;
    }
    return queue.splice(0, count);
  };

  const noteFailure = (batch: readonly Entry[], cause: unknown): void => {
    const alone = batch.length === 1 ? batch[0] : undefined;
    if (failures > 0 || alone?.most === 0) return;
    const delivery = alone === undefined ? {} : { delivery: deliveryId(alone.settling.key) };
    observer.note('error', 'deliveries.settle.failed', {
      waiting: batch.length,
      ...delivery,
      cause,
    });
  };

  const write = async (batch: readonly Entry[]): Promise<boolean> => {
    try {
      const settlings = batch.map(({ settling }) => settling);
      const kept = await store.settle(settlings, now());
      for (const [index, settling] of settlings.entries()) if (kept[index] !== true) note(settling);
      failures = 0;
      return true;
    } catch (cause) {
      noteFailure(batch, cause);
      failures += 1;
      return false;
    }
  };

  const run = async (): Promise<void> => {
    dropLate();
    while (queue.length > 0) {
      const batch = nextBatch();
      underWay = batch.length;
      const written = await write(batch);
      underWay = 0;
      if (written) settled();
      else if (!closed) {
        const most = Math.floor(batch.length / 2);
        queue.push(...batch.map((entry) => ({ ...entry, most })));
      }
      dropLate();
      if (failures > failuresMax && !closed) return pause();
    }
  };
  const start = (): void => {
    if (underWay === 0 && timer === null) running = run();
  };
  const pause = (): void => {
    timer = clock.after(againMs, () => {
      timer = null;
      start();
    });
  };

  return {
    add: (settling, leaseEnd) => {
      if (closed) return;
      queue.push({ settling, leaseEnd, most: settleMax });
      start();
    },
    waiting: () => queue.length + underWay,
    close: async () => {
      closed = true;
      timer?.cancel();
      timer = null;
      start();
      await running;
    },
  };
};
