/** A clock whose wall time jumps as it is told to, and whose long timers fire when they are told to. */
import { systemClock, type Clock } from '../../src/clock.ts';

/** Timers at least this long, ms, wait to be fired by hand. */
const longMs = 60_000;

export type JumpingClock = Clock &
  Readonly<{
    /** From now on wall time is this far from the truth, ms. */
    jump(ms: number): void;
    /** Fires every long timer that is armed, as if its time had come. */
    fireLong(): void;
    /** Long timers fired so far. */
    fired(): number;
  }>;

export const makeJumpingClock = (): JumpingClock => {
  const long = new Set<() => void>();
  let departure = 0;
  let fired = 0;
  return {
    now: () => systemClock.now() + departure,
    monotonic: () => systemClock.monotonic(),
    after: (ms, run) => {
      if (ms < longMs) return systemClock.after(ms, run);
      // Each timer is its own, also where two run the same.
      const armed = (): void => run();
      long.add(armed);
      return { cancel: () => void long.delete(armed) };
    },
    jump: (ms) => {
      departure = ms;
    },
    fireLong: () => {
      const due = [...long];
      long.clear();
      fired += due.length;
      for (const run of due) run();
    },
    fired: () => fired,
  };
};
