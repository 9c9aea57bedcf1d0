/** Our encoding says what the SDK's serializers say, for spans and log records of any content. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProtobufLogsSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import * as fc from 'fast-check';
import { requestAttributes } from '../../src/telemetry/attributes.ts';
import { mutationLogRecord } from '../../src/telemetry/log-records.ts';
import type { RequestSettled } from '../../src/telemetry/observe.ts';
import { exportRequest, writeLogRecord, writeSpan } from '../../src/telemetry/otlp-encode.ts';
import { makeWriter } from '../../src/telemetry/protobuf.ts';
import { spansOf } from '../../src/telemetry/spans.ts';
import { decodeOtlp } from '../support/otlp-protobuf.ts';
import { attempt, settled } from './settled.ts';

const attributes = { 'service.name': 'sallyport', ratio: 0.5, minus: -3, on: true, big: 2 ** 40 };
const resource = resourceFromAttributes(attributes);
const instrumentationScope = { name: 'sallyport', version: '1.2.3' };
const origin = { resource, instrumentationScope };

const encoded = (write: (writer: ReturnType<typeof makeWriter>) => void): Buffer => {
  const writer = makeWriter(16);
  write(writer);
  const entries = writer.bytes.subarray(0, writer.at);
  return Buffer.from(exportRequest(resource.attributes, instrumentationScope, entries));
};

const agree = (record: RequestSettled): void => {
  const spans = [...spansOf(origin, record, requestAttributes(record))];
  const ours = encoded((writer) => {
    for (const span of spans) writeSpan(writer, span);
  });
  const theirs = Buffer.from(ProtobufTraceSerializer.serializeRequest(spans) as Uint8Array);
  const decoded = decodeOtlp('Span', theirs) as { resourceSpans: unknown[] };
  assert.deepEqual(withoutUnset(decodeOtlp('Span', ours)), withoutUnset(decoded));
  const log = mutationLogRecord(origin, record, requestAttributes(record));
  const ourLog = encoded((writer) => writeLogRecord(writer, log));
  const theirLog = Buffer.from(ProtobufLogsSerializer.serializeRequest([log]) as Uint8Array);
  assert.deepEqual(decodeOtlp('LogRecord', ourLog), decodeOtlp('LogRecord', theirLog));
};

/** The SDK writes `status: {code: 0}`, we leave it out; they mean the same. */
const withoutUnset = (decoded: unknown): unknown =>
  JSON.parse(
    JSON.stringify(decoded, (key, value: unknown) =>
      key === 'status' && (value as { code?: number }).code === 0 ? undefined : value,
    ),
  );

test('a mutation with a link, a retry and an error', () => {
  agree(
    settled({
      parent: {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: '53995c3f42cd8ad8',
        continued: false,
      },
      attempts: [attempt(1, { status: null, errorType: 'timeout' }), attempt(2)],
      status: 504,
      code: 'target_timeout',
    }),
  );
});

test('any texts, numbers, lists and times', () => {
  const text = fc.string({ unit: 'binary', maxLength: 300 });
  fc.assert(
    fc.property(
      fc.record({
        userAgent: text,
        route: text,
        rule: text,
        configVersion: text,
        actions: fc.array(text, { maxLength: 4 }),
        status: fc.integer({ min: 100, max: 599 }),
        normalisedCount: fc.nat(),
        startedAt: fc.double({ min: 0, max: 4e12, noNaN: true }),
      }),
      (change) => agree(settled({ ...change, endedAt: change.startedAt + 0.25 })),
    ),
    { numRuns: 300 },
  );
});

test('a span longer than two bytes of length can tell', () => {
  agree(settled({ rule: 'r'.repeat(20_000) }));
});
