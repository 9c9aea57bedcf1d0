/**
 * Later proofs of effect, put together: the ear for applied mutations, the looks when they are due, and
 * what people do about drift. Starts nothing by itself.
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../ids.ts';
import type { Doors } from '../passage/doors.ts';
import type { Aftermath } from '../passage/safeguards.ts';
import type { KeyRing } from '../sealing.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { CheckStore } from './check-store.ts';
import { makeDriftActs, type DriftActs } from './drift-acts.ts';
import type { LookDeps } from './look-again.ts';
import { makeReconciler } from './reconcile.ts';
import { watchChanges } from './watch-changes.ts';

/** `turns` and `limiter` are those of the doors: a look waits for changes of ours that are under way. */
export type DriftDeps = Omit<LookDeps, 'keyRing'> &
  Readonly<{
    clock: Clock;
    random: Random;
    keyRing: KeyRing;
    store: CheckStore;
    /** Asked at the first act: the doors themselves are made with `aftermath`. */
    doors(): Pick<Doors, 'pass'>;
    observer: Pick<Observer, 'note' | 'driftNoticed' | 'driftCounted'>;
  }>;

export type Drift = Readonly<{
  aftermath: Aftermath;
  acts: DriftActs;
  /** Looks at what is due, and goes on when the next is. */
  start(): Promise<void>;
  /** One round now; for tests and campaigns. */
  look(): Promise<void>;
  /** Keeps what was heard last, ends looks under way. */
  stop(): Promise<void>;
}>;

export const makeDrift = (deps: DriftDeps): Drift => {
  const reconciler = makeReconciler(deps);
  const watching = watchChanges({ ...deps, due: (at) => reconciler.due(at) });
  const doors: Pick<Doors, 'pass'> = { pass: (passage) => deps.doors().pass(passage) };
  return {
    aftermath: watching,
    acts: makeDriftActs({ ...deps, live: { ...deps, doors } }),
    start: () => reconciler.start(),
    look: async () => {
      await watching.flush();
      await reconciler.round();
    },
    stop: async () => {
      await reconciler.stop();
      await watching.stop();
    },
  };
};
