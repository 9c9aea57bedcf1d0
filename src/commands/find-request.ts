/**
 * Finds the entry of a request by its id, ours or the caller's own. The ledger has no index of
 * request ids, so pages of its list are read, newest first, within a time and a number of pages;
 * whoever finds nothing is told how far was looked. Pure but for what `list` does.
 */
import { isRefusal, type Refusal } from '../errors.ts';
import type { LedgerRow } from '../ledger/record.ts';

/** A question to `ledger.list`. */
type Page = Readonly<{ since: string; until?: string; limit: number }>;

/** The newest entry of the request, or how far was looked for it. */
export type FoundRequest = Readonly<{
  row: LedgerRow | null;
  /** Entries that were looked at. */
  looked: number;
  /** Time of the oldest of them, RFC 3339; null where there was none. */
  oldest: string | null;
  /** False where the number of pages ended the search before the time did. */
  whole: boolean;
}>;

const pageSize = 1_000;
const pagesMax = 20;

const isOf = (row: LedgerRow, id: string): boolean =>
  row.requestId === id || row.callerRequestId === id;

/** Searches the entries since `since`, at most 20,000 of them. */
export const findRequest = async (
  list: (page: Page) => Promise<readonly LedgerRow[] | Refusal>,
  id: string,
  range: Readonly<{ since: string; until?: string }>,
): Promise<FoundRequest | Refusal> => {
  let { until } = range;
  // Pages overlap by an instant, for several entries may share one.
  const seen = new Set<string>();
  let oldest: string | null = null;
  for (let page = 0; page < pagesMax; page += 1) {
    const asked = { since: range.since, limit: pageSize };
    const rows = await list(until === undefined ? asked : { ...asked, until });
    if (isRefusal(rows)) return rows;
    const before = seen.size;
    for (const each of rows) seen.add(each.id);
    oldest = rows.at(-1)?.at ?? oldest;
    const looked = seen.size;
    const row = rows.find((each) => isOf(each, id)) ?? null;
    if (row !== null) return { row, looked, oldest, whole: true };
    if (rows.length < pageSize || looked === before || oldest === null) {
      return { row: null, looked, oldest, whole: rows.length < pageSize };
    }
    until = new Date(Date.parse(oldest) + 1).toISOString();
  }
  return { row: null, looked: seen.size, oldest, whole: false };
};

/** Says how far was looked. */
export const printSearched = (
  { looked, oldest, whole }: FoundRequest,
  id: string,
  since: string,
): string => {
  const entries = `${looked} ${looked === 1 ? 'entry' : 'entries'}`;
  const far = whole
    ? `${entries} since ${since}; look further back with --since`
    : `the newest ${entries}, back to ${oldest}; look before that with --until ${oldest}`;
  return `no entry of the request ${id} among ${far}`;
};
