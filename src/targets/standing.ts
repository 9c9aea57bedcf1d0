/**
 * Which tenants, clients and routes are frozen right now: an immutable table swapped whole on a read
 * of the store, asked before a mutation is recorded and again right before its first byte. A freeze
 * stops mutations; reads go on.
 */
import type { Clock, Timer } from '../clock.ts';
import { GatewayError } from '../errors.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { Freeze, FreezeScope, FreezeStore } from './store.ts';

/** What a mutation touches. */
export type FreezeQuestion = Readonly<{ tenant: string; client: string; route: string }>;

export type FreezesStanding = Readonly<{
  /** Reads the store once and begins the regular round; throws GatewayError if the store fails. */
  start(): Promise<void>;
  /** Reads the store again; on failure the old table stays and GatewayError is thrown. */
  refresh(): Promise<void>;
  /** The freeze that stops this mutation, or null. Cheap and synchronous. */
  frozenBy(question: FreezeQuestion): Freeze | null;
  /** All in force, oldest first. */
  current(): readonly Freeze[];
  /** Freezes at once, here before in the store. False where 1,000 are in force already. */
  freeze(scope: FreezeScope, name: string, reason: string, by: string): Promise<boolean>;
  /** Lifts a freeze; false where there is none. */
  thaw(scope: FreezeScope, name: string, by: string): Promise<boolean>;
  stop(): void;
}>;

/** Milliseconds between two reads of the store. */
export const freezeRoundMs = 5_000;

type Table = Readonly<Record<FreezeScope, ReadonlyMap<string, Freeze>>>;

const tableOf = (freezes: readonly Freeze[]): Table => {
  const of = (scope: FreezeScope): ReadonlyMap<string, Freeze> =>
    new Map(freezes.filter((one) => one.scope === scope).map((one) => [one.name, one]));
  return { tenant: of('tenant'), client: of('client'), route: of('route') };
};

/** Makes the table, empty until `start`. */
export const makeFreezesStanding = (deps: {
  store: FreezeStore;
  clock: Clock;
  observer: Pick<Observer, 'note'>;
}): FreezesStanding => {
  const { store, clock, observer } = deps;
  let all: readonly Freeze[] = [];
  let table = tableOf(all);
  let timer: Timer | null = null;
  let stopped = false;
  let asked = 0;
  let applied = 0;

  const swap = (freezes: readonly Freeze[]): void => {
    all = freezes;
    table = tableOf(freezes);
  };
  const refresh = async (): Promise<void> => {
    const turn = ++asked;
    let freezes: readonly Freeze[];
    try {
      freezes = await store.list();
    } catch (cause) {
      throw new GatewayError('internal', { cause, detail: 'The freezes cannot be read.' });
    }
    // Reads may end in the wrong order; an older one must not lift a newer freeze.
    if (turn < applied) return;
    applied = turn;
    swap(freezes);
  };
  const arm = (): void => {
    timer = clock.after(freezeRoundMs, () => {
      refresh()
        .catch(() => observer.note('error', 'freezes.refresh.failed', { inForce: all.length }))
        .finally(() => {
          if (!stopped) arm();
        });
    });
  };

  return {
    start: async () => {
      stopped = false;
      await refresh();
      if (timer === null) arm();
    },
    refresh,
    current: () => all,
    frozenBy: (question) =>
      table.tenant.get(question.tenant) ??
      table.client.get(question.client) ??
      table.route.get(question.route) ??
      null,
    freeze: async (scope, name, reason, by) => {
      const at = clock.now();
      // A person who freezes is in a hurry: it holds from here on, whatever the store does.
      if (!table[scope].has(name)) swap([...all, { scope, name, reason, by, at }]);
      applied = ++asked;
      const kept = await store.freeze(scope, name, reason, by, at);
      await refresh();
      return kept;
    },
    thaw: async (scope, name, by) => {
      const lifted = await store.thaw(scope, name, by, clock.now());
      await refresh();
      return lifted;
    },
    stop: () => {
      stopped = true;
      timer?.cancel();
      timer = null;
    },
  };
};
