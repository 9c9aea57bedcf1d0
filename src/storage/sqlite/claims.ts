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
import { makeWindowSums, type MovedPlace } from './window-sums.ts';

const sql = {
  place: 'INSERT INTO places VALUES (?, ?, ?, ?, ?, ?, ?)',
  giveBack: `UPDATE places SET given_back = ? WHERE sequence = ? AND writer = ? AND given_back <> ?
    RETURNING key, at, amount`,
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
  const giveBackRow = database.prepare<[number, number, string, number], MovedPlace>(sql.giveBack);
  const approvedRow = database.prepare(sql.approved);
  const releaseRow = database.prepare(sql.release);

  /** What the transaction gave back or took again. */
  let turned: (readonly [place: MovedPlace, counts: boolean])[] = [];
  /** Gives back what outcomes of the batch say. */
  const giveBack = ({ outcomes, writer }: LedgerBatch): void => {
    for (const outcome of outcomes) {
      const given = givesBack(outcome);
      const entry = given === null ? null : parseLedgerId(outcome.entry);
      if (given === null || entry?.writer !== writer) continue;
      const back = given ? 1 : 0;
      for (const place of giveBackRow.all(back, entry.sequence, writer, back)) {
        sums.turned(place, !given);
        turned.push([place, !given]);
      }
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
  return Object.freeze({
    /** What outcomes of a batch give back, its own intents may take. */
    apply: (batch: LedgerBatch): void => {
      taken = [];
      turned = [];
      giveBack(batch);
      if (batch.claims.length > 0) taken = take(batch);
    },
    /** The transaction of the batch that was applied last is on disk. */
    committed: (): void => {
      sums.taken(taken);
      turned = [];
    },
    /** It was undone. */
    undone: (): void => {
      for (const [place, counts] of turned) sums.turned(place, !counts);
      turned = [];
    },
    /** These places were removed. */
    removed: sums.removed,
  });
};
