/**
 * Time as a dependency: everything that asks for the time or arms a timer gets a Clock, so tests own
 * time. `watchClock` tells when the wall clock can no longer be trusted for decisions.
 */

/** A disarmable timer. */
export type Timer = Readonly<{ cancel(): void }>;

/** Wall time, monotonic time and timers. */
export interface Clock {
  /** Wall time, milliseconds since the epoch. */
  now(): number;
  /** Milliseconds from an arbitrary origin; never goes back. */
  monotonic(): number;
  /** Calls `run` once after `ms`, at most 24 days; the timer never keeps the process alive. */
  after(ms: number, run: () => void): Timer;
}

/** Longest time a timer of the platform can hold; beyond it, it would fire at once. */
const timerMsMax = 2_147_483_647;

/** The process's own clock. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms: number, run: () => void): Timer => {
    const timer = setTimeout(run, Math.min(ms, timerMsMax));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
});

/** Departure of the wall clock beyond which time-based decisions stop, milliseconds. */
export const clockDepartureMsMax = 5_000;

/** Watches one clock; `trusted` is cheap enough for every call. */
export type ClockWatch = Readonly<{
  /** False while wall time departs by more than five seconds from monotonic time or the store's, or lies that far before the ledger. */
  trusted(): boolean;
  /** Wall time, or what it would be had it not jumped: what records are dated by. Milliseconds since the epoch. */
  steady(): number;
  /** Tells the watch the newest time found in the ledger (ms since the epoch). */
  ledgerAt(at: number): void;
  /** Tells the watch what the store's clock says (ms since the epoch), where the store has one. */
  storeAt(at: number): void;
  /** A person accepted the present wall time: measure from now on. */
  rebase(): void;
}>;

/** Makes a ClockWatch whose origin is the moment of this call. */
export const watchClock = (clock: Clock): ClockWatch => {
  let origin = clock.now() - clock.monotonic();
  let newest = Number.NEGATIVE_INFINITY;
  /** How far the wall clock lay before the store's when that was last heard, and what a person accepted. */
  let skew = 0;
  let accepted = 0;
  const trusted = (): boolean => {
    const now = clock.now();
    return (
      Math.abs(now - clock.monotonic() - origin) <= clockDepartureMsMax &&
      Math.abs(skew - accepted) <= clockDepartureMsMax &&
      now >= newest - clockDepartureMsMax
    );
  };
  return {
    trusted,
    steady: () => (trusted() ? clock.now() : Math.round(origin + clock.monotonic())),
    ledgerAt: (at) => {
      if (at > newest) newest = at;
    },
    storeAt: (at) => {
      skew = at - clock.now();
    },
    rebase: () => {
      accepted = skew;
      origin = clock.now() - clock.monotonic();
      newest = clock.now();
    },
  };
};
