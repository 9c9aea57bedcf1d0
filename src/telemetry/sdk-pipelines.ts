/**
 * Ways into a started SDK that its public interface leaves out: to hand it finished spans (their ids
 * are given, and startNodeSdk takes no id generator), to ask its sampler, and to add our cells to
 * metric readers that it made itself. A few private fields, read here and nowhere else; each is
 * checked, so an SDK that moved them makes a loud `telemetry.not-exported` and not a silent gap, and
 * test/telemetry holds them for the pinned version.
 */
import type { Context, SpanKind, SamplingResult, Link, Attributes } from '@opentelemetry/api';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { MetricProducer } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};

/** The provider behind the API's proxy, which delegates until one is registered. */
const behindProxy = (provider: unknown): Fields => {
  const { getDelegate, _getDelegate } = fieldsOf(provider);
  const delegate = getDelegate ?? _getDelegate;
  return fieldsOf(typeof delegate === 'function' ? delegate.call(provider) : provider);
};

export type SpanPipeline = Readonly<{
  processor: Readonly<{ onEnd(span: ReadableSpan): void }>;
  sampler: Readonly<{
    shouldSample(
      context: Context,
      traceId: string,
      name: string,
      kind: SpanKind,
      attributes: Attributes,
      links: Link[],
    ): SamplingResult;
  }>;
  resource: ReadableSpan['resource'];
}>;

/** Where finished spans go; null where this provider is not the SDK's as we know it. */
export const spanPipeline = (provider: unknown): SpanPipeline | null => {
  const { _activeSpanProcessor: processor, _tracerOptions, _resource } = behindProxy(provider);
  const { sampler } = fieldsOf(_tracerOptions);
  const fits =
    typeof fieldsOf(processor)['onEnd'] === 'function' &&
    typeof fieldsOf(sampler)['shouldSample'] === 'function' &&
    typeof fieldsOf(_resource)['attributes'] === 'object';
  return fits ? ({ processor, sampler, resource: _resource } as SpanPipeline) : null;
};

export type LogPipeline = Readonly<{
  processor: Readonly<{ onEmit(record: ReadableLogRecord): void }>;
  resource: ReadableLogRecord['resource'];
}>;

/**
 * Where log records go; null where this provider is not the SDK's as we know it. Past the logger, so
 * that no `minimum_severity` or `trace_based` of a configuration can leave a mutation out.
 */
export const logPipeline = (provider: unknown): LogPipeline | null => {
  const { activeProcessor: processor, resource } = fieldsOf(behindProxy(provider)['_sharedState']);
  const fits =
    typeof fieldsOf(processor)['onEmit'] === 'function' &&
    typeof fieldsOf(resource)['attributes'] === 'object';
  return fits ? ({ processor, resource } as LogPipeline) : null;
};

/** Adds a producer to every reader of the SDK's meter provider; false where that is not possible. */
export const addMetricProducer = (provider: unknown, producer: MetricProducer): boolean => {
  const { metricCollectors } = fieldsOf(behindProxy(provider)['_sharedState']);
  if (!Array.isArray(metricCollectors)) return false;
  const lists = metricCollectors.map(
    (collector) => fieldsOf(fieldsOf(collector)['_metricReader'])['_metricProducers'],
  );
  if (!lists.every((list): list is MetricProducer[] => Array.isArray(list))) return false;
  for (const list of lists) list.push(producer);
  return true;
};
