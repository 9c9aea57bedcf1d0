/** The worker that reads: short views of the store, and checkpoints of the write-ahead log. */
import { parentPort, workerData } from 'node:worker_threads';
import { answerCalls } from './calls.ts';
import { makeCheckReads } from './checks.ts';
import { openForReading } from './connection.ts';
import { makeCopiedReads } from './copied-rows.ts';
import { makeEventReads } from './events.ts';
import { makeHoldReads } from './holds.ts';
import { makeLookUps } from './look-up.ts';
import { makeOutboxReads } from './outbox-reads.ts';
import { makeProtectionReads } from './protection.ts';
import {
  makeEchoReads,
  makeFreezeReads,
  makeKeyReads,
  makeLastGoodReads,
  makeLossReads,
} from './small-stores.ts';
import { makeUseReads } from './uses.ts';
import { makeWindowReads } from './window-reads.ts';

const { path } = workerData as { path: string };
const database = openForReading(path);

answerCalls(parentPort, {
  ...makeLookUps(database),
  ...makeKeyReads(database),
  ...makeLastGoodReads(database),
  ...makeFreezeReads(database),
  ...makeEchoReads(database),
  ...makeLossReads(database),
  ...makeEventReads(database),
  ...makeOutboxReads(database),
  ...makeHoldReads(database),
  ...makeProtectionReads(database),
  ...makeCheckReads(database),
  ...makeUseReads(database),
  ...makeWindowReads(database),
  ...makeCopiedReads(database),
  checkpointWal: () => void database.pragma('wal_checkpoint(PASSIVE)'),
  close: () => void database.close(),
});
