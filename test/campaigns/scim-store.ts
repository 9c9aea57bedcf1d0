/**
 * A SCIM server in memory, written for the campaigns and on purpose from nothing of src/: its own
 * reading of filters, PATCH and PUT, so that a mistake there is not repeated here. It believes its
 * caller, as real targets do. `handle` is one request; nothing is shared with the outside by reference.
 */
import {
  fold,
  isList,
  isMap,
  plain,
  readFilter,
  readPlace,
  Refused,
  spelling,
  type Json,
  type Place,
  type Resource,
} from './scim-filter.ts';

export type { Json, Resource } from './scim-filter.ts';

type Kind = 'Users' | 'Groups';

/** One change of one stored resource; null where there was, or is, none. */
export type Changed = Readonly<{
  kind: Kind;
  id: string;
  before: Resource | null;
  after: Resource | null;
}>;

export type Handled = Readonly<{ status: number; body: Json | null; changed: Changed | null }>;

export type ScimStore = Readonly<{
  handle(method: string, path: string, query: string, body: string): Handled;
  /** Replaces everything by these resources. */
  reset(users: readonly Resource[], groups: readonly Resource[]): void;
  /** A copy of one resource, or null. */
  look(kind: Kind, id: string): Resource | null;
  ids(kind: Kind): readonly string[];
}>;

const errorUrn = 'urn:ietf:params:scim:api:messages:2.0:Error';
const listUrn = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';
const coreUrns: Readonly<Record<Kind, string>> = {
  Users: 'urn:ietf:params:scim:schemas:core:2.0:User',
  Groups: 'urn:ietf:params:scim:schemas:core:2.0:Group',
};
const hidden = new Set(['password']);
const kept = new Set(['password', 'groups']);

const copy = <Value>(value: Value): Value => structuredClone(value);
const same = (one: Json | undefined, other: Json | undefined): boolean =>
  JSON.stringify(sorted(one ?? null)) === JSON.stringify(sorted(other ?? null));

const sorted = (value: Json): Json => {
  if (isList(value)) return value.map(sorted);
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, sorted(value[name] ?? null)]),
  );
};

const element = (
  operator: string,
  old: Json,
  sub: string | null,
  value: Json | undefined,
): Json | undefined => {
  if (sub === null) {
    if (operator === 'remove') return undefined;
    return isMap(old) && isMap(value) ? { ...old, ...value } : value;
  }
  const next: Resource = isMap(old) ? { ...old } : {};
  if (operator === 'remove') delete next[spelling(next, sub)];
  else next[spelling(next, sub)] = value ?? null;
  return Object.keys(next).length === 0 ? undefined : next;
};

const withPlace = (
  outer: Resource,
  operator: string,
  { attribute, filter, sub }: Place,
  value: Json | undefined,
): void => {
  const name = spelling(outer, attribute);
  const old = outer[name];
  let next: Json | undefined;
  if (filter !== null) {
    const chosen = readFilter(filter);
    const items = isList(old) ? old : old === undefined ? [] : [old];
    if (!items.some(chosen)) {
      if (operator === 'remove') return;
      throw new Refused(400, 'noTarget');
    }
    next = items.flatMap((item) => {
      if (!chosen(item)) return [item];
      const changed = element(operator, item, sub, value);
      return changed === undefined ? [] : [changed];
    });
  } else if (sub !== null && isList(old)) {
    next = old.flatMap((item) => element(operator, item, sub, value) ?? []);
  } else if (sub !== null) next = element(operator, old ?? {}, sub, value);
  else if (operator === 'remove') next = undefined;
  else if (operator === 'add' && (isList(value) || isList(old))) {
    const held = isList(old) ? old : old === undefined ? [] : [old];
    const more = (isList(value) ? value : [value ?? null]).filter(
      (item) => !held.some((it) => same(it, item)),
    );
    next = [...held, ...more];
  } else next = isMap(old) && isMap(value) ? { ...old, ...value } : value;
  if (next === undefined || next === null || (isList(next) && next.length === 0))
    delete outer[name];
  else outer[name] = copy(next);
};

/** One PATCH operation on a resource, in place. */
const patchOnce = (resource: Resource, operation: Json): void => {
  if (!isMap(operation)) throw new Refused(400, 'invalidSyntax');
  const operator = plain(operation['op']).toLowerCase();
  const { path, value } = operation;
  if (typeof path !== 'string') {
    if (!isMap(value) || operator === 'remove') throw new Refused(400, 'noTarget');
    for (const name of Object.keys(value))
      patchOnce(resource, { op: operator, path: name, value: value[name] ?? null });
    return;
  }
  const place = readPlace(path);
  if (place.schema === null) return withPlace(resource, operator, place, value);
  const name = spelling(resource, place.schema);
  const extension: Resource = isMap(resource[name]) ? { ...resource[name] } : {};
  withPlace(extension, operator, place, value);
  if (Object.keys(extension).length === 0) delete resource[name];
  else resource[name] = extension;
};

/** The resource after a PATCH message, or after the first `most` of its operations. */
export const patched = (
  resource: Resource,
  message: Json,
  most = Number.POSITIVE_INFINITY,
): Resource => {
  const next = copy(resource);
  const operations = isMap(message) ? message[spelling(message, 'Operations')] : undefined;
  if (!isList(operations)) throw new Refused(400, 'invalidSyntax');
  for (const [index, operation] of operations.entries())
    if (index < most) patchOnce(next, operation);
  return next;
};

const shown = (resource: Resource): Resource =>
  Object.fromEntries(Object.entries(resource).filter(([name]) => !hidden.has(name)));

const withoutNulls = (resource: { readonly [name: string]: Json }): Resource =>
  Object.fromEntries(
    Object.entries(resource).filter(
      ([, value]) => value !== null && !(isList(value) && value.length === 0),
    ),
  );

/** Makes an empty server. Ids are counted, so a run can be repeated. */
export const makeScimStore = (now: () => number): ScimStore => {
  const tables: Readonly<Record<Kind, Map<string, Resource>>> = {
    Users: new Map(),
    Groups: new Map(),
  };
  let counted = 0;

  const unique = (kind: Kind, id: string, resource: Resource): void => {
    if (kind !== 'Users') return;
    const name = fold(resource['userName'] ?? '');
    if (name === '') throw new Refused(400, 'invalidValue');
    for (const [other, held] of tables.Users) {
      if (other !== id && fold(held['userName'] ?? '') === name)
        throw new Refused(409, 'uniqueness');
    }
  };
  const stamped = (resource: Resource, id: string, created: string): Resource => ({
    ...resource,
    id,
    meta: { created, lastModified: new Date(now()).toISOString() },
  });
  const store = (
    kind: Kind,
    id: string,
    before: Resource | null,
    after: Resource | null,
    status: number,
  ): Handled => {
    if (after !== null) {
      unique(kind, id, after);
      tables[kind].set(id, copy(after));
    } else tables[kind].delete(id);
    const changed = { kind, id, before: copy(before), after: copy(after) };
    return { status, body: after === null ? null : shown(copy(after)), changed };
  };
  const create = (kind: Kind, body: Json): Handled => {
    if (!isMap(body)) throw new Refused(400, 'invalidSyntax');
    counted += 1;
    const id = `n${counted}`;
    return store(
      kind,
      id,
      null,
      stamped(withoutNulls(body), id, new Date(now()).toISOString()),
      201,
    );
  };
  const change = (kind: Kind, id: string, method: string, body: Json): Handled => {
    const before = tables[kind].get(id);
    if (before === undefined) throw new Refused(404, '');
    if (method === 'DELETE') return store(kind, id, before, null, 204);
    const meta = before['meta'];
    const born = isMap(meta) ? plain(meta['created']) : '';
    const created = born === '' ? new Date(now()).toISOString() : born;
    if (method === 'PATCH') {
      return store(kind, id, before, stamped(patched(before, body), id, created), 200);
    }
    if (!isMap(body)) throw new Refused(400, 'invalidSyntax');
    const carried = Object.fromEntries(Object.entries(before).filter(([name]) => kept.has(name)));
    return store(
      kind,
      id,
      before,
      stamped({ ...carried, ...withoutNulls(body) }, id, created),
      200,
    );
  };
  const list = (kind: Kind, query: string): Handled => {
    const asked = new URLSearchParams(query);
    const test = readFilter(asked.get('filter') ?? 'id pr');
    const found = [...tables[kind].values()].filter((resource) => test(resource));
    const count = Number(asked.get('count') ?? 100);
    const body = {
      schemas: [listUrn],
      totalResults: found.length,
      startIndex: 1,
      Resources: found.slice(0, count).map((resource) => shown(copy(resource))),
    };
    return { status: 200, body, changed: null };
  };
  const route = (method: string, path: string, query: string, text: string): Handled => {
    const [name = '', id] = path.replace(/^\//, '').split('/', 2);
    if (name !== 'Users' && name !== 'Groups') throw new Refused(404, '');
    const body = text === '' ? null : (JSON.parse(text) as Json);
    if (id === undefined || id === '')
      return method === 'POST' ? create(name, body) : list(name, query);
    const decoded = decodeURIComponent(id);
    if (method !== 'GET') return change(name, decoded, method, body);
    const found = tables[name].get(decoded);
    if (found === undefined) throw new Refused(404, '');
    return { status: 200, body: shown(copy(found)), changed: null };
  };
  return {
    handle: (method, path, query, body) => {
      try {
        return route(method, path, query, body);
      } catch (error) {
        const status = error instanceof Refused ? error.status : 400;
        const scimType = error instanceof Refused ? error.scimType : 'invalidSyntax';
        const message = {
          schemas: [errorUrn],
          status: String(status),
          detail: 'refused',
          scimType,
        };
        return { status, body: message, changed: null };
      }
    },
    reset: (users, groups) => {
      for (const [kind, resources] of [
        ['Users', users],
        ['Groups', groups],
      ] as const) {
        tables[kind].clear();
        for (const resource of resources) {
          const id = plain(resource['id']);
          const created = new Date(now() - 86_400_000).toISOString();
          tables[kind].set(
            id,
            stamped({ schemas: [coreUrns[kind]], ...copy(resource) }, id, created),
          );
        }
      }
    },
    look: (kind, id) => copy(tables[kind].get(id) ?? null),
    ids: (kind) => [...tables[kind].keys()],
  };
};
