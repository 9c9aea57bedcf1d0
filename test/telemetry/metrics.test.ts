import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { makeMetrics } from '../../src/telemetry/metrics.ts';
import { metricProducer } from '../../src/telemetry/metric-producer.ts';
import { printPrometheus } from '../../src/telemetry/prometheus-text.ts';
import { attempt, part, refusedPart, settled, settledRead } from './settled.ts';

const resource = { 'service.name': 'sallyport', 'service.instance.id': 'a"b\\c\nd' };

type Sample = Readonly<{ name: string; labels: Readonly<Record<string, string>>; value: number }>;

const linePattern = /^([a-z_]+)(?:\{(.*)\})? (-?[0-9.e+-]+|\+Inf)$/;
const labelPattern = /([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/gy;

/** Parses the exposition format strictly: any line that does not fit fails. */
const parse = (text: string): readonly Sample[] => {
  assert.ok(text.endsWith('\n'));
  return text
    .trimEnd()
    .split('\n')
    .filter(
      (line) => !/^# (?:HELP [a-z_]+ .+|TYPE [a-z_]+ (?:counter|gauge|histogram))$/.test(line),
    )
    .map((line) => {
      const match = linePattern.exec(line);
      assert.ok(match, `not a sample: ${line}`);
      const [, name, labelled, value] = match as unknown as [string, string, string?, string?];
      const labels = labelled ?? '';
      const pairs = [...labels.matchAll(labelPattern)];
      assert.equal(pairs.map(([pair]) => pair).join(''), labels, `not labels: ${labels}`);
      return {
        name,
        labels: Object.fromEntries(pairs.map(([, key, label]) => [key as string, label as string])),
        value: Number(value),
      };
    });
};

const used = () => {
  const metrics = makeMetrics(systemClock);
  metrics.requestSettled(settled());
  metrics.requestSettled(settled({ client: 'another', rule: 'another' }));
  metrics.requestSettled(settledRead());
  metrics.requestSettled(
    settled({ status: 403, code: 'action_denied', decision: 'deny', mutation: null, attempts: [] }),
  );
  metrics.requestSettled(
    settled({ attempts: [attempt(1, { status: null, errorType: 'timeout' })] }),
  );
  metrics.limitRejected({ policy: 'writes', route: 'slack' });
  metrics.ledgerAppended({ seconds: 0.0004, records: 3, failed: false });
  metrics.breakerChanged({ target: 'slack', state: 'open' });
  metrics.freezesSeen({ tenant: 1, client: 0, route: 2 });
  metrics.overridesSeen({ inForce: 1 });
  metrics.protectionSeen({ unresolved: 2, marks: 40 });
  metrics.configReloaded({ accepted: false, version: 'x', problems: 2 });
  metrics.credentialExpiry({ holder: 'slack', kind: 'target', expiresAt: 1_700_000_000_000 });
  metrics.dropped('spans', 'queue_full', 7);
  return metrics;
};

test('/metrics parses, without one series twice, and says what happened', () => {
  const samples = parse(printPrometheus(used().instruments, resource));
  const ids = samples.map(({ name, labels }) => JSON.stringify([name, Object.entries(labels)]));
  assert.equal(new Set(ids).size, ids.length);
  const value = (name: string, labels: Readonly<Record<string, string>> = {}): number | undefined =>
    samples.find(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([key, label]) => sample.labels[key] === label),
    )?.value;
  assert.equal(value('target_info', { service_instance_id: 'a\\"b\\\\c\\nd' }), 1);
  assert.equal(value('sallyport_mutations_total', { sallyport_outcome: 'applied' }), 3);
  assert.equal(
    value('sallyport_decisions_total', { sallyport_decision: 'deny', error_type: 'action_denied' }),
    1,
  );
  assert.equal(
    value('http_server_request_duration_seconds_bucket', {
      http_request_method: 'PATCH',
      http_response_status_code: '200',
      http_route: '/scim/slack/Users/{id}',
      le: '0.025',
    }),
    3,
  );
  assert.equal(value('http_client_request_duration_seconds_count', { error_type: 'timeout' }), 1);
  assert.equal(
    value('sallyport_gateway_duration_seconds_sum', { sallyport_operation: 'read' }),
    0.0035,
  );
  assert.equal(value('sallyport_limit_rejections_total', { sallyport_policy: 'writes' }), 1);
  assert.equal(value('sallyport_ledger_append_duration_seconds_bucket', { le: '0.0005' }), 1);
  assert.equal(value('sallyport_breaker_state', { sallyport_target: 'slack' }), 2);
  assert.equal(value('sallyport_freezes', { sallyport_scope: 'route' }), 2);
  assert.equal(value('sallyport_freezes', { sallyport_scope: 'client' }), 0);
  assert.equal(value('sallyport_protection_overrides'), 1);
  assert.equal(value('sallyport_protection_unresolved'), 2);
  assert.equal(value('sallyport_protection_marks'), 40);
  assert.equal(value('sallyport_config_reloads_total', { sallyport_outcome: 'refused' }), 1);
  assert.equal(value('sallyport_credential_expiry_seconds'), 1_700_000_000);
  assert.equal(value('sallyport_telemetry_dropped_total', { sallyport_signal: 'spans' }), 7);
});

test('exporters get the names of the interface, with unit and boundaries', async () => {
  const producer = metricProducer(used(), { name: 'sallyport' });
  const { resourceMetrics } = await producer.collect();
  const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  assert.deepEqual(
    metrics.map(({ descriptor }) => `${descriptor.name} ${descriptor.unit}`).sort(),
    [
      'http.client.request.duration s',
      'http.server.request.duration s',
      'sallyport.breaker.state 1',
      'sallyport.config.reloads {reload}',
      'sallyport.credential.expiry s',
      'sallyport.decisions {decision}',
      'sallyport.freezes {freeze}',
      'sallyport.gateway.duration s',
      'sallyport.ledger.append.duration s',
      'sallyport.limit.rejections {request}',
      'sallyport.mutations {mutation}',
      'sallyport.protection.marks {mark}',
      'sallyport.protection.overrides {override}',
      'sallyport.protection.unresolved {rule}',
      'sallyport.telemetry.dropped {item}',
    ],
  );
  const server = metrics.find(
    ({ descriptor }) => descriptor.name === 'http.server.request.duration',
  );
  const point = server?.dataPoints[0]?.value as { buckets: { boundaries: number[] } };
  assert.deepEqual(
    point.buckets.boundaries,
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  );
  const keys = new Set(server?.dataPoints.flatMap(({ attributes }) => Object.keys(attributes)));
  assert.deepEqual([...keys].sort(), [
    'http.request.method',
    'http.response.status_code',
    'http.route',
    'url.scheme',
  ]);
});

test('series are bounded, and the rest is told as one', () => {
  const metrics = makeMetrics(systemClock);
  for (let index = 0; index < 5_000; index += 1) {
    metrics.requestSettled(settled({ httpRoute: `/scim/${index}`, route: `r${index}` }));
  }
  for (const { series } of metrics.instruments) assert.ok(series.size <= 2_001);
  const samples = parse(printPrometheus(metrics.instruments, resource));
  const overflow = samples.find(
    ({ name, labels }) => name === 'sallyport_mutations_total' && 'otel_metric_overflow' in labels,
  );
  assert.equal(overflow?.value, 3_000);
});

test('a Bulk counts once as a request and once for each mutation it was unrolled into', () => {
  const metrics = makeMetrics(systemClock);
  metrics.requestSettled(
    settled({
      operation: 'bulk',
      decision: null,
      mutation: null,
      attempts: [attempt(1), attempt(1)],
      parts: [part(), part(), refusedPart],
    }),
  );
  const samples = parse(printPrometheus(metrics.instruments, resource));
  const sum = (name: string): number =>
    samples.filter((sample) => sample.name === name).reduce((total, { value }) => total + value, 0);
  assert.equal(sum('http_server_request_duration_seconds_count'), 1);
  assert.equal(sum('http_client_request_duration_seconds_count'), 2);
  assert.equal(sum('sallyport_mutations_total'), 2);
  assert.equal(sum('sallyport_decisions_total'), 2);
  const counted = samples.find(({ name }) => name === 'sallyport_mutations_total');
  assert.equal(counted?.labels['sallyport_operation'], 'create');
});
