/**
 * What a search asks for: filter, projection, order and page. One reader for both ways to ask, the
 * query of a GET (RFC 7644 §3.4.2) and the SearchRequest of `POST …/.search` (§3.4.3), so that the
 * same words mean the same operation whichever way they come.
 */
import { isRefusal, refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import { isArray } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { Operation, Page } from '../operation.ts';
import { parseFilter } from './filter.ts';
import { searchRequestUrn } from './messages.ts';
import { cursorLengthMax, invalidCursor, invalidCount } from './pages.ts';
import { readProjection } from './projection.ts';
import { queryNameOf, queryProblem, readInteger } from './query.ts';
import type { Query, QueryName } from './query.ts';
import type { ResourceType } from './schema-model.ts';
import { attributeName, resolveName } from './schemas.ts';

const readPageNumber = (
  query: Query,
  name: 'startIndex' | 'count',
  least: number,
): number | undefined | Refusal => {
  const text = query[name];
  if (text === undefined) return undefined;
  const value = readInteger(text);
  if (value === null) return refuse('value_invalid', `${name} is a whole number.`);
  return Math.max(value, least);
};

/** RFC 9865 §2: by cursor there is no startIndex, and a page holds at least one resource. */
const readCursorPage = (cursor: string, query: Query): Page | Refusal => {
  if (query.startIndex !== undefined) {
    return refuse('value_invalid', 'Page by cursor or by startIndex, not by both.');
  }
  if (cursor.length > cursorLengthMax) return invalidCursor;
  if (query.count === undefined) return { cursor };
  const count = readInteger(query.count);
  return count === null || count < 1 ? invalidCount : { cursor, count };
};

const readIndexPage = (query: Query): Page | Refusal => {
  const startIndex = readPageNumber(query, 'startIndex', 1);
  if (isRefusal(startIndex)) return startIndex;
  const count = readPageNumber(query, 'count', 0);
  if (isRefusal(count)) return count;
  return {
    ...(startIndex === undefined ? {} : { startIndex }),
    ...(count === undefined ? {} : { count }),
  };
};

const readPage = (type: ResourceType, query: Query): Page | Refusal => {
  const page =
    query.cursor === undefined ? readIndexPage(query) : readCursorPage(query.cursor, query);
  if (isRefusal(page)) return page;
  if (query.sortBy === undefined || query.sortBy.trim() === '') return page;
  const path = resolveName(type, query.sortBy.trim());
  if (path === null) return refuse('value_invalid', 'sortBy names no attribute of this resource.');
  const order = (query.sortOrder ?? 'ascending').trim().toLowerCase();
  if (order !== 'ascending' && order !== 'descending') {
    return refuse('value_invalid', 'sortOrder is ascending or descending.');
  }
  return { ...page, sortBy: attributeName(path), sortOrder: order };
};

/** The search that these parameters ask for, on one resource type. */
export const understandSearch = (type: ResourceType, query: Query): Operation | Refusal => {
  const projection = readProjection(type, query);
  if (isRefusal(projection)) return projection;
  const page = readPage(type, query);
  if (isRefusal(page)) return page;
  const common = { verb: 'search', type, repairs: [], projection, page } as const;
  if (query.filter === undefined || query.filter.trim() === '') return common;
  const filter = parseFilter(query.filter, type);
  return isRefusal(filter) ? filter : { ...common, filter };
};

const malformed = (detail: string): Refusal => refuse('body_malformed', detail);

const isNamed = (schemas: Json | undefined): boolean =>
  isArray(schemas) &&
  schemas.length === 1 &&
  typeof schemas[0] === 'string' &&
  schemas[0].toLowerCase() === searchRequestUrn.toLowerCase();

const listed: ReadonlySet<QueryName> = new Set(['attributes', 'excludedAttributes']);
const numbered: ReadonlySet<QueryName> = new Set(['startIndex', 'count']);

/** Names as a JSON array or, as in a query, one text with commas. */
const readNames = (name: QueryName, value: Json): string | Refusal => {
  if (typeof value === 'string') return value;
  const wrong = malformed(`${name} is a list of attribute names.`);
  if (!isArray(value)) return wrong;
  const names: string[] = [];
  for (const item of value) {
    if (typeof item !== 'string' || item.includes(',')) return wrong;
    names.push(item);
  }
  return names.join(',');
};

const readMember = (name: QueryName, value: Json): string | Refusal => {
  if (listed.has(name)) return readNames(name, value);
  if (typeof value === 'string') return value;
  if (numbered.has(name)) {
    return typeof value === 'number' ? String(value) : malformed(`${name} is a whole number.`);
  }
  return malformed(`${name} is a string.`);
};

/**
 * The parameters of a SearchRequest body as a query would carry them. Names in any letter case (strict
 * parsing refused look-alikes); null means "not given"; unknown members are ignored as
 * unknown parameters are. Refuses with `body_malformed` another message or another JSON type.
 */
export const readSearchRequest = (body: JsonObject): Query | Refusal => {
  const found: Partial<Record<QueryName, string>> = {};
  let schemas: Json | undefined;
  for (const key of Object.keys(body)) {
    const value = body[key];
    if (key.toLowerCase() === 'schemas') schemas = value;
    const name = queryNameOf(key);
    if (name === undefined || value === undefined || value === null) continue;
    const text = readMember(name, value);
    if (isRefusal(text)) return text;
    const wrong = queryProblem(name, text);
    if (wrong !== null) return wrong;
    found[name] = text;
  }
  return isNamed(schemas) ? found : malformed(`schemas must hold ${searchRequestUrn} alone.`);
};
