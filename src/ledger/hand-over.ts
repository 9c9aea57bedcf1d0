/**
 * Hands records to the store as one batch. Intents that cannot have what they claim are told so and
 * taken out; the rest follows at once as a batch of its own, for nothing of the first was written.
 */
import { encodeBatch } from './batch.ts';
import { isIdle, type Queue } from './queue-state.ts';
import type { Appended, LedgerBatch } from './store.ts';
import type { Pending } from './waiting.ts';

/** What became of the batch that was handed over last, and what it held. */
export type HandedOver = Readonly<{
  batch: LedgerBatch;
  items: readonly Pending[];
  /** `failed`: unknown whether it was written. `nothing`: certainly not, and nothing is under way. */
  result: Exclude<Appended, { kind: 'unclaimed' }> | Readonly<{ kind: 'failed' | 'nothing' }>;
}>;

const append = async (
  { deps }: Queue,
  batch: LedgerBatch,
  reserve: boolean,
): Promise<Appended | Readonly<{ kind: 'failed' }>> => {
  const { store, clock, observer } = deps;
  const started = clock.monotonic();
  const report = (failed: boolean): void =>
    observer.ledgerAppended({
      seconds: (clock.monotonic() - started) / 1_000,
      records: batch.count,
      failed,
    });
  try {
    const result = await store.append(batch, { reserve });
    if (result.kind !== 'unclaimed') report(result.kind !== 'committed');
    return result;
  } catch (cause) {
    report(true);
    observer.note('error', 'ledger.append', { cause });
    return { kind: 'failed' };
  }
};

/** Tells those who claimed in vain; gives the others, or null where the answer is about nobody's claims. */
const tellUnclaimed = (
  items: readonly Pending[],
  first: number,
  unclaimed: Extract<Appended, { kind: 'unclaimed' }>['items'],
): readonly Pending[] | null => {
  const whys = new Map(unclaimed.map(({ sequence, why }) => [sequence - first, why]));
  const meant = [...whys.keys()].every((index) => items[index]?.claims !== undefined);
  if (whys.size === 0 || !meant) return null;
  return items.filter((item, index) => {
    const why = whys.get(index);
    if (why !== undefined) item.waiter?.resolve(why);
    return why === undefined;
  });
};

/** Hands over until the store has all that can be written, or says that it cannot take it. */
export const handOver = async (
  queue: Queue,
  all: readonly Pending[],
  reserve: boolean,
): Promise<HandedOver> => {
  const from = { writer: queue.writer, first: queue.next, previous: queue.digest };
  let items = all;
  for (;;) {
    const batch = encodeBatch(items, from, queue.deps.keyRing);
    const result = await append(queue, batch, reserve);
    if (result.kind !== 'unclaimed') return { batch, items, result };
    const left = tellUnclaimed(items, batch.first, result.items);
    if (left === null) return { batch, items, result: { kind: 'failed' } };
    items = left;
    // The store may have turned out to be behind meanwhile.
    if (items.length === 0 || isIdle(queue)) return { batch, items, result: { kind: 'nothing' } };
  }
};
