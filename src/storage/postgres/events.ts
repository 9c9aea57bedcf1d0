/** Webhooks on PostgreSQL: a batch of them is one transaction with its marks and deliveries. */
import type {
  DeliveryRow,
  EventRow,
  EventStore,
  Receiving,
  SourceState,
} from '../../deliveries/event-store.ts';
import { deliveryId, type DeliveryKey, type EventId } from '../../ids.ts';
import type { Sealed } from '../../sealing.ts';
import { bounds } from '../bounds.ts';
import { deliveryCode } from '../codes.ts';
import { cancelledBy, countsOf, eventColumns } from '../delivery-rows.ts';
import type { Run, Sessions, Statement } from './connection.ts';
import type { Lines } from './lines.ts';
import { takeMarks } from './marks.ts';
import { lockOf } from './migrate.ts';

const sql = {
  events: {
    name: 'add-events',
    text: `WITH given AS (SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[],
          $5::text[], $6::text[], $7::text[], $8::text[], $9::integer[], $10::integer[],
          $11::bytea[])
        e(id, route, at, sender, key_id, trace_id, span_id, config_version, items, bytes, sealed)),
      added AS (INSERT INTO events SELECT id, route, at, sender, key_id, trace_id, span_id,
        config_version, items, bytes, true FROM given)
      INSERT INTO event_bodies SELECT id, at, sealed FROM given`,
  },
  cancel: {
    name: 'cancel-scheduled',
    text: `UPDATE deliveries d SET state = 6, reason = '${cancelledBy}', due_at = $3::bigint
      FROM unnest($1::bytea[], $2::text[], $4::bytea[]) given(line, kind, subject)
      WHERE d.line = given.line AND d.subject = given.subject AND d.state = 0
        AND d.kind = given.kind`,
  },
  // In line are those given as waiting: the first of a line without a head heads it.
  deliveries: {
    name: 'add-deliveries',
    text: `WITH given AS (SELECT * FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[],
          $5::text[], $6::bytea[], $7::bytea[], $8::text[], $9::bigint[], $10::bigint[],
          $11::bigint[], $12::smallint[], $13::text[]) WITH ORDINALITY
        d(event, item, name, route, lane, line, subject, kind, observed_at, at, due_at, state,
          reason, ordinal)),
      ranked AS (SELECT *, state = 2
          AND row_number() OVER (PARTITION BY line, state ORDER BY ordinal) = 1
          AND NOT EXISTS (SELECT 1 FROM deliveries h WHERE h.line = given.line AND h.state = 1)
          AS heads FROM given ORDER BY ordinal)
      INSERT INTO deliveries (event, item, name, route, lane, line, subject, kind, observed_at, at,
        due_at, state, place, attempt, token, reason, gap_after, replayed)
      SELECT event, item, name, route, lane, line, subject, kind, observed_at, at, due_at,
        CASE WHEN heads THEN 1 ELSE state END, nextval('deliveries_place'), 0, 0, reason,
        CASE WHEN heads THEN (SELECT delivery FROM gaps WHERE gaps.line = ranked.line) END, false
      FROM ranked`,
  },
  sources: {
    name: 'note-sources',
    text: `INSERT INTO sources SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
      ON CONFLICT (route) DO UPDATE SET last_at = greatest(sources.last_at, excluded.last_at),
        sequence = greatest(sources.sequence, excluded.sequence)`,
  },
} satisfies Record<string, Statement>;

const addEvents = async (run: Run, events: readonly EventRow[]): Promise<void> => {
  const column = <Key extends keyof EventRow>(key: Key) => events.map((each) => each[key]);
  await run(sql.events, [
    column('id'),
    column('route'),
    column('at'),
    column('sender'),
    column('keyId'),
    column('traceId'),
    column('spanId'),
    column('configVersion'),
    column('items'),
    column('bytes'),
    column('sealed'),
  ]);
};

type Owed = DeliveryRow & Readonly<{ event: EventId; route: string; at: number; state: number }>;

const isCancelled = ({ line, subject, kind }: DeliveryRow, later: readonly Receiving[]): boolean =>
  later.some(({ cancels }) =>
    cancels.some(
      (each) => each.line.equals(line) && each.subject.equals(subject) && each.kinds.includes(kind),
    ),
  );

/** Deliveries of the stored events; later events of the batch may cancel those that wait for a date. */
const owedBy = (stored: readonly Receiving[]): readonly Owed[] => {
  const cancelling = stored.some(({ cancels }) => cancels.length > 0);
  return stored.flatMap(({ event, deliveries }, index) =>
    deliveries.map((delivery) => {
      const scheduled = delivery.dueAt > event.at;
      const cancelled = scheduled && cancelling && isCancelled(delivery, stored.slice(index + 1));
      const state = deliveryCode(cancelled ? 'cancelled' : scheduled ? 'scheduled' : 'waiting');
      return { ...delivery, event: event.id, route: event.route, at: event.at, state };
    }),
  );
};

const addDeliveries = async (run: Run, owed: readonly Owed[], now: number): Promise<void> => {
  const column = <Key extends keyof Owed>(key: Key) => owed.map((each) => each[key]);
  const cancelled = deliveryCode('cancelled');
  await run(sql.deliveries, [
    column('event'),
    column('item'),
    column('name'),
    column('route'),
    column('lane'),
    column('line'),
    column('subject'),
    column('kind'),
    column('observedAt'),
    column('at'),
    owed.map(({ state, dueAt }) => (state === cancelled ? now : dueAt)),
    column('state'),
    owed.map(({ state }) => (state === cancelled ? cancelledBy : null)),
  ]);
};

const noteSources = async (run: Run, sources: readonly SourceState[]): Promise<void> => {
  const merged = new Map<string, SourceState>();
  for (const { route, lastAt, sequence } of sources.slice(0, bounds.eventBatch)) {
    const before = merged.get(route);
    const numbers = [before?.sequence, sequence].filter((each) => typeof each === 'number');
    merged.set(route, {
      route,
      lastAt: Math.max(lastAt, before?.lastAt ?? lastAt),
      sequence: numbers.length === 0 ? null : Math.max(...numbers),
    });
  }
  const sorted = [...merged.values()].toSorted((a, b) => (a.route < b.route ? -1 : 1));
  await run(sql.sources, [
    sorted.map(({ route }) => route),
    sorted.map(({ lastAt }) => lastAt),
    sorted.map(({ sequence }) => sequence),
  ]);
};

/** Stores what is no repeat; true where something waits to be delivered now. */
const store = async (
  run: Run,
  { lines, stored, now }: Readonly<{ lines: Lines; stored: readonly Receiving[]; now: number }>,
): Promise<boolean> => {
  if (stored.length === 0) return false;
  const owed = owedBy(stored);
  const cancels = stored.flatMap((each) => each.cancels);
  await addEvents(
    run,
    stored.map(({ event }) => event),
  );
  if (owed.length === 0 && cancels.length === 0) return false;
  // Before the rows of a line, as everybody does; but after the rest, so that it is held for short.
  await lines.lock(
    run,
    [...owed, ...cancels].map(({ line }) => line),
  );
  if (cancels.length > 0) {
    const pairs = cancels.flatMap(({ kinds, ...of }) => kinds.map((kind) => ({ ...of, kind })));
    const column = <Key extends keyof (typeof pairs)[number]>(key: Key) =>
      pairs.map((pair) => pair[key]);
    await run(sql.cancel, [column('line'), column('kind'), now, column('subject')]);
  }
  if (owed.length === 0) return false;
  await addDeliveries(run, owed, now);
  return true;
};

const pruneSql = {
  alone: { text: 'SELECT pg_try_advisory_xact_lock($1::bigint) AS alone' },
  marks: {
    text: `DELETE FROM marks WHERE mark IN (SELECT mark FROM marks WHERE until <= $1
      ORDER BY until LIMIT ${bounds.eventSlice} FOR UPDATE SKIP LOCKED)`,
  },
  bodies: {
    text: `WITH gone AS (DELETE FROM event_bodies WHERE event IN
        (SELECT event FROM event_bodies b WHERE at < $1 AND NOT EXISTS
            (SELECT 1 FROM deliveries d WHERE d.event = b.event AND d.state IN (0, 1, 2))
          ORDER BY at LIMIT ${bounds.eventSlice}) RETURNING event)
      UPDATE events SET kept = false FROM gone WHERE events.id = gone.event`,
  },
  ended: {
    text: `WITH gone AS (DELETE FROM deliveries WHERE number IN
        (SELECT number FROM deliveries WHERE state >= 3 AND due_at < $1
          ORDER BY due_at LIMIT ${bounds.eventSlice} FOR UPDATE SKIP LOCKED) RETURNING number),
      forgotten AS (DELETE FROM attempts USING gone WHERE attempts.delivery = gone.number)
      SELECT number FROM gone`,
  },
  events: {
    text: `DELETE FROM events WHERE id IN (SELECT id FROM events e WHERE NOT kept AND at < $1
        AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.id)
      ORDER BY at LIMIT ${bounds.eventSlice})`,
  },
  gaps: {
    text: `DELETE FROM gaps WHERE line IN (SELECT line FROM gaps WHERE at < $1
      ORDER BY at LIMIT ${bounds.eventSlice} FOR UPDATE SKIP LOCKED)`,
  },
} satisfies Record<string, Statement>;

const makePrune =
  ({ transaction }: Sessions, schema: string): EventStore['prune'] =>
  ({ now, bodiesBefore, deliveriesBefore }) =>
    transaction(async (run) => {
      const lock = [lockOf(schema, 'prune events')];
      const { first } = await run<{ alone: boolean }>(pruneSql.alone, lock);
      if (first?.alone !== true) return false;
      const counts = [
        (await run(pruneSql.marks, [now])).count,
        (await run(pruneSql.bodies, [bodiesBefore])).count,
        (await run(pruneSql.ended, [deliveriesBefore])).count,
        (await run(pruneSql.events, [deliveriesBefore])).count,
        (await run(pruneSql.gaps, [deliveriesBefore])).count,
      ];
      return counts.includes(bounds.eventSlice);
    });

const readSql = {
  load: {
    text: `SELECT ${eventColumns}, b.sealed FROM events e
      LEFT JOIN event_bodies b ON b.event = e.id WHERE e.id = $1`,
  },
  deliveries: {
    text: 'SELECT event, item, name FROM deliveries WHERE event = $1 ORDER BY item, name',
  },
  list: {
    text: `SELECT ${eventColumns}, e.kept FROM events e
      WHERE ($1::text IS NULL OR e.route = $1) AND ($2::bigint IS NULL OR e.at >= $2)
        AND ($3::bigint IS NULL OR e.at < $3) AND ($4::text IS NULL OR e.id < $4)
      ORDER BY e.id DESC LIMIT $5`,
  },
  counts: {
    text: `SELECT event, state, count(*) AS count FROM deliveries
      WHERE event = ANY ($1::text[]) GROUP BY event, state`,
  },
  sources: { text: 'SELECT route, last_at AS "lastAt", sequence FROM sources ORDER BY route' },
} satisfies Record<string, Statement>;

type Row = Omit<EventRow, 'sealed'>;

const makeReads = ({ run }: Sessions): Pick<EventStore, 'load' | 'list' | 'sources'> => ({
  load: async (id) => {
    const { first } = await run<Row & { sealed: Sealed | null }>(readSql.load, [id]);
    if (first === undefined) return null;
    const { sealed, ...event } = first;
    const { rows } = await run<DeliveryKey>(readSql.deliveries, [id]);
    return { event, sealed, deliveries: rows.map(deliveryId) };
  },
  list: async ({ route = null, since = null, until = null, before = null, limit }) => {
    const asked = [route, since, until, before, Math.min(limit, bounds.eventsListed)];
    const { rows } = await run<Row & { kept: boolean }>(readSql.list, asked);
    const counted = await run<{ event: EventId; state: number; count: number }>(readSql.counts, [
      rows.map(({ id }) => id),
    ]);
    const counts = Map.groupBy(counted.rows, ({ event }) => event);
    return rows.map((event) => ({ ...event, deliveries: countsOf(counts.get(event.id) ?? []) }));
  },
  sources: async () => (await run<SourceState>(readSql.sources)).rows,
});

/** Events of all gateways. `hot` is for receipts alone with the outbox; `told` hears of what is due. */
export const makeEventStore = (
  deps: Readonly<{
    hot: Sessions;
    general: Sessions;
    schema: string;
    lines: Lines;
    told(): void;
  }>,
): EventStore => ({
  receive: async (given, sources, now) => {
    const batch = given.slice(0, bounds.eventBatch);
    if (batch.length === 0 && sources.length === 0) return [];
    const { received, due } = await deps.hot.transaction(async (run) => {
      const judged = await takeMarks(run, batch, now);
      const stored = batch.filter((_, index) => judged[index]?.kind === 'stored');
      const owes = await store(run, { lines: deps.lines, stored, now });
      if (sources.length > 0) await noteSources(run, sources);
      return { received: judged, due: owes };
    });
    if (due) deps.told();
    return received;
  },
  prune: makePrune(deps.general, deps.schema),
  ...makeReads(deps.general),
});
