/** Puts together what is observed of one finished request; no value of a query, body or header but the user agent goes in. */
import { isRefusal, type Refusal } from '../errors.ts';
import type { RequestId, SpanId, TraceId } from '../ids.ts';
import type { Operation } from '../identity/operation.ts';
import type { Actor, Outcome, Tried } from '../passage/doors.ts';
import type { Route, Snapshot, WebhookRoute } from '../snapshot.ts';
import type { RequestSettled, SettledPart, WebhookSettled } from '../telemetry/observe.ts';
import type { Exchange } from './exchange.ts';
import { statusOf } from './respond.ts';
import type { RemoteSpan } from './trace-parent.ts';

/** What is known of a request so far; filled in as it is read. */
export type Glimpse = {
  readonly snapshot: Snapshot;
  readonly startedAt: number;
  readonly startedMonotonic: number;
  readonly requestId: RequestId;
  traceId: TraceId;
  readonly spanId: SpanId;
  readonly parent: RemoteSpan | null;
  continued: boolean;
  readonly callerRequestId: string | null;
  readonly remote: string;
  publicBase: string;
  route: Route | null;
  actor: Actor | null;
  operation: Operation | null;
  /** It is addressed to the Bulk endpoint, whatever it says. */
  bulk: boolean;
};

/** `/scim/slack/Users/{id}`: low-cardinality, whatever the caller sent. */
const templateOf = (seen: Glimpse, method: string): string => {
  if (seen.route === null) return '/{unknown}';
  const { operation } = seen;
  if (seen.bulk) return `${seen.route.path}/Bulk`;
  if (operation === null) return `${seen.route.path}/{unread}`;
  if (operation.verb === 'discover') {
    return `${seen.route.path}/${operation.document}${operation.id === undefined ? '' : '/{id}'}`;
  }
  if (operation.verb === 'search' && method === 'POST') {
    return `${seen.route.path}/${operation.type.endpoint}/.search`;
  }
  const id = 'id' in operation ? '/{id}' : '';
  return `${seen.route.path}/${operation.type.endpoint}${id}`;
};

/** RFC 9110 and 5789; anything else is `_OTHER` (HTTP semantic conventions). */
const known: ReadonlySet<string> = new Set(
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH'.split(' '),
);
const queryName = /^[A-Za-z]{1,32}$/;

/** Keys stay, values go: `filter=REDACTED&count=REDACTED`. */
const redacted = (query: string): string =>
  query === ''
    ? ''
    : query
        .split('&', 20)
        .map((pair) => pair.split('=', 1)[0] as string)
        .map((name) => (queryName.test(name) ? `${name}=REDACTED` : 'REDACTED'))
        .join('&');

export type Finished = Readonly<{
  exchange: Exchange;
  seen: Glimpse;
  outcome: Outcome | null;
  refusal: Refusal | null;
  cause: unknown;
  status: number;
  endedAt: number;
  mutating: boolean;
}>;

/** A replay is told by its note: counted here, one entry would stand for several mutations. */
const mutationOf = ({ ledger, replayed }: Outcome): SettledPart['mutation'] =>
  replayed === true
    ? null
    : ledger && { ledgerId: ledger.id, outcome: ledger.outcome, settledBy: ledger.settledBy };

/** One mutation of a Bulk, as it is told for itself. */
const partOf = ({ outcome, startedAt, endedAt }: Tried): SettledPart => {
  const { reply } = outcome;
  const refusal = isRefusal(reply) ? reply : null;
  return {
    startedAt,
    endedAt,
    status: isRefusal(reply) ? statusOf(reply) : reply.status,
    code: refusal?.refused ?? null,
    internal: outcome.internal ?? null,
    operation: outcome.operation,
    actions: outcome.actions,
    resourceType: outcome.resourceType,
    decision: outcome.decision,
    rule: outcome.rule,
    normalisedCount: outcome.normalised.length,
    repairs: outcome.repairs,
    targetMs: outcome.targetMs,
    attempts: outcome.attempts,
    mutation: mutationOf(outcome),
    ...(outcome.holdId === undefined ? {} : { holdId: outcome.holdId }),
  };
};

/** Where the request was addressed to; only of routes that are there, so that strangers make no series. */
const hostOf = (exchange: Exchange): string =>
  (exchange.headers['host'] ?? '').replace(/:[0-9]+$/, '').slice(0, 253);

export const settledRecord = (finished: Finished): RequestSettled => {
  const { exchange, seen, outcome, refusal } = finished;
  return {
    traceId: seen.traceId,
    spanId: seen.spanId,
    parent: seen.parent === null ? null : { ...seen.parent, continued: seen.continued },
    requestId: seen.requestId,
    method: known.has(exchange.method) ? exchange.method : '_OTHER',
    httpRoute: templateOf(seen, exchange.method),
    query: redacted(exchange.query),
    scheme: seen.snapshot.server.publicUrl.startsWith('https') ? 'https' : 'http',
    serverAddress: seen.route === null ? '' : hostOf(exchange),
    serverPort: exchange.localPort,
    clientAddress: seen.remote,
    userAgent: (exchange.headers['user-agent'] ?? '').slice(0, 120),
    startedAt: seen.startedAt,
    endedAt: finished.endedAt,
    status: finished.status,
    code: refusal?.refused ?? null,
    internal: outcome?.internal ?? refusal?.internal ?? null,
    cause: finished.cause,
    route: seen.route?.name ?? null,
    client: seen.actor?.client.name ?? null,
    keyId: seen.actor?.keyId ?? null,
    target: seen.route?.target ?? null,
    operation: outcome?.operation ?? seen.operation?.verb ?? null,
    actions: outcome?.actions ?? [],
    resourceType: outcome?.resourceType ?? null,
    decision: outcome?.decision ?? null,
    rule: outcome?.rule ?? null,
    configVersion: seen.snapshot.version,
    normalisedCount: outcome?.normalised.length ?? 0,
    repairs: outcome?.repairs ?? [],
    abandoned: exchange.abandoned(),
    targetMs: outcome?.targetMs ?? 0,
    attempts: outcome?.attempts ?? [],
    mutation: outcome === null ? null : mutationOf(outcome),
    mutating: finished.mutating,
    ...(outcome?.holdId === undefined ? {} : { holdId: outcome.holdId }),
    ...(outcome?.parts === undefined ? {} : { parts: outcome.parts.map(partOf) }),
  };
};

/** The same of a request at a webhook route. `keyId`: the key that matched. */
export const webhookRecord = (
  finished: Omit<Finished, 'outcome' | 'mutating'>,
  told: Readonly<{ route: WebhookRoute; keyId: string | null; webhook: WebhookSettled }>,
): RequestSettled => ({
  ...settledRecord({ ...finished, outcome: null, mutating: false }),
  httpRoute: told.route.path,
  serverAddress: hostOf(finished.exchange),
  route: told.route.name,
  keyId: told.keyId,
  webhook: told.webhook,
});
