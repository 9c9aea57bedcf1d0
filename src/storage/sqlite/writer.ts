/**
 * The worker that writes: it alone holds the store, and answers one call after the other. An I/O
 * error is final for a handle: it is closed, and the next call opens another and finds out from the
 * disk what had happened.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { Database } from 'better-sqlite3';
import type { SourceState } from '../../deliveries/event-store.ts';
import type { Appended, Head } from '../../ledger/store.ts';
import { answerCalls, codeOf } from './calls.ts';
import {
  hasReserve,
  holdStore,
  makeReserve,
  openForWriting,
  releaseReserve,
  walBytes,
  walSize,
} from './connection.ts';
import { makeAppender } from './append.ts';
import { makeCheckWrites } from './checks.ts';
import { makeEventWrites } from './events.ts';
import { makeFaults, sqliteError, type Fault } from './faults.ts';
import { makeHoldWrites } from './holds.ts';
import { makeLookupWrites } from './lookups.ts';
import { makeOutboxWrites } from './outbox.ts';
import { unpackBatch, type PackedBatch } from './packed-batch.ts';
import { makeProtectionWrites } from './protection.ts';
import { makeRetentionSlices } from './retention.ts';
import { readBatch, type SentBatch } from './sent-batch.ts';
import {
  makeEchoWrites,
  makeFreezeWrites,
  makeKeyWrites,
  makeLastGoodWrites,
  makeLossWrites,
} from './small-stores.ts';
import { makeUseWrites } from './uses.ts';

const { path } = workerData as { path: string };
const lock = holdStore(path);
const faults = makeFaults();

const openHandle = () => {
  const database = openForWriting(path);
  const appender = makeAppender(database);
  return {
    database,
    appender,
    retain: makeRetentionSlices(database, appender.placesRemoved),
    lookups: makeLookupWrites(database),
    events: makeEventWrites(database),
    outbox: makeOutboxWrites(database),
    small: {
      ...makeKeyWrites(database),
      ...makeLastGoodWrites(database),
      ...makeFreezeWrites(database),
      ...makeEchoWrites(database),
      ...makeLossWrites(database),
    },
    safety: {
      ...makeHoldWrites(database),
      ...makeProtectionWrites(database),
      ...makeCheckWrites(database),
      ...makeUseWrites(database),
    },
  };
};
type Handle = ReturnType<typeof openHandle>;
const first = openHandle();
let handle: Handle | null = first;
makeReserve(path);

/** Errors after which a handle can be trusted no more. */
const isFatal = (code: string): boolean =>
  /^SQLITE_(IOERR|CORRUPT|NOTADB|CANTOPEN|READONLY|PROTOCOL|NOMEM)/.test(code);

const using = <Result>(run: (open: Handle) => Result): Result => {
  handle ??= openHandle();
  try {
    return run(handle);
  } catch (error) {
    if (isFatal(codeOf(error))) {
      const broken = handle;
      handle = null;
      broken.database.close();
    }
    throw error;
  }
};

/** Keeps the write-ahead log bounded where the reader's checkpoints do not keep up. */
const boundWal = (database: Database): void => {
  const size = walSize(path);
  if (size > walBytes.truncate) database.pragma('wal_checkpoint(TRUNCATE)');
  else if (size > walBytes.passive) database.pragma('wal_checkpoint(PASSIVE)');
};
let commits = 0;
const noteCommit = (database: Database): void => {
  commits += 1;
  if (commits % 64 === 0) boundWal(database);
};

const append = (sent: SentBatch, options: Readonly<{ reserve: boolean }>): Appended => {
  const batch = readBatch(sent);
  if (options.reserve) releaseReserve(path);
  else if (faults.full()) return { kind: 'full' };
  try {
    const items = using(({ appender, database }) => {
      faults.pass('append', 'before');
      const refused = appender.append(batch);
      faults.pass('append', 'after');
      if (refused.length === 0) noteCommit(database);
      return refused;
    });
    if (items.length > 0) return { kind: 'unclaimed', items };
  } catch (error) {
    if (codeOf(error) === 'SQLITE_FULL') return { kind: 'full' };
    throw error;
  }
  return { kind: 'committed', reserve: hasReserve(path) };
};

const receive = (packed: PackedBatch, sources: readonly SourceState[], now: number) =>
  using(({ events, database }) => {
    if (faults.full('receive')) throw sqliteError('SQLITE_FULL');
    faults.pass('receive', 'before');
    const received = events.receiveEvents(unpackBatch(packed), sources, now);
    faults.pass('receive', 'after');
    noteCommit(database);
    return received;
  });

/**
 * A claim need not be on disk before it is used: after a crash nobody holds one. What follows syncs
 * the log as a whole.
 */
const claim = (wanted: Parameters<Handle['outbox']['claimDeliveries']>[0]) =>
  using(({ outbox, database }) => {
    database.pragma('synchronous = NORMAL');
    try {
      return outbox.claimDeliveries(wanted);
    } finally {
      database.pragma('synchronous = FULL');
    }
  });

const head = (candidate: string): Head => {
  const known = using(({ appender }) => {
    faults.pass('head', 'before');
    return appender.head(candidate);
  });
  const reserve = hasReserve(path) || (!faults.full() && makeReserve(path));
  return { ...known, reserve, closed: false };
};

/** Writes of the safety ports, each by its name; what they are given is typed at the other end. */
const safetyCalls = Object.fromEntries(
  Object.keys(first.safety).map((name) => [
    name,
    (...given: readonly unknown[]): unknown =>
      using(({ safety, database }) => {
        const writes: Readonly<Record<string, unknown>> = safety;
        const result = (writes[name] as (...all: readonly unknown[]) => unknown)(...given);
        noteCommit(database);
        return result;
      }),
  ]),
);

const close = (): void => {
  handle?.database.close();
  handle = null;
  lock.close();
};

answerCalls(parentPort, {
  ...safetyCalls,
  append,
  head,
  close,
  injectFault: (fault: Fault) => faults.arm(fault),
  limitPages: (pages: number) =>
    using(({ database }) => database.pragma(`max_page_count = ${Math.trunc(pages)}`)),
  addCheckpoint: (checkpoint: { size: number; at: number; note: string }) =>
    using(({ appender }) => appender.addCheckpoint(checkpoint)),
  retain: (limits: Parameters<Handle['retain']>[0]) => using(({ retain }) => retain(limits)),
  addBlocks: (...given: Parameters<Handle['lookups']['addBlocks']>) =>
    using(({ lookups }) => lookups.addBlocks.immediate(...given)),
  addKey: (...given: Parameters<Handle['small']['addKey']>) =>
    using(({ small }) => small.addKey(...given)),
  endKey: (...given: Parameters<Handle['small']['endKey']>) =>
    using(({ small }) => small.endKey(...given)),
  touchKeys: (...given: Parameters<Handle['small']['touchKeys']>) =>
    using(({ small }) => small.touchKeys(...given)),
  saveLastGood: (...given: Parameters<Handle['small']['saveLastGood']>) =>
    using(({ small }) => small.saveLastGood(...given)),
  freeze: (...given: Parameters<Handle['small']['freeze']>) =>
    using(({ small }) => small.freeze(...given)),
  thaw: (...given: Parameters<Handle['small']['thaw']>) =>
    using(({ small }) => small.thaw(...given)),
  acceptLoss: (by: string, reason: string) =>
    using(({ small }) => small.acceptLoss(by, reason, Date.now())),
  saveEchoes: (...given: Parameters<Handle['small']['saveEchoes']>) =>
    using(({ small }) => small.saveEchoes(...given)),
  pruneEchoes: (...given: Parameters<Handle['small']['pruneEchoes']>) =>
    using(({ small }) => small.pruneEchoes(...given)),
  receiveEvents: receive,
  pruneEvents: (...given: Parameters<Handle['events']['pruneEvents']>) =>
    using(({ events }) => events.pruneEvents(...given)),
  claimDeliveries: claim,
  settleDeliveries: (...given: Parameters<Handle['outbox']['settleDeliveries']>) =>
    using(({ outbox, database }) => {
      noteCommit(database);
      return outbox.settleDeliveries(...given);
    }),
  actOnDeliveries: (...given: Parameters<Handle['outbox']['actOnDeliveries']>) =>
    using(({ outbox }) => outbox.actOnDeliveries(...given)),
  releaseDeliveries: (...given: Parameters<Handle['outbox']['releaseDeliveries']>) =>
    using(({ outbox }) => outbox.releaseDeliveries(...given)),
});
