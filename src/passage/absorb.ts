/**
 * A burst beyond a target's rate is absorbed before it is refused (rows C15, C33: many refusals put a
 * client in quarantine, and some never send a refused call again). Calls wait in line for the target's
 * own limit, first come first served, for at most its `wait`; the limits of clients and grants are
 * theirs to keep, so those refuse at once. The line is a turn, so it is bounded as turns are.
 */
import type { CompiledLimit } from '../policy/decision.ts';
import type { Taken } from '../limits/limiter.ts';
import type { Clock } from '../clock.ts';
import type { Target } from '../snapshot.ts';
import type { Turns } from './turns.ts';

/** What waiting needs. */
export type AbsorbDeps = Readonly<{ clock: Pick<Clock, 'monotonic' | 'after'>; turns: Turns }>;

/** Who waits, and for what. */
export type Absorbed = Readonly<{
  target: Pick<Target, 'name' | 'settings' | 'limitReads' | 'limitWrites'>;
  /** Changes and reads wait in lines of their own. */
  mutation: boolean;
  revocation: boolean;
  /** The caller hung up: nobody waits any more. */
  abandoned(): boolean;
}>;

/** Is it the target's own limit that refuses, and no other with it? */
const waitsFor = (taken: Taken, { limitReads, limitWrites }: Absorbed['target']): boolean => {
  const own = (limit: CompiledLimit | null): boolean =>
    limit !== null && (limit === limitReads || limit === limitWrites);
  return (
    own(taken.refusedBy) &&
    taken.states.every(({ limit, remaining }) => own(limit) || remaining > 0)
  );
};

/**
 * How long until it is worth asking again, ms. What is refused is told in whole seconds, but at 50/s
 * the next call fits after 20 ms.
 */
const pauseOf = ({ retryAfterSeconds, refusedBy }: Taken): number => {
  const told = retryAfterSeconds * 1_000;
  if (refusedBy === null || retryAfterSeconds > 1) return told;
  return Math.min(told, Math.ceil((refusedBy.seconds * 1_000) / refusedBy.count));
};

const sleep = (clock: AbsorbDeps['clock'], ms: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(ms, resolve);
  });

/**
 * Takes at once where that may be, else waits in line for the target's limit. Gives what was taken
 * last: refused where the wait is longer than the target's `wait`, or the line is full.
 */
export const takeOrWait = (
  deps: AbsorbDeps,
  asked: Absorbed,
  take: () => Taken | Promise<Taken>,
): Taken | Promise<Taken> => {
  const line = `limit/${asked.target.name}/${asked.mutation ? 'writes' : 'reads'}`;
  const first = deps.turns.held(line) && !asked.revocation ? null : take();
  // Most calls are admitted at once, and wait for nothing here.
  if (first !== null && 'admitted' in first && first.admitted) return first;
  return waitInLine(deps, { ...asked, line }, first, take);
};

const waitInLine = async (
  { clock, turns }: AbsorbDeps,
  { target, line, revocation, abandoned }: Absorbed & Readonly<{ line: string }>,
  tried: Taken | Promise<Taken> | null,
  take: () => Taken | Promise<Taken>,
): Promise<Taken> => {
  const until = clock.monotonic() + target.settings.limits.wait;
  const first = await tried;
  if (first !== null && (first.admitted || !waitsFor(first, target))) return first;
  const turn = await turns.enter([line], {
    deadline: until,
    abandoned: null,
    revocation,
    shared: false,
  });
  if ('refused' in turn) return first ?? take();
  try {
    for (;;) {
      const taken = await take();
      const ms = pauseOf(taken);
      const late = clock.monotonic() + ms > until || abandoned();
      if (taken.admitted || late || !waitsFor(taken, target)) return taken;
      await sleep(clock, ms);
    }
  } finally {
    turn.leave();
  }
};
