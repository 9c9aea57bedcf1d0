/** What is due, counted, listed and shown of deliveries on SQLite: reads of OutboxStore. */
import type { Database } from 'better-sqlite3';
import type {
  AttemptRow,
  DeliveryListed,
  LaneCount,
  OutboxStore,
} from '../../deliveries/outbox-store.ts';
import { parseDeliveryId, type DeliveryKey, type EventId } from '../../ids.ts';
import type { Sealed } from '../../sealing.ts';
import { bounds } from '../bounds.ts';
import { deliveryCode } from '../codes.ts';
import { listedColumns, listedOf, type ListedRow } from '../delivery-rows.ts';
import { tallyLanes, type LaneTally } from '../lane-counts.ts';

const sql = {
  due: 'SELECT min(due_at) AS at FROM deliveries WHERE lane = ? AND state = 1',
  scheduled: 'SELECT min(due_at) AS at FROM deliveries WHERE state = 0',
  newer: `SELECT d.event, d.item, d.kind, b.sealed FROM deliveries d
    LEFT JOIN event_bodies b ON b.event = d.event
    WHERE d.line = ? AND d.state = 3 AND d.observed_at > ?
    ORDER BY d.observed_at DESC LIMIT ${bounds.newer}`,
  pending: `SELECT lane, 'pending' AS what, count(*) AS count, min(at) AS oldestAt FROM deliveries
    WHERE state IN (1, 2) GROUP BY lane`,
  waiting: `SELECT lane, 'scheduled' AS what, count(*) AS count, NULL AS oldestAt FROM deliveries
    WHERE state = 0 GROUP BY lane`,
  dead: `SELECT lane, 'dead' AS what, count(*) AS count, NULL AS oldestAt FROM deliveries
    WHERE state = 8 GROUP BY lane`,
  show: `SELECT ${listedColumns}, d.number FROM deliveries d JOIN events e ON e.id = d.event
    WHERE d.event = @event AND d.item = @item AND d.name = @name`,
  attempts: `SELECT at, ms, status, reason, detail, span_id AS spanId, ledger_ids AS ledgerIds
    FROM attempts WHERE delivery = ? ORDER BY ordinal DESC`,
};

/** Conditions of a list, each there only where it is asked for, so that an index can serve it. */
const listSql = (query: Parameters<OutboxStore['list']>[0]): string => {
  const conditions = [
    ...(query.state === undefined ? [] : [`d.state = ${deliveryCode(query.state)}`]),
    ...(query.lane === undefined ? [] : ['d.lane = @lane']),
    ...(query.event === undefined ? [] : ['d.event = @ofEvent']),
    ...(query.before === undefined ? [] : ['(d.event, d.item, d.name) < (@event, @item, @name)']),
  ];
  return `SELECT ${listedColumns} FROM deliveries d JOIN events e ON e.id = d.event
    ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
    ORDER BY d.event DESC, d.item DESC, d.name DESC LIMIT @limit`;
};

type Newer = Awaited<ReturnType<OutboxStore['newer']>>[number];
type At = { at: number | null };

/** Reads of OutboxStore. */
export const makeOutboxReads = (database: Database) => {
  const due = database.prepare<[string], At>(sql.due);
  const scheduled = database.prepare<[], At>(sql.scheduled);
  const newer = database.prepare<
    [Buffer, number],
    { event: EventId; item: number; kind: string; sealed: Sealed | null }
  >(sql.newer);
  const counts = [sql.pending, sql.waiting, sql.dead].map((text) =>
    database.prepare<[], LaneTally>(text),
  );
  const show = database.prepare<[DeliveryKey], ListedRow & { number: number }>(sql.show);
  const attempts = database.prepare<[number], AttemptRow & { ledgerIds: string }>(sql.attempts);
  return {
    nextDueAt: (lanes: readonly string[]): number | null => {
      const found = [...lanes.map((lane) => due.get(lane)), scheduled.get()];
      const times = found.flatMap((each) => each?.at ?? []);
      return times.length === 0 ? null : Math.min(...times);
    },
    newerDeliveries: ({ line, observedAt }: Parameters<OutboxStore['newer']>[0]): Newer[] =>
      newer.all(line, observedAt),
    countDeliveries: database.transaction((): readonly LaneCount[] =>
      tallyLanes(counts.flatMap((each) => each.all())),
    ),
    listDeliveries: (query: Parameters<OutboxStore['list']>[0]): readonly DeliveryListed[] => {
      const before = query.before === undefined ? null : parseDeliveryId(query.before);
      if (query.before !== undefined && before === null) return [];
      const list = database.prepare<[object], ListedRow>(listSql(query));
      const limit = Math.min(query.limit, bounds.eventsListed);
      return list.all({ ...query, ...before, ofEvent: query.event, limit }).map(listedOf);
    },
    showDelivery: database.transaction(
      (key: DeliveryKey): Awaited<ReturnType<OutboxStore['show']>> => {
        const found = show.get(key);
        if (found === undefined) return null;
        const { number, ...row } = found;
        const tries = attempts.all(number).map((each) => ({
          ...each,
          ledgerIds: JSON.parse(each.ledgerIds) as string[],
        }));
        return { delivery: listedOf(row), attempts: tries };
      },
    ),
  };
};
