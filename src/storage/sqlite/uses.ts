/** UseStore on SQLite. */
import type { Database } from 'better-sqlite3';
import type { Use, UseStore } from '../../reports/use-store.ts';
import { bounds } from '../bounds.ts';
import { boundCall } from '../safety-rows.ts';
import { addToKept, addUp, sumOf, type SumRow, type UseRow } from '../use-rows.ts';

const sql = {
  kept: `SELECT * FROM uses WHERE day = @day AND route = @route AND client = @client
    AND rule = @rule AND action = @action AND verdict = @verdict`,
  keep: `INSERT INTO uses VALUES (@day, @route, @client, @rule, @action, @verdict, @count,
      @attributes)
    ON CONFLICT DO UPDATE SET count = excluded.count, attributes = excluded.attributes`,
  prune: `DELETE FROM uses WHERE (day, route, client, rule, action, verdict) IN
    (SELECT day, route, client, rule, action, verdict FROM uses WHERE day < ?
      LIMIT ${bounds.usesPruned})`,
  first: 'SELECT min(day) AS day FROM uses',
  sum: `SELECT max(day) AS day, route, client, rule, action, verdict, sum(count) AS count,
      json_group_array(DISTINCT attributes) AS sets
    FROM uses WHERE day BETWEEN @from AND @to GROUP BY route, client, rule, action, verdict
    ORDER BY route, client, rule, action, verdict LIMIT ${bounds.usesSummed}`,
};

/** Writes of UseStore. */
export const makeUseWrites = (database: Database) => {
  const kept = database.prepare<[Use], UseRow>(sql.kept);
  const keep = database.prepare<[UseRow]>(sql.keep);
  const prune = database.prepare<[number]>(sql.prune);
  const add = database.transaction((given: readonly Use[]): void => {
    boundCall(given, bounds.usesAdded);
    const uses = addUp(given);
    const rows = uses.flatMap((use) => kept.get(use) ?? []);
    for (const row of addToKept(uses, rows)) keep.run(row);
  });
  return {
    addUses: (uses: readonly Use[]): void => add.immediate(uses),
    pruneUses: (before: number) => {
      const removed = prune.run(before).changes;
      return { removed, more: removed === bounds.usesPruned };
    },
  };
};

/** Reads of UseStore. */
export const makeUseReads = (database: Database) => {
  const sum = database.prepare<[object], SumRow>(sql.sum);
  const first = database.prepare<[], { day: number | null }>(sql.first);
  return {
    sumUses: (range: Parameters<UseStore['sum']>[0]): readonly Use[] => sum.all(range).map(sumOf),
    firstUseDay: (): number | null => first.get()?.day ?? null,
  };
};
