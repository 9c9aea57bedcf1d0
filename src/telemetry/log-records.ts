/**
 * Log records for OpenTelemetry: each mutation is one, with event name, trace and ledger id
 * (interface.md §7). In the SDK's exported form, as the spans are.
 */
import { SeverityNumber, TraceFlags, type SpanContext } from '@opentelemetry/api';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { SpanAttributes } from './attributes.ts';
import type { LogLevel } from './log.ts';
import { doubtEvent, levelOf, mutationEvent } from './log-fields.ts';
import type { Observer, PlanChanged, RequestSettled } from './observe.ts';
import { hrTimeOf, type Draft, type SpanOrigin } from './spans.ts';

const severities: Readonly<Record<LogLevel, Readonly<{ number: SeverityNumber; text: string }>>> =
  Object.freeze({
    debug: { number: SeverityNumber.DEBUG, text: 'DEBUG' },
    info: { number: SeverityNumber.INFO, text: 'INFO' },
    warn: { number: SeverityNumber.WARN, text: 'WARN' },
    error: { number: SeverityNumber.ERROR, text: 'ERROR' },
  });

type Parts = Readonly<{
  eventName: string;
  level: LogLevel;
  at: number;
  spanContext?: SpanContext;
  attributes: SpanAttributes;
}>;

const logRecord = (origin: SpanOrigin, parts: Parts): ReadableLogRecord => {
  const { eventName, level, at, spanContext, attributes } = parts;
  const hrTime = hrTimeOf(at);
  const record: Draft<ReadableLogRecord> = {
    hrTime,
    hrTimeObserved: hrTime,
    severityNumber: severities[level].number,
    severityText: severities[level].text,
    eventName,
    attributes,
    resource: origin.resource,
    instrumentationScope: origin.instrumentationScope,
    droppedAttributesCount: 0,
  };
  if (spanContext !== undefined) record.spanContext = spanContext;
  return record;
};

/** The log record of a mutation. `attributes` are those of requestAttributes or planAttributes. */
export const mutationLogRecord = (
  origin: SpanOrigin,
  record: RequestSettled | PlanChanged,
  attributes: SpanAttributes,
): ReadableLogRecord =>
  logRecord(origin, {
    eventName: mutationEvent,
    level: levelOf(record),
    at: record.endedAt,
    spanContext: {
      traceId: record.traceId,
      spanId: record.spanId,
      traceFlags: TraceFlags.SAMPLED,
    },
    attributes,
  });

/** The log record of a doubt that was settled later; its trace ended long ago, so it is named only. */
export const doubtLogRecord = (
  origin: SpanOrigin,
  doubt: Parameters<Observer['doubtSettled']>[0],
  at: number,
): ReadableLogRecord =>
  logRecord(origin, {
    eventName: doubtEvent,
    level: 'info',
    at,
    attributes: {
      'sallyport.ledger.id': doubt.ledgerId,
      'sallyport.trace.id': doubt.traceId,
      'sallyport.target': doubt.target,
      'sallyport.outcome': doubt.outcome,
      'sallyport.settled_by': doubt.settledBy,
    },
  });
