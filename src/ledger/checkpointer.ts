/**
 * When checkpoints are made and where they go: every so often while something was written, and at
 * stop; into the store, the log and append-only files. A copy that cannot be delivered is reported
 * and never stops the ledger.
 */
import { open } from 'node:fs/promises';
import type { KeyObject } from 'node:crypto';
import type { Clock, Timer } from '../clock.ts';
import type { Observer } from '../telemetry/observe.ts';
import { signCheckpoint } from './checkpoints.ts';
import type { LedgerStore } from './store.ts';
import type { Committed } from './queue-state.ts';

/** Where a copy goes. */
export type CheckpointSink = Readonly<{ kind: 'log' }> | Readonly<{ kind: 'file'; path: string }>;

export type CheckpointerDeps = Readonly<{
  store: Pick<LedgerStore, 'addCheckpoint'>;
  key: KeyObject;
  clock: Clock;
  observer: Pick<Observer, 'note'>;
  environment: string;
  everyMs: number;
  to: readonly CheckpointSink[];
  committed(): Committed;
  /** What else is to be done whenever a checkpoint is due. */
  alongside(): Promise<unknown>;
}>;

const headName = ({ writer, size }: Committed): string => `${writer} ${size}`;

export type Checkpointer = Readonly<{
  /** `signed`: the head on disk has its checkpoint already. */
  start(signed: boolean): void;
  /** Makes a checkpoint now if anything was written since the last; resolves with it or null. */
  emit(): Promise<string | null>;
  stop(): Promise<void>;
}>;

const appendDurably = async (path: string, text: string): Promise<void> => {
  const file = await open(path, 'a', 0o600);
  try {
    await file.appendFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
};

const deliver = async (
  sink: CheckpointSink,
  note: string,
  observer: Pick<Observer, 'note'>,
): Promise<void> => {
  if (sink.kind === 'log') {
    observer.note('info', 'ledger.checkpoint', { note });
    return;
  }
  await appendDurably(sink.path, `${note}\n`);
};

/** Brings copies of a note to every sink; what fails is reported and stops nothing. */
export const deliverNote = async (
  to: readonly CheckpointSink[],
  note: string,
  observer: Pick<Observer, 'note'>,
): Promise<void> => {
  const copies = to.map((sink) => deliver(sink, note, observer));
  for (const result of await Promise.allSettled(copies)) {
    if (result.status === 'rejected') {
      observer.note('error', 'ledger.checkpoint.undelivered', { cause: result.reason });
    }
  }
};

/** Makes the checkpointer; it is idle until `start`. */
export const makeCheckpointer = (deps: CheckpointerDeps): Checkpointer => {
  const { store, key, clock, observer, environment, everyMs, to, committed } = deps;
  let timer: Timer | null = null;
  /** The head as it was last signed. */
  let signed = '';
  let running: Promise<unknown> = Promise.resolve();

  const emitNow = async (): Promise<string | null> => {
    const { writer, size, digest } = committed();
    const head = headName(committed());
    if (head === signed || size === 0) return null;
    const at = clock.now();
    const note = signCheckpoint({ environment, writer, size, digest, at }, key);
    const kept = store.addCheckpoint({ writer, size, at, note }).catch((cause: unknown) => {
      observer.note('error', 'ledger.checkpoint.undelivered', { cause });
    });
    await Promise.all([kept, deliverNote(to, note, observer)]);
    signed = head;
    return note;
  };

  const emit = (): Promise<string | null> => {
    const next = running.then(emitNow);
    running = next.catch(() => null);
    return next;
  };

  const arm = (): void => {
    timer = clock.after(everyMs, () => {
      void Promise.allSettled([emit(), deps.alongside()]).finally(() => {
        if (timer !== null) arm();
      });
    });
  };

  return Object.freeze({
    start: (isSigned: boolean): void => {
      signed = isSigned ? headName(committed()) : '';
      arm();
    },
    emit,
    stop: async (): Promise<void> => {
      timer?.cancel();
      timer = null;
      await emit();
    },
  });
};
