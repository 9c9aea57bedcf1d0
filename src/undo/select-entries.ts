/**
 * Which entries of the ledger are to be taken back: these, or all of a client in a span. Bounded; what
 * is selected stands in order of the ledger, whichever gateway wrote it.
 */
import { refuse, type Refusal } from '../errors.ts';
import { parseLedgerId, type LedgerId } from '../ids.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerRow } from '../ledger/record.ts';
import type { Shown } from './past.ts';

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
export const entriesMax = 10_000;
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

const listSpan = async (
  ledger: Pick<Ledger, 'list'>,
  { client, since, until, actions }: Extract<Selection, { client: string }>,
): Promise<readonly LedgerRow[] | Refusal> => {
  const rows = new Map<string, LedgerRow>();
  let end = until;
  for (;;) {
    const page = await ledger.list({
      client,
      since,
      until: end,
      limit: pageRows,
      ...(actions === null ? {} : { actions }),
    });
    const known = rows.size;
    for (const row of page) rows.set(row.id, row);
    if (rows.size > entriesMax) return tooMany;
    const last = page.at(-1);
    if (page.length < pageRows || last === undefined) return [...rows.values()];
    // The next page may begin with entries of the same millisecond.
    end = Date.parse(last.at) + 1;
    if (rows.size === known) return tooMany;
  }
};

/** The entries with their bodies; a Refusal where one is not there or there are too many. */
export const selectEntries = async (
  ledger: Pick<Ledger, 'list' | 'show'>,
  selection: Selection,
): Promise<readonly Shown[] | Refusal> => {
  const listed = 'ids' in selection ? null : await listSpan(ledger, selection);
  if (listed !== null && 'refused' in listed) return listed;
  const ids = 'ids' in selection ? [...new Set(selection.ids)] : (listed ?? []).map(({ id }) => id);
  const shown = await mapBounded(ids, opened, (id) =>
    parseLedgerId(id) === null ? Promise.resolve(null) : ledger.show(id as LedgerId),
  );
  const found: Shown[] = [];
  for (const [at, entry] of shown.entries()) {
    if (entry === null) return refuse('value_invalid', `There is no entry ${ids[at] ?? ''}.`);
    found.push(entry);
  }
  return found.toSorted((one, other) => byPosition(one.row, other.row));
};

/** Entries on one resource from `since` on, those that changed something; null = too many. */
export const entriesOn = async (
  ledger: Pick<Ledger, 'list' | 'show'>,
  resource: Readonly<{ tenant: string; type: string; id: string }>,
  since: string,
): Promise<readonly Shown[] | null> => {
  const { tenant, type, id } = resource;
  const rows = await ledger.list({ subject: id, since: Date.parse(since), limit: pageRows });
  if (rows.length >= pageRows) return null;
  const on = rows.filter(
    (row) =>
      row.code === null &&
      row.outcome !== 'rejected' &&
      row.outcome !== 'not-sent' &&
      row.tenant === tenant &&
      row.resource.type === type &&
      row.resource.id === id,
  );
  const shown = await mapBounded(on, 1, (row) => ledger.show(row.id as LedgerId));
  return shown.filter((one) => one !== null);
};
