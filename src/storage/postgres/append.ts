/**
 * Writes of the ledger. A batch is one statement in one round trip, a transaction of its own: it
 * moves the head of its chain if that stands where the batch begins, and everything else follows from
 * that row. The head is fenced: a failed append may still be under way, or lie unread in the server's
 * socket, so asking where the chain stands raises its epoch, and an append of an older epoch moves
 * nothing. Raising waits for the row's lock, so what was under way has ended by then.
 */
import { GatewayError } from '../../errors.ts';
import { parseLedgerId } from '../../ids.ts';
import type { Appended, Head, LedgerBatch, LedgerStore } from '../../ledger/store.ts';
import { isFinal } from '../codes.ts';
import { codeOf, type Sessions, type Statement } from './connection.ts';

/** The chain this store claimed; the epoch is what its next append must be under. */
export type Claim = Readonly<{ writer: string; claim: number; epoch: number }>;

/** Holds the claim of one opened store. Appends, turns and leases of it stand on this. */
export type Claimed = { current: Claim | null };

const append: Statement = {
  name: 'append',
  text: `WITH head AS (
      UPDATE writers SET next = $3::bigint + $4::integer, digest = $8, newest_at = $6
      WHERE writer = $1 AND epoch = $2 AND state = 'live' AND next = $3
        AND (digest IS NULL OR digest = $7)
      RETURNING writer),
    batch AS (INSERT INTO batches
      SELECT writer, $3, $4, $5, $6, $8, $9, $11 FROM head),
    bodies AS (INSERT INTO bodies
      SELECT writer, $3, $6, $10::bytea FROM head WHERE $10::bytea IS NOT NULL),
    entries AS (INSERT INTO entries
      SELECT head.writer, e.* FROM head, unnest($12::bigint[], $13::bigint[], $14::text[],
        $15::text[], $16::text[], $17::text[], $18::text[]) e),
    opened AS (INSERT INTO open_entries
      SELECT head.writer, o.sequence, head.writer FROM head, unnest($19::bigint[]) o(sequence)),
    outcomes AS (INSERT INTO outcomes
        (entry_writer, entry_sequence, writer, sequence, outcome, settled_by, status)
      SELECT o.* FROM head, unnest($20::text[], $21::bigint[], $22::text[], $23::bigint[],
        $24::text[], $25::text[], $26::integer[]) o),
    closed AS (DELETE FROM open_entries o USING head, unnest($27::text[], $28::bigint[])
        c(writer, sequence)
      WHERE o.writer = c.writer AND o.sequence = c.sequence),
    lookups AS (INSERT INTO lookups
      SELECT substr($11::bytea, at, 16), substr($11::bytea, at + 16, 10)
      FROM head, generate_series(1, length($11::bytea), 26) at)
    SELECT 1 FROM head`,
};

const sql = {
  whose: {
    text: 'SELECT epoch, claim, state FROM writers WHERE writer = $1',
  },
  fence: {
    text: `UPDATE writers SET epoch = epoch + 1
      WHERE writer = $1 AND claim = $2 AND state = 'live'
      RETURNING writer, next, digest, newest_at AS "newestAt", epoch, false AS closed`,
  },
  head: {
    text: `SELECT writer, next, digest, newest_at AS "newestAt", state = 'closed' AS closed
      FROM writers WHERE writer = $1`,
  },
  checkpoint: {
    text: `INSERT INTO checkpoints VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
  },
} satisfies Record<string, Statement>;

type HeadRow = Omit<Head, 'reserve'>;

/** Arrays of numbers are written here: the driver would quote each of them. */
const numbers = (list: readonly (number | null)[]): string =>
  `{${list.map((each) => each ?? 'NULL').join(',')}}`;

const parametersOf = (batch: LedgerBatch, epoch: number): readonly unknown[] => {
  const { entries } = batch;
  const outcomes = batch.outcomes.flatMap((outcome) => {
    const entry = parseLedgerId(outcome.entry);
    return entry === null ? [] : [{ ...outcome, settled: entry }];
  });
  const final = outcomes.filter(({ outcome }) => isFinal(outcome));
  // The statement sees the table as it was before: what the batch settles itself is never opened.
  const settledHere = new Set(
    final.flatMap(({ settled }) => (settled.writer === batch.writer ? [settled.sequence] : [])),
  );
  const opened = entries.filter(
    ({ decision, sequence }) => decision === 'allow' && !settledHere.has(sequence),
  );
  return [
    batch.writer,
    epoch,
    batch.first,
    batch.count,
    batch.atFirst,
    batch.atLast,
    batch.previous,
    batch.digest,
    batch.records,
    batch.bodies,
    batch.lookups,
    numbers(entries.map(({ sequence }) => sequence)),
    numbers(entries.map(({ at }) => at)),
    entries.map(({ client }) => client),
    entries.map(({ route }) => route),
    entries.map(({ target }) => target),
    entries.map(({ actions }) => actions),
    entries.map(({ decision }) => decision),
    numbers(opened.map(({ sequence }) => sequence)),
    outcomes.map(({ settled }) => settled.writer),
    numbers(outcomes.map(({ settled }) => settled.sequence)),
    outcomes.map(({ writer }) => writer),
    numbers(outcomes.map(({ sequence }) => sequence)),
    outcomes.map(({ outcome }) => outcome),
    outcomes.map(({ settledBy }) => settledBy),
    numbers(outcomes.map(({ status }) => status)),
    final.map(({ settled }) => settled.writer),
    numbers(final.map(({ settled }) => settled.sequence)),
  ];
};

const diskFull = '53100';

/** The ledger's writes by this store's claim. */
export const makeAppends = (
  sessions: Sessions,
  claimed: Claimed,
): Pick<LedgerStore, 'head' | 'append' | 'addCheckpoint'> => {
  /** Why an append moved nothing. Whatever it was, that append can move nothing any more. */
  const refusal = async ({ writer }: LedgerBatch, mine: Claim): Promise<Appended> => {
    const { rows } = await sessions.run<{ epoch: number; claim: number; state: string }>(
      sql.whose,
      [writer],
    );
    const [row] = rows;
    if (row === undefined || row.state !== 'live' || row.claim !== mine.claim) {
      return { kind: 'closed' };
    }
    throw new TypeError(
      row.epoch === mine.epoch
        ? 'the batch does not continue the chain'
        : 'the epoch of the chain has passed',
    );
  };
  return {
    head: async (writer) => {
      const mine = claimed.current?.writer === writer ? claimed.current : null;
      if (mine !== null) {
        const { rows } = await sessions.run<HeadRow & { epoch: number }>(sql.fence, [
          writer,
          mine.claim,
        ]);
        const [row] = rows;
        if (row !== undefined) {
          const { epoch, ...head } = row;
          if (claimed.current?.claim === mine.claim) claimed.current = { ...mine, epoch };
          return { ...head, reserve: true };
        }
      }
      // Chains of others are only looked at: raising their epoch would stop their writers.
      const { rows } = await sessions.run<HeadRow>(sql.head, [writer]);
      const [row] = rows;
      if (row === undefined && mine === null) {
        throw new GatewayError('ledger_unavailable', { detail: 'There is no such chain.' });
      }
      const none = { writer, next: 1, digest: null, newestAt: null };
      return { ...(row ?? none), closed: mine !== null || row?.closed === true, reserve: true };
    },
    append: async (batch) => {
      const mine = claimed.current;
      if (mine === null || mine.writer !== batch.writer) {
        throw new GatewayError('ledger_unavailable', {
          cause: new TypeError('this store did not claim the chain'),
        });
      }
      try {
        const { count } = await sessions.run(append, parametersOf(batch, mine.epoch));
        if (count === 1) return { kind: 'committed', reserve: true };
        return await refusal(batch, mine);
      } catch (error) {
        const cause = error instanceof GatewayError ? error.cause : error;
        // The statement failed as a whole, so it is certainly not written. There is no reserve to
        // use: the queue asks for the head, which tells it to try again.
        if (codeOf(cause) === diskFull) return { kind: 'full' };
        throw error instanceof GatewayError
          ? error
          : new GatewayError('ledger_unavailable', { cause: error });
      }
    },
    addCheckpoint: async ({ writer, size, at, note }) => {
      await sessions.run(sql.checkpoint, [writer, size, at, note]);
    },
  };
};
