/**
 * Group commit: records wait while a commit runs, and go together when it returned; there is no
 * pacing timer, only outcomes and denials on their own wait up to 20 ms for company.
 *
 * What a broken store means: intents are refused at once and never kept; outcomes stay in bounded
 * memory and are tried again; until they are through, new intents are refused. A commit that failed
 * is never taken as "did not happen": the head on disk says whether it did. On a full disk a reserve
 * lets outcomes and revocations through.
 */
import { GatewayError } from '../errors.ts';
import { ledgerId, type LedgerId } from '../ids.ts';
import { batchRecordsMax } from './batch.ts';
import { genesis } from './chain.ts';
import { adoptChain, leaveChain, tellLate } from './former-chain.ts';
import { claimsNothing, type Claims, type Unclaimed } from './claims.ts';
import { handOver } from './hand-over.ts';
import { fallBehind, lackOf, nameNotSent, refuseItems } from './in-doubt.ts';
import { asLateSend, interruption } from './own-records.ts';
import {
  backoffMsFirst,
  become,
  disarm,
  emptyQueue,
  isIdle,
  releaseStop,
  type Committed,
  type Doubt,
  type Queue,
  type QueueDeps,
} from './queue-state.ts';
import type { LedgerRecord } from './record.ts';
import type { Head, LedgerBatch } from './store.ts';
import {
  enter,
  hasRoom,
  putBack,
  refuseWaiters,
  take,
  withoutWaiter,
  type Pending,
} from './waiting.ts';

/** How long outcomes and denials wait for an intent to ride with, ms. */
const companyMs = 20;
const backoffMsMost = 5_000;

export type WriteQueue = Readonly<{
  /** `behind` says what is missing in the store, where something is: nothing is written then. */
  start(head: Head, behind: string | null): void;
  /** Another gateway closed the chain: goes on with a new one, once this one is known to be whole. */
  chainClosed(): void;
  /** The store answers again: what was to be tried later is tried now. */
  tryNow(): void;
  /** What the store lacks of what was acknowledged, or null. */
  behind(): string | null;
  /** The store lacks what was acknowledged: nothing more is written until a person accepts it. */
  fallBehind(reason: string): void;
  /** A person accepted what the store lacks: goes on with what there is; resolves when it does. */
  accept(): Promise<void>;
  /** Resolves with the record's id after its commit; rejects with GatewayError. */
  durable(record: LedgerRecord, reserved: boolean): Promise<LedgerId>;
  /** As `durable`, if its claims can be had in the transaction that writes it. */
  claiming(record: LedgerRecord, reserved: boolean, claims: Claims): Promise<LedgerId | Unclaimed>;
  /** Takes a record for writing soon; false where memory is full and it was dropped. */
  soon(record: LedgerRecord, reserved: boolean): boolean;
  writable(): boolean;
  committed(): Committed;
  /** Writes what waits if the store lets it; resolves with how many records were left unwritten. */
  stop(): Promise<number>;
}>;

/** Arms the one retry timer. */
const tryLater = (queue: Queue): void => {
  if (queue.retry !== null) return;
  queue.retry = queue.deps.clock.after(queue.backoff, () => {
    queue.retry = null;
    void attempt(queue);
  });
  queue.backoff = Math.min(queue.backoff * 2, backoffMsMost);
};

/** What a retry does depends on what is wrong. */
const attempt = async (queue: Queue): Promise<void> => {
  // Until those who wait were refused, the first settling of a doubt is under way.
  if (queue.doubt?.refused === false) return;
  if (queue.doubt !== null) return settleDoubt(queue, queue.doubt);
  if (queue.busy) return tryLater(queue);
  if (queue.state === 'reclaiming') return reclaim(queue);
  if (queue.state === 'spare') return tryReserve(queue);
  return commit(queue);
};

/** Enters the interrupted state; its own record is the probe that shows when it is over. */
const interrupt = (queue: Queue, reason: string): void => {
  if (queue.state !== 'interrupted' && queue.state !== 'closed' && queue.behind === null) {
    const { clock, random } = queue.deps;
    const record = interruption(clock.now(), reason);
    enter(queue.waiting, record, { reserved: true, waiter: null, random });
  }
  become(queue, 'interrupted', reason);
  tryLater(queue);
};

const commit = async (queue: Queue): Promise<void> => {
  queue.scheduled = false;
  if (queue.busy || isIdle(queue)) return;
  const reserve = queue.state === 'spare';
  const items = take(queue.waiting, { onlyReserved: reserve, notBefore: queue.newestAt ?? 0 });
  if (items.length === 0) return plan(queue);
  queue.company?.cancel();
  queue.company = null;
  queue.busy = true;
  const { batch, items: held, result } = await handOver(queue, items, reserve);
  if (result.kind === 'committed') committed(queue, batch, held, result.reserve);
  else if (result.kind === 'full') full(queue, held, reserve);
  else if (result.kind === 'nothing') untouched(queue, held);
  else await doubtful(queue, batch, held);
};

/** Nothing was written, and the store answers: nobody could have what was claimed, or it is behind. */
const untouched = (queue: Queue, items: readonly Pending[]): void => {
  queue.busy = false;
  refuseItems(items, null);
  putBack(queue.waiting, withoutWaiter(items));
  if (queue.state === 'interrupted') disarm(queue);
  plan(queue);
};

const doubtful = (queue: Queue, batch: LedgerBatch, items: readonly Pending[]): Promise<void> => {
  queue.doubt = { batch, items, refused: false };
  return settleDoubt(queue, queue.doubt);
};

/** Goes on with a chain of its own again: a new one, or what the store has of the present one. */
const reclaim = async (queue: Queue): Promise<void> => {
  const { claim, leaving, observer } = queue.deps;
  queue.busy = true;
  leaving();
  let head: Head;
  try {
    head = await claim();
  } catch (cause) {
    queue.busy = false;
    observer.note('error', 'ledger.claim', { cause });
    if (queue.stopped !== null) return releaseStop(queue);
    return tryLater(queue);
  }
  const former = queue.writer;
  queue.busy = false;
  adoptChain(queue, head);
  interrupt(queue, former === head.writer ? 'records were lost' : `${former} was closed`);
  return commit(queue);
};

/** Is what this chain holds on disk all that was acknowledged? Then a closed one can be left. */
const leaveClosed = async (queue: Queue): Promise<void> => {
  if (queue.busy || isIdle(queue)) return;
  queue.busy = true;
  let head: Head;
  try {
    head = await queue.deps.store.head(queue.writer);
  } catch (cause) {
    queue.busy = false;
    queue.deps.observer.note('error', 'ledger.head', { cause });
    return interrupt(queue, 'the store does not answer');
  }
  queue.busy = false;
  if (head.next < queue.next) return fallBehind(queue, lackOf(queue, head));
  if (head.closed) leave(queue);
  return plan(queue);
};

const leave = (queue: Queue): void => {
  leaveChain(queue);
  tryLater(queue);
};

const committed = (
  queue: Queue,
  batch: LedgerBatch,
  items: readonly Pending[],
  reserve: boolean,
): void => {
  queue.busy = false;
  queue.doubt = null;
  queue.next = batch.first + batch.count;
  queue.digest = batch.digest;
  queue.newestAt = batch.atLast;
  queue.backoff = backoffMsFirst;
  items.forEach((item, index) => {
    item.waiter?.resolve(ledgerId(queue.writer, batch.first + index));
  });
  if (!reserve) {
    enterSpare(queue, 'the disk is full; the reserve is in use');
  } else if (queue.state === 'spare') {
    // The reserve came back while a doubt was settled: what may not use it is written now, too.
    interrupt(queue, 'the disk was full');
  } else if (queue.state !== 'open') {
    disarm(queue);
    if (queue.waiting.items.length === 0) become(queue, 'open', 'everything is written');
  }
  plan(queue);
};

const enterSpare = (queue: Queue, reason: string): void => {
  become(queue, 'spare', reason);
  refuseWaiters(queue.waiting, { keepReserved: true });
  tryLater(queue);
};

const full = (queue: Queue, items: readonly Pending[], usedReserve: boolean): void => {
  queue.busy = false;
  queue.spent = usedReserve;
  putBack(queue.waiting, items);
  enterSpare(queue, 'the disk is full');
  if (usedReserve) refuseWaiters(queue.waiting, { keepReserved: false });
  plan(queue);
};

/** Asks the store to make its reserve again, and goes on normally once it could. */
const tryReserve = async (queue: Queue): Promise<void> => {
  queue.busy = true;
  let restored = false;
  try {
    restored = (await queue.deps.store.head(queue.writer)).reserve;
  } catch (error) {
    queue.deps.observer.note('error', 'ledger.head', { cause: error });
  }
  queue.busy = false;
  queue.spent = false;
  if (restored) {
    interrupt(queue, 'the disk was full');
    return commit(queue);
  }
  tryLater(queue);
  plan(queue);
};

/** An append failed: only the head on disk tells whether it happened. The queue stays busy until then. */
const settleDoubt = async (queue: Queue, doubt: Doubt): Promise<void> => {
  const { batch, items } = doubt;
  let head: Head;
  try {
    head = await queue.deps.store.head(queue.writer);
  } catch (error) {
    refuseItems(items, error);
    refuseWaiters(queue.waiting, { keepReserved: false, cause: error });
    queue.doubt = { batch, items, refused: true };
    interrupt(queue, 'the store does not answer');
    releaseStop(queue);
    return;
  }
  const onDisk = head.digest ?? genesis(queue.writer);
  if (onDisk.equals(batch.digest) && !head.closed) {
    if (doubt.refused) nameNotSent(queue, doubt);
    committed(queue, batch, items, head.reserve);
    return;
  }
  queue.busy = false;
  queue.doubt = null;
  refuseItems(items, null);
  refuseWaiters(queue.waiting, { keepReserved: false });
  // Committed, then closed: the entries are another gateway's, and were never sent.
  const kept = head.closed && onDisk.equals(batch.digest);
  if (kept) nameNotSent(queue, doubt);
  else {
    putBack(queue.waiting, withoutWaiter(items));
  }
  if (head.next < batch.first) {
    fallBehind(queue, lackOf(queue, head));
  } else if (head.closed) {
    leave(queue);
  } else if (onDisk.equals(batch.previous)) {
    interrupt(queue, 'a commit failed');
  } else {
    become(queue, 'forked', 'the chain on disk is not the one this process writes');
  }
  releaseStop(queue);
};

const schedule = (queue: Queue): void => {
  if (queue.scheduled) return;
  queue.scheduled = true;
  // After the sockets that are readable now: what they bring shares one commit.
  setImmediate(() => void commit(queue));
};

/** Decides what happens next: commit now, wait for company, wait for the retry timer, or nothing. */
const plan = (queue: Queue): void => {
  if (queue.busy) return;
  const { items, urgent, reserved } = queue.waiting;
  const stopping = queue.stopped !== null;
  if (queue.state === 'spare') {
    if (reserved > 0 && !queue.spent) return schedule(queue);
    return stopping ? releaseStop(queue) : undefined;
  }
  if (items.length === 0 || isIdle(queue)) {
    return stopping ? releaseStop(queue) : undefined;
  }
  if (queue.state === 'interrupted') {
    // A commit that worked resets the backoff: the rest follows at once.
    return stopping || queue.retry === null ? schedule(queue) : undefined;
  }
  if (urgent > 0 || stopping || items.length >= batchRecordsMax) return schedule(queue);
  queue.company ??= queue.deps.clock.after(companyMs, () => {
    queue.company = null;
    void commit(queue);
  });
};

const durable = (
  queue: Queue,
  record: LedgerRecord,
  how: Readonly<{ reserved: boolean; claims?: Claims }>,
): Promise<LedgerId | Unclaimed> => {
  const { reserved } = how;
  if (queue.stopped !== null || queue.state === 'closed') {
    return Promise.reject(new GatewayError('shutting_down'));
  }
  const accepts = queue.state === 'open' || (queue.state === 'spare' && reserved && !queue.spent);
  if (!accepts || !hasRoom(queue.waiting, queue.deps.limits, 1)) {
    return Promise.reject(new GatewayError('ledger_unavailable'));
  }
  return new Promise((resolve, reject) => {
    const { random } = queue.deps;
    enter(queue.waiting, record, { ...how, waiter: { resolve, reject }, random });
    plan(queue);
  });
};

const stop = async (queue: Queue): Promise<number> => {
  if (queue.state !== 'closed' && queue.state !== 'forked' && queue.state !== 'behind') {
    await new Promise<void>((resolve) => {
      queue.stopped = resolve;
      if (queue.doubt !== null) releaseStop(queue);
      else plan(queue);
    });
  }
  queue.company?.cancel();
  queue.retry?.cancel();
  queue.state = 'closed';
  refuseWaiters(queue.waiting, { keepReserved: false });
  const inDoubt = withoutWaiter(queue.doubt?.items ?? []);
  return queue.waiting.items.length + inDoubt.length;
};

/** Makes the queue; it refuses everything until `start`. */
export const makeWriteQueue = (deps: QueueDeps): WriteQueue => {
  const queue = emptyQueue(deps);
  return Object.freeze({
    start: (head: Head, behind: string | null): void => {
      adoptChain(queue, head);
      queue.state = 'open';
      if (behind !== null) fallBehind(queue, behind);
      else if (!head.reserve) enterSpare(queue, 'the disk is full');
    },
    chainClosed: () => void leaveClosed(queue),
    tryNow: (): void => {
      if (queue.retry === null) return;
      disarm(queue);
      queue.backoff = backoffMsFirst;
      void attempt(queue);
    },
    behind: () => queue.behind,
    fallBehind: (reason: string): void => {
      if (queue.state !== 'closed' && queue.state !== 'behind') fallBehind(queue, reason);
    },
    accept: async (): Promise<void> => {
      if (queue.state !== 'behind') return;
      queue.behind = null;
      become(queue, 'reclaiming', 'a person accepted the loss');
      await reclaim(queue);
    },
    // Who claims nothing is never told that it cannot be had.
    durable: (record: LedgerRecord, reserved: boolean) =>
      durable(queue, record, { reserved }) as Promise<LedgerId>,
    claiming: (record: LedgerRecord, reserved: boolean, claims: Claims) =>
      durable(queue, record, { reserved, ...(claimsNothing(claims) ? {} : { claims }) }),
    soon: (record: LedgerRecord, reserved: boolean): boolean => {
      if (queue.state === 'closed' || !hasRoom(queue.waiting, deps.limits, 2)) return false;
      const meant = asLateSend(record, queue.former);
      if (meant !== record) tellLate(queue, meant);
      enter(queue.waiting, meant, { reserved, waiter: null, random: deps.random });
      plan(queue);
      return true;
    },
    writable: () => queue.state === 'open' && hasRoom(queue.waiting, deps.limits, 1),
    committed: (): Committed => ({
      writer: queue.writer,
      size: queue.next - 1,
      digest: queue.digest,
      newestAt: queue.newestAt,
    }),
    stop: () => stop(queue),
  });
};
