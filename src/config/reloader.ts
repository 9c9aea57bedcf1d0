/**
 * How a changed route file becomes the snapshot in force: loaded whole, refused whole, and where it
 * widens anything (and `reload: careful`) kept until a person or a signal says so. One load at a
 * time; what was asked meanwhile runs once more afterwards.
 */
import { printProblem } from './problem.ts';
import type { Loaded } from './load.ts';
import type { Snapshot } from '../snapshot.ts';
import { widenings } from './widening.ts';

/** Why a load happens: a file changed, or a person (SIGHUP, `config apply`) asked for it. */
export type ReloadCause = 'file' | 'person';

export type ReloadStatus = Readonly<{
  version: string;
  problems: readonly string[];
  waiting: Readonly<{ version: string; widens: readonly string[] }> | null;
  lastGood: boolean;
}>;

export type ReloaderDeps = Readonly<{
  load(): Promise<Loaded>;
  /** Puts a snapshot in force; resolves once it is. `by`: who applied it; null where nobody is known. */
  activate(
    loaded: Loaded & Readonly<{ snapshot: Snapshot }>,
    cause: ReloadCause,
    by: string | null,
  ): Promise<void>;
  /** Told of each load, with why it was refused in the words of `check`. */
  observe(
    result: Readonly<{ accepted: boolean; version: string; problems: readonly string[] }>,
  ): void;
  /** What was loaded last, whatever came of it: what to watch from now on. */
  loaded(loaded: Loaded): void;
}>;

export type Reloader = Readonly<{
  reload(cause: ReloadCause): Promise<ReloadStatus>;
  /** Applies what waits, if its version is the wanted one (or none is wanted). */
  apply(version: string | null, by: string): Promise<string | null>;
  status(): ReloadStatus;
}>;

type Good = Loaded & Readonly<{ snapshot: Snapshot }>;

const printWidening = (one: ReturnType<typeof widenings>[number]): string =>
  [one.client, one.route, one.what].filter((part) => part !== null).join(': ');

/** Settings that live for the whole process. */
const needsRestart = (old: Snapshot, next: Snapshot): readonly string[] => {
  const differs = (a: unknown, b: unknown): boolean => JSON.stringify(a) !== JSON.stringify(b);
  return [
    ...(differs(old.server.listen, next.server.listen) ? ['server.listen'] : []),
    ...(differs(old.admin.listen, next.admin.listen) ? ['admin.listen'] : []),
    ...(differs(old.store, next.store) ? ['store'] : []),
    ...(old.environment === next.environment ? [] : ['environment']),
  ];
};

/** Makes a reloader around the snapshot that serves. */
export const makeReloader = (
  deps: ReloaderDeps,
  initial: Readonly<{ snapshot: Snapshot; problems: readonly string[]; lastGood: boolean }>,
): Reloader => {
  let current = initial.snapshot;
  let problems = initial.problems;
  let lastGood = initial.lastGood;
  let waiting: { loaded: Good; widens: readonly string[] } | null = null;
  let running: Promise<unknown> = Promise.resolve();

  const status = (): ReloadStatus => ({
    version: current.version,
    problems,
    lastGood,
    waiting:
      waiting === null
        ? null
        : { version: waiting.loaded.snapshot.version, widens: waiting.widens },
  });

  const activate = async (
    loaded: Good,
    cause: ReloadCause,
    by: string | null = null,
  ): Promise<void> => {
    try {
      await deps.activate(loaded, cause, by);
    } catch (error) {
      problems = ['the change could not be kept and recorded; what served before still serves'];
      throw error;
    }
    current = loaded.snapshot;
    waiting = null;
    lastGood = false;
  };

  const settle = async (loaded: Loaded, cause: ReloadCause): Promise<boolean> => {
    const { snapshot } = loaded;
    // What waited is in the files no more: nobody may apply what was taken back.
    waiting = null;
    problems = loaded.problems.map(printProblem);
    if (snapshot === null) return false;
    const restart = needsRestart(current, snapshot);
    if (restart.length > 0) {
      problems = [`a change of ${restart.join(', ')} needs a restart; nothing was applied`];
      return false;
    }
    const good: Good = { ...loaded, snapshot };
    if (snapshot.version === current.version) {
      // Secrets may resolve differently under the same text: targets take the new ones.
      await activate(good, cause);
      return true;
    }
    const widens = widenings(current, snapshot).map(printWidening);
    const mayWait = cause === 'file' && current.reload !== 'auto';
    if (mayWait && (current.reload === 'manual' || widens.length > 0)) {
      waiting = { loaded: good, widens };
      return true;
    }
    await activate(good, cause);
    return true;
  };

  const exclusive = <Result>(task: () => Promise<Result>): Promise<Result> => {
    const next = running.then(task, task);
    running = next.catch(() => undefined);
    return next;
  };

  return {
    status,
    reload: (cause) =>
      exclusive(async () => {
        const loaded = await deps.load();
        deps.loaded(loaded);
        const version = loaded.snapshot?.version ?? current.version;
        let accepted = false;
        try {
          accepted = await settle(loaded, cause);
        } finally {
          deps.observe({ accepted, version, problems });
        }
        return status();
      }),
    apply: (version, by) =>
      exclusive(async () => {
        const held = waiting;
        if (held === null) return null;
        if (version !== null && held.loaded.snapshot.version !== version) return null;
        await activate(held.loaded, 'person', by);
        return held.loaded.snapshot.version;
      }),
  };
};
