/**
 * The batches between us and OTLP over HTTP: the SDK's processors and transport, with queues that
 * hold some seconds of full load where `OTEL_BSP_*` and `OTEL_BLRP_*` do not say otherwise (the
 * SDK's 2,048 overflow silently within 0.3 s at 4,000 mutations a second), and with every loss
 * counted. Other exporters (grpc, console, none) are the SDK's own affair.
 */
import { createNoopMeter, type Attributes, type MeterProvider } from '@opentelemetry/api';
import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from '@opentelemetry/otlp-exporter-base/node-http';
import {
  JsonLogsSerializer,
  JsonTraceSerializer,
  LogsExporterMetricsHelper,
  ProtobufLogsSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
} from '@opentelemetry/otlp-transformer';
import { BatchLogRecordProcessor, type LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace';
import type { LostSignal } from './metrics.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Lost = (signal: LostSignal, errorType: string, count: number) => void;

/** Items that wait; at 2 spans a mutation, two seconds of 4,000 mutations a second. */
const queueMax = 16_384;
/** Encoding a batch holds the event loop: 512 spans take about 2 ms. */
const batchMax = 512;
const lingerMs = 1_000;

const textOf = (env: Environment, ...names: readonly string[]): string =>
  names.map((name) => (env[name] ?? '').trim()).find((text) => text !== '') ?? '';

const numberOf = (env: Environment, name: string): number | null => {
  const value = Number(textOf(env, name));
  return Number.isInteger(value) && value > 0 ? value : null;
};

/** `protobuf` or `json` where the signal goes out by OTLP over HTTP and nothing else; null otherwise. */
const encodingOf = (env: Environment, signal: 'TRACES' | 'LOGS'): 'protobuf' | 'json' | null => {
  const exporter = textOf(env, `OTEL_${signal}_EXPORTER`) || 'otlp';
  if (exporter !== 'otlp') return null;
  const protocol =
    textOf(env, `OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`, 'OTEL_EXPORTER_OTLP_PROTOCOL') ||
    'http/protobuf';
  if (protocol === 'http/protobuf') return 'protobuf';
  return protocol === 'http/json' ? 'json' : null;
};

/** A meter provider that only listens for the losses which a batch processor tells its meter. */
const lossListener = (signal: LostSignal, lost: Lost): MeterProvider => {
  const meter = createNoopMeter();
  const counter = {
    add: (count: number, attributes?: Attributes): void => {
      const errorType = attributes?.['error.type'];
      if (typeof errorType === 'string') lost(signal, errorType, count);
    },
  };
  const processed = /^otel\.sdk\.processor\.(?:span|log)\.processed$/;
  const noop = meter.createCounter.bind(meter);
  meter.createCounter = (name, options) => (processed.test(name) ? counter : noop(name, options));
  return { getMeter: () => meter };
};

const limitsOf = (env: Environment, prefix: 'OTEL_BSP' | 'OTEL_BLRP') => {
  const exportTimeoutMillis = numberOf(env, `${prefix}_EXPORT_TIMEOUT`);
  return {
    maxQueueSize: numberOf(env, `${prefix}_MAX_QUEUE_SIZE`) ?? queueMax,
    maxExportBatchSize: numberOf(env, `${prefix}_MAX_EXPORT_BATCH_SIZE`) ?? batchMax,
    scheduledDelayMillis: numberOf(env, `${prefix}_SCHEDULE_DELAY`) ?? lingerMs,
    ...(exportTimeoutMillis === null ? {} : { exportTimeoutMillis }),
  };
};

const contentTypes = Object.freeze({
  protobuf: 'application/x-protobuf',
  json: 'application/json',
});

/** Processors for spans; null leaves them to the SDK. */
export const spanProcessorsOf = (env: Environment, lost: Lost): SpanProcessor[] | null => {
  const encoding = encodingOf(env, 'TRACES');
  if (encoding === null) return null;
  const headers = { 'Content-Type': contentTypes[encoding] };
  const exporter = new OTLPExporterBase(
    createOtlpHttpExportDelegate(
      convertLegacyHttpOptions({}, 'TRACES', 'v1/traces', headers),
      encoding === 'json' ? JsonTraceSerializer : ProtobufTraceSerializer,
      'otlp_http_span_exporter',
      TraceExporterMetricsHelper,
      undefined,
    ),
  );
  const selfObsMeterProvider = lossListener('spans', lost);
  return [new BatchSpanProcessor({ exporter, selfObsMeterProvider, ...limitsOf(env, 'OTEL_BSP') })];
};

/** Processors for log records; null leaves them to the SDK. */
export const logProcessorsOf = (env: Environment, lost: Lost): LogRecordProcessor[] | null => {
  const encoding = encodingOf(env, 'LOGS');
  if (encoding === null) return null;
  const headers = { 'Content-Type': contentTypes[encoding] };
  const exporter = new OTLPExporterBase(
    createOtlpHttpExportDelegate(
      convertLegacyHttpOptions({}, 'LOGS', 'v1/logs', headers),
      encoding === 'json' ? JsonLogsSerializer : ProtobufLogsSerializer,
      'otlp_http_log_exporter',
      LogsExporterMetricsHelper,
      undefined,
    ),
  );
  const selfObsMeterProvider = lossListener('log-records', lost);
  return [
    new BatchLogRecordProcessor({ exporter, selfObsMeterProvider, ...limitsOf(env, 'OTEL_BLRP') }),
  ];
};
