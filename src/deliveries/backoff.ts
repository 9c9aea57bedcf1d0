/**
 * When a delivery is tried again, and which results are worth it (webhooks.md §4.2, in the manner of
 * Standard Webhooks): ceilings that grow fourfold from a second to six hours, a wait drawn evenly
 * below the ceiling (full jitter), and never earlier than the destination asked. Pure.
 */

/** Ceiling before the second try, ms. */
export const backoffBaseMs = 1_000;
/** Largest ceiling, ms. */
export const backoffCapMs = 6 * 3_600_000;
const growth = 4;
/** Longest time a destination may ask us to wait, ms; more is clamped. */
export const retryAfterMsMax = 24 * 3_600_000;

/** Longest wait after try number `attempt` (1 = first), ms. */
export const backoffCeilingMs = (attempt: number): number =>
  Math.min(backoffCapMs, backoffBaseMs * growth ** Math.min(30, Math.max(0, attempt - 1)));

/** Ms to wait after try number `attempt` failed. `draw`: 0 ≤ x < 1. */
export const backoffMs = (attempt: number, retryAfterMs: number | null, draw: number): number => {
  const own = Math.ceil(draw * backoffCeilingMs(attempt));
  const asked = Math.max(0, Math.min(retryAfterMsMax, retryAfterMs ?? 0));
  return Math.max(own, asked);
};

/** What an answered status means for a delivery. `gone`: nobody wants any more. */
export type StatusMeaning = 'delivered' | 'again' | 'gone' | 'dead';

const triedAgain: ReadonlySet<number> = new Set([408, 425, 429]);

/** 2xx delivered; 408, 425, 429 and 5xx again; 410 gone; all else (redirects too) dead. */
export const statusMeaning = (status: number): StatusMeaning => {
  if (status >= 200 && status < 300) return 'delivered';
  if (status === 410) return 'gone';
  return status >= 500 || triedAgain.has(status) ? 'again' : 'dead';
};

/**
 * Failures that say nothing about the delivery: nothing was tried, or the destination was spared.
 * They are not counted, and the whole lane waits.
 */
const uncounted: ReadonlySet<string> = new Set([
  'target_overloaded',
  'target_frozen',
  'target_unconfigured',
  'target_rate_limited',
  'rate_limited',
  'shutting_down',
  'clock_untrusted',
  'ledger_unavailable',
]);

/** Does a failure by this error code use up a try? */
export const isCounted = (code: string): boolean => !uncounted.has(code);

/** How long a lane rests after an uncounted failure that named no time, ms. */
export const restMs = 5_000;
