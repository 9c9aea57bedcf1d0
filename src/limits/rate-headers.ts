/**
 * Rate-limit response fields as draft-ietf-httpapi-ratelimit-headers-10 writes them: two RFC 9651
 * lists whose items are policy names with parameters, and Retry-After where a call was refused.
 */
import type { LimitState } from './limiter.ts';

/**
 * `RateLimit-Policy` (q = count, w = window in seconds), `RateLimit` (r = calls that may still come
 * at once, t = seconds) and, for `retryAfterSeconds` > 0, `Retry-After`. Where a policy stands more
 * than once (two grants of one client) its tightest state is told. No states, no fields.
 */
export const rateHeaders = (
  states: readonly LimitState[],
  retryAfterSeconds: number,
): Record<string, string> => {
  const headers: Record<string, string> = {};
  const tightest = new Map<string, LimitState>();
  for (const state of states) {
    const known = tightest.get(state.limit.policy);
    if (known === undefined || state.remaining < known.remaining) {
      tightest.set(state.limit.policy, state);
    }
  }
  const wait = retryAfterSeconds > 0 ? Math.max(1, Math.ceil(retryAfterSeconds)) : 0;
  if (tightest.size > 0) {
    const policies: string[] = [];
    const current: string[] = [];
    for (const { limit, remaining, resetSeconds } of tightest.values()) {
      // §4.2: Retry-After must not lie before the end of the effective window, so the window told
      // with a refusal ends when the next call fits.
      const t = wait > 0 ? Math.min(resetSeconds, wait) : resetSeconds;
      const { name, policy } = wordsOf(limit);
      policies.push(policy);
      current.push(`${name};r=${remaining};t=${t}`);
    }
    headers['RateLimit-Policy'] = policies.join(', ');
    headers['RateLimit'] = current.join(', ');
  }
  if (wait > 0) headers['Retry-After'] = String(wait);
  return headers;
};

type Words = Readonly<{ name: string; policy: string }>;

/** How each limit is told, made once while it stands in a snapshot. */
const told = new WeakMap<LimitState['limit'], Words>();

const wordsOf = (limit: LimitState['limit']): Words => {
  const known = told.get(limit);
  if (known !== undefined) return known;
  const name = quoted(limit.policy);
  const words = { name, policy: `${name};q=${limit.count};w=${limit.seconds}` };
  told.set(limit, words);
  return words;
};

/** An sf-string (RFC 9651 §3.3.3): printable ASCII, `"` and `\` escaped. */
const quoted = (text: string): string =>
  plainName.test(text)
    ? `"${text}"`
    : `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, String.raw`\$&`)}"`;

/** Names that need no escaping, as all of ours. */
const plainName = /^[a-z0-9-]*$/;
