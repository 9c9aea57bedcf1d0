/**
 * What became of one try, in the outbox's own words: made by forward, plans and try-delivery, turned
 * into a settling by settling.ts. Types and small makers only.
 */
import type { DeliveryAttempted } from '../telemetry/observe.ts';

/** One call on the wire, for its CLIENT span. */
export type CallMade = DeliveryAttempted['calls'][number];

/** Why a try ended as it did. `reason` is a short error type; `detail` ≤ 300 characters, no secrets. */
type Why = Readonly<{ reason: string; status: number | null; detail: string | null }>;

export type Outcome =
  | Readonly<{ kind: 'delivered'; status: number | null }>
  /** An end that is no failure. */
  | Readonly<{ kind: 'ended'; state: 'skipped' | 'superseded'; reason: string }>
  /** `gone`: the lane is not tried any more either. */
  | (Why & Readonly<{ kind: 'dead'; gone: boolean }>)
  /** `counted` false: nothing was tried, and the lane rests. */
  | (Why & Readonly<{ kind: 'again'; retryAfterMs: number | null; counted: boolean }>)
  | Readonly<{ kind: 'scheduled'; dueAt: number }>;

/** A whole try. */
export type Tried = Readonly<{
  outcome: Outcome;
  /** Ledger entries it made. */
  ledgerIds: readonly string[];
}>;

export const dead = (reason: string, detail: string | null = null): Outcome => ({
  kind: 'dead',
  reason,
  status: null,
  detail,
  gone: false,
});
