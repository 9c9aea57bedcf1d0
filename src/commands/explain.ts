/**
 * `sallyport explain`: what a call would mean, what would be repaired and normalised, which rule
 * decides, which limits count and what would go to the target. Reads the route file only; secrets
 * are not resolved and nothing is sent. Pure.
 */
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { inspect } from '../http/hygiene.ts';
import { findEntry, type Found } from '../http/route-table.ts';
import type { JsonObject } from '../identity/json-value.ts';
import type { Effect, Operation } from '../identity/operation.ts';
import { printFilter } from '../identity/scim/filter.ts';
import { printPath } from '../identity/scim/path.ts';
import type { Change, Repair, Resource } from '../identity/scim/schema-model.ts';
import { readResource } from '../identity/scim/target-resource.ts';
import { understand } from '../identity/scim/understand.ts';
import { asksBulk } from '../http/serve-bulk.ts';
import { withoutSecrets } from '../passage/hidden.ts';
import { preview, type Preview } from '../passage/preview.ts';
import type { Watching } from '../passage/preview-safety.ts';
import { scimViewOf } from '../passage/scim-view.ts';
import type { Denial, Grants } from '../policy/decision.ts';
import type { Client, Route, Snapshot } from '../snapshot.ts';
import { explainBulk, type InBulk } from './explain-bulk.ts';

/** A call as its client would send it. */
export type AskedCall = Readonly<{
  client: string;
  method: string;
  /** Path and query, as the client would send them. */
  path: string;
  body: string | null;
  /** The current resource as the target would show it; null where it is not known. */
  before: JsonObject | null;
}>;

/** A call to the target, its body parsed. */
export type ShownCall = Readonly<{ method: string; path: string; body: unknown }>;

/** What is told of a call: the JSON that `explain --json` prints. A password is never shown. */
export type Facts = Readonly<{
  client: string;
  route: string | null;
  target: string | null;
  operation: string | null;
  resource: Readonly<{ type: string | null; id: string | null }>;
  /** The operation in canonical form: its resource, its changes, its filter. */
  canonical: Readonly<Record<string, unknown>> | null;
  actions: readonly string[];
  effects: readonly Effect[];
  repairs: readonly Repair[];
  normalised: readonly Readonly<{ path: string; rule: string }>[];
  /**
   * `unknown`: it takes the current resource to tell. `hold`: it waits whatever was counted before; what
   * waits only above a limit is in `watching`.
   */
  decision: 'allow' | 'deny' | 'hold' | 'unknown';
  code: string | null;
  rule: string | null;
  detail: string | null;
  dropped: readonly string[];
  shadowed: readonly string[];
  limits: readonly Readonly<{ policy: string; count: number; seconds: number; burst: number }>[];
  /** Guards, approval and outside decisions that have a say after the grants. */
  watching: readonly Watching[];
  unchanged: boolean;
  calls: readonly ShownCall[];
  /** Of a Bulk: each operation in the order in which it would run. */
  operations?: readonly (Facts & InBulk)[];
}>;

const hiddenPassword = '********';

/** The value with passwords masked, wherever they stand (a member, or a PATCH of that path). */
export const masked = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null) return value;
  const { path } = value as { path?: unknown };
  const ofPassword = typeof path === 'string' && /(?:^|:)password$/i.test(path);
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      const secret = name.toLowerCase() === 'password' || (ofPassword && name === 'value');
      return [name, secret && each !== null ? hiddenPassword : masked(each)];
    }),
  );
};

/** Changes with their paths as text. */
export const shownChanges = (changes: readonly Change[]) =>
  changes.map((change) => ({ ...change, path: printPath(change.path) }));

const canonicalOf = (operation: Operation): Readonly<Record<string, unknown>> => {
  if (operation.verb === 'discover') return { document: operation.document };
  const { projection } = operation;
  if (operation.verb === 'search') {
    const filter = operation.filter === undefined ? null : printFilter(operation.filter);
    return { filter, page: operation.page, projection };
  }
  if (operation.verb === 'patch') return { changes: shownChanges(operation.changes), projection };
  return 'resource' in operation ? { resource: operation.resource, projection } : { projection };
};

const nothing: Facts = Object.freeze({
  client: '',
  route: null,
  target: null,
  operation: null,
  resource: { type: null, id: null },
  canonical: null,
  actions: [],
  effects: [],
  repairs: [],
  normalised: [],
  decision: 'deny',
  code: null,
  rule: null,
  detail: null,
  dropped: [],
  shadowed: [],
  limits: [],
  watching: [],
  unchanged: false,
  calls: [],
});

type Where = Readonly<{ client: string; route?: Route }>;

/** The facts of a denial of which nothing else is known. */
export const deniedFacts = ({ client, route }: Where, refusal: Refusal | Denial): Facts => ({
  ...nothing,
  client,
  route: route?.name ?? null,
  target: route?.target ?? null,
  ...denialOf(refusal),
});

const denialOf = (refusal: Refusal | Denial) => ({
  decision: 'deny' as const,
  code: isRefusal(refusal) ? refusal.refused : refusal.code,
  rule: refusal.rule ?? null,
  detail: refusal.detail,
});

type Decided = Pick<Facts, 'decision' | 'code' | 'rule' | 'detail' | 'dropped' | 'shadowed'>;

const decisionOf = ({ verdict }: Preview): Decided => {
  const plain = { code: null, rule: null, detail: null, dropped: [], shadowed: [] };
  if (verdict.kind === 'allow') {
    const { rule, drop, shadow } = verdict;
    return {
      ...plain,
      decision: 'allow',
      rule,
      dropped: drop,
      shadowed: shadow,
    };
  }
  if (verdict.kind === 'needs-before') {
    const detail = 'It takes the current resource to tell: give it as the target would show it.';
    return { ...plain, decision: 'unknown', detail };
  }
  if (verdict.kind === 'hold') {
    const { rule, detail } = verdict;
    return { ...plain, decision: 'hold', code: 'mutation_held', rule, detail };
  }
  return { ...plain, ...denialOf(verdict.refusal) };
};

const factsOf = (shown: Preview, { client, route }: Required<Where>): Facts => {
  const { operation } = shown;
  return {
    client,
    route: route.name,
    target: route.target,
    operation: operation.verb,
    resource: {
      type: operation.verb === 'discover' ? null : operation.type.name,
      id: 'id' in operation ? (operation.id ?? null) : null,
    },
    canonical: masked(canonicalOf(operation)) as Facts['canonical'],
    actions: shown.actions,
    effects: shown.effects,
    repairs: operation.repairs,
    normalised: shown.normalised,
    ...decisionOf(shown),
    limits: shown.limits.map(({ policy, count, seconds, burst }) => ({
      policy,
      count,
      seconds,
      burst,
    })),
    watching: shown.watching,
    unchanged: shown.unchanged,
    calls: shown.calls.map(({ method, path, query, body }) => ({
      method,
      path: query === '' ? path : `${path}?${query}`,
      body: body === null ? null : masked(JSON.parse(body)),
    })),
  };
};

const publicBaseOf = (snapshot: Snapshot, route: Route): string =>
  `${snapshot.server.publicUrl || 'http://localhost'}${route.path}`;

/** An operation on a route, as one client would do it. */
export type AskedOperation = Readonly<{
  snapshot: Snapshot;
  route: Route;
  client: Client;
  operation: Operation;
  before: Resource | null;
}>;

/** Explains an operation that is understood already. */
export const explainOperation = (asked: AskedOperation, now: number): Facts => {
  const { snapshot, route, client } = asked;
  const ended = endedClient(client, now);
  if (ended !== null) return deniedFacts({ client: client.name, route }, ended);
  const shown = preview({
    ...asked,
    actor: { client, grants: grantsOf(route, client) },
    publicBase: publicBaseOf(snapshot, route),
    now,
  });
  return factsOf(shown, { client: client.name, route });
};

/** What the client holds on the route; undefined = nothing. */
export const grantsOf = (route: Route, client: Client): Grants | undefined =>
  Object.hasOwn(route.grants, client.name) ? route.grants[client.name] : undefined;

const endedClient = ({ expiresAt }: Client, now: number): Refusal | null =>
  expiresAt <= now ? refuse('caller_refused', 'The client is past its `expires`.') : null;

/** The client of that name, or undefined. */
export const clientNamed = (snapshot: Snapshot, name: string): Client | undefined =>
  Object.hasOwn(snapshot.clients, name) ? snapshot.clients[name] : undefined;

/** The current resource as `pass` would have read it. */
const readBefore = (before: JsonObject | null, operation: Operation): Resource | null =>
  before === null || operation.verb === 'discover'
    ? null
    : withoutSecrets(readResource(before, operation.type), operation.type);

const finding = (snapshot: Snapshot, asked: AskedCall): Found | Refusal => {
  const [path, query] = splitPath(asked.path);
  const { method } = asked;
  const dirty = inspect({ method, path, query, headers: { host: 'localhost' }, rawHeaders: [] });
  if (dirty !== null) return dirty;
  const entry = findEntry(snapshot, path);
  if (entry === null) return refuse('route_unknown', 'There is no route at this path.');
  return 'webhook' in entry
    ? refuse(
        'route_unknown',
        'This path takes webhooks, which no client calls: explain it without --client.',
      )
    : entry;
};

const splitPath = (path: string): readonly [string, string] => {
  const mark = path.indexOf('?');
  return mark < 0 ? [path, ''] : [path.slice(0, mark), path.slice(mark + 1)];
};

const understood = (
  snapshot: Snapshot,
  { route, rest }: Found,
  client: Client,
  asked: AskedCall,
): Operation | Refusal => {
  const { method, body } = asked;
  const actor = { client, grants: grantsOf(route, client) };
  const query = splitPath(asked.path)[1];
  return understand(
    { method, segments: rest, query, body, ifMatch: null, ifNoneMatch: null },
    scimViewOf(route, actor, publicBaseOf(snapshot, route)),
  );
};

/** A Bulk: denied as a whole where one of its operations is, with that one's reason. */
const explainWhole = (
  snapshot: Snapshot,
  route: Route,
  client: Client,
  asked: AskedCall,
  now: number,
): Facts => {
  const where = { client: client.name, route };
  const actor = { client, grants: grantsOf(route, client) };
  const publicBase = publicBaseOf(snapshot, route);
  const imagined = { snapshot, route, actor, publicBase, now };
  const view = scimViewOf(route, actor, publicBase);
  const bulk = explainBulk(asked.body, view, imagined, (shown) => factsOf(shown, where));
  if (isRefusal(bulk)) return deniedFacts(where, bulk);
  const { decision, operations } = bulk;
  const telling = operations.find((each) => each.decision === decision && decision !== 'allow');
  return {
    ...nothing,
    client: client.name,
    route: route.name,
    target: route.target,
    operation: 'bulk',
    actions: [...new Set(operations.flatMap(({ actions }) => actions))],
    decision,
    code: telling?.code ?? null,
    rule: telling?.rule ?? null,
    detail: telling?.detail ?? null,
    calls: operations.flatMap(({ calls }) => calls),
    operations,
  };
};

/** Explains one call of one client, in the order in which it would be served. */
export const explainCall = (snapshot: Snapshot, asked: AskedCall, now: number): Facts => {
  const found = finding(snapshot, asked);
  if (isRefusal(found)) return deniedFacts({ client: asked.client }, found);
  const { route } = found;
  const where = { client: asked.client, route };
  const client = clientNamed(snapshot, asked.client);
  if (client === undefined) {
    return deniedFacts(where, refuse('caller_refused', 'The configuration has no such client.'));
  }
  const ended = endedClient(client, now);
  if (ended !== null) return deniedFacts(where, ended);
  if (asked.body !== null && Buffer.byteLength(asked.body) > snapshot.server.maxBodyBytes) {
    return deniedFacts(where, refuse('body_too_large', 'The body is larger than server.maxBody.'));
  }
  if (asksBulk(route, found.rest) && asked.method === 'POST') {
    return explainWhole(snapshot, route, client, asked, now);
  }
  const operation = understood(snapshot, found, client, asked);
  if (isRefusal(operation)) return deniedFacts(where, operation);
  const before = readBefore(asked.before, operation);
  return explainOperation({ snapshot, route, client, operation, before }, now);
};
