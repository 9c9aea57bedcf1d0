/** A SQLite ledger copied into PostgreSQL: the same records, or a reason and nothing half believed. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import DatabaseConstructor from 'better-sqlite3';
import { systemClock } from '../../src/clock.ts';
import { systemRandom } from '../../src/ids.ts';
import { openBodies, openLines, subjectKey, traceKey } from '../../src/ledger/batch.ts';
import { copyLedger, type CopyDeps, type CopyResult } from '../../src/ledger/copy-ledger.ts';
import { evidenceOfStore } from '../../src/ledger/evidence.ts';
import type { LedgerStore, ScannedBatch } from '../../src/ledger/store.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { makeKeyRing } from '../../src/sealing.ts';
import { engineOf } from '../../src/storage/engines.ts';
import { openSqlite, type SqliteStores } from '../../src/storage/sqlite/open.ts';
import type { Stores } from '../../src/storage/stores.ts';
import { postgresForTests, type PostgresAt } from '../support/postgres.ts';
import {
  firstLeft,
  history,
  lastRecord,
  sourceWriter,
  subjectOf,
  traceOf,
  writeHistory,
} from './copy-source.ts';
import { checkpointKeys, inFolder, keyRing } from './fixture.ts';

const postgres = await postgresForTests();
const skip = 'missing' in postgres ? postgres.missing : false;

type Target = Stores & Readonly<{ shared: NonNullable<Stores['shared']> }>;
type Made = Readonly<{
  path: string;
  /** The target once more, as another process opens it. */
  again(run: (target: Target) => Promise<void>): Promise<void>;
  source: SqliteStores;
  target: Target;
  /** Copies; some dependencies may be others. */
  copy(more?: Partial<CopyDeps>): Promise<CopyResult>;
}>;

const opened = async (at: PostgresAt): Promise<Target> => {
  const stores = await engineOf(at).open(at);
  const { shared } = stores;
  assert.ok(shared !== null);
  return { ...stores, shared };
};

const withBoth = async (run: (made: Made) => Promise<void>): Promise<void> => {
  assert.ok(!('missing' in postgres));
  const at = postgres.at('copy_test');
  await inFolder(async (folder) => {
    const path = join(folder, 'store.db');
    const source = await openSqlite({ path });
    const target = await opened(at);
    try {
      const { shared } = target;
      const again: Made['again'] = async (run) => {
        const other = await opened(at);
        try {
          await run(other);
        } finally {
          await other.close();
        }
      };
      await writeHistory(source.ledger, systemClock.now());
      const copy: Made['copy'] = (more = {}) =>
        copyLedger({
          source: source.ledger,
          target: { ledger: target.ledger, writers: shared.writers },
          keyRing,
          publicKey: checkpointKeys.publicKey,
          clock: systemClock,
          random: systemRandom,
          about: { name: 'copy', version: '' },
          leaseMs: 2_000,
          stopped: () => false,
          progress: () => undefined,
          rest: async () => undefined,
          ...more,
        });
      await run({ path, again, source, target, copy });
    } finally {
      await target.close();
      await source.close();
      await postgres.drop(at);
    }
  });
};

const copying = (name: string, run: (made: Made) => Promise<void>): void => {
  void test(name, { skip }, (_context: TestContext) => withBoth(run));
};

const batchesOf = async (store: LedgerStore): Promise<readonly ScannedBatch[]> => {
  const out: ScannedBatch[] = [];
  for (let from = 1; ;) {
    const page = await store.scan({ writer: sourceWriter, from });
    out.push(...page);
    const last = page.at(-1);
    if (last === undefined) return out;
    from = last.first + last.count;
  }
};

/** What a batch says, whatever it is sealed with. */
const plain = (batch: ScannedBatch) => ({
  first: batch.first,
  digest: batch.digest.toString('hex'),
  lines: openLines(batch, keyRing),
  bodies: [...(openBodies(batch, keyRing) ?? [])].map(([sequence, { text }]) => [sequence, text]),
  entries: batch.entries,
  outcomes: batch.outcomes,
});

const verified = (store: LedgerStore) =>
  verifyLedger(evidenceOfStore({ store, keyRing, writers: null }), {
    publicKey: checkpointKeys.publicKey,
    now: systemClock.now(),
  });

const records = lastRecord - firstLeft + 1;

const isWhole = async ({ source, target }: Made): Promise<void> => {
  const [before, after] = [await batchesOf(source.ledger), await batchesOf(target.ledger)];
  assert.deepEqual(after.slice(0, -1).map(plain), before.map(plain));
  const [line] = openLines(after.at(-1) as ScannedBatch, keyRing) ?? [];
  assert.match(String(line), /"act":"store\.copied","actor":"local"/);
  const { ok, problems, checkpoints } = await verified(target.ledger);
  assert.ok(ok, JSON.stringify(problems));
  assert.ok(checkpoints >= 5);
  const heads = await target.shared.writers.heads();
  assert.deepEqual(
    heads.map(({ writer, size, closed }) => ({ writer, size, closed })),
    [{ writer: sourceWriter, size: lastRecord + 1, closed: false }],
  );
};

copying('every record keeps its bytes, and is found as before', async (made) => {
  const { source, target, copy } = made;
  const rest: string[] = [];
  const result = await copy({ rest: async () => void rest.push('done') });
  assert.equal(result.kind, 'copied', JSON.stringify(result));
  assert.ok(result.kind === 'copied');
  const { size, before, checkpoints } = result;
  assert.deepEqual(
    { size, records: result.records, before },
    { size: lastRecord, records, before: 0 },
  );
  assert.equal(checkpoints, 6);
  assert.deepEqual(rest, ['done']);
  await isWhole(made);
  const found = async (store: LedgerStore, keys: readonly (Buffer | null)[]) =>
    (await store.find({ keys: keys.filter((key) => key !== null), limit: 10 })).entries.map(
      ({ sequence, outcome }) => [sequence, outcome?.outcome],
    );
  const name = (batch: number, prefix = '') => [
    subjectKey(keyRing, `${prefix}${subjectOf(batch)}`),
  ];
  for (const keys of [
    name(50),
    name(50, 'old-'),
    [subjectKey(keyRing, 'u50')],
    [subjectKey(keyRing, 'made50')],
    [subjectKey(keyRing, 'key-50')],
    [traceKey(traceOf(20))],
    [subjectKey(keyRing, 'u20')],
  ]) {
    const there = await found(source.ledger, keys);
    assert.ok(there.length > 0);
    assert.deepEqual(await found(target.ledger, keys), there);
  }
  // The name stood in a body that retention removed.
  assert.deepEqual(await found(target.ledger, name(history.bodiesPruned - 5)), []);
});

copying('the next gateway answers for what was open in the chain', async (made) => {
  await made.copy();
  const { ledger, shared } = made.target;
  const about = { name: 'gateway', version: '' };
  const head = await shared.writers.claim({ ...about, candidate: 'ffffffff', leaseMs: 5_000 });
  await shared.writers.takeOver(head.writer);
  const open = async (store: LedgerStore) =>
    (await store.find({ unsettled: true, limit: 1_000 })).entries.map(({ sequence }) => sequence);
  const there = await open(made.source.ledger);
  assert.equal(there.length, history.batches - history.frontPruned);
  assert.deepEqual(await open(ledger), there);
  await shared.writers.release(head.writer);
});

copying('a copy that was stopped, or that failed, goes on where it was', async (made) => {
  let batches = 0;
  const stopped = await made.copy({ stopped: () => (batches += 1) > 20 });
  assert.equal(stopped.kind, 'refused');
  assert.match(
    stopped.kind === 'refused' ? stopped.reason : '',
    /^Stopped after record 180 of 360/,
  );
  const { ledger, shared } = made.target;
  let appends = 0;
  const failing: LedgerStore = {
    ...ledger,
    append: async (batch, options) => {
      appends += 1;
      if (appends === 11) throw new Error('the connection was cut');
      return ledger.append(batch, options);
    },
  };
  const cut = made.copy({ target: { ledger: failing, writers: shared.writers } });
  await assert.rejects(cut, /the connection was cut/);
  const result = await made.copy();
  assert.ok(result.kind === 'copied', JSON.stringify(result));
  assert.equal(result.before, 30 * history.each);
  await isWhole(made);
});

copying('a copy that was killed leaves a lease; when that ended the next goes on', async (made) => {
  // Another process, whose end nobody saw.
  await made.again(async ({ ledger, shared }) => {
    const writers = { ...shared.writers, release: async () => undefined };
    let batches = 0;
    await made.copy({ target: { ledger, writers }, stopped: () => (batches += 1) > 20 });
  });
  const early = await made.copy();
  assert.match(
    early.kind === 'refused' ? early.reason : '',
    /another copy, are at work.*copy \(until /,
  );
  let result = early;
  const until = systemClock.monotonic() + 20_000;
  while (result.kind === 'refused' && systemClock.monotonic() < until) result = await made.copy();
  assert.ok(result.kind === 'copied', JSON.stringify(result));
  assert.equal(result.before, 20 * history.each);
  await isWhole(made);
});

copying('doing it twice is doing it once, also when the target went on', async (made) => {
  await made.copy();
  const again = await made.copy({ rest: async () => assert.fail('copied again') });
  assert.ok(again.kind === 'nothing-left', JSON.stringify(again));
  assert.equal(again.records, records);
  await isWhole(made);
});

copying('a key that opens nothing copies nothing', async (made) => {
  const result = await made.copy({ keyRing: makeKeyRing([Buffer.alloc(32, 9)], systemRandom) });
  assert.ok(result.kind === 'refused');
  assert.match(result.reason, /^The source cannot be verified/);
  assert.equal(result.verified?.problems[0]?.code, 'unreadable');
  assert.deepEqual(await made.target.shared.writers.heads(), []);
});

copying('a source that was altered is not copied', async (made) => {
  const { path } = made;
  const database = new DatabaseConstructor(path);
  database.prepare('UPDATE entries SET client = client + 1 WHERE sequence = ?').run(lastRecord - 5);
  database.close();
  const result = await made.copy();
  assert.ok(result.kind === 'refused');
  assert.equal(result.verified?.problems[0]?.code, 'index');
  assert.deepEqual(await made.target.shared.writers.heads(), []);
});

copying('a target that is in use, or not empty, is left alone', async (made) => {
  await made.again(async ({ shared }) => {
    const about = { name: 'gw-1', version: 'v' };
    await shared.writers.claim({ ...about, candidate: 'aaaaaaaa', leaseMs: 60_000 });
    const alive = await made.copy();
    assert.match(alive.kind === 'refused' ? alive.reason : '', /on the target: gw-1 \(until /);
    await shared.writers.release('aaaaaaaa');
  });
  // A chain of another name with a record in it.
  const other = await made.copy({ source: withoutRecords(made.source.ledger) });
  assert.equal(other.kind, 'copied', JSON.stringify(other));
  const full = await made.copy();
  assert.match(full.kind === 'refused' ? full.reason : '', /holds other chains/);
  const chains = await made.target.ledger.chains();
  assert.ok(!chains.some(({ writer }) => writer === sourceWriter));
});

/** A source without any record: its copy is a chain with the act alone. */
const withoutRecords = (store: LedgerStore): LedgerStore => ({ ...store, chains: async () => [] });
