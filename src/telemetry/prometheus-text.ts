/**
 * Metrics as Prometheus text (exposition format 0.0.4), with the names that the OpenTelemetry
 * specification gives them there: dots become underscores, `_seconds` for seconds, `_total` for
 * counters. Written here because the SDK's serializer leaves the unit out of the name, and because
 * /metrics must answer before the SDK is loaded.
 */
import type { Cell, Distribution, Instrument, MetricAttributes } from './instruments.ts';

const escapeLabel = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

const nameOf = (name: string): string => name.replace(/[^A-Za-z0-9_]/g, '_');

const labelsOf = (attributes: MetricAttributes): string =>
  Object.entries(attributes)
    .map(([name, value]) => `${nameOf(name)}="${escapeLabel(String(value))}"`)
    .join(',');

const braced = (labels: string): string => (labels === '' ? '' : `{${labels}}`);

const distributionLines = (
  name: string,
  boundaries: readonly number[],
  distribution: Distribution,
): readonly string[] => {
  const labels = labelsOf(distribution.attributes);
  const before = labels === '' ? '' : `${labels},`;
  let cumulative = 0;
  const buckets = distribution.buckets.map((count, index) => {
    cumulative += count;
    return `${name}_bucket{${before}le="${boundaries[index] ?? '+Inf'}"} ${cumulative}`;
  });
  return [
    ...buckets,
    `${name}_sum${braced(labels)} ${distribution.sum}`,
    `${name}_count${braced(labels)} ${distribution.count}`,
  ];
};

const family = (instrument: Instrument<Cell> | Instrument<Distribution>): readonly string[] => {
  const { kind, unit, description, boundaries, series } = instrument;
  if (series.size === 0) return [];
  const name =
    nameOf(instrument.name) +
    (unit === 's' ? '_seconds' : '') +
    (kind === 'counter' ? '_total' : '');
  const lines = [...series.values()].flatMap((one: Cell | Distribution) =>
    'buckets' in one
      ? distributionLines(name, boundaries, one)
      : [`${name}${braced(labelsOf(one.attributes))} ${one.value}`],
  );
  return [`# HELP ${name} ${escapeHelp(description)}`, `# TYPE ${name} ${kind}`, ...lines];
};

/** The text; `resource` becomes `target_info`. Instruments without a series yet are left out. */
export const printPrometheus = (
  instruments: readonly (Instrument<Cell> | Instrument<Distribution>)[],
  resource: MetricAttributes,
): string =>
  [
    '# HELP target_info Target metadata',
    '# TYPE target_info gauge',
    `target_info{${labelsOf(resource)}} 1`,
    ...instruments.flatMap(family),
    '',
  ].join('\n');
