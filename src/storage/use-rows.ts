/** How what was used of grants is added up: the same on every engine. */
import type { Use } from '../reports/use-store.ts';
import { bounds } from './bounds.ts';

/** A kept row: attributes as the JSON list that its column holds. */
export type UseRow = Omit<Use, 'attributes'> & Readonly<{ attributes: string }>;

/** A row of a sum: the lists of its days as a JSON list of such texts. */
export type SumRow = Omit<Use, 'attributes'> & Readonly<{ sets: string }>;

type Key = Pick<Use, 'day' | 'route' | 'client' | 'rule' | 'action' | 'verdict'>;

const keyOf = ({ day, route, client, rule, action, verdict }: Key): string =>
  JSON.stringify([day, route, client, rule, action, verdict]);

const listOf = (json: string): readonly string[] => JSON.parse(json) as readonly string[];

const union = (lists: readonly (readonly string[])[]): readonly string[] =>
  [...new Set(lists.flat())].toSorted().slice(0, bounds.useAttributes);

/** Each key once, in an order that all gateways share. */
export const addUp = (uses: readonly Use[]): readonly Use[] => {
  const sums = new Map<string, Use>();
  for (const use of uses) {
    const key = keyOf(use);
    const sum = sums.get(key);
    const count = (sum?.count ?? 0) + use.count;
    sums.set(key, { ...use, count, attributes: union([sum?.attributes ?? [], use.attributes]) });
  }
  return [...sums].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, use]) => use);
};

/** The rows that are to be kept: what was kept already, and what comes to it. */
export const addToKept = (uses: readonly Use[], kept: readonly UseRow[]): readonly UseRow[] => {
  const known = new Map(kept.map((row) => [keyOf(row), row]));
  return uses.map((use) => {
    const row = known.get(keyOf(use));
    const attributes =
      row === undefined ? use.attributes : [...listOf(row.attributes), ...use.attributes];
    return {
      ...use,
      count: use.count + (row?.count ?? 0),
      attributes: JSON.stringify(union([attributes])),
    };
  });
};

/** A sum as the port gives it. */
export const sumOf = ({ sets, ...sum }: SumRow): Use => ({
  ...sum,
  attributes: union(listOf(sets).map(listOf)),
});
