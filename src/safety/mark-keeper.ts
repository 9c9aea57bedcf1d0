/**
 * Writes marks soon: they hold in memory at once, and go to the store in batches, again and again
 * until it takes them. What was written stays here until a read of the store that began later, so no
 * late read loses it.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { MarkStore, ProtectionMark } from './mark-store.ts';
import { markKey, type MarkName } from './mark-table.ts';

export type MarkKeeper = Readonly<{
  /** Room for one more; loud where there is none: the store did not take 100,000 of them. */
  hasRoom(): boolean;
  /** To be written soon. */
  put(mark: ProtectionMark): void;
  /** Marks that a read of the store, which began as number `turn`, may not have seen. */
  unseen(turn: number): readonly ProtectionMark[];
  /** Why marks of this tenant still wait after a flush; null = none does. */
  waitsFor(tenant: string): 'full' | 'unavailable' | null;
  /** Nothing of it is written any more. */
  drop(mark: MarkName): void;
  /** Writes what waits now, as far as the store takes it; never rejects. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}>;

/** Milliseconds between the first mark and its batch. */
export const writeSoonMs = 200;
/** Longest pause before a write is tried again, ms. */
const againMsMax = 30_000;
/** Marks that wait for the store. */
const waitingMax = 100_000;
/** Marks of one write; the port's limit. */
const batchMax = 1_000;

type Written = Readonly<{ mark: ProtectionMark; turn: number }>;

/** Up to a batch of the marks of one tenant after another. */
const batchesOf = (waiting: Iterable<ProtectionMark>): readonly (readonly ProtectionMark[])[] => {
  const tenants = new Map<string, ProtectionMark[][]>();
  for (const mark of waiting) {
    const batches = tenants.get(mark.tenant) ?? [];
    tenants.set(mark.tenant, batches);
    const last = batches.at(-1);
    if (last === undefined || last.length >= batchMax) batches.push([mark]);
    else last.push(mark);
  }
  return [...tenants.values()].flat();
};

/** `turn`: number of the newest read of the store that has begun. */
export const makeMarkKeeper = (deps: {
  store: MarkStore;
  clock: Clock;
  observer: Pick<Observer, 'note'>;
  turn(): number;
}): MarkKeeper => {
  const { store, clock, observer } = deps;
  const waiting = new Map<string, ProtectionMark>();
  let written: readonly Written[] = [];
  let timer: Timer | null = null;
  let flushing: Promise<void> = Promise.resolve();
  let full: ReadonlySet<string> = new Set();
  let failures = 0;
  let overflowing = false;
  let stopped = false;

  const write = async (batch: readonly ProtectionMark[]): Promise<boolean> => {
    const tenant = batch[0]?.tenant ?? '';
    try {
      if (!(await store.add(batch, null))) {
        full = new Set([...full, tenant]);
        observer.note('error', 'protection.full', { tenant });
        return false;
      }
      const turn = deps.turn();
      for (const mark of batch) waiting.delete(markKey(mark));
      written = [...written, ...batch.map((mark) => ({ mark, turn }))];
      return true;
    } catch (cause) {
      observer.note('warn', 'protection.unkept', { marks: batch.length, cause });
      return false;
    }
  };
  const writeAll = async (): Promise<void> => {
    let whole = true;
    full = new Set();
    for (const batch of batchesOf(waiting.values())) whole = (await write(batch)) && whole;
    failures = whole ? 0 : failures + 1;
    if (waiting.size < waitingMax) overflowing = false;
  };
  // One after another: one under way may have begun before what is to be written was put.
  const flush = (): Promise<void> => {
    flushing = flushing.then(writeAll).finally(() => {
      if (waiting.size > 0) arm();
    });
    return flushing;
  };
  const arm = (): void => {
    if (timer !== null || stopped) return;
    const ms = failures === 0 ? writeSoonMs : Math.min(againMsMax, 1_000 * 2 ** failures);
    timer = clock.after(ms, () => {
      timer = null;
      void flush();
    });
  };

  return {
    hasRoom: () => {
      if (waiting.size < waitingMax) return true;
      if (!overflowing) observer.note('error', 'protection.overflow', { waiting: waiting.size });
      overflowing = true;
      return false;
    },
    put: (mark) => {
      waiting.set(markKey(mark), mark);
      arm();
    },
    unseen: (turn) => {
      written = written.filter((one) => one.turn >= turn);
      return [...written.map(({ mark }) => mark), ...waiting.values()];
    },
    waitsFor: (tenant) => {
      if (full.has(tenant)) return 'full';
      for (const mark of waiting.values()) if (mark.tenant === tenant) return 'unavailable';
      return null;
    },
    drop: (mark) => {
      const key = markKey(mark);
      waiting.delete(key);
      written = written.filter((one) => markKey(one.mark) !== key);
    },
    flush,
    stop: async () => {
      stopped = true;
      timer?.cancel();
      timer = null;
      await flush();
    },
  };
};
