/** What intents claim, in the transaction that appends them: places in windows and held mutations. */
import type { Database } from 'better-sqlite3';
import { parseLedgerId } from '../../ids.ts';
import type { LedgerBatch } from '../../ledger/store.ts';
import {
  givesBack,
  judgeClaims,
  placesOf,
  releasesOf,
  type Place,
  type Refused,
} from '../claim-places.ts';
import { isFinal, outcomes } from '../codes.ts';
import { makeWindowSums, type MovedPlace } from './window-sums.ts';

/** Entries whose places are remembered; those of older ones are looked for on disk. */
const openMax = 50_000;

type KeptPlace = MovedPlace & Readonly<{ sequence: number }>;

const sql = {
  place: 'INSERT INTO places VALUES (?, ?, ?, ?, ?, ?, ?)',
  giveBack: `UPDATE places SET given_back = ?
    WHERE key = ? AND at = ? AND writer = ? AND sequence = ? AND given_back <> ?`,
  // Only for entries that are remembered no more: an earlier life's, or one that was given back before.
  placesOf: 'SELECT key, at, amount FROM places WHERE sequence = ? AND writer = ?',
  outcomesOf: 'SELECT outcome FROM outcomes WHERE entry = ?',
  approved: `SELECT 1 FROM holds
    WHERE id = ? AND state = 'approved' AND version = ? AND expires_at > ?`,
  release: `UPDATE holds SET state = 'released', version = version + 1, entry = ?, changed_at = ?
    WHERE id = ? AND state = 'approved' AND version = ?`,
};

/** Thrown to undo a batch of which some intents cannot have what they claim. */
export class Unclaimable extends Error {
  readonly items: readonly Refused[];
  constructor(items: readonly Refused[]) {
    super('claims cannot be had');
    this.items = items;
  }
}

/** Prepares them on an open database; all run inside the transaction of the caller. */
export const makeClaims = (database: Database) => {
  const sums = makeWindowSums(database);
  const placeRow = database.prepare(sql.place);
  const giveBackRow = database.prepare(sql.giveBack);
  const placeRows = database.prepare<[number, string], MovedPlace>(sql.placesOf);
  const outcomeRows = database.prepare<[number], { outcome: number }>(sql.outcomesOf);
  /** Places of entries whose end is not known yet, oldest first. */
  const open = new Map<number, KeptPlace[]>();
  /** From this entry on whoever is not remembered took no place, or had an end. */
  let knownFrom: number | null = null;
  const approvedRow = database.prepare(sql.approved);
  const releaseRow = database.prepare(sql.release);

  /** What the transaction gave back or took again. */
  let turned: (readonly [place: KeptPlace, counts: boolean])[] = [];

  /** Was it given back before? Else there is nothing that could count again. */
  const gaveBack = (entry: number): boolean =>
    turned.some(([{ sequence }]) => sequence === entry) ||
    outcomeRows
      .all(entry)
      .some(({ outcome }) => outcomes[outcome] === 'not-sent' || outcomes[outcome] === 'rejected');

  /** Of an entry that is remembered; of others on disk, unless it began here and took none. */
  const placesOfEntry = (
    entry: number,
    { writer, first }: LedgerBatch,
    given: boolean,
  ): readonly KeptPlace[] => {
    const known = open.get(entry);
    if (known !== undefined) return known;
    // Mostly a refused change that no guard counts: nothing is looked for.
    if (given && entry >= (knownFrom ??= first)) return [];
    return placeRows.all(entry, writer).map((place) => ({ ...place, sequence: entry }));
  };

  /** Gives back what outcomes of the batch say. */
  const giveBack = (batch: LedgerBatch): void => {
    const { writer } = batch;
    for (const outcome of batch.outcomes) {
      const given = givesBack(outcome);
      const entry = given === null ? null : parseLedgerId(outcome.entry);
      if (given === null || entry?.writer !== writer) continue;
      const { sequence } = entry;
      if (!given && !gaveBack(sequence)) continue;
      const back = given ? 1 : 0;
      for (const place of placesOfEntry(sequence, batch, given)) {
        const { key, at } = place;
        if (giveBackRow.run(back, key, at, writer, sequence, back).changes === 0) continue;
        sums.turned(place, !given);
        turned.push([place, !given]);
      }
    }
  };

  /** Remembers places of entries that are open, and forgets those whose end is known. */
  const remember = ({ outcomes: ended, writer }: LedgerBatch, places: readonly Place[]): void => {
    for (const { key, at, sequence, amount } of places) {
      const kept = { key: sums.keyOf(key), at, amount, sequence };
      const others = open.get(sequence);
      if (others === undefined) open.set(sequence, [kept]);
      else others.push(kept);
    }
    for (const { entry, outcome } of ended) {
      const of = isFinal(outcome) ? parseLedgerId(entry) : null;
      if (of?.writer === writer) open.delete(of.sequence);
    }
    for (const sequence of open.keys()) {
      if (open.size <= openMax) break;
      open.delete(sequence);
      knownFrom = sequence + 1;
    }
  };

  /** Takes what the batch claims, or throws Unclaimable. */
  const take = (batch: LedgerBatch): readonly Place[] => {
    const items = judgeClaims(batch, {
      used: sums.used,
      oldest: sums.oldest,
      approved: (id, version, at) => approvedRow.get(id, version, at) !== undefined,
    });
    if (items.length > 0) throw new Unclaimable(items);
    const places = placesOf(batch);
    for (const { key, at, sequence, amount, until, givenBack } of places) {
      const given = givenBack ? 1 : 0;
      placeRow.run(sums.keyOf(key), at, batch.writer, sequence, amount, until, given);
    }
    for (const { id, version, entry, at } of releasesOf(batch)) {
      releaseRow.run(entry, at, id, version);
    }
    return places;
  };

  let taken: readonly Place[] = [];
  let applied: LedgerBatch | null = null;
  return Object.freeze({
    /** What outcomes of a batch give back, its own intents may take. */
    apply: (batch: LedgerBatch): void => {
      taken = [];
      turned = [];
      giveBack(batch);
      if (batch.claims.length > 0) taken = take(batch);
      knownFrom ??= batch.first;
      applied = batch;
    },
    /** The transaction of the batch that was applied last is on disk. */
    committed: (): void => {
      sums.taken(taken);
      if (applied !== null && (taken.length > 0 || open.size > 0)) remember(applied, taken);
      applied = null;
      turned = [];
    },
    /** It was undone. */
    undone: (): void => {
      for (const [place, counts] of turned) sums.turned(place, !counts);
      applied = null;
      turned = [];
    },
    /** These places were removed. */
    removed: sums.removed,
  });
};
