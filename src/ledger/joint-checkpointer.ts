/**
 * Signs all chains of a shared store together, every so often, whichever gateway comes first; and
 * finds out where the store has less than a note signed before says. One round at a time.
 */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Observer } from '../telemetry/observe.ts';
import { everyChain } from './chain-pages.ts';
import { jointDigest, jointLinesMax, readJoint, signJoint } from './joint-notes.ts';
import { lackOfStore } from './known-heads.ts';
import type { LedgerStore } from './store.ts';
import type { ChainHead, JointNote, WriterStore } from './writer-store.ts';

export type JointDeps = Readonly<{
  writers: WriterStore;
  store: Pick<LedgerStore, 'chains'>;
  key: KeyObject;
  environment: string;
  clock: Pick<Clock, 'now'>;
  observer: Pick<Observer, 'note'>;
  everyMs: number;
  /** Brings copies of a note to where they are kept. */
  deliver(note: string): Promise<void>;
  /** The store has less than was signed; `lack` says what. */
  behind(lack: string): void;
}>;

export type JointCheckpointer = Readonly<{
  /**
   * Looks whether all that was signed is there, and signs what moved since the newest note where that
   * is due. Resolves with the note it made, or null. Rejects where the store fails.
   */
  round(): Promise<string | null>;
  /** A person accepted what is missing: what was known is forgotten. */
  forget(): void;
}>;

/** Notes of one page. */
const pageSize = 1_000;

/** Makes the checkpointer of all chains. */
export const makeJointCheckpointer = (deps: JointDeps): JointCheckpointer => {
  const { writers, store, key, environment, clock, observer } = deps;
  let newest: JointNote | null = null;
  /** Heads as notes told them. */
  let told = new Map<string, ChainHead>();
  let running: Promise<unknown> = Promise.resolve();

  const remember = (joint: JointNote): void => {
    newest = joint;
    for (const head of readJoint(joint.note, null)?.heads ?? []) told.set(head.writer, head);
  };
  /** Reads the notes that came since; false where those known are not there any more. */
  const follow = async (): Promise<boolean> => {
    const there = await writers.newestJoint();
    if (newest !== null) {
      const [same] = await writers.joints(newest.number);
      if (same === undefined || same.note !== newest.note) {
        deps.behind(`the joint checkpoint ${newest.number} is not in the store`);
        return false;
      }
    }
    if (there === null || there.number === newest?.number) return true;
    let from = Math.max((newest?.number ?? 0) + 1, there.number - pageSize + 1);
    for (;;) {
      const page = await writers.joints(from);
      for (const joint of page) remember(joint);
      if (page.length < pageSize) return true;
      from += pageSize;
    }
  };
  /** Chains that notes know and the store does not list may have been pruned whole. */
  const dropPruned = async (heads: ReadonlyMap<string, ChainHead>): Promise<void> => {
    const absent = [...told.keys()].filter((writer) => !heads.has(writer));
    if (absent.length === 0) return;
    const chains = new Set(
      (await everyChain((after) => store.chains(after))).map(({ writer }) => writer),
    );
    for (const writer of absent) if (chains.has(writer)) told.delete(writer);
  };
  const sign = async (moved: readonly ChainHead[]): Promise<string | null> => {
    const number = (newest?.number ?? 0) + 1;
    const at = clock.now();
    const previous = jointDigest(newest?.note ?? null);
    const note = signJoint({ environment, number, previous, at, heads: moved }, key);
    // Another gateway may have been first; its note is read in the next round.
    if (!(await writers.addJoint({ number, at, note }))) return null;
    remember({ number, at, note });
    await deps.deliver(note);
    return note;
  };
  const round = async (): Promise<string | null> => {
    if (!(await follow())) return null;
    const heads = new Map(
      (await everyChain((after) => writers.heads(after))).map((head) => [head.writer, head]),
    );
    await dropPruned(heads);
    const lack = lackOfStore(told.values(), heads);
    if (lack !== null) {
      deps.behind(lack);
      return null;
    }
    // A note from the future is one of a wrong clock: nobody waits until then.
    const due = newest === null || Math.abs(clock.now() - newest.at) >= deps.everyMs * 0.75;
    if (!due) return null;
    const moved = [...heads.values()].filter((head) => {
      const before = told.get(head.writer);
      return before === undefined || before.size < head.size || before.closed !== head.closed;
    });
    return moved.length === 0 ? null : sign(moved.slice(0, jointLinesMax));
  };
  return {
    round: () => {
      const next = running.then(round);
      running = next.catch((cause: unknown) => {
        observer.note('warn', 'ledger.joint.failed', { cause });
      });
      return next;
    },
    forget: () => {
      newest = null;
      told = new Map();
    },
  };
};
