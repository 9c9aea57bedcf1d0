/**
 * Many deadlines, one timer: a timer stands for the earliest of them and is armed again only when
 * it fires, so a call costs one place in an array and no timer of its own. Exact to the clock's timers.
 *
 * Not a Set: each time V8 rebuilds a Set the old table points to the new one, and once a table has
 * grown old in memory, every call that ever stood in a later one survives with it until a full
 * collection.
 */
import type { Clock, Timer } from '../clock.ts';

/** One waiting thing; `expire` runs at most once, after `at`, unless it was dropped before. */
export interface Waiting {
  readonly at: number;
  /** Where it stands in the list; `nowhere` unless it waits. Written by the list alone. */
  place: number;
  expire(): void;
}

/** The place of what does not wait. */
export const nowhere = -1;

export type Deadlines = Readonly<{
  /** `at` is monotonic ms. */
  add(waiting: Waiting): void;
  /** Nothing happens where it does not wait. */
  drop(waiting: Waiting): void;
  /** Forgets everything. */
  clear(): void;
}>;

/** Makes an empty list on `clock`. */
export const makeDeadlines = (clock: Clock): Deadlines => {
  const all: Waiting[] = [];
  let armedFor = Number.POSITIVE_INFINITY;
  let timer: Timer | null = null;

  /** Fills the gap with the last one; order does not matter here. */
  const drop = (waiting: Waiting): void => {
    const { place } = waiting;
    if (place === nowhere) return;
    waiting.place = nowhere;
    const last = all.pop();
    if (last === undefined || last === waiting) return;
    all[place] = last;
    last.place = place;
  };
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
    for (const waiting of due) {
      // One that expires may drop another that is due as well.
      if (waiting.place === nowhere) continue;
      drop(waiting);
      waiting.expire();
    }
  };
  return {
    add: (waiting) => {
      waiting.place = all.push(waiting) - 1;
      if (waiting.at < armedFor) arm(waiting.at);
    },
    drop,
    clear: () => {
      for (const waiting of all.splice(0)) waiting.place = nowhere;
      timer?.cancel();
      timer = null;
      armedFor = Number.POSITIVE_INFINITY;
    },
  };
};
