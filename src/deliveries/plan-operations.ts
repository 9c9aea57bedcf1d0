/**
 * The canonical operations of one step of a plan: the search that finds its resource, and the change.
 * Messages are read by the engine's own reader, so a plan is understood as any client is. Pure.
 */
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { isArray, type Json, type JsonObject } from '../identity/json-value.ts';
import type { Mutation, Operation } from '../identity/operation.ts';
import { canonicalChanges, canonicalResource } from '../identity/scim/canonical.ts';
import { patchOpUrn } from '../identity/scim/messages.ts';
import { applyChanges } from '../identity/scim/patch.ts';
import { parsePath } from '../identity/scim/path.ts';
import type {
  Change,
  Filter,
  Path,
  Resource,
  ResourceType,
} from '../identity/scim/schema-model.ts';
import type { PlanStep } from '../snapshot.ts';
import type { Scalar, StepValues } from './plan-values.ts';

type Search = Extract<Operation, { verb: 'search' }>;
/** A create in canonical form. */
export type Create = Extract<Mutation, { verb: 'create' }>;
type Patch = Extract<Mutation, { verb: 'patch' }>;

/** One condition of a look-up. Of a filtered path the element that is chosen must hold the value. */
const equals = ({ filter, ...path }: Path, value: Scalar): Filter => {
  if (filter === undefined) return { kind: 'compare', path, operator: 'eq', value };
  const { sub = 'value', ...outer } = path;
  const inner: Filter = { kind: 'compare', path: { attribute: sub }, operator: 'eq', value };
  return { kind: 'values', path: outer, filter: { kind: 'and', terms: [filter, inner] } };
};

/** The search for the one resource that holds all of these values. */
export const searchOf = (type: ResourceType, find: StepValues['find']): Search | Refusal => {
  const terms: Filter[] = [];
  for (const { path, value } of find) {
    const parsed = parsePath(path, type);
    if (isRefusal(parsed)) return parsed;
    terms.push(equals(parsed, value));
  }
  const [first, ...more] = terms;
  if (first === undefined) return refuse('filter_malformed', 'The step says nothing to find by.');
  const filter: Filter = more.length === 0 ? first : { kind: 'and', terms };
  return { verb: 'search', type, filter, page: {}, projection: {}, repairs: [] };
};

/** The read of one resource. */
export const readOf = (type: ResourceType, id: string): Operation => ({
  verb: 'read',
  type,
  id,
  projection: {},
  preconditions: {},
  repairs: [],
});

type Written = Readonly<{ op: 'add' | 'replace' | 'remove'; path: string; value?: Json }>;

/** A plan has no quirks of a client. */
const noHints = { client: null } as const;

const changesOf = (
  type: ResourceType,
  operations: readonly Written[],
): readonly Change[] | Refusal => {
  const message = { schemas: [patchOpUrn], Operations: operations } as unknown as JsonObject;
  const read = canonicalChanges(message, type, noHints);
  return isRefusal(read) ? read : read.changes;
};

const patchOf = (
  type: ResourceType,
  id: string,
  operations: readonly Written[],
): Patch | Refusal => {
  const changes = changesOf(type, operations);
  if (isRefusal(changes)) return changes;
  return { verb: 'patch', type, id, changes, projection: {}, preconditions: {}, repairs: [] };
};

/** An element that a filtered path chooses is made where it is not there (C5); all else is replaced. */
const setting = ({ path, value }: StepValues['set'][number]): Written => ({
  op: path.includes('[') ? 'add' : 'replace',
  path,
  value,
});

/** The create of a resource with these values. */
export const createOf = (type: ResourceType, set: StepValues['set']): Create | Refusal => {
  const changes = changesOf(
    type,
    set.map(({ path, value }) => ({ op: 'add', path, value })),
  );
  if (isRefusal(changes)) return changes;
  const extensions = [...new Set(changes.flatMap(({ path: { schema } }) => schema ?? []))];
  const empty: Resource = { schemas: [type.schema.id, ...extensions] };
  const applied = applyChanges(empty, changes, type);
  if (isRefusal(applied)) return applied;
  const read = canonicalResource(applied.resource, type, noHints);
  return isRefusal(read) ? read : { verb: 'create', type, projection: {}, ...read };
};

/** The change of a resource that is there. `memberId` is that of the user, `id` that of the group. */
type Chosen = Readonly<{ id: string; memberId: string | null }>;

const active = (value: boolean): readonly Written[] => [{ op: 'replace', path: 'active', value }];

const writings: Readonly<
  Record<
    Exclude<PlanStep['do'], 'delete'>,
    (values: StepValues, memberId: string) => readonly Written[]
  >
> = {
  // A create that finds its resource changes it: the twins of "made" and "changed" come in any order.
  create: ({ set }) => set.map(setting),
  update: ({ set }) => set.map(setting),
  activate: () => active(true),
  deactivate: () => active(false),
  'add-member': (_values, memberId) => [
    { op: 'add', path: 'members', value: [{ value: memberId }] },
  ],
  'remove-member': (_values, memberId) => [
    { op: 'remove', path: `members[value eq ${JSON.stringify(memberId)}]` },
  ],
};

/** What a step does to the resource it found. */
export const changeOf = (
  does: PlanStep['do'],
  type: ResourceType,
  { id, memberId }: Chosen,
  values: StepValues,
): Mutation | Refusal =>
  does === 'delete'
    ? { verb: 'delete', type, id, projection: {}, preconditions: {}, repairs: [] }
    : patchOf(type, id, writings[does](values, memberId ?? ''));

/** What a search answered: the one resource, none, or more than one. */
export type Hits = Readonly<{ id: string; resource: JsonObject }> | 'none' | 'several';

/** Reads a ListResponse. A total that says more than is shown is several. */
export const hitsOf = (body: JsonObject | null): Hits => {
  const list = body?.['Resources'];
  const resources = isArray(list) ? (list as readonly JsonObject[]) : [];
  const total = body?.['totalResults'];
  const count = Math.max(resources.length, typeof total === 'number' ? total : 0);
  if (count === 0) return 'none';
  const id = resources[0]?.['id'];
  return count === 1 && typeof id === 'string' && id !== ''
    ? { id, resource: resources[0] as JsonObject }
    : 'several';
};
