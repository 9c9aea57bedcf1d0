/**
 * Lines of deliveries, shared by gateways: one stands at the head (`ready`), the others wait in order of
 * their places. Whoever adds to a line or takes its head away holds the line's advisory lock, and reads
 * after it got it; so no head is missed and none is made twice (an index would refuse it). A claim
 * changes no line and takes no such lock.
 */
import type { Run, Statement } from './connection.ts';
import { lockOf } from './migrate.ts';

/** Locks are rows of a table of bounded size: whoever needs more than this takes all lines at once. */
const locksMax = 512;

const sql = {
  lock: {
    name: 'lock-lines',
    text: `SELECT pg_advisory_xact_lock_shared($3::bigint) UNION ALL
      SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT
        ('x' || encode(substr(line, 1, 8), 'hex'))::bit(64)::bigint # $2::bigint AS key
        FROM unnest($1::bytea[]) given(line) ORDER BY 1) keys`,
  },
  lockAll: { name: 'lock-all-lines', text: 'SELECT pg_advisory_xact_lock($1::bigint)' },
  join: {
    name: 'join-lines',
    text: `WITH outside AS (SELECT d.number, d.line, given.ordinal
        FROM unnest($1::bigint[]) WITH ORDINALITY given(number, ordinal)
        JOIN deliveries d ON d.number = given.number AND d.state = 0 ORDER BY given.ordinal),
      placed AS MATERIALIZED (SELECT number, line, ordinal, nextval('deliveries_place') AS place
        FROM outside),
      ranked AS (SELECT *, row_number() OVER (PARTITION BY line ORDER BY ordinal) = 1
        AND NOT EXISTS (SELECT 1 FROM deliveries h WHERE h.line = placed.line AND h.state = 1)
        AS heads FROM placed)
      UPDATE deliveries d SET place = ranked.place, state = CASE WHEN heads THEN 1 ELSE 2 END,
        gap_after = CASE WHEN heads THEN (SELECT delivery FROM gaps WHERE line = d.line) END
      FROM ranked WHERE d.number = ranked.number AND d.state = 0`,
  },
  follow: {
    name: 'follow-in-lines',
    text: `UPDATE deliveries d SET state = 1, due_at = greatest(d.due_at, $2::bigint),
        gap_after = (SELECT delivery FROM gaps WHERE line = d.line)
      FROM (SELECT following.number FROM unnest($1::bytea[]) given(line) CROSS JOIN LATERAL
          (SELECT w.number FROM deliveries w WHERE w.line = given.line AND w.state = 2
            ORDER BY w.place LIMIT 1) following) next
      WHERE d.number = next.number`,
  },
  openGaps: {
    name: 'open-gaps',
    text: `INSERT INTO gaps SELECT line, delivery, $3::bigint
        FROM unnest($1::bytea[], $2::text[]) given(line, delivery)
      ON CONFLICT (line) DO UPDATE SET delivery = excluded.delivery, at = excluded.at`,
  },
  closeGaps: { name: 'close-gaps', text: 'DELETE FROM gaps WHERE line = ANY ($1::bytea[])' },
  closeGapsOf: {
    name: 'close-gaps-of',
    text: `DELETE FROM gaps USING unnest($1::bytea[], $2::text[]) given(line, delivery)
      WHERE gaps.line = given.line AND gaps.delivery = given.delivery`,
  },
} satisfies Record<string, Statement>;

/** The delivery after which a line has a gap. */
export type Gap = Readonly<{ line: Buffer; delivery: string }>;

const columnsOf = (gaps: readonly Gap[]) => [
  gaps.map(({ line }) => line),
  gaps.map(({ delivery }) => delivery),
];

/** Moves deliveries along the lines of one schema; each call is a statement inside of a transaction. */
export const makeLines = (schema: string) => {
  const [own, all] = [lockOf(schema, 'line'), lockOf(schema, 'all lines')];
  return Object.freeze({
    /** Holds these lines until the end of the transaction. Comes before what reads them. */
    lock: async (run: Run, lines: readonly Buffer[]): Promise<void> => {
      if (lines.length > locksMax) await run(sql.lockAll, [all]);
      else if (lines.length > 0) await run(sql.lock, [lines, own, all]);
    },
    /** Puts scheduled deliveries at the ends of their lines, in this order. */
    join: async (run: Run, numbers: readonly number[]): Promise<void> => {
      if (numbers.length > 0) await run(sql.join, [numbers]);
    },
    /** After the heads of these lines left: the next are the heads, due at once; how many there were. */
    follow: async (run: Run, lines: readonly Buffer[], now: number): Promise<number> =>
      lines.length === 0 ? 0 : (await run(sql.follow, [lines, now])).count,
    /** Deliveries ended dead or discarded, one of a line. */
    openGaps: async (run: Run, gaps: readonly Gap[], now: number): Promise<void> => {
      if (gaps.length > 0) await run(sql.openGaps, [...columnsOf(gaps), now]);
    },
    /** One of each line was delivered. */
    closeGaps: async (run: Run, lines: readonly Buffer[]): Promise<void> => {
      if (lines.length > 0) await run(sql.closeGaps, [lines]);
    },
    /** The deliveries that made the gaps are in line again. */
    closeGapsOf: async (run: Run, gaps: readonly Gap[]): Promise<void> => {
      if (gaps.length > 0) await run(sql.closeGapsOf, columnsOf(gaps));
    },
  });
};

export type Lines = ReturnType<typeof makeLines>;
