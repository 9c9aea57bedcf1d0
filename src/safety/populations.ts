/**
 * How many users and groups a tenant has, as gateways counted them themselves: what shares of guards
 * are shares of. A count may fall at once but rises only when the former one is a day old, and then to
 * the lowest count seen since: who creates users to widen a guard waits a day, and is seen creating.
 * All users count, inactive ones too: only a total is told without reading everybody. What is in force
 * is shared and kept, so a restart changes nothing.
 */
import type { Clock } from '../clock.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import type { Populations } from '../passage/safeguards.ts';
import type { Snapshot, Target } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { AskDeps } from './ask-target.ts';
import type { Population, PopulationStore } from './population-store.ts';
import { countAll } from './read-all.ts';
import { typeAt, usableTarget } from './resolve-rounds.ts';

export type LivePopulations = Populations &
  Readonly<{
    /** Reads what is kept; rejects with GatewayError where the store fails. */
    start(): Promise<void>;
  }>;

/** A count is asked for anew after this, ms. */
export const freshMs = 900_000;
/** Up to this age a count serves while a newer one is asked for, ms; a rise waits as long. */
export const usableMs = 86_400_000;
/** After a count that failed none is tried for so long, ms. */
export const failedMs = 30_000;
/** Tenants and words in memory; beyond them nothing is counted. */
const countsMax = 10_000;

/** What is known of one tenant and word. Times are wall ms. */
type Counted = {
  /** In force, and since when. */
  kept: Population | null;
  /** When it was counted last; what is in force may be older. */
  countedAt: number | null;
  /** Lowest of the higher counts since what is in force. */
  higher: number | null;
  failedAt: number | null;
  running: Promise<number | null> | null;
};

const keyOf = (tenant: string, word: string): string => `${tenant}\n${word}`;

/** What is in force once `count` is known at `at`. Equal and lower ones replace; higher ones wait. */
export const populationAfter = (
  counted: Readonly<{ kept: Population | null; higher: number | null }>,
  count: Population,
): Readonly<{ kept: Population; higher: number | null }> => {
  const { kept } = counted;
  if (kept === null || count.count <= kept.count) return { kept: count, higher: null };
  const higher = Math.min(counted.higher ?? count.count, count.count);
  if (count.at - kept.at < usableMs) return { kept, higher };
  return { kept: { ...count, count: higher }, higher: null };
};

export type PopulationDeps = AskDeps &
  Readonly<{
    clock: Clock;
    store: PopulationStore;
    snapshot(): Snapshot;
    observer: Pick<Observer, 'note'>;
  }>;

/** Counts at the tenant's first usable target, else at the one that asks. */
const ask = async (
  deps: PopulationDeps,
  target: Target,
  type: ResourceType,
): Promise<number | null> => {
  const snapshot = deps.snapshot();
  const safety = Object.hasOwn(snapshot.tenants, target.tenant)
    ? snapshot.tenants[target.tenant]
    : undefined;
  const first = usableTarget(snapshot, safety?.targets ?? []) ?? target;
  const counted = await countAll(deps, first, typeAt(snapshot, first.name, type.word) ?? type);
  const facts = { tenant: target.tenant, word: type.word };
  if ('failed' in counted) {
    deps.observer.note('warn', 'population.uncounted', { ...facts, why: counted.failed });
    return null;
  }
  if (counted.count === null) deps.observer.note('warn', 'population.untold', facts);
  return counted.count;
};

/** Makes the counts, empty until `start`. */
export const makePopulations = (deps: PopulationDeps): LivePopulations => {
  const { clock, store, observer } = deps;
  const known = new Map<string, Counted>();
  const countedOf = (key: string): Counted | null => {
    const found = known.get(key);
    if (found !== undefined) return found;
    if (known.size >= countsMax) return null;
    const made = { kept: null, countedAt: null, higher: null, failedAt: null, running: null };
    known.set(key, made);
    return made;
  };

  /** What another gateway put in force meanwhile is in force here. */
  const adopt = async (one: Counted, key: string): Promise<void> => {
    try {
      const found = (await store.list()).find(({ tenant, word }) => keyOf(tenant, word) === key);
      if (found === undefined || found.at <= (one.kept?.at ?? 0)) return;
      one.kept = found;
      one.higher = null;
      one.countedAt = Math.max(one.countedAt ?? 0, found.at);
    } catch (cause) {
      observer.note('warn', 'population.unread', { cause });
    }
  };
  const countAnew = async (
    one: Counted,
    target: Target,
    type: ResourceType,
  ): Promise<number | null> => {
    const count = await ask(deps, target, type).catch((cause: unknown) => {
      observer.note('error', 'population.uncounted', { tenant: target.tenant, cause });
      return null;
    });
    await adopt(one, keyOf(target.tenant, type.word));
    const at = clock.now();
    if (count === null) {
      one.failedAt = at;
      return one.kept !== null && at - (one.countedAt ?? 0) <= usableMs ? one.kept.count : null;
    }
    const before = one.kept;
    const after = populationAfter(one, { tenant: target.tenant, word: type.word, count, at });
    one.kept = after.kept;
    one.higher = after.higher;
    one.countedAt = at;
    one.failedAt = null;
    if (after.kept !== before) {
      store.keep(after.kept).catch((cause: unknown) => {
        observer.note('warn', 'population.unkept', { tenant: target.tenant, cause });
      });
    }
    return after.kept.count;
  };
  const counting = (one: Counted, target: Target, type: ResourceType): Promise<number | null> => {
    one.running ??= countAnew(one, target, type).finally(() => {
      one.running = null;
    });
    return one.running;
  };

  return {
    start: async () => {
      for (const kept of await store.list()) {
        const one = countedOf(keyOf(kept.tenant, kept.word));
        if (one === null) continue;
        one.kept = kept;
        one.countedAt = kept.at;
      }
    },
    count: (target, type) => {
      const one = countedOf(keyOf(target.tenant, type.word));
      if (one === null) return null;
      const { kept, countedAt, failedAt } = one;
      const now = clock.now();
      const failedNow = failedAt !== null && now - failedAt < failedMs;
      if (kept !== null && countedAt !== null && now - countedAt <= usableMs) {
        if (now - countedAt > freshMs && !failedNow) void counting(one, target, type);
        return kept.count;
      }
      return failedNow ? null : counting(one, target, type);
    },
  };
};
