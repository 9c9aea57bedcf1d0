/**
 * The SDK itself: started from `OTEL_*` or `OTEL_CONFIG_FILE`, and fed from finished records. Loaded
 * by start-telemetry.ts only when something is to be exported, for it takes a fifth of a second.
 */
import {
  context,
  diag,
  DiagLogLevel,
  logs,
  metrics as metricsApi,
  propagation,
  ROOT_CONTEXT,
  SamplingDecision,
  SpanKind,
  trace,
} from '@opentelemetry/api';
import { defaultResource, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK, startNodeSdk } from '@opentelemetry/sdk-node';
import { systemClock } from '../clock.ts';
import { planAttributes, requestAttributes, type SpanAttributes } from './attributes.ts';
import { logProcessorsOf, spanProcessorsOf, type Lost } from './batches.ts';
import { diagnostics } from './diagnostics.ts';
import { doubtLogRecord, mutationLogRecord } from './log-records.ts';
import { metricProducer } from './metric-producer.ts';
import type { Metrics } from './metrics.ts';
import type { RequestSettled } from './observe.ts';
import { mutationsOf } from './parts.ts';
import {
  addMetricProducer,
  logPipeline,
  spanPipeline,
  type LogPipeline,
  type SpanPipeline,
} from './sdk-pipelines.ts';
import { deliverySpansOf, serverSpanLinks, serverSpanName, spansOf } from './spans.ts';
import type { Telemetry, TelemetryOptions } from './telemetry.ts';
import type { WantedSignals } from './wanted-signals.ts';

type OwnResource = Readonly<Record<string, string>>;

const startFromEnvironment = (
  { env }: TelemetryOptions,
  own: OwnResource,
  wanted: WantedSignals,
  lost: Lost,
): (() => Promise<void>) => {
  const spanProcessors = wanted.traces ? spanProcessorsOf(env, lost) : [];
  const logRecordProcessors = wanted.logs ? logProcessorsOf(env, lost) : [];
  const detectors = (env['OTEL_NODE_RESOURCE_DETECTORS'] ?? '').trim();
  const sdk = new NodeSDK({
    resource: defaultResource().merge(resourceFromAttributes(own)),
    ...(detectors === '' ? { resourceDetectors: [envDetector] } : {}),
    ...(spanProcessors === null ? {} : { spanProcessors }),
    ...(logRecordProcessors === null ? {} : { logRecordProcessors }),
    ...(wanted.metrics ? {} : { metricReaders: [] }),
  });
  sdk.start();
  return () => sdk.shutdown();
};

const levels: Readonly<Record<string, DiagLogLevel>> = Object.freeze(
  Object.assign(Object.create(null) as Record<string, DiagLogLevel>, {
    none: DiagLogLevel.NONE,
    error: DiagLogLevel.ERROR,
    warn: DiagLogLevel.WARN,
    info: DiagLogLevel.INFO,
    debug: DiagLogLevel.DEBUG,
    verbose: DiagLogLevel.VERBOSE,
    all: DiagLogLevel.ALL,
  }),
);

const listenToSdk = ({ env, log }: TelemetryOptions): void => {
  const logLevel = levels[(env['OTEL_LOG_LEVEL'] ?? '').toLowerCase()] ?? DiagLogLevel.WARN;
  diag.setLogger(diagnostics(log, systemClock), { logLevel, suppressOverrideMessage: true });
};

/** Reads of a route follow the configured sampler; a mutation is always in the record. */
const isSampled = (
  { sampler }: SpanPipeline,
  record: RequestSettled,
  attributes: SpanAttributes,
): boolean =>
  record.mutating ||
  sampler.shouldSample(
    ROOT_CONTEXT,
    record.traceId,
    serverSpanName(record),
    SpanKind.SERVER,
    attributes,
    serverSpanLinks(record),
  ).decision === SamplingDecision.RECORD_AND_SAMPLED;

const stringsOf = (attributes: Readonly<Record<string, unknown>>): OwnResource =>
  Object.fromEntries(
    Object.entries(attributes).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );

const withinDeadline = async (work: Promise<unknown>, deadlineMs: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
};

/** The API's globals are the process's; a later start must find them free. */
const releaseGlobals = (): void => {
  for (const api of [trace, metricsApi, logs, context, propagation, diag]) api.disable();
};

const feed = (
  { version }: TelemetryOptions,
  spans: SpanPipeline | null,
  logRecords: LogPipeline | null,
): Pick<Telemetry, 'requestSettled' | 'deliveryAttempted' | 'planChanged' | 'doubtSettled'> => {
  const instrumentationScope = { name: 'sallyport', version };
  const spanOrigin = spans && { resource: spans.resource, instrumentationScope };
  const logOrigin = logRecords && { resource: logRecords.resource, instrumentationScope };
  return {
    requestSettled: (record) => {
      const attributes = requestAttributes(record);
      if (spans !== null && spanOrigin !== null && isSampled(spans, record, attributes)) {
        for (const span of spansOf(spanOrigin, record, attributes)) spans.processor.onEnd(span);
      }
      if (!record.mutating || logRecords === null || logOrigin === null) return;
      for (const mutation of mutationsOf(record)) {
        const own = mutation === record ? attributes : requestAttributes(mutation);
        logRecords.processor.onEmit(mutationLogRecord(logOrigin, mutation, own));
      }
    },
    deliveryAttempted: (record) => {
      if (spans === null || spanOrigin === null) return;
      for (const span of deliverySpansOf(spanOrigin, record)) spans.processor.onEnd(span);
    },
    planChanged: (record) => {
      if (logRecords === null || logOrigin === null) return;
      logRecords.processor.onEmit(mutationLogRecord(logOrigin, record, planAttributes(record)));
    },
    doubtSettled: (doubt, at) => {
      if (logRecords === null || logOrigin === null) return;
      logRecords.processor.onEmit(doubtLogRecord(logOrigin, doubt, at));
    },
  };
};

type Found = Readonly<{ traces: boolean; logs: boolean; metrics: boolean }>;

/** A signal that was asked for and is not there is told once, at start. */
const reportGaps = ({ log }: TelemetryOptions, wanted: WantedSignals, found: Found): void => {
  const missing = (['traces', 'metrics', 'logs'] as const).filter(
    (signal) => wanted[signal] && !found[signal],
  );
  // A configuration file may leave signals out, but not all of them.
  if (missing.length === 0 || (wanted.configFile && missing.length < 3)) return;
  log.line('error', 'telemetry.not-exported', { signals: missing });
};

/** Starts the SDK. Throws what the SDK throws on a configuration that it cannot use. */
export const startSdk = (
  options: TelemetryOptions,
  own: OwnResource,
  wanted: WantedSignals,
): Telemetry => {
  let metrics: Metrics | null = null;
  const lost: Lost = (signal, errorType, count) => metrics?.dropped(signal, errorType, count);
  // Where the SDK sets a console logger itself it would complain about one that is there.
  const setsOwn = wanted.configFile || (options.env['OTEL_LOG_LEVEL'] ?? '') !== '';
  if (!setsOwn) listenToSdk(options);
  const stop = wanted.configFile
    ? startNodeSdk().shutdown
    : startFromEnvironment(options, own, wanted, lost);
  if (setsOwn) listenToSdk(options);
  const spans = wanted.traces ? spanPipeline(trace.getTracerProvider()) : null;
  const logRecords = wanted.logs ? logPipeline(logs.getLoggerProvider()) : null;
  return {
    resource: stringsOf((spans ?? logRecords)?.resource.attributes ?? own),
    connect: (connected) => {
      metrics = connected;
      const scope = { name: 'sallyport', version: options.version };
      const producer = metricProducer(connected, scope);
      const added = addMetricProducer(metricsApi.getMeterProvider(), producer);
      const found = { traces: spans !== null, logs: logRecords !== null, metrics: added };
      reportGaps(options, wanted, found);
    },
    ...feed(options, spans, logRecords),
    shutdown: async (deadlineMs) => {
      await withinDeadline(stop(), deadlineMs);
      releaseGlobals();
    },
  };
};
