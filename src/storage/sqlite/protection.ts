/** Protection on SQLite: marks and resolved rules, overrides, and counted populations. */
import type { Database } from 'better-sqlite3';
import type { OverrideId } from '../../ids.ts';
import type { MarkStore, ProtectionMark, RuleResolved } from '../../safety/mark-store.ts';
import type { Override } from '../../safety/override-store.ts';
import type { Population } from '../../safety/population-store.ts';
import { bounds } from '../bounds.ts';
import { boundCall, markKey, marksFit, overrideColumns } from '../safety-rows.ts';

const keptMs = 30 * 86_400_000;

const markSql = {
  known: `SELECT 1 FROM protection_marks
    WHERE tenant = @tenant AND rule = @rule AND word = @word AND id = @id`,
  held: 'SELECT tenant, count(*) AS count FROM protection_marks GROUP BY tenant',
  add: 'INSERT INTO protection_marks VALUES (@tenant, @rule, @word, @id, @at)',
  resolve: `INSERT INTO protection_rules VALUES (@tenant, @rule, @digest, @at)
    ON CONFLICT DO UPDATE SET digest = excluded.digest, at = excluded.at
      WHERE excluded.at >= at`,
  forgetRules: `DELETE FROM protection_rules WHERE at <
    (SELECT at FROM protection_rules ORDER BY at DESC LIMIT 1 OFFSET ${bounds.rules - 1})`,
  forget: `DELETE FROM protection_marks
    WHERE tenant = @tenant AND rule = @rule AND word = @word AND id = @id`,
  list: `SELECT tenant, rule, word, id, at FROM protection_marks
    ORDER BY at, tenant, rule, word, id LIMIT ${bounds.marks}`,
  rules: `SELECT tenant, rule, digest, at FROM (SELECT * FROM protection_rules
    ORDER BY at DESC LIMIT ${bounds.rules}) ORDER BY at, tenant, rule`,
};

type MarkPlace = Parameters<MarkStore['forget']>[0];

const makeMarkWrites = (database: Database) => {
  const known = database.prepare<[ProtectionMark], object>(markSql.known);
  const held = database.prepare<[], { tenant: string; count: number }>(markSql.held);
  const add = database.prepare<[ProtectionMark]>(markSql.add);
  const resolve = database.prepare<[RuleResolved]>(markSql.resolve);
  const forgetRules = database.prepare(markSql.forgetRules);
  const forget = database.prepare<[MarkPlace]>(markSql.forget);
  const addAll = database.transaction(
    (marks: readonly ProtectionMark[], resolved: RuleResolved | null): boolean => {
      boundCall(marks, bounds.marksAdded);
      const once = new Map(marks.map((mark) => [markKey(mark), mark]));
      const fresh = [...once.values()].filter((mark) => known.get(mark) === undefined);
      if (fresh.length > 0 && !marksFit(fresh, held.all())) return false;
      for (const mark of fresh) add.run(mark);
      if (resolved !== null) {
        resolve.run(resolved);
        forgetRules.run();
      }
      return true;
    },
  );
  return {
    addMarks: (...given: Parameters<MarkStore['add']>): boolean => addAll.immediate(...given),
    forgetMark: (mark: MarkPlace): boolean => forget.run(mark).changes === 1,
  };
};

const overrideSql = {
  forget: 'DELETE FROM overrides WHERE min(coalesce(ended_at, until), until) <= ?',
  open: 'SELECT count(*) AS count FROM overrides WHERE ended_at IS NULL AND until > ?',
  add: `INSERT INTO overrides VALUES (@id, @tenant, @rule, @client, @subject, @reason, @by, @at,
    @until, @approvedBy, @approvedAt, @endedAt, 1)`,
  approve: `UPDATE overrides SET approved_by = @by, approved_at = @now, version = version + 1
    WHERE id = @id AND approved_by IS NULL AND ended_at IS NULL AND until > @now`,
  end: `UPDATE overrides SET ended_at = @now, version = version + 1
    WHERE id = @id AND ended_at IS NULL`,
  // Those that are not over come first into the page, whatever came after them.
  list: `SELECT ${overrideColumns} FROM (SELECT * FROM overrides
      WHERE min(coalesce(ended_at, until), until) > @since
      ORDER BY ended_at IS NULL AND until > @now DESC, at DESC, id DESC
      LIMIT ${bounds.overridesListed})
    ORDER BY at DESC, id DESC`,
};

const makeOverrideWrites = (database: Database) => {
  const forget = database.prepare<[number]>(overrideSql.forget);
  const open = database.prepare<[number], { count: number }>(overrideSql.open);
  const add = database.prepare<[Override]>(overrideSql.add);
  const approve = database.prepare<[object]>(overrideSql.approve);
  const end = database.prepare<[object]>(overrideSql.end);
  return {
    addOverride: database.transaction((override: Override, now: number): boolean => {
      // The ledger keeps who asked for those that ended long ago, and who approved them.
      forget.run(now - keptMs);
      if ((open.get(now)?.count ?? 0) >= bounds.overridesOpen) return false;
      add.run(override);
      return true;
    }),
    approveOverride: (id: OverrideId, by: string, now: number): boolean =>
      approve.run({ id, by, now }).changes === 1,
    endOverride: (id: OverrideId, now: number): boolean => end.run({ id, now }).changes === 1,
  };
};

const populationSql = {
  keep: `INSERT INTO populations VALUES (@tenant, @word, @count, @at)
    ON CONFLICT DO UPDATE SET counted = excluded.counted, at = excluded.at
      WHERE excluded.at >= at`,
  forget: `DELETE FROM populations WHERE at <
    (SELECT at FROM populations ORDER BY at DESC LIMIT 1 OFFSET ${bounds.populations - 1})`,
  list: `SELECT tenant, word, counted AS count, at FROM populations
    ORDER BY tenant, word LIMIT ${bounds.populations}`,
};

const makePopulationWrites = (database: Database) => {
  const keep = database.prepare<[Population]>(populationSql.keep);
  const forget = database.prepare(populationSql.forget);
  return {
    keepPopulation: database.transaction((population: Population): void => {
      keep.run(population);
      forget.run();
    }),
  };
};

/** Writes of MarkStore, OverrideStore and PopulationStore. */
export const makeProtectionWrites = (database: Database) => ({
  ...makeMarkWrites(database),
  ...makeOverrideWrites(database),
  ...makePopulationWrites(database),
});

/** Reads of them. */
export const makeProtectionReads = (database: Database) => {
  const marks = database.prepare<[], ProtectionMark>(markSql.list);
  const rules = database.prepare<[], RuleResolved>(markSql.rules);
  const overrides = database.prepare<[object], Override>(overrideSql.list);
  const populations = database.prepare<[], Population>(populationSql.list);
  return {
    listMarks: database.transaction(() => ({ marks: marks.all(), resolved: rules.all() })),
    listOverrides: (now: number): readonly Override[] =>
      overrides.all({ now, since: now - keptMs }),
    listPopulations: (): readonly Population[] => populations.all(),
  };
};
