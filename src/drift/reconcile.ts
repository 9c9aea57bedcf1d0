/**
 * Looks at watched resources when they are due: claimed by leases, few at once, woken by the next due
 * time. Drift is told once, loudly and by names of attributes alone; what comes back by itself is told
 * too. A target that cannot be read makes its resources wait longer and longer, and never drift.
 */
import type { Clock, Timer } from '../clock.ts';
import type { LedgerId } from '../ids.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { CheckRow, CheckStore } from './check-store.ts';
import { checkRowsMax } from './watch-changes.ts';
import { oldestOf, sealCheck } from './kept-check.ts';
import {
  betweenReadsMs,
  lookAgain,
  openRow,
  type LookDeps,
  type Looked,
  type Verdict,
} from './look-again.ts';
import { nextDriftedLookAt, nextLookAt, settlesMs } from './schedule.ts';
import type { KeyRing } from '../sealing.ts';

/** Looks at once, and those claimed for them. */
const concurrent = 2;
const claimMax = 16;
/** Longer than any look. */
const leaseMs = 300_000;
/** The store is asked again at least so often: another gateway may have died with its looks, ms. */
const askMsMax = 900_000;
/** First and longest pause of a target that cannot be read, ms. */
const pauseMs = 60_000;
const pauseMsMax = 3_600_000;
/** Until a resource is tried again of which a change is under way, ms. */
const busyMs = 10_000;
/** How long what ended or was dismissed is kept, and how often it is swept, ms. */
const keptMs = 30 * 86_400_000;
const sweepMs = 86_400_000;

export type ReconcileDeps = LookDeps &
  Readonly<{
    clock: Clock;
    keyRing: KeyRing;
    store: CheckStore;
    observer: Pick<Observer, 'note' | 'driftNoticed' | 'driftCounted'>;
  }>;

export type Reconciler = Readonly<{
  start(): Promise<void>;
  /** Something is due at this time, wall ms. */
  due(at: number): void;
  /** Looks at all that is due now. */
  round(): Promise<void>;
  /** Begins nothing more; waits for looks under way. */
  stop(): Promise<void>;
}>;

type To = Parameters<CheckStore['change']>[2];

/** Targets that could not be read, and until when they are left alone. */
const makePauses = (clock: Pick<Clock, 'now'>) => {
  const pauses = new Map<string, { until: number; ms: number }>();
  return {
    until: (target: string): number => pauses.get(target)?.until ?? 0,
    failed: (target: string): number => {
      const now = clock.now();
      const known = pauses.get(target);
      if (known !== undefined && known.until > now) return known.until;
      const ms = Math.min((known?.ms ?? pauseMs / 2) * 2, pauseMsMax);
      pauses.set(target, { until: now + ms, ms });
      return now + ms;
    },
    answered: (target: string): void => void pauses.delete(target),
  };
};
type Pauses = ReturnType<typeof makePauses>;

const asItIs = ({ state, round, driftedAt, paths }: CheckRow, dueAt: number): To => ({
  state,
  round,
  driftedAt,
  paths,
  dueAt,
});

/** Where a verdict leads; `dueAt` of what is looked at no more is when it ended. */
const stateAfter = (
  { row, route, kept }: Looked,
  verdict: Verdict,
  now: number,
  pauses: Pauses,
): To => {
  const again = route.verifyAgain;
  const round = row.round + 1;
  if (verdict.kind === 'unread') return asItIs(row, pauses.failed(row.target));
  if (verdict.kind === 'busy') return asItIs(row, now + busyMs);
  if (verdict.kind === 'early') {
    const oldest = oldestOf(kept);
    if (oldest === null) return { ...asItIs(row, now), state: 'ended' };
    return asItIs(row, Math.max(oldest + settlesMs(again), now + betweenReadsMs));
  }
  if (verdict.kind === 'differs') {
    const driftedAt = row.driftedAt ?? now;
    const dueAt = nextDriftedLookAt(again, now);
    return { state: 'drifted', round, driftedAt, paths: verdict.paths, dueAt };
  }
  const at = verdict.rebuilt?.at ?? row.at;
  const next = nextLookAt(again, { at, now });
  const state = next === null ? 'ended' : 'watching';
  return { state, round, driftedAt: null, paths: '', dueAt: next ?? now };
};

const tell = ({ observer }: Pick<ReconcileDeps, 'observer'>, { row }: Looked, to: To): void => {
  const { target, route, entry, tenant } = row;
  const about = { tenant, target, route, type: row.resourceType, ledgerId: entry };
  if (to.state === 'drifted' && row.state !== 'drifted') {
    observer.driftNoticed({ target, kind: 'found' });
    observer.note('error', 'drift.found', { ...about, attributes: to.paths });
  }
  if (row.state === 'drifted' && to.driftedAt === null) {
    observer.driftNoticed({ target, kind: 'ended' });
    observer.note('info', 'drift.ended', { ...about, attributes: row.paths });
  }
};

/** Keeps what the ledger told anew; the row as it is then, or null where somebody was faster. */
const keepRebuilt = async (
  { store, keyRing }: ReconcileDeps,
  { row }: Looked,
  rebuilt: Readonly<{ kept: Looked['kept']; entry: LedgerId; at: number }>,
): Promise<CheckRow | null> => {
  const { key, tenant, target, route, resourceType } = row;
  const sealed = sealCheck(keyRing, key, rebuilt.kept);
  const { entry, at } = rebuilt;
  const about = { key, tenant, target, route, resourceType };
  // Not due before this look has come to its end.
  const put = { ...about, entry, at, dueAt: row.dueAt, sealed };
  await store.put([put], { rowsMax: checkRowsMax });
  const now = await store.read(key);
  return now?.entry === entry ? now : null;
};

const lookAt = async (deps: ReconcileDeps, pauses: Pauses, row: CheckRow): Promise<void> => {
  const { clock, store } = deps;
  const until = pauses.until(row.target);
  if (until > clock.now()) {
    await store.change(row.key, row.version, asItIs(row, until));
    return;
  }
  const looked = openRow(deps, row);
  if ('ended' in looked) {
    deps.observer.note('info', 'drift.unwatched', { ledgerId: row.entry, why: looked.ended });
    const to = { ...asItIs(row, clock.now()), state: 'ended' as const };
    await store.change(row.key, row.version, to);
    return;
  }
  const verdict = await lookAgain(deps, looked);
  if (verdict.kind === 'holds' || verdict.kind === 'differs') pauses.answered(row.target);
  const to = stateAfter(looked, verdict, clock.now(), pauses);
  const rebuilt = 'rebuilt' in verdict ? verdict.rebuilt : null;
  const kept = rebuilt === null ? row : await keepRebuilt(deps, looked, rebuilt);
  if (kept !== null && (await store.change(kept.key, kept.version, to))) tell(deps, looked, to);
};

/** Runs `each` over the items, a few at once. */
const inParts = async <Item>(
  items: readonly Item[],
  each: (item: Item) => Promise<void>,
): Promise<void> => {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await each(next);
  };
  await Promise.all(Array.from({ length: concurrent }, worker));
};

/** Makes the reconciler; nothing is looked at before `start`. */
export const makeReconciler = (deps: ReconcileDeps): Reconciler => {
  const { clock, store, observer } = deps;
  const pauses = makePauses(clock);
  let timer: Timer | null = null;
  let armedFor = Number.POSITIVE_INFINITY;
  let running: Promise<void> | null = null;
  let live = false;
  let sweptAt = Number.NEGATIVE_INFINITY;

  const arm = (at: number): void => {
    if (!live || at >= armedFor) return;
    timer?.cancel();
    armedFor = at;
    timer = clock.after(Math.max(0, at - clock.now()), () => {
      armedFor = Number.POSITIVE_INFINITY;
      void round();
    });
  };
  const sweep = async (): Promise<void> => {
    const now = clock.now();
    if (now - sweptAt < sweepMs) return;
    sweptAt = now;
    // What is left of a thousand goes the next day.
    await store.prune(now - keptMs);
  };
  const safely = (row: CheckRow): Promise<void> =>
    live
      ? lookAt(deps, pauses, row).catch((cause: unknown) => {
          // It is due again when its lease ends.
          observer.note('warn', 'drift.look.failed', { ledgerId: row.entry, cause });
        })
      : Promise.resolve();
  const lookAll = async (): Promise<void> => {
    for (;;) {
      const rows = await store.claim(clock.now(), { leaseMs, limit: claimMax });
      if (rows.length === 0 || !live) break;
      await inParts(rows, safely);
    }
    observer.driftCounted(await store.counts());
    await sweep();
  };
  const runRound = async (): Promise<void> => {
    try {
      await lookAll();
      const next = await store.nextDueAt();
      arm(Math.min(next ?? Number.POSITIVE_INFINITY, clock.now() + askMsMax));
    } catch (cause) {
      observer.note('warn', 'drift.failed', { cause });
      arm(clock.now() + pauseMs);
    }
  };
  const round = async (): Promise<void> => {
    // A round that began before may have missed what is asked for now.
    await running;
    running ??= runRound().finally(() => {
      running = null;
    });
    return running;
  };
  return {
    start: () => {
      live = true;
      return round();
    },
    due: arm,
    round,
    stop: async () => {
      live = false;
      timer?.cancel();
      await running;
    },
  };
};
