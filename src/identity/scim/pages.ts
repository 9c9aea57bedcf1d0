/**
 * Pages of a search (RFC 7644 §3.4.2.4, RFC 9865): how a target's page is counted, and from where
 * the next one is read. A position is data here; whoever hands it out seals it (passage/cursors.ts).
 */
import { refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import type { Page, ReadOperation } from '../operation.ts';

/** Longest cursor of a caller, characters: a sealed cursor of a target, and to spare. */
export const cursorLengthMax = 8_192;

/**
 * A cursor of a target as it is passed on: 1 to 4,096 visible characters without quotes. RFC 9865 §2
 * allows fewer: unreserved ones.
 */
export const targetCursorPattern = /^[\x21\x23-\x5b\x5d-\x7e]{1,4096}$/;

/**
 * Does a page of this read tell by its total, or by where it ends, what is hidden from its caller? A
 * filter and an order do.
 */
export const tellsByPage = (operation: ReadOperation): boolean =>
  operation.verb === 'search' &&
  (operation.filter !== undefined || operation.page.sortBy !== undefined);

/** Which paging a target serves. */
export type Paging = 'index' | 'cursor' | 'both';

/** From where a page is read at the target: its own cursor, or an index where it has none. */
export type PagePosition =
  | Readonly<{ kind: 'target'; cursor: string }>
  | Readonly<{ kind: 'index'; startIndex: number }>;

/** What lies beside a page. */
export type PagesBeside = Readonly<{ next?: PagePosition; previous?: PagePosition }>;

/**
 * One text for every cursor that is none of ours: forged, changed, of another client or of another
 * search (RFC 9865 §5.2: the same error, so that nobody learns which).
 */
export const invalidCursor: Refusal = refuse(
  'value_invalid',
  'The cursor is not valid for this search. Begin again with an empty cursor, and keep all other parameters as they are from page to page.',
  { scimType: 'invalidCursor' },
);

/** RFC 9865 §2.1. */
export const expiredCursor: Refusal = refuse(
  'value_invalid',
  'The cursor has expired. Begin again with an empty cursor.',
  { scimType: 'expiredCursor' },
);

/** RFC 9865 §2.1. */
export const invalidCount: Refusal = refuse(
  'value_invalid',
  'With a cursor, count is a whole number of at least 1.',
  { scimType: 'invalidCount' },
);

/** The target's pages are larger than what was asked for, and cutting one would lose resources. */
const largerPages: Refusal = refuse(
  'value_invalid',
  'The target serves larger pages than this count. Ask for more, or leave count out.',
  { scimType: 'invalidCount' },
);

/** What a target's list says of itself. */
export type ListedPage<Item> = Readonly<{
  totalResults: number;
  /** Did the target state the total, or is it counted? */
  totalStated: boolean;
  startIndex: number;
  nextCursor: string | null;
  previousCursor: string | null;
  resources: readonly Item[];
}>;

/** A page as the caller sees it, before anything else is left out of it. */
export type CutPage<Item> = Readonly<{ resources: readonly Item[]; beside: PagesBeside }>;

const targetPosition = (cursor: string): PagePosition => ({ kind: 'target', cursor });

const besideByCursor = (list: ListedPage<unknown>): PagesBeside => ({
  ...(list.nextCursor === null ? {} : { next: targetPosition(list.nextCursor) }),
  ...(list.previousCursor === null ? {} : { previous: targetPosition(list.previousCursor) }),
});

/**
 * A page read by index for a caller who pages by cursor. A target that ignores paging and sends
 * everything each time is cut here, or its first page would come again and again.
 */
const cutByIndex = <Item>(list: ListedPage<Item>, page: Page): CutPage<Item> => {
  const { count } = page;
  const asked = page.startIndex ?? 1;
  const { resources, totalResults, totalStated } = list;
  const sentAll = totalStated && asked > 1 && resources.length === totalResults;
  const from = sentAll ? resources.slice(asked - 1) : resources;
  const shown = count === undefined ? from : from.slice(0, count);
  const after = asked + shown.length;
  // Where the total is unknown a full page may be the last one; then the next is empty.
  const more = totalStated
    ? after <= totalResults
    : shown.length < from.length || (count !== undefined && shown.length === count);
  return {
    resources: shown,
    beside: more && shown.length > 0 ? { next: { kind: 'index', startIndex: after } } : {},
  };
};

/** Did the target page by cursor, as far as this answer tells? */
const isByCursor = (list: ListedPage<unknown>, page: Page): boolean =>
  list.nextCursor !== null ||
  list.previousCursor !== null ||
  // A first page without a cursor of its own may come from a target that knows of none.
  (page.cursor !== undefined && page.cursor !== '');

/**
 * Cuts a target's list to the page that was asked of it, and says what lies beside it. Never more
 * than asked for (RFC 7644 §3.4.2.4), whatever the target sends; `byCursor` where the caller pages
 * so. A target that answers an index request with a cursor (RFC 9865 §2.3) has it passed on, unless
 * the page had to be cut: then the next one would skip what was cut off.
 */
export const cutPage = <Item>(
  list: ListedPage<Item>,
  page: Page,
  byCursor: boolean,
): CutPage<Item> | Refusal => {
  if (byCursor && !isByCursor(list, page)) return cutByIndex(list, page);
  const { resources } = list;
  const most = page.count ?? resources.length;
  if (resources.length <= most) return { resources, beside: besideByCursor(list) };
  return byCursor ? largerPages : { resources: resources.slice(0, most), beside: {} };
};

/**
 * The page to ask of the target for a caller who pages by cursor. `position` is what the caller's cursor held, null where it was empty.
 */
export const pageAt = (page: Page, position: PagePosition | null, paging: Paging): Page => {
  const { cursor: _cursor, startIndex: _startIndex, ...rest } = page;
  if (position === null) return paging === 'index' ? rest : { ...rest, cursor: '' };
  return position.kind === 'target'
    ? { ...rest, cursor: position.cursor }
    : { ...rest, startIndex: position.startIndex };
};
