/**
 * Which fields of what happened reach the log, under which names, and at which level. An allow-list:
 * a field of a record that is not named here is not logged.
 */
import { errorTable, type ErrorCode } from '../errors.ts';
import { describeFailure } from './failure.ts';
import type { LogFields, LogLevel } from './log.ts';
import type {
  DeliveryAttempted,
  DeliveryResult,
  PlanChanged,
  RequestSettled,
  WebhookResult,
} from './observe.ts';

/** Event name of a change, denied or not (interface.md §7); other requests are `sallyport.request`. */
export const mutationEvent = 'sallyport.mutation';
export const requestEvent = 'sallyport.request';
/** A message at a webhook route. */
export const webhookEvent = 'sallyport.webhook';
/** A doubt that was settled later. */
export const doubtEvent = 'sallyport.mutation.settled';

/** A try of a delivery. */
export const deliveryEvent = 'sallyport.delivery';

/** Characters kept of one text given to `note`: a signed checkpoint fits. */
const textCharsMax = 4_096;
const listMax = 50;

/** Level of a request's line: by the error table; changes and denials are never below `info`. */
export const levelOf = (
  record: Pick<RequestSettled, 'code' | 'decision' | 'mutating'>,
): LogLevel => {
  const { code, decision, mutating } = record;
  const level =
    code !== null && Object.hasOwn(errorTable, code)
      ? errorTable[code as ErrorCode].level
      : 'debug';
  return level === 'debug' && (mutating || decision === 'deny' || decision === 'hold')
    ? 'info'
    : level;
};

/** Milliseconds with three digits after the point. */
const rounded = (ms: number): number => Math.round(ms * 1_000) / 1_000;

/** The line of one request. `undefined` fields are left out when printed. */
export const requestFields = (record: RequestSettled): LogFields => ({
  trace_id: record.traceId,
  span_id: record.spanId,
  request_id: record.requestId,
  ledger_id: record.mutation?.ledgerId,
  method: record.method,
  http_route: record.httpRoute,
  status: record.status,
  route: record.route ?? undefined,
  client: record.client ?? undefined,
  key_id: record.keyId ?? undefined,
  target: record.target ?? undefined,
  operation: record.operation ?? undefined,
  actions: record.actions.length === 0 ? undefined : record.actions,
  decision: record.decision ?? undefined,
  rule: record.rule ?? undefined,
  hold_id: record.holdId,
  code: record.code ?? undefined,
  outcome: record.mutation?.outcome,
  settled_by: record.mutation?.settledBy,
  duration_ms: rounded(record.endedAt - record.startedAt),
  target_ms: record.targetMs === 0 ? undefined : rounded(record.targetMs),
  attempts: record.attempts.length === 0 ? undefined : record.attempts.length,
  normalised: record.normalisedCount === 0 ? undefined : record.normalisedCount,
  repairs: record.repairs.length === 0 ? undefined : record.repairs,
  abandoned: record.abandoned ? true : undefined,
  config_version: record.configVersion,
  client_address: record.clientAddress,
  internal: record.internal ?? undefined,
  cause:
    record.cause === undefined || record.cause === null ? undefined : describeFailure(record.cause),
});

/** Level of a try's line: a dead letter is somebody's work, a try again is not yet. */
export const deliveryLevels: Readonly<Record<DeliveryResult, LogLevel>> = Object.freeze({
  delivered: 'info',
  skipped: 'info',
  superseded: 'info',
  scheduled: 'info',
  again: 'warn',
  postponed: 'debug',
  dead: 'error',
});

/** The line of one try. */
export const deliveryFields = (record: DeliveryAttempted): LogFields => ({
  trace_id: record.traceId,
  span_id: record.spanId,
  event_id: record.eventId,
  delivery_id: record.deliveryId,
  route: record.route,
  lane: record.lane,
  kind: record.kind,
  attempt: record.attempt,
  result: record.result,
  reason: record.reason ?? undefined,
  status: record.status ?? undefined,
  duration_ms: rounded(record.endedAt - record.startedAt),
  calls: record.calls.length === 0 ? undefined : record.calls.length,
  ledger_ids: record.ledgerIds.length === 0 ? undefined : record.ledgerIds,
  config_version: record.configVersion,
});

/** The line of one change by a plan. */
export const planFields = (record: PlanChanged): LogFields => ({
  trace_id: record.traceId,
  span_id: record.spanId,
  request_id: record.requestId,
  ledger_id: record.mutation?.ledgerId,
  delivery_id: record.deliveryId,
  plan: record.plan,
  step: record.step,
  status: record.status,
  route: record.route ?? undefined,
  client: record.client ?? undefined,
  target: record.target ?? undefined,
  operation: record.operation ?? undefined,
  actions: record.actions.length === 0 ? undefined : record.actions,
  decision: record.decision ?? undefined,
  rule: record.rule ?? undefined,
  hold_id: record.holdId,
  code: record.code ?? undefined,
  outcome: record.mutation?.outcome,
  settled_by: record.mutation?.settledBy,
  duration_ms: rounded(record.endedAt - record.startedAt),
  target_ms: record.targetMs === 0 ? undefined : rounded(record.targetMs),
  normalised: record.normalisedCount === 0 ? undefined : record.normalisedCount,
  config_version: record.configVersion,
  internal: record.internal ?? undefined,
});

/** Level of a webhook's line. */
export const webhookLevels: Readonly<Record<WebhookResult, LogLevel>> = Object.freeze({
  stored: 'info',
  duplicate: 'debug',
  handshake: 'info',
  refused: 'warn',
  rate_limited: 'warn',
  unavailable: 'error',
});

/** The line of a webhook; `count` of its like since the last line, itself included. */
export const webhookFields = (record: RequestSettled, count: number): LogFields => ({
  ...requestFields(record),
  scheme: record.webhook?.sender,
  result: record.webhook?.result,
  event_id: record.webhook?.eventId ?? undefined,
  handshake: record.webhook?.greeting ?? undefined,
  answered: record.webhook?.answered ?? undefined,
  count: count === 1 ? undefined : count,
});

const printable = (value: unknown): unknown => {
  if (typeof value === 'string') return value.slice(0, textCharsMax);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (Array.isArray(value)) {
    return value
      .slice(0, listMax)
      .filter((item) => typeof item === 'string' || typeof item === 'number')
      .map((item) => (typeof item === 'string' ? item.slice(0, textCharsMax) : item));
  }
  return value instanceof Error ? describeFailure(value) : undefined;
};

/** Fields of a `note`: flat values and lists of them; errors as failure.ts describes them; the rest goes. */
export const noteFields = (fields: LogFields): LogFields => {
  const safe = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of Object.entries(fields)) safe[name] = printable(value);
  return safe;
};
