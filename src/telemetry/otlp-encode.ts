/**
 * Finished spans and log records as OTLP protobuf (opentelemetry-proto 1.x). Encoded when they
 * happen, into the batch that will carry them: nothing is kept of them but bytes, and attributes that
 * come again are copied. Measured for two spans and a log record, sent: 12 us, against 35 and more
 * through the SDK's processors and serializers. Only what ours hold is encoded: no events, no trace
 * state, no dropped counts.
 */
import { SpanStatusCode, type Attributes, type SpanContext } from '@opentelemetry/api';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import {
  beginMessage,
  bytesOf,
  delimited,
  double,
  endMessage,
  signedVarint,
  tagOf,
  utf8,
  varint,
  writeByte,
  writeBytes,
  writeFixed32,
  writeHex,
  writeNanos,
  type Writer,
} from './protobuf.ts';

const anyValue = (value: unknown): string => {
  if (typeof value === 'string') return delimited(1, utf8(value));
  if (typeof value === 'boolean') return tagOf(2, 'varint') + varint(value ? 1 : 0);
  if (typeof value === 'number') {
    return Number.isSafeInteger(value)
      ? tagOf(3, 'varint') + signedVarint(value)
      : tagOf(4, 'fixed64') + double(value);
  }
  if (!Array.isArray(value)) return '';
  return delimited(5, value.map((item) => delimited(1, anyValue(item))).join(''));
};

/** A KeyValue with its length, without a tag: the tag says of what. */
const keyValue = (name: string, value: unknown): string => {
  const content = delimited(1, utf8(name)) + delimited(2, anyValue(value));
  return varint(content.length) + content;
};

/**
 * Encoded attributes by name and value. Most come again with every request; of a name with many
 * values (an id) the first are kept, and the last, which span and log record share.
 */
type Known = { readonly values: Map<unknown, Uint8Array>; last: unknown; lastBytes: Uint8Array };

const known = new Map<string, Known>();
const namesMax = 200;
const valuesMax = 256;

/** Lists are known by what they hold; nothing in ours holds a NUL. */
const identityOf = (value: unknown): unknown =>
  Array.isArray(value) ? `${value.length}\u0000${value.join('\u0000')}` : value;

const encodedAttribute = (name: string, value: unknown): Uint8Array => {
  let entry = known.get(name);
  if (entry === undefined) {
    entry = { values: new Map(), last: undefined, lastBytes: new Uint8Array(0) };
    if (known.size < namesMax) known.set(name, entry);
  }
  const identity = identityOf(value);
  if (identity === entry.last) return entry.lastBytes;
  let encoded = entry.values.get(identity);
  if (encoded === undefined) {
    encoded = bytesOf(keyValue(name, value));
    if (entry.values.size < valuesMax) entry.values.set(identity, encoded);
  }
  entry.last = identity;
  entry.lastBytes = encoded;
  return encoded;
};

const writeAttributes = (writer: Writer, tag: number, attributes: Attributes): void => {
  for (const name in attributes) {
    if (!Object.hasOwn(attributes, name)) continue;
    writeByte(writer, tag);
    writeBytes(writer, encodedAttribute(name, attributes[name]));
  }
};

/** Tags of one byte each, field times eight plus wire type. */
const tags = Object.freeze({
  traceId: 0x0a,
  spanId: 0x12,
  parentSpanId: 0x22,
  name: 0x2a,
  kind: 0x30,
  startTime: 0x39,
  endTime: 0x41,
  spanAttributes: 0x4a,
  links: 0x6a,
  status: 0x7a,
  statusCode: 0x18,
  linkFlags: 0x35,
  logTime: 0x09,
  severityNumber: 0x10,
  severityText: 0x1a,
  logAttributes: 0x32,
  logFlags: 0x45,
  logTraceId: 0x4a,
  logSpanId: 0x52,
  observedTime: 0x59,
  eventName: 0x62,
  entry: 0x12,
});
/** Field 16 needs a tag of two bytes. */
const spanFlagsTag = bytesOf(tagOf(16, 'fixed32'));

/** Names of spans and events: templates, so few. */
const texts = new Map<string, Uint8Array>();
const textsMax = 5_000;

const writeText = (writer: Writer, tag: number, text: string): void => {
  let encoded = texts.get(text);
  if (encoded === undefined) {
    const content = utf8(text);
    encoded = bytesOf(varint(content.length) + content);
    if (texts.size < textsMax) texts.set(text, encoded);
  }
  writeByte(writer, tag);
  writeBytes(writer, encoded);
};

const writeId = (writer: Writer, tag: number, digits: string): void => {
  writeByte(writer, tag);
  writeHex(writer, digits);
};

const writeTime = (writer: Writer, tag: number, time: readonly [number, number]): void => {
  writeByte(writer, tag);
  writeNanos(writer, time);
};

/** `Span.flags`: the trace flags, that remoteness is known, and whether the parent is remote. */
const flagsOf = (context: SpanContext, remote: SpanContext | undefined): number =>
  (context.traceFlags & 0xff) | 0x100 | (remote?.isRemote === true ? 0x200 : 0);

const writeLink = (writer: Writer, context: SpanContext): void => {
  writeByte(writer, tags.links);
  const start = beginMessage(writer);
  writeId(writer, tags.traceId, context.traceId);
  writeId(writer, tags.spanId, context.spanId);
  writeByte(writer, tags.linkFlags);
  writeFixed32(writer, flagsOf(context, context));
  endMessage(writer, start);
};

/** Writes one span, as an entry of `ScopeSpans.spans`. */
export const writeSpan = (writer: Writer, span: ReadableSpan): void => {
  const context = span.spanContext();
  const parent = span.parentSpanContext;
  writeByte(writer, tags.entry);
  const start = beginMessage(writer);
  writeId(writer, tags.traceId, context.traceId);
  writeId(writer, tags.spanId, context.spanId);
  if (parent !== undefined) writeId(writer, tags.parentSpanId, parent.spanId);
  writeText(writer, tags.name, span.name);
  writeByte(writer, tags.kind);
  writeByte(writer, span.kind + 1);
  writeTime(writer, tags.startTime, span.startTime);
  writeTime(writer, tags.endTime, span.endTime);
  writeAttributes(writer, tags.spanAttributes, span.attributes);
  for (const link of span.links) writeLink(writer, link.context);
  if (span.status.code !== SpanStatusCode.UNSET) {
    writeByte(writer, tags.status);
    writeByte(writer, 2);
    writeByte(writer, tags.statusCode);
    writeByte(writer, span.status.code);
  }
  writeBytes(writer, spanFlagsTag);
  writeFixed32(writer, flagsOf(context, parent));
  endMessage(writer, start);
};

/** Writes one log record, as an entry of `ScopeLogs.log_records`. */
export const writeLogRecord = (writer: Writer, record: ReadableLogRecord): void => {
  const { spanContext, severityNumber, severityText, eventName } = record;
  writeByte(writer, tags.entry);
  const start = beginMessage(writer);
  writeTime(writer, tags.logTime, record.hrTime);
  if (severityNumber !== undefined) {
    writeByte(writer, tags.severityNumber);
    writeByte(writer, severityNumber);
  }
  if (severityText !== undefined) writeText(writer, tags.severityText, severityText);
  writeAttributes(writer, tags.logAttributes, record.attributes);
  if (spanContext !== undefined) {
    writeByte(writer, tags.logFlags);
    writeFixed32(writer, spanContext.traceFlags);
    writeId(writer, tags.logTraceId, spanContext.traceId);
    writeId(writer, tags.logSpanId, spanContext.spanId);
  }
  writeTime(writer, tags.observedTime, record.hrTimeObserved);
  if (eventName !== undefined) writeText(writer, tags.eventName, eventName);
  endMessage(writer, start);
};

/** An export request of entries that share resource and scope. */
export const exportRequest = (
  resource: Attributes,
  scope: ReadableSpan['instrumentationScope'],
  entries: Uint8Array,
): Uint8Array => {
  const { name, version } = scope;
  const attributes = Object.keys(resource).map(
    (key) => tagOf(1, 'delimited') + keyValue(key, resource[key]),
  );
  const named =
    delimited(1, utf8(name)) + (version === undefined ? '' : delimited(2, utf8(version)));
  const scopeHead = delimited(1, named);
  const head = `${delimited(1, attributes.join(''))}${tagOf(2, 'delimited')}${varint(scopeHead.length + entries.length)}${scopeHead}`;
  const length = varint(head.length + entries.length);
  return Buffer.concat([bytesOf(tagOf(1, 'delimited') + length + head), entries]);
};
