/** Properties of the changing engines: canonical form, apply, inverse, difference, stripping. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isRefusal } from '../../src/errors.ts';
import type { JsonObject } from '../../src/identity/json-value.ts';
import { canonicalChanges, canonicalResource } from '../../src/identity/scim/canonical.ts';
import { patchOpUrn } from '../../src/identity/scim/messages.ts';
import {
  applyChanges,
  diffResources,
  equalValues,
  stripResource,
} from '../../src/identity/scim/patch.ts';
import { printPath } from '../../src/identity/scim/path.ts';
import type { Change, ResourceType } from '../../src/identity/scim/schema-model.ts';
import { groupType, userType } from '../../src/identity/scim/schemas.ts';
import {
  canonicalGroup,
  canonicalUser,
  groupChange,
  userChange,
  withoutOrder,
} from '../identity/scim/resource-arbitraries.ts';

const hints = { client: null } as const;
const runs = { numRuns: 1_000 };

const kinds: readonly (readonly [ResourceType, fc.Arbitrary<JsonObject>, fc.Arbitrary<Change>])[] =
  [
    [userType, canonicalUser, userChange],
    [groupType, canonicalGroup, groupChange],
  ];

const frozen = <Value>(value: Value): Value => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) frozen(member);
  }
  return value;
};

/** Is the value one that a random object's prototype lends rather than holds? */
const polluted = (): boolean =>
  Object.keys(Object.prototype).length > 0 || typeof {}.toString !== 'function';

for (const [type, resources, change] of kinds) {
  test(`${type.name}: the inverse restores the resource, whose input stays as it was`, () => {
    fc.assert(
      fc.property(resources, fc.array(change, { maxLength: 6 }), (resource, changes) => {
        const applied = applyChanges(frozen(resource), frozen(changes), type);
        if (isRefusal(applied)) return assert.equal(applied.refused, 'path_no_match');
        const undone = applyChanges(frozen(applied.resource), applied.inverse, type);
        assert.ok(!isRefusal(undone), JSON.stringify(undone));
        assert.deepEqual(withoutOrder(undone.resource), withoutOrder(resource));
        assert.equal(applied.touched.length === 0, applied.resource === resource);
        assert.ok(!polluted());
      }),
      runs,
    );
  });

  test(`${type.name}: the difference leads from one resource to the other`, () => {
    fc.assert(
      fc.property(resources, resources, (before, after) => {
        const changes = diffResources(frozen(before), frozen(after), type);
        const applied = applyChanges(before, changes, type);
        assert.ok(!isRefusal(applied), JSON.stringify(applied));
        for (const name of new Set([...Object.keys(after), ...Object.keys(applied.resource)])) {
          if (name === 'schemas') continue;
          const attribute = type.schema.attributes[name.toLowerCase()] ?? null;
          if (attribute?.sub?.['$ref'] !== undefined) {
            assert.ok(equalValues(applied.resource[name], after[name], attribute), name);
          } else {
            assert.ok(equalValues(applied.resource[name], after[name], null), name);
          }
        }
        assert.deepEqual(diffResources(after, after, type), []);
        assert.deepEqual(diffResources(applied.resource, after, type), []);
      }),
      runs,
    );
  });

  test(`${type.name}: canonical form of canonical form is the same`, () => {
    fc.assert(
      fc.property(resources, (resource) => {
        const once = canonicalResource(resource, type, hints);
        assert.ok(!isRefusal(once), JSON.stringify(once));
        const again = canonicalResource(once.resource, type, hints);
        assert.ok(!isRefusal(again));
        assert.deepEqual(again.resource, once.resource);
        assert.deepEqual(again.repairs, []);
        assert.deepEqual(withoutOrder(once.resource), withoutOrder(resource));
      }),
      runs,
    );
  });

  test(`${type.name}: printed changes read back as the same changes`, () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const Operations = changes.map((one) => ({ ...one, path: printPath(one.path) }));
        const body = { schemas: [patchOpUrn], Operations } as JsonObject;
        const read = canonicalChanges(body, type, hints);
        // Some are none that a client may send: a remove of what is required or immutable.
        if (isRefusal(read)) return assert.equal(read.scimType, 'mutability');
        assert.deepEqual(
          read.changes.map((one) => withoutOrder(one as unknown as JsonObject)),
          changes.map((one) => withoutOrder(one as unknown as JsonObject)),
        );
      }),
      runs,
    );
  });

  test(`${type.name}: stripping keeps exactly what is asked, and shares it`, () => {
    fc.assert(
      fc.property(resources, fc.func(fc.boolean()), (resource, keep) => {
        assert.equal(
          stripResource(resource, type, () => true),
          resource,
        );
        const nothing = stripResource(resource, type, () => false);
        assert.deepEqual(Object.keys(nothing), ['schemas']);
        const once = stripResource(resource, type, keep);
        assert.equal(stripResource(once, type, keep), once);
      }),
      runs,
    );
  });
}

test('any JSON is read or refused, never thrown, and pollutes nothing', () => {
  const names = fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'userName',
    'name.givenName',
    'emails',
    'emails[type eq "work"].value',
    'members',
    'schemas',
    'id',
    'refused',
    'detail',
    'urn:a:b',
    'urn:a:b:c',
    'urn:ietf:params:scim:schemas:core:2.0:User',
    'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User',
    'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager',
  );
  const json = fc.letrec<{ value: unknown; object: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(null, true, '', 'x', 'True', 1, 1.5),
      fc.array(tie('value'), { maxLength: 3 }),
      tie('object'),
    ),
    object: fc
      .array(fc.tuple(names, tie('value')), { maxLength: 4 })
      .map(
        (entries) =>
          JSON.parse(
            `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`,
          ) as unknown,
      ),
  }));
  const operation = fc.record(
    {
      op: fc.constantFrom('add', 'Replace', 'REMOVE', 'x'),
      path: names,
      value: json.value,
    },
    { requiredKeys: ['op'] },
  );
  fc.assert(
    fc.property(json.object, fc.array(operation, { maxLength: 3 }), (raw, Operations) => {
      for (const type of [userType, groupType]) {
        const whole = canonicalResource(raw as JsonObject, type, hints);
        if (!isRefusal(whole)) {
          const again = canonicalResource(whole.resource, type, hints);
          assert.ok(!isRefusal(again), JSON.stringify(again));
          assert.deepEqual(again.resource, whole.resource);
        }
        const body = { schemas: [patchOpUrn], Operations } as unknown as JsonObject;
        const read = canonicalChanges(body, type, hints);
        if (isRefusal(read)) continue;
        applyChanges(isRefusal(whole) ? {} : whole.resource, read.changes, type);
      }
      assert.ok(!polluted());
    }),
    { numRuns: 3_000 },
  );
});
