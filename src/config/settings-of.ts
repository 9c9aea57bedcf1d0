/**
 * The settings a snapshot was compiled from, for comparing two snapshots: what is compiled answers
 * questions but cannot be compared. Kept beside the snapshot for as long as that lives.
 */
import type { Snapshot } from '../snapshot.ts';
import type { Parsed } from './parse-sections.ts';

const known = new WeakMap<Snapshot, Parsed>();

/** Called once, by load.ts. */
export const rememberSettings = (snapshot: Snapshot, parsed: Parsed): void => {
  known.set(snapshot, parsed);
};

/** The settings of a snapshot that `loadConfig` made; a TypeError for any other. */
export const settingsOf = (snapshot: Snapshot): Parsed => {
  const parsed = known.get(snapshot);
  if (parsed === undefined)
    throw new TypeError('only snapshots made by loadConfig can be compared');
  return parsed;
};
