/**
 * Whatever the knobs, the planned calls make of a resource what the change makes of it, keep to the
 * limits of the target, and their way back restores it. The calls are read back from printed bytes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isRefusal } from '../../../src/errors.ts';
import type { Knobs } from '../../../src/identity/dialects/knobs.ts';
import type { Writing } from '../../../src/identity/scim/adapt-writes.ts';
import { applyChanges, diffResources, equalValues } from '../../../src/identity/scim/patch.ts';
import { planWrites } from '../../../src/identity/scim/plan-writes.ts';
import { replacedBy } from '../../../src/identity/scim/replace.ts';
import type { Change, Resource, ResourceType } from '../../../src/identity/scim/schema-model.ts';
import { lookUp } from '../../../src/identity/scim/schemas.ts';
import type { Script } from '../../../src/identity/scim/script.ts';
import {
  bases,
  groupType,
  knobsWith,
  operationsOf,
  patchOf,
  served,
  userType,
} from './plan-fixture.ts';
import { canonicalGroup, canonicalUser, groupChange, userChange } from './resource-arbitraries.ts';

const knobs: fc.Arbitrary<Knobs> = fc
  .record({
    operationsPerPatch: fc.constantFrom(1, 2, 3, 10_000),
    membersPerCall: fc.constantFrom(1, 2, 3, 100_000),
    bodyMax: fc.constantFrom(600, 2_000, 64 * 1_048_576),
    replaceMembers: fc.constantFrom('serve' as const, 'difference' as const),
    membersPerOperation: fc.constantFrom('any' as const, 'one' as const),
    memberPath: fc.constantFrom('path' as const, 'pathless' as const),
    patchFilters: fc.boolean(),
    patchReplace: fc.boolean(),
    patch: fc.constantFrom('whole' as const, 'whole' as const, 'active' as const, 'none' as const),
    put: fc.constantFrom('whole' as const, 'partial' as const, 'none' as const),
  })
  .map(knobsWith);

const users = fc.record({
  before: canonicalUser,
  changes: fc.array(userChange, { minLength: 1, maxLength: 6 }),
  knobs,
});
const groups = fc.record({
  before: canonicalGroup,
  changes: fc.array(groupChange, { minLength: 1, maxLength: 6 }),
  knobs,
});

const writingOf = (
  verb: 'patch' | 'replace',
  type: ResourceType,
  before: Resource,
  changes: readonly Change[],
): Writing | null => {
  const applied = applyChanges(before, changes, type);
  if (isRefusal(applied)) return null;
  const patch = patchOf(type, changes);
  if (verb === 'patch') {
    return { operation: patch, changes, before, after: applied.resource, resource: null };
  }
  const resource = replacedBy(before, changes, type);
  if (isRefusal(resource)) return null;
  const { projection } = patch;
  const operation = {
    verb,
    type,
    id: 'x1',
    resource,
    projection,
    repairs: [],
    preconditions: {},
  } as const;
  return { operation, changes, before, after: resource, resource };
};

/** Equal, where who is a member is told by value alone (C25) and once. */
const same = (left: Resource, right: Resource, type: ResourceType, what: string): void => {
  const members = lookUp(type, { attribute: 'members' });
  assert.ok(equalValues(left['members'], right['members'], members), `${what}: members`);
  const rest = ({ members: _members, ...others }: Resource): Resource => others;
  assert.deepEqual(diffResources(rest(left), rest(right), type), [], what);
};

const membersOf = (operation: Readonly<Record<string, unknown>>): number => {
  const { op, path, value } = operation;
  if (op === 'remove') return String(path).startsWith('members[') ? 1 : 0;
  const list = path === 'members' ? value : (value as { members?: unknown })?.members;
  return path === 'members' || path === undefined ? (list as unknown[]).length : 0;
};

const withinLimits = (script: Script, limits: Knobs): void => {
  for (const part of [...script, ...script.flatMap(({ inverse }) => inverse)]) {
    assert.ok(Buffer.byteLength(part.call.body ?? '') <= limits.bodyMax, 'bytes');
    if (part.call.method !== 'PATCH') continue;
    const operations = operationsOf(part);
    assert.ok(
      operations.length > 0 && operations.length <= limits.operationsPerPatch,
      'operations',
    );
    const members = operations.reduce((sum, operation) => sum + membersOf(operation), 0);
    assert.ok(members <= limits.membersPerCall, 'members');
  }
};

type Case = Readonly<{ before: Resource; changes: readonly Change[]; knobs: Knobs }>;

const planAndServe = (
  verb: 'patch' | 'replace',
  type: ResourceType,
  { before, changes, knobs: of }: Case,
): 'served' | 'refused' | 'nothing' => {
  const writing = writingOf(verb, type, before, changes);
  if (writing === null) return 'nothing';
  const script = planWrites(writing, of, bases);
  if (isRefusal(script)) {
    assert.ok(['not_supported', 'body_too_large'].includes(script.refused), script.refused);
    return 'refused';
  }
  withinLimits(script, of);
  let resource = before;
  const states = [before];
  for (const part of script) {
    resource = served(resource, part, type, of.put);
    states.push(resource);
  }
  same(resource, writing.after ?? {}, type, 'the calls make what the change makes');
  // From any part on: what is not kept for a reason can be taken back whole.
  for (let made = script.length - 1; made > 0; made -= 1) {
    const parts = script.slice(0, made);
    if (parts.some(({ kept }) => kept !== null)) continue;
    let back = states[made] as Resource;
    for (const { inverse } of parts.toReversed()) {
      for (const each of inverse) back = served(back, each, type, of.put);
    }
    same(back, before, type, `taken back after ${made} parts`);
  }
  return 'served';
};

for (const [name, cases] of [
  ['users', users],
  ['groups', groups as unknown as typeof users],
] as const) {
  for (const verb of ['patch', 'replace'] as const) {
    test(`planned calls of ${name} by ${verb} do what the change does`, () => {
      const counts = { served: 0, refused: 0, nothing: 0 };
      fc.assert(
        fc.property(cases, (each) => {
          counts[planAndServe(verb, name === 'users' ? userType : groupType, each)] += 1;
        }),
        { numRuns: 400 },
      );
      assert.ok(counts.served > 40, `few were served: ${JSON.stringify(counts)}`);
    });
  }
}
