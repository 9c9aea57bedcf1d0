/** What is due, counted, listed and shown of deliveries on PostgreSQL. */
import type { AttemptRow, OutboxStore } from '../../deliveries/outbox-store.ts';
import { parseDeliveryId, type EventId } from '../../ids.ts';
import type { Sealed } from '../../sealing.ts';
import { bounds } from '../bounds.ts';
import { deliveryCode } from '../codes.ts';
import { listedColumns, listedOf, type ListedRow } from '../delivery-rows.ts';
import { tallyLanes, type LaneTally } from '../lane-counts.ts';
import type { Sessions, Statement } from './connection.ts';

const sql = {
  nextDue: {
    name: 'next-due',
    text: `SELECT min(at) AS at FROM (
        SELECT due.at FROM unnest($1::text[]) wanted(lane) CROSS JOIN LATERAL
          (SELECT due_at AS at FROM deliveries
            WHERE lane = wanted.lane AND state = 1 ORDER BY due_at LIMIT 1) due
        UNION ALL
        (SELECT due_at AS at FROM deliveries WHERE state = 0 ORDER BY due_at LIMIT 1)) times`,
  },
  newer: {
    name: 'newer-deliveries',
    text: `SELECT d.event, d.item, d.kind, b.sealed FROM deliveries d
      LEFT JOIN event_bodies b ON b.event = d.event
      WHERE d.line = $1 AND d.state = 3 AND d.observed_at > $2
      ORDER BY d.observed_at DESC LIMIT ${bounds.newer}`,
  },
  counts: {
    text: `SELECT lane, 'pending' AS what, count(*) AS count, min(at) AS "oldestAt"
        FROM deliveries WHERE state IN (1, 2) GROUP BY lane
      UNION ALL SELECT lane, 'scheduled', count(*), NULL FROM deliveries WHERE state = 0 GROUP BY lane
      UNION ALL SELECT lane, 'dead', count(*), NULL FROM deliveries WHERE state = 8 GROUP BY lane`,
  },
  show: {
    text: `SELECT ${listedColumns}, d.number FROM deliveries d JOIN events e ON e.id = d.event
      WHERE d.event = $1 AND d.item = $2 AND d.name = $3`,
  },
  attempts: {
    text: `SELECT at, ms, status, reason, detail, span_id AS "spanId", ledger_ids AS "ledgerIds"
      FROM attempts WHERE delivery = $1 ORDER BY ordinal DESC`,
  },
} satisfies Record<string, Statement>;

/** Conditions of a list, each there only where it is asked for, so that an index can serve it. */
const listStatement = (query: Parameters<OutboxStore['list']>[0]) => {
  const values: unknown[] = [Math.min(query.limit, bounds.eventsListed)];
  const place = (value: unknown): string => `$${values.push(value)}`;
  const before = query.before === undefined ? null : parseDeliveryId(query.before);
  const conditions = [
    ...(query.state === undefined ? [] : [`d.state = ${deliveryCode(query.state)}`]),
    ...(query.lane === undefined ? [] : [`d.lane = ${place(query.lane)}`]),
    ...(query.event === undefined ? [] : [`d.event = ${place(query.event)}`]),
    ...(before === null
      ? []
      : [
          `(d.event, d.item, d.name) <
            (${place(before.event)}, ${place(before.item)}, ${place(before.name)})`,
        ]),
  ];
  const text = `SELECT ${listedColumns} FROM deliveries d JOIN events e ON e.id = d.event
    ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
    ORDER BY d.event DESC, d.item DESC, d.name DESC LIMIT $1`;
  return { statement: { text }, values, isNone: query.before !== undefined && before === null };
};

type Reads = Pick<OutboxStore, 'nextDueAt' | 'newer' | 'counts' | 'list' | 'show'>;
type Newer = Readonly<{ event: EventId; item: number; kind: string; sealed: Sealed | null }>;

/** Reads of OutboxStore. */
export const makeOutboxReads = ({
  hot,
  general: { run },
}: Readonly<{ hot: Sessions; general: Sessions }>): Reads => ({
  nextDueAt: async (lanes) =>
    (await hot.run<{ at: number | null }>(sql.nextDue, [lanes])).first?.at ?? null,
  newer: async ({ line, observedAt }) => (await hot.run<Newer>(sql.newer, [line, observedAt])).rows,
  counts: async () => tallyLanes((await run<LaneTally>(sql.counts)).rows),
  list: async (query) => {
    const { statement, values, isNone } = listStatement(query);
    return isNone ? [] : (await run<ListedRow>(statement, values)).rows.map(listedOf);
  },
  show: async ({ event, item, name }) => {
    const { first } = await run<ListedRow & { number: number }>(sql.show, [event, item, name]);
    if (first === undefined) return null;
    const { number, ...row } = first;
    const { rows } = await run<AttemptRow>(sql.attempts, [number]);
    return { delivery: listedOf(row), attempts: rows };
  },
});
