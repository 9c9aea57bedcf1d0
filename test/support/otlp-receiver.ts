/**
 * A real receiver of OTLP over HTTP on a free port of 127.0.0.1, for tests, demo and bench: takes
 * protobuf and JSON, plain or gzip, decodes and keeps what came up to a cap, and keeps raw bytes so
 * that a test can prove what never left. It can be told to fail or to say nothing.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { decodeOtlp } from './otlp-protobuf.ts';

export type ReceivedAttributes = Readonly<Record<string, unknown>>;

export type ReceivedSpan = Readonly<{
  traceId: string;
  spanId: string;
  /** '' for a root. */
  parentSpanId: string;
  name: string;
  /** OTLP numbers: 2 SERVER, 3 CLIENT, 5 CONSUMER. */
  kind: number;
  startMs: number;
  endMs: number;
  /** 0 unset, 2 error. */
  status: number;
  attributes: ReceivedAttributes;
  links: readonly Readonly<{ traceId: string; spanId: string }>[];
  resource: ReceivedAttributes;
}>;

export type ReceivedLog = Readonly<{
  eventName: string;
  severityText: string;
  traceId: string;
  spanId: string;
  attributes: ReceivedAttributes;
  resource: ReceivedAttributes;
}>;

export type ReceivedMetric = Readonly<{
  name: string;
  unit: string;
  kind: 'sum' | 'gauge' | 'histogram';
  points: readonly Readonly<{ attributes: ReceivedAttributes; value: number; count: number }>[];
  resource: ReceivedAttributes;
}>;

/** What the receiver does with a request: take it, answer a status, or never answer. */
export type Behaviour = 'take' | 'silent' | number;

export type OtlpReceiver = Readonly<{
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  url: string;
  spans: readonly ReceivedSpan[];
  logs: readonly ReceivedLog[];
  metrics: readonly ReceivedMetric[];
  requests(): number;
  bytes(): number;
  /** Items counted, also beyond what is kept. */
  counted(): Readonly<{ spans: number; logs: number; metrics: number }>;
  /** True when the text occurs in any kept body, as UTF-8. */
  saw(text: string): boolean;
  behave(behaviour: Behaviour): void;
  /** Resolves once `done` holds, asked after each request; rejects after `ms`. */
  until(done: () => boolean, ms?: number): Promise<void>;
  close(): Promise<void>;
}>;

type Json = Readonly<Record<string, unknown>>;

const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? (value as Json[]) : []);

const anyValue = (value: Json | undefined): unknown => {
  if (value === undefined) return undefined;
  const { stringValue, boolValue, intValue, doubleValue, arrayValue } = value;
  if (arrayValue !== undefined) return list((arrayValue as Json)['values']).map(anyValue);
  if (intValue !== undefined) return Number(intValue);
  if (boolValue !== undefined) return Boolean(boolValue);
  return stringValue ?? doubleValue;
};

const attributesOf = (holder: unknown): ReceivedAttributes =>
  Object.fromEntries(
    list((holder as Json | undefined)?.['attributes']).map(({ key, value }) => [
      String(key),
      anyValue(value as Json),
    ]),
  );

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
/** Nanoseconds come as text in both encodings. */
const msOf = (nano: unknown): number => Number(BigInt(text(nano) || '0') / 1_000n) / 1_000;

const spanOf = (span: Json, resource: ReceivedAttributes): ReceivedSpan => ({
  traceId: text(span['traceId']),
  spanId: text(span['spanId']),
  parentSpanId: text(span['parentSpanId']),
  name: text(span['name']),
  kind: Number(span['kind'] ?? 0),
  startMs: msOf(span['startTimeUnixNano']),
  endMs: msOf(span['endTimeUnixNano']),
  status: Number((span['status'] as Json | undefined)?.['code'] ?? 0),
  attributes: attributesOf(span),
  links: list(span['links']).map((link) => ({
    traceId: text(link['traceId']),
    spanId: text(link['spanId']),
  })),
  resource,
});

const logOf = (log: Json, resource: ReceivedAttributes): ReceivedLog => ({
  eventName: text(log['eventName']),
  severityText: text(log['severityText']),
  traceId: text(log['traceId']),
  spanId: text(log['spanId']),
  attributes: attributesOf(log),
  resource,
});

const metricOf = (metric: Json, resource: ReceivedAttributes): ReceivedMetric => {
  const kind = (['sum', 'gauge', 'histogram'] as const).find((name) => name in metric) ?? 'sum';
  return {
    name: text(metric['name']),
    unit: text(metric['unit']),
    kind,
    points: list((metric[kind] as Json | undefined)?.['dataPoints']).map((point) => ({
      attributes: attributesOf(point),
      value: Number(point['asDouble'] ?? point['asInt'] ?? point['sum'] ?? 0),
      count: Number(point['count'] ?? 0),
    })),
    resource,
  };
};

type Signal = Readonly<{
  item: 'Span' | 'LogRecord' | 'Metric';
  resources: string;
  scopes: string;
  items: string;
}>;

const signals: ReadonlyMap<string, Signal> = new Map([
  [
    '/v1/traces',
    { item: 'Span', resources: 'resourceSpans', scopes: 'scopeSpans', items: 'spans' },
  ],
  [
    '/v1/logs',
    { item: 'LogRecord', resources: 'resourceLogs', scopes: 'scopeLogs', items: 'logRecords' },
  ],
  [
    '/v1/metrics',
    { item: 'Metric', resources: 'resourceMetrics', scopes: 'scopeMetrics', items: 'metrics' },
  ],
]);

const bodyOf = async (incoming: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
};

const isJson = (incoming: IncomingMessage): boolean =>
  (incoming.headers['content-type'] ?? '').startsWith('application/json');

type Kept = {
  spans: ReceivedSpan[];
  logs: ReceivedLog[];
  metrics: ReceivedMetric[];
  counted: { spans: number; logs: number; metrics: number };
  raw: Buffer[];
  rawBytes: number;
  bytes: number;
  requests: number;
};

const keepItems = (kept: Kept, itemsMax: number, signal: Signal, message: Json): void => {
  const keep = <Item>(items: Item[], item: Item): void => {
    if (items.length < itemsMax) items.push(item);
  };
  for (const entry of list(message[signal.resources])) {
    const resource = attributesOf(entry['resource']);
    for (const item of list(entry[signal.scopes]).flatMap((scope) => list(scope[signal.items]))) {
      if (signal.item === 'Span') {
        kept.counted.spans += 1;
        keep(kept.spans, spanOf(item, resource));
      } else if (signal.item === 'LogRecord') {
        kept.counted.logs += 1;
        keep(kept.logs, logOf(item, resource));
      } else {
        kept.counted.metrics += 1;
        keep(kept.metrics, metricOf(item, resource));
      }
    }
  }
};

export type ReceiverOptions = Readonly<{
  /** Spans, logs and metrics kept, each. */
  itemsMax?: number;
  rawBytesMax?: number;
  /** Count bytes only: what a bench's other process wants. */
  decode?: boolean;
  behaviour?: Behaviour;
  port?: number;
}>;

/** Starts a receiver. */
export const startOtlpReceiver = async (options: ReceiverOptions = {}): Promise<OtlpReceiver> => {
  const { itemsMax = 10_000, rawBytesMax = 16 * 1024 * 1024, decode = true } = options;
  let behaviour: Behaviour = options.behaviour ?? 'take';
  const kept: Kept = {
    spans: [],
    logs: [],
    metrics: [],
    counted: { spans: 0, logs: 0, metrics: 0 },
    raw: [],
    rawBytes: 0,
    bytes: 0,
    requests: 0,
  };
  const waiting = new Set<() => void>();
  const receive = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = await bodyOf(incoming);
    kept.requests += 1;
    kept.bytes += body.length;
    if (kept.rawBytes + body.length <= rawBytesMax) {
      kept.raw.push(body);
      kept.rawBytes += body.length;
    }
    const signal = signals.get(incoming.url ?? '');
    if (behaviour === 'take' && signal !== undefined && decode) {
      const message = isJson(incoming)
        ? (JSON.parse(body.toString('utf8')) as Json)
        : (decodeOtlp(signal.item, body) as Json);
      keepItems(kept, itemsMax, signal, message);
    }
    for (const look of waiting) look();
    if (behaviour === 'silent') return;
    const status = signal === undefined ? 404 : behaviour === 'take' ? 200 : behaviour;
    const type = isJson(incoming) ? 'application/json' : 'application/x-protobuf';
    outgoing.writeHead(status, { 'content-type': type }).end(isJson(incoming) ? '{}' : '');
  };
  const server = createServer((incoming, outgoing) => {
    receive(incoming, outgoing).catch(() => outgoing.writeHead(400).end());
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans: kept.spans,
    logs: kept.logs,
    metrics: kept.metrics,
    requests: () => kept.requests,
    bytes: () => kept.bytes,
    counted: () => ({ ...kept.counted }),
    saw: (wanted) => kept.raw.some((body) => body.includes(wanted)),
    behave: (next) => {
      behaviour = next;
    },
    until: (done, ms = 10_000) =>
      new Promise((resolve, reject) => {
        const end = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
        };
        const look = (): void => {
          if (!done()) return;
          end();
          resolve();
        };
        const timer = setTimeout(() => {
          end();
          reject(new Error(`the receiver did not see what was awaited within ${ms} ms`));
        }, ms);
        waiting.add(look);
        look();
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
