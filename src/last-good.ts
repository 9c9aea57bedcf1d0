/**
 * What is kept of the configuration in force, sealed: the route files themselves, for a start with a bad
 * file, and beside them who last changed what each client may do. One value, so that both are of one time.
 */
import { clientDigests } from './config/client-digests.ts';
import type { Loaded } from './config/load.ts';
import type { LastGoodStore } from './config/store.ts';
import {
  grantChangesOf,
  noGrantChanges,
  readGrantChanges,
  type GrantChanges,
} from './holds/grant-changes.ts';
import type { KeyRing } from './sealing.ts';
import type { Snapshot } from './snapshot.ts';

/** Text of route files by path. */
type Sources = Readonly<Record<string, string>>;

/** What is kept, opened. */
export type LastGood = Readonly<{ sources: Sources; grants: GrantChanges }>;

type Kept = Readonly<{ store: LastGoodStore; keyRing: Pick<KeyRing, 'seal' | 'open'> }>;

const context = 'last-good';
/** The first format was the sources alone, whose values are texts. */
const format = 2;

/** Null where nothing was kept, or no key of the ring opens it. */
export const loadLastGood = async ({ store, keyRing }: Kept): Promise<LastGood | null> => {
  const sealed = await store.load();
  const text = sealed === null ? null : keyRing.open(sealed, context);
  if (text === null) return null;
  const kept = JSON.parse(text.toString('utf8')) as Record<string, unknown>;
  return kept['format'] === format
    ? { sources: kept['sources'] as Sources, grants: readGrantChanges(kept['grants']) }
    : { sources: kept as Sources, grants: noGrantChanges };
};

/** Keeps it; gives the clients of which it says something else than what was kept before. */
export const keepLastGood = async (
  { store, keyRing }: Kept,
  loaded: Loaded & Readonly<{ snapshot: Snapshot }>,
  act: Readonly<{ by: string | null; at: number }>,
): Promise<readonly string[]> => {
  const { snapshot, sources } = loaded;
  const known = (await loadLastGood({ store, keyRing }))?.grants ?? noGrantChanges;
  const { changes, clients } = grantChangesOf(known, clientDigests(snapshot), act);
  const text = JSON.stringify({ format, sources, grants: changes });
  await store.save(keyRing.seal(Buffer.from(text, 'utf8'), context), snapshot.version, act.at);
  return clients;
};
