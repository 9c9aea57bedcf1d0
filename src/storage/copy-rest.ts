/**
 * Copies what a store holds beside its ledger into another one: keys with all that is known of them,
 * freezes, the last good configuration, webhooks with what they owe, holds, and what protection, proofs
 * of effect and reports of use keep. Twice is as good as once. Echoes stay behind: where one is missing a
 * client reads a normalised value once.
 */
import type { StoredKey } from '../callers/store.ts';
import { copyTables } from './copied-tables.ts';
import type { Stores } from './stores.ts';

/** How many there were. */
export type CopiedRest = Readonly<{
  keys: number;
  freezes: number;
  lastGood: boolean;
  events: number;
  holds: number;
  /** Marks of protected subjects. */
  marks: number;
}>;

type Parts = Pick<Stores, 'keys' | 'freezes' | 'lastGood' | 'copying'>;

const touchedMax = 1_000;

const copyKeys = async (from: Parts, to: Parts, now: number): Promise<number> => {
  const keys = await from.keys.listKeys(now);
  const there = new Set((await to.keys.listKeys(now)).map(({ id }) => id));
  const added = async (key: StoredKey): Promise<void> => {
    if (!there.has(key.id)) await to.keys.addKey(key, now);
    // Also where the key was there: it may have ended since.
    if (key.revokedAt !== null) await to.keys.endKey(key.id, key.revokedAt, now);
  };
  for (const key of keys) await added(key);
  const used = keys.flatMap(({ id, lastUsedAt }) =>
    lastUsedAt === null ? [] : [{ id, at: lastUsedAt }],
  );
  for (let at = 0; at < used.length; at += touchedMax)
    await to.keys.touchKeys(used.slice(at, at + touchedMax));
  return keys.length;
};

/** Copies; `now` is the wall time, ms. */
export const copyRest = async (from: Parts, to: Parts, now: number): Promise<CopiedRest> => {
  const keys = await copyKeys(from, to, now);
  const freezes = await from.freezes.list();
  for (const { scope, name, reason, by, at } of freezes)
    await to.freezes.freeze(scope, name, reason, by, at);
  const sealed = await from.lastGood.load();
  if (sealed !== null && (await to.lastGood.load()) === null)
    await to.lastGood.save(sealed, '', now);
  const rows = await copyTables(from.copying, to.copying);
  const count = (table: string): number => rows?.get(table) ?? 0;
  return {
    keys,
    freezes: freezes.length,
    lastGood: sealed !== null,
    events: count('events'),
    holds: count('holds'),
    marks: count('protection_marks'),
  };
};
