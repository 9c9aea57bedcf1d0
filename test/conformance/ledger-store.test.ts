/** What every engine must do for the ledger's and the small ports; engines stand in one table. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { KeyStore, StoredKey } from '../../src/callers/store.ts';
import type { LastGoodStore } from '../../src/config/store.ts';
import { ledgerId, newKeyId, systemRandom, type KeyId } from '../../src/ids.ts';
import { encodeBatch, subjectKey, traceKey, type Line } from '../../src/ledger/batch.ts';
import { bodyText, canonicalText, hashBody } from '../../src/ledger/canonical.ts';
import { genesis } from '../../src/ledger/chain.ts';
import type { LedgerRecord } from '../../src/ledger/record.ts';
import type { LedgerBatch, LedgerStore } from '../../src/ledger/store.ts';
import type { EchoStore } from '../../src/passage/echo-store.ts';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import type { FreezeStore } from '../../src/targets/store.ts';
import { denial, intent, keyRing, outcome } from '../ledger/fixture.ts';

type Stores = Readonly<{
  ledger: LedgerStore;
  keys: KeyStore;
  lastGood: LastGoodStore;
  freezes: FreezeStore;
  echoes: EchoStore;
  close(): Promise<void>;
}>;

/** Opens a fresh, empty store. */
const engines: Readonly<Record<string, () => Promise<Stores>>> = {
  sqlite: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-conformance-'));
    const stores = await openSqlite({ path: join(folder, 'store.db') });
    const close = async (): Promise<void> => {
      await stores.close();
      await rm(folder, { recursive: true, force: true });
    };
    return { ...stores, close };
  },
};

const writer = '0badcafe';
const dayMs = 86_400_000;

const lineOf = (record: LedgerRecord): Line => {
  const salt = Buffer.alloc(16, 3);
  const body = record.kind === 'intent' ? { salt, text: bodyText(record.body) } : null;
  const text = canonicalText(record, record.at, body === null ? null : hashBody(body));
  return { record, at: record.at, text, body };
};

/** Appends batches one behind the other and remembers them. */
const chainOn = async (store: LedgerStore) => {
  let { next, digest } = await store.head(writer);
  return async (...records: readonly LedgerRecord[]): Promise<LedgerBatch> => {
    const from = { writer, first: next, previous: digest ?? genesis(writer) };
    const batch = encodeBatch(records.map(lineOf), from, keyRing);
    // Engines may take the bytes away: keep copies.
    const kept = { ...batch, records: Buffer.from(batch.records) as LedgerBatch['records'] };
    const written = await store.append(batch, { reserve: false });
    assert.deepEqual(written, { kind: 'committed', reserve: true });
    next += batch.count;
    digest = batch.digest;
    return kept;
  };
};

const withStores =
  (open: () => Promise<Stores>, run: (stores: Stores) => Promise<void>) => async () => {
    const stores = await open();
    try {
      await run(stores);
    } finally {
      await stores.close();
    }
  };

const ids = (...sequences: readonly number[]) => sequences.map((each) => ledgerId(writer, each));

for (const [name, open] of Object.entries(engines)) {
  const found = async (store: LedgerStore, query: Parameters<LedgerStore['find']>[0]) =>
    (await store.find(query)).entries.map(({ sequence }) => sequence);

  void suite(`ledger store on ${name}`, () => {
    void test(
      'knows its head and takes only what continues it',
      withStores(open, async ({ ledger }) => {
        const empty = await ledger.head(writer);
        assert.deepEqual(empty, {
          writer,
          next: 1,
          digest: null,
          newestAt: null,
          reserve: true,
          closed: false,
        });
        assert.equal((await ledger.head('ffffffff')).writer, writer);
        const append = await chainOn(ledger);
        const first = await append(intent({ at: 10 }), intent({ at: 20 }));
        const head = await ledger.head(writer);
        assert.deepEqual([head.next, head.newestAt], [3, 20]);
        assert.deepEqual(head.digest, first.digest);
        const again = encodeBatch(
          [lineOf(intent())],
          { ...first, first: 3, previous: genesis(writer) },
          keyRing,
        );
        await assert.rejects(ledger.append(again, { reserve: false }), {
          code: 'ledger_unavailable',
        });
        assert.equal((await ledger.head(writer)).next, 3);
      }),
    );

    void test(
      'finds by every filter, newest first',
      withStores(open, async ({ ledger }) => {
        const append = await chainOn(ledger);
        const traceId = 'ab'.repeat(16) as never;
        await append(
          intent({ at: 1_000, client: 'a', route: 'r1', target: 't1' }),
          intent({
            at: 2_000,
            client: 'b',
            actions: ['users:update', 'users:deactivate'],
            traceId,
          }),
          denial({ at: 2_500, client: 'a', resource: { type: 'User', id: 'X1' } }),
        );
        await append(intent({ at: 3_000, client: 'a', actions: ['groups:create'] }));
        await append(outcome(ledgerId(writer, 2), { at: 3_500, resourceId: 'made-1' }));
        const limit = 10;
        assert.deepEqual(await found(ledger, { limit }), [4, 3, 2, 1]);
        assert.deepEqual(await found(ledger, { limit: 2 }), [4, 3]);
        assert.deepEqual(await found(ledger, { client: 'a', limit }), [4, 3, 1]);
        assert.deepEqual(await found(ledger, { client: 'a', route: 'r1', limit }), [1]);
        assert.deepEqual(await found(ledger, { client: '__proto__', limit }), []);
        assert.deepEqual(await found(ledger, { target: 't1', limit }), [1]);
        assert.deepEqual(await found(ledger, { actions: ['users:deactivate'], limit }), [2, 1]);
        assert.deepEqual(
          await found(ledger, { actions: ['groups:create', 'users:delete'], limit }),
          [4, 3],
        );
        assert.deepEqual(await found(ledger, { actions: ['users'], limit }), []);
        assert.deepEqual(await found(ledger, { since: 2_000, limit }), [4, 3, 2]);
        assert.deepEqual(await found(ledger, { until: 2_500, limit }), [2, 1]);
        assert.deepEqual(await found(ledger, { since: 2_000, until: 3_000, limit }), [3, 2]);
        assert.deepEqual(await found(ledger, { since: 9_000, limit }), []);
        const key = (subject: string) => [subjectKey(keyRing, subject)];
        assert.deepEqual(await found(ledger, { keys: key('x1'), limit }), [3]);
        assert.deepEqual(await found(ledger, { keys: key('made-1'), limit }), [2]);
        const trace = traceKey(traceId) as Buffer;
        assert.deepEqual(await found(ledger, { keys: [trace], limit }), [2]);
        assert.deepEqual(await found(ledger, { keys: [trace, ...key('X1')], limit }), []);
        assert.deepEqual(await found(ledger, { keys: key('2819c223'), client: 'b', limit }), [2]);
      }),
    );

    void test(
      'gives each batch once, and the newest outcome',
      withStores(open, async ({ ledger }) => {
        const append = await chainOn(ledger);
        const first = await append(intent(), intent());
        await append(
          outcome(ledgerId(writer, 1), { outcome: 'in-doubt', settledBy: 'timeout', status: null }),
        );
        await append(outcome(ledgerId(writer, 1), { settledBy: 'read-back' }));
        const { entries, batches } = await ledger.find({ limit: 5 });
        assert.deepEqual(
          batches.map((batch) => batch.first),
          [1],
        );
        assert.deepEqual(batches[0]?.records, first.records);
        assert.deepEqual(entries[1]?.outcome?.settledBy, 'read-back');
        const read = await ledger.read(ledgerId(writer, 1));
        assert.deepEqual(
          read?.outcomes.map(({ sequence }) => sequence),
          [3, 4],
        );
        assert.deepEqual(
          read?.outcomeBatches.map((batch) => batch.first),
          [3, 4],
        );
        assert.notEqual(read?.batch.bodies, null);
        assert.equal(await ledger.read(ledgerId(writer, 99)), null);
        assert.equal(await ledger.read(ledgerId('ffffffff', 1)), null);
      }),
    );

    void test(
      'knows what is unsettled, oldest first',
      withStores(open, async ({ ledger }) => {
        const append = await chainOn(ledger);
        await append(intent(), intent(), intent({ decision: 'hold' }), denial(), intent());
        const [, second, , , fifth] = ids(1, 2, 3, 4, 5);
        await append(
          outcome(fifth as never),
          outcome(second as never, { outcome: 'in-doubt', settledBy: 'timeout' }),
        );
        assert.deepEqual(await found(ledger, { unsettled: true, limit: 10 }), [1, 2]);
        assert.deepEqual(await found(ledger, { unsettled: true, limit: 1 }), [1]);
        assert.deepEqual(
          await found(ledger, { unsettled: true, after: ledgerId(writer, 1), limit: 10 }),
          [2],
        );
        await append(outcome(second as never, { settledBy: 'person' }));
        assert.deepEqual(await found(ledger, { unsettled: true, limit: 10 }), [1]);
      }),
    );

    void test(
      'scans in pages, with index rows, from any record or time',
      withStores(open, async ({ ledger }) => {
        assert.deepEqual(await ledger.scan({ writer, from: 1 }), []);
        const append = await chainOn(ledger);
        for (let batch = 0; batch < 40; batch += 1) {
          await append(intent({ at: batch * 10 }), intent({ at: batch * 10 + 5 }));
        }
        const page = await ledger.scan({ writer, from: 1 });
        assert.equal(page.length, 32);
        assert.deepEqual(
          page[3]?.entries.map((entry) => [entry.sequence, entry.open]),
          [
            [7, true],
            [8, true],
          ],
        );
        assert.equal((await ledger.scan({ writer, from: 65 })).length, 8);
        assert.equal((await ledger.scan({ writer, from: 80 }))[0]?.first, 79);
        assert.deepEqual(await ledger.scan({ writer, from: 81 }), []);
        assert.equal((await ledger.scan({ writer, from: 1, since: 301 }))[0]?.first, 61);
        assert.deepEqual(await ledger.chains(), [{ writer, first: 1, previous: null }]);
      }),
    );

    void test(
      'keeps checkpoints, the first of a size',
      withStores(open, async ({ ledger }) => {
        await ledger.head(writer);
        for (const size of [30, 10, 20]) {
          await ledger.addCheckpoint({ writer, size, at: 1, note: `note ${size}` });
        }
        await ledger.addCheckpoint({ writer, size: 10, at: 1, note: 'another' });
        assert.deepEqual(await ledger.checkpoints({ writer, from: 10, to: 20 }), [
          { size: 10, note: 'note 10' },
          { size: 20, note: 'note 20' },
        ]);
      }),
    );

    void test(
      'removes bodies, then batches, as retention says, and keeps the chain verifiable',
      withStores(open, async ({ ledger }) => {
        const append = await chainOn(ledger);
        const digests: Buffer[] = [];
        for (let batch = 0; batch < 40; batch += 1) {
          const { digest } = await append(intent({ at: batch * 10 }));
          digests.push(digest);
        }
        const total = { bodies: 0, batches: 0 };
        for (let more = true; more;) {
          const done = await ledger.maintain({ bodiesBefore: 300, ledgerBefore: 200 });
          total.bodies += done.bodies;
          total.batches += done.batches;
          more = done.more;
        }
        assert.equal(total.batches, 20);
        const [start] = await ledger.chains();
        assert.deepEqual(start, { writer, first: 21, previous: digests[19] });
        const page = await ledger.scan({ writer, from: 1 });
        assert.deepEqual([page[0]?.first, page.length], [21, 20]);
        assert.equal(page.filter((batch) => batch.bodies !== null).length, 10);
        assert.equal((await ledger.find({ limit: 100 })).entries.length, 20);
        assert.equal(await ledger.read(ledgerId(writer, 3)), null);
        // Everything: the head outlives its records.
        for (let more = true; more;) {
          ({ more } = await ledger.maintain({ bodiesBefore: 1_000, ledgerBefore: 1_000 }));
        }
        const head = await ledger.head(writer);
        assert.deepEqual([head.next, head.newestAt], [41, 390]);
        assert.deepEqual(head.digest, digests[39]);
      }),
    );

    void test(
      'finds by look-up keys before, while and after they are merged',
      withStores(open, async ({ ledger }) => {
        const append = await chainOn(ledger);
        for (let batch = 0; batch < 300; batch += 1) {
          const resource = { type: 'User', id: `user-${batch % 50}` };
          await append(intent({ at: batch, resource }), denial({ at: batch, resource }));
        }
        const keys = [subjectKey(keyRing, 'USER-7')];
        const before = await found(ledger, { keys, limit: 100 });
        assert.equal(before.length, 12);
        let slices = 0;
        for (let more = true; more; slices += 1) {
          ({ more } = await ledger.maintain({ bodiesBefore: 0, ledgerBefore: 0 }));
          assert.deepEqual(await found(ledger, { keys, limit: 100 }), before);
        }
        // One key with more rows than a block has.
        const many = { keys: [subjectKey(keyRing, 'zoë@example.com')], limit: 1_000 };
        assert.equal((await found(ledger, many)).length, 300);
        assert.ok(slices > 1, 'merging took more than one slice');
        await append(intent({ resource: { type: 'User', id: 'user-7' } }));
        assert.equal((await found(ledger, { keys, limit: 100 })).length, 13);
      }),
    );
  });

  const key = (more: Partial<StoredKey> = {}): StoredKey => ({
    id: newKeyId(systemRandom),
    kind: 'client',
    holder: 'entra-slack',
    environment: 'test',
    hash: Buffer.alloc(32, 9),
    issuedAt: 1_000,
    issuedBy: 'local',
    expiresAt: 100 * dayMs,
    revokedAt: null,
    lastUsedAt: null,
    ...more,
  });

  void suite(`key store on ${name}`, () => {
    void test(
      'adds, lists, ends and touches keys',
      withStores(open, async ({ keys }) => {
        const first = key({ issuedAt: 2_000 });
        const second = key({ kind: 'person', holder: 'alice@example.com' });
        assert.equal(await keys.addKey(first, 0), true);
        assert.equal(await keys.addKey(second, 0), true);
        assert.deepEqual(await keys.listKeys(0), [second, first]);
        assert.equal(await keys.endKey(first.id, 9_000, 5_000), true);
        assert.equal(await keys.endKey(first.id, 12_000, 5_000), true);
        assert.equal(await keys.endKey('nobody0000' as KeyId, 1, 1), false);
        await keys.touchKeys([
          { id: first.id, at: 7_000 },
          { id: second.id, at: 8_000 },
        ]);
        await keys.touchKeys([
          { id: first.id, at: 6_000 },
          { id: 'nobody0000' as KeyId, at: 1 },
        ]);
        const listed = new Map((await keys.listKeys(0)).map((each) => [each.id, each]));
        assert.deepEqual(listed.get(first.id), { ...first, revokedAt: 9_000, lastUsedAt: 7_000 });
        assert.equal(listed.get(second.id)?.lastUsedAt, 8_000);
      }),
    );

    void test(
      'refuses a 21st live key of one holder, and forgets what ended 30 days ago',
      withStores(open, async ({ keys }) => {
        const own = Array.from({ length: 20 }, () => key());
        for (const each of own) assert.equal(await keys.addKey(each, 0), true);
        assert.equal(await keys.addKey(key(), 0), false);
        assert.equal(await keys.addKey(key({ kind: 'person' }), 0), true);
        assert.equal(await keys.addKey(key({ holder: 'other' }), 0), true);
        await keys.endKey(own[0]?.id as KeyId, 10, 10);
        assert.equal(await keys.addKey(key(), 11), true);
        assert.equal((await keys.listKeys(129 * dayMs)).length, 23);
        assert.equal((await keys.listKeys(130 * dayMs)).length, 0);
      }),
    );
  });

  void suite(`small stores on ${name}`, () => {
    void test(
      'the last good configuration is the newest of ten',
      withStores(open, async ({ lastGood }) => {
        assert.equal(await lastGood.load(), null);
        for (let version = 0; version < 12; version += 1) {
          const sealed = keyRing.seal(Buffer.from(`version ${version}`), 'config');
          await lastGood.save(sealed, `v${version}`, version);
        }
        const loaded = await lastGood.load();
        assert.equal(loaded && keyRing.open(loaded, 'config')?.toString(), 'version 11');
      }),
    );

    void test(
      'freezes hold until thawed; the first reason stays',
      withStores(open, async ({ freezes }) => {
        assert.equal(await freezes.freeze('tenant', 'slack', 'incident', 'alice', 5), true);
        assert.equal(await freezes.freeze('tenant', 'slack', 'again', 'bob', 6), true);
        assert.equal(await freezes.freeze('client', '__proto__', 'odd', 'bob', 4), true);
        assert.deepEqual(await freezes.list(), [
          { scope: 'client', name: '__proto__', reason: 'odd', by: 'bob', at: 4 },
          { scope: 'tenant', name: 'slack', reason: 'incident', by: 'alice', at: 5 },
        ]);
        assert.equal(await freezes.thaw('tenant', 'slack', 'alice', 7), true);
        assert.equal(await freezes.thaw('tenant', 'slack', 'alice', 8), false);
        assert.equal((await freezes.list()).length, 1);
      }),
    );
  });

  void suite(`echo store on ${name}`, () => {
    const keyed = (at: number): Buffer => keyRing.fingerprint(`echo ${at}`);
    const kept = (at: number, text: string | null) => ({
      key: keyed(at),
      sealed: text === null ? null : keyRing.seal(Buffer.from(text), 'echo'),
    });
    const range = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, at) => from + at);
    const texts = async (echoes: EchoStore, numbers: readonly number[]) =>
      (await echoes.load(numbers.map(keyed))).map((each) =>
        each === null ? null : keyRing.open(each, 'echo')?.toString(),
      );

    void test(
      'keeps, replaces and forgets, and answers in the order of the keys',
      withStores(open, async ({ echoes }) => {
        assert.deepEqual(await echoes.load([keyed(1)]), [null]);
        assert.deepEqual(await echoes.load([]), []);
        await echoes.save([kept(1, 'one'), kept(2, 'two'), kept(3, null)], 10);
        assert.deepEqual(await texts(echoes, [2, 3, 1]), ['two', null, 'one']);
        await echoes.save([kept(1, 'uno'), kept(2, null), kept(1, 'eins')], 20);
        assert.deepEqual(await texts(echoes, [1, 2]), ['eins', null]);
      }),
    );

    void test(
      'drops what is old, then the oldest beyond the rows, 500 at once',
      withStores(open, async ({ echoes }) => {
        for (const [from, at] of [
          [0, 10],
          [600, 20],
        ] as const) {
          await echoes.save(
            range(from, from + 600).map((each) => kept(each, `${each}`)),
            at,
          );
        }
        const limits = { before: 20, rowsMax: 400 };
        assert.deepEqual(await echoes.prune({ before: 0, rowsMax: 1_200 }), {
          rows: 1_200,
          more: false,
        });
        assert.deepEqual(await echoes.prune(limits), { rows: 700, more: true });
        assert.deepEqual(await echoes.prune(limits), { rows: 400, more: false });
        const left = await texts(echoes, range(0, 1_000));
        assert.ok(left.slice(0, 600).every((each) => each === null));
        await echoes.save([kept(5_000, 'newest')], 30);
        assert.deepEqual(await echoes.prune({ before: 20, rowsMax: 1 }), { rows: 1, more: false });
        assert.deepEqual(await texts(echoes, [5_000]), ['newest']);
      }),
    );
  });
}
