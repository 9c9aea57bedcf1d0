/**
 * What the write queue holds: the chain it writes, the records that wait, what it waits for itself.
 * Mutable; changed by write-queue.ts and former-chain.ts alone.
 */
import type { Random } from '../ids.ts';
import type { Clock, Timer } from '../clock.ts';
import type { KeyRing } from '../sealing.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { Head, LedgerBatch, LedgerStore } from './store.ts';
import { emptyWaiting, type Pending, type QueueLimits, type Waiting } from './waiting.ts';

/** First pause before a retry, ms. */
export const backoffMsFirst = 100;

/**
 *   open ──full──▶ spare (only what may use the reserve) ──reserve made again──▶ interrupted
 *   open ──error─▶ interrupted (what waits must get through) ──all written──▶ open
 *   any ──another gateway closed the chain──▶ reclaiming ──a new chain──▶ interrupted
 *   any ──the store knows less than was acknowledged──▶ behind ──a person accepts──▶ reclaiming
 *   any ──the chain on disk is another one──▶ forked (final)
 */
export type State =
  | 'closed'
  | 'open'
  | 'spare'
  | 'interrupted'
  | 'reclaiming'
  | 'behind'
  | 'forked';

export type QueueDeps = Readonly<{
  store: LedgerStore;
  keyRing: KeyRing;
  clock: Clock;
  random: Random;
  observer: Pick<Observer, 'ledgerAppended' | 'note' | 'lateSend'>;
  limits: QueueLimits;
  /** Takes a chain where the present one is lost: closed by another gateway, or behind. */
  claim(): Promise<Head>;
  /** Told before another chain is claimed: what was held under the present one is lost. */
  leaving(): void;
}>;

/** The chain as far as it is known to be on disk. */
export type Committed = Readonly<{
  writer: string;
  size: number;
  digest: Buffer;
  newestAt: number | null;
}>;

/** A commit of which nobody knows yet whether it happened. */
export type Doubt = Readonly<{
  batch: LedgerBatch;
  items: readonly Pending[];
  /** Those who waited were told that it failed. */
  refused: boolean;
}>;

export type Queue = {
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
  /** Chains this process wrote before another gateway closed them, newest last. */
  readonly former: string[];
  /** What the store lacks of what was acknowledged. */
  behind: string | null;
  stopped: (() => void) | null;
};

/** States in which nothing is written, and nothing is about to be. */
export const isIdle = ({ state }: Queue): boolean =>
  state === 'closed' || state === 'forked' || state === 'behind' || state === 'reclaiming';

/** Whoever waits for the queue to stop waits no longer. */
export const releaseStop = (queue: Queue): void => {
  queue.stopped?.();
  queue.stopped = null;
};

/** Drops the retry that is armed. */
export const disarm = (queue: Queue): void => {
  queue.retry?.cancel();
  queue.retry = null;
};

/**
 * Changes the state, and says so. What returns from a store that is behind, or after the end, changes
 * nothing: only a person leads on from there.
 */
export const become = (queue: Queue, to: State, reason: string): void => {
  if (queue.state === to || queue.state === 'closed') return;
  if (queue.behind !== null && to !== 'behind') return;
  const level = to === 'open' ? 'info' : 'error';
  queue.deps.observer.note(level, 'ledger.state', { from: queue.state, to, reason });
  queue.state = to;
};

/** A queue that refuses everything. */
export const emptyQueue = (deps: QueueDeps): Queue => ({
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
  backoff: backoffMsFirst,
  company: null,
  retry: null,
  former: [],
  behind: null,
  stopped: null,
});
