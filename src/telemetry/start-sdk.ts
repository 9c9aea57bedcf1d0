/**
 * The SDK itself: started from `OTEL_*` or `OTEL_CONFIG_FILE`, and fed from finished records. Loaded
 * by telemetry.ts only when something is to be exported, for it takes a fifth of a second.
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
  SeverityNumber,
  SpanKind,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import { defaultResource, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK, startNodeSdk } from '@opentelemetry/sdk-node';
import { systemClock } from '../clock.ts';
import { requestAttributes, type SpanAttributes } from './attributes.ts';
import { spanProcessorsOf, logProcessorsOf } from './batches.ts';
import { diagnostics } from './diagnostics.ts';
import { doubtEvent, levelOf, mutationEvent } from './log-fields.ts';
import { metricProducer } from './metric-producer.ts';
import type { LostSignal, Metrics } from './metrics.ts';
import type { RequestSettled } from './observe.ts';
import { addMetricProducer, spanPipeline, type SpanPipeline } from './sdk-pipelines.ts';
import { serverSpanLinks, serverSpanName, spansOf } from './spans.ts';
import type { Telemetry, TelemetryOptions } from './telemetry.ts';
import type { WantedSignals } from './wanted-signals.ts';

type OwnResource = Readonly<Record<string, string>>;
type Lost = (signal: LostSignal, errorType: string, count: number) => void;

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

const severities = Object.freeze({
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
});

const spanContextOf = (traceId: string, spanId: string) =>
  trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED });

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
  pipeline: SpanPipeline | null,
  options: TelemetryOptions,
): Pick<Telemetry, 'requestSettled' | 'doubtSettled'> => {
  const logger = logs.getLogger('sallyport', options.version);
  const instrumentationScope = { name: 'sallyport', version: options.version };
  const origin = pipeline && { resource: pipeline.resource, instrumentationScope };
  return {
    requestSettled: (record) => {
      const attributes = requestAttributes(record);
      if (pipeline !== null && origin !== null && isSampled(pipeline, record, attributes)) {
        for (const span of spansOf(origin, record, attributes)) pipeline.processor.onEnd(span);
      }
      if (!record.mutating) return;
      const level = levelOf(record);
      logger.emit({
        eventName: mutationEvent,
        timestamp: record.endedAt,
        severityNumber: severities[level],
        severityText: level.toUpperCase(),
        context: spanContextOf(record.traceId, record.spanId),
        attributes,
      });
    },
    doubtSettled: ({ ledgerId, traceId, target, outcome, settledBy }, at) =>
      logger.emit({
        eventName: doubtEvent,
        timestamp: at,
        severityNumber: SeverityNumber.INFO,
        severityText: 'INFO',
        context: ROOT_CONTEXT,
        attributes: {
          'sallyport.ledger.id': ledgerId,
          'sallyport.trace.id': traceId,
          'sallyport.target': target,
          'sallyport.outcome': outcome,
          'sallyport.settled_by': settledBy,
        },
      }),
  };
};

/** Starts the SDK. Throws what the SDK throws on a configuration that it cannot use. */
export const startSdk = (
  options: TelemetryOptions,
  own: OwnResource,
  wanted: WantedSignals,
): Telemetry => {
  let metrics: Metrics | null = null;
  const lost: Lost = (signal, errorType, count) => metrics?.dropped(signal, errorType, count);
  const incompatible = (part: string): void =>
    options.log.line('error', 'telemetry.incompatible', { part });
  listenToSdk(options);
  const stop = wanted.configFile
    ? startNodeSdk().shutdown
    : startFromEnvironment(options, own, wanted, lost);
  // startNodeSdk has put a console logger there.
  listenToSdk(options);
  const pipeline = spanPipeline(trace.getTracerProvider());
  if (pipeline === null && wanted.traces && !wanted.configFile) incompatible('traces');
  return {
    resource: pipeline === null ? own : stringsOf(pipeline.resource.attributes),
    connect: (connected) => {
      metrics = connected;
      const scope = { name: 'sallyport', version: options.version };
      const producer = metricProducer(connected, scope);
      const added = addMetricProducer(metricsApi.getMeterProvider(), producer);
      if (!added && wanted.metrics && !wanted.configFile) incompatible('metrics');
    },
    ...feed(pipeline, options),
    shutdown: async (deadlineMs) => {
      await withinDeadline(stop(), deadlineMs);
      releaseGlobals();
    },
  };
};
