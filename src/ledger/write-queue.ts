/**
 * Group commit: records wait while a commit runs, and go together when it returned; there is no
 * pacing timer, only outcomes and denials on their own wait up to 20 ms for company.
 *
 * What a broken store means: intents are refused at once and never kept; outcomes stay in bounded
 * memory and are tried again; until they are through, new intents are refused. A commit that failed
 * is never taken as "did not happen": the head on disk says whether it did. On a full disk a reserve
 * lets outcomes and revocations through.
 *
 *   open ──full──▶ spare (only what may use the reserve) ──reserve made again──▶ interrupted
 *   open ──error─▶ interrupted (what waits must get through) ──all written──▶ open
 *   any ──the chain on disk is another one──▶ forked (final)
 */
import { GatewayError } from '../errors.ts';
import { ledgerId, type LedgerId, type Random } from '../ids.ts';
import type { Clock, Timer } from '../clock.ts';
import type { KeyRing } from '../sealing.ts';
import type { Observer } from '../telemetry/observe.ts';
import { batchRecordsMax, encodeBatch } from './batch.ts';
import { genesis } from './chain.ts';
import { interruption, neverSent } from './own-records.ts';
import type { LedgerRecord } from './record.ts';
import type { Head, LedgerBatch, LedgerStore } from './store.ts';
import {
  emptyWaiting,
  enter,
  hasRoom,
  putBack,
  refuseWaiters,
  take,
  type Pending,
  type QueueLimits,
  type Waiting,
} from './waiting.ts';

/** How long outcomes and denials wait for an intent to ride with, ms. */
const companyMs = 20;
const backoffMs = { first: 100, most: 5_000 };

type State = 'closed' | 'open' | 'spare' | 'interrupted' | 'forked';

export type QueueDeps = Readonly<{
  store: LedgerStore;
  keyRing: KeyRing;
  clock: Clock;
  random: Random;
  observer: Pick<Observer, 'ledgerAppended' | 'note'>;
  limits: QueueLimits;
}>;

/** The chain as far as it is known to be on disk. */
export type Committed = Readonly<{
  writer: string;
  size: number;
  digest: Buffer;
  newestAt: number | null;
}>;

export type WriteQueue = Readonly<{
  start(head: Head): void;
  /** Resolves with the record's id after its commit; rejects with GatewayError. */
  durable(record: LedgerRecord, reserved: boolean): Promise<LedgerId>;
  /** Takes a record for writing soon; false where memory is full and it was dropped. */
  soon(record: LedgerRecord, reserved: boolean): boolean;
  writable(): boolean;
  committed(): Committed;
  /** Writes what waits if the store lets it; resolves with how many records were left unwritten. */
  stop(): Promise<number>;
}>;

/** A commit of which nobody knows yet whether it happened. */
type Doubt = Readonly<{
  batch: LedgerBatch;
  items: readonly Pending[];
  /** Those who waited were told that it failed. */
  refused: boolean;
}>;

type Queue = {
  readonly deps: QueueDeps;
  readonly waiting: Waiting;
  state: State;
  writer: string;
  next: number;
  digest: Buffer;
  newestAt: number | null;
  busy: boolean;
  scheduled: boolean;
  doubt: Doubt | null;
  /** The reserve itself did not suffice. */
  spent: boolean;
  backoff: number;
  company: Timer | null;
  retry: Timer | null;
  stopped: (() => void) | null;
};

const become = (queue: Queue, to: State, reason: string): void => {
  if (queue.state === to) return;
  const level = to === 'open' ? 'info' : 'error';
  queue.deps.observer.note(level, 'ledger.state', { from: queue.state, to, reason });
  queue.state = to;
};

/** Arms the one retry timer. */
const tryLater = (queue: Queue): void => {
  if (queue.retry !== null) return;
  queue.retry = queue.deps.clock.after(queue.backoff, () => {
    queue.retry = null;
    void attempt(queue);
  });
  queue.backoff = Math.min(queue.backoff * 2, backoffMs.most);
};

/** What a retry does depends on what is wrong. */
const attempt = async (queue: Queue): Promise<void> => {
  if (queue.doubt !== null) return settleDoubt(queue, queue.doubt);
  if (queue.busy) return tryLater(queue);
  if (queue.state === 'spare') return tryReserve(queue);
  return commit(queue);
};

/** Enters the interrupted state; its own record is the probe that shows when it is over. */
const interrupt = (queue: Queue, reason: string): void => {
  if (queue.state !== 'interrupted') {
    const { clock, random } = queue.deps;
    const record = interruption(clock.now(), reason);
    enter(queue.waiting, record, { reserved: true, waiter: null, random });
  }
  become(queue, 'interrupted', reason);
  tryLater(queue);
};

const commit = async (queue: Queue): Promise<void> => {
  queue.scheduled = false;
  if (queue.busy || queue.state === 'closed' || queue.state === 'forked') return;
  const { store, keyRing, clock, observer } = queue.deps;
  const reserve = queue.state === 'spare';
  const items = take(queue.waiting, { onlyReserved: reserve, notBefore: queue.newestAt ?? 0 });
  if (items.length === 0) return plan(queue);
  queue.company?.cancel();
  queue.company = null;
  queue.busy = true;
  const started = clock.monotonic();
  const report = (failed: boolean) =>
    observer.ledgerAppended({
      seconds: (clock.monotonic() - started) / 1_000,
      records: items.length,
      failed,
    });
  const from = { writer: queue.writer, first: queue.next, previous: queue.digest };
  const batch = encodeBatch(items, from, keyRing);
  try {
    const result = await store.append(batch, { reserve });
    report(result.kind !== 'committed');
    if (result.kind === 'committed') committed(queue, batch, items, result.reserve);
    else full(queue, items, reserve);
  } catch (error) {
    report(true);
    observer.note('error', 'ledger.append', { cause: error });
    queue.doubt = { batch, items, refused: false };
    await settleDoubt(queue, queue.doubt);
  }
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
  queue.backoff = backoffMs.first;
  items.forEach((item, index) => {
    item.waiter?.resolve(ledgerId(queue.writer, batch.first + index));
  });
  if (!reserve) {
    enterSpare(queue, 'the disk is full; the reserve is in use');
  } else if (queue.state === 'spare') {
    // The reserve came back while a doubt was settled: what may not use it is written now, too.
    interrupt(queue, 'the disk was full');
  } else if (queue.state !== 'open') {
    queue.retry?.cancel();
    queue.retry = null;
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
  if (onDisk.equals(batch.digest)) {
    if (doubt.refused) nameNotSent(queue, doubt);
    committed(queue, batch, items, head.reserve);
    return;
  }
  queue.busy = false;
  queue.doubt = null;
  refuseItems(items, null);
  refuseWaiters(queue.waiting, { keepReserved: false });
  putBack(
    queue.waiting,
    items.filter((item) => item.waiter === null),
  );
  if (onDisk.equals(batch.previous)) {
    interrupt(queue, 'a commit failed');
  } else {
    become(queue, 'forked', 'the chain on disk is not the one this process writes');
  }
  releaseStop(queue);
};

const refuseItems = (items: readonly Pending[], cause: unknown): void => {
  for (const { waiter } of items) waiter?.reject(new GatewayError('ledger_unavailable', { cause }));
};

/** Intents that were refused but turned out to be on disk were not sent: their outcome says so. */
const nameNotSent = (queue: Queue, { batch, items }: Doubt): void => {
  const { clock, random } = queue.deps;
  items.forEach((item, index) => {
    if (item.record.kind !== 'intent') return;
    const record = neverSent(clock.now(), ledgerId(queue.writer, batch.first + index));
    enter(queue.waiting, record, { reserved: true, waiter: null, random });
  });
};

const releaseStop = (queue: Queue): void => {
  queue.stopped?.();
  queue.stopped = null;
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
  if (items.length === 0 || queue.state === 'closed' || queue.state === 'forked') {
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

const durable = (queue: Queue, record: LedgerRecord, reserved: boolean): Promise<LedgerId> => {
  if (queue.stopped !== null || queue.state === 'closed') {
    return Promise.reject(new GatewayError('shutting_down'));
  }
  const accepts = queue.state === 'open' || (queue.state === 'spare' && reserved && !queue.spent);
  if (!accepts || !hasRoom(queue.waiting, queue.deps.limits, 1)) {
    return Promise.reject(new GatewayError('ledger_unavailable'));
  }
  return new Promise((resolve, reject) => {
    const { random } = queue.deps;
    enter(queue.waiting, record, { reserved, waiter: { resolve, reject }, random });
    plan(queue);
  });
};

const stop = async (queue: Queue): Promise<number> => {
  if (queue.state !== 'closed' && queue.state !== 'forked') {
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
  const inDoubt = queue.doubt?.items.filter((item) => item.waiter === null) ?? [];
  return queue.waiting.items.length + inDoubt.length;
};

/** Makes the queue; it refuses everything until `start`. */
export const makeWriteQueue = (deps: QueueDeps): WriteQueue => {
  const queue: Queue = {
    deps,
    waiting: emptyWaiting(),
    state: 'closed',
    writer: '',
    next: 1,
    digest: Buffer.alloc(0),
    newestAt: null,
    busy: false,
    scheduled: false,
    doubt: null,
    spent: false,
    backoff: backoffMs.first,
    company: null,
    retry: null,
    stopped: null,
  };
  return Object.freeze({
    start: (head: Head): void => {
      queue.writer = head.writer;
      queue.next = head.next;
      queue.digest = head.digest ?? genesis(head.writer);
      queue.newestAt = head.newestAt;
      queue.waiting.lastAt = head.newestAt ?? 0;
      queue.state = 'open';
      if (!head.reserve) enterSpare(queue, 'the disk is full');
    },
    durable: (record: LedgerRecord, reserved: boolean) => durable(queue, record, reserved),
    soon: (record: LedgerRecord, reserved: boolean): boolean => {
      if (queue.state === 'closed' || !hasRoom(queue.waiting, deps.limits, 2)) return false;
      enter(queue.waiting, record, { reserved, waiter: null, random: deps.random });
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
