/** A clock that stands until it is told to go on. */
import type { Clock, Timer } from '../../src/clock.ts';

export type ManualClock = Clock &
  Readonly<{
    advance(ms: number): void;
    /** Sets the wall clock forwards or back, and nothing else. */
    jump(ms: number): void;
    armed(): number;
  }>;

/** Starts at `start` ms; `advance` runs what falls due, in order. */
export const manualClock = (start = 1_700_000_000_000): ManualClock => {
  let now = start;
  let jumped = 0;
  let due: { at: number; run: () => void }[] = [];
  return {
    now: () => now + jumped,
    jump: (ms: number): void => {
      jumped += ms;
    },
    monotonic: () => now - start,
    after: (ms: number, run: () => void): Timer => {
      const entry = { at: now + ms, run };
      due.push(entry);
      return {
        cancel: () => {
          due = due.filter((other) => other !== entry);
        },
      };
    },
    armed: () => due.length,
    advance: (ms: number): void => {
      const end = now + ms;
      for (;;) {
        const next = due.toSorted((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > end) break;
        due = due.filter((other) => other !== next);
        now = next.at;
        next.run();
      }
      now = end;
    },
  };
};
