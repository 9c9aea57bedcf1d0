/**
 * The spans of one finished request: a SERVER span, and a CLIENT span for each attempt at the target;
 * of one try of a delivery: a CONSUMER span, and the same below it
 * (HTTP semantic conventions 1.44). They are finished spans in the SDK's exported form, made from the
 * record and handed to its processors: their ids were sent to the targets long before, and the SDK's
 * own span objects cost as much again as everything else.
 */
import {
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type HrTime,
  type Link,
  type SpanContext,
} from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { knownMethod, serverErrorType, type SpanAttributes } from './attributes.ts';
import type { DeliveryAttempted, RequestSettled } from './observe.ts';

/** What all spans share: the SDK's resource, and our scope. */
export type SpanOrigin = Pick<ReadableSpan, 'resource' | 'instrumentationScope'>;

const unset = Object.freeze({ code: SpanStatusCode.UNSET });
const failed = Object.freeze({ code: SpanStatusCode.ERROR });
const none: never[] = [];

/** Wall milliseconds with fraction as seconds and nanoseconds. */
export const hrTimeOf = (ms: number): HrTime => {
  const seconds = Math.floor(ms / 1_000);
  const nanoseconds = Math.round((ms - seconds * 1_000) * 1e6);
  return nanoseconds < 1e9 ? [seconds, nanoseconds] : [seconds + 1, 0];
};

type SpanParts = Readonly<{
  context: SpanContext;
  parent: SpanContext | undefined;
  name: string;
  kind: SpanKind;
  startedAt: number;
  endedAt: number;
  isFailed: boolean;
  attributes: SpanAttributes;
  links: Link[];
}>;

/** For fields that are set only sometimes: a conditional spread takes longer than all the rest. */
export type Draft<Made> = { -readonly [Name in keyof Made]: Made[Name] };

const finishedSpan = (origin: SpanOrigin, parts: SpanParts): ReadableSpan => {
  const endedAt = Math.max(parts.startedAt, parts.endedAt);
  const span: Draft<ReadableSpan> = {
    name: parts.name,
    kind: parts.kind,
    spanContext: () => parts.context,
    startTime: hrTimeOf(parts.startedAt),
    endTime: hrTimeOf(endedAt),
    duration: hrTimeOf(endedAt - parts.startedAt),
    status: parts.isFailed ? failed : unset,
    attributes: parts.attributes,
    links: parts.links,
    events: none,
    ended: true,
    resource: origin.resource,
    instrumentationScope: origin.instrumentationScope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
  if (parts.parent !== undefined) span.parentSpanContext = parts.parent;
  return span;
};

const remoteContext = (parent: NonNullable<RequestSettled['parent']>): SpanContext => ({
  traceId: parent.traceId,
  spanId: parent.spanId,
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
});

/** A call on the wire, of a request or of a delivery. */
type MadeCall = Pick<RequestSettled['attempts'][number], 'spanId' | 'report'> &
  Readonly<{ call: Readonly<{ method: string; template: string }> }>;

const attemptSpan = (
  origin: SpanOrigin,
  server: SpanContext,
  target: string | null,
  attempt: MadeCall,
): ReadableSpan => {
  const { call, report } = attempt;
  const method = knownMethod(call.method);
  const attributes: SpanAttributes = {
    'http.request.method': method,
    'server.address': report.serverAddress,
    'server.port': report.serverPort,
    'url.template': call.template,
  };
  if (target !== null) attributes['sallyport.target'] = target;
  if (report.status !== null) attributes['http.response.status_code'] = report.status;
  if (report.ordinal > 1) attributes['http.request.resend_count'] = report.ordinal - 1;
  if (report.errorType !== null) attributes['error.type'] = report.errorType;
  return finishedSpan(origin, {
    context: {
      traceId: server.traceId,
      spanId: attempt.spanId,
      traceFlags: TraceFlags.SAMPLED,
    },
    parent: server,
    name: `${method} ${call.template}`,
    kind: SpanKind.CLIENT,
    startedAt: report.startedAt,
    endedAt: report.endedAt,
    isFailed: report.errorType !== null,
    attributes,
    links: none,
  });
};

/** Name of the SERVER span: `PATCH /scim/slack/Users/{id}`. */
export const serverSpanName = (record: RequestSettled): string => {
  const method = knownMethod(record.method);
  return `${method === '_OTHER' ? 'HTTP' : method} ${record.httpRoute}`;
};

/** Links of the SERVER span: the caller's span, unless its trace is continued. */
export const serverSpanLinks = ({ parent }: RequestSettled): Link[] =>
  parent === null || parent.continued ? none : [{ context: remoteContext(parent) }];

/** All spans of a request, the SERVER span first. `attributes` are those of requestAttributes. */
export const spansOf = (
  origin: SpanOrigin,
  record: RequestSettled,
  attributes: SpanAttributes,
): readonly ReadableSpan[] => {
  const { parent } = record;
  const context: SpanContext = {
    traceId: record.traceId,
    spanId: record.spanId,
    traceFlags: TraceFlags.SAMPLED,
  };
  const server = finishedSpan(origin, {
    context,
    parent: parent !== null && parent.continued ? remoteContext(parent) : undefined,
    name: serverSpanName(record),
    kind: SpanKind.SERVER,
    startedAt: record.startedAt,
    endedAt: record.endedAt,
    isFailed: serverErrorType(record) !== null,
    attributes,
    links: serverSpanLinks(record),
  });
  const spans = [server];
  for (const attempt of record.attempts) {
    spans.push(attemptSpan(origin, context, record.target, attempt));
  }
  return spans;
};

const deliveryAttributes = (record: DeliveryAttempted): SpanAttributes => {
  const attributes: SpanAttributes = {
    'sallyport.route': record.route,
    'sallyport.lane': record.lane,
    'sallyport.event.id': record.eventId,
    'sallyport.delivery.id': record.deliveryId,
    'sallyport.delivery.attempt': record.attempt,
    'sallyport.delivery.result': record.result,
    'sallyport.config.version': record.configVersion,
  };
  if (isFailedDelivery(record)) attributes['error.type'] = record.reason ?? record.result;
  const [ledgerId] = record.ledgerIds;
  if (ledgerId !== undefined) attributes['sallyport.ledger.id'] = ledgerId;
  return attributes;
};

/** Did the try fail, as opposed to end otherwise? */
const isFailedDelivery = ({ result }: DeliveryAttempted): boolean =>
  result === 'again' || result === 'dead';

/**
 * The spans of one try: a CONSUMER span in the event's trace, linked to the SERVER span of the webhook
 * (it ended long ago), and a CLIENT span for each call below it. None where nothing was tried.
 */
export const deliverySpansOf = (
  origin: SpanOrigin,
  record: DeliveryAttempted,
): readonly ReadableSpan[] => {
  if (record.result === 'postponed') return none;
  const { traceId } = record;
  const context: SpanContext = {
    traceId,
    spanId: record.spanId,
    traceFlags: TraceFlags.SAMPLED,
  };
  const event = { traceId, spanId: record.eventSpanId, traceFlags: TraceFlags.SAMPLED };
  const consumer = finishedSpan(origin, {
    context,
    parent: undefined,
    name: `deliver ${record.lane}`,
    kind: SpanKind.CONSUMER,
    startedAt: record.startedAt,
    endedAt: record.endedAt,
    isFailed: isFailedDelivery(record),
    attributes: deliveryAttributes(record),
    links: [{ context: event }],
  });
  const calls = record.calls.map((call) => attemptSpan(origin, context, call.target, call));
  return [consumer, ...calls];
};
