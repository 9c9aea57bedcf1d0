/**
 * The bulkhead of one target: so many calls at once, a bounded queue behind them, fair among
 * clients (one turn each, round and round). Calls that take access away go first and keep a tenth
 * of slots (from ten slots on) and of the queue (at least one place) for themselves.
 */
import type { Clock } from '../clock.ts';
import { nowhere, type Deadlines, type Waiting } from './deadlines.ts';

/** What came of waiting. Only `granted` holds a slot. */
export type Turn = 'granted' | 'full' | 'expired' | 'closed';

export type Slots = Readonly<{
  /** Takes a free slot if nobody else is before; true = granted. */
  tryTake(revocation: boolean): boolean;
  /** Queues for a slot until `deadline` (monotonic ms) or the configured wait, whichever is first. */
  wait(request: { client: string; revocation: boolean; deadline: number }): Promise<Turn>;
  /** Gives a slot back; each granted one exactly once. */
  free(): void;
  /** Sends everybody in the queue away. */
  close(): void;
  running(): number;
  queued(): number;
}>;

type Waiter = Waiting & { settle(turn: Turn): void };

/** Waiters by client, served round-robin: the Map's order is the order of turns. */
const makeLine = () => {
  const byClient = new Map<string, Set<Waiter>>();
  let size = 0;
  return {
    size: (): number => size,
    push: (client: string, waiter: Waiter): void => {
      const own = byClient.get(client);
      if (own === undefined) byClient.set(client, new Set([waiter]));
      else own.add(waiter);
      size += 1;
    },
    drop: (client: string, waiter: Waiter): void => {
      const own = byClient.get(client);
      if (own?.delete(waiter) !== true) return;
      if (own.size === 0) byClient.delete(client);
      size -= 1;
    },
    shift: (): Waiter | undefined => {
      for (const [client, own] of byClient) {
        byClient.delete(client);
        for (const waiter of own) {
          own.delete(waiter);
          if (own.size > 0) byClient.set(client, own);
          size -= 1;
          return waiter;
        }
      }
      return undefined;
    },
  };
};

type Limits = Readonly<{ concurrent: number; queue: number; wait: number }>;

/** How many slots and places a call may find taken before it has to wait or to go. */
const makeShares = (limits: Limits) => {
  const slots = Math.floor(limits.concurrent / 10);
  const places = Math.min(limits.queue, Math.max(1, Math.floor(limits.queue / 10)));
  return {
    slots: (revocation: boolean): number => limits.concurrent - (revocation ? 0 : slots),
    places: (revocation: boolean): number => limits.queue - (revocation ? 0 : places),
  };
};

/** Makes the slots of one target. `concurrent` ≥ 1, `queue` ≥ 0 places, `wait` in ms. */
export const makeSlots = (
  limits: Limits,
  clock: Pick<Clock, 'monotonic'>,
  deadlines: Deadlines,
): Slots => {
  const shares = makeShares(limits);
  const urgent = makeLine();
  const normal = makeLine();
  let running = 0;
  let closed = false;

  const room = (revocation: boolean): boolean => running < shares.slots(revocation);
  const next = (): Waiter | undefined => {
    if (urgent.size() > 0) return room(true) ? urgent.shift() : undefined;
    return room(false) ? normal.shift() : undefined;
  };
  const serve = (): void => {
    for (let waiter = next(); waiter !== undefined; waiter = next()) waiter.settle('granted');
  };
  const enqueue = (
    request: { client: string; revocation: boolean; deadline: number },
    resolve: (turn: Turn) => void,
  ): void => {
    const line = request.revocation ? urgent : normal;
    const waiter: Waiter = {
      at: Math.min(request.deadline, clock.monotonic() + limits.wait),
      place: nowhere,
      expire: () => {
        line.drop(request.client, waiter);
        waiter.settle('expired');
      },
      settle: (turn) => {
        deadlines.drop(waiter);
        if (turn === 'granted') running += 1;
        resolve(turn);
      },
    };
    line.push(request.client, waiter);
    deadlines.add(waiter);
  };

  const queued = (): number => urgent.size() + normal.size();
  return {
    running: () => running,
    queued,
    tryTake: (revocation) => {
      if (closed || !room(revocation) || urgent.size() > 0) return false;
      if (!revocation && normal.size() > 0) return false;
      running += 1;
      return true;
    },
    wait: (request) => {
      if (closed) return Promise.resolve('closed');
      if (queued() >= shares.places(request.revocation)) return Promise.resolve('full');
      return new Promise((resolve) => enqueue(request, resolve));
    },
    free: () => {
      running -= 1;
      serve();
    },
    close: () => {
      closed = true;
      for (const line of [urgent, normal]) {
        for (let waiter = line.shift(); waiter !== undefined; waiter = line.shift()) {
          waiter.settle('closed');
        }
      }
    },
  };
};
