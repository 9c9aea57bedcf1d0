/**
 * Branded identifiers. A prefix tells a reader what an id names; the brand makes a swapped argument
 * a compile error. Ledger ids decode to writer and sequence, so a look-up is one row.
 */
import { randomBytes } from 'node:crypto';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type LedgerId = Branded<'LedgerId'>;
export type RequestId = Branded<'RequestId'>;
export type KeyId = Branded<'KeyId'>;
export type EventId = Branded<'EventId'>;
export type DeliveryId = Branded<'DeliveryId'>;
export type HoldId = Branded<'HoldId'>;
export type OverrideId = Branded<'OverrideId'>;
/** 32 lower-case hex digits (W3C Trace Context). Ours begin with 48 bits of milliseconds. */
export type TraceId = Branded<'TraceId'>;
/** 16 lower-case hex digits. */
export type SpanId = Branded<'SpanId'>;

/** Source of randomness, injected so that tests are repeatable. */
export type Random = (bytes: number) => Buffer;

/** Pooled randomness: one system call for many ids. */
export const systemRandom: Random = (() => {
  let pool = Buffer.alloc(0);
  let offset = 0;
  return (bytes: number): Buffer => {
    if (bytes > 1024) return randomBytes(bytes);
    if (offset + bytes > pool.length) {
      pool = randomBytes(8192);
      offset = 0;
    }
    const out = pool.subarray(offset, offset + bytes);
    offset += bytes;
    return out;
  };
})();

const writerPattern = /^[0-9a-f]{8}$/;
const ledgerPattern = /^led_([0-9a-f]{8})([0-9a-z]{1,11})$/;

/** `led_` + writer (8 hex digits) + sequence in base 36, at least 6 digits wide. */
export const ledgerId = (writer: string, sequence: number): LedgerId => {
  if (!writerPattern.test(writer)) throw new TypeError('a writer is eight hex digits');
  return `led_${writer}${sequence.toString(36).padStart(6, '0')}` as LedgerId;
};

/** Writer and sequence of a ledger id, or null if it is none. */
export const parseLedgerId = (id: string): { writer: string; sequence: number } | null => {
  const match = ledgerPattern.exec(id);
  if (match === null) return null;
  const sequence = Number.parseInt(match[2] as string, 36);
  return Number.isSafeInteger(sequence) ? { writer: match[1] as string, sequence } : null;
};

export const newRequestId = (random: Random): RequestId =>
  `req_${random(12).toString('base64url')}` as RequestId;

/** Key ids are short enough to stand inside a token: 10 characters of [0-9a-z]. */
export const newKeyId = (random: Random): KeyId => {
  let id = '';
  for (const byte of random(10)) id += (byte % 36).toString(36);
  return id as KeyId;
};

/** A trace id that begins with 48-bit milliseconds, so a look-up by trace is a range of time. */
export const newTraceId = (now: number, random: Random): TraceId =>
  (now.toString(16).padStart(12, '0').slice(-12) + random(10).toString('hex')) as TraceId;

export const newSpanId = (random: Random): SpanId => random(8).toString('hex') as SpanId;

const timed = (now: number, random: Random): string =>
  now.toString(16).padStart(12, '0').slice(-12) + random(6).toString('hex');

const eventPattern = /^evt_([0-9a-f]{24})$/;
const deliveryPattern = /^dlv_([0-9a-f]{24})_([0-9a-z]{1,6})_([a-z0-9][a-z0-9_-]{0,62})$/;

/** `evt_` + 48-bit milliseconds + 6 random bytes, in hex: new ids come at the end of an index. */
export const newEventId = (now: number, random: Random): EventId =>
  `evt_${timed(now, random)}` as EventId;

/** The text as an event id, or null if it is none. */
export const parseEventId = (id: string): EventId | null =>
  eventPattern.test(id) ? (id as EventId) : null;

const holdPattern = /^hld_([0-9a-f]{24})$/;
const overridePattern = /^ovr_([0-9a-f]{24})$/;

/** `hld_` + 48-bit milliseconds + 6 random bytes, in hex. */
export const newHoldId = (now: number, random: Random): HoldId =>
  `hld_${timed(now, random)}` as HoldId;

/** The text as a hold id, or null if it is none. */
export const parseHoldId = (id: string): HoldId | null =>
  holdPattern.test(id) ? (id as HoldId) : null;

/** `ovr_` + 48-bit milliseconds + 6 random bytes, in hex. */
export const newOverrideId = (now: number, random: Random): OverrideId =>
  `ovr_${timed(now, random)}` as OverrideId;

/** The text as an override id, or null if it is none. */
export const parseOverrideId = (id: string): OverrideId | null =>
  overridePattern.test(id) ? (id as OverrideId) : null;

/** What a delivery id names: the item of an event (0 = first), and the `deliver:` entry it goes by. */
export type DeliveryKey = Readonly<{ event: EventId; item: number; name: string }>;

/** `dlv_` + digits of the event + item in base 36 + name; the same for every attempt and replay. */
export const deliveryId = ({ event, item, name }: DeliveryKey): DeliveryId =>
  `dlv_${event.slice(4)}_${item.toString(36)}_${name}` as DeliveryId;

/** What a delivery id names, or null if it is none. */
export const parseDeliveryId = (id: string): DeliveryKey | null => {
  const match = deliveryPattern.exec(id);
  if (match === null) return null;
  const [, event, item, name] = match as unknown as [string, string, string, string];
  return { event: `evt_${event}` as EventId, item: Number.parseInt(item, 36), name };
};
