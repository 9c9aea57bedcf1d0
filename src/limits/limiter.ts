/**
 * The port of rate limits: GCRA buckets by key. `take` asks several limits at once and takes from
 * all or from none.
 */
import type { CompiledLimit } from '../policy/decision.ts';

/** State of the tightest limit, for RateLimit headers (draft-ietf-httpapi-ratelimit-headers-10). */
export type LimitState = Readonly<{
  limit: CompiledLimit;
  /** Whole calls that may still come at once. */
  remaining: number;
  /** Seconds until the bucket is full again, rounded up. */
  resetSeconds: number;
}>;

export type Taken = Readonly<{
  admitted: boolean;
  /** One per asked limit, in order. */
  states: readonly LimitState[];
  /** Seconds until one more call of this kind is admitted; 0 where admitted. */
  retryAfterSeconds: number;
  /** The limit that refused. */
  refusedBy: CompiledLimit | null;
}>;

export interface Limiter {
  /**
   * Takes one call from every limit, or from none. A revocation may go beyond each burst by a reserve
   * (a tenth of it, at least one call) that other calls may not touch and that is paid back from the
   * same rate, so the written burst is what ordinary calls get. `now` is monotonic ms.
   */
  take(
    limits: readonly CompiledLimit[],
    options: Readonly<{ revocation: boolean; now: number }>,
  ): Taken | Promise<Taken>;
}
