/**
 * Records that were acknowledged or signed and that the store does not have: found at the start from
 * checkpoint files, while running from joint notes and from the write queue. Nothing is recorded, and
 * so no mutation sent, until a person accepts the loss; one act is enough for all gateways.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Observer } from '../telemetry/observe.ts';
import { deliverNote, type CheckpointSink } from './checkpointer.ts';
import { makeJointCheckpointer } from './joint-checkpointer.ts';
import { lackOfStore, readKnownHeads } from './known-heads.ts';
import type { LossStore } from './loss-store.ts';
import { everyChain } from './chain-pages.ts';
import { genesis } from './chain.ts';
import type { Head, LedgerStore } from './store.ts';
import type { WriteQueue } from './write-queue.ts';
import type { ChainHead, WriterStore } from './writer-store.ts';

export type Losses = Readonly<{
  /** What the store lacks at the start, or null. */
  lackAt(head: Head): Promise<string | null>;
  /** Signs all chains together where that is due; finds out what is missing. */
  signAll(): Promise<unknown>;
  accept(by: string, reason: string): Promise<boolean>;
  /** Looks at what is missing, and whether somebody accepted it. */
  look(): Promise<void>;
}>;

export type LossesDeps = Readonly<{
  store: LedgerStore;
  /** Null where one process owns the store: then no notes join its only chain. */
  writers: WriterStore | null;
  losses: LossStore;
  checkpointKey: KeyObject;
  checkpoints: Readonly<{ everyMs: number; to: readonly CheckpointSink[] }>;
  environment: string;
  clock: Pick<Clock, 'now'>;
  observer: Pick<Observer, 'note'>;
}>;

/** Where every chain stands: of one process's store its only one. */
const headsOf = async (
  { writers }: LossesDeps,
  head: Head,
): Promise<ReadonlyMap<string, ChainHead>> => {
  const { writer, next, digest, closed } = head;
  const own = { writer, size: next - 1, digest: digest ?? genesis(writer), closed };
  const others = writers === null ? [] : await everyChain((after) => writers.heads(after));
  return new Map([own, ...others].map((each) => [each.writer, each]));
};

/** Chains whose records retention removed to the last: they stand in no list of heads. */
const prunedWhole = async (
  { store, writers }: LossesDeps,
  heads: ReadonlyMap<string, ChainHead>,
): Promise<ReadonlySet<string>> => {
  const chains = writers === null ? [] : await everyChain((after) => store.chains(after));
  return new Set(chains.map(({ writer }) => writer).filter((writer) => !heads.has(writer)));
};

/** Makes the watch over losses. */
export const makeLosses = (deps: LossesDeps, queue: WriteQueue): Losses => {
  const { writers, losses, checkpointKey, checkpoints, environment, clock, observer } = deps;
  /** The last acceptance known when the loss was found: a later one is of this loss. */
  let acceptedBefore: number | null = null;
  const fall = (lack: string): void => {
    observer.note('error', 'ledger.behind', { lack });
    queue.fallBehind(lack);
  };
  const joint =
    writers === null
      ? null
      : makeJointCheckpointer({
          writers,
          store: deps.store,
          key: checkpointKey,
          environment,
          clock,
          observer,
          everyMs: checkpoints.everyMs,
          deliver: (note) => deliverNote(checkpoints.to, note, observer),
          behind: fall,
        });
  const goOn = (): Promise<void> => {
    joint?.forget();
    return queue.accept();
  };
  return {
    lackAt: async (head) => {
      acceptedBefore = await losses.acceptedAt();
      const paths = checkpoints.to.flatMap((sink) => (sink.kind === 'file' ? [sink.path] : []));
      const publicKey = createPublicKey(checkpointKey);
      const asked = { environment, publicKey, after: acceptedBefore ?? 0 };
      const known = await readKnownHeads(paths, asked, (cause) => {
        observer.note('error', 'ledger.checkpoint.unreadable', { cause });
      });
      if (known.size === 0) return null;
      const heads = await headsOf(deps, head);
      const pruned = await prunedWhole(deps, heads);
      const lack = lackOfStore(
        [...known.values()].filter(({ writer }) => !pruned.has(writer)),
        heads,
      );
      if (lack !== null) observer.note('error', 'ledger.behind', { lack });
      return lack;
    },
    signAll: async () => {
      if (queue.behind() === null) await joint?.round();
    },
    accept: async (by, reason) => {
      const lack = queue.behind();
      if (lack === null) return false;
      acceptedBefore = await losses.accept(by, reason);
      const at = clock.now();
      const details = { reason, lack };
      queue.soon({ kind: 'act', at, actor: by, act: 'store.loss-accepted', details }, true);
      await goOn();
      return true;
    },
    look: async () => {
      if (queue.behind() === null) {
        // What was accepted up to now is no acceptance of a loss that is found later.
        acceptedBefore = await losses.acceptedAt();
        await joint?.round();
        return;
      }
      const acceptedAt = await losses.acceptedAt();
      if (acceptedAt === null || acceptedAt === acceptedBefore) return;
      acceptedBefore = acceptedAt;
      await goOn();
    },
  };
};
