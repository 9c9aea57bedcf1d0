/** UseStore on PostgreSQL; additions follow each other under one lock, as each reads what it adds to. */
import type { UseStore } from '../../reports/use-store.ts';
import { bounds } from '../bounds.ts';
import { boundCall } from '../safety-rows.ts';
import { addToKept, addUp, sumOf, type SumRow, type UseRow } from '../use-rows.ts';
import type { Sessions, Statement } from './connection.ts';
import { lockOf } from './migrate.ts';
import { takeLock } from './news.ts';

const key = 'day, route, client, rule, action, verdict';
const given = '$1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]';

const sql = {
  kept: {
    text: `SELECT ${key}, count, attributes FROM uses
      WHERE (${key}) IN (SELECT * FROM unnest(${given}))`,
  },
  keep: {
    text: `INSERT INTO uses (${key}, count, attributes)
      SELECT * FROM unnest(${given}, $7::bigint[], $8::text[])
      ON CONFLICT (${key}) DO UPDATE SET count = excluded.count, attributes = excluded.attributes`,
  },
  prune: {
    text: `DELETE FROM uses WHERE (${key}) IN
      (SELECT ${key} FROM uses WHERE day < $1::bigint LIMIT ${bounds.usesPruned})`,
  },
  first: { text: 'SELECT min(day) AS day FROM uses' },
  sum: {
    text: `SELECT max(day) AS day, route, client, rule, action, verdict,
        sum(count)::bigint AS count, json_agg(DISTINCT attributes)::text AS sets
      FROM uses WHERE day BETWEEN $1::bigint AND $2::bigint
      GROUP BY route, client, rule, action, verdict
      ORDER BY route, client, rule, action, verdict LIMIT ${bounds.usesSummed}`,
  },
} satisfies Record<string, Statement>;

/** What was used on all gateways. */
export const makeUseStore = ({ run, transaction }: Sessions, schema: string): UseStore => ({
  add: async (uses) => {
    if (uses.length === 0) return;
    await transaction(async (inside) => {
      boundCall(uses, bounds.usesAdded);
      await inside(takeLock, [lockOf(schema, 'uses')]);
      const sums = addUp(uses);
      const keys = [
        sums.map(({ day }) => day),
        sums.map(({ route }) => route),
        sums.map(({ client }) => client),
        sums.map(({ rule }) => rule),
        sums.map(({ action }) => action),
        sums.map(({ verdict }) => verdict),
      ];
      const rows = addToKept(sums, (await inside<UseRow>(sql.kept, keys)).rows);
      const values = [rows.map(({ count }) => count), rows.map(({ attributes }) => attributes)];
      await inside(sql.keep, [...keys, ...values]);
    });
  },
  sum: async ({ from, to }) => (await run<SumRow>(sql.sum, [from, to])).rows.map(sumOf),
  first: async () => {
    const day = (await run<{ day: unknown }>(sql.first)).rows[0]?.day ?? null;
    return day === null ? null : Number(day);
  },
  prune: async (before) => {
    const removed = (await run(sql.prune, [before])).count;
    return { removed, more: removed === bounds.usesPruned };
  },
});
