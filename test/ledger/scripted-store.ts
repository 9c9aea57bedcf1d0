/** A write queue over a store whose answers a test gives, one by one. */
import { GatewayError } from '../../src/errors.ts';
import { systemRandom, type LedgerId } from '../../src/ids.ts';
import type { Claims, Unclaimed } from '../../src/ledger/claims.ts';
import type { Appended, Head, LedgerBatch, LedgerStore } from '../../src/ledger/store.ts';
import { makeWriteQueue } from '../../src/ledger/write-queue.ts';
import { intent, keyRing, listening } from './fixture.ts';
import { manualClock } from './manual-clock.ts';

/** The chain it writes. */
export const writer = '00c0ffee';

/** A store in memory whose answers the test gives, one by one. */
const scripted = () => {
  const committed: LedgerBatch[] = [];
  const calls: {
    batch: LedgerBatch;
    reserve: boolean;
    commit(reserve?: boolean): void;
    full(): void;
    unclaimed(...sequences: readonly number[]): void;
    fail(written: boolean): void;
  }[] = [];
  const state = { heads: true, reserve: true };
  const head = (): Head => ({
    writer,
    next: 1 + committed.reduce((sum, batch) => sum + batch.count, 0),
    digest: committed.at(-1)?.digest ?? null,
    newestAt: committed.at(-1)?.atLast ?? null,
    reserve: state.reserve,
    closed: false,
  });
  const store = {
    head: () => (state.heads ? Promise.resolve(head()) : Promise.reject(new Error('gone'))),
    append: (batch: LedgerBatch, { reserve }: { reserve: boolean }) =>
      new Promise<Appended>((resolve, reject) => {
        calls.push({
          batch,
          reserve,
          commit: (intact = true) => {
            committed.push(batch);
            resolve({ kind: 'committed', reserve: intact });
          },
          full: () => resolve({ kind: 'full' }),
          unclaimed: (...sequences) =>
            resolve({
              kind: 'unclaimed',
              items: sequences.map((sequence) => ({ sequence, why: { unclaimed: 'hold' } })),
            }),
          fail: (written) => {
            if (written) committed.push(batch);
            reject(new Error('I/O'));
          },
        });
      }),
  } as unknown as LedgerStore;
  return { store, calls, committed, state, head };
};

/** Lets promises and immediates run. */
export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
};

/** A queue over such a store; `answers` are ids, error codes and what could not be had, as they come. */
export const makeScripted = (limits = { recordsMax: 10_000, bytesMax: 1_000_000 }) => {
  const play = scripted();
  const clock = manualClock();
  const heard = listening();
  const { store } = play;
  const { observer } = heard;
  const queue = makeWriteQueue({
    store,
    keyRing,
    clock,
    random: systemRandom,
    observer,
    limits,
    claim: () => Promise.resolve(play.head()),
    leaving: () => undefined,
  });
  queue.start(play.head(), null);
  const answers: (LedgerId | string)[] = [];
  const note = (answer: Promise<LedgerId | Unclaimed>): void => {
    answer.then(
      (came) => answers.push(typeof came === 'string' ? came : `no ${came.unclaimed}`),
      (error: unknown) => answers.push(error instanceof GatewayError ? error.code : 'other'),
    );
  };
  const open = (reserved = false): void =>
    note(queue.durable(intent({ at: clock.now() }), reserved));
  const claim = (claims: Claims, reserved = false): void =>
    note(queue.claiming(intent({ at: clock.now() }), reserved, claims));
  return { ...play, clock, heard, queue, answers, open, claim };
};
