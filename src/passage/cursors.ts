/**
 * Cursors as clients see them (RFC 9865): where the next page lies, sealed, so that nothing is kept
 * here and nothing can be made up there. A cursor is good for one client, one route, one search and
 * one hour; whoever holds it is authorised anew for every page (§5.2).
 */
import { createHash } from 'node:crypto';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../identity/json-value.ts';
import type { ReadOperation } from '../identity/operation.ts';
import {
  expiredCursor,
  invalidCursor,
  pageAt,
  tellsByPage,
  type PagePosition,
  type PagesBeside,
  type Paging,
} from '../identity/scim/pages.ts';
import type { Presented } from '../identity/scim/present.ts';
import { printSearchShape } from '../identity/scim/print.ts';
import type { KeyRing } from '../sealing.ts';

/** Lifetime of a cursor, ms. */
export const cursorLifetimeMs = 3_600_000;

/** What seals and opens. */
export type CursorDeps = Readonly<{
  keyRing: Pick<KeyRing, 'seal' | 'open'>;
  clock: Readonly<{ now(): number }>;
}>;

/** What a cursor is bound to. Each part changes the context, so none can be exchanged. */
export type CursorScope = Readonly<{
  client: string;
  route: string;
  /** Where the pages lie: a cursor means nothing at another address. */
  targetBase: string;
  /** Are pages counted among what the client may see, rather than among all? */
  gated: boolean;
  /** All that was asked for; its place among the pages is left out. */
  search: Extract<ReadOperation, { verb: 'search' }>;
}>;

const contextOf = ({ client, route, targetBase, gated, search }: CursorScope): string => {
  const shape = createHash('sha256').update(printSearchShape(search)).digest('hex');
  return JSON.stringify(['scim cursor 1', client, route, targetBase, gated, shape]);
};

/** Seals a position; base64url, which RFC 9865 §2 allows unescaped. */
export const sealCursor = (
  { keyRing, clock }: CursorDeps,
  scope: CursorScope,
  position: PagePosition,
): string => {
  const text = JSON.stringify({ at: clock.now(), ...position });
  return keyRing.seal(Buffer.from(text, 'utf8'), contextOf(scope)).toString('base64url');
};

const positionOf = (value: Json): PagePosition | null => {
  if (!isObject(value)) return null;
  const { kind, cursor, startIndex } = value;
  if (kind === 'target' && typeof cursor === 'string') return { kind, cursor };
  return kind === 'index' && typeof startIndex === 'number' ? { kind, startIndex } : null;
};

/** What a cursor holds; `invalidCursor` for whatever was not sealed here in this very scope. */
export const openCursor = (
  { keyRing, clock }: CursorDeps,
  scope: CursorScope,
  cursor: string,
): PagePosition | Refusal => {
  const bytes = Buffer.from(cursor, 'base64url');
  // Base64 has spare bits and Buffer skips what is none: one cursor has one spelling.
  if (bytes.toString('base64url') !== cursor) return invalidCursor;
  const plain = keyRing.open(bytes, contextOf(scope));
  if (plain === null) return invalidCursor;
  const value = JSON.parse(plain.toString('utf8')) as JsonObject;
  const position = positionOf(value);
  if (position === null || typeof value['at'] !== 'number') return invalidCursor;
  return clock.now() - value['at'] > cursorLifetimeMs ? expiredCursor : position;
};

/** A read as it is asked of the target, and what its answer needs to be shown to the caller. */
export type Paged<Read extends ReadOperation> = Readonly<{
  operation: Read;
  /** Does the caller page by cursor? */
  byCursor: boolean;
  /** Scope of the cursors beside a page; null where the read is no search. */
  scope: CursorScope | null;
}>;

/** This target has no page at an index but the first; it would come again and again. */
const noIndex = refuse(
  'value_invalid',
  'This target pages by cursor only: begin with an empty cursor instead of startIndex.',
);

/**
 * Turns the page a caller asked for into the page to ask of the target: its own cursor, or the index
 * that a cursor of ours stands for where it has none. `paging` is what the target serves; where a
 * gated filter is answered from the whole list, positions are indices among what is shown.
 */
export const openPage = <Read extends ReadOperation>(
  deps: CursorDeps,
  operation: Read,
  bound: Omit<CursorScope, 'search'>,
  paging: Paging,
): Paged<Read> | Refusal => {
  if (operation.verb !== 'search') return { operation, byCursor: false, scope: null };
  const scope: CursorScope = { ...bound, search: operation };
  const { cursor, startIndex = 1 } = operation.page;
  if (cursor === undefined) {
    return paging === 'cursor' && startIndex > 1 ? noIndex : { operation, byCursor: false, scope };
  }
  const position = cursor === '' ? null : openCursor(deps, scope, cursor);
  if (isRefusal(position)) return position;
  const local = bound.gated && tellsByPage(operation);
  const page = pageAt(operation.page, position, local ? 'index' : paging);
  return { operation: { ...operation, page }, byCursor: true, scope };
};

const sealedMembers = (
  deps: CursorDeps,
  scope: CursorScope,
  { next, previous }: PagesBeside,
): JsonObject => ({
  ...(next === undefined ? {} : { nextCursor: sealCursor(deps, scope, next) }),
  ...(previous === undefined ? {} : { previousCursor: sealCursor(deps, scope, previous) }),
});

const ours: ReadonlyMap<string, Refusal> = new Map([
  ['invalidCursor', invalidCursor],
  ['expiredCursor', expiredCursor],
]);

/** A target's refusal of its own cursor, in our words: the same as for any other that is none. */
const asOurs = (refusal: Refusal): Refusal =>
  refusal.refused === 'target_refused' ? (ours.get(refusal.scimType ?? '') ?? refusal) : refusal;

/**
 * The answer of a search as the caller sees it: a list with the cursors of the pages beside it, or a
 * refusal. Anything else is given back as it is.
 */
export const withCursors = (
  deps: CursorDeps,
  scope: CursorScope | null,
  presented: Presented | Refusal,
): Presented | Refusal => {
  if (scope === null) return presented;
  if (isRefusal(presented)) return asOurs(presented);
  const { beside, body, ...rest } = presented;
  if (beside === undefined || body === null) return presented;
  const { Resources, ...members } = body;
  return { ...rest, body: { ...members, ...sealedMembers(deps, scope, beside), Resources } };
};
