/**
 * What both engines know alike of deliveries: how a row becomes what is listed or claimed, and which
 * states a person's act applies to.
 */
import type { DeliveryState, EventListed } from '../deliveries/event-store.ts';
import type { Claimed, DeliveryListed, OutboxStore } from '../deliveries/outbox-store.ts';
import { deliveryId, type DeliveryId, type EventId, type SpanId, type TraceId } from '../ids.ts';
import type { Sealed } from '../sealing.ts';
import { deliveryState } from './codes.ts';

/** What a person may do. */
export type Act = Parameters<OutboxStore['act']>[0];

const resumed: readonly DeliveryState[] = ['ready', 'dead', 'discarded', 'cancelled'];

/** States that an act applies to; a claimed delivery is left alone by all of them. */
export const statesOf: Readonly<Record<Act, readonly DeliveryState[]>> = Object.freeze({
  retry: resumed,
  replay: [...resumed, 'delivered', 'skipped', 'superseded'],
  discard: ['ready', 'waiting', 'scheduled', 'dead'],
});

/** Why a delivery ended that was cancelled by a newer event of its line. */
export const cancelledBy = 'newer-event';

/** Columns that `claimedOf` reads, of `deliveries d`, `events e` and `event_bodies b`. */
export const claimedColumns = `d.event, d.item, d.name, d.route, d.lane, d.line, d.kind,
  d.observed_at AS "observedAt", d.attempt, d.token, d.lease_until AS "leaseUntil",
  d.gap_after AS "gapAfter", d.replayed, e.at, e.sender, e.key_id AS "keyId",
  e.trace_id AS "traceId", e.span_id AS "spanId", b.sealed,
  EXISTS (SELECT 1 FROM deliveries o WHERE o.line = d.line AND o.state = 3
    AND o.observed_at > d.observed_at) AS "outOfOrder"`;

export type ClaimedRow = Readonly<{
  event: EventId;
  item: number;
  name: string;
  route: string;
  lane: string;
  line: Buffer;
  kind: string;
  observedAt: number;
  attempt: number;
  token: number;
  leaseUntil: number;
  gapAfter: DeliveryId | null;
  replayed: number | boolean;
  outOfOrder: number | boolean;
  at: number;
  sender: string;
  keyId: string;
  traceId: TraceId;
  spanId: SpanId;
  sealed: Sealed | null;
}>;

/** A claimed row as the port gives it. */
export const claimedOf = (row: ClaimedRow): Claimed => {
  const { event, item, name, replayed, outOfOrder, at, sender, keyId, traceId, spanId, sealed } =
    row;
  const { route, lane, line, kind, observedAt, attempt, token, leaseUntil, gapAfter } = row;
  return {
    key: { event, item, name },
    route,
    lane,
    line,
    kind,
    observedAt,
    attempt,
    token,
    leaseUntil,
    gapAfter,
    replayed: Boolean(replayed),
    outOfOrder: Boolean(outOfOrder),
    event: { at, sender, keyId, traceId, spanId, sealed },
  };
};

/** Columns that `listedOf` reads, of `deliveries d` and `events e`. */
export const listedColumns = `d.event, d.item, d.name, d.route, d.lane, d.kind, d.state, d.reason,
  d.attempt AS attempts, d.at, d.due_at AS "dueAt", e.trace_id AS "traceId",
  d.gap_after AS "gapAfter"`;

export type ListedRow = Readonly<Omit<DeliveryListed, 'key' | 'state'> & { state: number }> &
  DeliveryListed['key'];

/** A listed row as the port gives it. */
export const listedOf = ({ event, item, name, state, ...rest }: ListedRow): DeliveryListed => ({
  key: { event, item, name },
  ...rest,
  state: deliveryState(state),
});

/** Columns of `events e`, as the port names them. */
export const eventColumns = `e.id, e.route, e.at, e.sender, e.key_id AS "keyId",
  e.trace_id AS "traceId", e.span_id AS "spanId", e.config_version AS "configVersion", e.items,
  e.bytes`;

/** Counts by state as the port gives them. */
export const countsOf = (
  rows: readonly Readonly<{ state: number; count: number }>[],
): EventListed['deliveries'] =>
  Object.fromEntries(rows.map(({ state, count }) => [deliveryState(state), count]));

/** Id of a row's delivery. */
export const idOf = ({ event, item, name }: DeliveryListed['key']): DeliveryId =>
  deliveryId({ event, item, name });
