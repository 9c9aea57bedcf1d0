/** The admin operations on deliveries: what waits, what died of what, and what a person does about it. */
import { z } from 'zod';
import type { DeliveryState } from '../deliveries/event-store.ts';
import type { AttemptRow, DeliveryListed } from '../deliveries/outbox-store.ts';
import { refuse, type Refusal } from '../errors.ts';
import { deliveryId, parseDeliveryId, parseEventId, type DeliveryKey } from '../ids.ts';
import { iso, json, text } from './input.ts';
import { operation, reasonText, type AdminContext, type AdminOperation } from './operation.ts';
import { oldestOf, replayedMax, retriedStates, sendAgain, spreadRate } from './replaying.ts';

const unknown: Refusal = refuse('value_invalid', 'There is no such delivery.');

/** All states: the compiler misses none. */
const states = Object.keys({
  scheduled: true,
  ready: true,
  waiting: true,
  delivered: true,
  skipped: true,
  superseded: true,
  cancelled: true,
  discarded: true,
  dead: true,
} satisfies Record<DeliveryState, true>) as DeliveryState[];

/** `route/name`. */
const lane = z.string().regex(/^[a-z0-9_-]{1,63}\/[a-z0-9_-]{1,63}$/, 'write a lane as route/name');
const eventId = z.string().refine((id) => parseEventId(id) !== null, 'write the id of an event');

/** A delivery as people read it. `follows`: the one before it on its line ended without being delivered. */
const readable = (listed: DeliveryListed) => ({
  id: deliveryId(listed.key),
  event: listed.key.event,
  route: listed.route,
  lane: listed.lane,
  kind: listed.kind,
  state: listed.state,
  reason: listed.reason,
  attempts: listed.attempts,
  at: iso(listed.at),
  dueAt: iso(listed.dueAt),
  traceId: listed.traceId,
  follows: listed.gapAfter,
});

const tried = ({ at, ...attempt }: AttemptRow) => ({ at: iso(at), ...attempt });

type Retry = Readonly<{
  id?: string | undefined;
  lane?: string | undefined;
  state?: z.output<typeof retriedStates> | undefined;
  rate?: z.output<typeof spreadRate>;
}>;

const retryLane = async (context: AdminContext, { lane: of, state, rate }: Retry) => {
  const { outbox } = context.deliveries;
  const { items, rest, more } = await oldestOf<DeliveryListed>((last) =>
    outbox.list({
      state: state ?? 'dead',
      limit: replayedMax,
      ...(of === undefined ? {} : { lane: of }),
      ...(last === undefined ? {} : { before: deliveryId(last.key) }),
    }),
  );
  const keys = items.map(({ key }) => key);
  return sendAgain(context, { act: 'retry', keys, rate, rest, more });
};

const retryOne = async (context: AdminContext, id: string, rate: Retry['rate']) => {
  const key = parseDeliveryId(id);
  const shown = key === null ? null : await context.deliveries.outbox.show(key);
  if (key === null || shown === null) return unknown;
  return sendAgain(context, { act: 'retry', keys: [key], rate, rest: 0 });
};

const discard = async ({ deliveries, clock }: AdminContext, key: DeliveryKey) => {
  const now = clock.now();
  const done = await deliveries.outbox.act('discard', [{ key, dueAt: now }], now);
  // The next of its line may go now.
  deliveries.wake();
  return done.length === 1
    ? json({ discarded: deliveryId(key) })
    : refuse(
        'value_invalid',
        'It cannot be discarded now: it is being tried at this moment, or has ended.',
      );
};

export const deliveryOperations: readonly AdminOperation[] = [
  operation({
    name: 'deliveries.list',
    title: 'Deliveries of webhooks and their states, newest first',
    method: 'GET',
    path: '/deliveries',
    role: 'viewer',
    input: z.strictObject({
      state: z.enum(states).optional(),
      lane: lane.optional(),
      event: eventId.optional(),
      before: text.refine((id) => parseDeliveryId(id) !== null, 'write a delivery id').optional(),
      limit: z.coerce.number().int().min(1).max(1_000).default(50),
    }),
    act: () => null,
    run: async ({ deliveries }, _person, { state, lane: of, event, before, limit }) => {
      const id = event === undefined ? null : parseEventId(event);
      const last = before === undefined ? null : parseDeliveryId(before);
      const rows = await deliveries.outbox.list({
        limit,
        ...(state === undefined ? {} : { state }),
        ...(of === undefined ? {} : { lane: of }),
        ...(id === null ? {} : { event: id }),
        ...(last === null ? {} : { before: deliveryId(last) }),
      });
      return json(rows.map(readable));
    },
  }),
  operation({
    name: 'deliveries.show',
    title: 'One delivery with its newest tries',
    method: 'GET',
    path: '/deliveries/{id}',
    role: 'operator',
    input: z.strictObject({ id: text }),
    act: () => null,
    run: async ({ deliveries }, _person, { id }) => {
      const key = parseDeliveryId(id);
      const shown = key === null ? null : await deliveries.outbox.show(key);
      if (shown === null) return unknown;
      return json({ ...readable(shown.delivery), tries: shown.attempts.map(tried) });
    },
  }),
  operation({
    name: 'deliveries.retry',
    title: 'Try a delivery again, or all of a lane that are dead',
    method: 'POST',
    path: '/deliveries/retry',
    role: 'operator',
    input: z
      .strictObject({
        id: text.optional(),
        lane: lane.optional(),
        state: retriedStates.optional(),
        rate: spreadRate,
      })
      .refine(
        ({ id, lane: of, state }) =>
          (id === undefined) === (of !== undefined || state !== undefined),
        'name a delivery, or a lane or state',
      ),
    act: ({ id, lane: of, state }) =>
      id === undefined ? { lane: of ?? null, state: state ?? 'dead' } : { delivery: id },
    run: async (context, _person, input) =>
      input.id === undefined ? retryLane(context, input) : retryOne(context, input.id, input.rate),
  }),
  operation({
    name: 'deliveries.discard',
    title: 'Give a delivery up; the next of its line follows',
    method: 'POST',
    path: '/deliveries/{id}/discard',
    role: 'operator',
    input: z.strictObject({ id: text, reason: reasonText }),
    act: ({ id, reason }) => ({ delivery: id, reason }),
    run: async (context, _person, { id }) => {
      const key = parseDeliveryId(id);
      const shown = key === null ? null : await context.deliveries.outbox.show(key);
      return key === null || shown === null ? unknown : discard(context, key);
    },
  }),
];
