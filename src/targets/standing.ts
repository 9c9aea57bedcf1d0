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

/** The table as last read. An older read that ends late never replaces a newer state. */
const makeTable = (store: FreezeStore, observer: Pick<Observer, 'freezesSeen'>) => {
  let all: readonly Freeze[] = [];
  let table = tableOf(all);
  let asked = 0;
  let applied = 0;
  const swap = (freezes: readonly Freeze[]): void => {
    all = freezes;
    table = tableOf(freezes);
    const { tenant, client, route } = table;
    observer.freezesSeen({ tenant: tenant.size, client: client.size, route: route.size });
  };
  return {
    all: () => all,
    table: () => table,
    refresh: async (): Promise<void> => {
      const turn = ++asked;
      let freezes: readonly Freeze[];
      try {
        freezes = await store.list();
      } catch (cause) {
        throw new GatewayError('internal', { cause, detail: 'The freezes cannot be read.' });
      }
      if (turn < applied) return;
      applied = turn;
      swap(freezes);
    },
    /** Holds here and now; the next read of the store has the last word. */
    addAtOnce: (freeze: Freeze): void => {
      if (!table[freeze.scope].has(freeze.name)) swap([...all, freeze]);
      applied = ++asked;
    },
  };
};

/** Makes the table, empty until `start`. */
export const makeFreezesStanding = (deps: {
  store: FreezeStore;
  clock: Clock;
  observer: Pick<Observer, 'note' | 'freezesSeen'>;
}): FreezesStanding => {
  const { store, clock, observer } = deps;
  const live = makeTable(store, observer);
  const { refresh } = live;
  let timer: Timer | null = null;
  let stopped = false;

  const arm = (): void => {
    timer = clock.after(freezeRoundMs, () => {
      refresh()
        .catch(() =>
          observer.note('error', 'freezes.refresh.failed', { inForce: live.all().length }),
        )
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
    current: live.all,
    frozenBy: (question) => {
      const { tenant, client, route } = live.table();
      return (
        tenant.get(question.tenant) ??
        client.get(question.client) ??
        route.get(question.route) ??
        null
      );
    },
    freeze: async (scope, name, reason, by) => {
      const at = clock.now();
      // A person who freezes is in a hurry: it holds before the store has answered.
      live.addAtOnce({ scope, name, reason, by, at });
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
