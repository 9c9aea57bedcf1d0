/**
 * Turns among all gateways that share a store: whoever has the local turn joins the store's line of
 * the key and waits until this gateway is first in it, woken by the feed, with a poll as the net.
 * The local turn ends when the store has answered the leave, so a gateway joins anew at the back for
 * each call: first come, first served among gateways, at two statements a call. What fails may still
 * run in the store for a while, so nobody here joins a line again before that while is over.
 */
import type { Clock, Timer } from '../clock.ts';
import type { StoreFeed } from '../store-feed.ts';
import type { TurnStore } from './turn-store.ts';
import type { EnterOptions, NoTurn, Turn, Turns } from './turns.ts';

/** Turns that know the lines of the store. */
export type SharedTurns = Turns &
  Readonly<{
    /** The chain of this gateway was closed, and its places went with it: every turn is lost. */
    forfeit(): void;
    /** Hears no news any more and asks nothing; who waits is turned away. */
    stop(): void;
  }>;

export type SharedTurnsOptions = Readonly<{
  /** Of this gateway alone. */
  turns: Turns;
  store: TurnStore;
  feed: StoreFeed;
  clock: Clock;
}>;

/** How often those who wait look for themselves, ms. */
const pollMs = 1_000;
/** Longer than a statement that failed here may still run there (its time-out in the store is 4 s). */
const settleMs = 5_000;
/** Keys asked for at once; the port's bound. */
const keysMax = 1_000;

type Refused = NoTurn['refused'];

/** A place in the store's line that is not the first yet. */
type Waiting = Readonly<{ first(): void; refuse(refused: Refused): void }>;

/** Keys, and all that was sent to join their lines. */
type Standing = Map<string, Promise<boolean>>;

/** Waits for something outside, no longer than the deadline and the caller allow. */
const waitWithin = (
  clock: Clock,
  { deadline, abandoned }: EnterOptions,
  begin: (settle: (refused: Refused | null) => void) => void,
): Promise<Refused | null> =>
  new Promise((resolve) => {
    let timer: Timer | null = null;
    const settle = (refused: Refused | null): void => {
      timer?.cancel();
      abandoned?.removeEventListener('abort', hangUp);
      resolve(refused);
    };
    const hangUp = (): void => settle('abandoned');
    const arm = (): void => {
      const left = deadline - clock.monotonic();
      if (left <= 0) settle('timeout');
      else timer = clock.after(Math.min(Math.ceil(left), timerMsMax), arm);
    };
    abandoned?.addEventListener('abort', hangUp, { once: true });
    if (abandoned?.aborted === true) hangUp();
    else {
      if (deadline !== Number.POSITIVE_INFINITY) arm();
      begin(settle);
    }
  });

/** Longest time a timer of the platform can hold. */
const timerMsMax = 2_147_483_647;

/** Tells those who wait that they are first, when it may be so. */
const makeLookout = (store: TurnStore, clock: Clock, waiting: ReadonlyMap<string, Waiting>) => {
  let asked = new Set<string>();
  let looking = false;
  let poll: Timer | null = null;

  const lookAt = async (keys: readonly string[]): Promise<void> => {
    for (let from = 0; from < keys.length; from += keysMax) {
      const firsts = await store.first(keys.slice(from, from + keysMax));
      for (const key of firsts) waiting.get(key)?.first();
    }
  };
  const look = async (keys: Iterable<string>): Promise<void> => {
    for (const key of keys) asked.add(key);
    if (looking) return;
    looking = true;
    while (asked.size > 0) {
      const now = [...asked].filter((key) => waiting.has(key));
      asked = new Set();
      // Whoever could not be looked up is looked up again by the poll.
      await lookAt(now).catch(() => undefined);
    }
    looking = false;
  };
  const pollLater = (): void => {
    if (poll !== null || waiting.size === 0) return;
    poll = clock.after(pollMs, () => {
      poll = null;
      void look(waiting.keys());
      pollLater();
    });
  };
  return { look, pollLater, stop: () => poll?.cancel() };
};

/**
 * Leaves lines of which it is not known whether this gateway stands in them. `busy` is a promise while
 * it works; `broken` while the last attempt failed: what it would do may then still happen at any time,
 * to a place that was taken since, so no place may be taken.
 */
const makeTidier = (store: TurnStore, clock: Clock, standing: Standing) => {
  const undone = new Map<string, Readonly<{ since: number; done(): void }>>();
  let timer: Timer | null = null;
  let broken = false;
  let busy: Promise<void> | null = null;
  let stopped = false;

  const attempt = async (): Promise<void> => {
    const settled = clock.monotonic() - settleMs;
    const old = [...undone].filter(([, { since }]) => since <= settled);
    const oldKeys = new Set(old.map(([key]) => key));
    const kept = [...standing.keys()].filter((key) => !oldKeys.has(key));
    try {
      await store.leaveOthers(kept);
      broken = false;
      for (const [key, { done }] of old) {
        undone.delete(key);
        done();
      }
    } catch {
      broken = true;
    }
  };
  const tidy = (): void => {
    if (busy !== null) return;
    busy = attempt().finally(() => {
      busy = null;
      if (broken || undone.size > 0) later();
    });
  };
  const later = (): void => {
    if (stopped) return;
    timer ??= clock.after(settleMs, () => {
      timer = null;
      tidy();
    });
  };
  return {
    isBroken: () => broken,
    busy: () => busy,
    /** The line of a key is to be left once what failed is over. */
    leaveLater: (key: string, done: () => void): void => {
      undone.set(key, { since: clock.monotonic(), done });
      later();
    },
    /** After a gap: a store that crashed may have forgotten that a line was left. */
    tidy: (): void => {
      if (!broken) tidy();
    },
    stop: () => {
      stopped = true;
      timer?.cancel();
    },
  };
};

/** Makes turns over the local ones; `shared` ones stand in the store's lines as well. */
export const makeSharedTurns = ({ turns, store, feed, clock }: SharedTurnsOptions): SharedTurns => {
  /** Keys in whose lines this gateway stands, or may stand, with all that was done to join them. */
  const standing: Standing = new Map();
  const waiting = new Map<string, Waiting>();
  /** Turns that were given, by each of their keys: called where its place is lost. */
  const given = new Map<string, () => void>();
  const lookout = makeLookout(store, clock, waiting);
  const tidier = makeTidier(store, clock, standing);
  let stopped = false;

  /** Leaves the line of a key, now or later; resolves when another call may join it from here. */
  const leave = async (key: string): Promise<void> => {
    // What was sent to join it must not arrive after what is sent to leave it.
    const isOver = await Promise.resolve(standing.get(key))
      .then(() => store.leave(key))
      .then(
        () => true,
        () => false,
      );
    if (!isOver) await new Promise<void>((done) => tidier.leaveLater(key, done));
    standing.delete(key);
  };

  /** Joins a line, or finds the place in it again. */
  const enter = (key: string): Promise<boolean> => {
    const joining = store.enter(key);
    const all = Promise.all([joining, standing.get(key)]).then(([isFirst]) => isFirst);
    // Whoever leaves looks at it, and that may be later.
    all.catch(() => undefined);
    standing.set(key, all);
    return joining;
  };

  /** Null where this gateway is first in the line; what was joined is to be left in any case. */
  const waitForFirst = (key: string, options: EnterOptions): Promise<Refused | null> =>
    waitWithin(clock, options, (settle) => {
      waiting.set(key, { first: () => settle(null), refuse: settle });
      enter(key).then(
        (isFirst) => (isFirst ? settle(null) : lookout.pollLater()),
        () => settle('unavailable'),
      );
    }).finally(() => waiting.delete(key));

  /** Joins the line once nothing here could take the place away again. */
  const join = async (key: string, options: EnterOptions): Promise<Refused | null> => {
    for (let busy = tidier.busy(); busy !== null; busy = tidier.busy()) {
      const tidied = busy;
      const late = await waitWithin(clock, options, (settle) => {
        void tidied.then(() => settle(null));
      });
      if (late !== null) return late;
    }
    return stopped || tidier.isBroken() ? 'unavailable' : waitForFirst(key, options);
  };

  const enterShared = async (
    keys: readonly string[],
    options: EnterOptions,
  ): Promise<Turn | NoTurn> => {
    const local = await turns.enter(keys, options);
    if ('refused' in local) return local;
    const sorted = [...new Set(keys)].sort();
    let isLeft = false;
    let isLost = false;
    const leaveAll = (): void => {
      if (isLeft) return;
      isLeft = true;
      for (const key of sorted) given.delete(key);
      const joined = sorted.filter((key) => standing.has(key));
      void Promise.all(joined.map(leave)).then(() => local.leave());
    };
    // One after the other, in the same order everywhere, so that two gateways cannot block each other.
    for (const key of sorted) {
      const refused = await join(key, options);
      if (refused !== null) {
        leaveAll();
        return { refused };
      }
      given.set(key, () => {
        isLost = true;
      });
    }
    return { leave: leaveAll, isLost: () => isLost };
  };

  /** After a gap: a store that crashed may have forgotten who joined, and who left. */
  const mend = async (): Promise<void> => {
    tidier.tidy();
    await tidier.busy();
    for (const key of [...given.keys(), ...waiting.keys()]) {
      if (!given.has(key) && !waiting.has(key)) continue;
      const isFirst = tidier.isBroken() ? false : await enter(key).catch(() => false);
      if (isFirst) waiting.get(key)?.first();
      else given.get(key)?.();
    }
  };
  const forfeit = (): void => {
    for (const lose of given.values()) lose();
    for (const { refuse } of waiting.values()) refuse('unavailable');
  };

  const endFeed = feed.on('turns', (key) => {
    if (key === null) void mend();
    else if (waiting.has(key)) void lookout.look([key]);
  });

  return Object.freeze({
    enter: (keys: readonly string[], options: EnterOptions) =>
      options.shared ? enterShared(keys, options) : turns.enter(keys, options),
    held: (key: string) => turns.held(key),
    size: () => turns.size(),
    forfeit,
    stop: () => {
      stopped = true;
      endFeed();
      lookout.stop();
      tidier.stop();
      for (const { refuse } of waiting.values()) refuse('unavailable');
    },
  });
};
