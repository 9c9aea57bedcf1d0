/**
 * The statement that appends a batch, and its parameters: everything hangs on the row of the chain's
 * head, which moves or does not.
 */
import { parseLedgerId } from '../../ids.ts';
import type { LedgerBatch } from '../../ledger/store.ts';
import { givesBack } from '../claim-places.ts';
import { isFinal } from '../codes.ts';

/**
 * The one statement, of parameters $1 to $31. `before` are parts that run before the head moves, which it
 * only does if `holds` do, too; `after` are parts that hang on it; `answer` is what is asked for.
 */
export const appendText = (
  more: Readonly<{ before: string; holds: string; after: string; answer: string }>,
): string => `WITH ${more.before} head AS (
      UPDATE writers SET next = $3::bigint + $4::integer, digest = $8, newest_at = $6
      WHERE writer = $1 AND epoch = $2 AND state = 'live' AND next = $3
        AND (digest IS NULL OR digest = $7) ${more.holds}
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
      FROM head, generate_series(1, length($11::bytea), 26) at),
    given AS (UPDATE places p SET given_back = g.given_back FROM head,
        unnest($29::text[], $30::bigint[], $31::boolean[]) g(writer, sequence, given_back)
      WHERE p.writer = g.writer AND p.sequence = g.sequence)
      ${more.after}
    ${more.answer}`;

/** Arrays of numbers are written here: the driver would quote each of them. */
export const numbers = (list: readonly (number | null)[]): string =>
  `{${list.map((each) => each ?? 'NULL').join(',')}}`;

/** The parameters of a batch under an epoch, in order. */
export const parametersOf = (batch: LedgerBatch, epoch: number): readonly unknown[] => {
  const { entries } = batch;
  const outcomes = batch.outcomes.flatMap((outcome) => {
    const entry = parseLedgerId(outcome.entry);
    return entry === null ? [] : [{ ...outcome, settled: entry }];
  });
  const final = outcomes.filter(({ outcome }) => isFinal(outcome));
  const given = outcomes.filter((outcome) => givesBack(outcome) !== null);
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
    given.map(({ settled }) => settled.writer),
    numbers(given.map(({ settled }) => settled.sequence)),
    given.map((outcome) => givesBack(outcome)),
  ];
};
