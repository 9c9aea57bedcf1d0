/**
 * The breaker of one target. Failures of our side of the wire (DNS, connect, TLS, reset, time-out)
 * and failures the target answers (5xx) are counted apart over a sliding window; either share
 * trips it. Open, it refuses; then one probe decides. Client errors and 429 never trip it.
 */
import type { Clock } from '../clock.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

/** What an attempt says about the target's health; `none` says nothing (it was never sent, say). */
export type Health = 'success' | 'local' | 'upstream' | 'none';

/** The right to one attempt; a probe decides over a half-open breaker. */
export type BreakerPass = 'normal' | 'probe';

export type Breaker = Readonly<{
  /** Seconds until a call may be let through, 0 = now. Changes nothing. */
  refusesFor(): number;
  /** Claims the right to one attempt; null = refused. Each pass must be given back by one `leave`. */
  enter(): BreakerPass | null;
  leave(pass: BreakerPass, health: Health): void;
  state(): BreakerState;
}>;

export type BreakerSettings = Readonly<{
  /** Share of failures, 0 to 1, that trips. */
  failures: number;
  /** Attempts in the window below which nothing trips. */
  minimum: number;
  /** Length of the window, ms. */
  window: number;
  /** How long it stays open, ms. */
  open: number;
}>;

type Counts = { slice: number; total: number; local: number; upstream: number };

/** The window moves in tenths. */
const sliceCount = 10;

const emptyCounts = (): Counts => ({ slice: -1, total: 0, local: 0, upstream: 0 });

/** Counts over a sliding window; `count` tells whether one kind of failure has reached the share. */
const makeWindow = (settings: BreakerSettings, clock: Pick<Clock, 'monotonic'>) => {
  const sliceMs = Math.max(1, settings.window / sliceCount);
  const ring = Array.from({ length: sliceCount }, emptyCounts);
  const tooMany = (slice: number): boolean => {
    const live = ring.filter((counts) => slice - counts.slice < sliceCount);
    const sum = (of: 'total' | 'local' | 'upstream'): number =>
      live.reduce((total, counts) => total + counts[of], 0);
    const total = sum('total');
    const limit = Math.max(1, settings.failures * total);
    return total >= settings.minimum && (sum('local') >= limit || sum('upstream') >= limit);
  };
  return {
    clear: (): void => {
      for (const counts of ring) Object.assign(counts, emptyCounts());
    },
    count: (health: Exclude<Health, 'none'>): boolean => {
      const slice = Math.floor(clock.monotonic() / sliceMs);
      const counts = ring[slice % sliceCount] as Counts;
      if (counts.slice !== slice) Object.assign(counts, emptyCounts(), { slice });
      counts.total += 1;
      if (health === 'success') return false;
      counts[health] += 1;
      return tooMany(slice);
    },
  };
};

/** Makes a closed breaker; `changed` is told of each change of state. */
export const makeBreaker = (
  settings: BreakerSettings,
  clock: Pick<Clock, 'monotonic'>,
  changed: (state: BreakerState) => void,
): Breaker => {
  const window = makeWindow(settings, clock);
  let state: BreakerState = 'closed';
  let openUntil = 0;
  let probing = false;

  const move = (to: BreakerState): void => {
    state = to;
    probing = false;
    if (to === 'open') openUntil = clock.monotonic() + settings.open;
    window.clear();
    changed(to);
  };
  const remainingMs = (): number => (state === 'open' ? openUntil - clock.monotonic() : 0);

  return {
    state: () => state,
    refusesFor: () => {
      if (state === 'closed') return 0;
      const left = remainingMs();
      if (left > 0) return Math.max(1, Math.ceil(left / 1_000));
      return probing ? 1 : 0;
    },
    enter: () => {
      if (state === 'closed') return 'normal';
      if (remainingMs() > 0 || probing) return null;
      if (state === 'open') move('half-open');
      probing = true;
      return 'probe';
    },
    leave: (pass, health) => {
      if (pass === 'normal') {
        // Attempts that began before it opened say nothing new; only the probe decides.
        if (state === 'closed' && health !== 'none' && window.count(health)) move('open');
        return;
      }
      if (health === 'none') probing = false;
      else move(health === 'success' ? 'closed' : 'open');
    },
  };
};
