/** An exact in-memory double of the store of uses, for tests that are not about engines. */
import type { Use, UseStore } from '../../src/reports/use-store.ts';

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
    first: async () => (rows.length === 0 ? null : Math.min(...rows.map(({ day }) => day))),
    prune: async (before) => {
      const kept = rows.filter(({ day }) => day >= before);
      const removed = rows.length - kept.length;
      rows = kept;
      return { removed, more: false };
    },
  };
};
