/** What the tests of planned writes share: short writings, printed calls read back, an applier. */
import assert from 'node:assert/strict';
import { isRefusal, type Refusal } from '../../../src/errors.ts';
import { rfcKnobs, type Knobs } from '../../../src/identity/dialects/knobs.ts';
import type { Json, JsonObject } from '../../../src/identity/json-value.ts';
import type { Mutation } from '../../../src/identity/operation.ts';
import type { Writing } from '../../../src/identity/scim/adapt-writes.ts';
import { applyChanges } from '../../../src/identity/scim/patch.ts';
import { parsePath } from '../../../src/identity/scim/path.ts';
import { planWrites } from '../../../src/identity/scim/plan-writes.ts';
import { replacedBy } from '../../../src/identity/scim/replace.ts';
import type { Change, Resource, ResourceType } from '../../../src/identity/scim/schema-model.ts';
import { groupType, userType } from '../../../src/identity/scim/schemas.ts';
import type { Script, Sendable } from '../../../src/identity/scim/script.ts';
import { accepted, plain, publicBase, targetBase } from './scim-fixture.ts';

export const bases = { publicBase, targetBase };

export const knobsWith = (over: Partial<Knobs>): Knobs => ({ ...rfcKnobs, ...over });

const common = { projection: {}, repairs: [], preconditions: {} } as const;

export const patchOf = (type: ResourceType, changes: readonly Change[]): Mutation => ({
  verb: 'patch',
  type,
  id: 'x1',
  changes,
  ...common,
});

/** A PATCH with its facts. */
export const patching = (
  type: ResourceType,
  before: Resource | null,
  ...changes: readonly Change[]
): Writing => {
  const applied = before === null ? null : accepted(applyChanges(before, changes, type));
  const after = applied?.resource ?? null;
  return { operation: patchOf(type, changes), changes, before, after, resource: null };
};

/** A PUT of what the changes make of the current resource, with its facts. */
export const replacing = (
  type: ResourceType,
  before: Resource,
  ...changes: readonly Change[]
): Writing => {
  const resource = accepted(replacedBy(before, changes, type));
  const operation: Mutation = { verb: 'replace', type, id: 'x1', resource, ...common };
  return { operation, changes, before, after: resource, resource };
};

export const creating = (type: ResourceType, resource: Resource): Writing => ({
  operation: { verb: 'create', type, resource, projection: {}, repairs: [] },
  changes: null,
  before: null,
  after: resource,
  resource,
});

export const user = (more: JsonObject = {}): Resource => ({ userName: 'ann', ...more });
export const group = (...members: readonly string[]): Resource => ({
  displayName: 'app',
  ...(members.length === 0 ? {} : { members: members.map((value) => ({ value })) }),
});
export const ids = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, at) => `m${from + at}`);
export const addMembers = (...values: readonly string[]): Change => ({
  op: 'add',
  path: { attribute: 'members' },
  value: values.map((value) => ({ value })),
});
export const removeMember = (value: string): Change => ({
  op: 'remove',
  path: {
    attribute: 'members',
    filter: { kind: 'compare', path: { attribute: 'value' }, operator: 'eq', value },
  },
});
export const set = (attribute: string, value: Json): Change => ({
  op: 'replace',
  path: { attribute },
  value,
});

/** The script, or the test fails. */
export const planned = (writing: Writing, over: Partial<Knobs>): Script =>
  accepted(planWrites(writing, knobsWith(over), bases));

/** Why it is not planned, or the test fails. */
export const unplanned = (writing: Writing, over: Partial<Knobs>): Refusal => {
  const script = planWrites(writing, knobsWith(over), bases);
  assert.ok(isRefusal(script), 'expected a refusal');
  return script;
};

export const bodyOf = ({ call }: Sendable): JsonObject =>
  JSON.parse(call.body ?? '{}') as JsonObject;
export const operationsOf = (sendable: Sendable): readonly JsonObject[] =>
  (bodyOf(sendable)['Operations'] ?? []) as unknown as readonly JsonObject[];
/** `PATCH add members` and so on, one text for each printed operation. */
export const said = (script: readonly Sendable[]): unknown =>
  plain(
    script.map((each) =>
      each.call.method === 'PATCH' ? operationsOf(each) : [each.call.method, bodyOf(each)],
    ),
  );

const changesOf = (operation: JsonObject, type: ResourceType): Change[] => {
  const { op, path, value } = operation;
  if (typeof path !== 'string') {
    return Object.entries(value as JsonObject).map(([attribute, each]) => ({
      op: op as 'add',
      path: { attribute },
      value: each as Json,
    }));
  }
  const place = accepted(parsePath(path, type));
  return op === 'remove'
    ? [{ op, path: place }]
    : [{ op: op as 'add', path: place, value: value as Json }];
};

const withoutNothing = (resource: JsonObject): Resource =>
  Object.fromEntries(
    Object.entries(resource).filter(
      ([, value]) => value !== null && !(Array.isArray(value) && value.length === 0),
    ),
  );

/** What a target makes of a resource that is sent this call, read from its printed bytes. */
export const served = (
  resource: Resource,
  sendable: Sendable,
  type: ResourceType,
  put: Knobs['put'] = 'whole',
): Resource => {
  const body = bodyOf(sendable);
  if (sendable.call.method === 'PATCH') {
    const changes = operationsOf(sendable).flatMap((each) => changesOf(each, type));
    return accepted(applyChanges(resource, changes, type)).resource;
  }
  return withoutNothing(put === 'partial' ? { ...resource, ...body } : body);
};

export { groupType, userType };
