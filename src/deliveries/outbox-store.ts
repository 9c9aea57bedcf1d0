/**
 * The port of the outbox: who may try which delivery, and what became of it. A claim is a lease with a
 * token: whoever lost it can settle nothing. Of each line only the head can be claimed, so that order
 * holds among all gateways. Rejects with GatewayError `ledger_unavailable`.
 */
import type { DeliveryId, DeliveryKey, EventId, SpanId, TraceId } from '../ids.ts';
import type { Sealed } from '../sealing.ts';
import type { DeliveryState } from './event-store.ts';

/** A delivery in hand until its lease ends. */
export type Claimed = Readonly<{
  key: DeliveryKey;
  route: string;
  lane: string;
  line: Buffer;
  kind: string;
  observedAt: number;
  /** 1 = first try since it was made, retried or replayed. */
  attempt: number;
  /** Number that must be shown when it is settled. */
  token: number;
  /** Until when, wall ms (of the store's clock where it has one). */
  leaseUntil: number;
  /** The dead or discarded delivery of this line that it follows, where nothing was delivered since. */
  gapAfter: DeliveryId | null;
  /** A person sent the event out again. */
  replayed: boolean;
  /** One that the source saw later was delivered on this line already. */
  outOfOrder: boolean;
  event: Readonly<{
    at: number;
    sender: string;
    keyId: string;
    traceId: TraceId;
    spanId: SpanId;
    /** Null once pruned: it can only be dead. */
    sealed: Sealed | null;
  }>;
}>;

/** One try, as it is remembered; the newest ten of a delivery are kept. */
export type AttemptRow = Readonly<{
  at: number;
  ms: number;
  /** Status the destination answered, or null. */
  status: number | null;
  /** Short error type (`timeout`, `ECONNREFUSED`, an error code), or null where it was delivered. */
  reason: string | null;
  /** At most 300 characters, secrets masked; null where there is nothing to say. */
  detail: string | null;
  spanId: SpanId;
  /** Ledger entries it made. */
  ledgerIds: readonly string[];
}>;

/** What becomes of a claimed delivery. */
export type Settling = Readonly<{
  key: DeliveryKey;
  token: number;
  next:
    | Readonly<{
        state: Exclude<DeliveryState, 'ready' | 'waiting' | 'scheduled' | 'discarded'>;
        /** Why, in a short word; null for delivered. */
        reason: string | null;
      }>
    /** Again at `dueAt`, still the head of its line. Not counted where nothing was tried. */
    | Readonly<{ state: 'ready'; dueAt: number; counted: boolean }>
    /** Leaves its line until its date. */
    | Readonly<{ state: 'scheduled'; dueAt: number }>;
  attempt: AttemptRow | null;
}>;

/** A delivery as it is listed. */
export type DeliveryListed = Readonly<{
  key: DeliveryKey;
  route: string;
  lane: string;
  kind: string;
  state: DeliveryState;
  /** Why it ended, or why the newest try failed. */
  reason: string | null;
  attempts: number;
  /** When it was made, when it is due (or ended), wall ms. */
  at: number;
  dueAt: number;
  traceId: TraceId;
  gapAfter: DeliveryId | null;
}>;

/** Of one lane. `oldestAt`: receipt of the oldest that is ready or waiting, wall ms. */
export type LaneCount = Readonly<{
  lane: string;
  pending: number;
  scheduled: number;
  dead: number;
  oldestAt: number | null;
}>;

export interface OutboxStore {
  /**
   * Claims heads that are due, oldest first, at most `max` of each lane and 256 in all, until
   * `now + leaseMs`. Scheduled deliveries whose date has come join the ends of their lines first.
   */
  claim(
    wanted: Readonly<{
      lanes: readonly Readonly<{ lane: string; max: number }>[];
      now: number;
      leaseMs: number;
    }>,
  ): Promise<readonly Claimed[]>;
  /**
   * Settles at most 256, all in one transaction; false where the lease was lost (or the delivery is no
   * more). The end of a head makes the next of its line the head, at once due.
   */
  settle(settlings: readonly Settling[], now: number): Promise<readonly boolean[]>;
  /** When the next head of these lanes or scheduled delivery is due, wall ms; null = none. Claimed ones count by their lease. */
  nextDueAt(lanes: readonly string[]): Promise<number | null>;
  /** Deliveries of the same line that the source saw later and that were delivered, newest first, at most 50. */
  newer(
    claimed: Pick<Claimed, 'line' | 'observedAt'>,
  ): Promise<
    readonly Readonly<{ event: EventId; item: number; kind: string; sealed: Sealed | null }>[]
  >;
  /**
   * Gives up every claim of a process that is gone, where one process owns the store. Where several share
   * it this does nothing: claims end when the chain of their gateway is closed or handed back.
   */
  releaseAll(now: number): Promise<void>;
  counts(): Promise<readonly LaneCount[]>;
  /** Newest first, at most `limit` (1,000); `before` continues a page. */
  list(
    query: Readonly<{
      state?: DeliveryState;
      lane?: string;
      event?: EventId;
      before?: DeliveryId;
      limit: number;
    }>,
  ): Promise<readonly DeliveryListed[]>;
  /** One delivery with its tries, newest first, or null. */
  show(
    key: DeliveryKey,
  ): Promise<Readonly<{ delivery: DeliveryListed; attempts: readonly AttemptRow[] }> | null>;
  /**
   * What a person does, all or none of at most 1,000. retry: dead, discarded, cancelled or waiting for its
   * next try: due at `dueAt` with its count begun anew, at the head of its line where it was in line, else
   * at its end. replay: ended ones too, marked `replayed`. discard: whatever has not ended otherwise, and
   * dead ones; the next of the line follows. Gives those it was done to; others were in no state for it,
   * or claimed at this moment.
   */
  act(
    act: 'retry' | 'replay' | 'discard',
    deliveries: readonly Readonly<{ key: DeliveryKey; dueAt: number }>[],
    now: number,
  ): Promise<readonly DeliveryKey[]>;
}
