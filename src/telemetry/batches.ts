/**
 * Processors between the SDK and OTLP over HTTP with protobuf, the default of the specification: the
 * SDK's configuration, resource and transport, our encoding and our bounded batch. Other protocols
 * and exporters (http/json, grpc, console, none) are the SDK's own affair. `OTEL_BSP_*` and
 * `OTEL_BLRP_*` hold; where they are silent the queues take two seconds of 4,000 mutations a second
 * (the SDK's 2,048 overflow within 0.3 s).
 */
import { ExportResultCode } from '@opentelemetry/core';
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from '@opentelemetry/otlp-exporter-base/node-http';
import {
  ProtobufLogsSerializer,
  ProtobufTraceSerializer,
  type ISerializer,
} from '@opentelemetry/otlp-transformer';
import type { LogRecordProcessor, ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { LostSignal } from './metrics.ts';
import { makeOtlpBatch, type BatchLimits } from './otlp-batch.ts';
import { exportRequest, writeLogRecord, writeSpan } from './otlp-encode.ts';
import type { Writer } from './protobuf.ts';

type Environment = Readonly<Record<string, string | undefined>>;
/** Told of items that were lost. */
export type Lost = (signal: LostSignal, errorType: string, count: number) => void;

const queueMax = 16_384;
const batchMax = 2_048;
const lingerMs = 1_000;

/** What every item of a batch shares. */
type Origin = Readonly<{
  resource: ReadableSpan['resource'];
  scope: ReadableSpan['instrumentationScope'];
}>;

type Shared = Pick<ReadableSpan, 'resource' | 'instrumentationScope'>;

type Signal = Readonly<{
  name: 'TRACES' | 'LOGS';
  path: string;
  limits: 'OTEL_BSP' | 'OTEL_BLRP';
  lost: LostSignal;
  component: string;
  counts: 'span' | 'log';
  /** For the endpoint's answer. */
  serializer: Pick<ISerializer<never, object>, 'deserializeResponse'>;
}>;

const spanSignal: Signal = {
  name: 'TRACES',
  path: 'v1/traces',
  limits: 'OTEL_BSP',
  lost: 'spans',
  component: 'otlp_http_span_exporter',
  counts: 'span',
  serializer: ProtobufTraceSerializer,
};

const logSignal: Signal = {
  name: 'LOGS',
  path: 'v1/logs',
  limits: 'OTEL_BLRP',
  lost: 'log-records',
  component: 'otlp_http_log_exporter',
  counts: 'log',
  serializer: ProtobufLogsSerializer,
};

const textOf = (env: Environment, ...names: readonly string[]): string =>
  names.map((name) => (env[name] ?? '').trim()).find((text) => text !== '') ?? '';

const numberOf = (env: Environment, name: string): number | null => {
  const value = Number(textOf(env, name));
  return Number.isInteger(value) && value > 0 ? value : null;
};

const isOurs = (env: Environment, { name }: Signal): boolean => {
  const exporter = textOf(env, `OTEL_${name}_EXPORTER`) || 'otlp';
  const named = textOf(env, `OTEL_EXPORTER_OTLP_${name}_PROTOCOL`, 'OTEL_EXPORTER_OTLP_PROTOCOL');
  return exporter === 'otlp' && (named || 'http/protobuf') === 'http/protobuf';
};

const limitsOf = (env: Environment, { limits }: Signal): BatchLimits => {
  const queue = numberOf(env, `${limits}_MAX_QUEUE_SIZE`) ?? queueMax;
  return {
    queueMax: queue,
    batchMax: Math.min(queue, numberOf(env, `${limits}_MAX_EXPORT_BATCH_SIZE`) ?? batchMax),
    lingerMs: numberOf(env, `${limits}_SCHEDULE_DELAY`) ?? lingerMs,
  };
};

type Sending = Readonly<{ origin: Origin; entries: Uint8Array; count: number }>;

/** The SDK's transport: endpoint, headers, TLS, compression, time limit and retries by `OTEL_*`. */
const openTransport = ({ name, path, component, counts, serializer }: Signal) =>
  createOtlpHttpExportDelegate<Sending, object>(
    convertLegacyHttpOptions({}, name, path, { 'Content-Type': 'application/x-protobuf' }),
    {
      serializeRequest: ({ origin, entries }) =>
        exportRequest(origin.resource.attributes, origin.scope, entries),
      deserializeResponse: (data) => serializer.deserializeResponse(data),
    },
    component,
    { name: counts, countItems: ({ count }) => count },
    undefined,
  );

const openBatch = (env: Environment, signal: Signal, lost: Lost) => {
  const transport = openTransport(signal);
  let origin: Origin | null = null;
  let isShut = false;
  const batch = makeOtlpBatch(limitsOf(env, signal), {
    send: async (entries, count) => {
      if (origin === null) return false;
      await origin.resource.waitForAsyncAttributes?.();
      const sending: Sending = { origin, entries, count };
      return new Promise((resolve) =>
        transport.export(sending, ({ code }) => resolve(code === ExportResultCode.SUCCESS)),
      );
    },
    lost: (errorType, count) => lost(signal.lost, errorType, count),
  });
  return {
    /** All items come from this process's one resource and scope: the first one's are everyone's. */
    push: (write: (writer: Writer) => void, item: Shared): void => {
      if (isShut) return lost(signal.lost, 'shut_down', 1);
      origin ??= { resource: item.resource, scope: item.instrumentationScope };
      batch.push(write);
    },
    forceFlush: () => batch.flush(),
    shutdown: async (): Promise<void> => {
      isShut = true;
      await batch.flush();
      await transport.shutdown();
    },
  };
};

/** Processors for spans; null leaves them to the SDK. */
export const spanProcessorsOf = (env: Environment, lost: Lost): SpanProcessor[] | null => {
  if (!isOurs(env, spanSignal)) return null;
  const { push, forceFlush, shutdown } = openBatch(env, spanSignal, lost);
  const onEnd = (span: ReadableSpan): void => push((writer) => writeSpan(writer, span), span);
  return [{ onStart: () => {}, onEnd, forceFlush, shutdown }];
};

/** Processors for log records; null leaves them to the SDK. */
export const logProcessorsOf = (env: Environment, lost: Lost): LogRecordProcessor[] | null => {
  if (!isOurs(env, logSignal)) return null;
  const { push, forceFlush, shutdown } = openBatch(env, logSignal, lost);
  const onEmit = (record: ReadableLogRecord): void =>
    push((writer) => writeLogRecord(writer, record), record);
  return [{ onEmit, forceFlush, shutdown }];
};
