/** What every engine must do for the ledger's port; engines stand in one table. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ledgerId } from '../../src/ids.ts';
import { encodeBatch, subjectKey, traceKey } from '../../src/ledger/batch.ts';
import { genesis } from '../../src/ledger/chain.ts';
import type { LedgerStore } from '../../src/ledger/store.ts';
import { denial, intent, keyRing, outcome } from '../ledger/fixture.ts';
import { chainOn, lineOf } from '../support/chains.ts';
import { enginesUnderTest, withStores } from '../support/engines.ts';

const writer = '0badcafe';
const unavailable = { code: 'ledger_unavailable' };

const ids = (...sequences: readonly number[]) => sequences.map((each) => ledgerId(writer, each));

for (const engine of enginesUnderTest) {
  const { name, skip } = engine;
  const found = async (store: LedgerStore, query: Parameters<LedgerStore['find']>[0]) =>
    (await store.find(query)).entries.map(({ sequence }) => sequence);

  void suite(`ledger store on ${name}`, { skip }, () => {
    void test(
      'knows its head and takes only what continues it',
      withStores(engine, writer, async ({ ledger }) => {
        const empty = await ledger.head(writer);
        assert.deepEqual(empty, {
          writer,
          next: 1,
          digest: null,
          newestAt: null,
          reserve: true,
          closed: false,
        });
        if (engine.shared) await assert.rejects(ledger.head('ffffffff'), unavailable);
        else assert.equal((await ledger.head('ffffffff')).writer, writer);
        const append = await chainOn(ledger, writer);
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
      withStores(engine, writer, async ({ ledger }) => {
        const append = await chainOn(ledger, writer);
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
      withStores(engine, writer, async ({ ledger }) => {
        const append = await chainOn(ledger, writer);
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
      withStores(engine, writer, async ({ ledger }) => {
        const append = await chainOn(ledger, writer);
        await append(intent(), intent(), denial({ hold: 'hld_1' }), denial(), intent());
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
      withStores(engine, writer, async ({ ledger }) => {
        assert.deepEqual(await ledger.scan({ writer, from: 1 }), []);
        const append = await chainOn(ledger, writer);
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
      withStores(engine, writer, async ({ ledger }) => {
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
      withStores(engine, writer, async ({ ledger }) => {
        const append = await chainOn(ledger, writer);
        const digests: Buffer[] = [];
        for (let batch = 0; batch < 40; batch += 1) {
          const { digest } = await append(intent({ at: batch * 10 }));
          digests.push(digest);
        }
        const total = { bodies: 0, batches: 0 };
        for (let more = true; more;) {
          const done = await ledger.maintain({
            bodiesBefore: 300,
            ledgerBefore: 200,
            placesBefore: 0,
          });
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
          ({ more } = await ledger.maintain({
            bodiesBefore: 1_000,
            ledgerBefore: 1_000,
            placesBefore: 0,
          }));
        }
        const head = await ledger.head(writer);
        assert.deepEqual([head.next, head.newestAt], [41, 390]);
        assert.deepEqual(head.digest, digests[39]);
      }),
    );

    void test(
      'finds by look-up keys before, while and after they are merged',
      withStores(engine, writer, async ({ ledger }) => {
        const append = await chainOn(ledger, writer);
        for (let batch = 0; batch < 300; batch += 1) {
          const resource = { type: 'User', id: `user-${batch % 50}` };
          await append(intent({ at: batch, resource }), denial({ at: batch, resource }));
        }
        const keys = [subjectKey(keyRing, 'USER-7')];
        const before = await found(ledger, { keys, limit: 100 });
        assert.equal(before.length, 12);
        let slices = 0;
        for (let more = true; more; slices += 1) {
          ({ more } = await ledger.maintain({ bodiesBefore: 0, ledgerBefore: 0, placesBefore: 0 }));
          assert.deepEqual(await found(ledger, { keys, limit: 100 }), before);
        }
        // One key with more rows than a block has.
        const many = { keys: [subjectKey(keyRing, 'zoë@example.com')], limit: 1_000 };
        assert.equal((await found(ledger, many)).length, 300);
        if (engine.merges) assert.ok(slices > 1, 'merging took more than one slice');
        await append(intent({ resource: { type: 'User', id: 'user-7' } }));
        assert.equal((await found(ledger, { keys, limit: 100 })).length, 13);
      }),
    );
  });
}
