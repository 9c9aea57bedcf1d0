/**
 * The dispatcher: claims what is due as far as lanes have free places, tries it, settles it. It is
 * woken by events (commits of this process, news of other gateways, a try that ended) and by one timer
 * for the next date; with nothing to do it does nothing. A claim is a lease: tries end before it, and
 * no outcome is written after it. Order is the store's: only heads of lines can be claimed.
 */
import type { Timer } from '../clock.ts';
import type { Snapshot } from '../snapshot.ts';
import type { LaneStanding } from './lane.ts';
import { leaseMsOf, makeLanes } from './lanes.ts';
import type { OutboxStore } from './outbox-store.ts';
import { makeSettler, settleMax } from './settler.ts';
import { makeTries, type TriesDeps } from './tries.ts';

/** Most claims of one call (outbox-store.ts). */
const claimMax = 256;
/** Soonest and latest wait after a failure of the store, ms. */
const storeAgainMs = 1_000;
const storeAgainMsMax = 30_000;
/** Where the store says `due` but gives nothing (clocks differ a little): first and longest wait, ms. */
const emptyAgainMs = 20;
const emptyAgainMsMax = 1_000;

export type OutboxDeps = Pick<
  TriesDeps,
  'clock' | 'now' | 'random' | 'jitter' | 'snapshot' | 'tryOnce' | 'observer'
> &
  Readonly<{
    store: OutboxStore;
    /** Something was claimed or settled: counts may have changed. */
    changed(): void;
  }>;

export type Outbox = Readonly<{
  /** Something may be due. Cheap; before `start` and after `stop` nothing happens. */
  wake(): void;
  start(): void;
  /** Begins nothing new and waits for what is under way, at most so long. What is left is tried again elsewhere. */
  stop(deadlineMs: number): Promise<void>;
  /** Lanes of this configuration from now on. */
  reconcile(snapshot: Snapshot): void;
  standing(): readonly LaneStanding[];
}>;

/** The one timer. */
const makeAlarm = (clock: OutboxDeps['clock'], ring: () => void) => {
  let timer: Timer | null = null;
  const disarm = (): void => {
    timer?.cancel();
    timer = null;
  };
  return {
    disarm,
    /** Infinity: nothing to wait for. */
    set: (ms: number): void => {
      disarm();
      if (ms === Number.POSITIVE_INFINITY) return;
      timer = clock.after(Math.max(1, Math.ceil(ms)), () => {
        timer = null;
        ring();
      });
    },
  };
};

/** Makes a dispatcher that stands still until `start`. */
export const makeOutbox = (deps: OutboxDeps): Outbox => {
  const { clock, now, store, observer } = deps;
  const lanes = makeLanes(clock);
  /** Lanes whose last claim took all that was asked for: more may be due. */
  const hungry = new Set<string>();
  let state: 'new' | 'running' | 'stopping' | 'stopped' = 'new';
  let released = false;
  let pumping = false;
  let woken = false;
  let failures = 0;
  let empties = 0;
  let whenQuiet: (() => void) | null = null;

  const wake = (): void => {
    if (state !== 'running') return;
    woken = true;
    if (!pumping) void pump();
  };
  const alarm = makeAlarm(clock, wake);
  const tellQuiet = (): void => {
    if (!pumping && tries.running() === 0 && settler.waiting() === 0) whenQuiet?.();
  };
  const settler = makeSettler({
    store,
    clock,
    now,
    observer,
    settled: () => {
      deps.changed();
      wake();
      tellQuiet();
    },
  });
  const tries = makeTries({
    ...deps,
    lanes,
    settler,
    mayStart: () => state === 'running',
    ended: (lane) => {
      if (hungry.has(lane.name)) wake();
      tellQuiet();
    },
  });

  /** One claim; true where another may find more at once. */
  const claimOnce = async (): Promise<boolean> => {
    if (settler.waiting() > settleMax) return false;
    const wanted = lanes
      .all()
      .map((lane) => ({ lane: lane.name, max: Math.min(claimMax, lane.free()) }))
      .filter(({ max }) => max > 0);
    if (wanted.length === 0) return false;
    const leaseMs = leaseMsOf(deps.snapshot());
    // Before the store counts: the lease ends there a little later than here.
    const leaseEnd = clock.monotonic() + leaseMs;
    const all = await store.claim({ lanes: wanted, now: now(), leaseMs });
    const counts = new Map<string, number>();
    for (const { lane } of all) counts.set(lane, (counts.get(lane) ?? 0) + 1);
    for (const { lane, max } of wanted) {
      if (all.length >= claimMax || (counts.get(lane) ?? 0) >= max) hungry.add(lane);
      else hungry.delete(lane);
    }
    for (const claimed of all) tries.take(claimed, leaseEnd);
    empties = all.length === 0 ? empties + 1 : 0;
    if (all.length > 0) deps.changed();
    return all.length >= claimMax;
  };

  /** Sets the alarm for the next date or the end of a rest, whichever is first. */
  const setAlarm = async (): Promise<void> => {
    const open = lanes.all().filter((lane) => lane.free() > 0);
    const dueAt = open.length === 0 ? null : await store.nextDueAt(open.map(({ name }) => name));
    if (state !== 'running' || woken) return;
    const emptyMs = Math.min(emptyAgainMsMax, emptyAgainMs * 2 ** Math.min(10, empties));
    const rests = lanes.all().map((lane) => lane.restsUntil() ?? Number.POSITIVE_INFINITY);
    const restMs = Math.min(...rests) - clock.monotonic();
    alarm.set(
      Math.min(
        dueAt === null ? Number.POSITIVE_INFINITY : Math.max(emptyMs, dueAt - now()),
        restMs,
      ),
    );
  };

  const round = async (): Promise<void> => {
    if (!released) await store.releaseAll(now());
    released = true;
    for (;;) {
      woken = false;
      const more = await claimOnce();
      if (state !== 'running') return;
      if (more || woken) continue;
      await setAlarm();
      if (!woken || state !== 'running') return;
    }
  };

  const pump = async (): Promise<void> => {
    pumping = true;
    try {
      await round();
      if (failures > 0) observer.note('info', 'deliveries.store.back', { failures });
      failures = 0;
    } catch (cause) {
      failures += 1;
      if (failures === 1) observer.note('error', 'deliveries.store.failed', { cause });
      woken = false;
      if (state === 'running') {
        alarm.set(Math.min(storeAgainMsMax, storeAgainMs * 2 ** Math.min(10, failures - 1)));
      }
    } finally {
      pumping = false;
      tellQuiet();
      // Woken between the last look and here.
      if (woken) wake();
    }
  };

  const drain = (deadlineMs: number): Promise<void> =>
    new Promise((resolve) => {
      const late = clock.after(deadlineMs, resolve);
      whenQuiet = () => {
        late.cancel();
        resolve();
      };
      tellQuiet();
    });

  return {
    wake,
    start: () => {
      if (state !== 'new') return;
      state = 'running';
      lanes.reconcile(deps.snapshot());
      wake();
    },
    stop: async (deadlineMs) => {
      alarm.disarm();
      const wasRunning = state === 'running';
      state = 'stopping';
      if (wasRunning) await drain(deadlineMs);
      state = 'stopped';
      await settler.close();
    },
    reconcile: (snapshot) => {
      lanes.reconcile(snapshot);
      wake();
    },
    standing: () => lanes.all().map((lane) => lane.standing()),
  };
};
