/**
 * The port through which webhooks become durable: an event, what recognises its repeats and the
 * deliveries it owes are one transaction, many of them in one batch. Rejects with GatewayError
 * `ledger_unavailable`; then nothing of the batch was kept, the marks neither.
 */
import type { DeliveryId, EventId, SpanId, TraceId } from '../ids.ts';
import type { Sealed } from '../sealing.ts';

/** One webhook as it is kept. */
export type EventRow = Readonly<{
  id: EventId;
  route: string;
  /** When it came in, wall ms. */
  at: number;
  sender: string;
  /** Which key matched. */
  keyId: string;
  traceId: TraceId;
  spanId: SpanId;
  configVersion: string;
  /** How many items it was split into; 0 where it could not be read. */
  items: number;
  /** Bytes of the body. */
  bytes: number;
  /** Headers, body and contents (kept-event.ts), sealed under the event's id. */
  sealed: Sealed;
}>;

/** What recognises a repeat: 16 bytes over route and id (or signature, or body), and until when, wall ms. */
export type Mark = Readonly<{ mark: Buffer; until: number }>;

/** One delivery that an event owes. */
export type DeliveryRow = Readonly<{
  item: number;
  /** Name of the `deliver:` entry. */
  name: string;
  /** `route/name`: whose receiver it is. */
  lane: string;
  /** 16 bytes, keyed: lane and subject. Deliveries of a line go one after the other, oldest first. */
  line: Buffer;
  /** 16 bytes, keyed: the subject alone, for look-ups. */
  subject: Buffer;
  kind: string;
  /** The source's time, or that of receipt, ms. */
  observedAt: number;
  /** Wall ms. Later than the receipt: it waits outside its line and joins the end of it then. */
  dueAt: number;
}>;

export type Receiving = Readonly<{
  event: EventRow;
  /** Empty: repeats are not told. */
  marks: readonly Mark[];
  deliveries: readonly DeliveryRow[];
  /**
   * Deliveries of these lines, subjects and kinds that wait for their date are cancelled, before those of
   * this event are kept. (A line can hold several subjects, where the route orders by something else.)
   */
  cancels: readonly Readonly<{ line: Buffer; subject: Buffer; kinds: readonly string[] }>[];
}>;

/** `duplicate` names the event that came first; nothing of this one was kept. */
export type ReceivedAs =
  | Readonly<{ kind: 'stored' }>
  | Readonly<{ kind: 'duplicate'; of: EventId }>;

/** What is known of a source, for noticing its silence and its gaps. */
export type SourceState = Readonly<{
  route: string;
  lastAt: number;
  /** Newest number of its sequence; null where it has none. */
  sequence: number | null;
}>;

/** An event as it is listed: without its bytes. */
export type EventListed = Omit<EventRow, 'sealed'> &
  Readonly<{
    /** False once its bytes were pruned. */
    kept: boolean;
    /** Deliveries by state. */
    deliveries: Readonly<Partial<Record<DeliveryState, number>>>;
  }>;

/**
 * waiting: behind others of its line; ready: at the head of it (also while it is tried and between
 * tries); scheduled: until its date. The others are ends.
 */
export const deliveryStates = [
  'scheduled',
  'ready',
  'waiting',
  'delivered',
  'skipped',
  'superseded',
  'cancelled',
  'discarded',
  'dead',
] as const;
export type DeliveryState = (typeof deliveryStates)[number];

export interface EventStore {
  /**
   * Keeps at most 256 events at once, each whole or as the repeat it is; two repeats within one batch are
   * told apart in its order. Source states only move on: the later `lastAt`, the higher number.
   */
  receive(
    batch: readonly Receiving[],
    sources: readonly SourceState[],
    now: number,
  ): Promise<readonly ReceivedAs[]>;
  /** One event with its bytes (null once pruned), or null. */
  load(id: EventId): Promise<Readonly<{
    event: Omit<EventRow, 'sealed'>;
    sealed: Sealed | null;
    deliveries: readonly DeliveryId[];
  }> | null>;
  /** Newest first, at most `limit` (1,000); `before` continues a page. */
  list(
    query: Readonly<{
      route?: string;
      since?: number;
      until?: number;
      before?: EventId;
      limit: number;
    }>,
  ): Promise<readonly EventListed[]>;
  sources(): Promise<readonly SourceState[]>;
  /**
   * Drops at most 500 rows of each kind: marks that ended, bytes of events before `bodiesBefore` that no
   * unfinished delivery needs, finished deliveries and their attempts (and events whose deliveries are
   * all gone) before `deliveriesBefore`. True: another slice has work.
   */
  prune(
    limits: Readonly<{ now: number; bodiesBefore: number; deliveriesBefore: number }>,
  ): Promise<boolean>;
}
