/**
 * Records that wait for a commit: a bounded line, printed once when they come in. Knows nothing of
 * stores or time; the write queue decides when to take.
 */
import { GatewayError } from '../errors.ts';
import type { LedgerId, Random } from '../ids.ts';
import { batchBytesMax, batchRecordsMax, type Line } from './batch.ts';
import { bodyText, canonicalText, hashBody, saltBytes } from './canonical.ts';
import type { Claims, Unclaimed } from './claims.ts';
import type { LedgerRecord } from './record.ts';

/** Bounds of what waits in memory; outcomes have twice the room, for every intent may need one. */
export type QueueLimits = Readonly<{ recordsMax: number; bytesMax: number }>;
export const queueLimits: QueueLimits = { recordsMax: 10_000, bytesMax: 67_108_864 };

/** Somebody waits for the record to be durable. */
export type Waiter = Readonly<{
  /** With its id, or with what it claims and cannot have: then it was not written. */
  resolve(answer: LedgerId | Unclaimed): void;
  reject(error: GatewayError): void;
}>;

export type Pending = Line &
  Readonly<{
    bytes: number;
    /** May be written from the disk reserve. */
    reserved: boolean;
    /** Present on intents and acts that somebody waits for. */
    waiter: Waiter | null;
  }>;

/** The line. Mutable; only functions of this file change it. */
export type Waiting = {
  items: Pending[];
  bytes: number;
  /** How many have a waiter, and how many may use the reserve. */
  urgent: number;
  reserved: number;
  /** Time of the newest record printed: times never go back within a chain. */
  lastAt: number;
};

export const emptyWaiting = (): Waiting => ({
  items: [],
  bytes: 0,
  urgent: 0,
  reserved: 0,
  lastAt: 0,
});

const count = (waiting: Waiting, item: Pending, sign: 1 | -1): void => {
  waiting.bytes += sign * item.bytes;
  if (item.waiter !== null) waiting.urgent += sign;
  if (item.reserved) waiting.reserved += sign;
};

/** Is there room? `times` is 1 for intents, 2 for what follows from an intent. */
export const hasRoom = (waiting: Waiting, limits: QueueLimits, times: 1 | 2): boolean =>
  waiting.items.length < limits.recordsMax * times && waiting.bytes < limits.bytesMax * times;

/** What claims take of memory, about. */
const bytesOf = (claims: Claims | undefined): number =>
  claims?.windows.reduce((sum, { key }) => sum + key.length + 64, 64) ?? 0;

/** Prints a record and puts it last. */
export const enter = (
  waiting: Waiting,
  record: LedgerRecord,
  how: Readonly<{
    reserved: boolean;
    waiter: Waiter | null;
    random: Random;
    claims?: Claims | undefined;
  }>,
): void => {
  const at = Math.max(waiting.lastAt, record.at);
  waiting.lastAt = at;
  const body =
    record.kind === 'intent'
      ? { salt: Buffer.from(how.random(saltBytes)), text: bodyText(record.body) }
      : null;
  const text = canonicalText(record, at, body === null ? null : hashBody(body));
  const { reserved, waiter, claims } = how;
  const bytes = text.length + (body?.text.length ?? 0) + bytesOf(claims);
  const item = { record, at, text, body, bytes, reserved, waiter, claims };
  waiting.items.push(item);
  count(waiting, item, 1);
};

const takeWhile = (waiting: Waiting, allowed: (item: Pending) => boolean): Pending[] => {
  const taken: Pending[] = [];
  const left: Pending[] = [];
  let bytes = 0;
  for (const [index, item] of waiting.items.entries()) {
    if (
      taken.length === batchRecordsMax ||
      (taken.length > 0 && bytes + item.bytes > batchBytesMax)
    ) {
      left.push(...waiting.items.slice(index));
      break;
    }
    if (!allowed(item)) {
      left.push(item);
      continue;
    }
    taken.push(item);
    bytes += item.bytes;
  }
  waiting.items = left;
  for (const item of taken) count(waiting, item, -1);
  return taken;
};

/**
 * The next batch, oldest first: at most 128 records or 256 KiB. The reserve lets some overtake others,
 * into an earlier batch (written as of `notBefore`) or, put back, to the front of the line: what
 * stayed behind is printed anew as of then, for times never go back within a chain.
 */
export const take = (
  waiting: Waiting,
  options: Readonly<{ onlyReserved: boolean; notBefore: number }>,
): Pending[] => {
  let at = options.notBefore;
  return takeWhile(waiting, (item) => !options.onlyReserved || item.reserved).map((item) => {
    at = Math.max(at, item.at);
    return item.at === at ? item : reprint(item, at);
  });
};

const reprint = (item: Pending, at: number): Pending => ({
  ...item,
  at,
  text: canonicalText(item.record, at, item.body === null ? null : hashBody(item.body)),
});

/** Prints anew each waiting record that `change` gives another of. */
export const changeRecords = (
  waiting: Waiting,
  change: (record: LedgerRecord) => LedgerRecord,
): void => {
  waiting.items = waiting.items.map((item) => {
    const record = change(item.record);
    return record === item.record ? item : reprint({ ...item, record }, item.at);
  });
};

/** Puts items back in front, in their order. */
export const putBack = (waiting: Waiting, items: readonly Pending[]): void => {
  waiting.items = [...items, ...waiting.items];
  for (const item of items) count(waiting, item, 1);
};

/** Those that nobody waits for: they are kept until they are written. */
export const withoutWaiter = (items: readonly Pending[]): readonly Pending[] =>
  items.filter(({ waiter }) => waiter === null);

/** Refuses those who wait (with `keepReserved` only those without a right to the reserve); returns how many. */
export const refuseWaiters = (
  waiting: Waiting,
  options: Readonly<{ keepReserved: boolean; cause?: unknown }>,
): number => {
  const left: Pending[] = [];
  let refused = 0;
  for (const item of waiting.items) {
    if (item.waiter === null || (options.keepReserved && item.reserved)) {
      left.push(item);
      continue;
    }
    count(waiting, item, -1);
    refused += 1;
    item.waiter.reject(new GatewayError('ledger_unavailable', { cause: options.cause }));
  }
  waiting.items = left;
  return refused;
};
