/**
 * Counters, gauges and histograms as plain cells: a recording is an addition, so that metrics cost
 * nothing to speak of and need no SDK at start. metric-producer.ts hands them to the SDK's exporters,
 * prometheus-text.ts prints them. Each instrument holds at most 2,000 series (the SDK's own limit);
 * beyond it recordings go to one series marked `otel.metric.overflow`.
 */

export type MetricAttributes = Readonly<Record<string, string | number | boolean>>;

/** A counter's or gauge's series. */
export type Cell = { readonly attributes: MetricAttributes; value: number };

/** A histogram's series; `buckets` has one entry more than the boundaries. */
export type Distribution = {
  readonly attributes: MetricAttributes;
  readonly buckets: number[];
  count: number;
  sum: number;
  min: number;
  max: number;
};

export type InstrumentKind = 'counter' | 'gauge' | 'histogram';

/** Name, unit and meaning as exported. */
export type InstrumentRow = Readonly<{
  name: string;
  kind: InstrumentKind;
  /** UCUM; `s`, or an annotation as `{mutation}`. */
  unit: string;
  description: string;
  /** Upper bounds of a histogram's buckets, ascending. */
  boundaries: readonly number[];
}>;

export type Instrument<Series> = InstrumentRow & Readonly<{ series: Map<string, Series> }>;

const seriesMax = 2_000;
const overflowKey = '\u0000overflow';
const overflowAttributes: MetricAttributes = Object.freeze({ 'otel.metric.overflow': true });

/** The series of `key`, made with `attributes()` when it is new. */
const seriesOf = <Series>(
  series: Map<string, Series>,
  key: string,
  make: (attributes: MetricAttributes) => Series,
  attributes: () => MetricAttributes,
): Series => {
  const known = series.get(key);
  if (known !== undefined) return known;
  const full = series.size >= seriesMax;
  const overflow = full ? series.get(overflowKey) : undefined;
  if (overflow !== undefined) return overflow;
  const made = make(full ? overflowAttributes : Object.freeze(attributes()));
  series.set(full ? overflowKey : key, made);
  return made;
};

/** The counter's or gauge's series of `key`. */
export const cellOf = (
  instrument: Instrument<Cell>,
  key: string,
  attributes: () => MetricAttributes,
): Cell => seriesOf(instrument.series, key, (made) => ({ attributes: made, value: 0 }), attributes);

/** The histogram's series of `key`. */
export const distributionOf = (
  instrument: Instrument<Distribution>,
  key: string,
  attributes: () => MetricAttributes,
): Distribution =>
  seriesOf(
    instrument.series,
    key,
    (made) => ({
      attributes: made,
      buckets: Array.from({ length: instrument.boundaries.length + 1 }, () => 0),
      count: 0,
      sum: 0,
      min: Number.POSITIVE_INFINITY,
      max: Number.NEGATIVE_INFINITY,
    }),
    attributes,
  );

/** Adds one value to a histogram. A bucket holds the values up to and with its boundary. */
export const record = (
  { boundaries }: InstrumentRow,
  distribution: Distribution,
  value: number,
): void => {
  let bucket = 0;
  while (bucket < boundaries.length && value > (boundaries[bucket] as number)) bucket += 1;
  distribution.buckets[bucket] = (distribution.buckets[bucket] as number) + 1;
  distribution.count += 1;
  distribution.sum += value;
  if (value < distribution.min) distribution.min = value;
  if (value > distribution.max) distribution.max = value;
};
