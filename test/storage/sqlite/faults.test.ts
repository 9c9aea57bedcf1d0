import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { systemClock } from '../../../src/clock.ts';
import { evidenceOfStore } from '../../../src/ledger/evidence.ts';
import { makeLedger, type OwnedLedger } from '../../../src/ledger/make-ledger.ts';
import type { IntentRecord } from '../../../src/ledger/record.ts';
import { verifyLedger } from '../../../src/ledger/verify.ts';
import { openSqlite, type SqliteStores } from '../../../src/storage/sqlite/open.ts';
import {
  checkpointKeys,
  inFolder,
  intent,
  keyRing,
  ledgerDeps,
  listening,
  outcome,
  withLedger,
} from '../../ledger/fixture.ts';

const open = (ledger: OwnedLedger, revocation = false) => ledger.open(intent(), { revocation });

const refused = { code: 'ledger_unavailable' };

/** Waits until the ledger can record again; its own retries decide when. */
const recovered = async (ledger: OwnedLedger): Promise<void> => {
  const until = performance.now() + 8_000;
  while (!ledger.writable()) {
    assert.ok(performance.now() < until, 'the ledger did not recover');
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
};

const verified = async (stores: SqliteStores) => {
  const found = await verifyLedger(
    evidenceOfStore({ store: stores.ledger, keyRing, writers: null }),
    {
      publicKey: checkpointKeys.publicKey,
      now: systemClock.now(),
    },
  );
  assert.deepEqual(found.problems, []);
  return found;
};

void suite('faults of the disk', () => {
  void test('an I/O error before the commit refuses intents; outcomes follow, the chain is whole', () =>
    withLedger(async ({ ledger, stores }) => {
      const id = await open(ledger);
      await stores.injectFault({ kind: 'io', on: 'append', when: 'before', count: 2 });
      ledger.settle(outcome(id));
      await assert.rejects(open(ledger), refused);
      assert.equal(ledger.writable(), false);
      assert.deepEqual(
        (await ledger.list({ limit: 5 })).map((row) => row.outcome),
        [null],
      );
      await recovered(ledger);
      assert.deepEqual(
        (await ledger.list({ limit: 5 })).map((row) => row.outcome),
        ['applied'],
      );
      await open(ledger);
      await verified(stores);
    }));

  void test('an I/O error after the commit is found out: the intent counts', () =>
    withLedger(async ({ ledger, stores }) => {
      await stores.injectFault({ kind: 'io', on: 'append', when: 'after', count: 1 });
      const id = await open(ledger);
      assert.equal((await ledger.list({ limit: 5 }))[0]?.id, id);
      assert.equal(ledger.writable(), true);
      await open(ledger);
      assert.equal((await verified(stores)).records, 2);
    }));

  void test('a full disk lets outcomes and revocations use the reserve', () =>
    withLedger(async ({ ledger, stores, path }) => {
      const id = await open(ledger);
      const size = async () => (await stat(`${path}.reserve`).catch(() => null))?.size ?? 0;
      assert.equal(await size(), 8 * 1_048_576);
      await stores.injectFault({ kind: 'full', on: 'append', when: 'before', count: 3 });
      ledger.settle(outcome(id));
      await assert.rejects(open(ledger), refused);
      await open(ledger, true);
      assert.equal(ledger.writable(), false);
      assert.equal(await size(), 0);
      assert.deepEqual(
        (await ledger.list({ limit: 5 })).map((row) => row.outcome),
        [null, 'applied'],
      );
      await recovered(ledger);
      assert.equal(await size(), 8 * 1_048_576);
      await open(ledger);
      await verified(stores);
    }));

  void test('a file that may not grow refuses intents, reads go on, and it recovers', () =>
    withLedger(async ({ ledger, stores }) => {
      await open(ledger);
      await stores.limitPages(1);
      const big = { ...intent().body, before: 'x'.repeat(200_000) };
      await assert.rejects(ledger.open(intent({ body: big }), { revocation: false }), refused);
      assert.equal((await ledger.list({ limit: 5 })).length, 1);
      await stores.limitPages(1_000_000);
      await recovered(ledger);
      await open(ledger);
      await verified(stores);
    }));

  void test('a wrong sealing key is found at the start', () =>
    inFolder(async (folder) => {
      const path = `${folder}/ledger.db`;
      const stores = await openSqlite({ path });
      try {
        const ledger = makeLedger(ledgerDeps(stores.ledger));
        await ledger.start();
        await open(ledger);
        await ledger.stop();
        const other = { ...keyRing, open: () => null };
        const again = makeLedger(ledgerDeps(stores.ledger, { keyRing: other }));
        await assert.rejects(again.start(), refused);
        await assert.rejects(open(again), { code: 'shutting_down' });
      } finally {
        await stores.close();
      }
    }));

  void test('a hundred opens at once share few commits', () => {
    const heard = listening();
    return withLedger(
      async ({ ledger }) => {
        const opened = Array.from({ length: 100 }, () => open(ledger));
        const ids = await Promise.all(opened);
        assert.equal(new Set(ids).size, 100);
        assert.ok(heard.appended.length <= 3, `${heard.appended.length} commits`);
      },
      { observer: heard.observer },
    );
  });

  void test('nothing of a body, a subject or a resource id is readable on disk', () =>
    withLedger(async ({ ledger, stores, path }) => {
      const { readFile } = await import('node:fs/promises');
      const marked: Partial<IntentRecord> = { resource: { type: 'User', id: 'MARKED-RESOURCE' } };
      await ledger.open(intent(marked), { revocation: false });
      await stores.ledger.maintain({ bodiesBefore: 0, ledgerBefore: 0, placesBefore: 0 });
      for (const suffix of ['', '-wal']) {
        const bytes = await readFile(`${path}${suffix}`);
        for (const secret of ['MARKED-RESOURCE', 'example.com', 'userName']) {
          assert.equal(bytes.includes(secret), false, `${secret} in ${suffix}`);
        }
      }
      const { mode } = await stat(path);
      assert.equal(mode & 0o077, 0);
    }));
});
