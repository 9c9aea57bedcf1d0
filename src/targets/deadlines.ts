/**
 * Many deadlines, one timer: a timer stands for the earliest of them and is armed again only when
 * it fires, so a call costs one Set entry and no timer of its own. Exact to the clock's timers.
 */
import type { Clock, Timer } from '../clock.ts';

/** One waiting thing; `expire` runs at most once, after `at`, unless it was dropped before. */
export type Waiting = { readonly at: number; expire(): void };

export type Deadlines = Readonly<{
  /** `at` is monotonic ms. */
  add(waiting: Waiting): void;
  drop(waiting: Waiting): void;
  /** Forgets everything. */
  clear(): void;
}>;

/** Makes an empty list on `clock`. */
export const makeDeadlines = (clock: Clock): Deadlines => {
  const all = new Set<Waiting>();
  let armedFor = Number.POSITIVE_INFINITY;
  let timer: Timer | null = null;

  const arm = (at: number): void => {
    timer?.cancel();
    armedFor = at;
    timer = clock.after(Math.max(1, Math.ceil(at - clock.monotonic())), fire);
  };
  const fire = (): void => {
    timer = null;
    armedFor = Number.POSITIVE_INFINITY;
    const now = clock.monotonic();
    const due: Waiting[] = [];
    let earliest = Number.POSITIVE_INFINITY;
    for (const waiting of all) {
      if (waiting.at <= now) due.push(waiting);
      else if (waiting.at < earliest) earliest = waiting.at;
    }
    if (earliest !== Number.POSITIVE_INFINITY) arm(earliest);
    for (const waiting of due) if (all.delete(waiting)) waiting.expire();
  };
  return {
    add: (waiting) => {
      all.add(waiting);
      if (waiting.at < armedFor) arm(waiting.at);
    },
    drop: (waiting) => {
      all.delete(waiting);
    },
    clear: () => {
      all.clear();
      timer?.cancel();
      timer = null;
      armedFor = Number.POSITIVE_INFINITY;
    },
  };
};
