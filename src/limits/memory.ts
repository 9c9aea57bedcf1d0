/**
 * Rate limits in memory: one GCRA bucket per key, kept as the single instant at which it is full
 * again. Asking many limits takes from all or from none, in one synchronous step. A full bucket holds
 * no information, so only full ones are forgotten; beyond `keysMax` live buckets calls are refused
 * rather than let through uncounted.
 */
import type { CompiledLimit } from '../policy/decision.ts';
import type { Limiter, LimitState, Taken } from './limiter.ts';

/** Answers at once, never as a promise. */
export interface MemoryLimiter extends Limiter {
  take(
    limits: readonly CompiledLimit[],
    options: Readonly<{ revocation: boolean; now: number }>,
  ): Taken;
  /** Buckets held now; never more than `keysMax`. */
  size(): number;
  /** Calls that stand in the bucket of a limit now, those of the reserve with them. */
  level(limit: CompiledLimit, now: number): number;
}

/** A limit whose reserve is not the usual one: a share of it, say. */
type Reserved = CompiledLimit & Readonly<{ reserve?: number }>;

/** Calls beyond the burst that only revocations may take: a tenth of it, at least one. */
export const revocationReserve = (burst: number): number => Math.max(1, Math.floor(burst / 10));

/** What a bucket may hold at most. */
const roomOf = ({ burst, reserve }: Reserved): number =>
  burst + (reserve ?? revocationReserve(burst));

/**
 * Makes a limiter without buckets; `keysMax` is the number of buckets it ever holds. `usedUpAt`
 * (monotonic ms): every bucket was used up then, reserve and all; without it they were full.
 */
export const makeMemoryLimiter = ({
  keysMax,
  usedUpAt = Number.NEGATIVE_INFINITY,
}: Readonly<{ keysMax: number; usedUpAt?: number }>): MemoryLimiter => {
  if (!Number.isSafeInteger(keysMax) || keysMax < 1) throw new TypeError('keysMax is at least 1');
  /** Key -> monotonic ms at which the bucket is full again. */
  const fullAt = new Map<string, number>();
  /** No bucket becomes full before this; spares the walk while nothing can be forgotten. */
  let nextFullAt = Number.NEGATIVE_INFINITY;

  const forgetFull = (now: number): void => {
    if (now < nextFullAt) return;
    nextFullAt = Number.POSITIVE_INFINITY;
    for (const [key, at] of fullAt) {
      if (at <= now) fullAt.delete(key);
      else if (at < nextFullAt) nextFullAt = at;
    }
  };

  /** Milliseconds until the bucket is full. */
  const levelOf = (limit: CompiledLimit, now: number): number => {
    const room = roomOf(limit) * intervalMs(limit);
    const at = fullAt.get(limit.key) ?? usedUpAt + room;
    // Capped, so a reload to a faster rate is not held back.
    return at <= now ? 0 : Math.min(at - now, room);
  };

  const hasRoomFor = (limits: readonly CompiledLimit[], now: number): boolean => {
    if (limits.every(({ key }) => fullAt.has(key))) return true;
    const fresh = new Set<string>();
    for (const { key } of limits) if (!fullAt.has(key)) fresh.add(key);
    if (fullAt.size + fresh.size <= keysMax) return true;
    forgetFull(now);
    // Forgetting may have dropped a bucket that this very call asks for, so it is counted anew.
    for (const { key } of limits) if (!fullAt.has(key)) fresh.add(key);
    return fullAt.size + fresh.size <= keysMax;
  };

  const take: MemoryLimiter['take'] = (limits, { revocation, now }) => {
    if (!hasRoomFor(limits, now)) return withoutRoom(limits);
    let waitMs = 0;
    let refusedBy: CompiledLimit | null = null;
    for (const limit of limits) {
      const wait = waitFor(limit, levelOf(limit, now), revocation);
      if (wait > waitMs) {
        waitMs = wait;
        refusedBy = limit;
      }
    }
    if (refusedBy === null) {
      // One bucket asked through two limits gives one call: both write from the same level.
      const taken = limits.map((limit) => now + levelOf(limit, now) + intervalMs(limit));
      limits.forEach(({ key }, index) => {
        fullAt.set(key, taken[index] as number);
      });
      for (const at of taken) if (at < nextFullAt) nextFullAt = at;
    }
    return {
      admitted: refusedBy === null,
      states: limits.map((limit) => stateOf(limit, levelOf(limit, now))),
      retryAfterSeconds: refusedBy === null ? 0 : wholeSeconds(waitMs),
      refusedBy,
    };
  };
  return Object.freeze({
    take,
    size: () => fullAt.size,
    level: (limit: CompiledLimit, now: number): number => levelOf(limit, now) / intervalMs(limit),
  });
};

/** Rounding of sums of milliseconds, far below one interval of any sensible rate. */
const roundingMs = 1e-6;

const intervalMs = ({ seconds, count }: CompiledLimit): number => (seconds * 1_000) / count;

/** Milliseconds until one more call fits; 0 = now. */
const waitFor = (limit: CompiledLimit, level: number, revocation: boolean): number => {
  const room = revocation ? roomOf(limit) : limit.burst;
  const over = level + intervalMs(limit) - room * intervalMs(limit);
  return over <= roundingMs ? 0 : over;
};

const stateOf = (limit: CompiledLimit, level: number): LimitState => ({
  limit,
  remaining: Math.max(0, Math.floor(limit.burst - level / intervalMs(limit) + 1e-9)),
  resetSeconds: Math.ceil(level / 1_000 - 1e-9),
});

const wholeSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000 - 1e-9));

/** Fails closed: what cannot be counted is not admitted. */
const withoutRoom = (limits: readonly CompiledLimit[]): Taken => ({
  admitted: false,
  states: limits.map((limit) => ({ limit, remaining: 0, resetSeconds: 1 })),
  retryAfterSeconds: 1,
  refusedBy: limits[0] ?? null,
});
