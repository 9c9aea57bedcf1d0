/**
 * What one gateway may let through of a limit while nobody counts for all of them: whole calls of the
 * burst, rate and reserve in the same proportion, so that the shares of all gateways sum to the limit
 * exactly and a used up bucket is full again at the same time everywhere. Pure arithmetic.
 */
import type { CompiledLimit } from '../policy/decision.ts';
import { revocationReserve } from './memory.ts';

/** The gateways that live, and the place of this one among them, from 0. Outside of it = no share. */
export type Shares = Readonly<{ gateways: number; rank: number }>;

/** A limit as one gateway keeps it; `count` and `reserve` need not be whole. A burst of 0 lets nothing through. */
export type LimitShare = CompiledLimit & Readonly<{ reserve: number }>;

/** The part of `whole` that falls to the place `rank`; the first places take what does not divide. */
const partOf = (whole: number, { gateways, rank }: Shares): number =>
  Math.floor(whole / gateways) + (rank < whole % gateways ? 1 : 0);

/** This gateway's share of a limit. */
export const shareOf = (limit: CompiledLimit, shares: Shares): LimitShare => {
  const { gateways, rank } = shares;
  const stands = gateways >= 1 && rank >= 0 && rank < gateways;
  const burst = stands ? partOf(limit.burst, shares) : 0;
  const part = burst / limit.burst;
  const reserve = revocationReserve(limit.burst) * part;
  return { ...limit, burst, count: limit.count * part, reserve };
};
