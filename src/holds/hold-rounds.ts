/**
 * What happens to holds by itself, in rounds on the house's clock: approved ones whose gateway died are
 * taken up, those whose time is over end, ended ones are dropped with the retention, and how many wait
 * is told. One round at a time; a store that fails is tried again at the next.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Snapshot } from '../snapshot.ts';
import type { StoreFeed } from '../store-feed.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { BoundClients } from './bound-clients.ts';
import type { HoldStore } from './hold-store.ts';
import { toldOf } from './make-holding.ts';
import type { Releases } from './releases.ts';

/** Between two rounds, ms. */
const roundMs = 5_000;
/** How long the gateway that approved is left to release, ms. */
const leaveAloneMs = 3_000;
/** Approved holds that one round takes up. */
const takenMax = 1_000;
/** Slices of pruning in one round. */
const slicesMax = 5;

export type HoldRounds = Readonly<{
  start(): void;
  /** One round; for tests and at once after news. Never rejects. */
  round(): Promise<void>;
  /** How many waited at the last round, by client. */
  waiting(): HoldCounts;
  stop(): Promise<void>;
}>;

/** Pending holds of each client that has any. */
export type HoldCounts = Awaited<ReturnType<HoldStore['counts']>>;

export type HoldRoundsDeps = Readonly<{
  store: Pick<HoldStore, 'list' | 'expire' | 'counts' | 'prune'>;
  releases: Pick<Releases, 'take' | 'isDue'>;
  boundClients: Pick<BoundClients, 'refresh'>;
  clock: Clock;
  /** Nothing that depends on time is decided while it is false. */
  clockTrusted(): boolean;
  snapshot(): Pick<Snapshot, 'store' | 'holds' | 'routes'>;
  feed: StoreFeed;
  observer: Pick<Observer, 'note' | 'holdsCounted'>;
}>;

/** Stand still until `start`. */
export const makeHoldRounds = (deps: HoldRoundsDeps): HoldRounds => {
  const { store, clock, observer } = deps;
  let timer: Timer | null = null;
  let running: Promise<void> | null = null;
  let queued: Promise<void> | null = null;
  let stopped = false;
  let silence: (() => void) | null = null;
  let failing = false;
  let counts: HoldCounts = [];
  let first = true;

  const takeUp = async (now: number): Promise<void> => {
    // At the start nobody here has them in hand; two gateways at one hold meet at its claim.
    const approvedBefore = first ? now + 1 : now - leaveAloneMs;
    first = false;
    const rows = await store.list({ states: ['approved'], approvedBefore, limit: takenMax });
    // Nobody waits for them here: a target that does not answer must not keep others from expiring.
    for (const row of rows) if (deps.releases.isDue(row.id)) void deps.releases.take(row);
  };
  const expire = async (now: number): Promise<void> => {
    for (const row of await store.expire(now)) {
      observer.note('warn', 'hold.expired', toldOf(row));
    }
  };
  const prune = async (now: number): Promise<void> => {
    const { store: kept, holds, routes } = deps.snapshot();
    // What was decided answers later calls as long as its rule says, however little else is kept.
    const remembered = routes.map(({ approval }) => approval?.rememberMs ?? 0);
    const before = now - Math.max(kept.retention.deliveriesMs, holds.expiresMs, ...remembered);
    for (let slice = 0; slice < slicesMax; slice += 1) {
      if (!(await store.prune(before)).more) return;
    }
  };
  const work = async (): Promise<void> => {
    try {
      // First: what others rejected binds here from then on.
      await deps.boundClients.refresh(clock.now() - deps.snapshot().holds.expiresMs);
      if (deps.clockTrusted()) {
        const now = clock.now();
        await expire(now);
        await takeUp(now);
        await prune(now);
      }
      counts = await store.counts();
      observer.holdsCounted(counts);
      failing = false;
    } catch (cause) {
      if (!failing) observer.note('warn', 'hold.round.failed', { cause });
      failing = true;
    }
  };
  const begin = (): Promise<void> => {
    running = work().finally(() => {
      running = null;
    });
    return running;
  };
  /** What changed during a round is looked at once more after it. */
  const round = (): Promise<void> => {
    if (running === null) return begin();
    queued ??= running.then(() => {
      queued = null;
      return begin();
    });
    return queued;
  };
  const arm = (): void => {
    if (stopped) return;
    timer = clock.after(roundMs, () => {
      timer = null;
      void round().then(arm);
    });
  };
  return {
    round,
    waiting: () => counts,
    start: () => {
      silence ??= deps.feed.on('holds', () => {
        if (!stopped) void round();
      });
      void round().then(arm);
    },
    stop: async () => {
      stopped = true;
      silence?.();
      timer?.cancel();
      await (queued ?? running);
    },
  };
};
