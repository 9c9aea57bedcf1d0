/** Webhooks on SQLite: a batch of them is one transaction with its marks and deliveries. */
import type { Database } from 'better-sqlite3';
import type {
  EventListed,
  EventRow,
  EventStore,
  ReceivedAs,
  Receiving,
  SourceState,
} from '../../deliveries/event-store.ts';
import { deliveryId, type DeliveryKey, type EventId } from '../../ids.ts';
import type { Sealed } from '../../sealing.ts';
import { bounds } from '../bounds.ts';
import { cancelledBy, countsOf, eventColumns } from '../delivery-rows.ts';
import { makeLines } from './lines.ts';

const sql = {
  marked: 'SELECT event FROM marks WHERE mark = ? AND until > ?',
  mark: `INSERT INTO marks VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET event = excluded.event, until = excluded.until`,
  event: `INSERT INTO events VALUES (@id, @route, @at, @sender, @keyId, @traceId, @spanId,
    @configVersion, @items, @bytes, 1)`,
  body: 'INSERT INTO event_bodies VALUES (?, ?, ?)',
  cancel: `UPDATE deliveries SET state = 6, reason = '${cancelledBy}', due_at = ?
    WHERE line = ? AND subject = ? AND state = 0 AND kind IN (SELECT value FROM json_each(?))`,
  delivery: `INSERT INTO deliveries (event, item, name, route, lane, line, subject, kind,
      observed_at, at, due_at, state, place, gap_after, attempt, token, replayed)
    VALUES (@event, @item, @name, @route, @lane, @line, @subject, @kind, @observedAt, @at, @dueAt,
      @state, @place, @gapAfter, 0, 0, 0)`,
  source: `INSERT INTO sources VALUES (@route, @lastAt, @sequence) ON CONFLICT DO UPDATE SET
    last_at = max(last_at, excluded.last_at),
    sequence = coalesce(max(sequence, excluded.sequence), sequence, excluded.sequence)`,
};

const scheduled = { state: 0, place: 0, gapAfter: null } as const;

const makeReceive = (database: Database) => {
  const marked = database.prepare<[Buffer, number], { event: EventId }>(sql.marked);
  const mark = database.prepare<[Buffer, EventId, number]>(sql.mark);
  const addEvent = database.prepare(sql.event);
  const addBody = database.prepare<[EventId, number, Sealed]>(sql.body);
  const cancel = database.prepare<[number, Buffer, Buffer, string]>(sql.cancel);
  const addDelivery = database.prepare(sql.delivery);
  const addSource = database.prepare(sql.source);
  const lines = makeLines(database);

  const receiveOne = (
    { event, marks, deliveries, cancels }: Receiving,
    now: number,
  ): ReceivedAs => {
    for (const each of marks) {
      const first = marked.get(each.mark, now);
      if (first !== undefined) return { kind: 'duplicate', of: first.event };
    }
    for (const each of marks) mark.run(each.mark, event.id, each.until);
    const { sealed, ...row } = event;
    const { id, route, at } = row;
    addEvent.run(row);
    addBody.run(id, at, sealed);
    for (const { line, subject, kinds } of cancels) {
      cancel.run(now, line, subject, JSON.stringify(kinds));
    }
    for (const delivery of deliveries) {
      const standing = delivery.dueAt > at ? scheduled : lines.endOf(delivery.line);
      addDelivery.run({ ...delivery, ...standing, event: id, route, at });
    }
    return { kind: 'stored' };
  };

  return database.transaction(
    (
      batch: readonly Receiving[],
      sources: readonly SourceState[],
      now: number,
    ): readonly ReceivedAs[] => {
      const received = batch.slice(0, bounds.eventBatch).map((each) => receiveOne(each, now));
      for (const source of sources.slice(0, bounds.eventBatch)) addSource.run(source);
      return received;
    },
  );
};

const pruneSql = {
  marks: `DELETE FROM marks WHERE mark IN
    (SELECT mark FROM marks WHERE until <= ? ORDER BY until LIMIT ${bounds.eventSlice})`,
  bodies: `SELECT event FROM event_bodies b WHERE at < ? AND NOT EXISTS
      (SELECT 1 FROM deliveries d WHERE d.event = b.event AND d.state IN (0, 1, 2))
    ORDER BY at LIMIT ${bounds.eventSlice}`,
  dropBody: 'DELETE FROM event_bodies WHERE event = ?',
  bare: 'UPDATE events SET kept = 0 WHERE id = ?',
  ended: `SELECT number FROM deliveries WHERE state >= 3 AND due_at < ?
    ORDER BY due_at LIMIT ${bounds.eventSlice}`,
  dropAttempts: 'DELETE FROM attempts WHERE delivery = ?',
  dropDelivery: 'DELETE FROM deliveries WHERE number = ?',
  events: `DELETE FROM events WHERE id IN (SELECT id FROM events e WHERE kept = 0 AND at < ?
      AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.id)
    ORDER BY at LIMIT ${bounds.eventSlice})`,
  gaps: `DELETE FROM gaps WHERE line IN
    (SELECT line FROM gaps WHERE at < ? ORDER BY at LIMIT ${bounds.eventSlice})`,
};

const makePrune = (database: Database) => {
  const marks = database.prepare<[number]>(pruneSql.marks);
  const bodies = database.prepare<[number], { event: EventId }>(pruneSql.bodies);
  const dropBody = database.prepare<[EventId]>(pruneSql.dropBody);
  const bare = database.prepare<[EventId]>(pruneSql.bare);
  const ended = database.prepare<[number], { number: number }>(pruneSql.ended);
  const dropAttempts = database.prepare<[number]>(pruneSql.dropAttempts);
  const dropDelivery = database.prepare<[number]>(pruneSql.dropDelivery);
  const events = database.prepare<[number]>(pruneSql.events);
  const gaps = database.prepare<[number]>(pruneSql.gaps);
  return database.transaction(
    ({ now, bodiesBefore, deliveriesBefore }: Parameters<EventStore['prune']>[0]): boolean => {
      const withoutBytes = bodies.all(bodiesBefore);
      for (const { event } of withoutBytes) {
        dropBody.run(event);
        bare.run(event);
      }
      const gone = ended.all(deliveriesBefore);
      for (const { number } of gone) {
        dropAttempts.run(number);
        dropDelivery.run(number);
      }
      const counts = [
        marks.run(now).changes,
        withoutBytes.length,
        gone.length,
        events.run(deliveriesBefore).changes,
        gaps.run(deliveriesBefore).changes,
      ];
      return counts.includes(bounds.eventSlice);
    },
  );
};

/** Writes of EventStore. */
export const makeEventWrites = (database: Database) => {
  const receive = makeReceive(database);
  const prune = makePrune(database);
  return {
    receiveEvents: (...given: Parameters<EventStore['receive']>) => receive.immediate(...given),
    pruneEvents: (limits: Parameters<EventStore['prune']>[0]) => prune.immediate(limits),
  };
};

const readSql = {
  load: `SELECT ${eventColumns}, b.sealed FROM events e LEFT JOIN event_bodies b ON b.event = e.id
    WHERE e.id = ?`,
  deliveries: 'SELECT event, item, name FROM deliveries WHERE event = ? ORDER BY item, name',
  list: `SELECT ${eventColumns}, e.kept FROM events e
    WHERE (@route IS NULL OR e.route = @route) AND (@since IS NULL OR e.at >= @since)
      AND (@until IS NULL OR e.at < @until) AND e.id < @before
    ORDER BY e.id DESC LIMIT @limit`,
  counts: 'SELECT state, count(*) AS count FROM deliveries WHERE event = ? GROUP BY state',
  sources: 'SELECT route, last_at AS lastAt, sequence FROM sources ORDER BY route',
};

/** Comes after every event id. */
const lastId = 'evt_g';

/** Reads of EventStore. */
export const makeEventReads = (database: Database) => {
  type Row = Omit<EventRow, 'sealed'>;
  const load = database.prepare<[EventId], Row & { sealed: Sealed | null }>(readSql.load);
  const deliveries = database.prepare<[EventId], DeliveryKey>(readSql.deliveries);
  const list = database.prepare<[object], Row & { kept: number }>(readSql.list);
  const counts = database.prepare<[EventId], { state: number; count: number }>(readSql.counts);
  const sources = database.prepare<[], SourceState>(readSql.sources);
  return {
    loadEvent: database.transaction((id: EventId): Awaited<ReturnType<EventStore['load']>> => {
      const found = load.get(id);
      if (found === undefined) return null;
      const { sealed, ...event } = found;
      return { event, sealed, deliveries: deliveries.all(id).map(deliveryId) };
    }),
    listEvents: database.transaction(
      (query: Parameters<EventStore['list']>[0]): readonly EventListed[] => {
        const { route = null, since = null, until = null, before = lastId } = query;
        const limit = Math.min(query.limit, bounds.eventsListed);
        return list.all({ route, since, until, before, limit }).map(({ kept, ...event }) => ({
          ...event,
          kept: kept === 1,
          deliveries: countsOf(counts.all(event.id)),
        }));
      },
    ),
    listSources: (): readonly SourceState[] => sources.all(),
  };
};
