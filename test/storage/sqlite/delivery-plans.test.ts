/** Every statement that takes webhooks in, claims or settles deliveries looks into an index. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import DatabaseConstructor, { type Database } from 'better-sqlite3';
import { makeEventWrites } from '../../../src/storage/sqlite/events.ts';
import { migrate, readMigrations } from '../../../src/storage/sqlite/migrate.ts';
import { makeOutboxReads } from '../../../src/storage/sqlite/outbox-reads.ts';
import { makeOutboxWrites } from '../../../src/storage/sqlite/outbox.ts';

/** Statements that these prepare, in their order. */
const statementsOf = (
  database: Database,
  make: (database: Database) => unknown,
): readonly string[] => {
  const texts: string[] = [];
  const watched = new Proxy(database, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...given: unknown[]) => {
        if (name === 'prepare') texts.push(String(given[0]));
        return member.apply(target, given) as unknown;
      };
    },
  });
  make(watched);
  return texts;
};

/** Run at the start, once a minute in slices, or by a person: these may walk along an index. */
const patient =
  /lease_until IS NOT NULL$|GROUP BY lane|LIMIT 500|FROM marks WHERE mark IN|WHERE kept = 0/;

void suite('plans of deliveries', () => {
  void test('no statement on the hot path scans a table or sorts what it did not bound', () => {
    const database = new DatabaseConstructor(':memory:');
    migrate(database, readMigrations(), 0);
    const texts = [makeEventWrites, makeOutboxWrites, makeOutboxReads].flatMap((make) =>
      statementsOf(database, make),
    );
    const hot = texts.filter((text) => !patient.test(text));
    assert.ok(hot.length > 30, `${hot.length} statements`);
    for (const text of hot) {
      // Places in a plan need values of no kind.
      const plan = database
        .prepare<unknown[], { detail: string }>(
          `EXPLAIN QUERY PLAN ${text.replaceAll(/@\w+/g, '?')}`,
        )
        .all(...Array.from({ length: text.match(/\?|@\w+/g)?.length ?? 0 }, () => null))
        .map(({ detail }) => detail);
      const bad = plan.filter(
        (detail) => /SCAN|TEMP B-TREE/.test(detail) && !/json_each|CONSTANT ROW/.test(detail),
      );
      assert.deepEqual(bad, [], text);
    }
    database.close();
  });
});
