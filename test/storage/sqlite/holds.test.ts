/** What a released hold is remembered for, and what the look-ups of holds and checks read. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import DatabaseConstructor, { type Database } from 'better-sqlite3';
import { openSqlite, type SqliteStores } from '../../../src/storage/sqlite/open.ts';
import { newHold, start } from '../../support/safety-rows.ts';

const options = { pendingMax: 25, rememberMs: 1_000, now: start };

/** A store, and its file as another process would have it. */
const withFile =
  (run: (stores: SqliteStores, file: Database) => Promise<void>) => async (): Promise<void> => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-holds-'));
    const path = join(folder, 'store.db');
    const stores = await openSqlite({ path });
    const file = new DatabaseConstructor(path);
    try {
      await run(stores, file);
    } finally {
      file.close();
      await stores.close();
      await rm(folder, { recursive: true, force: true });
    }
  };

void suite('holds in a file', () => {
  void test(
    'what was released is remembered until another body was released',
    withFile(async ({ holds }, file) => {
      // As the ledger does in the transaction that writes the intent.
      const release = file.prepare(
        `UPDATE holds SET state = 'released', version = version + 1, changed_at = ?,
          entry = 'led_0badcafe000001' WHERE id = ?`,
      );
      const put = (body: string) => holds.put(newHold('ada', { body }), options);
      const first = await put('body');
      assert.ok(first.kind === 'held');
      release.run(start + 1, first.row.id);
      const joined = await put('body');
      assert.ok(joined.kind === 'joined');
      assert.deepEqual(
        [joined.row.state, joined.row.entry, joined.row.calls],
        ['released', 'led_0badcafe000001', 1],
      );
      const other = await put('other');
      assert.ok(other.kind === 'held');
      release.run(start + 2, other.row.id);
      assert.equal((await put('body')).kind, 'held');
    }),
  );

  void test(
    'look-ups that run often read an index',
    withFile(async (_stores, file) => {
      const open = "state IN ('pending', 'approved')";
      const queries = [
        `SELECT * FROM holds WHERE join_key = x'00' AND ${open}`,
        `SELECT * FROM holds WHERE join_key = x'00' AND changed_at >= 1 ORDER BY changed_at DESC`,
        `SELECT count(*) FROM holds WHERE client = 'entra' AND ${open}`,
        `SELECT id FROM holds WHERE ${open} AND expires_at <= 1`,
        "SELECT * FROM holds WHERE state = 'approved' AND changed_at < 1 ORDER BY changed_at",
        "SELECT * FROM holds WHERE batch = 'b' ORDER BY id DESC",
        "SELECT key FROM checks WHERE state = 'watching' AND due_at <= 1 ORDER BY due_at",
        "SELECT min(due_at) FROM checks WHERE state = 'watching'",
      ];
      for (const query of queries) {
        const plan = file
          .prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${query}`)
          .all()
          .map(({ detail }) => detail);
        assert.ok(plan[0]?.startsWith('SEARCH'), `${query}: ${plan.join('; ')}`);
      }
      await Promise.resolve();
    }),
  );
});
