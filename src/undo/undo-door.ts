/**
 * The door through which undo walks: reads and mutations of a person, with every action of the route and
 * no way around limits, guards, protection, holds and freezes. What is put back goes out as it was kept:
 * the route's profile does not normalise it again.
 */
import type { Clock } from '../clock.ts';
import { isRefusal } from '../errors.ts';
import type { JsonObject } from '../identity/json-value.ts';
import type { Operation } from '../identity/operation.ts';
import type { Resource, ResourceType } from '../identity/scim/schema-model.ts';
import { newRequestId, newSpanId, type Random, type TraceId } from '../ids.ts';
import type { Doors, Outcome, Passage } from '../passage/doors.ts';
import { seenOf } from '../passage/facts.ts';
import { personActor } from '../passage/person.ts';
import type { Route, Snapshot, Target } from '../snapshot.ts';

export type UndoDoorDeps = Readonly<{
  doors: Pick<Doors, 'pass'>;
  clock: Clock;
  random: Random;
  /** The gateway is ending: nothing more goes out. */
  stopping(): boolean;
}>;

/** Where a resource lies. */
export type Place = Readonly<{ route: Route; target: Target; type: ResourceType }>;

/** A resource as it is now. */
export type Found = Readonly<{
  /** Null = the target knows none; `unreadable` = it cannot be told. */
  resource: Resource | null | 'unreadable';
  /** Its entity tag, where the target shows one and keeps to it. */
  etag: string | null;
}>;

export type UndoDoor = Readonly<{
  snapshot: Snapshot;
  /** Wall ms. */
  now(): number;
  pass(place: Place, operation: Operation, undo?: Passage['undo']): Promise<Outcome>;
  read(place: Place, id: string): Promise<Found>;
  /** Ids of the groups that name this one as a member; null where the target cannot tell. */
  groupsOf(place: Place, id: string): Promise<readonly string[] | null>;
}>;

/** Rates that are used up are waited for, so often and at most so long at a time. */
const patience = { times: 20, secondsMax: 60 };
const busy: ReadonlySet<string> = new Set([
  'rate_limited',
  'target_rate_limited',
  'target_overloaded',
]);

/** Groups that are looked at for one member. */
const groupsMax = 1_000;

const waitsFor = (outcome: Outcome): number | null =>
  isRefusal(outcome.reply) &&
  busy.has(outcome.reply.refused) &&
  (outcome.ledger === null || outcome.ledger.outcome === 'not-sent')
    ? Math.min(Math.max(outcome.retryAfterSeconds, 1), patience.secondsMax)
    : null;

const sleep = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => clock.after(ms, resolve));

const common = { projection: {}, repairs: [] } as const;

const asRead = (type: ResourceType, id: string): Operation => ({
  ...common,
  verb: 'read',
  type,
  id,
  preconditions: {},
});

const asSearch = (type: ResourceType, id: string): Operation => ({
  ...common,
  verb: 'search',
  type,
  filter: {
    kind: 'compare',
    path: { attribute: 'members', sub: 'value' },
    operator: 'eq',
    value: id,
  },
  page: { count: groupsMax },
});

/** A tag counts where the resource itself has a version: a web server tags any answer. */
const tagOf = (place: Place, body: JsonObject, headers: Readonly<Record<string, string>>) => {
  const meta = body['meta'];
  const versioned = typeof meta === 'object' && meta !== null && 'version' in meta;
  return place.target.knobs.etags && versioned ? (headers['ETag'] ?? null) : null;
};

const listed = (body: JsonObject | null): readonly string[] | null => {
  const list = body?.['Resources'] ?? [];
  const total = body?.['totalResults'];
  if (!Array.isArray(list) || (typeof total === 'number' && total > list.length)) return null;
  const ids = list.map((one: unknown) => (one as { id?: unknown }).id);
  return ids.every((id) => typeof id === 'string') ? ids : null;
};

/** A door for one undo of this person; all of it goes under one trace. */
export const openUndoDoor = (
  deps: UndoDoorDeps,
  person: string,
  snapshot: Snapshot,
  traceId: TraceId,
): UndoDoor => {
  const once = ({ route, target }: Place, operation: Operation, undo: Passage['undo']) =>
    deps.doors.pass({
      snapshot,
      route: { ...route, profile: null },
      actor: personActor(person, route),
      operation,
      origin: {
        requestId: newRequestId(deps.random),
        traceId,
        spanId: newSpanId(deps.random),
        callerRequestId: null,
        remote: '',
        idempotencyKey: null,
        publicBase: target.settings.baseUrl.replace(/\/$/, ''),
        abandoned: deps.stopping,
      },
      ...(undo === undefined ? {} : { undo }),
    });
  const pass: UndoDoor['pass'] = async (place, operation, undo) => {
    for (let tries = 1; ; tries += 1) {
      const outcome = await once(place, operation, undo);
      const seconds = waitsFor(outcome);
      if (seconds === null || tries >= patience.times || deps.stopping()) return outcome;
      await sleep(deps.clock, seconds * 1_000);
    }
  };
  return {
    snapshot,
    now: () => deps.clock.now(),
    pass,
    read: async (place, id) => {
      const { reply } = await pass(place, asRead(place.type, id));
      if (isRefusal(reply)) {
        const gone = reply.refused === 'target_refused' && reply.status === 404;
        return { resource: gone ? null : 'unreadable', etag: null };
      }
      if (reply.body === null) return { resource: 'unreadable', etag: null };
      const resource = seenOf(reply.body, place.type, place.target.knobs);
      return { resource, etag: tagOf(place, reply.body, reply.headers) };
    },
    groupsOf: async (place, id) => {
      const type = place.route.types['groups'];
      if (type === undefined) return [];
      const { reply } = await pass({ ...place, type }, asSearch(type, id));
      return isRefusal(reply) ? null : listed(reply.body);
    },
  };
};
