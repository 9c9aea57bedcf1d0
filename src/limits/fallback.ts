/**
 * Rates while the shared count is away: stricter, never looser. Each gateway keeps its share of every
 * limit, and its buckets begin used up, because the shared one may just have let a whole burst
 * through. What is admitted here is owed to the shared bucket, up to all it can hold, until the own
 * one is full again; where that is used up, calls pay what is owed before they are admitted. With that
 * it holds at least what one bucket for all would, as long as all gateways are away together; while
 * only some are, these add their shares to what the others let by, and pay for it afterwards.
 */
import type { CompiledLimit } from '../policy/decision.ts';
import type { Limiter, Taken } from './limiter.ts';
import { makeMemoryLimiter, revocationReserve } from './memory.ts';
import { shareOf, type LimitShare, type Shares } from './shares.ts';

/** Calls, by the key of their limit; only what is owed stands in it. */
export type Debts = ReadonlyMap<string, number>;

const nothingOwed: Debts = new Map();

export interface Fallback extends Limiter {
  /** From now on it decides: every bucket is used up. Debts of earlier times stay. */
  begin(now: number): void;
  take(
    limits: readonly CompiledLimit[],
    options: Readonly<{ revocation: boolean; now: number }>,
  ): Taken;
  /** Calls owed for these limits by key, forgotten here with that. Where they are not paid give them back. */
  handOver(limits: readonly CompiledLimit[], now: number): Debts;
  giveBack(limits: readonly CompiledLimit[], debts: Debts): void;
  /** Limits with calls owed, at most twice `keysMax`. */
  owing(): number;
}

export type FallbackDeps = Readonly<{ keysMax: number; shares(): Shares }>;

/** Makes a fallback that owes nothing; `begin` comes before the first `take`. */
export const makeFallback = ({ keysMax, shares }: FallbackDeps): Fallback => {
  let limiter = makeMemoryLimiter({ keysMax });
  const debts = new Map<string, { limit: CompiledLimit; calls: number }>();

  const owed = (limit: CompiledLimit, calls: number, now: number): number => {
    const share = shareOf(limit, shares());
    // Where no share is left (there are more gateways now) nothing tells what time has paid.
    const isPaid = share.burst > 0 && limiter.level(share, now) <= 0;
    return isPaid ? 0 : Math.min(calls, limit.burst + revocationReserve(limit.burst));
  };

  const forgetPaid = (now: number): void => {
    for (const [key, { limit, calls }] of debts)
      if (owed(limit, calls, now) <= 0) debts.delete(key);
  };

  const owe = (limit: CompiledLimit, calls: number): void => {
    if (calls <= 0) return;
    const known = debts.get(limit.key);
    debts.set(limit.key, { limit, calls: calls + (known?.calls ?? 0) });
  };

  const take: Fallback['take'] = (limits, options) => {
    const divided = shares();
    const parts = limits.map((limit) => shareOf(limit, divided));
    const none = parts.findIndex(({ burst }) => burst === 0);
    if (none >= 0) return withoutShare(limits, limits[none] as CompiledLimit);
    const taken = limiter.take(parts, options);
    if (taken.admitted) {
      // Twice as many as buckets, so that going through all of them is paid for by as many new ones.
      if (debts.size >= 2 * keysMax) forgetPaid(options.now);
      const distinct = new Map(limits.map((limit) => [limit.key, limit]));
      for (const limit of distinct.values()) owe(limit, 1);
    }
    return inTermsOf(limits, parts, taken);
  };

  return Object.freeze({
    begin: (now: number): void => {
      limiter = makeMemoryLimiter({ keysMax, usedUpAt: now });
    },
    take,
    handOver: (limits: readonly CompiledLimit[], now: number): Debts => {
      if (debts.size === 0) return nothingOwed;
      const handed = new Map<string, number>();
      for (const limit of limits) {
        const known = debts.get(limit.key);
        if (known !== undefined && debts.delete(limit.key)) {
          handed.set(limit.key, owed(limit, known.calls, now));
        }
      }
      return handed;
    },
    giveBack: (limits: readonly CompiledLimit[], handed: Debts): void => {
      if (handed.size === 0) return;
      const distinct = new Map(limits.map((limit) => [limit.key, limit]));
      for (const [key, limit] of distinct) owe(limit, handed.get(key) ?? 0);
    },
    owing: () => debts.size,
  });
};

/** Told of the limits that were asked, not of the shares. */
const inTermsOf = (
  limits: readonly CompiledLimit[],
  parts: readonly LimitShare[],
  taken: Taken,
): Taken => ({
  ...taken,
  states: taken.states.map((state, index) => ({
    ...state,
    limit: limits[index] as CompiledLimit,
  })),
  refusedBy:
    taken.refusedBy === null
      ? null
      : (limits[parts.indexOf(taken.refusedBy as LimitShare)] as CompiledLimit),
});

const withoutShare = (limits: readonly CompiledLimit[], refusedBy: CompiledLimit): Taken => ({
  admitted: false,
  states: limits.map((limit) => ({ limit, remaining: 0, resetSeconds: 1 })),
  retryAfterSeconds: 1,
  refusedBy,
});
