/** What must hold after several mutations: never what they took back, and all that they left. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { isRefusal } from '../../../src/errors.ts';
import type { JsonObject } from '../../../src/identity/json-value.ts';
import { mergeChecks, type Watched } from '../../../src/identity/scim/merge-checks.ts';
import { applyChanges } from '../../../src/identity/scim/patch.ts';
import { expectedOf, passes, type Check } from '../../../src/identity/scim/readback.ts';
import type { Change, ResourceType } from '../../../src/identity/scim/schema-model.ts';
import { groupType, userType } from '../../../src/identity/scim/schemas.ts';
import { canonicalGroup, canonicalUser, groupChange, userChange } from './resource-arbitraries.ts';

const fold = (
  type: ResourceType,
  steps: readonly (readonly Change[])[],
  start: JsonObject = {},
): readonly Check[] => {
  let watched: readonly Watched[] = [];
  steps.forEach((changes, at) => {
    const checks = checksOf(type, changes, start, false) ?? [];
    watched = mergeChecks(watched, { checks, entry: `led_${at}`, at }, type);
  });
  return watched.map(({ check }) => check);
};

const checksOf = (
  type: ResourceType,
  changes: readonly Change[],
  before: JsonObject,
  known: boolean,
): readonly Check[] | null => {
  const about = { type, id: '1', projection: {}, preconditions: {}, repairs: [] };
  const patch = { verb: 'patch', ...about, changes } as const;
  const expected = expectedOf(patch, {}, known ? before : null);
  return expected?.kind === 'changed' ? expected.checks : null;
};

const title = (value: string): Change => ({ op: 'replace', path: { attribute: 'title' }, value });
const join = (...ids: string[]): Change => ({
  op: 'add',
  path: { attribute: 'members' },
  value: ids.map((value) => ({ value })),
});
const leave = (value: string): Change => ({
  op: 'remove',
  path: {
    attribute: 'members',
    filter: { kind: 'compare', path: { attribute: 'value' }, operator: 'eq', value },
  },
});
const members = (...ids: string[]): Change => ({ ...join(...ids), op: 'replace' }) as Change;
const name = (value: JsonObject): Change => ({
  op: 'replace',
  path: { attribute: 'name' },
  value,
});
const given = (value: string): Change => ({
  op: 'replace',
  path: { attribute: 'name', sub: 'givenName' },
  value,
});

const told = (checks: readonly Check[]): readonly string[] =>
  checks.map((check) =>
    `${check.kind} ${'value' in check ? JSON.stringify(check.value) : ''}`.trim(),
  );

void suite('what must hold after several mutations', () => {
  const cases: readonly (readonly [
    title: string,
    type: ResourceType,
    steps: readonly (readonly Change[])[],
    expected: readonly string[],
  ])[] = [
    ['the newest value of an attribute', userType, [[title('a')], [title('b')]], ['equals "b"']],
    [
      'values of other attributes stay',
      userType,
      [[title('a')], [given('A')]],
      ['equals "a"', 'equals "A"'],
    ],
    [
      'who was added stays expected while others come',
      groupType,
      [[join('u1')], [join('u2')]],
      ['includes [{"value":"u1"}]', 'includes [{"value":"u2"}]'],
    ],
    [
      'who was taken out is not expected any more',
      groupType,
      [[join('u1', 'u2')], [leave('u1')]],
      ['includes [{"value":"u2"}]', 'absent'],
    ],
    [
      'who comes back is not expected to be absent',
      groupType,
      [[leave('u1')], [join('u1')]],
      ['includes [{"value":"u1"}]'],
    ],
    [
      'a list that was set whole grows with what is added',
      groupType,
      [[members('u1', 'u2')], [join('u3')]],
      ['equals [{"value":"u1"},{"value":"u2"},{"value":"u3"}]', 'includes [{"value":"u3"}]'],
    ],
    [
      'a list that is set whole replaces all that was said of it',
      groupType,
      [[join('u1')], [members('u2')]],
      ['equals [{"value":"u2"}]'],
    ],
    [
      'a part of an attribute changes that part alone',
      userType,
      [[name({ givenName: 'A', familyName: 'B' })], [given('C')]],
      ['equals {"givenName":"C","familyName":"B"}', 'equals "C"'],
    ],
  ];
  for (const [what, type, steps, expected] of cases) {
    void test(what, () => assert.deepEqual(told(fold(type, steps)), expected));
  }

  void test('is never contradicted by the mutations that made it', () => {
    const steps = (change: fc.Arbitrary<Change>) =>
      fc.array(fc.tuple(fc.array(change, { minLength: 1, maxLength: 3 }), fc.boolean()), {
        minLength: 1,
        maxLength: 6,
      });
    const walk = (
      type: ResourceType,
      start: JsonObject,
      taken: readonly (readonly [readonly Change[], boolean])[],
    ): void => {
      let resource = start;
      let watched: readonly Watched[] = [];
      taken.forEach(([changes, known], at) => {
        const applied = applyChanges(resource, changes, type);
        if (isRefusal(applied)) return;
        const checks = checksOf(type, changes, resource, known);
        resource = applied.resource;
        // Such an element is as good as none, and nobody is a member twice.
        const ids = ((resource['members'] ?? []) as JsonObject[]).map((one) => one['value']);
        const twice = new Set(ids).size < ids.length;
        if (twice || /\{"primary":(?:true|false)\}/.test(JSON.stringify(resource))) {
          watched = [];
          return;
        }
        // Where a check does not hold of its own mutation, the read-back at once has told.
        if (checks?.every((check) => passes(check, resource, type)) !== true) {
          watched = [];
          return;
        }
        watched = mergeChecks(watched, { checks, entry: `led_${at}`, at }, type);
        for (const { check } of watched) {
          assert.ok(passes(check, resource, type), JSON.stringify({ check, resource }));
        }
      });
    };
    fc.assert(
      fc.property(canonicalUser, steps(userChange), (start, taken) => {
        walk(userType, start, taken);
      }),
      { numRuns: 1_500 },
    );
    fc.assert(
      fc.property(canonicalGroup, steps(groupChange), (start, taken) => {
        walk(groupType, start, taken);
      }),
      { numRuns: 1_500 },
    );
  });
});
