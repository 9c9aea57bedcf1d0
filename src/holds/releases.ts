/**
 * Releases under way: a few at a time, each hold once in this process. A hold that cannot go out now is
 * tried again after a while that grows. Nothing begins once the gateway stops.
 */
import type { Clock } from '../clock.ts';
import type { HoldId } from '../ids.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { HoldRow } from './hold-store.ts';
import type { Released } from './release.ts';

/** Releases at once. */
const atOnceMax = 8;
/** Holds that may wait for their turn; the sweep finds what found no place. */
const waitingMax = 1_000;
/** First and longest wait after one that could not go out, ms. */
const againMs = { first: 4_000, longest: 60_000 };
/** Waits remembered; beyond it all are tried at once. */
const waitsMax = 10_000;

export type Releases = Readonly<{
  /** Takes an approved hold; resolves with what came of it, or null where it was not tried now. */
  take(row: HoldRow): Promise<Released | null>;
  /** May a hold that failed before be tried again by now? */
  isDue(id: HoldId): boolean;
  stopping(): boolean;
  /** Resolves once nothing is under way. */
  idle(): Promise<void>;
  /** Begins nothing more; resolves once nothing is under way. */
  stop(): Promise<void>;
}>;

/** Makes them; `release` tries one hold. */
export const makeReleases = (
  deps: Readonly<{
    release(row: HoldRow): Promise<Released>;
    clock: Pick<Clock, 'monotonic'>;
    observer: Pick<Observer, 'note'>;
  }>,
): Releases => {
  const { clock, observer } = deps;
  const running = new Map<HoldId, Promise<Released | null>>();
  const waits = new Map<HoldId, Readonly<{ until: number; ms: number }>>();
  const queue: (() => void)[] = [];
  let free = atOnceMax;
  let stopping = false;

  const remember = (id: HoldId, released: Released): void => {
    if (released.kind !== 'later') {
      waits.delete(id);
      return;
    }
    if (waits.size >= waitsMax) waits.clear();
    const ms = Math.min(againMs.longest, (waits.get(id)?.ms ?? againMs.first / 2) * 2);
    waits.set(id, { until: clock.monotonic() + ms, ms });
  };
  const place = async (): Promise<void> => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => void queue.push(resolve));
  };
  const leave = (): void => {
    const next = queue.shift();
    if (next === undefined) free += 1;
    else next();
  };
  const tryOne = async (row: HoldRow): Promise<Released | null> => {
    await place();
    try {
      if (stopping) return null;
      const released = await deps.release(row);
      remember(row.id, released);
      return released;
    } catch (cause) {
      observer.note('error', 'hold.release.failed', { hold_id: row.id, cause });
      remember(row.id, { kind: 'later', why: 'internal' });
      return null;
    } finally {
      leave();
    }
  };
  const idle = async (): Promise<void> => {
    while (running.size > 0) await Promise.all(running.values());
  };
  return {
    take: (row) => {
      const known = running.get(row.id);
      if (known !== undefined) return known;
      if (stopping || queue.length >= waitingMax) return Promise.resolve(null);
      const release = tryOne(row).finally(() => running.delete(row.id));
      running.set(row.id, release);
      return release;
    },
    isDue: (id) => (waits.get(id)?.until ?? 0) <= clock.monotonic(),
    stopping: () => stopping,
    idle,
    stop: async () => {
      stopping = true;
      await idle();
    },
  };
};
