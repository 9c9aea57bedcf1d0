/**
 * What a mutation takes of guards, as places in windows: how many there are at most, which shares of
 * what is counted give. What cannot be told has no places: it trips. Pure.
 */
import type { WindowClaim } from '../ledger/claims.ts';
import type { Guard, GuardWindow, Touch } from '../policy/safety.ts';

/** Windows of one mutation at most (claims.ts). */
const placesMax = 32;

/** A guard that stops a mutation, and why in public words. */
export type Tripped = Readonly<{ guard: Guard; why: string }>;

/** A place in a window. */
export type Place = Readonly<{ guard: Guard; window: GuardWindow; claim: WindowClaim }>;

export type Places = Readonly<{
  places: readonly Place[];
  /** Guards without a window that trip by what the mutation is. */
  tripped: readonly Tripped[];
  /** Guards whose share cannot be told now: closed, as long as nothing else gives a place. */
  unknown: readonly Tripped[];
}>;

const durations = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** `1h`, `90m`, `250ms`. */
export const printDuration = (ms: number): string => {
  const [unit, each] = durations.find(([, one]) => ms >= one && ms % one === 0) ?? ['ms', 1];
  return `${ms / each}${unit}`;
};

/** The smaller of count and share; a share of few is at least 1. Null: the share of what is not known. */
export const maxOf = ({ count, share }: GuardWindow, of: number | null): number | null => {
  if (share === null) return count;
  if (of === null) return null;
  const portion = Math.max(1, Math.floor(share * of));
  return count === null ? portion : Math.min(count, portion);
};

const unknownShare = (guard: Guard): Tripped => ({
  guard,
  why: `The guard ${guard.name} counts a share, and of how many cannot be told now.`,
});

/** Sorts what is touched; `population` is null where it cannot be had or is not asked for. */
export const placesOf = (
  touches: readonly Touch[],
  population: number | null,
  force: (guard: Guard) => boolean,
): Places => {
  const places: Place[] = [];
  const tripped: Tripped[] = [];
  const unknown: Tripped[] = [];
  for (const { guard, window, key, amount, shareOf, members } of touches) {
    if (window === null) {
      tripped.push({ guard, why: `The guard ${guard.name} lets no such change pass by itself.` });
      continue;
    }
    const max = maxOf(window, shareOf === 'members' ? members : population);
    const forced = force(guard);
    if (max === null && !forced) unknown.push(unknownShare(guard));
    else if (places.length >= placesMax)
      unknown.push({ guard, why: 'It touches too many guards.' });
    else {
      const claim = { key, ms: window.ms, max: max ?? window.count ?? 1, amount, force: forced };
      places.push({ guard, window, claim });
    }
  }
  return { places, tripped, unknown };
};

/** A window that has no room. */
export const fullWindow = (
  { guard, window, claim }: Place,
  { used, max, freeAt }: Readonly<{ used: number; max: number; freeAt: number }>,
): Tripped => {
  const limit = `The guard ${guard.name} lets ${max} pass in ${printDuration(window.ms)}`;
  const why =
    claim.amount > max
      ? `${limit}; this change alone is ${claim.amount}.`
      : `${limit}, and ${used} are used; places are free again from ${new Date(freeAt).toISOString()}.`;
  return { guard, why };
};
