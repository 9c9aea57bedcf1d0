/** Webhooks and deliveries for tests of their stores: short to write, told apart by small numbers. */
import assert from 'node:assert/strict';
import type {
  DeliveryRow,
  DeliveryState,
  EventRow,
  Receiving,
} from '../../src/deliveries/event-store.ts';
import type { AttemptRow, Claimed, Settling } from '../../src/deliveries/outbox-store.ts';
import {
  newEventId,
  type DeliveryKey,
  systemRandom,
  type EventId,
  type SpanId,
  type TraceId,
} from '../../src/ids.ts';
import type { Sealed } from '../../src/sealing.ts';
import type { Stores } from '../../src/storage/stores.ts';

/** A time at which such tests begin, wall ms. */
export const start = 1_000_000;
/** Longer than any test. */
export const hour = 3_600_000;
export const lane = 'hr/n8n';

let made = 0;
/** 16 bytes of a number. */
export const bytesOf = (number: number): Buffer => {
  const bytes = Buffer.alloc(16);
  // At both ends: a store may look at one of them only.
  bytes.writeUInt32BE(number, 4);
  bytes.writeUInt32BE(number, 12);
  return bytes;
};

/** An event; ids come in the order in which they were made. */
export const eventRow = (more: Partial<EventRow> = {}): EventRow => {
  made += 1;
  const id = newEventId(start + made, systemRandom);
  return {
    id,
    route: 'hr',
    at: start,
    sender: 'bamboohr',
    keyId: 'first',
    traceId: '0af7651916cd43dd8448eb211c80319c' as TraceId,
    spanId: 'b7ad6b7169203331' as SpanId,
    configVersion: '0123456789ab',
    items: 1,
    bytes: 12,
    sealed: Buffer.from(`sealed ${id}`) as Sealed,
    ...more,
  };
};

/** A delivery of the line of that number. */
export const deliveryRow = (line: number, more: Partial<DeliveryRow> = {}): DeliveryRow => ({
  item: 0,
  name: 'n8n',
  lane,
  line: bytesOf(line),
  subject: bytesOf(line),
  kind: 'mover',
  observedAt: start,
  dueAt: start,
  ...more,
});

/** An event with one delivery of a line; `marks` are numbers that end a minute later. */
export const receiving = (
  line: number,
  more: Partial<DeliveryRow> & Readonly<{ marks?: readonly number[]; at?: number }> = {},
): Receiving => {
  const { marks = [], at = start, ...delivery } = more;
  return {
    event: eventRow({ at }),
    marks: marks.map((mark) => ({ mark: bytesOf(mark), until: at + 60_000 })),
    deliveries: [deliveryRow(line, { dueAt: at, ...delivery })],
    cancels: [],
  };
};

/** Receives; gives the ids in order. */
export const receive = async (
  { events }: Pick<Stores, 'events'>,
  batch: readonly Receiving[],
  now = start,
): Promise<readonly EventId[]> => {
  await events.receive(batch, [], now);
  return batch.map(({ event }) => event.id);
};

/** Claims what is due on the one lane. */
export const claim = (
  { outbox }: Pick<Stores, 'outbox'>,
  now = start,
  { leaseMs = hour, max = 256 }: Readonly<{ leaseMs?: number; max?: number }> = {},
): Promise<readonly Claimed[]> => outbox.claim({ lanes: [{ lane, max }], now, leaseMs });

/** A try. */
export const attempt = (more: Partial<AttemptRow> = {}): AttemptRow => ({
  at: start,
  ms: 12,
  status: 500,
  reason: 'status',
  detail: 'it said no',
  spanId: 'b7ad6b7169203331' as SpanId,
  ledgerIds: [],
  ...more,
});

/** What becomes of a claimed one. */
export const settling = (
  { key, token }: Pick<Claimed, 'key' | 'token'>,
  next: Settling['next'],
  tried: AttemptRow | null = attempt(),
): Settling => ({ key, token, next, attempt: tried });

/** Ends, and a try to come. */
export const delivered = { state: 'delivered', reason: null } as const;
export const dead = { state: 'dead', reason: 'gave-up' } as const;
export const again = (dueAt: number, counted = true) =>
  ({ state: 'ready', dueAt, counted }) as const;

/** Claims exactly one. */
export const claimOne = async (stores: Stores, now = start, leaseMs = hour): Promise<Claimed> => {
  const claimed = await claim(stores, now, { leaseMs });
  const [one] = claimed;
  assert.ok(one !== undefined && claimed.length === 1, `${claimed.length} were claimed`);
  return one;
};

/** A delivery as it is listed. */
export const listed = async ({ outbox }: Stores, key: DeliveryKey) => {
  const shown = await outbox.show(key);
  assert.ok(shown !== null);
  return shown.delivery;
};

/** Brings a fresh delivery of a line into a state. */
export const bring = async (
  stores: Stores,
  line: number,
  state: DeliveryState,
): Promise<DeliveryKey> => {
  if (state === 'waiting') await receive(stores, [receiving(line)]);
  const dueAt = state === 'scheduled' || state === 'cancelled' ? start + hour : start;
  const given = receiving(line, { dueAt, kind: 'leaver' });
  const [event] = await receive(stores, [given]);
  const key = { event: event as EventId, item: 0, name: 'n8n' };
  if (state === 'cancelled') {
    const cancels = [{ line: bytesOf(line), subject: bytesOf(line), kinds: ['leaver'] }];
    await receive(stores, [{ ...receiving(line), deliveries: [], cancels }]);
  } else if (state === 'discarded') {
    await stores.outbox.act('discard', [{ key, dueAt: start }], start);
  } else if (!['ready', 'waiting', 'scheduled'].includes(state)) {
    const head = await claimOne(stores);
    const next = { state: state as 'dead', reason: 'why' };
    assert.deepEqual(await stores.outbox.settle([settling(head, next)], start), [true]);
  }
  assert.equal((await listed(stores, key)).state, state);
  return key;
};
