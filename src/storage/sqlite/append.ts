/**
 * Writes of the ledger: one batch is one transaction of one sealed row, its index rows, and what its
 * intents claim.
 */
import type { Database } from 'better-sqlite3';
import { parseLedgerId } from '../../ids.ts';
import type { Head, LedgerBatch } from '../../ledger/store.ts';
import type { Refused } from '../claim-places.ts';
import { decisions, isFinal, outcomes, settledBys } from '../codes.ts';
import { makeClaims, Unclaimable } from './claims.ts';
import type { MovedPlace } from './window-sums.ts';

const sql = {
  claim: 'INSERT OR IGNORE INTO chain VALUES (1, ?, 1, NULL, NULL)',
  chain: 'SELECT writer, first, anchor, anchored_at FROM chain',
  newest: 'SELECT first, count, digest, at_last FROM batches ORDER BY first DESC LIMIT 1',
  batch: 'INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)',
  bodies: 'INSERT INTO bodies VALUES (?, ?)',
  entry: 'INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)',
  opened: 'INSERT INTO open_entries VALUES (?)',
  outcome: 'INSERT INTO outcomes VALUES (?, ?, ?, ?, ?)',
  closed: 'DELETE FROM open_entries WHERE sequence = ?',
  lookups: 'INSERT INTO fresh_lookups VALUES (?, ?)',
  name: 'SELECT number FROM names WHERE name = ?',
  addName: 'INSERT INTO names (name) VALUES (?)',
  checkpoint: 'INSERT OR IGNORE INTO checkpoints VALUES (?, ?, ?)',
};

type ChainRow = {
  writer: string;
  first: number;
  anchor: Buffer | null;
  anchored_at: number | null;
};
type NewestRow = { first: number; count: number; digest: Buffer; at_last: number };

/** Names cached in memory; beyond, they are asked from the table. */
const namesMax = 50_000;

const makeNames = (database: Database) => {
  const select = database.prepare<[string], { number: number }>(sql.name);
  const insert = database.prepare(sql.addName);
  const known = new Map<string, number>();
  return {
    numberOf: (name: string): number => {
      let number = known.get(name);
      if (number === undefined) {
        number = select.get(name)?.number ?? Number(insert.run(name).lastInsertRowid);
        if (known.size >= namesMax) known.clear();
        known.set(name, number);
      }
      return number;
    },
    /** After a rollback: numbers given out in it may be given out again. */
    forget: () => known.clear(),
  };
};

export type Appender = Readonly<{
  head(candidate: string): Omit<Head, 'reserve' | 'closed'>;
  /** Gives the intents whose claims cannot be had; nothing is written where there are any. */
  append(batch: LedgerBatch): readonly Refused[];
  addCheckpoint(checkpoint: Readonly<{ size: number; at: number; note: string }>): void;
  /** Places in windows were removed beside it. */
  placesRemoved(places: readonly MovedPlace[]): void;
}>;

/** Prepares the writes on an open database. */
export const makeAppender = (database: Database): Appender => {
  const claim = database.prepare(sql.claim);
  const chain = database.prepare<[], ChainRow>(sql.chain);
  const newest = database.prepare<[], NewestRow>(sql.newest);
  const batchRow = database.prepare(sql.batch);
  const bodiesRow = database.prepare(sql.bodies);
  const entryRow = database.prepare(sql.entry);
  const openedRow = database.prepare(sql.opened);
  const outcomeRow = database.prepare(sql.outcome);
  const closedRow = database.prepare(sql.closed);
  const lookupsRow = database.prepare(sql.lookups);
  const checkpointRow = database.prepare(sql.checkpoint);
  const names = makeNames(database);
  const claims = makeClaims(database);

  const head = (candidate: string): Omit<Head, 'reserve' | 'closed'> => {
    if (chain.get() === undefined) claim.run(candidate);
    const { writer, first, anchor, anchored_at: anchoredAt } = chain.get() as ChainRow;
    const last = newest.get();
    return last === undefined
      ? { writer, next: first, digest: anchor, newestAt: anchoredAt }
      : { writer, next: last.first + last.count, digest: last.digest, newestAt: last.at_last };
  };

  const insert = database.transaction((batch: LedgerBatch): void => {
    const { next, digest, writer } = head(batch.writer);
    const continues =
      writer === batch.writer &&
      next === batch.first &&
      (digest === null || digest.equals(batch.previous));
    if (!continues) throw new TypeError('the batch does not continue the chain');
    claims.apply(batch);
    const { first, count, atFirst, atLast, records, bodies, lookups } = batch;
    batchRow.run(first, count, atFirst, atLast, batch.digest, records);
    if (bodies !== null) bodiesRow.run(first, bodies);
    if (lookups.length > 0) lookupsRow.run(first, lookups);
    for (const entry of batch.entries) {
      entryRow.run(
        entry.sequence,
        entry.at,
        names.numberOf(entry.client),
        names.numberOf(entry.route),
        names.numberOf(entry.target),
        names.numberOf(entry.actions),
        decisions.indexOf(entry.decision),
      );
      if (entry.decision === 'allow') openedRow.run(entry.sequence);
    }
    for (const { entry, sequence, outcome, settledBy, status } of batch.outcomes) {
      const settled = parseLedgerId(entry);
      // Entries of another writer are not in this file.
      if (settled === null || settled.writer !== writer) continue;
      const codes = [outcomes.indexOf(outcome), settledBys.indexOf(settledBy)] as const;
      outcomeRow.run(settled.sequence, sequence, ...codes, status);
      if (isFinal(outcome)) closedRow.run(settled.sequence);
    }
  });

  return Object.freeze({
    head,
    append: (batch: LedgerBatch): readonly Refused[] => {
      try {
        insert.immediate(batch);
        claims.committed();
        return [];
      } catch (error) {
        claims.undone();
        if (error instanceof Unclaimable) return error.items;
        names.forget();
        throw error;
      }
    },
    addCheckpoint: ({ size, at, note }): void => void checkpointRow.run(size, at, note),
    placesRemoved: claims.removed,
  } satisfies Appender);
};
