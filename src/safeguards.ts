/**
 * The rooms that keep a tenant safe, put together: what the passage asks of them is there before its
 * doors are made, and what they do by themselves begins once the doors are. One life.
 */
import type { Clock } from './clock.ts';
import { makeOwnEvents } from './deliveries/own-events.ts';
import { makeDrift, type Drift } from './drift/make-drift.ts';
import { GatewayError } from './errors.ts';
import type { Foundation } from './foundation.ts';
import type { HoldRow } from './holds/hold-store.ts';
import type { HoldCounts } from './holds/hold-rounds.ts';
import { makeHolds } from './holds/make-holds.ts';
import type { Released } from './holds/release.ts';
import type { Random } from './ids.ts';
import type { Doors } from './passage/doors.ts';
import type { Safeguards } from './passage/safeguards.ts';
import type { Turns } from './passage/turns.ts';
import { makeUseNotes, type KeptUses } from './reports/use-notes.ts';
import type { Limiter } from './limits/limiter.ts';
import { makeSafety, type Safety, type SafetyState } from './safety/make-safety.ts';
import type { Snapshot } from './snapshot.ts';
import type { Targets } from './targets/send.ts';
import type { Observer } from './telemetry/observe.ts';

export type SafetyRoomsDeps = Readonly<{
  clock: Clock;
  random: Random;
  observer: Observer;
  foundation: Foundation;
  targets: Targets;
  limiter: Limiter;
  /** Those of the doors: a later look waits for changes of ours that are under way. */
  turns: Turns;
  snapshot(): Snapshot;
  /** Something is in the outbox. */
  wakeOutbox(): void;
}>;

export type SafetyRooms = Readonly<{
  /** What the passage asks. */
  safeguards: Safeguards;
  /** Lets an approved hold out; null: not now. */
  release(row: HoldRow): Promise<Released | null>;
  /** Who is protected, who may change it all the same, and what waits for people. */
  readiness(): Readonly<{ safety: SafetyState; holds: HoldCounts }>;
  /** What people do about who is protected. */
  protection: Pick<Safety, 'desk'>;
  /** What people do where a resource drifted. */
  drift: Drift['acts'];
  /** Writes what is counted of the use of grants. */
  uses: Pick<KeptUses, 'flush' | 'stop'>;
  /** Reads what is kept: before the first call. Rejects with GatewayError where the store fails. */
  open(): Promise<void>;
  /** Another snapshot is in force. */
  reconcile(): void;
  /** After recovery was loaded; releases go through these doors. */
  start(doors: Pick<Doors, 'pass'>): void;
  /** While the doors can still be passed; waits at most so long for what is under way. */
  stop(deadlineMs: number): Promise<void>;
}>;

/** Makes them; nothing runs until `start`. */
export const makeSafetyRooms = (deps: SafetyRoomsDeps): SafetyRooms => {
  const { clock, random, observer, foundation, snapshot } = deps;
  const { stores, keyRing, watch } = foundation;
  const holds = makeHolds({
    store: stores.holds,
    keyRing,
    clock,
    clockTrusted: watch.trusted,
    random,
    snapshot,
    feed: stores.feed,
    observer,
    keepNotices: makeOwnEvents({
      store: stores.events,
      keyRing,
      random,
      snapshot,
      wake: deps.wakeOutbox,
    }),
  });
  const protection = makeSafety({ ...deps, stores });
  let made: Pick<Doors, 'pass'> | null = null;
  const drift = makeDrift({
    ...deps,
    keyRing,
    ledger: foundation.ledger,
    store: stores.checks,
    doors: () => {
      if (made === null) throw new GatewayError('shutting_down');
      return made;
    },
  });
  const uses = makeUseNotes({
    clock,
    store: stores.uses,
    retentionMs: () => snapshot().store.retention.ledgerMs,
    observer,
  });
  return {
    safeguards: {
      holding: holds.holding,
      protections: protection.protections,
      populations: protection.populations,
      aftermath: drift.aftermath,
      uses,
    },
    release: holds.release,
    readiness: () => ({ safety: protection.state(), holds: holds.waiting() }),
    protection,
    drift: drift.acts,
    uses,
    open: protection.start,
    reconcile: protection.reconcile,
    start: (doors) => {
      made = doors;
      holds.start(doors);
      uses.start();
      drift.start().catch((cause: unknown) => observer.note('error', 'drift.start', { cause }));
      protection.reconcile();
    },
    stop: async (deadlineMs) => {
      await Promise.all([holds.stop(deadlineMs), protection.stop(), drift.stop()]);
    },
  };
};
