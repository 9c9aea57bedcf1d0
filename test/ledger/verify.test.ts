import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import DatabaseConstructor from 'better-sqlite3';
import { systemClock } from '../../src/clock.ts';
import { ledgerId } from '../../src/ids.ts';
import { evidenceOfExport } from '../../src/ledger/evidence-of-export.ts';
import { evidenceOfStore, type Span } from '../../src/ledger/evidence.ts';
import { exportLedger } from '../../src/ledger/export.ts';
import { makeLedger } from '../../src/ledger/make-ledger.ts';
import { verifyLedger, type Verified } from '../../src/ledger/verify.ts';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import {
  checkpointKeys,
  denial,
  inFolder,
  intent,
  keyRing,
  ledgerDeps,
  outcome,
} from './fixture.ts';

type Tamper = (database: DatabaseConstructor.Database) => void;

/** Writes a few batches with two checkpoints; resolves with the notes. */
const write = async (path: string, batches: number): Promise<string> => {
  const stores = await openSqlite({ path });
  const ledger = makeLedger(ledgerDeps(stores.ledger));
  await ledger.start();
  const notes: (string | null)[] = [];
  for (let batch = 0; batch < batches; batch += 1) {
    const opened = [1, 2, 3].map(() => ledger.open(intent(), { revocation: false }));
    const ids = await Promise.all(opened);
    ledger.deny(denial());
    for (const id of ids) ledger.settle(outcome(id));
    if (batch % 2 === 1) notes.push(await ledger.checkpoint());
  }
  await ledger.stop();
  await stores.close();
  return notes.join('');
};

const verifyStore = async (path: string, sinceCheckpoint?: string): Promise<Verified> => {
  const stores = await openSqlite({ path });
  try {
    return await verifyLedger(evidenceOfStore({ store: stores.ledger, keyRing, writers: null }), {
      publicKey: checkpointKeys.publicKey,
      now: systemClock.now(),
      ...(sinceCheckpoint === undefined ? {} : { sinceCheckpoint }),
    });
  } finally {
    await stores.close();
  }
};

/** One ledger of six batches, copied for each case. */
const template = {
  folder: '',
  notes: '',
};
before(async () => {
  template.folder = await mkdtemp(join(tmpdir(), 'sallyport-verify-'));
  template.notes = await write(join(template.folder, 'ledger.db'), 6);
});
after(() => rm(template.folder, { recursive: true, force: true }));

const tampered = (tamper: Tamper, run: (found: Verified) => void | Promise<void>) =>
  inFolder(async (folder) => {
    const path = join(folder, 'ledger.db');
    await copyFile(join(template.folder, 'ledger.db'), path);
    const database = new DatabaseConstructor(path);
    tamper(database);
    database.close();
    await run(await verifyStore(path, template.notes));
  });

const codes = (found: Verified) => [...new Set(found.problems.map(({ code }) => code))].toSorted();

const flip = (bytes: Buffer, at = 60): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
};

void suite('a store', () => {
  void test('verifies as written', () =>
    tampered(
      () => undefined,
      (found) => {
        assert.deepEqual(found.problems, []);
        assert.equal(found.records, 6 * 7);
        assert.equal(found.entries, 6 * 4);
        assert.ok(found.checkpoints >= 3);
      },
    ));

  const cases: Record<string, readonly [Tamper, string]> = {
    'an edited record': [
      (database) => {
        const row = database
          .prepare('SELECT first, records FROM batches LIMIT 1 OFFSET 2')
          .get() as {
          first: number;
          records: Buffer;
        };
        database
          .prepare('UPDATE batches SET records = ? WHERE first = ?')
          .run(flip(row.records), row.first);
      },
      'unreadable',
    ],
    'an edited body': [
      (database) => {
        const row = database.prepare('SELECT first, sealed FROM bodies LIMIT 1').get() as {
          first: number;
          sealed: Buffer;
        };
        database
          .prepare('UPDATE bodies SET sealed = ? WHERE first = ?')
          .run(flip(row.sealed), row.first);
      },
      'unreadable',
    ],
    'an edited digest': [
      (database) => {
        const row = database
          .prepare('SELECT first, digest FROM batches LIMIT 1 OFFSET 1')
          .get() as {
          first: number;
          digest: Buffer;
        };
        database
          .prepare('UPDATE batches SET digest = ? WHERE first = ?')
          .run(flip(row.digest, 3), row.first);
      },
      'edited',
    ],
    'a deleted batch': [
      (database) =>
        database.exec(
          'DELETE FROM batches WHERE first = (SELECT first FROM batches ORDER BY first LIMIT 1 OFFSET 2)',
        ),
      'missing',
    ],
    'a deleted beginning': [
      (database) => database.exec('DELETE FROM batches WHERE first = 1'),
      'missing',
    ],
    'two batches swapped': [
      (database) => {
        const [a, b] = database
          .prepare('SELECT first, count, digest, records FROM batches ORDER BY first LIMIT 2')
          .all() as { first: number; count: number; digest: Buffer; records: Buffer }[];
        const update = database.prepare('UPDATE batches SET records = ? WHERE first = ?');
        update.run(b?.records, a?.first);
        update.run(a?.records, b?.first);
      },
      'unreadable',
    ],
    'a cut tail': [
      (database) => {
        database.exec('DELETE FROM batches WHERE first = (SELECT max(first) FROM batches)');
        database.exec('DELETE FROM bodies WHERE first > (SELECT max(first) FROM batches)');
      },
      'cut',
    ],
    'a deleted index row': [
      (database) => database.exec('DELETE FROM entries WHERE sequence = 2'),
      'index',
    ],
    'an index row too many': [
      (database) =>
        database.exec(
          'INSERT INTO entries SELECT 99999, at, client, route, target, actions, decision FROM entries LIMIT 1',
        ),
      'index',
    ],
    'an index row that names another client': [
      (database) => database.exec('UPDATE entries SET client = route WHERE sequence = 1'),
      'index',
    ],
    'an outcome made up': [
      (database) => database.exec('UPDATE outcomes SET outcome = 1 WHERE entry = 1'),
      'index',
    ],
    'an outcome removed': [
      (database) => database.exec('DELETE FROM outcomes WHERE entry = 2'),
      'index',
    ],
    'an entry reopened': [
      (database) => database.exec('INSERT INTO open_entries VALUES (1)'),
      'index',
    ],
    'an edited checkpoint': [
      (database) => database.exec("UPDATE checkpoints SET note = replace(note, 'test', 'prod')"),
      'signature',
    ],
  };
  for (const [name, [tamper, code]] of Object.entries(cases)) {
    void test(`shows ${name}`, () =>
      tampered(tamper, (found) => {
        assert.equal(found.ok, false);
        assert.ok(codes(found).includes(code as never), JSON.stringify(found.problems));
      }));
  }

  void test('that is rewritten whole, with the sealing key, shows against a checkpoint elsewhere', () =>
    inFolder(async (folder) => {
      const path = `${folder}/ledger.db`;
      const stores = await openSqlite({ path });
      const ledger = makeLedger(ledgerDeps(stores.ledger));
      await ledger.start();
      await ledger.open(intent(), { revocation: false });
      const note = await ledger.checkpoint();
      await ledger.stop();
      const writer = (await stores.ledger.chains())[0]?.writer as string;
      await stores.close();
      // The forger has the store and its key, not the checkpoint key: the same chain, another past.
      const other = await openSqlite({ path: `${folder}/forged.db` });
      const { privateKey } = generateKeyPairSync('ed25519');
      await other.ledger.head(writer);
      const forged = makeLedger(ledgerDeps(other.ledger, { checkpointKey: privateKey }));
      await forged.start();
      await forged.open(intent({ client: 'somebody-else' }), { revocation: false });
      await forged.stop();
      await other.close();
      const found = await verifyStore(`${folder}/forged.db`, note ?? '');
      assert.deepEqual(codes(found), ['rewritten', 'signature']);
    }));

  void test("of yesterday's backup shows against a checkpoint elsewhere", () =>
    inFolder(async (folder) => {
      const path = `${folder}/ledger.db`;
      await write(path, 2);
      await copyFile(path, `${folder}/backup.db`);
      const notes = await write(path, 2);
      assert.deepEqual(codes(await verifyStore(path, notes)), []);
      assert.deepEqual(codes(await verifyStore(`${folder}/backup.db`, notes)), ['behind']);
    }));
});

/** A store that closes with its block, whatever fails in it. */
const disposable = async (path: string) => {
  const stores = await openSqlite({ path });
  return { ledger: stores.ledger, [Symbol.asyncDispose]: () => stores.close() };
};

/** Lines of an export of six batches, with the notes. */
const exported = async (folder: string, span: Span = {}) => {
  const path = `${folder}/ledger.db`;
  const notes = await write(path, 6);
  const stores = await openSqlite({ path });
  const lines: string[] = [];
  const from = { store: stores.ledger, keyRing, writers: null };
  for await (const line of exportLedger(from, { format: 'ndjson', ...span })) lines.push(line);
  await stores.close();
  return { lines, notes };
};

const verifyLines = (lines: readonly string[], sinceCheckpoint = '') =>
  verifyLedger(evidenceOfExport(lines), {
    publicKey: checkpointKeys.publicKey,
    sinceCheckpoint,
    now: systemClock.now(),
  });

void suite('an export', () => {
  void test('verifies without any sealing key and shows every kind of tampering', () =>
    inFolder(async (folder) => {
      const { lines, notes } = await exported(folder);
      const sound = await verifyLines(lines, notes);
      assert.deepEqual(sound.problems, []);
      assert.equal(sound.records, 42);
      assert.ok(sound.checkpoints >= 3);
      assert.ok(!lines.join('').includes('zoë'), 'bodies stay behind');

      const at = lines.findIndex((line) => line.startsWith('{"seq":9,'));
      const without = (from: number, count = 1) => lines.toSpliced(from, count);
      const edited = lines.with(at, (lines[at] as string).replace('slack', 'slick'));
      const swapped = lines.with(at, lines[at + 1] as string).with(at + 1, lines[at] as string);
      assert.deepEqual(codes(await verifyLines(edited, notes)), ['edited']);
      assert.deepEqual(codes(await verifyLines(without(at), notes)), ['missing']);
      assert.ok(codes(await verifyLines(swapped, notes)).includes('order'));
      assert.ok(codes(await verifyLines(without(lines.length - 3, 2), notes)).includes('cut'));
      assert.ok(codes(await verifyLines(lines.slice(0, at), notes)).includes('behind'));
      assert.ok(codes(await verifyLines(lines.slice(1), notes)).includes('order'));
      assert.ok(codes(await verifyLines(['garbage', ...lines])).includes('unreadable'));
      assert.ok(codes(await verifyLines([], notes)).includes('behind'));
    }));

  void test('of a part verifies from its first link on', () =>
    inFolder(async (folder) => {
      const path = `${folder}/ledger.db`;
      await using stores = await disposable(path);
      let now = systemClock.now() - 100_000;
      const ledger = makeLedger(
        ledgerDeps(stores.ledger, { clock: { ...systemClock, now: () => now } }),
      );
      await ledger.start();
      const start = now;
      for (let second = 0; second < 10; second += 1) {
        now = start + second * 1_000;
        const opened = [0, 1, 2].map((ms) =>
          ledger.open(intent({ at: now + ms }), { revocation: false }),
        );
        await Promise.all(opened);
        await ledger.checkpoint();
      }
      const read = async (span: Span) => {
        const lines: string[] = [];
        const from = { store: stores.ledger, keyRing, writers: null };
        for await (const line of exportLedger(from, { format: 'ndjson', ...span }))
          lines.push(line);
        return lines;
      };
      for (const [span, records] of [
        [{ since: start + 3_000 }, 21],
        [{ since: start + 3_001 }, 20],
        [{ until: start + 3_001 }, 10],
        [{ since: start + 2_002, until: start + 7_001 }, 14],
        [{ since: start + 50_000 }, 0],
      ] as const) {
        const found = await verifyLines(await read(span));
        assert.deepEqual(found.problems, []);
        assert.equal(found.records, records, JSON.stringify(span));
      }
      const [id] = [ledgerId((await stores.ledger.chains())[0]?.writer as string, 5)];
      assert.equal((await ledger.show(id))?.row.client, 'entra-slack');
      await ledger.stop();
    }));
});
