/**
 * The room put together: who is protected, how many there are, and who may break the glass. Made by
 * the gateway over its targets; where no gateway runs, a desk over the store alone.
 */
import type { Clock } from '../clock.ts';
import { refuse, type Refusal } from '../errors.ts';
import type { Random } from '../ids.ts';
import type { Limiter } from '../limits/limiter.ts';
import type { Safeguards } from '../passage/safeguards.ts';
import type { Snapshot } from '../snapshot.ts';
import type { StoreFeed } from '../store-feed.ts';
import type { Targets } from '../targets/send.ts';
import type { Observer } from '../telemetry/observe.ts';
import { listGuards, type GuardQuery, type GuardUse } from './guard-list.ts';
import type { MarkStore, ProtectionMark } from './mark-store.ts';
import type { MarkName } from './mark-table.ts';
import { makeOverrideStanding } from './override-standing.ts';
import type { OverrideStore } from './override-store.ts';
import { makeOverrides, type Overrides } from './overrides.ts';
import type { PopulationStore } from './population-store.ts';
import { makePopulations } from './populations.ts';
import { makeProtectionStanding } from './protection-standing.ts';
import { makeResolveRounds, type RuleState } from './resolve-rounds.ts';
import type { WindowStore } from './window-store.ts';

/** What admin operations do here. */
export type SafetyDesk = Readonly<{
  rules(): Promise<readonly RuleState[]>;
  /** All marks, oldest first. */
  marks(): Promise<readonly ProtectionMark[]>;
  /** Takes one mark away; false where there is none. Whoever matches still is marked again. */
  forget(mark: MarkName): Promise<boolean>;
  /** Looks every tenant through now. */
  resolve(): Promise<readonly RuleState[] | Refusal>;
  overrides: Overrides;
  /** Windows of guards, the fullest first. */
  guards(query: GuardQuery): Promise<readonly GuardUse[] | Refusal>;
}>;

/** The ports this room stands on. */
export type SafetyStores = Readonly<{
  protectionMarks: MarkStore;
  overrides: OverrideStore;
  populations: PopulationStore;
  windows: WindowStore;
  feed: StoreFeed;
}>;

type DeskDeps = Readonly<{
  clock: Clock;
  random: Random;
  observer: Pick<Observer, 'note' | 'overridesSeen' | 'protectionSeen'>;
  stores: SafetyStores;
  snapshot(): Snapshot;
}>;

export type SafetyDeps = DeskDeps & Readonly<{ targets: Targets; limiter: Limiter }>;

/** What readiness tells of it. */
export type SafetyState = Readonly<{
  rules: readonly RuleState[];
  /** Overrides in force. */
  overrides: readonly Readonly<{ id: string; tenant: string; rule: string; until: number }>[];
}>;

export type Safety = Readonly<{
  protections: Safeguards['protections'];
  populations: Safeguards['populations'];
  desk: SafetyDesk;
  state(): SafetyState;
  /** Reads the store; rejects with GatewayError where it fails. Before the first call may come. */
  start(): Promise<void>;
  /** The snapshot in force is another one now; also begins the rounds after `start`. Never waits. */
  reconcile(): void;
  /** Before targets and store are closed. */
  stop(): Promise<void>;
}>;

/** Pauses that end at once when the gateway stops. */
const makeSleeper = (clock: Clock) => {
  const sleeping = new Set<() => void>();
  let stopping = false;
  return {
    stopping: () => stopping,
    sleep: (ms: number): Promise<void> =>
      new Promise((resolve) => {
        if (stopping) return resolve();
        const timer = clock.after(ms, () => wake());
        const wake = (): void => {
          timer.cancel();
          sleeping.delete(wake);
          resolve();
        };
        sleeping.add(wake);
      }),
    stop: (): void => {
      stopping = true;
      for (const wake of sleeping) wake();
    },
  };
};

/** Makes the room; nothing is read or asked before `start` and `reconcile`. */
export const makeSafety = (deps: SafetyDeps): Safety => {
  const { clock, random, observer, stores, snapshot, targets, limiter } = deps;
  const { stop: stopSleeping, ...sleeper } = makeSleeper(clock);
  const asking = { clock, targets, limiter, ...sleeper };
  const overrides = makeOverrideStanding({ store: stores.overrides, clock, observer });
  const { protectionMarks: store, feed } = stores;
  const standing = makeProtectionStanding({ store, clock, observer, feed, overrides });
  const jitter = (): number => random(4).readUInt32BE(0) / 2 ** 32;
  const rounds = makeResolveRounds({ ...asking, snapshot, standing, observer, jitter });
  const populations = makePopulations({ ...asking, store: stores.populations, snapshot, observer });
  const acts = makeOverrides({ ...deps, store: stores.overrides, standing: overrides });
  return {
    protections: standing,
    populations,
    desk: {
      rules: async () => rounds.states(),
      marks: async () => standing.marks(),
      forget: standing.forget,
      resolve: () => rounds.run(),
      overrides: acts,
      guards: (query) => listGuards(deps, query, clock.now()),
    },
    state: () => {
      const now = clock.now();
      return { rules: rounds.states(), overrides: overrides.inForce(now) };
    },
    start: async () => {
      await Promise.all([standing.start(), populations.start()]);
    },
    reconcile: rounds.reconcile,
    stop: async () => {
      stopSleeping();
      await rounds.stop();
      await standing.stop();
    },
  };
};

/** The desk where no gateway runs: what the store says, and acts on it. Nobody can look a target through. */
export const makeSafetyDesk = (deps: DeskDeps): SafetyDesk => {
  const { clock, observer, stores, snapshot } = deps;
  const standing = makeOverrideStanding({ store: stores.overrides, clock, observer });
  const { protectionMarks } = stores;
  return {
    rules: async () => {
      const { resolved } = await protectionMarks.list();
      return Object.values(snapshot().tenants).flatMap(({ tenant, protections }) =>
        protections.map(({ name: rule, word, digest }) => {
          const found = resolved.find(
            (one) => one.tenant === tenant && one.rule === rule && one.digest === digest,
          );
          const at = found?.at ?? null;
          return { tenant, rule, word, resolved: at !== null, at, failed: null };
        }),
      );
    },
    marks: async () => (await protectionMarks.list()).marks,
    forget: (mark) => protectionMarks.forget(mark),
    resolve: async () =>
      refuse('value_invalid', 'No gateway runs here that could look: ask one with --admin.'),
    overrides: makeOverrides({ ...deps, store: stores.overrides, standing }),
    guards: (query) => listGuards(deps, query, clock.now()),
  };
};
