/**
 * What intents claim, as both engines see it: whether windows have room and holds are there to be
 * released, and which places an intent takes. Engines bring what is on disk and what keeps it so until
 * the commit; the decision is made here, once. Pure but for a hash.
 */
import { hash } from 'node:crypto';
import { ledgerId, type HoldId, type LedgerId } from '../ids.ts';
import type { Claims, Unclaimed, WindowClaim } from '../ledger/claims.ts';
import type { LedgerBatch, OutcomeIndex } from '../ledger/store.ts';

/** What is on disk, as it will stand when the batch commits. */
export type OnDisk = Readonly<{
  /**
   * Sum of a window's places that were taken after `from`, wall ms, and not given back. Where it is at most
   * `room` it need not be exact, only no less than the truth.
   */
  used(window: WindowClaim, from: number, room: number): number;
  /** Time of the oldest of them, wall ms. */
  oldest(window: WindowClaim, from: number): number | null;
  /** Is the hold approved in this version, and its time not over at this instant, wall ms? */
  approved(id: HoldId, version: number, at: number): boolean;
}>;

/** An intent that was not written, as `Appended` names it. */
export type Refused = Readonly<{ sequence: number; why: Unclaimed }>;

/** A place as it is kept: what one intent takes in one window. */
export type Place = Readonly<{
  key: string;
  at: number;
  sequence: number;
  amount: number;
  /** From then on nobody counts it, wall ms. */
  until: number;
  /** The batch itself says that its intent was never sent. */
  givenBack: boolean;
}>;

/** A hold that an intent of the batch releases. */
export type Release = Readonly<{ id: HoldId; version: number; entry: LedgerId; at: number }>;

/** Key of a window on disk, 16 bytes. */
export const placeKey = (key: string): Buffer => hash('sha256', key, 'buffer').subarray(0, 16);

/**
 * Does the outcome give the places of its entry back? Null = it changes nothing. A call that ended late
 * may be known to have been applied after it was taken for unsent: then its places count again.
 */
export const givesBack = ({
  outcome,
  settledBy,
}: Pick<OutcomeIndex, 'outcome' | 'settledBy'>): boolean | null => {
  if (outcome === 'not-sent' || outcome === 'rejected') return true;
  // The first answer to a call finds nothing that was given back.
  return outcome === 'in-doubt' || settledBy === 'answer' ? null : false;
};

/** Times of the intents that claim something, by sequence. */
const timesOf = ({ entries }: LedgerBatch): ReadonlyMap<number, number> =>
  new Map(entries.map(({ sequence, at }) => [sequence, at]));

type Taken = Readonly<{ at: number; amount: number }>;

/** Places that intents of one batch take, by window. */
const makeTaken = () => {
  const taken = new Map<string, Taken[]>();
  return {
    since: (key: string, from: number): Readonly<{ used: number; oldest: number | null }> => {
      let used = 0;
      let oldest: number | null = null;
      for (const { at, amount } of taken.get(key) ?? []) {
        if (at <= from) continue;
        used += amount;
        oldest ??= at;
      }
      return { used, oldest };
    },
    add: ({ key, amount }: WindowClaim, at: number): void => {
      const list = taken.get(key);
      if (list === undefined) taken.set(key, [{ at, amount }]);
      else list.push({ at, amount });
    },
  };
};
type TakenInBatch = ReturnType<typeof makeTaken>;

const windowRefusal = (
  { windows }: Claims,
  at: number,
  disk: OnDisk,
  taken: TakenInBatch,
): Unclaimed | null => {
  for (const [index, window] of windows.entries()) {
    const { key, ms, max, amount, force } = window;
    if (force) continue;
    const from = at - ms;
    const inBatch = taken.since(key, from);
    let own = 0;
    for (const other of windows.slice(0, index)) if (other.key === key) own += other.amount;
    const ahead = inBatch.used + own;
    const used = disk.used(window, from, max - amount - ahead) + ahead;
    if (used + amount <= max) continue;
    const oldest = disk.oldest(window, from) ?? inBatch.oldest ?? at;
    return { unclaimed: 'window', key, used, max, freeAt: oldest + ms };
  }
  return null;
};

/** Intents whose claims cannot be had, in order; an intent that can be written counts for the next. */
export const judgeClaims = (batch: LedgerBatch, disk: OnDisk): readonly Refused[] => {
  const times = timesOf(batch);
  const taken = makeTaken();
  const released = new Set<HoldId>();
  const refused: Refused[] = [];
  for (const claims of batch.claims) {
    const { sequence, windows, hold } = claims;
    const at = times.get(sequence) ?? 0;
    const gone =
      hold !== null && (released.has(hold.id) || !disk.approved(hold.id, hold.version, at));
    const why: Unclaimed | null = gone
      ? { unclaimed: 'hold' }
      : windowRefusal(claims, at, disk, taken);
    if (why !== null) {
      refused.push({ sequence, why });
      continue;
    }
    if (hold !== null) released.add(hold.id);
    for (const window of windows) taken.add(window, at);
  }
  return refused;
};

/** A window that a batch asks about: it may hold `room` and no more of what was taken after `from`. */
export type Ask = Readonly<{ key: string; from: number; room: number }>;

/**
 * What must hold on disk for the whole batch to be written. `coarse` asks once a window, as of the
 * batch's earliest time: whoever passes that passes the rest.
 */
export const asksOf = (batch: LedgerBatch, coarse: boolean): readonly Ask[] => {
  const times = timesOf(batch);
  const taken = makeTaken();
  const asks = new Map<string, Ask>();
  const earliest = new Map<string, number>();
  for (const { sequence, windows } of batch.claims) {
    const at = times.get(sequence) ?? 0;
    for (const window of windows) {
      const { key, ms, max, amount, force } = window;
      if (!force) {
        const name = `${ms}\n${key}`;
        const from = (coarse ? earliest.get(name) : undefined) ?? at - ms;
        if (coarse) earliest.set(name, from);
        const room = max - amount - taken.since(key, from).used;
        const known = asks.get(`${from}\n${name}`);
        if (known === undefined || room < known.room) {
          asks.set(`${from}\n${name}`, { key, from, room });
        }
      }
      taken.add(window, at);
    }
  }
  return [...asks.values()];
};

/** Sequences of intents that the batch itself gives back. */
const givenBackIn = ({ outcomes, writer }: LedgerBatch): ReadonlySet<LedgerId> =>
  new Set(
    outcomes.flatMap((outcome) =>
      outcome.writer === writer && givesBack(outcome) === true ? [outcome.entry] : [],
    ),
  );

/** The places that a batch takes: one for each intent and window. */
export const placesOf = (batch: LedgerBatch): readonly Place[] => {
  const times = timesOf(batch);
  const gone = givenBackIn(batch);
  return batch.claims.flatMap(({ sequence, windows }) => {
    const at = times.get(sequence) ?? 0;
    const givenBack = gone.size > 0 && gone.has(ledgerId(batch.writer, sequence));
    const byKey = new Map<string, Place>();
    for (const { key, ms, amount } of windows) {
      const known = byKey.get(key);
      byKey.set(key, {
        key,
        at,
        sequence,
        amount: amount + (known?.amount ?? 0),
        until: Math.max(at + ms, known?.until ?? 0),
        givenBack,
      });
    }
    return [...byKey.values()];
  });
};

/** The holds that a batch releases, in order of ids: so no two gateways wait for each other. */
export const releasesOf = (batch: LedgerBatch): readonly Release[] => {
  const times = timesOf(batch);
  return batch.claims
    .flatMap(({ sequence, hold }) =>
      hold === null
        ? []
        : [{ ...hold, entry: ledgerId(batch.writer, sequence), at: times.get(sequence) ?? 0 }],
    )
    .toSorted((left, right) => (left.id < right.id ? -1 : 1));
};
