/**
 * Which entries of the ledger are to be taken back: these, or all of a client in a span. Bounded; what
 * is selected stands in order of the ledger, whichever gateway wrote it.
 */
import { refuse, type Refusal } from '../errors.ts';
import { parseLedgerId, type LedgerId } from '../ids.ts';
import type { Ledger, ListQuery } from '../ledger/ledger.ts';
import type { LedgerRow } from '../ledger/record.ts';

/** Ids, or a client and a span: `since` inclusive, `until` exclusive, ms since the epoch. */
export type Selection =
  | Readonly<{ ids: readonly string[] }>
  | Readonly<{
      client: string;
      since: number;
      until: number;
      /** Any of these; null = all. */
      actions: readonly string[] | null;
    }>;

/** Most entries that one undo takes back. */
const entriesMax = 10_000;
/** Rows of one question to the ledger. */
const pageRows = 1_000;
/** Entries that are opened at the same time. */
const opened = 8;

/** Runs `each` for all items, at most `at` at the same time, in their order of results. */
export const mapBounded = async <Item, Made>(
  items: readonly Item[],
  at: number,
  each: (item: Item) => Promise<Made>,
): Promise<readonly Made[]> => {
  const made: Made[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const index = next;
      next += 1;
      made[index] = await each(items[index] as Item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(at, items.length) }, work));
  return made;
};

/** Oldest first: by time, and within one chain by its sequence. */
export const byPosition = (one: Pick<LedgerRow, 'id' | 'at'>, other: typeof one): number => {
  const left = parseLedgerId(one.id);
  const right = parseLedgerId(other.id);
  if (left !== null && right !== null && left.writer === right.writer) {
    return left.sequence - right.sequence;
  }
  if (one.at !== other.at) return one.at < other.at ? -1 : 1;
  return one.id < other.id ? -1 : 1;
};

const tooMany = refuse(
  'value_invalid',
  `More than ${entriesMax} entries fit. Narrow the time or the actions, and take back part by part.`,
);

/** Did it change something, as far as anybody knows? What was denied or held did not. */
const hasChanged = ({ code, outcome }: LedgerRow): boolean =>
  code === null && outcome !== 'rejected' && outcome !== 'not-sent';

/** All rows of a question that changed something, newest first; null = more than are taken. */
const listAll = async (
  ledger: Pick<Ledger, 'list'>,
  query: Omit<ListQuery, 'limit'>,
): Promise<readonly LedgerRow[] | null> => {
  const rows = new Map<string, LedgerRow>();
  const seen = new Set<string>();
  let { until } = query;
  for (;;) {
    const page = await ledger.list({
      ...query,
      ...(until === undefined ? {} : { until }),
      limit: pageRows,
    });
    const known = seen.size;
    for (const row of page) {
      seen.add(row.id);
      if (hasChanged(row)) rows.set(row.id, row);
    }
    if (rows.size > entriesMax) return null;
    const last = page.at(-1);
    if (page.length < pageRows || last === undefined) return [...rows.values()];
    // The next page may begin with entries of the same millisecond.
    until = Date.parse(last.at) + 1;
    if (seen.size === known) return null;
  }
};

const rowOf = async (ledger: Pick<Ledger, 'show'>, id: string): Promise<LedgerRow | null> =>
  parseLedgerId(id) === null ? null : ((await ledger.show(id as LedgerId))?.row ?? null);

const named = async (
  ledger: Pick<Ledger, 'show'>,
  ids: readonly string[],
): Promise<readonly LedgerRow[] | Refusal> => {
  const rows = await mapBounded([...new Set(ids)], opened, (id) => rowOf(ledger, id));
  const missing = rows.indexOf(null);
  return missing < 0
    ? rows.filter((row) => row !== null)
    : refuse('value_invalid', `There is no entry ${[...new Set(ids)][missing] ?? ''}.`);
};

/** The selected entries, oldest first, of a span those that changed something; a Refusal where one is not there or there are too many. */
export const selectEntries = async (
  ledger: Pick<Ledger, 'list' | 'show'>,
  selection: Selection,
): Promise<readonly LedgerRow[] | Refusal> => {
  let rows: readonly LedgerRow[] | Refusal;
  if ('ids' in selection) rows = await named(ledger, selection.ids);
  else {
    const { actions, ...span } = selection;
    const query = actions === null ? span : { ...span, actions };
    rows = (await listAll(ledger, query)) ?? tooMany;
  }
  return 'refused' in rows ? rows : rows.toSorted(byPosition);
};

/** Entries on one resource from `since` on that changed something, newest first; null = too many. */
export const entriesOn = async (
  ledger: Pick<Ledger, 'list'>,
  resource: Readonly<{ tenant: string; type: string; id: string }>,
  since: string,
): Promise<readonly LedgerRow[] | null> => {
  const { tenant, type, id } = resource;
  const rows = await listAll(ledger, { subject: id, since: Date.parse(since) });
  return (
    rows?.filter(
      (row) => row.tenant === tenant && row.resource.type === type && row.resource.id === id,
    ) ?? null
  );
};
