import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { systemClock } from '../../src/clock.ts';
import { deliveryId, newEventId, newSpanId, newTraceId, systemRandom } from '../../src/ids.ts';
import { makeLog } from '../../src/telemetry/log.ts';
import { makeObserver } from '../../src/telemetry/make-observer.ts';
import { makeMetrics } from '../../src/telemetry/metrics.ts';
import type { DeliveryAttempted, DeliveryResult } from '../../src/telemetry/observe.ts';
import { printPrometheus } from '../../src/telemetry/prometheus-text.ts';
import { deliverySpansOf, type SpanOrigin } from '../../src/telemetry/spans.ts';
import { manualClock } from '../ledger/manual-clock.ts';

const attempted = (more: Partial<DeliveryAttempted> = {}): DeliveryAttempted => {
  const event = newEventId(1_700_000_000_000, systemRandom);
  return {
    traceId: newTraceId(1_700_000_000_000, systemRandom),
    spanId: newSpanId(systemRandom),
    eventSpanId: newSpanId(systemRandom),
    eventId: event,
    deliveryId: deliveryId({ event, item: 0, name: 'n8n' }),
    route: 'hr',
    lane: 'hr/n8n',
    kind: 'forward',
    attempt: 1,
    result: 'delivered',
    reason: null,
    status: 204,
    eventAt: 1_700_000_000_000,
    startedAt: 1_700_000_000_200,
    endedAt: 1_700_000_000_450,
    ledgerIds: [],
    calls: [
      {
        spanId: newSpanId(systemRandom),
        target: 'n8n',
        call: { method: 'POST', template: '/webhook/hr', purpose: 'call' },
        report: {
          ordinal: 1,
          startedAt: 1_700_000_000_210,
          endedAt: 1_700_000_000_440,
          status: 204,
          errorType: null,
          serverAddress: 'n8n.example',
          serverPort: 443,
        },
      },
    ],
    configVersion: 'abc',
    ...more,
  };
};

const origin = { resource: {}, instrumentationScope: { name: 'sallyport' } } as SpanOrigin;

describe('the spans of a try', () => {
  it('are a consumer linked to the event, and its calls below it', () => {
    const record = attempted();
    const [consumer, client] = deliverySpansOf(origin, record);
    assert.equal(consumer?.name, 'deliver hr/n8n');
    assert.equal(consumer.kind, SpanKind.CONSUMER);
    assert.equal(consumer.spanContext().traceId, record.traceId);
    assert.equal(consumer.links[0]?.context.spanId, record.eventSpanId);
    assert.equal(consumer.links[0]?.context.traceId, record.traceId);
    assert.equal(consumer.attributes['sallyport.event.id'], record.eventId);
    assert.equal(client?.kind, SpanKind.CLIENT);
    assert.equal(client.parentSpanContext?.spanId, record.spanId);
    assert.equal(client.spanContext().spanId, record.calls[0]?.spanId);
    assert.equal(client.attributes['sallyport.target'], 'n8n');
  });

  it('are failed where it is tried again or dead, and none where nothing was tried', () => {
    const [again] = deliverySpansOf(origin, attempted({ result: 'again', reason: '503' }));
    assert.equal(again?.status.code, SpanStatusCode.ERROR);
    assert.equal(again.attributes['error.type'], '503');
    const [skipped] = deliverySpansOf(origin, attempted({ result: 'skipped', reason: 'when' }));
    assert.equal(skipped?.status.code, SpanStatusCode.UNSET);
    assert.equal(skipped.attributes['error.type'], undefined);
    assert.deepEqual(deliverySpansOf(origin, attempted({ result: 'postponed' })), []);
  });
});

describe('the line of a try', () => {
  const levels: readonly (readonly [DeliveryResult, string | null])[] = [
    ['delivered', 'info'],
    ['skipped', 'info'],
    ['superseded', 'info'],
    ['scheduled', 'info'],
    ['again', 'warn'],
    ['dead', 'error'],
    ['postponed', null],
  ];
  for (const [result, level] of levels) {
    it(`${result}: ${level ?? 'not above debug'}`, async () => {
      const lines: string[] = [];
      const destination = { write: (line: string) => void lines.push(line) };
      const log = makeLog({ level: 'info', destination });
      const observer = makeObserver({ log, clock: systemClock });
      const record = attempted({ result, reason: result === 'delivered' ? null : 'why' });
      observer.deliveryAttempted(record);
      await log.flush();
      if (level === null) return assert.equal(lines.length, 0);
      const line = JSON.parse(String(lines[0])) as Record<string, unknown>;
      assert.equal(line['event'] ?? line['msg'], 'sallyport.delivery');
      assert.equal(line['level'], level);
      assert.equal(line['delivery_id'], record.deliveryId);
      assert.equal(line['trace_id'], record.traceId);
      assert.equal(line['lane'], 'hr/n8n');
      return assert.equal(line['duration_ms'], 250);
    });
  }
});

describe('the metrics of deliveries', () => {
  const text = (metrics: ReturnType<typeof makeMetrics>): string =>
    printPrometheus(metrics.instruments, {});

  it('count tries by lane and result, and time the first', () => {
    const metrics = makeMetrics(systemClock);
    metrics.deliveryAttempted(attempted());
    metrics.deliveryAttempted(attempted());
    metrics.deliveryAttempted(attempted({ result: 'again', attempt: 2, reason: '503' }));
    const printed = text(metrics);
    assert.match(
      printed,
      /sallyport_deliveries_attempts_total\{sallyport_lane="hr\/n8n",sallyport_delivery_result="delivered"\} 2/,
    );
    assert.match(printed, /sallyport_delivery_result="again"\} 1/);
    assert.match(printed, /sallyport_deliveries_delay_seconds_count\{sallyport_lane="hr\/n8n"\} 2/);
    assert.match(printed, /sallyport_deliveries_delay_seconds_sum\{[^}]*\} 0\.4\n/);
    assert.match(
      printed,
      /http_client_request_duration_seconds_count\{[^}]*\/webhook\/hr[^}]*\} 3/,
    );
  });

  it('show what waits and is dead, and an age that grows while nothing happens', () => {
    const clock = manualClock();
    const metrics = makeMetrics(clock);
    const at = clock.now();
    metrics.deliveriesCounted([
      { lane: 'hr/n8n', pending: 3, dead: 1, oldestAt: at - 5_000 },
      { lane: 'hr/leave', pending: 0, dead: 0, oldestAt: null },
    ]);
    const value = (name: string, lane: string): number =>
      Number(new RegExp(`${name}\\{sallyport_lane="${lane}"\\} (\\S+)`).exec(text(metrics))?.[1]);
    assert.equal(value('sallyport_deliveries_pending', 'hr/n8n'), 3);
    assert.equal(value('sallyport_deliveries_dead', 'hr/n8n'), 1);
    assert.equal(value('sallyport_deliveries_age_seconds', 'hr/n8n'), 5);
    clock.advance(60_000);
    assert.equal(value('sallyport_deliveries_age_seconds', 'hr/n8n'), 65);
    assert.equal(value('sallyport_deliveries_age_seconds', 'hr/leave'), 0);
    metrics.deliveriesCounted([]);
    for (const name of ['pending', 'dead', 'age_seconds']) {
      assert.equal(value(`sallyport_deliveries_${name}`, 'hr/n8n'), 0);
    }
  });
});
