/**
 * Reads a target's list to its end, page by page, for eyes that must not miss anybody: what cannot be
 * read whole is said, never cut off in silence. A filter that the target does not know is asked for
 * weaker, which finds at least as many; whoever reads judges each resource anyway.
 */
import { isRefusal } from '../errors.ts';
import type { Page } from '../identity/operation.ts';
import { parseFilter } from '../identity/scim/filter.ts';
import { planSearch } from '../identity/scim/plan-search.ts';
import type { Resource, ResourceType } from '../identity/scim/schema-model.ts';
import { provesAbsence, readList, resourceOf } from '../identity/scim/target-resource.ts';
import type { Operation } from '../identity/operation.ts';
import type { Target } from '../snapshot.ts';
import { askTarget, type AskDeps } from './ask-target.ts';

type Search = Extract<Operation, { verb: 'search' }>;

/** Why a list or resource was not read: a short word for log and readiness, no personal data. */
export type Unread = Readonly<{ failed: string }>;

/** What may still be read in one round; counted down. */
export type Budget = { resources: number };

/** Where and what to read. */
export type Listing = Readonly<{
  target: Target;
  type: ResourceType;
  /** RFC 7644 filter; null = all. */
  filter: string | null;
  /** Attributes that may be left out. */
  excluded: readonly string[];
  budget: Budget;
}>;

/** Times that a list may shrink while it is read. */
const shrinksMax = 100;
/** Resources asked for on one page. */
const pageSize = 200;

/** The search as it goes out, widened to what the target can do. */
const searchOf = ({ target, type, filter, excluded }: Listing): Search | Unread => {
  const base: Search = {
    verb: 'search',
    type,
    repairs: [],
    page: {},
    projection: excluded.length === 0 ? {} : { excluded },
  };
  const parsed = filter === null ? null : parseFilter(filter, type);
  if (isRefusal(parsed)) return { failed: 'filter_malformed' };
  const narrow = parsed === null ? null : planSearch({ ...base, filter: parsed }, target.knobs);
  if (narrow !== null && (narrow.kind === 'ask' || narrow.kind === 'sift')) {
    // Projected as asked for: a weaker plan wants more attributes than these eyes need.
    const { filter: served } = narrow.search;
    return served === undefined ? base : { ...base, filter: served };
  }
  return target.knobs.unfilteredList === 'none' ? { failed: 'list_unreadable' } : base;
};

type Place = Readonly<{ at: Page; read: number; total: number }>;

/** Where the next page begins; null at the end. */
const nextPlace = (
  { at, read, total }: Place,
  list: NonNullable<ReturnType<typeof readList>>,
  { paging, count }: Readonly<{ paging: Target['knobs']['paging']; count: number }>,
): Place | null => {
  const shown = list.resources.length;
  if (paging === 'none') return null;
  if (paging === 'cursor' || 'cursor' in at) {
    const { nextCursor } = list;
    return nextCursor === null
      ? null
      : { at: { cursor: nextCursor }, read: read + shown, total: list.totalResults };
  }
  // Where some went away meanwhile, the rest moved up past the beginning of this page: read it again.
  const gone = Math.max(0, total - list.totalResults);
  const seen = gone > 0 ? Math.max(0, read - gone) : read + shown;
  // A total that is not told is that of the page: a full one may have another behind it.
  const more = list.totalStated ? seen < list.totalResults : shown >= count;
  if (shown === 0 || !more) return null;
  return { at: { startIndex: seen + 1 }, read: seen, total: list.totalResults };
};

/**
 * Gives every resource of the list to `each`, page by page. Null once it was read to its end, else why
 * it was not: a page that comes again, an answer that is no list, more than the budget.
 */
export const readAll = async (
  deps: AskDeps,
  listing: Listing,
  each: (resource: Resource, id: string) => void,
): Promise<Unread | null> => {
  const { target, type, budget } = listing;
  const search = searchOf(listing);
  if ('failed' in search) return search;
  const { paging, pageMax } = target.knobs;
  const count = Math.min(pageSize, pageMax);
  const seen = new Set<string>();
  const first: Page = paging === 'cursor' ? { cursor: '' } : { startIndex: 1 };
  let place: Place | null = { at: first, read: 0, total: 0 };
  let shrinks = 0;
  while (place !== null) {
    const page: Page = paging === 'none' ? {} : { ...place.at, count };
    const asked = await askTarget(deps, target, { ...search, page });
    if ('failed' in asked) return asked;
    const { answer } = asked;
    const list = answer.status === 200 && answer.readable ? readList(answer.body, type) : null;
    if (list === null) return { failed: `target_answered_${answer.status}` };
    const before = seen.size;
    for (const resource of list.resources) {
      const { id } = resource;
      if (typeof id !== 'string' || id === '') return { failed: 'resource_without_id' };
      if (seen.has(id)) continue;
      seen.add(id);
      if ((budget.resources -= 1) < 0) return { failed: 'too_many_resources' };
      each(resource, id);
    }
    const moved = list.totalResults < place.total;
    place = nextPlace(place, list, { paging, count });
    if (moved && (shrinks += 1) > shrinksMax) return { failed: 'list_unsteady' };
    if (place !== null && seen.size === before && !moved) return { failed: 'page_repeated' };
  }
  return null;
};

/** One resource as it is now; null where the target proves that it is not there. */
export const readOne = async (
  deps: AskDeps,
  target: Target,
  type: ResourceType,
  id: string,
): Promise<Readonly<{ resource: Resource | null }> | Unread> => {
  const operation = { verb: 'read', type, id, repairs: [], projection: {}, preconditions: {} };
  const asked = await askTarget(deps, target, { ...operation, verb: 'read' });
  if ('failed' in asked) return asked;
  const { answer } = asked;
  if (answer.status === 404 && provesAbsence(answer)) return { resource: null };
  const resource = resourceOf(answer, type);
  return resource === null ? { failed: `target_answered_${answer.status}` } : { resource };
};

/** How many there are, as the target tells; null where it does not. */
export const countAll = async (
  deps: AskDeps,
  target: Target,
  type: ResourceType,
): Promise<Readonly<{ count: number | null }> | Unread> => {
  const { knobs } = target;
  if (knobs.unfilteredList === 'none') return { count: null };
  const count = knobs.countZero ? 0 : 1;
  const search: Search = {
    verb: 'search',
    type,
    repairs: [],
    page: knobs.paging === 'none' ? {} : { startIndex: 1, count },
    projection: {},
  };
  const asked = await askTarget(deps, target, search);
  if ('failed' in asked) return asked;
  const { answer } = asked;
  const list = answer.status === 200 && answer.readable ? readList(answer.body, type) : null;
  if (list === null) return { failed: `target_answered_${answer.status}` };
  return { count: list.totalStated || knobs.paging === 'none' ? list.totalResults : null };
};
