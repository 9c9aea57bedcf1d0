/**
 * What windows hold, as running sums: a window is summed once, and then moved along with its time, for
 * intents of a chain come in order of time and nobody else writes the file. It is moved once in a while,
 * and where it seems to be full. So a claim costs the same however much a window holds.
 */
import type { Database } from 'better-sqlite3';
import type { WindowClaim } from '../../ledger/claims.ts';
import { placeKey, type Place } from '../claim-places.ts';

const sql = {
  held: `SELECT coalesce(sum(amount), 0) AS amount FROM places
    WHERE key = ? AND at > ? AND given_back = 0`,
  ended: `SELECT coalesce(sum(amount), 0) AS amount FROM places
    WHERE key = ? AND at > ? AND at <= ? AND given_back = 0`,
  oldest: 'SELECT at FROM places WHERE key = ? AND at > ? AND given_back = 0 ORDER BY at LIMIT 1',
};

/** Windows kept at once; beyond, all are summed anew. */
const windowsMax = 10_000;

/** How far a window with room may lie behind, ms: short of the grace with which ended places are removed. */
const behindMsMax = 60_000;

/** A place that was given back, taken again or removed. */
export type MovedPlace = Readonly<{ key: Buffer; at: number; amount: number }>;

type Sum = { readonly ms: number; from: number; used: number };
type Window = Readonly<{ key: Buffer; sums: Sum[] }>;

const nameOf = (key: Buffer): string => key.toString('latin1');

/** Prepares them on an open database. What the caller does not tell them makes them wrong. */
export const makeWindowSums = (database: Database) => {
  const held = database.prepare<[Buffer, number], { amount: number }>(sql.held);
  const ended = database.prepare<[Buffer, number, number], { amount: number }>(sql.ended);
  const oldest = database.prepare<[Buffer, number], { at: number }>(sql.oldest);
  const windows = new Map<string, Window>();
  /** The same windows by their key on disk. */
  const byKey = new Map<string, Window>();
  const forget = (): void => {
    windows.clear();
    byKey.clear();
  };
  const sumsOf = (key: Buffer): readonly Sum[] => byKey.get(nameOf(key))?.sums ?? [];
  const windowOf = (key: string): Window => {
    let window = windows.get(key);
    if (window === undefined) {
      if (windows.size >= windowsMax) forget();
      window = { key: placeKey(key), sums: [] };
      windows.set(key, window);
      byKey.set(nameOf(window.key), window);
    }
    return window;
  };
  return Object.freeze({
    /** Places taken after `from` and not given back; rather more, as long as that is at most `room`. */
    used: ({ key, ms }: WindowClaim, from: number, room: number): number => {
      const window = windowOf(key);
      let sum = window.sums.find((each) => each.ms === ms);
      if (sum === undefined || from < sum.from) {
        const known = sum;
        sum = { ms, from, used: held.get(window.key, from)?.amount ?? 0 };
        if (known === undefined) window.sums.push(sum);
        else Object.assign(known, sum);
      } else if (from > sum.from && (sum.used > room || from - sum.from > behindMsMax)) {
        sum.used -= ended.get(window.key, sum.from, from)?.amount ?? 0;
        sum.from = from;
      }
      return sum.used;
    },
    oldest: ({ key }: WindowClaim, from: number): number | null =>
      oldest.get(windowOf(key).key, from)?.at ?? null,
    keyOf: (key: string): Buffer => windowOf(key).key,
    /** These places are on disk by now. */
    taken: (places: readonly Place[]): void => {
      for (const { key, at, amount, givenBack } of places) {
        if (givenBack) continue;
        for (const sum of windows.get(key)?.sums ?? []) if (at > sum.from) sum.used += amount;
      }
    },
    /** This place counts no more, or again; also where that was undone. */
    turned: ({ key, at, amount }: MovedPlace, counts: boolean): void => {
      for (const sum of sumsOf(key)) if (at > sum.from) sum.used += counts ? amount : -amount;
    },
    /** These places are gone: what still counted them is summed anew when it is asked for. */
    removed: (places: readonly MovedPlace[]): void => {
      for (const { key, at } of places) {
        const stale = sumsOf(key).some((sum) => at > sum.from);
        if (stale) byKey.get(nameOf(key))?.sums.splice(0);
      }
    },
  });
};
