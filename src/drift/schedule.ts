/** When a resource is looked at again. Pure: times are wall ms. */
import type { Route } from '../snapshot.ts';

/** `verify: {again, every}` of a route. */
export type Again = Route['verifyAgain'];

/** How often what drifted is looked at, whether it came back by itself, ms; `every` may say more often. */
const driftedEveryMs = 3_600_000;

/** Where a route says nothing of its own: how long a target has to show a change everywhere, ms. */
const settlesMsMax = 60_000;

/** Does the route ask for later looks at all? */
export const looksAgain = ({ afterMs, everyMs }: Again): boolean =>
  afterMs.length > 0 || everyMs !== null;

/** How long a target has, after a mutation, until it must show it everywhere. */
export const settlesMs = ({ afterMs, everyMs }: Again): number =>
  afterMs[0] ?? Math.min(everyMs ?? 0, settlesMsMax);

/** The next look after `now` at a resource whose newest mutation was at `at`; null = that was the last. */
export const nextLookAt = (
  { afterMs, everyMs }: Again,
  { at, now }: Readonly<{ at: number; now: number }>,
): number | null => {
  const next = afterMs.find((ms) => at + ms > now);
  if (next !== undefined) return at + next;
  return everyMs === null ? null : now + everyMs;
};

/** The next look at one that drifted. */
export const nextDriftedLookAt = ({ everyMs }: Again, now: number): number =>
  now + Math.min(everyMs ?? driftedEveryMs, driftedEveryMs);
