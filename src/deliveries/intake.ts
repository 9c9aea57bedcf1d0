/** The way in: a verified webhook becomes durable here, and only then may it be acknowledged. */
import type { EventId, SpanId, TraceId } from '../ids.ts';
import type { Received, Verified } from '../signatures/receiver.ts';
import type { Snapshot, WebhookRoute } from '../snapshot.ts';

/** A webhook that was verified. */
export type Arrived = Readonly<{
  snapshot: Snapshot;
  route: WebhookRoute;
  received: Received;
  verified: Verified;
  /** When it came in, wall ms. */
  at: number;
  traceId: TraceId;
  /** The SERVER span of its request. */
  spanId: SpanId;
}>;

/** How it was taken in. Stored: it is on disk with all deliveries it owes. */
export type TakenIn = Readonly<{ kind: 'stored' | 'duplicate'; id: EventId }>;

export interface Intake {
  /**
   * Resolves once it is on disk (group commit). Rejects with GatewayError `ledger_unavailable`, also
   * where too many wait already; then nothing was kept and the sender's next try is welcome.
   */
  take(arrived: Arrived): Promise<TakenIn>;
}

/** Asks a receiver at once, for senders of synchronous hooks; null = no answer in time. */
export interface Ask {
  ask(
    arrived: Arrived,
    id: EventId,
  ): Promise<Readonly<{ status: number; body: string | null }> | null>;
}
