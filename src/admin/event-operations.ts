/** The admin operations on events: webhooks as they came in, whether their signature holds still, and again. */
import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import type { EventListed } from '../deliveries/event-store.ts';
import type { KeptEvent } from '../deliveries/kept-event.ts';
import type { DeliveryListed } from '../deliveries/outbox-store.ts';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { parseEventId, type DeliveryKey } from '../ids.ts';
import type { Verdict } from '../signatures/receiver.ts';
import { confidenceWords } from '../signatures/sender.ts';
import { senders } from '../signatures/table.ts';
import { instant, iso, json, spanOf, text } from './input.ts';
import { operation, type AdminContext, type AdminOperation } from './operation.ts';
import { oldestOf, replayedMax, sendAgain, spreadRate } from './replaying.ts';

const unknown: Refusal = refuse('value_invalid', 'There is no such event.');
const pruned: Refusal = refuse('value_invalid', 'The bytes of this event are not kept any more.');

const idInput = z.strictObject({ id: text });

type Row = Omit<EventListed, 'kept' | 'deliveries'>;

/** An event as people read it. */
const readable = (event: Row) => ({ ...event, at: iso(event.at) });

/** How sure it is that the sender signs so; null where the route says it itself. */
const howSure = (sender: string): string | null => {
  const known = Object.hasOwn(senders, sender) ? senders[sender] : undefined;
  return known === undefined ? null : confidenceWords[known.confidence];
};

type Loaded = NonNullable<Awaited<ReturnType<AdminContext['deliveries']['events']['load']>>>;

const load = async ({ deliveries }: AdminContext, text: string): Promise<Loaded | null> => {
  const id = parseEventId(text);
  return id === null ? null : deliveries.events.load(id);
};

/** An event with what is inside its seal, or why there is none. */
const opened = async (
  context: AdminContext,
  id: string,
): Promise<Readonly<{ loaded: Loaded; kept: KeptEvent }> | Refusal> => {
  const loaded = await load(context, id);
  if (loaded === null) return unknown;
  if (loaded.sealed === null) return pruned;
  const kept = context.deliveries.open(loaded.event.id, loaded.sealed);
  return kept === null
    ? refuse('value_invalid', 'No encryption key opens this event; was one taken out of the store?')
    : { loaded, kept };
};

/** Bytes as text where they are text, else in base64. */
const shownBytes = (bytes: Buffer): Readonly<{ text: string } | { base64: string }> =>
  isUtf8(bytes) ? { text: bytes.toString('utf8') } : { base64: bytes.toString('base64') };

const show = async (context: AdminContext, id: string) => {
  const loaded = await load(context, id);
  if (loaded === null) return unknown;
  const { event, sealed, deliveries } = loaded;
  const kept = sealed === null ? null : context.deliveries.open(event.id, sealed);
  const message = kept && {
    method: kept.method,
    url: kept.url,
    headers: kept.headers,
    messageId: kept.messageId,
    body: shownBytes(kept.body),
    contents: kept.contents === null ? null : shownBytes(kept.contents),
  };
  return json({
    ...readable(event),
    howSure: howSure(event.sender),
    kept: sealed !== null,
    deliveries,
    message,
  });
};

const saidOf = (verdict: Verdict) =>
  verdict.kind === 'verified'
    ? { ok: true, keyId: verdict.keyId, code: null, reason: null }
    : {
        ok: false,
        keyId: null,
        code: verdict.kind === 'refused' ? verdict.code : null,
        reason: verdict.reason,
      };

/** Says whether the keys that the route has now verify what came in then. */
const verify = async (context: AdminContext, id: string) => {
  const found = await opened(context, id);
  if (isRefusal(found)) return found;
  const { event } = found.loaded;
  const route = context.snapshot().webhooks.find(({ name }) => name === event.route);
  if (route === undefined) {
    return refuse('value_invalid', 'The route of this event is not in the configuration any more.');
  }
  const { receiver } = route;
  if (receiver === null) {
    return refuse(
      'value_invalid',
      'A secret of its route cannot be resolved, so nothing is proven.',
    );
  }
  const { messageId: _messageId, contents: _contents, ...received } = found.kept;
  const verdict = await receiver.verifyKept(received, event.at);
  return json({
    event: event.id,
    sender: receiver.sender,
    howSure: howSure(receiver.sender),
    ...saidOf(verdict),
    matchedThen: event.keyId,
  });
};

type Replay = Readonly<{
  id?: string | undefined;
  route?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
  rate?: z.output<typeof spreadRate>;
}>;

const keysOf = (rows: readonly DeliveryListed[]): readonly DeliveryKey[] =>
  rows.map(({ key }) => key).toReversed();

const replayOne = async (context: AdminContext, id: string, rate: Replay['rate']) => {
  const event = parseEventId(id);
  if (event === null) return unknown;
  const rows = await context.deliveries.outbox.list({ event, limit: replayedMax });
  return sendAgain(context, { act: 'replay', keys: keysOf(rows), rate, rest: 0 });
};

/** Deliveries of events, oldest first, until they are a thousand; events whose turn did not come. */
const gatherDeliveries = async (
  { deliveries }: AdminContext,
  events: readonly EventListed[],
): Promise<Readonly<{ keys: readonly DeliveryKey[]; rest: number }>> => {
  const keys: DeliveryKey[] = [];
  for (const [place, { id }] of events.entries()) {
    const rows = await deliveries.outbox.list({ event: id, limit: replayedMax });
    if (keys.length > 0 && keys.length + rows.length > replayedMax) {
      return { keys, rest: events.length - place };
    }
    keys.push(...keysOf(rows));
  }
  return { keys, rest: 0 };
};

const replayRange = async (context: AdminContext, input: Replay) => {
  const { events } = context.deliveries;
  const span = spanOf(input, context.clock.now());
  const { items, rest, more } = await oldestOf<EventListed>((last) =>
    events.list({
      ...span,
      limit: replayedMax,
      ...(input.route === undefined ? {} : { route: input.route }),
      ...(last === undefined ? {} : { before: last.id }),
    }),
  );
  const gathered = await gatherDeliveries(context, items);
  return sendAgain(context, {
    act: 'replay',
    keys: gathered.keys,
    rate: input.rate,
    rest: gathered.rest + rest,
    more,
  });
};

export const eventOperations: readonly AdminOperation[] = [
  operation({
    name: 'events.list',
    title: 'Webhooks that were taken in, newest first, without their bytes',
    method: 'GET',
    path: '/events',
    role: 'viewer',
    input: z.strictObject({
      route: text.optional(),
      since: instant.optional(),
      until: instant.optional(),
      before: text.refine((id) => parseEventId(id) !== null, 'write an event id').optional(),
      limit: z.coerce.number().int().min(1).max(1_000).default(50),
    }),
    act: () => null,
    run: async ({ deliveries, clock }, _person, input) => {
      const before = input.before === undefined ? null : parseEventId(input.before);
      const rows = await deliveries.events.list({
        limit: input.limit,
        ...spanOf(input, clock.now()),
        ...(input.route === undefined ? {} : { route: input.route }),
        ...(before === null ? {} : { before }),
      });
      return json(rows.map(readable));
    },
  }),
  operation({
    name: 'events.show',
    evidence: true,
    title: 'One webhook as it came in, with headers and body',
    method: 'GET',
    path: '/events/{id}',
    role: 'operator',
    input: idInput,
    act: ({ id }) => ({ event: id }),
    run: async (context, _person, { id }) => show(context, id),
  }),
  operation({
    name: 'events.verify',
    evidence: true,
    title: 'Verify a kept webhook again, with the keys its route has now',
    method: 'POST',
    path: '/events/{id}/verify',
    role: 'viewer',
    input: idInput,
    act: ({ id }) => ({ event: id }),
    run: async (context, _person, { id }) => verify(context, id),
  }),
  operation({
    name: 'events.replay',
    title: 'Send the deliveries of an event, or of a route and time, out again',
    method: 'POST',
    path: '/events/replay',
    role: 'operator',
    input: z
      .strictObject({
        id: text.optional(),
        route: text.optional(),
        since: instant.optional(),
        until: instant.optional(),
        rate: spreadRate,
      })
      .refine(
        ({ id, route, since, until }) =>
          id === undefined
            ? route !== undefined && since !== undefined
            : route === undefined && since === undefined && until === undefined,
        'name an event, or a route and since when',
      ),
    act: ({ id, route, since, until }) =>
      id === undefined
        ? { route: route ?? null, since: since ?? null, until: until ?? null }
        : { event: id },
    run: async (context, _person, input) =>
      input.id === undefined
        ? replayRange(context, input)
        : replayOne(context, input.id, input.rate),
  }),
];
