/**
 * Our verbs of observation. The house tells what happened through this one port; spans, metrics and
 * logs are made behind it. Nothing told here may hold user names, e-mails, filter values, tokens or
 * bodies. Every method is cheap, synchronous and never throws.
 */
import type { DeliveryId, EventId, LedgerId, RequestId, SpanId, TraceId } from '../ids.ts';

/** One attempt, for telemetry. Times are wall ms. */
export type AttemptReport = Readonly<{
  ordinal: number;
  startedAt: number;
  endedAt: number;
  status: number | null;
  /** Low-cardinality error type, or null on success: `timeout`, `ECONNRESET`, `500`. */
  errorType: string | null;
  serverAddress: string;
  serverPort: number;
}>;

/** What a webhook route makes of one message. unavailable: a fault of ours, the sender tries again. */
export type WebhookResult =
  | 'stored'
  | 'duplicate'
  | 'handshake'
  | 'refused'
  | 'rate_limited'
  | 'unavailable';

/** What a request at a webhook route says beside what every request says. */
export type WebhookSettled = Readonly<{
  /** Name of the sender's descriptor; '' where the route is not ready. */
  sender: string;
  result: WebhookResult;
  /** The event it is, or repeats. */
  eventId: EventId | null;
  /** Name of the handshake that was answered. */
  greeting: string | null;
  /** Of synchronous hooks: who gave the answer. */
  answered: 'receiver' | 'otherwise' | null;
}>;

/** What is noticed of a source over time (deliveries/find-gaps.ts). */
export type SourceNoticed = Readonly<{
  route: string;
  /** missed: numbers of its sequence did not come; complete: they came after all; retried: it had to try again. */
  kind: 'silent' | 'returned' | 'missed' | 'complete' | 'retried';
  /** Messages missed, come after all or retried; 1 for silence. */
  count: number;
  /** When it was last heard, wall ms. */
  lastAt: number;
}>;

/** One finished request at the data listener. Times are wall milliseconds with fraction. */
export type RequestSettled = Readonly<{
  traceId: TraceId;
  spanId: SpanId;
  /** The caller's trace, to be linked (or continued) and never trusted for sampling. */
  parent: Readonly<{ traceId: string; spanId: string; continued: boolean }> | null;
  requestId: RequestId;
  method: string;
  /** `/scim/slack/Users/{id}` */
  httpRoute: string;
  /** Query keys with values replaced: `filter=REDACTED&count=REDACTED`, or ''. */
  query: string;
  scheme: 'http' | 'https';
  serverAddress: string;
  serverPort: number;
  clientAddress: string;
  userAgent: string;
  startedAt: number;
  endedAt: number;
  status: number;
  /** Error code where the gateway answered with one. */
  code: string | null;
  /** Why, for the log only; no personal data. */
  internal: string | null;
  /** A defect's cause; goes to the log only. */
  cause: unknown;
  route: string | null;
  client: string | null;
  keyId: string | null;
  target: string | null;
  operation: string | null;
  actions: readonly string[];
  resourceType: string | null;
  decision: 'allow' | 'deny' | 'hold' | null;
  rule: string | null;
  configVersion: string;
  normalisedCount: number;
  repairs: readonly string[];
  /** The caller hung up before the answer. */
  abandoned: boolean;
  /** Milliseconds spent waiting for the target. */
  targetMs: number;
  attempts: readonly Readonly<{
    spanId: SpanId;
    call: Readonly<{
      method: string;
      template: string;
      purpose: 'call' | 'before' | 'verify' | 'lookup' | 'take-back' | 'decide';
    }>;
    report: AttemptReport;
  }>[];
  /** Present on mutations that reached the ledger. */
  mutation: Readonly<{ ledgerId: LedgerId; outcome: string; settledBy: string }> | null;
  mutating: boolean;
  /** The hold it waits in, or was released from; else absent. */
  holdId?: string;
  /** Of a Bulk: the mutations it was unrolled into, each told as one (parts.ts); else absent. */
  parts?: readonly SettledPart[];
  /** Of a webhook route; else absent. `keyId` is then the key that matched, `internal` the reason. */
  webhook?: WebhookSettled;
}>;

/** What one mutation of a Bulk says for itself; the rest it shares with its request. */
export type SettledPart = Pick<
  RequestSettled,
  | 'startedAt'
  | 'endedAt'
  | 'status'
  | 'code'
  | 'internal'
  | 'operation'
  | 'actions'
  | 'resourceType'
  | 'decision'
  | 'rule'
  | 'normalisedCount'
  | 'repairs'
  | 'targetMs'
  | 'attempts'
  | 'mutation'
  | 'holdId'
>;

/** What came of one try of a delivery; `postponed`: nothing was tried. */
export type DeliveryResult =
  | 'delivered'
  | 'skipped'
  | 'superseded'
  | 'scheduled'
  | 'again'
  | 'postponed'
  | 'dead';

/** One try of a delivery. Times are wall ms. */
export type DeliveryAttempted = Readonly<{
  /** The event's trace. */
  traceId: TraceId;
  /** The CONSUMER span of this try. */
  spanId: SpanId;
  /** The SERVER span of the webhook. */
  eventSpanId: SpanId;
  eventId: EventId;
  deliveryId: DeliveryId;
  route: string;
  /** `route/name`. */
  lane: string;
  kind: 'forward' | 'plan';
  /** 1 = first. */
  attempt: number;
  result: DeliveryResult;
  /** Short error type, or why it ended; null where it was delivered. */
  reason: string | null;
  status: number | null;
  /** When the event came in. */
  eventAt: number;
  startedAt: number;
  endedAt: number;
  ledgerIds: readonly string[];
  calls: readonly Readonly<{
    spanId: SpanId;
    target: string;
    call: Readonly<{
      method: string;
      template: string;
      purpose: RequestSettled['attempts'][number]['call']['purpose'];
    }>;
    report: AttemptReport;
  }>[];
  configVersion: string;
}>;

/**
 * One change that no request of the data listener brought: a hold that people released, an undo. Its
 * calls are told with it, where nothing else tells them.
 */
export type ChangeMade = Pick<
  RequestSettled,
  | 'traceId'
  | 'spanId'
  | 'requestId'
  | 'startedAt'
  | 'endedAt'
  | 'status'
  | 'code'
  | 'internal'
  | 'route'
  | 'client'
  | 'target'
  | 'operation'
  | 'actions'
  | 'resourceType'
  | 'decision'
  | 'rule'
  | 'configVersion'
  | 'normalisedCount'
  | 'targetMs'
  | 'mutation'
  | 'mutating'
  | 'holdId'
  | 'attempts'
>;

/**
 * One change by a step of a plan, or a read that was denied it; its calls are told with the try of its
 * delivery. `spanId`: the SERVER span of the webhook.
 */
export type PlanChanged = Omit<ChangeMade, 'attempts'> &
  Readonly<{ deliveryId: DeliveryId; plan: string; step: string }>;

/** How one lane stands in the store. `oldestAt`: receipt of the oldest pending event, wall ms. */
export type LaneCounted = Readonly<{
  lane: string;
  pending: number;
  dead: number;
  oldestAt: number | null;
}>;

/** Holds of one client that wait for people. `oldestAt`: when the oldest was held, wall ms. */
export type HoldsCounted = Readonly<{ client: string; pending: number; oldestAt: number }>;
/** A watched resource differs from what the ledger says, or holds it again. */
export type DriftNoticed = Readonly<{ target: string; kind: 'found' | 'ended' }>;

export interface Observer {
  requestSettled(record: RequestSettled): void;
  deliveryAttempted(record: DeliveryAttempted): void;
  planChanged(record: PlanChanged): void;
  changeMade(record: ChangeMade): void;
  /** All lanes of the store; one that is not named has nothing. */
  deliveriesCounted(record: readonly LaneCounted[]): void;
  /** All clients of the store; one that is not named has nothing waiting. */
  holdsCounted(record: readonly HoldsCounted[]): void;
  /** A doubt settled later, outside any request. */
  doubtSettled(
    record: Readonly<{
      ledgerId: LedgerId;
      traceId: TraceId;
      target: string;
      outcome: string;
      settledBy: string;
    }>,
  ): void;
  limitRejected(record: Readonly<{ policy: string; route: string }>): void;
  sourceNoticed(record: SourceNoticed): void;
  ledgerAppended(record: Readonly<{ seconds: number; records: number; failed: boolean }>): void;
  /** A call of this gateway ended after another had taken over its entries. */
  lateSend(record: Readonly<{ ledgerId: LedgerId; outcome: string }>): void;
  /** Gateways that share the store, and how many versions of the configuration they serve. */
  gatewaysSeen(record: Readonly<{ live: number; versions: number }>): void;
  /** Freezes in force, by scope. */
  freezesSeen(record: Readonly<Record<'tenant' | 'client' | 'route', number>>): void;
  /** Break-glass overrides of protection in force. */
  overridesSeen(record: Readonly<{ inForce: number }>): void;
  /** Rules of protection that are not looked through as they stand, and marks there are. */
  protectionSeen(record: Readonly<{ unresolved: number; marks: number }>): void;
  breakerChanged(
    record: Readonly<{ target: string; state: 'closed' | 'open' | 'half-open' }>,
  ): void;
  configReloaded(record: Readonly<{ accepted: boolean; version: string; problems: number }>): void;
  driftNoticed(record: DriftNoticed): void;
  /** Watched resources of the store, and those of them that drifted. */
  driftCounted(record: Readonly<{ watching: number; drifted: number }>): void;
  credentialExpiry(
    record: Readonly<{ holder: string; kind: 'key' | 'target' | 'person'; expiresAt: number }>,
  ): void;
  /** Life cycle and everything else worth a line; fields hold no personal data and no secret. */
  note(
    level: 'debug' | 'info' | 'warn' | 'error',
    event: string,
    fields: Readonly<Record<string, unknown>>,
  ): void;
}

/** Observes nothing: for commands that open the store without being a gateway. */
export const silentObserver: Observer = Object.freeze({
  requestSettled: () => {},
  deliveryAttempted: () => {},
  planChanged: () => {},
  changeMade: () => {},
  deliveriesCounted: () => {},
  holdsCounted: () => {},
  doubtSettled: () => {},
  limitRejected: () => {},
  sourceNoticed: () => {},
  ledgerAppended: () => {},
  lateSend: () => {},
  gatewaysSeen: () => {},
  freezesSeen: () => {},
  overridesSeen: () => {},
  protectionSeen: () => {},
  breakerChanged: () => {},
  configReloaded: () => {},
  driftNoticed: () => {},
  driftCounted: () => {},
  credentialExpiry: () => {},
  note: () => {},
});
