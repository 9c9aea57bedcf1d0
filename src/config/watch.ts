/**
 * Tells when route files or secret files changed and then lay still for a second. Polls `stat`
 * instead of listening: that also sees an atomic rename, a swapped symlink (as Kubernetes updates
 * mounted secrets) and a file on a network share.
 */
import { stat } from 'node:fs/promises';
import type { Clock, Timer } from '../clock.ts';
import type { Files } from './include.ts';

/** Time between two looks, and the time a change must lie still, milliseconds. */
const pollMs = 500;
const settledMs = 1_000;

/** What is looked at. */
export type Watched = Readonly<{
  files: readonly string[];
  /** `[directory, pattern]` of includes: a new file is a change. */
  patterns?: readonly (readonly [string, string])[];
}>;

/** What tells one state of a file from another; null where there is no such file. */
export type FileState = (path: string) => Promise<string | null>;

export type Watch = Readonly<{
  /** Looks at other files from now on; what is already known of a file stays. */
  follow(watched: Watched): void;
  stop(): void;
}>;

const stateOnDisk: FileState = async (path) => {
  const seen = await stat(path, { bigint: true }).catch(() => null);
  return seen === null ? null : `${seen.ino}:${seen.size}:${seen.mtimeNs}:${seen.ctimeNs}`;
};

/** Starts to watch. `onChange` is called once per settled change and must not throw. */
export const watchConfig = (
  input: Watched &
    Readonly<{
      onChange: () => void;
      clock: Clock;
      listFiles: Files['listFiles'];
      stateOf?: FileState;
    }>,
): Watch => {
  const { clock, onChange, listFiles, stateOf = stateOnDisk } = input;
  let watched: Watched = input;
  /** As last told, or as first seen. */
  let told = new Map<string, string | null>();
  /** As seen at the last look, and since when it has been so. */
  let seen = '';
  let since = clock.monotonic();
  let timer: Timer | null = null;
  let stopped = false;

  const look = async (): Promise<Map<string, string | null>> => {
    const states = new Map<string, string | null>();
    for (const path of watched.files) states.set(path, await stateOf(path));
    for (const [directory, pattern] of watched.patterns ?? []) {
      const found = await listFiles(directory, pattern);
      states.set(`${directory} ${pattern}`, found.join('\n'));
    }
    return states;
  };
  const poll = async (): Promise<void> => {
    const before = watched;
    const now = await look();
    if (stopped || before !== watched) return;
    for (const [path, state] of now) if (!told.has(path)) told.set(path, state);
    const print = JSON.stringify([...now]);
    if (print !== seen) {
      seen = print;
      since = clock.monotonic();
    }
    const changed = [...now].some(([path, state]) => told.get(path) !== state);
    if (!changed || clock.monotonic() - since < settledMs) return;
    told = now;
    onChange();
  };
  const pollOnce = async (): Promise<void> => {
    try {
      await poll();
    } catch {
      // A look that failed is made again; `stateOf` and `listFiles` answer for what they see.
    }
    if (!stopped) timer = clock.after(pollMs, () => void pollOnce());
  };
  // The first look is the state that all later ones are compared with.
  void pollOnce();
  return {
    follow: (other) => {
      watched = other;
    },
    stop: () => {
      stopped = true;
      timer?.cancel();
    },
  };
};
