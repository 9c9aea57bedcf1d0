/**
 * What a message means is read in one way, at receipt, when a receiver is asked at once and when a
 * delivery is tried: from its contents where it has some, from the body else, and of its headers only
 * those that are kept.
 */
import { isUtf8 } from 'node:buffer';
import type { EventReader, ReadEvents } from '../identity/events/event.ts';
import type { Receiver } from '../signatures/receiver.ts';
import type { Arrived } from './intake.ts';
import type { KeptEvent } from './kept-event.ts';

/** A verified message as it is kept: no secret is in it any more. */
export const keepArrived = ({ route, received, verified }: Arrived): KeptEvent => {
  const { method, url, path, query } = received;
  const { headers, body, contents } = (route.receiver as Receiver).keep(received, verified);
  return {
    method,
    url,
    path,
    query,
    headers,
    messageId: verified.id?.value ?? null,
    body,
    contents,
  };
};

/** Reads a kept message; `at` is when it came in, wall ms. */
export const readKept = (
  reader: Pick<EventReader, 'read'>,
  { headers, messageId, body, contents }: KeptEvent,
  at: number,
): ReadEvents => {
  const bytes = contents ?? body;
  if (!isUtf8(bytes)) return { unreadable: 'it is not UTF-8' };
  return reader.read({ text: bytes.toString('utf8'), headers, receivedAt: at, messageId });
};

/**
 * The bytes of one item as they are passed on, in the sender's own envelope. What was decrypted never
 * is: of a message with contents the item is cut out of the body that held them, and where that cannot
 * be cut in the same places (a token) the body goes whole.
 */
export const bytesOfItem = (
  reader: Pick<EventReader, 'read'>,
  kept: KeptEvent,
  read: Exclude<ReadEvents, { unreadable: string }>,
  { item, at }: Readonly<{ item: number; at: number }>,
): Buffer => {
  const { events } = read;
  if (events.length <= 1) return kept.body;
  const outer = kept.contents === null ? read : readKept(reader, { ...kept, contents: null }, at);
  if ('unreadable' in outer || outer.events.length !== events.length) return kept.body;
  const envelope = outer.envelope(item);
  return envelope === null ? kept.body : Buffer.from(envelope);
};
