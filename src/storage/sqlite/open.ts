/**
 * The SQLite engine: all storage ports on one file, behind two worker threads. The event loop never
 * touches the disk. One process at a time; a second is told so.
 */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { KeyStore } from '../../callers/store.ts';
import type { LastGoodStore } from '../../config/store.ts';
import type { EventStore } from '../../deliveries/event-store.ts';
import type { OutboxStore } from '../../deliveries/outbox-store.ts';
import type { CheckStore } from '../../drift/check-store.ts';
import { GatewayError } from '../../errors.ts';
import type { HoldStore } from '../../holds/hold-store.ts';
import type { LossStore } from '../../ledger/loss-store.ts';
import type { LedgerStore } from '../../ledger/store.ts';
import type { EchoStore } from '../../passage/echo-store.ts';
import type { UseStore } from '../../reports/use-store.ts';
import type { MarkStore } from '../../safety/mark-store.ts';
import type { OverrideStore } from '../../safety/override-store.ts';
import type { PopulationStore } from '../../safety/population-store.ts';
import type { WindowStore } from '../../safety/window-store.ts';
import { silentFeed } from '../../store-feed.ts';
import type { FreezeStore } from '../../targets/store.ts';
import type { CopiedRow } from '../copied-tables.ts';
import type { Stores } from '../stores.ts';
import { startWorker, type Calls } from './calls.ts';
import type { Fault } from './faults.ts';
import { makeMerging, type SortedRun } from './lookups.ts';
import { packBatch } from './packed-batch.ts';
import { sendBatch } from './sent-batch.ts';

export type SqliteStores = Stores &
  Readonly<{
    /** For tests and campaigns only: makes the next calls of the writer fail as a bad disk would. */
    injectFault(fault: Fault): Promise<void>;
    /** For tests only: SQLite's own limit of the file's size, in pages of 4 KiB. */
    limitPages(pages: number): Promise<void>;
  }>;

const entryOf = (name: string): URL =>
  new URL(`./${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** Bytes of batches after which the reader is asked to checkpoint the write-ahead log. */
const checkpointBytes = 4 * 1_048_576;

/** A worker that is started again by the next call after it was lost. */
const startKept = async (name: 'writer' | 'reader', path: string): Promise<Calls> => {
  let current: Promise<Calls> | null = null;
  let closed = false;
  const start = (): Promise<Calls> => {
    current ??= startWorker(entryOf(name), { path }, () => {
      current = null;
    });
    return current;
  };
  const started = async (): Promise<Calls> => {
    if (closed) throw new GatewayError('ledger_unavailable', { detail: 'The store is closed.' });
    return start();
  };
  await start();
  return {
    call: async (method, ...given) => (await started()).call(method, ...given),
    move: async (method, ...given) => (await started()).move(method, ...given),
    end: async () => {
      closed = true;
      await (await current)?.end();
    },
  };
};

// What crosses a worker's border is typed here, once, by the ports.
const port = <Port extends object>(
  routes: Readonly<Record<keyof Port, readonly [Calls, string]>>,
): Port => {
  const made: Record<string, unknown> = {};
  for (const [name, route] of Object.entries(routes)) {
    const [calls, method] = route as readonly [Calls, string];
    made[name] = (...given: readonly unknown[]) => calls.call(method, ...given);
  }
  return Object.freeze(made) as Port;
};

/** Notes about how many bytes were written. */
type NoteWritten = (bytes: number) => void;

const makeNoteWritten = (reader: Calls): NoteWritten => {
  let sinceCheckpoint = 0;
  return (bytes) => {
    sinceCheckpoint += bytes;
    if (sinceCheckpoint < checkpointBytes) return;
    sinceCheckpoint = 0;
    // Best effort: the writer bounds the log itself where this does not keep up.
    reader.call('checkpointWal').catch(() => undefined);
  };
};

const makeLedgerStore = (writer: Calls, reader: Calls, noteWritten: NoteWritten): LedgerStore => {
  const merge = makeMerging(
    async () => (await reader.call('sortRun')) as SortedRun | null,
    (slice) => writer.call('addBlocks', slice),
  );
  const maintain = async (limits: Parameters<LedgerStore['maintain']>[0]) => {
    const retained = (await writer.call('retain', limits)) as Awaited<
      ReturnType<LedgerStore['maintain']>
    >;
    const merged = await merge();
    return { ...retained, more: retained.more || merged };
  };
  // Two callers at once take turns: a run is merged by one of them.
  let last: Promise<unknown> = Promise.resolve();
  return {
    maintain: (limits) => {
      const next = last.then(() => maintain(limits));
      last = next.catch(() => undefined);
      return next;
    },
    ...port<Omit<LedgerStore, 'append' | 'maintain'>>({
      head: [writer, 'head'],
      addCheckpoint: [writer, 'addCheckpoint'],
      find: [reader, 'find'],
      read: [reader, 'read'],
      chains: [reader, 'chains'],
      scan: [reader, 'scan'],
      checkpoints: [reader, 'checkpoints'],
    }),
    append: async (batch, options) => {
      noteWritten(batch.records.length + (batch.bodies?.length ?? 0) + batch.count * 300);
      // The chain value stays here: the next batch begins from it.
      const { previous, digest } = batch;
      const copies = { previous: new Uint8Array(previous), digest: new Uint8Array(digest) };
      const sent = { ...sendBatch(batch), ...copies };
      return (await writer.move('append', sent, options)) as Awaited<
        ReturnType<LedgerStore['append']>
      >;
    },
  };
};

const makeEventStore = (writer: Calls, reader: Calls, noteWritten: NoteWritten): EventStore => ({
  ...port<Omit<EventStore, 'receive'>>({
    load: [reader, 'loadEvent'],
    list: [reader, 'listEvents'],
    sources: [reader, 'listSources'],
    prune: [writer, 'pruneEvents'],
  }),
  receive: async (batch, sources, now) => {
    const bytes = batch.reduce(
      (sum, { event, deliveries }) => sum + event.sealed.length + 1_000 * (1 + deliveries.length),
      0,
    );
    noteWritten(bytes);
    return (await writer.move('receiveEvents', packBatch(batch), sources, now)) as Awaited<
      ReturnType<EventStore['receive']>
    >;
  },
});

const safetyStores = (writer: Calls, reader: Calls) => ({
  holds: port<HoldStore>({
    put: [writer, 'putHold'],
    read: [reader, 'readHold'],
    list: [reader, 'listHolds'],
    binding: [reader, 'bindingHold'],
    bound: [reader, 'boundHolders'],
    change: [writer, 'changeHold'],
    expire: [writer, 'expireHolds'],
    counts: [reader, 'countHolds'],
    prune: [writer, 'pruneHolds'],
  }),
  protectionMarks: port<MarkStore>({
    list: [reader, 'listMarks'],
    add: [writer, 'addMarks'],
    forget: [writer, 'forgetMark'],
  }),
  overrides: port<OverrideStore>({
    add: [writer, 'addOverride'],
    approve: [writer, 'approveOverride'],
    end: [writer, 'endOverride'],
    list: [reader, 'listOverrides'],
  }),
  populations: port<PopulationStore>({
    list: [reader, 'listPopulations'],
    keep: [writer, 'keepPopulation'],
  }),
  windows: port<WindowStore>({
    held: [reader, 'heldByWindows'],
  }),
  checks: port<CheckStore>({
    put: [writer, 'putChecks'],
    claim: [writer, 'claimChecks'],
    read: [reader, 'readCheck'],
    change: [writer, 'changeCheck'],
    list: [reader, 'listChecks'],
    counts: [reader, 'countChecks'],
    nextDueAt: [reader, 'nextCheckAt'],
    prune: [writer, 'pruneChecks'],
  }),
  uses: port<UseStore>({
    add: [writer, 'addUses'],
    sum: [reader, 'sumUses'],
    first: [reader, 'firstUseDay'],
    prune: [writer, 'pruneUses'],
  }),
});

/**
 * Opens (or makes) the store at `path`. Rejects with GatewayError `ledger_unavailable`: another
 * process runs on it, it is newer than this program, or it cannot be opened; `detail` says which.
 */
export const openSqlite = async (options: Readonly<{ path: string }>): Promise<SqliteStores> => {
  const { path } = options;
  let writer: Calls | null = null;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    writer = await startKept('writer', path);
    const reader = await startKept('reader', path);
    return stores(writer, reader);
  } catch (cause) {
    await writer?.end();
    throw new GatewayError('ledger_unavailable', {
      cause,
      detail: `The store cannot be opened: ${cause instanceof Error ? cause.message : 'unknown'}.`,
    });
  }
};

const stores = (writer: Calls, reader: Calls): SqliteStores => {
  const noteWritten = makeNoteWritten(reader);
  return Object.freeze({
    ledger: makeLedgerStore(writer, reader, noteWritten),
    events: makeEventStore(writer, reader, noteWritten),
    outbox: port<OutboxStore>({
      claim: [writer, 'claimDeliveries'],
      settle: [writer, 'settleDeliveries'],
      act: [writer, 'actOnDeliveries'],
      releaseAll: [writer, 'releaseDeliveries'],
      nextDueAt: [reader, 'nextDueAt'],
      newer: [reader, 'newerDeliveries'],
      counts: [reader, 'countDeliveries'],
      list: [reader, 'listDeliveries'],
      show: [reader, 'showDelivery'],
    }),
    copying: {
      read: async (table: string, after: CopiedRow | null) =>
        (await reader.call('readCopied', table, after)) as readonly CopiedRow[],
      write: null,
    },
    keys: port<KeyStore>({
      addKey: [writer, 'addKey'],
      listKeys: [reader, 'listKeys'],
      endKey: [writer, 'endKey'],
      touchKeys: [writer, 'touchKeys'],
    }),
    lastGood: port<LastGoodStore>({
      save: [writer, 'saveLastGood'],
      load: [reader, 'loadLastGood'],
    }),
    freezes: port<FreezeStore>({
      freeze: [writer, 'freeze'],
      thaw: [writer, 'thaw'],
      list: [reader, 'listFreezes'],
    }),
    echoes: port<EchoStore>({
      load: [reader, 'loadEchoes'],
      save: [writer, 'saveEchoes'],
      prune: [writer, 'pruneEchoes'],
    }),
    ...safetyStores(writer, reader),
    losses: port<LossStore>({
      accept: [writer, 'acceptLoss'],
      acceptedAt: [reader, 'lossAcceptedAt'],
    }),
    shared: null,
    feed: silentFeed,
    warnings: () => Promise.resolve([]),
    close: async (): Promise<void> => {
      await reader.end();
      await writer.end();
    },
    injectFault: async (fault: Fault): Promise<void> => {
      await writer.call('injectFault', fault);
    },
    limitPages: async (pages: number): Promise<void> => {
      await writer.call('limitPages', pages);
    },
  });
};
