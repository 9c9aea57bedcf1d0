/** Exact in-memory doubles of the stores of drift and reports, for tests that are not about engines. */
import type { CheckRow, CheckStore } from '../../src/drift/check-store.ts';
import type { Use, UseStore } from '../../src/reports/use-store.ts';

export type MemoryChecks = CheckStore & Readonly<{ rows(): readonly CheckRow[] }>;

/** As the engines keep checks. */
export const memoryChecks = (): MemoryChecks => {
  const rows = new Map<string, CheckRow>();
  const all = (): CheckRow[] => [...rows.values()];
  const live = ({ state }: CheckRow): boolean => state === 'watching' || state === 'drifted';
  return {
    rows: all,
    put: async (checks, { rowsMax }) => {
      let dropped = 0;
      for (const check of checks) {
        const name = check.key.toString('hex');
        const known = rows.get(name);
        if (known !== undefined && known.at > check.at) continue;
        if (known === undefined && rows.size >= rowsMax) {
          dropped += 1;
          continue;
        }
        rows.set(name, {
          ...check,
          state: 'watching',
          round: 0,
          driftedAt: null,
          paths: '',
          version: (known?.version ?? 0) + 1,
        });
      }
      return { dropped };
    },
    claim: async (now, { leaseMs, limit }) => {
      const due = all()
        .filter((row) => live(row) && row.dueAt <= now)
        .toSorted((a, b) => a.dueAt - b.dueAt)
        .slice(0, limit);
      return due.map((row) => {
        const claimed = { ...row, dueAt: now + leaseMs, version: row.version + 1 };
        rows.set(row.key.toString('hex'), claimed);
        return claimed;
      });
    },
    read: async (key) => rows.get(key.toString('hex')) ?? null,
    change: async (key, version, to) => {
      const row = rows.get(key.toString('hex'));
      if (row === undefined || row.version !== version) return false;
      rows.set(key.toString('hex'), { ...row, ...to, version: version + 1 });
      return true;
    },
    list: async ({ state, limit }) =>
      all()
        .filter((row) => state === undefined || row.state === state)
        .toSorted((a, b) => b.at - a.at)
        .slice(0, limit),
    counts: async () => ({
      watching: all().filter(({ state }) => state === 'watching').length,
      drifted: all().filter(({ state }) => state === 'drifted').length,
    }),
    nextDueAt: async () => {
      const due = all().filter(live);
      return due.length === 0 ? null : Math.min(...due.map(({ dueAt }) => dueAt));
    },
    prune: async (before) => {
      const old = [...rows].filter(([, row]) => !live(row) && row.dueAt < before);
      for (const [name] of old) rows.delete(name);
      return { removed: old.length, more: false };
    },
  };
};

/** As the engines keep uses. */
export const memoryUses = (): UseStore => {
  let rows: readonly Use[] = [];
  const keyOf = ({ route, client, rule, action, verdict }: Use): string =>
    JSON.stringify([route, client, rule, action, verdict]);
  const added = (uses: readonly Use[], byDay: boolean): readonly Use[] => {
    const sums = new Map<string, Use>();
    for (const use of uses) {
      const key = byDay ? `${use.day} ${keyOf(use)}` : keyOf(use);
      const known = sums.get(key);
      const attributes = new Set([...(known?.attributes ?? []), ...use.attributes]);
      sums.set(key, {
        ...use,
        day: Math.max(use.day, known?.day ?? 0),
        count: use.count + (known?.count ?? 0),
        attributes: [...attributes].sort().slice(0, 200),
      });
    }
    return [...sums.values()];
  };
  return {
    add: async (uses) => {
      rows = added([...rows, ...uses], true);
    },
    sum: async ({ from, to }) =>
      added(
        rows.filter(({ day }) => day >= from && day <= to),
        false,
      ).slice(0, 20_000),
    prune: async (before) => {
      const kept = rows.filter(({ day }) => day >= before);
      const removed = rows.length - kept.length;
      rows = kept;
      return { removed, more: false };
    },
  };
};
