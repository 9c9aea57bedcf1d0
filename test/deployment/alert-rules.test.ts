/** The alert rules of the examples ask for metrics that there are. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parse } from 'yaml';
import { systemClock } from '../../src/clock.ts';
import { errorTable } from '../../src/errors.ts';
import { makeMetrics } from '../../src/telemetry/metrics.ts';

type Rules = Readonly<{
  groups: readonly Readonly<{ rules: readonly Readonly<{ alert: string; expr: string }>[] }>[];
}>;

/** As src/telemetry/prometheus-text.ts prints them. */
const names = new Set(
  makeMetrics(systemClock).instruments.map(
    ({ name, kind, unit }) =>
      name.replaceAll(/\W/g, '_') +
      (unit === 's' ? '_seconds' : '') +
      (kind === 'counter' ? '_total' : ''),
  ),
);
const labels = [
  'sallyport_lane',
  'sallyport_route',
  'sallyport_result',
  'sallyport_outcome',
  'sallyport_client',
  'sallyport_scope',
  'sallyport_drift_state',
];
/** What somebody has to be called for. */
const mustAlert = [
  'sallyport_decisions_total',
  'sallyport_holds_pending',
  'sallyport_protection_unresolved',
  'sallyport_protection_overrides',
  'sallyport_freezes',
  'sallyport_drift',
];

test('config/examples/prometheus.rules.yaml names metrics that /metrics has', async () => {
  const file = new URL('../../config/examples/prometheus.rules.yaml', import.meta.url);
  const { groups } = parse(await readFile(file, 'utf8')) as Rules;
  const rules = groups.flatMap((group) => group.rules);
  assert.ok(rules.length >= 10);
  for (const { alert, expr } of rules) {
    const used = [...expr.matchAll(/\bsallyport_\w+/g)].map(([name]) => name);
    assert.ok(used.length > 0, alert);
    for (const name of used) assert.ok(names.has(name) || labels.includes(name), name);
  }
  for (const name of mustAlert) {
    assert.ok(
      rules.some(({ expr }) => new RegExp(`\\b${name}\\b`).test(expr)),
      name,
    );
  }
  // Error codes of decisions that a rule counts are codes that there are.
  for (const [, codes = ''] of rules.flatMap(({ expr }) => [
    ...expr.matchAll(/error_type=~?"([^"]+)"/g),
  ])) {
    for (const code of codes.split('|')) assert.ok(Object.hasOwn(errorTable, code), code);
  }
});
