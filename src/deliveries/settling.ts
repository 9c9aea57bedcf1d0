/** From what became of a try to what becomes of the delivery: ends, the next date, the count. Pure. */
import type { SpanId } from '../ids.ts';
import { backoffMs, restMs, retryAfterMsMax } from './backoff.ts';
import type { AttemptRow, Claimed, Settling } from './outbox-store.ts';
import type { Outcome, Tried } from './tried.ts';

/** Longest detail kept, characters. */
const detailCharsMax = 300;
const ledgerIdsMax = 64;

/** What is told of a try: its end, or `again`, or `postponed` where nothing was tried. */
export type TriedResult =
  | 'delivered'
  | 'skipped'
  | 'superseded'
  | 'dead'
  | 'again'
  | 'postponed'
  | 'scheduled';

type Terms = Readonly<{
  /** Wall ms now. */
  now: number;
  attemptsMax: number;
  /** 0 ≤ x < 1, for the jitter. */
  draw: number;
}>;

type Next = Settling['next'];

/** How long an uncounted failure wants peace, ms. What a gateway leaves that stops, another may take at once. */
export const restOf = (outcome: Outcome): number | null => {
  if (outcome.kind !== 'again' || outcome.counted) return null;
  if (outcome.reason === 'shutting_down') return 0;
  return Math.min(retryAfterMsMax, outcome.retryAfterMs ?? restMs);
};

/** What becomes of a delivery after this outcome; dates are whole ms. */
export const nextOf = (
  { attempt }: Pick<Claimed, 'attempt'>,
  outcome: Outcome,
  { now, attemptsMax, draw }: Terms,
): Next => {
  switch (outcome.kind) {
    case 'delivered':
      return { state: 'delivered', reason: null };
    case 'ended':
      return { state: outcome.state, reason: outcome.reason };
    case 'dead':
      return { state: 'dead', reason: outcome.reason };
    case 'scheduled':
      return { state: 'scheduled', dueAt: Math.ceil(outcome.dueAt) };
    case 'again':
      break;
  }
  const rest = restOf(outcome);
  if (rest !== null) return { state: 'ready', dueAt: Math.ceil(now + rest), counted: false };
  if (attempt >= attemptsMax) return { state: 'dead', reason: outcome.reason };
  const dueAt = Math.ceil(now + backoffMs(attempt, outcome.retryAfterMs, draw));
  return { state: 'ready', dueAt, counted: true };
};

/** One word for it. */
export const resultOf = (next: Next): TriedResult => {
  if (next.state === 'ready') return next.counted ? 'again' : 'postponed';
  return next.state === 'cancelled' ? 'skipped' : next.state;
};

/** The row of a try; null where nothing was tried, so that ten rests do not push out what failed. */
export const attemptRow = (
  { outcome, ledgerIds }: Tried,
  times: Readonly<{ at: number; ms: number; spanId: SpanId }>,
): AttemptRow | null => {
  if (outcome.kind === 'scheduled' || restOf(outcome) !== null) return null;
  const detail = 'detail' in outcome ? outcome.detail : null;
  return {
    ...times,
    status: 'status' in outcome ? outcome.status : null,
    reason: 'reason' in outcome ? outcome.reason : null,
    detail: detail === null ? null : detail.slice(0, detailCharsMax),
    ledgerIds: ledgerIds.slice(0, ledgerIdsMax),
  };
};
