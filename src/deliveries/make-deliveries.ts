/**
 * The outbox put together, with its life: what the gateway starts, wakes, gives new snapshots and
 * stops. Everything here runs off the request path but `ask`.
 */
import type { Clock, ClockWatch } from '../clock.ts';
import type { Random } from '../ids.ts';
import type { Standing } from '../passage/dispatch.ts';
import type { KeyRing } from '../sealing.ts';
import type { Snapshot } from '../snapshot.ts';
import type { StoreFeed } from '../store-feed.ts';
import type { Targets } from '../targets/send.ts';
import type { Observer } from '../telemetry/observe.ts';
import { makeAsk } from './ask-receiver.ts';
import { makeEnricher } from './enrich.ts';
import type { EventStore } from './event-store.ts';
import type { Ask } from './intake.ts';
import { makeLaneCounter } from './lane-counter.ts';
import type { LaneStanding } from './lane.ts';
import type { TryDeps } from './one-try.ts';
import { makeOutbox } from './outbox.ts';
import type { LaneCount, OutboxStore } from './outbox-store.ts';
import type { RunPlan } from './plan-runner.ts';
import { makePruning } from './pruning.ts';
import { tryDelivery, type DeliveryDeps } from './try-delivery.ts';

export type DeliveriesDeps = Readonly<{
  clock: Clock;
  watch: ClockWatch;
  random: Random;
  keyRing: KeyRing;
  events: Pick<EventStore, 'prune'>;
  outbox: OutboxStore;
  feed: StoreFeed;
  targets: Targets;
  standing: Pick<Standing, 'frozen'>;
  snapshot(): Snapshot;
  runPlan: RunPlan;
  observer: Pick<Observer, 'deliveryAttempted' | 'deliveriesCounted' | 'note'>;
}>;

/** A lane as people see it. `known` false: no snapshot has it; what waits there waits on. */
export type LaneState = LaneCount & Readonly<{ known: boolean; standing: LaneStanding | null }>;

export type Deliveries = Readonly<{
  /** Something may be due: call it after each commit of events, and after each act of a person. */
  wake(): void;
  start(): void;
  /**
   * Begins nothing new, waits at most so long for what is under way, writes what became of it. Senders
   * that wait for an answer get theirs until the doors are shut.
   */
  stop(deadlineMs: number, doorsShut: Promise<void>): Promise<void>;
  /** After a snapshot was swapped in. */
  reconcile(snapshot: Snapshot): void;
  ask: Ask;
  /** Lanes of the configuration and of the store, as counted at most ten seconds ago. */
  state(): readonly LaneState[];
}>;

const uniform = (random: Random): number => random(6).readUIntBE(0, 6) / 2 ** 48;

const stateOf = (
  standings: readonly LaneStanding[],
  counts: readonly LaneCount[],
): readonly LaneState[] => {
  const counted = new Map(counts.map((count) => [count.lane, count]));
  const standing = new Map(standings.map((one) => [one.lane, one]));
  return [...new Set([...standing.keys(), ...counted.keys()])].sort().map((lane) => ({
    ...(counted.get(lane) ?? { lane, pending: 0, scheduled: 0, dead: 0, oldestAt: null }),
    known: standing.has(lane),
    standing: standing.get(lane) ?? null,
  }));
};

/** Makes the deliveries of one gateway; nothing runs until `start`. */
export const makeDeliveries = (deps: DeliveriesDeps): Deliveries => {
  const { clock, watch, random, observer, outbox: store } = deps;
  let stopping = false;
  const now = (): number => watch.steady();
  const clockTrusted = (): boolean => watch.trusted();
  const tryDeps: TryDeps = { ...deps, now, clockTrusted };
  const counter = makeLaneCounter({ store, clock, observer });
  const deliveryDeps: DeliveryDeps = {
    ...tryDeps,
    clock,
    keyRing: deps.keyRing,
    outbox: store,
    enricher: makeEnricher({ ...tryDeps, clock }),
    runPlan: deps.runPlan,
  };
  const outbox = makeOutbox({
    clock,
    now,
    random,
    jitter: () => uniform(random),
    store,
    snapshot: deps.snapshot,
    tryOnce: (order) => tryDelivery(deliveryDeps, order),
    observer,
    changed: counter.changed,
  });
  const pruning = makePruning({ ...deps, store: deps.events, clockTrusted });
  let unsubscribe: (() => void) | null = null;
  const wake = (): void => {
    counter.changed();
    outbox.wake();
  };
  return {
    wake,
    start: () => {
      unsubscribe ??= deps.feed.on('deliveries', wake);
      outbox.start();
      pruning.start();
      counter.changed();
    },
    stop: async (deadlineMs, doorsShut) => {
      unsubscribe?.();
      pruning.stop();
      counter.stop();
      await Promise.all([outbox.stop(deadlineMs), doorsShut]);
      stopping = true;
    },
    reconcile: outbox.reconcile,
    ask: makeAsk({ ...tryDeps, clock, observer, mayStart: () => !stopping }),
    state: () => stateOf(outbox.standing(), counter.latest()),
  };
};
