import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { makeLog } from '../../src/telemetry/log.ts';
import { makeObserver } from '../../src/telemetry/make-observer.ts';
import type { RequestSettled } from '../../src/telemetry/observe.ts';
import { startTelemetry } from '../../src/telemetry/start-telemetry.ts';
import type { Telemetry } from '../../src/telemetry/telemetry.ts';
import { wantedSignals } from '../../src/telemetry/wanted-signals.ts';
import { settled } from './settled.ts';

const silentLog = () => makeLog({ level: 'silent', destination: { write: () => {} } });

const collecting = () => {
  const records: RequestSettled[] = [];
  const telemetry: Telemetry = {
    resource: { 'service.name': 'sallyport' },
    connect: () => {},
    requestSettled: (record) => void records.push(record),
    deliveryAttempted: () => {},
    planChanged: () => {},
    doubtSettled: () => {},
    shutdown: () => Promise.resolve(),
  };
  return { records, telemetry };
};

test('what came before telemetry is handed over in order, the newest thousand', async () => {
  const observer = makeObserver({ log: silentLog(), clock: systemClock });
  for (let status = 0; status < 1_010; status += 1) observer.requestSettled(settled({ status }));
  const { records, telemetry } = collecting();
  observer.attach(telemetry);
  observer.requestSettled(settled({ status: 9_999 }));
  assert.equal(records.length, 1_001);
  assert.deepEqual(
    [records[0]?.status, records[999]?.status, records[1_000]?.status],
    [10, 1_009, 9_999],
  );
  assert.match(
    await observer.prometheus(),
    /sallyport_telemetry_dropped_total\{sallyport_signal="ring",error_type="queue_full"\} 10\n/,
  );
  assert.throws(() => observer.attach(telemetry), TypeError);
});

test('telemetry that throws is nobody else’s trouble', () => {
  const observer = makeObserver({ log: silentLog(), clock: systemClock });
  const { telemetry } = collecting();
  observer.attach({
    ...telemetry,
    requestSettled: () => {
      throw new Error('broken');
    },
  });
  observer.requestSettled(settled());
});

test('metrics and a resource are there before the SDK, and without it', async () => {
  const log = silentLog();
  const observer = makeObserver({ log, clock: systemClock });
  observer.requestSettled(settled());
  assert.match(await observer.prometheus(), /^target_info\{service_name="sallyport"\} 1$/m);
  const telemetry = await startTelemetry({
    env: { OTEL_SERVICE_NAME: 'gate-7' },
    version: '1.2.3',
    instanceId: 'here:1',
    log,
  });
  observer.attach(telemetry);
  const text = await observer.prometheus();
  assert.match(
    text,
    /^target_info\{service_name="gate-7",service_version="1.2.3",service_instance_id="here:1"\} 1$/m,
  );
  assert.match(text, /^sallyport_mutations_total\{.*\} 1$/m);
  await telemetry.shutdown(1_000);
});

test('exporters start only when the environment asks for them', () => {
  const none = { configFile: false, traces: false, metrics: false, logs: false };
  const all = { configFile: false, traces: true, metrics: true, logs: true };
  const url = 'http://127.0.0.1:4318';
  assert.equal(wantedSignals({}), null);
  assert.equal(wantedSignals({ OTEL_SERVICE_NAME: 'x', OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }), null);
  assert.equal(
    wantedSignals({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SDK_DISABLED: 'True' }),
    null,
  );
  assert.deepEqual(wantedSignals({ OTEL_EXPORTER_OTLP_ENDPOINT: url }), all);
  assert.deepEqual(
    wantedSignals({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_METRICS_EXPORTER: 'none' }),
    { ...all, metrics: false },
  );
  assert.deepEqual(wantedSignals({ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: url }), {
    ...none,
    logs: true,
  });
  assert.deepEqual(wantedSignals({ OTEL_TRACES_EXPORTER: 'console' }), { ...none, traces: true });
  assert.deepEqual(wantedSignals({ OTEL_CONFIG_FILE: 'otel.yaml' }), { ...all, configFile: true });
});
