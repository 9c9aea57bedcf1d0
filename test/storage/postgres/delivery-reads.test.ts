/** With 100,000 deliveries behind blocked heads, receiving, claiming and settling read a few rows each. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { engineOf } from '../../../src/storage/engines.ts';
import {
  claim,
  delivered,
  lane,
  receive,
  receiving,
  settling,
  start,
} from '../../support/deliveries.ts';
import { postgres } from '../../support/engines.ts';

const fill = (
  schema: string,
): string => `INSERT INTO ${schema}.deliveries (event, item, name, route,
    lane, line, subject, kind, observed_at, at, due_at, state, place, attempt, token, replayed)
  SELECT 'evt_' || lpad(to_hex(n), 24, '0'), 0, 'n8n', 'hr', '${lane}',
    decode(lpad(to_hex(1000000 + n / 100), 32, '0'), 'hex'), '', 'mover', 0, 0,
    CASE WHEN n % 100 = 0 THEN ${start + 1_000_000} ELSE ${start} END,
    CASE WHEN n % 100 = 0 THEN 1 ELSE 2 END, n, 0, 0, false
  FROM generate_series(0, 99999) n`;

const readSql = (schema: string): string => `SELECT relname AS name,
    coalesce(seq_tup_read, 0) + coalesce((SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i
      WHERE i.relid = t.relid), 0) AS rows
  FROM pg_stat_user_tables t WHERE schemaname = '${schema}' AND relname = 'deliveries'`;

void suite('reads of deliveries', { skip: 'missing' in postgres && postgres.missing }, () => {
  void test('stay few, however many wait', async () => {
    const server = postgres;
    if ('missing' in server) return;
    const at = server.at('sallyport_reads');
    const rowsRead = async (): Promise<number> =>
      Number((await server.query(readSql(at.schema)))[0]?.['rows'] ?? 0);
    try {
      const stores = await engineOf(at).open(at);
      await server.query(fill(at.schema));
      const before = await rowsRead();
      for (let round = 0; round < 20; round += 1) {
        await receive(stores, [receiving(1, { marks: [round] }), receiving(2)]);
        const claimed = await claim(stores);
        assert.equal(claimed.length, 2);
        await stores.outbox.settle(
          claimed.map((each) => settling(each, delivered)),
          start,
        );
        assert.equal(await stores.outbox.nextDueAt([lane]), start + 1_000_000);
      }
      // Sessions tell the statistics when they end.
      await stores.close();
      const until = performance.now() + 10_000;
      let read = 0;
      while (read === 0 && performance.now() < until) read = (await rowsRead()) - before;
      assert.ok(read > 0 && read < 10_000, `${read} rows were read in 20 rounds`);
    } finally {
      await server.drop(at);
    }
  });
});
