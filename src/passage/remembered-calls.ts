/**
 * The memory behind replays: which calls are in flight, and how the last ones ended. Bounded, the
 * oldest forgotten first: a forgotten key is found in the ledger, a forgotten call goes out as new.
 * No bodies are kept.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Refusal } from '../errors.ts';
import type { Outcome, Recorded } from './doors.ts';

/** How long an identical call counts as a repeat, ms. */
const repeatMs = 120_000;
/** How long a key stands for its call, ms. */
export const keyMs = 86_400_000;
/** Calls remembered at most, of each kind. */
const callsMax = 25_000;

/** How a call is known again. */
export type CallIdentity = Readonly<{
  /** Fingerprint of the key, `idk_` and 32 hex digits; where there is none, that of the call. */
  id: string;
  /** Fingerprint of the call. */
  call: string;
  keyed: boolean;
}>;

/** A settled call. */
export type Settled = Readonly<{
  /** Fingerprint of the call. */
  call: string;
  entry: Recorded;
  /** It took access away. */
  revocation: boolean;
  /** What the target's refusal was answered with; null where it is not known any more. */
  refusal: Refusal | null;
}>;

/** A call whose outcome is awaited. */
export type Flight = Readonly<{
  call: string;
  configVersion: string;
  turnKey: string;
  /** Null where it ended without an outcome (a defect). */
  outcome: Promise<Outcome | null>;
}>;

export interface Replays {
  /** The flight of this call, if any. */
  inFlight(id: string): Flight | undefined;
  /** Has no other call of the same resource set out since? */
  isNewest(flight: Flight): boolean;
  /** A call of this resource sets out that is nobody's repeat. */
  overtake(turnKey: string): void;
  /** Runs a call as the flight of its identity until it ends. */
  fly(
    identity: CallIdentity,
    about: Pick<Flight, 'configVersion' | 'turnKey'>,
    run: () => Promise<Outcome>,
  ): Promise<Outcome>;
  /** How a call ended, within its window. */
  recall(identity: CallIdentity): Settled | null;
  remember(identity: CallIdentity, settled: Settled): void;
}

type Kept = Readonly<{ settled: Settled; expiresAt: number }>;

/** One kind of calls. Looking one up does not make it younger. */
const makeShelf = (clock: Pick<Clock, 'monotonic'>, keptMs: number) => {
  const kept = new LRUCache<string, Kept>({ max: callsMax });
  return {
    recall: (id: string): Settled | null => {
      const found = kept.peek(id);
      return found !== undefined && found.expiresAt > clock.monotonic() ? found.settled : null;
    },
    remember: (id: string, settled: Settled): void => {
      kept.set(id, { settled, expiresAt: clock.monotonic() + keptMs });
    },
  };
};

/** Makes an empty memory. */
export const makeReplays = (clock: Pick<Clock, 'monotonic'>): Replays => {
  const flights = new Map<string, Flight>();
  const newest = new Map<string, Flight>();
  const keys = makeShelf(clock, keyMs);
  const calls = makeShelf(clock, repeatMs);
  const shelfOf = ({ keyed }: CallIdentity) => (keyed ? keys : calls);
  const land = (id: string, flight: Flight): void => {
    if (flights.get(id) === flight) flights.delete(id);
    if (newest.get(flight.turnKey) === flight) newest.delete(flight.turnKey);
  };
  return Object.freeze({
    inFlight: (id: string) => flights.get(id),
    isNewest: (flight: Flight): boolean => newest.get(flight.turnKey) === flight,
    overtake: (turnKey: string): void => void newest.delete(turnKey),
    fly: async (
      { id, call }: CallIdentity,
      about: Pick<Flight, 'configVersion' | 'turnKey'>,
      run: () => Promise<Outcome>,
    ): Promise<Outcome> => {
      const running = run();
      const flight: Flight = {
        call,
        ...about,
        // Made where somebody joins, which is seldom.
        get outcome() {
          return running.catch(() => null);
        },
      };
      flights.set(id, flight);
      newest.set(about.turnKey, flight);
      try {
        return await running;
      } finally {
        land(id, flight);
      }
    },
    recall: (identity: CallIdentity) => shelfOf(identity).recall(identity.id),
    remember: (identity: CallIdentity, settled: Settled) =>
      shelfOf(identity).remember(identity.id, settled),
  });
};
