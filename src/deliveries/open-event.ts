/**
 * Opens kept events and reads them again. One of many items is remembered for a while: each of its
 * deliveries would otherwise read all of it to find its own item.
 */
import { LRUCache } from 'lru-cache';
import type { ReadEvents } from '../identity/events/event.ts';
import type { EventId } from '../ids.ts';
import type { KeyRing, Sealed } from '../sealing.ts';
import type { Snapshot, WebhookRoute } from '../snapshot.ts';
import { openEvent, type KeptEvent } from './kept-event.ts';
import { readKept } from './read-kept.ts';

/** Events remembered, and bytes of their bodies together. */
const readMax = 8;
const readBytesMax = 8 * 1_048_576;

/** An event as it came in, and what the route says it means. */
export type Reading = Readonly<{ kept: KeptEvent; read: ReadEvents }>;

/** `at`: when it came in, wall ms. Null where it cannot be opened. */
export type OpenAndRead = (
  event: Readonly<{ id: EventId; sealed: Sealed; at: number }>,
  route: WebhookRoute,
  version: Snapshot['version'],
) => Reading | null;

const hasMany = ({ read }: Reading): boolean => 'events' in read && read.events.length > 1;

/** Remembers nothing yet. */
export const makeOpenAndRead = (keyRing: KeyRing): OpenAndRead => {
  const known = new LRUCache<string, Reading>({
    max: readMax,
    maxSize: readBytesMax,
    sizeCalculation: ({ kept }) => kept.body.length + (kept.contents?.length ?? 0) + 1,
  });
  return ({ id, sealed, at }, route, version) => {
    const key = `${version}\n${route.name}\n${id}\n${at}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const kept = openEvent(keyRing, id, sealed);
    if (kept === null) return null;
    const read = readKept(route.reader, kept, at);
    const reading = { kept, read };
    if (hasMany(reading)) known.set(key, reading);
    return reading;
  };
};
