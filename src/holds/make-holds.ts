/**
 * The room of holds put together, with its life: holding works from the start (the passage is made with
 * it), releases once the doors are there, rounds until it stops.
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../ids.ts';
import type { Doors } from '../passage/doors.ts';
import type { Holding } from '../passage/safeguards.ts';
import type { KeyRing } from '../sealing.ts';
import type { Snapshot } from '../snapshot.ts';
import type { StoreFeed } from '../store-feed.ts';
import type { Observer } from '../telemetry/observe.ts';
import { makeBoundClients } from './bound-clients.ts';
import { makeHoldRounds, type HoldCounts, type HoldRounds } from './hold-rounds.ts';
import type { HoldRow, HoldStore } from './hold-store.ts';
import { makeHolding } from './make-holding.ts';
import { makeNotices, type NoticesDeps } from './notices.ts';
import { releaseHold, type Released } from './release.ts';
import { makeReleases, type Releases } from './releases.ts';

export type HoldsDeps = Readonly<{
  store: HoldStore;
  keyRing: KeyRing;
  clock: Clock;
  clockTrusted(): boolean;
  random: Random;
  snapshot(): Snapshot;
  feed: StoreFeed;
  observer: Pick<Observer, 'note' | 'holdsCounted' | 'changeMade'>;
  /** Keeps notices in the outbox (deliveries/own-events.ts). */
  keepNotices: NoticesDeps['keep'];
}>;

export type Holds = Readonly<{
  holding: Holding;
  /** Lets an approved hold out; null: not now, or no doors yet. */
  release(row: HoldRow): Promise<Released | null>;
  /** From now on approved holds go out through these doors. */
  start(doors: Pick<Doors, 'pass'>): void;
  /** One round at once, with all that it let out; for tests. */
  round(): Promise<void>;
  /** How many wait, by client, as the last round saw it. */
  waiting(): HoldCounts;
  /** Begins no release any more, waits at most so long for those under way. Before the doors' own end. */
  stop(deadlineMs: number): Promise<void>;
}>;

type Running = Readonly<{ releases: Releases; rounds: HoldRounds }>;

/** Makes them; nothing runs until `start`. */
export const makeHolds = (deps: HoldsDeps): Holds => {
  const { clock, store, observer } = deps;
  let running: Running | null = null;
  const notices = makeNotices({
    store,
    keep: deps.keepNotices,
    clock,
    observer,
    wanted: () => deps.snapshot().holds.notify.length > 0,
  });
  const boundClients = makeBoundClients(store);
  const open = (doors: Pick<Doors, 'pass'>): Running => {
    const releases: Releases = makeReleases({
      clock,
      observer,
      release: (row) =>
        releaseHold(
          { ...deps, doors, stopping: () => releases.stopping(), created: notices.created },
          row,
        ),
    });
    return { releases, rounds: makeHoldRounds({ ...deps, releases, boundClients }) };
  };
  return {
    holding: makeHolding({ ...deps, boundClients, created: notices.created }),
    release: (row) => running?.releases.take(row) ?? Promise.resolve(null),
    start: (doors) => {
      if (running !== null) return;
      running = open(doors);
      running.rounds.start();
      notices.start();
    },
    round: async () => {
      await running?.rounds.round();
      await running?.releases.idle();
    },
    waiting: () => running?.rounds.waiting() ?? [],
    stop: async (deadlineMs) => {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = clock.after(deadlineMs, resolve);
      const quiet = Promise.all([running?.rounds.stop(), running?.releases.stop()]);
      await Promise.race([quiet, late]);
      timer.cancel();
      await notices.stop();
    },
  };
};
