/**
 * What a webhook means, in canonical form: one lifecycle event per subject. Pure; the senders'
 * mappings are data (table.ts), a route's own are CEL.
 */
import type { Json } from '../json-value.ts';

/**
 * What happened to whom. `cancel` takes back an announced change; `other` is an event that is none of
 * a lifecycle. A route's own mapping may use further words: lower case, digits and `-`, at most 32.
 */
export const eventKinds = [
  'joiner',
  'mover',
  'leaver',
  'rehire',
  'suspend',
  'resume',
  'group-add',
  'group-remove',
  'credential',
  'cancel',
  'missed',
  'test',
  'other',
] as const;
export type EventKind = (typeof eventKinds)[number];

/** One event of one subject (events-and-attributes.md §4). */
export type LifecycleEvent = Readonly<{
  /** The mapping that read it: `bamboohr`, or the route's own. */
  source: string;
  /** The source's id of this item; null where it has none. */
  id: string | null;
  kind: string;
  /** The source's own word: `employee.updated`; '' where it has none. */
  type: string;
  /** The one key that order and look-ups go by; '' where none could be read: such events share a line. */
  subject: string;
  /** Every key by which the subject can be found elsewhere: `{ id, email, userName, employeeNumber }`. */
  keys: Readonly<Record<string, string>>;
  /** When it takes effect, ms; null = at once. A day without a time begins at 00:00 in the source's zone. */
  effectiveAt: number | null;
  /** When the source saw it, ms; null where it does not say. */
  observedAt: number | null;
  /** Paths that changed, in the source's words; empty where it does not say. */
  changed: readonly string[];
  /** Kinds whose announced (future-dated) events of this subject it takes back. */
  cancels: readonly string[];
  /** The item alone, as JSON: what expressions see as `event.raw`. */
  raw: Json;
}>;

/** What a body was read as. */
export type ReadEvents =
  | Readonly<{
      events: readonly LifecycleEvent[];
      /** Body of one item alone in the sender's own envelope, for passing it on; null = the whole body is that item. */
      envelope(item: number): string | null;
    }>
  /** Kept and passed on as bytes, but nobody can say what it means. `reason` holds no data. */
  | Readonly<{ unreadable: string }>;

/** Reads bodies of one source. */
export type EventReader = Readonly<{
  /** Name of the mapping. */
  source: string;
  /** `enriched` is null at receipt; expressions that mention it are judged when a delivery is tried. */
  read(
    given: Readonly<{
      /** The body, or what a token or cipher held, as UTF-8. */
      text: string;
      headers: Readonly<Record<string, string>>;
      /** When it came in, wall ms. */
      receivedAt: number;
      /** The sender's id of the message; the id of an item that is alone falls back on it. */
      messageId: string | null;
    }>,
  ): ReadEvents;
  /** The event again, with what a read of the source gave. The same where no expression mentions it. */
  enrich(event: LifecycleEvent, enriched: Json, receivedAt: number): LifecycleEvent;
  /** Do kind or date depend on the enriched form? Then neither is known at receipt. */
  needsEnriched: boolean;
}>;
