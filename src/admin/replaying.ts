/**
 * Deliveries that a person sends out again: never more than a thousand at once, the oldest first, and
 * spread in time, so that a recovered receiver is not run over. They keep their ids: whoever received
 * one before recognises it.
 */
import { z } from 'zod';
import { refuse, type Refusal } from '../errors.ts';
import { deliveryId, type DeliveryKey } from '../ids.ts';
import { rate, type Rate } from '../scalars.ts';
import type { AdminContext, AdminResult } from './operation.ts';
import { iso, json } from './input.ts';

/** Deliveries of one call. */
export const replayedMax = 1_000;

/** How fast they come due; default 10/s. */
export const spreadRate = rate.optional();
const usualRate: Rate = { count: 10, seconds: 1 };

/** Pages that are looked through for the oldest of what was asked for. */
const pagesMax = 50;

/** The oldest of a list that comes newest first, and how many more there are. */
export type Oldest<Item> = Readonly<{
  /** Oldest first. */
  items: readonly Item[];
  rest: number;
  /** There may be still more, which were not counted. */
  more: boolean;
}>;

/** Reads pages to the end, or `pagesMax` of them. */
export const oldestOf = async <Item>(
  page: (last: Item | undefined) => Promise<readonly Item[]>,
): Promise<Oldest<Item>> => {
  let items: readonly Item[] = [];
  let seen = 0;
  for (let read = 0; read < pagesMax; read += 1) {
    const next = await page(items.at(-1));
    seen += next.length;
    items = [...items, ...next].slice(-replayedMax);
    if (next.length < replayedMax) {
      return { items: items.toReversed(), rest: seen - items.length, more: false };
    }
  }
  return { items: items.toReversed(), rest: seen - items.length, more: true };
};

type Spread = Readonly<{
  act: 'retry' | 'replay';
  /** Oldest first, at most `replayedMax`. */
  keys: readonly DeliveryKey[];
  rate: Rate | undefined;
  /** Others of what was asked for, that did not fit; `more` where they were not all counted. */
  rest: number;
  more?: boolean;
}>;

const nothing: Refusal = refuse('value_invalid', 'There is nothing to send again here.');
const noState: Refusal = refuse(
  'value_invalid',
  'None of it can be sent again now: it is being tried at this moment, or is in no state for it.',
);

/** Makes them due one after the other, and says what was done. */
export const sendAgain = async (
  { deliveries, clock }: Pick<AdminContext, 'deliveries' | 'clock'>,
  { act, keys, rate: given, rest, more = false }: Spread,
): Promise<AdminResult | Refusal> => {
  if (keys.length === 0) return nothing;
  const { count, seconds } = given ?? usualRate;
  const now = clock.now();
  const dueAt = (place: number): number => now + Math.floor((place * seconds * 1_000) / count);
  const wanted = keys.map((key, place) => ({ key, dueAt: dueAt(place) }));
  const done = await deliveries.outbox.act(act, wanted, now);
  if (done.length === 0) return noState;
  deliveries.wake();
  const isDone = new Set(done.map(deliveryId));
  return json({
    again: done.length,
    lastDueAt: iso(dueAt(keys.length - 1)),
    leftAlone: keys.map(deliveryId).filter((id) => !isDone.has(id)),
    rest,
    note:
      rest === 0 && !more
        ? null
        : `At most ${replayedMax} at once: ${rest}${more ? ' or more' : ''} others wait for the next call.`,
  });
};

/** Which deliveries a person may name by their state to have them tried again. */
export const retriedStates = z.enum(['dead', 'discarded', 'cancelled', 'ready']);
