/**
 * Protection on PostgreSQL: marks and resolved rules, overrides, and counted populations. Changes of the
 * first three follow each other under one lock, so that they may count before they add.
 */
import type { MarkStore, ProtectionMark, RuleResolved } from '../../safety/mark-store.ts';
import type { Override, OverrideStore } from '../../safety/override-store.ts';
import type { Population, PopulationStore } from '../../safety/population-store.ts';
import { bounds } from '../bounds.ts';
import { boundCall, markKey, marksFit, overrideColumns } from '../safety-rows.ts';
import type { Run, Sessions, Statement } from './connection.ts';
import { lockOf } from './migrate.ts';
import { changeFirst } from './news.ts';

const keptMs = 30 * 86_400_000;

const toldOf = (schema: string) =>
  ({ schema, topic: 'protection', lock: lockOf(schema, 'protection') }) as const;

const columnsOf = (marks: readonly ProtectionMark[]) => [
  marks.map(({ tenant }) => tenant),
  marks.map(({ rule }) => rule),
  marks.map(({ word }) => word),
  marks.map(({ id }) => id),
];

const markSql = {
  fresh: {
    text: `SELECT given.ordinal FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
        WITH ORDINALITY given(tenant, rule, word, id, ordinal)
      WHERE NOT EXISTS (SELECT 1 FROM protection_marks m WHERE m.tenant = given.tenant
        AND m.rule = given.rule AND m.word = given.word AND m.id = given.id)
      ORDER BY given.ordinal`,
  },
  held: { text: 'SELECT tenant, count(*) AS count FROM protection_marks GROUP BY tenant' },
  add: {
    text: `INSERT INTO protection_marks
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])`,
  },
  resolve: {
    text: `INSERT INTO protection_rules VALUES ($1, $2, $3, $4)
      ON CONFLICT (tenant, rule) DO UPDATE SET digest = excluded.digest, at = excluded.at
        WHERE excluded.at >= protection_rules.at`,
  },
  forgetRules: {
    text: `DELETE FROM protection_rules WHERE at <
      (SELECT at FROM protection_rules ORDER BY at DESC LIMIT 1 OFFSET ${bounds.rules - 1})`,
  },
  forget: {
    text: `DELETE FROM protection_marks
      WHERE tenant = $1 AND rule = $2 AND word = $3 AND id = $4`,
  },
  list: {
    text: `SELECT tenant, rule, word, id, at FROM protection_marks
      ORDER BY at, tenant, rule, word, id LIMIT ${bounds.marks}`,
  },
  rules: {
    text: `SELECT tenant, rule, digest, at FROM (SELECT * FROM protection_rules
      ORDER BY at DESC LIMIT ${bounds.rules}) newest ORDER BY at, tenant, rule`,
  },
} satisfies Record<string, Statement>;

/** How many were kept that were not there; null where there is no room for them. */
const addFresh = async (run: Run, marks: readonly ProtectionMark[]): Promise<number | null> => {
  const once = [...new Map(marks.map((mark) => [markKey(mark), mark])).values()];
  const { rows } = await run<{ ordinal: number }>(markSql.fresh, columnsOf(once));
  const fresh = rows.flatMap(({ ordinal }) => once[ordinal - 1] ?? []);
  if (fresh.length === 0) return 0;
  const held = await run<{ tenant: string; count: number }>(markSql.held);
  if (!marksFit(fresh, held.rows)) return null;
  await run(markSql.add, [...columnsOf(fresh), fresh.map(({ at }) => at)]);
  return fresh.length;
};

const resolve = async (run: Run, { tenant, rule, digest, at }: RuleResolved): Promise<void> => {
  await run(markSql.resolve, [tenant, rule, digest, at]);
  await run(markSql.forgetRules);
};

/** Marks of all gateways. */
export const makeMarkStore = (sessions: Sessions, schema: string): MarkStore => ({
  list: () =>
    // Rules first: one that is noted has its marks, which were kept before it.
    sessions.transaction(async (run) => {
      const resolved = (await run<RuleResolved>(markSql.rules)).rows;
      return { resolved, marks: (await run<ProtectionMark>(markSql.list)).rows };
    }),
  add: async (marks, resolved) => {
    if (marks.length === 0 && resolved === null) return true;
    return changeFirst(sessions, toldOf(schema), async (run) => {
      boundCall(marks, bounds.marksAdded);
      const added = marks.length === 0 ? 0 : await addFresh(run, marks);
      if (added === null) return { result: false, news: false };
      if (resolved !== null) await resolve(run, resolved);
      return { result: true, news: added > 0 || resolved !== null };
    });
  },
  forget: ({ tenant, rule, word, id }) =>
    changeFirst(sessions, toldOf(schema), async (run) => {
      const gone = (await run(markSql.forget, [tenant, rule, word, id])).count === 1;
      return { result: gone, news: gone };
    }),
});

const overrideSql = {
  forget: { text: 'DELETE FROM overrides WHERE least(ended_at, until) <= $1::bigint' },
  open: {
    text: `SELECT count(*) AS count FROM overrides WHERE ended_at IS NULL AND until > $1::bigint`,
  },
  add: {
    text: `INSERT INTO overrides
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1)`,
  },
  approve: {
    text: `UPDATE overrides SET approved_by = $2, approved_at = $3::bigint, version = version + 1
      WHERE id = $1 AND approved_by IS NULL AND ended_at IS NULL AND until > $3::bigint`,
  },
  end: {
    text: `UPDATE overrides SET ended_at = $2::bigint, version = version + 1
      WHERE id = $1 AND ended_at IS NULL`,
  },
  // Those that are not over come first into the page, whatever came after them.
  list: {
    text: `SELECT ${overrideColumns} FROM (SELECT * FROM overrides
        WHERE least(ended_at, until) > $2::bigint
        ORDER BY ended_at IS NULL AND until > $1::bigint DESC, at DESC, id DESC
        LIMIT ${bounds.overridesListed}) newest
      ORDER BY at DESC, id DESC`,
  },
} satisfies Record<string, Statement>;

/** Overrides of all gateways. */
export const makeOverrideStore = (sessions: Sessions, schema: string): OverrideStore => {
  const told = toldOf(schema);
  const changeOne = (statement: Statement, values: readonly unknown[]): Promise<boolean> =>
    changeFirst(sessions, told, async (run) => {
      const done = (await run(statement, values)).count === 1;
      return { result: done, news: done };
    });
  return {
    add: (override, now) =>
      changeFirst(sessions, told, async (run) => {
        // The ledger keeps who asked for those that ended long ago, and who approved them.
        await run(overrideSql.forget, [now - keptMs]);
        const open = (await run<{ count: number }>(overrideSql.open, [now])).first;
        if ((open?.count ?? 0) >= bounds.overridesOpen) return { result: false, news: false };
        const { id, tenant, rule, client, subject, reason, by, at, until } = override;
        const { approvedBy, approvedAt, endedAt } = override;
        const values = [id, tenant, rule, client, subject, reason, by, at, until];
        await run(overrideSql.add, [...values, approvedBy, approvedAt, endedAt]);
        return { result: true, news: true };
      }),
    approve: (id, by, now) => changeOne(overrideSql.approve, [id, by, now]),
    end: (id, now) => changeOne(overrideSql.end, [id, now]),
    list: async (now) => (await sessions.run<Override>(overrideSql.list, [now, now - keptMs])).rows,
  };
};

const populationSql = {
  keep: {
    text: `INSERT INTO populations VALUES ($1, $2, $3, $4)
      ON CONFLICT (tenant, word) DO UPDATE SET counted = excluded.counted, at = excluded.at
        WHERE excluded.at >= populations.at`,
  },
  forget: {
    text: `DELETE FROM populations WHERE at <
      (SELECT at FROM populations ORDER BY at DESC LIMIT 1 OFFSET ${bounds.populations - 1})`,
  },
  list: {
    text: `SELECT tenant, word, counted AS count, at FROM populations
      ORDER BY tenant, word LIMIT ${bounds.populations}`,
  },
} satisfies Record<string, Statement>;

/** Populations that any gateway counted. */
export const makePopulationStore = ({ run }: Sessions): PopulationStore => ({
  list: async () => (await run<Population>(populationSql.list)).rows,
  keep: async ({ tenant, word, count, at }) => {
    await run(populationSql.keep, [tenant, word, count, at]);
    await run(populationSql.forget);
  },
});
