/**
 * What becomes of those who waited for a commit of which nobody knew whether it happened, or for a store
 * that lost what it had acknowledged.
 */
import { GatewayError } from '../errors.ts';
import { ledgerId } from '../ids.ts';
import { neverSent } from './own-records.ts';
import { become, releaseStop, type Doubt, type Queue } from './queue-state.ts';
import type { Head } from './store.ts';
import { enter, refuseWaiters, type Pending } from './waiting.ts';

/** Tells all who wait that their records were not written. */
export const refuseItems = (items: readonly Pending[], cause: unknown): void => {
  for (const { waiter } of items) waiter?.reject(new GatewayError('ledger_unavailable', { cause }));
};

/** Intents that were refused but turned out to be on disk were not sent: their outcome says so. */
export const nameNotSent = (queue: Queue, { batch, items }: Doubt): void => {
  const { clock, random } = queue.deps;
  items.forEach((item, index) => {
    if (item.record.kind !== 'intent') return;
    const record = neverSent(clock.now(), ledgerId(queue.writer, batch.first + index));
    enter(queue.waiting, record, { reserved: true, waiter: null, random });
  });
};

/** What the store lacks of what was acknowledged, in words. */
export const lackOf = (queue: Queue, { next }: Head): string =>
  `${queue.next - 1} records of ${queue.writer} were acknowledged, the store has ${next - 1}`;

/** The store knows less than was acknowledged: only a person may go on from there. */
export const fallBehind = (queue: Queue, reason: string): void => {
  queue.behind = reason;
  become(queue, 'behind', reason);
  refuseWaiters(queue.waiting, { keepReserved: false });
  releaseStop(queue);
};
