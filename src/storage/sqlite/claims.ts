/** What intents claim, in the transaction that appends them: places in windows and held mutations. */
import type { Database } from 'better-sqlite3';
import { parseLedgerId } from '../../ids.ts';
import type { LedgerBatch } from '../../ledger/store.ts';
import {
  givesBack,
  judgeClaims,
  placeKey,
  placesOf,
  releasesOf,
  type Refused,
  type Use,
} from '../claim-places.ts';

const sql = {
  use: `SELECT coalesce(sum(amount), 0) AS used, min(at) AS oldest FROM places
    WHERE key = ? AND at > ? AND given_back = 0`,
  place: 'INSERT INTO places VALUES (?, ?, ?, ?, ?, ?, ?)',
  giveBack: 'UPDATE places SET given_back = ? WHERE sequence = ? AND writer = ?',
  approved: "SELECT 1 FROM holds WHERE id = ? AND state = 'approved' AND version = ?",
  release: `UPDATE holds SET state = 'released', version = version + 1, entry = ?, changed_at = ?
    WHERE id = ? AND state = 'approved' AND version = ?`,
};

const none: Use = { used: 0, oldest: null };

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
  const useRow = database.prepare<[Buffer, number], Use>(sql.use);
  const placeRow = database.prepare(sql.place);
  const giveBackRow = database.prepare(sql.giveBack);
  const approvedRow = database.prepare(sql.approved);
  const releaseRow = database.prepare(sql.release);

  /** Takes what the batch claims, or throws Unclaimable. */
  const take = (batch: LedgerBatch): void => {
    const keys = new Map<string, Buffer>();
    const uses = new Map<string, Use>();
    const keyOf = (key: string): Buffer => {
      const known = keys.get(key) ?? placeKey(key);
      keys.set(key, known);
      return known;
    };
    const items = judgeClaims(batch, {
      use: (key, from) => {
        const name = `${from}\n${key}`;
        const known = uses.get(name) ?? useRow.get(keyOf(key), from) ?? none;
        uses.set(name, known);
        return known;
      },
      approved: (id, version) => approvedRow.get(id, version) !== undefined,
    });
    if (items.length > 0) throw new Unclaimable(items);
    for (const { key, at, sequence, amount, until, givenBack } of placesOf(batch)) {
      const given = givenBack ? 1 : 0;
      placeRow.run(keyOf(key), at, batch.writer, sequence, amount, until, given);
    }
    for (const { id, version, entry, at } of releasesOf(batch)) {
      releaseRow.run(entry, at, id, version);
    }
  };
  const giveBack = ({ outcomes, writer }: LedgerBatch): void => {
    for (const outcome of outcomes) {
      const given = givesBack(outcome);
      if (given === null) continue;
      const entry = parseLedgerId(outcome.entry);
      if (entry?.writer === writer) giveBackRow.run(given ? 1 : 0, entry.sequence, writer);
    }
  };

  return Object.freeze({
    /** What outcomes of a batch give back, its own intents may take. */
    apply: (batch: LedgerBatch): void => {
      giveBack(batch);
      if (batch.claims.length > 0) take(batch);
    },
  });
};
