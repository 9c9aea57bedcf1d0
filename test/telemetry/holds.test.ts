import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ledgerId, newRequestId, newSpanId, newTraceId, systemRandom } from '../../src/ids.ts';
import { makeMetrics } from '../../src/telemetry/metrics.ts';
import { printPrometheus } from '../../src/telemetry/prometheus-text.ts';
import { manualClock } from '../ledger/manual-clock.ts';

const printed = (metrics: ReturnType<typeof makeMetrics>): string =>
  printPrometheus(metrics.instruments, {});

void test('what waits is a gauge by client that goes back to 0', () => {
  const metrics = makeMetrics(manualClock());
  metrics.holdsCounted([{ client: 'entra', pending: 400, oldestAt: 1 }]);
  assert.match(printed(metrics), /sallyport_holds_pending\{sallyport_client="entra"[^}]*\} 400/);
  metrics.holdsCounted([]);
  assert.match(printed(metrics), /sallyport_holds_pending\{sallyport_client="entra"[^}]*\} 0/);
});

void test('a released change is counted as a mutation, with its calls', () => {
  const metrics = makeMetrics(manualClock());
  const at = 1_700_000_000_000;
  const report = {
    ordinal: 1,
    startedAt: at,
    endedAt: at + 20,
    status: 200,
    errorType: null,
    serverAddress: 'scim.example.com',
    serverPort: 443,
  };
  metrics.changeMade({
    traceId: newTraceId(at, systemRandom),
    spanId: newSpanId(systemRandom),
    requestId: newRequestId(systemRandom),
    startedAt: at,
    endedAt: at + 30,
    status: 200,
    code: null,
    internal: null,
    route: 'slack',
    client: 'entra',
    target: 'slack',
    operation: 'patch',
    actions: ['users:deactivate'],
    resourceType: 'User',
    decision: 'allow',
    rule: 'permissions.joiner.users',
    configVersion: 'abc',
    normalisedCount: 0,
    targetMs: 20,
    mutating: true,
    mutation: { ledgerId: ledgerId('0badcafe', 1), outcome: 'applied', settledBy: 'answer' },
    attempts: [
      {
        spanId: newSpanId(systemRandom),
        call: { method: 'PATCH', template: '/Users/{id}', purpose: 'call' },
        report,
      },
    ],
  });
  const text = printed(metrics);
  assert.match(text, /sallyport_mutations_total\{[^}]*sallyport_outcome="applied"[^}]*\} 1/);
  assert.match(text, /http_client_request_duration_seconds_count\{[^}]*"\/Users\/\{id\}"[^}]*\} 1/);
});
