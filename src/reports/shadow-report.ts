/** What enforcement would have refused or held of what trials let pass, by rule, as the ledger has it. */
import { refuse, type Refusal } from '../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerRow } from '../ledger/record.ts';

/** Entries read at once, and in all. */
const pageSize = 1_000;
const entriesMax = 50_000;
/** Entries named of each rule. */
const examplesMax = 3;

export type ShadowRow = Readonly<{
  rule: string;
  count: number;
  clients: readonly string[];
  routes: readonly string[];
  actions: readonly string[];
  /** RFC 3339. */
  first: string;
  last: string;
  /** The newest of them. */
  examples: readonly string[];
}>;

type Sum = {
  count: number;
  readonly clients: Set<string>;
  readonly routes: Set<string>;
  readonly actions: Set<string>;
  first: string;
  last: string;
  readonly examples: string[];
};

const addTo = (sums: Map<string, Sum>, row: LedgerRow): void => {
  for (const rule of new Set(row.shadowed)) {
    let sum = sums.get(rule);
    if (sum === undefined) {
      const sets = {
        clients: new Set<string>(),
        routes: new Set<string>(),
        actions: new Set<string>(),
      };
      sum = { ...sets, count: 0, first: row.at, last: row.at, examples: [] };
      sums.set(rule, sum);
    }
    sum.count += 1;
    sum.clients.add(row.client);
    sum.routes.add(row.route);
    for (const action of row.actions) sum.actions.add(action);
    if (row.at < sum.first) sum.first = row.at;
    if (row.at > sum.last) sum.last = row.at;
    if (sum.examples.length < examplesMax) sum.examples.push(row.id);
  }
};

const printed = ([rule, sum]: readonly [string, Sum]): ShadowRow => ({
  rule,
  count: sum.count,
  clients: [...sum.clients].sort(),
  routes: [...sum.routes].sort(),
  actions: [...sum.actions].sort(),
  first: sum.first,
  last: sum.last,
  examples: sum.examples,
});

const tooMany = refuse(
  'value_invalid',
  `More than ${entriesMax} entries lie in that time. Ask for a shorter one by since and until.`,
);

/** Rules by how often they would have stopped something; entries of the time `since` to before `until`. */
export const shadowRows = async (
  ledger: Pick<Ledger, 'list'>,
  span: Readonly<{ since?: number; until?: number }>,
): Promise<readonly ShadowRow[] | Refusal> => {
  const sums = new Map<string, Sum>();
  // Pages meet at an instant that several entries may share: each of them counts once.
  let known: ReadonlySet<string> = new Set();
  let { until } = span;
  for (let read = 0; read < entriesMax; read += pageSize) {
    const rows = await ledger.list({
      limit: pageSize,
      ...span,
      ...(until === undefined ? {} : { until }),
    });
    const fresh = rows.filter(({ id }) => !known.has(id));
    for (const row of fresh) addTo(sums, row);
    const last = rows.at(-1);
    // More entries of one instant than a page holds cannot be told apart.
    if (fresh.length === 0 && rows.length === pageSize) return tooMany;
    if (rows.length < pageSize || last === undefined) {
      return [...sums].map(printed).toSorted((a, b) => b.count - a.count);
    }
    known = new Set(rows.map(({ id }) => id));
    until = Date.parse(last.at) + 1;
  }
  return tooMany;
};
