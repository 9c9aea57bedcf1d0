/** The whole way out, by real processes to a real receiver: by environment and by configuration file. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  startOtlpReceiver,
  type OtlpReceiver,
  type ReceiverOptions,
} from '../support/otlp-receiver.ts';

type Result = Readonly<{
  ids: readonly Readonly<{ traceId: string; spanId: string; attempt: string }>[];
  shutdownTook: number;
  longestUs: number;
  heapMiB: number;
  prometheus: string;
  warnings: readonly string[];
}>;

const script = fileURLToPath(new URL('./exporting-process.ts', import.meta.url));

const run = (
  env: Readonly<Record<string, string>>,
  counts: Readonly<{ mutations: number; reads?: number; shutdownMs?: number }>,
): Promise<Result> =>
  new Promise((resolve, reject) => {
    const { mutations, reads = 0, shutdownMs = 10_000 } = counts;
    const args = [script, mutations, reads, shutdownMs].map(String);
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')));
    child.on('close', (code) => {
      const last = out.trimEnd().split('\n').at(-1) ?? '';
      if (code === 0) resolve(JSON.parse(last) as Result);
      else reject(new Error(`exit ${code}: ${errors}${out}`));
    });
  });

const receiving = async (t: TestContext, options?: ReceiverOptions): Promise<OtlpReceiver> => {
  const receiver = await startOtlpReceiver(options);
  t.after(() => receiver.close());
  return receiver;
};

const configFile = async (t: TestContext, text: string): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-otel-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'otel.yaml');
  await writeFile(path, text);
  return path;
};

/** What a target and a client know of a mutation is what the receiver has. */
const holdsMutations = (receiver: OtlpReceiver, { ids }: Result): void => {
  for (const { traceId, spanId, attempt } of ids) {
    const trace = receiver.spans.filter((span) => span.traceId === traceId);
    const server = trace.find((span) => span.kind === 2);
    const client = trace.find((span) => span.kind === 3);
    assert.equal(trace.length, 2);
    assert.equal(server?.spanId, spanId);
    assert.equal(server.parentSpanId, '');
    assert.equal(server.links[0]?.spanId, '53995c3f42cd8ad8');
    assert.equal(server.name, 'PATCH /scim/slack/Users/{id}');
    assert.equal(server.attributes['sallyport.ledger.id'], 'led_0123abcd000001');
    assert.equal(client?.spanId, attempt);
    assert.equal(client.parentSpanId, spanId);
    const log = receiver.logs.find((record) => record.traceId === traceId);
    assert.equal(log?.eventName, 'sallyport.mutation');
    assert.equal(log.spanId, spanId);
    assert.equal(log.attributes['sallyport.ledger.id'], 'led_0123abcd000001');
  }
};

const hasMetrics = (receiver: OtlpReceiver, mutations: number): void => {
  const last = receiver.metrics.findLast(({ name }) => name === 'sallyport.mutations');
  assert.equal(last?.kind, 'sum');
  assert.equal(last.points[0]?.value, mutations);
  const duration = receiver.metrics.findLast(({ name }) => name === 'http.server.request.duration');
  assert.equal(duration?.kind, 'histogram');
  assert.equal(duration.unit, 's');
};

for (const protocol of ['', 'http/json']) {
  test(`mutations are always exported, reads by the sampler (${protocol || 'default'})`, async (t) => {
    const receiver = await receiving(t);
    const result = await run(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_TRACES_SAMPLER: 'always_off',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.instance.id=given',
      },
      { mutations: 5, reads: 5 },
    );
    assert.equal(receiver.counted().spans, 10);
    holdsMutations(receiver, result);
    hasMetrics(receiver, 5);
    assert.equal(receiver.logs.filter(({ eventName }) => eventName.endsWith('.settled')).length, 1);
    const { resource: ofSpan = {} } = receiver.spans[0] ?? {};
    const { resource: ofLog = {} } = receiver.logs[0] ?? {};
    const { resource: ofMetric = {} } = receiver.metrics[0] ?? {};
    for (const resource of [ofSpan, ofLog, ofMetric]) {
      assert.equal(resource['service.name'], 'sallyport');
      assert.equal(resource['service.version'], '1.2.3');
      assert.equal(resource['service.instance.id'], 'given');
      assert.equal(resource['deployment.environment.name'], 'test');
    }
    assert.deepEqual(result.warnings, []);
  });
}

test('without a sampler reads are exported too, and OTEL_SERVICE_NAME wins', async (t) => {
  const receiver = await receiving(t);
  await run(
    { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SERVICE_NAME: 'gate' },
    { mutations: 1, reads: 3 },
  );
  assert.equal(receiver.counted().spans, 8);
  assert.equal(receiver.spans[0]?.resource['service.name'], 'gate');
});

test('a configuration file decides everything but the mutations', async (t) => {
  const receiver = await receiving(t);
  const path = await configFile(
    t,
    `file_format: "1.0"
resource:
  attributes: [{ name: service.name, value: from-file }]
tracer_provider:
  sampler: { always_off: {} }
  processors:
    - batch: { exporter: { otlp_http: { endpoint: "${receiver.url}/v1/traces" } } }
meter_provider:
  readers:
    - periodic: { exporter: { otlp_http: { endpoint: "${receiver.url}/v1/metrics" } } }
logger_provider:
  processors:
    - batch: { exporter: { otlp_http: { endpoint: "${receiver.url}/v1/logs" } } }
`,
  );
  const result = await run({ OTEL_CONFIG_FILE: path }, { mutations: 5, reads: 5 });
  assert.equal(receiver.counted().spans, 10);
  holdsMutations(receiver, result);
  hasMetrics(receiver, 5);
  assert.equal(receiver.spans[0]?.resource['service.name'], 'from-file');
  assert.deepEqual(result.warnings, []);
});

test('a bad configuration file is loud, and nothing else fails', async (t) => {
  const path = await configFile(t, 'file_format: "1.0"\ntracer_provider: 7\n');
  const result = await run({ OTEL_CONFIG_FILE: path }, { mutations: 3 });
  assert.ok(result.warnings.some((line) => line.includes('telemetry.not-exported')));
  assert.match(result.prometheus, /^sallyport_mutations_total\{.*\} 3$/m);
});

test('a receiver that never answers costs counted spans, not memory or time', async (t) => {
  const receiver = await receiving(t, { behaviour: 'silent', decode: false });
  const result = await run(
    { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_METRICS_EXPORTER: 'none' },
    { mutations: 40_000, shutdownMs: 500 },
  );
  assert.ok(result.shutdownTook < 2_000, `shutdown took ${result.shutdownTook} ms`);
  assert.ok(result.heapMiB < 150, `${result.heapMiB} MiB`);
  const dropped = /sallyport_signal="spans",error_type="queue_full"\} (\d+)/.exec(
    result.prometheus,
  );
  assert.equal(Number(dropped?.[1]), 80_000 - 16_384);
});

test('a receiver that refuses, or is not there, is told of and counted', async (t) => {
  const receiver = await receiving(t, { behaviour: 400, decode: false });
  const refused = await run(
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/v1/traces` },
    { mutations: 10 },
  );
  assert.match(refused.prometheus, /signal="spans",error_type="export_failed"\} 20$/m);
  await receiver.close();
  const gone = await run(
    { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_TIMEOUT: '300' },
    { mutations: 10, shutdownMs: 3_000 },
  );
  assert.match(gone.prometheus, /signal="spans",error_type="export_failed"\} 20$/m);
  assert.ok(gone.warnings.length <= 11);
});

test('compression of the environment is used', async (t) => {
  const receiver = await receiving(t);
  await run(
    { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' },
    { mutations: 3 },
  );
  assert.equal(receiver.counted().spans, 6);
});
