/**
 * Turns a target's answer into what the caller sees: repaired, stripped of what it may not read,
 * projected, with links that point to the gateway. Nothing of the target's bytes passes unread.
 */
import { isRefusal } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import type { Answer } from '../call.ts';
import { bareObject, isArray, isObject } from '../json-value.ts';
import type { Json, JsonObject } from '../json-value.ts';
import type { AttributeName, Operation, Projection } from '../operation.ts';
import { foreignNamesHider } from './copies.ts';
import type { CopyScope } from './copies.ts';
import { matches } from './evaluate.ts';
import { linksToCaller, resourceLink } from './links.ts';
import type { Bases } from './links.ts';
import { isLookup } from './lookup.ts';
import { listResponse } from './messages.ts';
import { cutPage } from './pages.ts';
import type { PagesBeside } from './pages.ts';
import { isProjected } from './projection.ts';
import type { Attribute, AttributePath, Filter, Resource, ResourceType } from './schema-model.ts';
import { attributeName, lookUp } from './schemas.ts';
import { seesAll } from './sight.ts';
import type { Sight } from './sight.ts';
import { failureOf, unreadableAnswer } from './target-failure.ts';
import { idFromLocation, isErrorMessage, readList, resourceOf } from './target-resource.ts';

/** How an answer is to be shown. Bases without a trailing slash. */
export type PresentView = Sight &
  Readonly<{
    publicBase: string;
    targetBase: string;
    /** Wall time, ms since the epoch, for Retry-After dates. */
    now: number;
    /** The target answers 404 for deactivated users too (T13). */
    inactiveAbsent?: boolean;
    /** The caller pages by cursor, whatever is asked of the target. */
    byCursor?: boolean;
    /** Shows values as this caller sent them (C14), before read lists and projection; pure. */
    echo?: (resource: Resource) => Resource;
  }>;

/** What goes to the caller. `Content-Type` is http's. */
export type Presented = Readonly<{
  status: number;
  /** `ETag`, `Location`. */
  headers: Readonly<Record<string, string>>;
  body: JsonObject | null;
  /** Of a list: from where the pages beside it are read. Sealed into the body by whoever answers. */
  beside?: PagesBeside;
}>;

/** Shown whatever was asked for; never subject to read lists. */
const alwaysShown: ReadonlySet<string> = new Set(['schemas', 'id']);

/** What a caller sees of a type, whatever it asked for: made once for a read list and copies. */
type Seen = Readonly<{
  copies: CopyScope;
  /** Does the caller see all? Else nothing that changes with what is hidden may be shown. */
  whole: boolean;
  /** Takes out the names of other resources that the caller may not read. */
  hideForeignNames(resource: Resource): Resource;
  /** Leaves that are shown where nothing is projected. */
  unprojected: Map<AttributeName, boolean>;
}>;

/** One presentation: decisions by leaf are made once, however many resources there are. */
type Showing = Pick<Seen, 'whole' | 'hideForeignNames'> &
  Readonly<{
    mayRead: PresentView['mayRead'];
    echo: PresentView['echo'];
    type: ResourceType;
    projection: Projection;
    bases: Bases;
    shown: Map<AttributeName, boolean>;
  }>;

/** Decisions by leaf that are kept: names come from targets, so they have an end. */
const leavesKeptMax = 1_000;

const seenBy = new WeakMap<PresentView['mayRead'], WeakMap<ResourceType, Seen>>();

/** A read list lives as long as its snapshot, so what was made for it is found again. */
const seenOf = (type: ResourceType, view: PresentView): Seen => {
  const byType = seenBy.get(view.mayRead) ?? new WeakMap<ResourceType, Seen>();
  const known = byType.get(type);
  if (known !== undefined && known.copies === view.copies) return known;
  const seen = {
    copies: view.copies,
    whole: seesAll(type, view),
    hideForeignNames: foreignNamesHider(type, view.copies),
    unprojected: new Map<AttributeName, boolean>(),
  };
  seenBy.set(view.mayRead, byType.set(type, seen));
  return seen;
};

const newShowing = (type: ResourceType, projection: Projection, view: PresentView): Showing => {
  const { whole, hideForeignNames, unprojected } = seenOf(type, view);
  const plain = projection.attributes === undefined && projection.excluded === undefined;
  return {
    type,
    projection,
    bases: { from: view.targetBase, to: view.publicBase },
    mayRead: (name) => view.mayRead(name),
    echo: view.echo,
    shown: plain ? unprojected : new Map(),
    hideForeignNames,
    whole,
  };
};

const isShown = (showing: Showing, path: AttributePath): boolean => {
  const leaf = attributeName(path);
  const known = showing.shown.get(leaf);
  if (known !== undefined) return known;
  const returned = lookUp(showing.type, path)?.returned ?? 'default';
  const readable = showing.mayRead(leaf);
  const wanted = returned === 'always' || isProjected(showing.projection, leaf);
  const shown = readable && wanted && returned !== 'never';
  if (showing.shown.size < leavesKeptMax) showing.shown.set(leaf, shown);
  return shown;
};

/**
 * Names of an object's members: as the target orders them, or, to a caller who does not see all, as
 * the schema does. A target orders them by when they were added, also beside what is hidden.
 */
const namesOf = (
  { whole }: Showing,
  value: JsonObject,
  known: () => Readonly<Record<string, Attribute>> | undefined,
): readonly string[] => {
  const names = Object.keys(value);
  if (whole || names.length < 2) return names;
  const order = Object.keys(known() ?? {});
  const rank = (name: string): number => {
    const at = order.indexOf(name.toLowerCase());
    return at < 0 ? order.length : at;
  };
  return names.sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1));
};

/** Members of a complex value that the caller sees; undefined where none is left. */
const showComplex = (
  showing: Showing,
  value: JsonObject,
  schema: string | undefined,
  attribute: string,
): Json | undefined => {
  const out = bareObject<Json>();
  const parts = () =>
    lookUp(showing.type, schema === undefined ? { attribute } : { schema, attribute })?.sub;
  for (const sub of namesOf(showing, value, parts)) {
    const member = value[sub];
    const path = schema === undefined ? { attribute, sub } : { schema, attribute, sub };
    if (member !== undefined && isShown(showing, path)) out[sub] = member;
  }
  return Object.keys(out).length === 0 ? undefined : out;
};

const showValue = (
  showing: Showing,
  value: Json,
  schema: string | undefined,
  attribute: string,
): Json | undefined => {
  if (isArray(value) && value.some((item) => isObject(item))) {
    const items = value
      .map((item) => showValue(showing, item, schema, attribute))
      .filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  if (isObject(value)) return showComplex(showing, value, schema, attribute);
  const path = schema === undefined ? { attribute } : { schema, attribute };
  return isShown(showing, path) ? value : undefined;
};

const showExtension = (showing: Showing, urn: string, value: JsonObject): Json | undefined => {
  const out = bareObject<Json>();
  const known = () => showing.type.extensions[urn.toLowerCase()]?.attributes;
  for (const name of namesOf(showing, value, known)) {
    const member = value[name];
    const shown = member === undefined ? undefined : showValue(showing, member, urn, name);
    if (shown !== undefined) out[name] = shown;
  }
  return Object.keys(out).length === 0 ? undefined : out;
};

/** Members of `meta` that no read list takes away: they name the resource and its address. */
const metaKept: ReadonlySet<string> = new Set(['resourceType', 'location']);

/** `meta` with its location at the gateway; without what tells of changes that are hidden. */
const showMeta = (showing: Showing, meta: Json, id: Json | undefined): Json | undefined => {
  if (!isObject(meta) || !isProjected(showing.projection, 'meta')) return undefined;
  const out = bareObject<Json>();
  for (const name of Object.keys(meta)) {
    const member = meta[name];
    const readable = metaKept.has(name) || showing.mayRead(`meta.${name}`);
    if (member !== undefined && readable && (name !== 'version' || showing.whole))
      out[name] = member;
  }
  if (out['location'] !== undefined) {
    if (typeof id !== 'string') delete out['location'];
    else out['location'] = resourceLink(showing.bases.to, showing.type.endpoint, id);
  }
  return out;
};

/**
 * `schemas` names the extensions a resource has (RFC 7643 §3). Who does not see all is told of those
 * it is shown: the others, and a target that forgets one, would tell that something hidden is there.
 */
const showSchemas = (showing: Showing, stated: Json, shown: JsonObject, raw: Resource): Json => {
  if (showing.whole) return stated;
  const core = showing.type.schema.id;
  const extensions = Object.keys(shown).filter((name) => name.includes(':'));
  if (core !== '') return [core, ...extensions];
  const others = isArray(stated) ? stated : [];
  return [
    ...others.filter((urn) => typeof urn === 'string' && !Object.hasOwn(raw, urn)),
    ...extensions,
  ];
};

const showResource = (showing: Showing, stored: Resource): JsonObject => {
  const resource = showing.hideForeignNames(showing.echo?.(stored) ?? stored);
  const out = bareObject<Json>();
  for (const name of namesOf(showing, resource, () => showing.type.schema.attributes)) {
    const value = resource[name];
    if (value === undefined) continue;
    let shown: Json | undefined;
    if (alwaysShown.has(name)) shown = value;
    else if (name === 'meta') shown = showMeta(showing, value, resource['id']);
    else if (name.includes(':') && isObject(value)) shown = showExtension(showing, name, value);
    else shown = showValue(showing, value, undefined, name);
    if (shown !== undefined) out[name] = shown;
  }
  const { schemas } = out;
  if (schemas !== undefined) out['schemas'] = showSchemas(showing, schemas, out, resource);
  if (!Object.hasOwn(out, 'schemas') && showing.type.schema.id !== '') {
    return linksToCaller({ schemas: [showing.type.schema.id], ...out }, showing.bases);
  }
  return linksToCaller(out as JsonObject, showing.bases);
};

const entityTag = /^(?:W\/)?"[\x21\x23-\x7e]{0,512}"$/;

/** The target's tag, only to a caller who sees all that it changes with. */
const tagHeader = (answer: Answer, whole: boolean): Readonly<Record<string, string>> => {
  const tag = answer.headers['etag'];
  return whole && tag !== undefined && entityTag.test(tag) ? { ETag: tag } : {};
};

const idOf = (resource: Resource | null): string | null => {
  const id = resource?.['id'];
  return typeof id === 'string' && id !== '' ? id : null;
};

type Verb<Name extends Operation['verb']> = Extract<Operation, { verb: Name }>;

/** C28: an empty 201 is answered with what was sent, so that the caller learns the id. */
const presentCreate = (
  answer: Answer,
  operation: Verb<'create'>,
  view: PresentView,
): Presented | Refusal => {
  const { type, projection } = operation;
  if (answer.status === 202) return { status: 202, headers: {}, body: null };
  const answered = resourceOf(answer, type);
  const id = idOf(answered) ?? idFromLocation(answer.headers, type.endpoint);
  if (isErrorMessage(answer.body) || (!answer.readable && id === null)) {
    return unreadableAnswer(answer);
  }
  const whole = idOf(answered) !== null;
  const resource =
    whole && answered !== null ? answered : { ...operation.resource, id: id ?? undefined };
  const location = id === null ? null : resourceLink(view.publicBase, type.endpoint, id);
  const meta = isObject(resource['meta']) ? resource['meta'] : { resourceType: type.name };
  const complete = { ...resource, meta: location === null ? meta : { ...meta, location } };
  const showing = newShowing(type, projection, view);
  const body = showResource(showing, complete);
  return {
    status: 201,
    headers: {
      ...tagHeader(answer, whole && showing.whole),
      ...(location === null ? {} : { Location: location }),
    },
    body,
  };
};

const presentResource = (
  answer: Answer,
  operation: Verb<'read' | 'patch' | 'replace'>,
  view: PresentView,
): Presented | Refusal => {
  const { type, projection, verb } = operation;
  if (isErrorMessage(answer.body)) return unreadableAnswer(answer);
  const resource = resourceOf(answer, type);
  if (resource === null || Object.keys(resource).length === 0) {
    if (verb === 'read') return unreadableAnswer(answer);
    // T14: `{}` says as much as nothing. What is no JSON at all says nothing about the change.
    if (!answer.readable) return unreadableAnswer(answer);
    const status = answer.status === 202 ? 202 : 204;
    return { status, headers: tagHeader(answer, seenOf(type, view).whole), body: null };
  }
  const showing = newShowing(type, projection, view);
  const body = showResource(showing, resource);
  return { status: 200, headers: tagHeader(answer, showing.whole), body };
};

/**
 * T20: a target that ignores a filter answers with somebody else, and a look-up would show what only
 * a search may. What is shown of a look-up must match it: an attribute that is not there does not,
 * unless the client asked to leave it out, or it is the one that targets find by and do not show.
 */
const isAnswerTo = (
  resource: Resource,
  filter: Filter,
  { type, projection }: Verb<'search'>,
): boolean => {
  if (filter.kind !== 'compare' && filter.kind !== 'values') return true;
  const { attribute } = filter.path;
  const leftOut = attribute === 'externalId' || !isProjected(projection, attribute);
  return (leftOut && resource[attribute] === undefined) || matches(filter, resource, type);
};

const presentSearch = (
  answer: Answer,
  operation: Verb<'search'>,
  view: PresentView,
): Presented | Refusal => {
  const { type, projection, filter, page } = operation;
  const list = answer.readable ? readList(answer.body, type) : null;
  if (list === null) return unreadableAnswer(answer);
  const fitting =
    filter !== undefined && isLookup(operation)
      ? list.resources.filter((resource) => isAnswerTo(resource, filter, operation))
      : list.resources;
  const dropped = list.resources.length - fitting.length;
  const found =
    dropped === 0
      ? list
      : { ...list, resources: fitting, totalResults: fitting.length, totalStated: true };
  const { byCursor = false } = view;
  const cut = cutPage(found, page, byCursor);
  if (isRefusal(cut)) return cut;
  const showing = newShowing(type, projection, view);
  const resources = cut.resources.map((resource) => showResource(showing, resource));
  const total = { totalResults: Math.max(found.totalResults, resources.length) };
  // Counted from one page, a total would end the reading of all others.
  const counted = !found.totalStated && (byCursor || cut.beside.next !== undefined);
  const body = listResponse({
    ...(counted ? {} : total),
    ...(byCursor ? {} : { startIndex: list.startIndex }),
    resources,
  });
  const alone = cut.beside.next === undefined && cut.beside.previous === undefined;
  return { status: 200, headers: {}, body, ...(alone ? {} : { beside: cut.beside }) };
};

/**
 * What the caller sees of a target's answer, or why there is nothing to see. A 304 passes only where
 * the read asked for it; no other redirect ever does. For a mutation a refusal here does not say
 * whether the change was made: that is `classify` (classify.ts). Discovery has discovery.ts.
 */
export const present = (
  answer: Answer,
  operation: Exclude<Operation, { verb: 'discover' }>,
  view: PresentView,
): Presented | Refusal => {
  const { verb, type } = operation;
  if (
    answer.status === 304 &&
    verb === 'read' &&
    operation.preconditions.ifNoneMatch !== undefined
  ) {
    return { status: 304, headers: tagHeader(answer, seenOf(type, view).whole), body: null };
  }
  const succeeded = answer.status >= 200 && answer.status <= 299;
  const failure = succeeded ? null : failureOf(answer, { ...view, type });
  if (failure !== null && isRefusal(failure)) return failure;
  if (verb === 'create') return presentCreate(answer, operation, view);
  if (verb === 'search') return presentSearch(answer, operation, view);
  if (verb !== 'delete') return presentResource(answer, operation, view);
  return isErrorMessage(answer.body) || !answer.readable
    ? unreadableAnswer(answer)
    : { status: answer.status === 202 ? 202 : 204, headers: {}, body: null };
};
