/**
 * Reads OTLP's protobuf messages into the shape of its JSON encoding, by a table of the fields that
 * tests look at (opentelemetry-proto 1.x). Unknown fields are skipped; ids become hex, as in JSON.
 */

type FieldKind =
  | 'string'
  | 'hex'
  | 'varint'
  | 'fixed64'
  | 'fixed32'
  | 'double'
  | 'packed64'
  | 'packedDouble';
type Field = Readonly<{ name: string; kind?: FieldKind; message?: string; repeated?: true }>;
type Message = Readonly<Record<number, Field>>;

const one = (name: string, kind: FieldKind): Field => ({ name, kind });
const many = (name: string, message: string): Field => ({ name, message, repeated: true });
const nested = (name: string, message: string): Field => ({ name, message });

const request = (list: string, scopes: string, items: string, item: string) => ({
  [`${item}Request`]: { 1: many(list, `Resource${item}`) },
  [`Resource${item}`]: { 1: nested('resource', 'Resource'), 2: many(scopes, `Scope${item}`) },
  [`Scope${item}`]: { 1: nested('scope', 'Scope'), 2: many(items, item) },
});

const messages: Readonly<Record<string, Message>> = {
  ...request('resourceSpans', 'scopeSpans', 'spans', 'Span'),
  ...request('resourceLogs', 'scopeLogs', 'logRecords', 'LogRecord'),
  ...request('resourceMetrics', 'scopeMetrics', 'metrics', 'Metric'),
  Resource: { 1: many('attributes', 'KeyValue') },
  Scope: { 1: one('name', 'string'), 2: one('version', 'string') },
  KeyValue: { 1: one('key', 'string'), 2: nested('value', 'AnyValue') },
  AnyValue: {
    1: one('stringValue', 'string'),
    2: one('boolValue', 'varint'),
    3: one('intValue', 'varint'),
    4: one('doubleValue', 'double'),
    5: nested('arrayValue', 'ArrayValue'),
  },
  ArrayValue: { 1: many('values', 'AnyValue') },
  Span: {
    1: one('traceId', 'hex'),
    2: one('spanId', 'hex'),
    4: one('parentSpanId', 'hex'),
    5: one('name', 'string'),
    6: one('kind', 'varint'),
    7: one('startTimeUnixNano', 'fixed64'),
    8: one('endTimeUnixNano', 'fixed64'),
    9: many('attributes', 'KeyValue'),
    13: many('links', 'SpanLink'),
    15: nested('status', 'Status'),
    16: one('flags', 'fixed32'),
  },
  SpanLink: { 1: one('traceId', 'hex'), 2: one('spanId', 'hex') },
  Status: { 2: one('message', 'string'), 3: one('code', 'varint') },
  LogRecord: {
    1: one('timeUnixNano', 'fixed64'),
    2: one('severityNumber', 'varint'),
    3: one('severityText', 'string'),
    6: many('attributes', 'KeyValue'),
    9: one('traceId', 'hex'),
    10: one('spanId', 'hex'),
    12: one('eventName', 'string'),
  },
  Metric: {
    1: one('name', 'string'),
    2: one('description', 'string'),
    3: one('unit', 'string'),
    5: nested('gauge', 'Numbers'),
    7: nested('sum', 'Numbers'),
    9: nested('histogram', 'Histogram'),
  },
  Numbers: { 1: many('dataPoints', 'NumberPoint') },
  Histogram: { 1: many('dataPoints', 'HistogramPoint') },
  NumberPoint: {
    4: one('asDouble', 'double'),
    6: one('asInt', 'fixed64'),
    7: many('attributes', 'KeyValue'),
  },
  HistogramPoint: {
    4: one('count', 'fixed64'),
    5: one('sum', 'double'),
    6: one('bucketCounts', 'packed64'),
    7: one('explicitBounds', 'packedDouble'),
    9: many('attributes', 'KeyValue'),
  },
};

type Cursor = { readonly bytes: Buffer; at: number };

const readVarint = (cursor: Cursor): bigint => {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = cursor.bytes.readUInt8(cursor.at);
    cursor.at += 1;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw new TypeError('a varint of more than ten bytes');
};

const take = (cursor: Cursor, length: number): Buffer => {
  if (cursor.at + length > cursor.bytes.length) throw new TypeError('a message ends too early');
  const taken = cursor.bytes.subarray(cursor.at, cursor.at + length);
  cursor.at += length;
  return taken;
};

/** The bytes of one field, by wire type; varints come as their value. */
const readRaw = (cursor: Cursor, wire: number): Buffer | bigint => {
  if (wire === 0) return readVarint(cursor);
  if (wire === 1) return take(cursor, 8);
  if (wire === 5) return take(cursor, 4);
  if (wire === 2) return take(cursor, Number(readVarint(cursor)));
  throw new TypeError(`wire type ${wire}`);
};

const eights = <Value>(raw: Buffer, read: (at: number) => Value): readonly Value[] =>
  Array.from({ length: raw.length / 8 }, (_, index) => read(index * 8));

const scalars: Readonly<Record<FieldKind, (raw: Buffer) => unknown>> = {
  string: (raw) => raw.toString('utf8'),
  hex: (raw) => raw.toString('hex'),
  varint: (raw) => raw,
  fixed64: (raw) => raw.readBigUInt64LE().toString(),
  fixed32: (raw) => raw.readUInt32LE(),
  double: (raw) => raw.readDoubleLE(),
  packed64: (raw) => eights(raw, (at) => raw.readBigUInt64LE(at).toString()),
  packedDouble: (raw) => eights(raw, (at) => raw.readDoubleLE(at)),
};

const valueOf = (field: Field, raw: Buffer | bigint): unknown => {
  if (typeof raw === 'bigint') return Number(BigInt.asIntN(64, raw));
  if (field.message !== undefined) return decode(field.message, raw);
  return scalars[field.kind as FieldKind](raw);
};

const decode = (message: string, bytes: Buffer): Record<string, unknown> => {
  const fields = messages[message] as Message;
  const decoded: Record<string, unknown> = {};
  const cursor: Cursor = { bytes, at: 0 };
  while (cursor.at < bytes.length) {
    const tag = Number(readVarint(cursor));
    const raw = readRaw(cursor, tag & 7);
    const field = fields[tag >>> 3];
    if (field === undefined) continue;
    const value = valueOf(field, raw);
    if (field.repeated === undefined) decoded[field.name] = value;
    else decoded[field.name] = [...((decoded[field.name] as unknown[] | undefined) ?? []), value];
  }
  return decoded;
};

/** An export request as its JSON encoding would parse. Throws TypeError or RangeError on other bytes. */
export const decodeOtlp = (
  item: 'Span' | 'LogRecord' | 'Metric',
  bytes: Buffer,
): Record<string, unknown> => decode(`${item}Request`, bytes);
