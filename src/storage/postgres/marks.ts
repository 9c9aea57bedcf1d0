/**
 * Which events of a batch are repeats. Marks are taken by one statement in order of their bytes: where
 * two gateways bring one at once, the second waits for the first and then sees it.
 */
import type { Mark, ReceivedAs, Receiving } from '../../deliveries/event-store.ts';
import type { EventId } from '../../ids.ts';
import type { Run, Statement } from './connection.ts';

const sql = {
  // A mark whose time has passed counts as absent.
  take: {
    name: 'take-marks',
    text: `INSERT INTO marks SELECT * FROM unnest($1::bytea[], $2::text[], $3::bigint[])
      ON CONFLICT (mark) DO UPDATE SET event = excluded.event, until = excluded.until
        WHERE marks.until <= $4::bigint
      RETURNING mark`,
  },
  held: {
    name: 'held-marks',
    text: `SELECT mark, event FROM marks WHERE mark = ANY ($1::bytea[]) AND until > $2::bigint`,
  },
  put: {
    name: 'put-marks',
    text: `INSERT INTO marks SELECT * FROM unnest($1::bytea[], $2::text[], $3::bigint[])
      ON CONFLICT (mark) DO UPDATE SET event = excluded.event, until = excluded.until`,
  },
  drop: { name: 'drop-marks', text: 'DELETE FROM marks WHERE mark = ANY ($1::bytea[])' },
} satisfies Record<string, Statement>;

type Owned = Readonly<{ mark: Buffer; event: EventId; until: number }>;
type Marks = ReadonlyMap<string, Owned>;

const nameOf = (mark: Buffer): string => mark.toString('hex');
const owned = (event: EventId, { mark, until }: Mark): Owned => ({ mark, event, until });

const columnsOf = (marks: readonly Owned[]) => [
  marks.map(({ mark }) => mark),
  marks.map(({ event }) => event),
  marks.map(({ until }) => until),
];

/** Each mark once, for the first event that brings it, in order of bytes. */
const wantedOf = (batch: readonly Receiving[]): Marks => {
  const wanted = new Map<string, Owned>();
  for (const { event, marks } of batch)
    for (const each of marks) {
      const name = nameOf(each.mark);
      if (!wanted.has(name)) wanted.set(name, owned(event.id, each));
    }
  return new Map([...wanted].toSorted(([a], [b]) => (a < b ? -1 : 1)));
};

const readHeld = async (
  run: Run,
  names: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, EventId>> => {
  if (names.length === 0) return new Map();
  const marks = names.map((name) => Buffer.from(name, 'hex'));
  const { rows } = await run<{ mark: Buffer; event: EventId }>(sql.held, [marks, now]);
  return new Map(rows.map(({ mark, event }) => [nameOf(mark), event]));
};

/** Judges in the order of the batch; gives also who owns which mark in the end. */
const judge = (
  batch: readonly Receiving[],
  held: ReadonlyMap<string, EventId>,
): Readonly<{ received: readonly ReceivedAs[]; final: Marks }> => {
  const final = new Map<string, Owned>();
  const received = batch.map(({ event, marks }): ReceivedAs => {
    for (const { mark } of marks) {
      const of = held.get(nameOf(mark)) ?? final.get(nameOf(mark))?.event;
      if (of !== undefined) return { kind: 'duplicate', of };
    }
    for (const each of marks) final.set(nameOf(each.mark), owned(event.id, each));
    return { kind: 'stored' };
  });
  return { received, final };
};

/** Takes the marks of those that are no repeats, and says which are. */
export const takeMarks = async (
  run: Run,
  batch: readonly Receiving[],
  now: number,
): Promise<readonly ReceivedAs[]> => {
  const wanted = wantedOf(batch);
  if (wanted.size === 0) return batch.map(() => ({ kind: 'stored' }));
  const { rows } = await run<{ mark: Buffer }>(sql.take, [...columnsOf([...wanted.values()]), now]);
  const taken = new Set(rows.map(({ mark }) => nameOf(mark)));
  const missed = [...wanted.keys()].filter((name) => !taken.has(name));
  const { received, final } = judge(batch, await readHeld(run, missed, now));
  // A repeat keeps none of its marks; another event of the batch may own one instead.
  const wrong = [...final].filter(
    ([name, { event }]) => !taken.has(name) || wanted.get(name)?.event !== event,
  );
  if (wrong.length > 0) await run(sql.put, columnsOf(wrong.map(([, each]) => each)));
  const extra = [...taken].filter((name) => !final.has(name));
  if (extra.length > 0) await run(sql.drop, [extra.map((name) => Buffer.from(name, 'hex'))]);
  return received;
};
