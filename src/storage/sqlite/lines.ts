/**
 * Lines of deliveries: one stands at the head (`ready`), the others wait in order of their places. All
 * of it runs inside a transaction of the writer; every step is one look into an index.
 */
import type { Database } from 'better-sqlite3';

const sql = {
  headed: 'SELECT 1 AS yes FROM deliveries WHERE line = ? AND state = 1',
  last: 'SELECT max(place) AS place FROM deliveries WHERE line = ? AND state = 2',
  next: 'SELECT number FROM deliveries WHERE line = ? AND state = 2 ORDER BY place LIMIT 1',
  gap: 'SELECT delivery FROM gaps WHERE line = ?',
  openGap: `INSERT INTO gaps VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET delivery = excluded.delivery, at = excluded.at`,
  closeGap: 'DELETE FROM gaps WHERE line = ?',
  closeGapOf: 'DELETE FROM gaps WHERE line = ? AND delivery = ?',
  place: 'UPDATE deliveries SET state = ?, place = ?, gap_after = ? WHERE number = ?',
  promote:
    'UPDATE deliveries SET state = 1, gap_after = ?, due_at = max(due_at, ?) WHERE number = ?',
};

/** Where a delivery comes to stand that joins the end of a line. */
export type Standing = Readonly<{ state: 1 | 2; place: number; gapAfter: string | null }>;

/** Prepares what moves deliveries along their lines. */
export const makeLines = (database: Database) => {
  const headed = database.prepare<[Buffer], { yes: number }>(sql.headed);
  const last = database.prepare<[Buffer], { place: number | null }>(sql.last);
  const next = database.prepare<[Buffer], { number: number }>(sql.next);
  const gap = database.prepare<[Buffer], { delivery: string }>(sql.gap);
  const openGap = database.prepare<[Buffer, string, number]>(sql.openGap);
  const closeGap = database.prepare<[Buffer]>(sql.closeGap);
  const closeGapOf = database.prepare<[Buffer, string]>(sql.closeGapOf);
  const place = database.prepare<[number, number, string | null, number]>(sql.place);
  const promote = database.prepare<[string | null, number, number]>(sql.promote);

  const gapOf = (line: Buffer): string | null => gap.get(line)?.delivery ?? null;
  const endOf = (line: Buffer): Standing =>
    headed.get(line) === undefined
      ? { state: 1, place: 0, gapAfter: gapOf(line) }
      : { state: 2, place: (last.get(line)?.place ?? 0) + 1, gapAfter: null };
  return Object.freeze({
    endOf,
    /** Puts a delivery that stands outside of its line at the end of it. */
    join: ({ number, line }: Readonly<{ number: number; line: Buffer }>): void => {
      const standing = endOf(line);
      place.run(standing.state, standing.place, standing.gapAfter, number);
    },
    /** After the head left: the next is the head, due at once. */
    follow: (line: Buffer, now: number): void => {
      const found = next.get(line);
      if (found !== undefined) promote.run(gapOf(line), now, found.number);
    },
    /** A delivery of the line ended dead or discarded. */
    openGap: (line: Buffer, delivery: string, now: number): void => {
      openGap.run(line, delivery, now);
    },
    /** One of the line was delivered. */
    closeGap: (line: Buffer): void => {
      closeGap.run(line);
    },
    /** The delivery that made the gap is in line again. */
    closeGapOf: (line: Buffer, delivery: string): void => {
      closeGapOf.run(line, delivery);
    },
  });
};
