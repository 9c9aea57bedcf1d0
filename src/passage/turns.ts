/**
 * Turns: who may change a resource now. At most one holder per key, everyone else in the order of
 * arrival, revocations too: changes of one resource take effect in the order they came, and a
 * revocation that overtook an earlier activation would be undone by it. Bounded in keys and waiters;
 * a waiter leaves at its deadline or when its caller hangs up. In memory, of one gateway.
 */
import type { Clock, Timer } from '../clock.ts';

/** The right to change. */
export type Turn = Readonly<{
  /** Ends it and lets the next in; may be called again without effect. */
  leave(): void;
  /** Somebody else may have the turn by now: nothing more may be begun under this one. */
  isLost(): boolean;
}>;

/** Why a turn was not given: queue full, deadline passed, caller gone, the shared line not to be had. */
export type NoTurn = Readonly<{ refused: 'busy' | 'timeout' | 'abandoned' | 'unavailable' }>;

export type EnterOptions = Readonly<{
  /** Monotonic ms; Infinity = none. */
  deadline: number;
  /** Aborted = nobody waits for the answer any more. Ignored once the turn is given. */
  abandoned: AbortSignal | null;
  /** May use the last tenth of the waiting places; never overtakes. */
  revocation: boolean;
  /** Against all gateways (shared-turns.ts), not only among the calls of this one. */
  shared: boolean;
}>;

export interface Turns {
  /**
   * Waits for all keys together. Places in all queues are taken in one step, so two calls meet in the
   * same order everywhere and cannot block each other. Never rejects.
   */
  enter(keys: readonly string[], options: EnterOptions): Promise<Turn | NoTurn>;
  /** Does somebody hold this key, or stand first for it while waiting for another? */
  held(key: string): boolean;
  /** Keys held or waited for now. */
  size(): number;
}

export type TurnsOptions = Readonly<{
  /** Waiters per key, the holder not counted. */
  waitersMax: number;
  /** Keys held or waited for at once. */
  keysMax: number;
  clock: Clock;
}>;

/** Makes turns nobody holds. */
export const makeTurns = ({ waitersMax, keysMax, clock }: TurnsOptions): Turns => {
  const queues = new Map<string, Queue>();
  const ordinaryWaitersMax = waitersMax - reserveOf(waitersMax);

  const hasRoom = (keys: readonly string[], revocation: boolean): boolean => {
    let fresh = 0;
    for (const key of keys) {
      const queue = queues.get(key);
      if (queue === undefined) fresh += 1;
      else if (queue.length - 1 >= (revocation ? waitersMax : ordinaryWaitersMax)) return false;
    }
    return fresh === 0 || queues.size + fresh <= keysMax;
  };

  const join = (ticket: Ticket, keys: readonly string[]): void => {
    for (const key of keys) {
      let queue = queues.get(key);
      if (queue === undefined) queues.set(key, (queue = { first: null, last: null, length: 0 }));
      const place: Place = { key, queue, ticket, before: queue.last, after: null };
      if (queue.last === null) queue.first = place;
      else queue.last.after = place;
      queue.last = place;
      queue.length += 1;
      if (queue.first !== place) ticket.behind += 1;
      ticket.places.push(place);
    }
  };

  const part = (ticket: Ticket): void => {
    for (const { key, queue, before, after } of ticket.places.splice(0).map(unlink)) {
      if (queue.length === 0) queues.delete(key);
      else if (before === null && after !== null) advance(after.ticket);
    }
  };

  const turnOf = (ticket: Ticket): Turn => ({ leave: () => part(ticket), isLost: () => false });

  const wait = (ticket: Ticket, { deadline, abandoned }: EnterOptions): Promise<Turn | NoTurn> =>
    new Promise((resolve) => {
      let timer: Timer | null = null;
      const settle = (outcome: Turn | NoTurn): void => {
        timer?.cancel();
        abandoned?.removeEventListener('abort', hangUp);
        ticket.admit = null;
        resolve(outcome);
      };
      const giveUp = (refused: NoTurn['refused']): void => {
        settle({ refused });
        part(ticket);
      };
      const hangUp = (): void => giveUp('abandoned');
      const arm = (): void => {
        const left = deadline - clock.monotonic();
        if (left <= 0) giveUp('timeout');
        else timer = clock.after(Math.min(Math.ceil(left), timerMsMax), arm);
      };
      ticket.admit = () => settle(turnOf(ticket));
      abandoned?.addEventListener('abort', hangUp, { once: true });
      if (deadline !== Number.POSITIVE_INFINITY) arm();
    });

  return Object.freeze({
    enter: (keys: readonly string[], options: EnterOptions): Promise<Turn | NoTurn> => {
      if (options.abandoned?.aborted === true) return Promise.resolve(refusal.abandoned);
      if (clock.monotonic() >= options.deadline) return Promise.resolve(refusal.timeout);
      const distinct = keys.length < 2 ? keys : [...new Set(keys)].sort();
      if (!hasRoom(distinct, options.revocation)) return Promise.resolve(refusal.busy);
      const ticket: Ticket = { places: [], behind: 0, admit: null };
      join(ticket, distinct);
      return ticket.behind === 0 ? Promise.resolve(turnOf(ticket)) : wait(ticket, options);
    },
    held: (key: string): boolean => queues.has(key),
    size: () => queues.size,
  });
};

type Queue = { first: Place | null; last: Place | null; length: number };

/** One ticket's place in one queue. */
type Place = {
  readonly key: string;
  readonly queue: Queue;
  readonly ticket: Ticket;
  before: Place | null;
  after: Place | null;
};

type Ticket = {
  readonly places: Place[];
  /** Queues in which somebody stands before it; at 0 it holds its turn. */
  behind: number;
  /** Lets a waiter in; null while nobody waits on it. */
  admit: (() => void) | null;
};

/** Longest time a timer of the platform can hold. */
const timerMsMax = 2_147_483_647;

const refusal = Object.freeze({
  busy: Object.freeze({ refused: 'busy' }),
  timeout: Object.freeze({ refused: 'timeout' }),
  abandoned: Object.freeze({ refused: 'abandoned' }),
} as const);

/** Waiting places kept for revocations. */
const reserveOf = (waitersMax: number): number =>
  waitersMax < 2 ? 0 : Math.max(1, Math.floor(waitersMax / 10));

const unlink = (place: Place): Place => {
  const { queue, before, after } = place;
  if (before === null) queue.first = after;
  else before.after = after;
  if (after === null) queue.last = before;
  else after.before = before;
  queue.length -= 1;
  return place;
};

const advance = (ticket: Ticket): void => {
  ticket.behind -= 1;
  if (ticket.behind === 0) ticket.admit?.();
};
