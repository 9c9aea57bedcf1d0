/**
 * Puts the ledger together: the write queue, denials, checkpoints, upkeep and look-ups over one
 * store. Durable before `open` resolves; bounded in memory; refuses rather than forgets.
 */
import type { KeyObject } from 'node:crypto';
import type { Clock, Timer } from '../clock.ts';
import { GatewayError } from '../errors.ts';
import { parseLedgerId, type LedgerId, type Random } from '../ids.ts';
import type { KeyRing } from '../sealing.ts';
import type { Observer } from '../telemetry/observe.ts';
import { openLines } from './batch.ts';
import { makeCheckpointer, type CheckpointSink } from './checkpointer.ts';
import { assertBounded, type Unclaimed } from './claims.ts';
import { makeDenials } from './denials.ts';
import type { Ledger } from './ledger.ts';
import { makeLease, type TookOver } from './lease.ts';
import { makeLookUp } from './look-up.ts';
import type { LossStore } from './loss-store.ts';
import { makeLosses } from './losses.ts';
import type { LedgerRecord } from './record.ts';
import type { Head, LedgerStore } from './store.ts';
import { queueLimits, type QueueLimits } from './waiting.ts';
import { makeWriteQueue } from './write-queue.ts';
import type { AboutGateway, LiveGateway, WriterStore } from './writer-store.ts';

export type LedgerDeps = Readonly<{
  store: LedgerStore;
  /** How gateways share the store; null where one process owns it. */
  writers: WriterStore | null;
  losses: LossStore;
  /** How long a gateway may be silent before another one settles for it, ms. */
  leaseMs: number;
  about(): AboutGateway;
  /** Told of the store's time, ms. */
  storeAt(at: number): void;
  /** Is the clock right? Nothing is pruned while it may not be. */
  clockTrusted(): boolean;
  /**
   * Wall time, or what it would be had it not jumped, ms. What is under way as the clock jumps is still
   * recorded: dated by the wrong time, it would date every later record of the chain.
   */
  steadyNow(): number;
  keyRing: KeyRing;
  /** Ed25519 private key. */
  checkpointKey: KeyObject;
  checkpoints: Readonly<{ everyMs: number; to: readonly CheckpointSink[] }>;
  retention: Readonly<{ ledgerMs: number; bodiesMs: number }>;
  environment: string;
  clock: Clock;
  random: Random;
  observer: Pick<Observer, 'ledgerAppended' | 'note' | 'lateSend' | 'gatewaysSeen'>;
  /** Default 10,000 records or 64 MiB. */
  limits?: QueueLimits;
}>;

/** The ledger with what only its owner, the gateway, may do. */
export type OwnedLedger = Ledger &
  Readonly<{
    /** Time of the newest record on disk, ms, or null; for the clock watch. */
    newestAt(): number | null;
    /** Gateways that hold a lease, as last heard; empty where one process owns the store. */
    gateways(): readonly LiveGateway[];
    /** How many gateways serve, and the place of this one among them, from 0; -1 = it is not known. */
    share(): Readonly<{ gateways: number; rank: number }>;
    /** Told before this gateway leaves a chain that was closed: what it held under it is lost. */
    whenLeaving(listener: () => void): void;
    /** Takes over what dead gateways left, now and from now on; told of the chains. */
    answerForDead(tookOver: TookOver): Promise<void>;
    /** What the store lacks of what was acknowledged or signed, or null. */
    loss(): string | null;
    /** A person accepts the loss; false where there is none. */
    acceptLoss(by: string, reason: string): Promise<boolean>;
    /** Looks again at what the store has, and at what was accepted elsewhere. */
    lookAtLoss(): Promise<void>;
    /** Signs the head now if anything was written since the last time. */
    checkpoint(): Promise<string | null>;
    /** Upkeep now (it also runs each minute): what retention removes, merged look-ups. */
    maintain(now: number): Promise<Readonly<{ bodies: number; batches: number }>>;
  }>;

const upkeepMs = 60_000;
/** Places in windows stay so long after their end: another gateway's clock may be behind this one's. */
const placesGraceMs = 600_000;
/** Slices of upkeep in one go; the rest waits for the next minute. */
const slicesMax = 2_000;

/** Reads the last batch, so that a wrong key is found before anything is written beneath it. */
const checkKeys = async (store: LedgerStore, head: Head, keyRing: KeyRing): Promise<void> => {
  if (head.next === 1) return;
  const [newest] = await store.scan({ writer: head.writer, from: head.next - 1 });
  if (newest !== undefined && openLines(newest, keyRing) === null) {
    throw new GatewayError('ledger_unavailable', {
      detail: 'None of store.encryptionKeys opens the newest records of this store.',
    });
  }
};

/** Does the head have a checkpoint? After a crash the newest records have none. */
const isSigned = async (store: LedgerStore, head: Head): Promise<boolean> => {
  const size = head.next - 1;
  const notes = await store.checkpoints({ writer: head.writer, from: size, to: size });
  return size === 0 || notes.length > 0;
};

const makeUpkeep = (deps: LedgerDeps) => {
  const { store, retention, clock, observer, clockTrusted } = deps;
  let timer: Timer | null = null;
  const state = { stopped: false };
  const maintain = async (now: number) => {
    const limits = {
      bodiesBefore: now - retention.bodiesMs,
      ledgerBefore: now - retention.ledgerMs,
      placesBefore: now - placesGraceMs,
    };
    const total = { bodies: 0, batches: 0 };
    for (let slice = 0; slice < slicesMax && !state.stopped && clockTrusted(); slice += 1) {
      const done = await store.maintain(limits);
      total.bodies += done.bodies;
      total.batches += done.batches;
      if (!done.more) break;
    }
    return total;
  };
  const arm = (): void => {
    timer = clock.after(upkeepMs, () => {
      maintain(clock.now())
        .catch((cause: unknown) => observer.note('warn', 'ledger.upkeep', { cause }))
        .finally(() => {
          if (!state.stopped) arm();
        });
    });
  };
  const stop = (): void => {
    state.stopped = true;
    timer?.cancel();
  };
  return { maintain, arm, stop };
};

/** The clock that records are dated and leases measured by. Retention keeps the one that may be wrong. */
const steadyClock = ({ clock, steadyNow }: LedgerDeps): Clock => ({
  now: steadyNow,
  monotonic: () => clock.monotonic(),
  after: (ms, run) => clock.after(ms, run),
});

/** The write queue and its lease: a closed chain is left, a new one is claimed. */
const makeWriting = (deps: LedgerDeps, clock: Clock, leaving: () => void) => {
  const { store, keyRing, random, observer } = deps;
  const lease = makeLease({
    ...deps,
    clock,
    chainsAnsweredFor: async () => {
      const { entries } = await store.find({ unsettled: true, limit: 1_000 });
      return [...new Set(entries.map(({ writer }) => writer))];
    },
  });
  const queue = makeWriteQueue({
    store,
    keyRing,
    clock,
    random,
    observer,
    limits: deps.limits ?? queueLimits,
    claim: lease.claim,
    leaving,
  });
  return { lease, queue };
};

const shareAmong = (gateways: readonly LiveGateway[], writer: string) => {
  if (gateways.length === 0) return { gateways: 1, rank: 0 };
  // Commands hold a lease too, and let nothing through.
  const serving = gateways.filter(({ version }) => version !== '');
  return {
    gateways: serving.length,
    rank: serving.findIndex((each) => each.writer === writer),
  };
};

/** Makes the ledger; nothing happens before `start`. */
export const makeLedger = (deps: LedgerDeps): OwnedLedger => {
  const { store, keyRing, observer, environment } = deps;
  const clock = steadyClock(deps);
  let whenLeaving = (): void => undefined;
  /** Chains for whose entries this process answers beside its own. */
  const adopted = new Set<string>();
  const { lease, queue } = makeWriting(deps, clock, () => {
    // They went to whoever closed the chain, or go to whoever will.
    adopted.clear();
    whenLeaving();
  });
  const losses = makeLosses({ ...deps, clock }, queue);
  const checkpointer = makeCheckpointer({
    store,
    key: deps.checkpointKey,
    clock,
    observer,
    environment,
    ...deps.checkpoints,
    committed: queue.committed,
    alongside: losses.signAll,
  });
  const upkeep = makeUpkeep(deps);
  const dated = <Record extends LedgerRecord>(record: Record): Record =>
    deps.clockTrusted() ? record : { ...record, at: deps.steadyNow() };
  const soon = (record: LedgerRecord, reserved: boolean): void => {
    if (queue.soon(record, reserved)) return;
    // An entry whose outcome is lost here stays open on disk and is settled by recovery.
    observer.note('error', 'ledger.dropped', { kind: record.kind });
  };
  const denials = makeDenials(clock, (denial) => soon(denial, false));
  const writerOf = (entry: LedgerId): string | undefined => parseLedgerId(entry)?.writer;
  return Object.freeze({
    ...makeLookUp(store, keyRing),
    start: async (): Promise<void> => {
      const head = await lease.claim();
      await checkKeys(store, head, keyRing);
      queue.start(head, await losses.lackAt(head));
      checkpointer.start(await isSigned(store, head));
      upkeep.arm();
      await lease.start({ closed: queue.chainClosed, back: queue.tryNow });
    },
    stop: async (): Promise<void> => {
      upkeep.stop();
      denials.flush();
      const lost = await queue.stop();
      if (lost > 0) observer.note('error', 'ledger.unwritten', { records: lost });
      await checkpointer.stop();
      await lease.release();
    },
    open: (intent, options): Promise<LedgerId> => queue.durable(dated(intent), options.revocation),
    openClaiming: async (intent, { revocation, claims }): Promise<LedgerId | Unclaimed> => {
      assertBounded(claims);
      return queue.claiming(dated(intent), revocation, claims);
    },
    settle: (outcome): void => soon(dated(outcome), true),
    deny: (denial): void => denials.take(dated(denial)),
    act: (act): Promise<LedgerId> => queue.durable(dated(act), true),
    writable: queue.writable,
    // Of a store that is behind nobody knows whether the entry is still there.
    mayBegin: (entry, ms) =>
      queue.behind() === null &&
      lease.leftMs() >= ms &&
      (entry === null || writerOf(entry) === queue.committed().writer),
    lasts: (ms) => lease.leftMs() >= ms || lease.lasts(ms),
    answersFor: (entry) => {
      const writer = writerOf(entry);
      return writer === queue.committed().writer || adopted.has(writer ?? '');
    },
    newestAt: () => queue.committed().newestAt,
    gateways: lease.gateways,
    share: () => shareAmong(lease.gateways(), queue.committed().writer),
    whenLeaving: (listener) => {
      whenLeaving = listener;
    },
    noteRead: (act): void => soon(act, false),
    answerForDead: (tookOver) =>
      lease.answerForDead((writers) => {
        for (const writer of writers) adopted.add(writer);
        tookOver(writers);
      }),
    loss: queue.behind,
    acceptLoss: losses.accept,
    lookAtLoss: losses.look,
    checkpoint: checkpointer.emit,
    maintain: upkeep.maintain,
  } satisfies OwnedLedger);
};
