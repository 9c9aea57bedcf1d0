/**
 * One call at the data listener, from bytes to bytes: find the route, look, identify, understand,
 * pass, respond; a webhook is handed to serve-webhook. A function from Exchange to Reply; sockets are elsewhere. Whatever throws below
 * ends here as 503 `internal`, with its cause in the log.
 */
import type { CallersStanding } from '../callers/standing.ts';
import { identifyCaller } from '../callers/table.ts';
import type { Clock, ClockWatch } from '../clock.ts';
import { GatewayError, isRefusal, refuse, type Refusal } from '../errors.ts';
import { isMutation, type Operation } from '../identity/operation.ts';
import type { Bulk } from '../identity/scim/bulk.ts';
import { permanentLocation } from '../identity/scim/me.ts';
import { understand } from '../identity/scim/understand.ts';
import { newRequestId, type Random } from '../ids.ts';
import type { Actor, Doors, Origin, Outcome } from '../passage/doors.ts';
import { scimViewOf } from '../passage/scim-view.ts';
import type { Client, Route, Snapshot } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { Exchange, Reply } from './exchange.ts';
import { inspect, inspectMediaType } from './hygiene.ts';
import { readIdempotencyKey } from './idempotency-key.ts';
import { respond, respondRefusal, type Marks } from './respond.ts';
import { callerAddress, findEntry, type Found } from './route-table.ts';
import { asksBulk, readBulkCall, serveBulk } from './serve-bulk.ts';
import { serveWebhook, type WebhookDoors } from './serve-webhook.ts';
import { settledRecord, type Finished, type Glimpse } from './settled-record.ts';
import { beginTrace, parseTraceParent } from './trace-parent.ts';

export type ServeDeps = Readonly<{
  clock: Clock;
  watch: ClockWatch;
  random: Random;
  observer: Observer;
  doors: Doors;
  callers: CallersStanding;
  snapshot(): Snapshot;
  /** True while draining: new calls are answered `shutting_down`. */
  stopping(): boolean;
  /** What webhook routes go through; without it they are answered `shutting_down`. */
  webhooks?: WebhookDoors;
}>;

const identifyActor = (
  deps: ServeDeps,
  exchange: Exchange,
  seen: Glimpse,
  route: Route,
): Actor | Refusal => {
  const now = deps.clock.now();
  const { snapshot } = seen;
  const identified = identifyCaller(exchange.headers, deps.callers.current(), {
    kind: 'client',
    environment: snapshot.environment,
    now,
    address: seen.remote,
    holder: (name) => (Object.hasOwn(snapshot.clients, name) ? snapshot.clients[name] : undefined),
  });
  if (isRefusal(identified)) return identified;
  deps.callers.touch(identified.keyId, now);
  return {
    kind: 'client',
    client: snapshot.clients[identified.holder] as Client,
    keyId: identified.keyId,
    grants: Object.hasOwn(route.grants, identified.holder)
      ? route.grants[identified.holder]
      : undefined,
  };
};

const readOperation = async (
  exchange: Exchange,
  seen: Glimpse,
  actor: Actor,
  rest: readonly string[],
): Promise<Operation | Bulk | Refusal> => {
  const media = inspectMediaType(exchange.headers['content-type']);
  if (media !== null) return media;
  const body = await exchange.body(seen.snapshot.server.maxBodyBytes);
  if (isRefusal(body)) return body;
  const route = seen.route as Route;
  const view = scimViewOf(route, actor, seen.publicBase);
  if (seen.bulk) return readBulkCall({ method: exchange.method, body }, view, route);
  return understand(
    {
      method: exchange.method,
      segments: rest,
      query: exchange.query,
      body,
      ifMatch: exchange.headers['if-match'] ?? null,
      ifNoneMatch: exchange.headers['if-none-match'] ?? null,
    },
    view,
  );
};

const walk = async (
  deps: ServeDeps,
  exchange: Exchange,
  seen: Glimpse,
  found: Found | null,
): Promise<Outcome | Refusal> => {
  if (deps.stopping()) return refuse('shutting_down', 'Send the call again in a moment.');
  const dirty = inspect(exchange);
  if (dirty !== null) return dirty;
  const { snapshot } = seen;
  if (found === null) return refuse('route_unknown', 'There is no route at this path.');
  seen.route = found.route;
  const base = snapshot.server.publicUrl || `http://${exchange.headers['host']}`;
  seen.publicBase = `${base}${found.route.path}`;
  seen.bulk = asksBulk(found.route, found.rest);
  if (found.route.trace === 'continue' && seen.parent !== null) {
    seen.continued = true;
    seen.traceId = beginTrace(seen.parent, true, 0, deps.random).traceId;
  }
  if (!deps.watch.trusted()) return refuse('clock_untrusted', 'Send the call again later.');
  const actor = identifyActor(deps, exchange, seen, found.route);
  if (isRefusal(actor)) return actor;
  seen.actor = actor;
  const meant = await readOperation(exchange, seen, actor, found.rest);
  if (isRefusal(meant)) return meant;
  const changes = 'operations' in meant || isMutation(meant);
  const idempotencyKey = changes ? readIdempotencyKey(exchange.headers) : null;
  if (isRefusal(idempotencyKey)) return idempotencyKey;
  const origin = { ...originOf(exchange, seen), idempotencyKey };
  const passage = { snapshot, route: found.route, actor, origin };
  if ('operations' in meant) return serveBulk(deps.doors, { ...passage, bulk: meant });
  seen.operation = meant;
  const outcome = await deps.doors.pass({ ...passage, operation: meant });
  const location = permanentLocation(found.rest, meant, seen.publicBase);
  return location === null ? outcome : located(outcome, location);
};

const originOf = (exchange: Exchange, seen: Glimpse): Omit<Origin, 'idempotencyKey'> => ({
  requestId: seen.requestId,
  traceId: seen.traceId,
  spanId: seen.spanId,
  callerRequestId: seen.callerRequestId,
  remote: seen.remote,
  publicBase: seen.publicBase,
  abandoned: exchange.abandoned,
});

/** RFC 7644 §3.11: an answer to /Me names the permanent address. */
const located = (outcome: Outcome, location: string): Outcome =>
  isRefusal(outcome.reply)
    ? outcome
    : {
        ...outcome,
        reply: { ...outcome.reply, headers: { ...outcome.reply.headers, Location: location } },
      };

const callerRequestIdPattern = /^[\w-]{1,64}$/;

const glimpse = (deps: ServeDeps, exchange: Exchange): Glimpse => {
  const snapshot = deps.snapshot();
  const startedAt = deps.clock.now();
  const parent = parseTraceParent(exchange.headers['traceparent']);
  const { traceId, spanId } = beginTrace(parent, false, startedAt, deps.random);
  const stated = exchange.headers['x-request-id'];
  return {
    snapshot,
    startedAt,
    startedMonotonic: deps.clock.monotonic(),
    requestId: newRequestId(deps.random),
    traceId,
    spanId,
    parent,
    continued: false,
    callerRequestId: stated !== undefined && callerRequestIdPattern.test(stated) ? stated : null,
    remote: callerAddress(snapshot, exchange.peer, exchange.headers['x-forwarded-for']),
    publicBase: '',
    route: null,
    actor: null,
    operation: null,
    bulk: false,
  };
};

const marksOf = (exchange: Exchange, seen: Glimpse, outcome: Outcome | null): Marks => {
  const ledger = outcome?.ledger ?? null;
  const doubtful = ledger?.outcome === 'not-sent' || ledger?.outcome === 'in-doubt';
  return {
    requestId: seen.requestId,
    traceId: seen.traceId,
    scim: seen.route !== null,
    accept: exchange.headers['accept'],
    ledgerId: ledger?.id ?? null,
    outcome: doubtful ? ledger.outcome : null,
    replayed: outcome?.replayed ?? false,
    limits: outcome?.limits ?? [],
  };
};

/** Serves one request; never throws. */
export const serveCall = async (deps: ServeDeps, exchange: Exchange): Promise<Reply> => {
  const seen = glimpse(deps, exchange);
  const found = findEntry(seen.snapshot, exchange.path);
  if (found !== null && 'webhook' in found) {
    return serveWebhook(deps, { exchange, seen, route: found.webhook });
  }
  let came: Outcome | Refusal;
  let cause: unknown = null;
  try {
    came = await walk(deps, exchange, seen, found);
  } catch (error) {
    cause = error;
    came = error instanceof GatewayError ? error.refusal : refuse('internal', 'Try again later.');
  }
  const outcome = isRefusal(came) ? null : came;
  const marks = marksOf(exchange, seen, outcome);
  const answer = isRefusal(came) ? came : came.reply;
  const reply = isRefusal(answer)
    ? respondRefusal(
        outcome === null || outcome.retryAfterSeconds === 0
          ? answer
          : { ...answer, retryAfterSeconds: outcome.retryAfterSeconds },
        marks,
      )
    : respond(answer, marks);
  tell(deps, {
    exchange,
    seen,
    outcome,
    refusal: isRefusal(answer) ? answer : null,
    cause,
    status: reply.status,
    endedAt: seen.startedAt + (deps.clock.monotonic() - seen.startedMonotonic),
    mutating:
      outcome?.operation === 'bulk' || (seen.operation !== null && isMutation(seen.operation)),
  });
  return reply;
};

/** Tells what was done. An observer that fails must not turn a change that was made into a 500. */
const tell = ({ observer }: ServeDeps, finished: Finished): void => {
  try {
    observer.requestSettled(settledRecord(finished));
  } catch (cause) {
    observer.note('error', 'request.untold', { requestId: finished.seen.requestId, cause });
  }
};
