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
import { makeWindowSums } from './window-sums.ts';

const sql = {
  place: 'INSERT INTO places VALUES (?, ?, ?, ?, ?, ?, ?)',
  giveBack: 'UPDATE places SET given_back = ? WHERE sequence = ? AND writer = ?',
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
  const approvedRow = database.prepare(sql.approved);
  const releaseRow = database.prepare(sql.release);

  /** Gives back what outcomes of the batch say; was there any? */
  const giveBack = ({ outcomes, writer }: LedgerBatch): boolean => {
    let changes = 0;
    for (const outcome of outcomes) {
      const given = givesBack(outcome);
      const entry = given === null ? null : parseLedgerId(outcome.entry);
      if (entry?.writer !== writer) continue;
      changes += giveBackRow.run(given === true ? 1 : 0, entry.sequence, writer).changes;
    }
    return changes > 0;
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

  let gaveBack = false;
  let taken: readonly Place[] = [];
  return Object.freeze({
    /** What outcomes of a batch give back, its own intents may take. */
    apply: (batch: LedgerBatch): void => {
      taken = [];
      gaveBack = giveBack(batch);
      if (gaveBack) sums.forget();
      if (batch.claims.length > 0) taken = take(batch);
    },
    /** The transaction of the batch that was applied last is on disk. */
    committed: (): void => sums.taken(taken),
    /** It was undone. */
    undone: (): void => {
      if (gaveBack) sums.forget();
    },
    /** Places were removed. */
    forget: sums.forget,
  });
};
