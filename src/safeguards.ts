/**
 * The rooms that keep a tenant safe, put together: what the passage asks of them is there before its
 * doors are made, and what they do by themselves begins once the doors are. One life.
 */
import type { Clock } from './clock.ts';
import { makeOwnEvents } from './deliveries/own-events.ts';
import type { Foundation } from './foundation.ts';
import type { HoldRow } from './holds/hold-store.ts';
import { makeHolds } from './holds/make-holds.ts';
import type { Released } from './holds/release.ts';
import type { Random } from './ids.ts';
import type { Doors } from './passage/doors.ts';
import { noSafeguards, type Safeguards } from './passage/safeguards.ts';
import type { Snapshot } from './snapshot.ts';
import type { Observer } from './telemetry/observe.ts';

export type SafetyRoomsDeps = Readonly<{
  clock: Clock;
  random: Random;
  observer: Observer;
  foundation: Foundation;
  snapshot(): Snapshot;
  /** Something is in the outbox. */
  wakeOutbox(): void;
}>;

export type SafetyRooms = Readonly<{
  /** What the passage asks. */
  safeguards: Safeguards;
  /** Lets an approved hold out; null: not now. */
  release(row: HoldRow): Promise<Released | null>;
  /** After recovery was loaded; releases go through these doors. */
  start(doors: Pick<Doors, 'pass'>): void;
  /** While the doors can still be passed. */
  stop(): Promise<void>;
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
  return {
    safeguards: { ...noSafeguards, holding: holds.holding },
    release: holds.release,
    start: holds.start,
    stop: holds.stop,
  };
};
