/**
 * A hold on its way out, rebuilt from what the configuration says now: route, mutation and actor by
 * name, with the grants of this moment. Pure. What is there no more ends the hold.
 */
import type { SpanId, RequestId } from '../ids.ts';
import type { Actor, Passage } from '../passage/doors.ts';
import { personActor } from '../passage/person.ts';
import type { Client, Route, Snapshot } from '../snapshot.ts';
import { neededOf } from './four-eyes.ts';
import type { HoldRow } from './hold-store.ts';
import { mutationOf, type KeptHold } from './kept-hold.ts';

/** Why a hold can go out no more, for people. */
export type Ended = Readonly<{ ended: string }>;

const own = <Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** The client that a hold speaks of, where it stands still. */
const clientOf = (
  { client }: Pick<HoldRow, 'client'>,
  snapshot: Pick<Snapshot, 'clients'>,
  now: number,
): Client | Ended => {
  const found = own(snapshot.clients, client);
  if (found === undefined) return { ended: 'its client is not configured any more' };
  return found.expiresAt <= now ? { ended: 'its client has expired' } : found;
};

const actorOf = (
  row: HoldRow,
  kept: KeptHold,
  snapshot: Snapshot,
  route: Route,
  now: number,
): Actor | Ended => {
  if (kept.actor === 'person') {
    const person = own(snapshot.admin.people, row.client);
    if (person === undefined || person.until <= now) {
      return { ended: 'whoever asked for it is not among the people any more' };
    }
    return personActor(row.client, route);
  }
  const client = clientOf(row, snapshot, now);
  if ('ended' in client) return client;
  const grants = own(route.grants, client.name);
  return { kind: 'released', client, keyId: null, grants };
};

/** The passage that releases it, or why there is none. */
export const passageOf = (
  row: HoldRow,
  kept: KeptHold,
  snapshot: Snapshot,
  at: Readonly<{ now: number; requestId: RequestId; spanId: SpanId; abandoned(): boolean }>,
): Passage | Ended => {
  const route = snapshot.routes.find(({ name }) => name === row.route);
  if (route === undefined) return { ended: 'its route is not configured any more' };
  // Another tenant is another place: nobody was asked about that one.
  if (own(snapshot.targets, route.target)?.tenant !== row.tenant) {
    return { ended: 'its route leads to another tenant by now' };
  }
  const operation = mutationOf(kept.operation, route.types);
  if (operation === null) return { ended: 'its route serves this resource no more' };
  const actor = actorOf(row, kept, snapshot, route, at.now);
  if ('ended' in actor) return actor;
  const { listen, publicUrl } = snapshot.server;
  const [rule = row.rule, ...others] = kept.rules;
  return {
    snapshot,
    // What undo puts back goes out as it was kept (undo-door.ts).
    route: kept.reverses.length === 0 ? route : { ...route, profile: null },
    actor,
    operation,
    origin: {
      requestId: at.requestId,
      traceId: kept.origin.traceId,
      spanId: at.spanId,
      callerRequestId: kept.origin.callerRequestId,
      remote: '',
      idempotencyKey: null,
      publicBase: `${publicUrl || `http://${listen.host}:${listen.port}`}${route.path}`,
      abandoned: at.abandoned,
    },
    release: {
      hold: row.id,
      version: row.version,
      rule,
      ...(others.length === 0 ? {} : { others }),
      mutation: Buffer.from(kept.mutation, 'hex'),
      before: kept.beforeHash === null ? null : Buffer.from(kept.beforeHash, 'hex'),
      // Approvals of several configurations never stand together (four-eyes.ts).
      configVersion: kept.approvals[0]?.configVersion ?? kept.configVersion,
      approvals: kept.approvals.map(({ person }) => person),
    },
    ...(kept.reverses.length === 0
      ? {}
      : {
          undo: {
            reverses: kept.reverses,
            before: kept.beforeHash === null ? null : Buffer.from(kept.beforeHash, 'hex'),
          },
        }),
  };
};

/** Has it all the approvals that it takes now? Asked again right before it goes out. */
export const isApproved = (row: HoldRow, kept: KeptHold, snapshot: Snapshot): boolean =>
  kept.approvals.length >= neededOf(row, kept, snapshot);
