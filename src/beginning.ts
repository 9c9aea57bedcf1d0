/** How a gateway begins: with the file as it is, or loudly with the last good one, on an open store. */
import type { Loaded } from './config/load.ts';
import { printProblem } from './config/problem.ts';
import {
  openFoundation,
  readLastGood,
  type Foundation,
  type FoundationDeps,
} from './foundation.ts';
import { keepLastGood } from './last-good.ts';
import type { Snapshot, StoreSettings } from './snapshot.ts';

/** The configuration cannot be served; `problems` is what `check` prints. */
export class ConfigRefused extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super('the configuration has problems');
    this.name = 'ConfigRefused';
    this.problems = problems;
  }
}

/** A configuration without problems. */
export type Good = Loaded & Readonly<{ snapshot: Snapshot }>;

/** What serves at start: the file, or loudly the last good one where the file is bad. */
export type Beginning = Readonly<{
  foundation: Foundation;
  loaded: Good;
  problems: readonly string[];
  lastGood: boolean;
}>;

/** What a beginning needs; `inForce` is the snapshot once there is one. */
type BeginDeps = FoundationDeps &
  Readonly<{
    load(): Promise<Loaded>;
    loadKept(sources: Readonly<Record<string, string>>): Promise<Loaded>;
    strict: boolean;
    inForce(): Snapshot | null;
  }>;

const openOn = (deps: BeginDeps, snapshot: Snapshot): Promise<Foundation> =>
  openFoundation({ ...deps, version: () => (deps.inForce() ?? snapshot).version }, snapshot);

const beginWithLastGood = async (
  deps: BeginDeps,
  store: StoreSettings,
  problems: readonly string[],
): Promise<Beginning> => {
  const sources = await readLastGood(deps, store);
  const kept = sources === null ? null : await deps.loadKept(sources);
  if (kept === null || kept.snapshot === null) throw new ConfigRefused(problems);
  deps.observer.note('error', 'config.last-good', { problems: problems.length });
  const opened = await openOn(deps, kept.snapshot);
  const loaded: Good = { ...kept, snapshot: kept.snapshot };
  return { foundation: opened, loaded, problems, lastGood: true };
};

/** Loads what is to serve and opens its store; rejects with ConfigRefused or GatewayError. */
export const begin = async (deps: BeginDeps): Promise<Beginning> => {
  const loaded = await deps.load();
  const { snapshot } = loaded;
  const problems = [...loaded.problems, ...loaded.closed].map(printProblem);
  if (snapshot === null || loaded.closed.length > 0) {
    if (deps.strict || loaded.store === null) throw new ConfigRefused(problems);
    return beginWithLastGood(deps, loaded.store, problems);
  }
  const foundation = await openOn(deps, snapshot);
  try {
    const { lastGood } = foundation.stores;
    // Nobody is known to have changed the files while no gateway ran.
    const act = { by: null, at: deps.clock.now() };
    const { keyRing } = foundation;
    await keepLastGood({ store: lastGood, keyRing }, { ...loaded, snapshot }, act);
  } catch (error) {
    await foundation.close();
    throw error;
  }
  return { foundation, loaded: { ...loaded, snapshot }, problems, lastGood: false };
};
