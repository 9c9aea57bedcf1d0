/**
 * The seam between the outbox and plans: one try of a plan for one delivery. A plan that is run again
 * after a crash must come to the same end; which of its steps hold already is found by reading.
 */
import type { LifecycleEvent } from '../identity/events/event.ts';
import type { Json } from '../identity/json-value.ts';
import type { Plan, Snapshot } from '../snapshot.ts';
import type { CallMade } from './tried.ts';
import type { Claimed } from './outbox-store.ts';

/** One try. */
export type PlanOrder = Readonly<{
  snapshot: Snapshot;
  plan: Plan;
  event: LifecycleEvent;
  /** What the read of the source gave; null where the route reads nothing or nobody was found. */
  enriched: Json;
  delivery: Claimed;
  /** False once the gateway stops: the steps that are left run at the next try. */
  mayStart(): boolean;
  /** Grows as calls are made. */
  calls: CallMade[];
  /** Monotonic ms; nothing may be sent after it, and the result must be there soon after. */
  deadline: number;
}>;

/** What became of it. `ledgerIds`: entries it made, oldest first, at most 64. */
export type PlanResult =
  | Readonly<{ kind: 'done'; ledgerIds: readonly string[] }>
  /** It may go well later; the outbox tries again, not before `retryAfterMs` where that is given. */
  | Readonly<{
      kind: 'again';
      retryAfterMs: number | null;
      /** Short error type: an error code, `timeout`. */
      reason: string;
      ledgerIds: readonly string[];
    }>
  /** It will not go well by itself. `detail`: at most 300 characters, no secrets. */
  | Readonly<{
      kind: 'failed';
      reason: string;
      detail: string | null;
      ledgerIds: readonly string[];
    }>;

/** Runs one try of a plan. Never rejects but for defects. */
export type RunPlan = (order: PlanOrder) => Promise<PlanResult>;
