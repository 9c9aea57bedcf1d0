/** Our metric cells as the SDK's exporters read them: cumulative sums, gauges and histograms. */
import { ValueType, type HrTime } from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  type DataPoint,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import { emptyResource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Cell, Distribution, Instrument } from './instruments.ts';
import type { Metrics } from './metrics.ts';
import { hrTimeOf } from './spans.ts';

type Span = Readonly<{ startTime: HrTime; endTime: HrTime }>;

const isHistogram = (
  instrument: Instrument<Cell> | Instrument<Distribution>,
): instrument is Instrument<Distribution> => instrument.kind === 'histogram';

const histogramPoint = (
  boundaries: readonly number[],
  times: Span,
  { attributes, buckets, count, sum, min, max }: Distribution,
) => ({
  ...times,
  attributes,
  value: { buckets: { boundaries: [...boundaries], counts: [...buckets] }, count, sum, min, max },
});

const metricData = (
  instrument: Instrument<Cell> | Instrument<Distribution>,
  times: Span,
): MetricData => {
  const { name, unit, description } = instrument;
  const base = {
    descriptor: { name, unit, description, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  if (isHistogram(instrument)) {
    const { boundaries, series } = instrument;
    const dataPoints = [...series.values()].map((one) => histogramPoint(boundaries, times, one));
    return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }
  const dataPoints: DataPoint<number>[] = [...instrument.series.values()].map(
    ({ attributes, value }) => ({ ...times, attributes, value }),
  );
  return instrument.kind === 'gauge'
    ? { ...base, dataPointType: DataPointType.GAUGE, dataPoints }
    : { ...base, dataPointType: DataPointType.SUM, dataPoints, isMonotonic: true };
};

/** A producer over the cells; readers give it their resource. */
export const metricProducer = (
  metrics: Metrics,
  scope: ReadableSpan['instrumentationScope'],
): MetricProducer => ({
  collect: () => {
    const times = { startTime: hrTimeOf(metrics.startedAt), endTime: hrTimeOf(metrics.now()) };
    const data = metrics.instruments
      .filter(({ series }) => series.size > 0)
      .map((instrument) => metricData(instrument, times));
    return Promise.resolve({
      resourceMetrics: {
        resource: emptyResource(),
        scopeMetrics: data.length === 0 ? [] : [{ scope, metrics: data }],
      },
      errors: [],
    });
  },
});
