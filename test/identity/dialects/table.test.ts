/** Every row of the client dialect table against real request shapes. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { errorTable, isRefusal } from '../../../src/errors.ts';
import { noteOf, quirks } from '../../../src/identity/dialects/table.ts';
import { canonicalChanges, canonicalResource } from '../../../src/identity/scim/canonical.ts';
import { parseFilter, printFilter } from '../../../src/identity/scim/filter.ts';
import { applyChanges, diffResources } from '../../../src/identity/scim/patch.ts';
import { printPath } from '../../../src/identity/scim/path.ts';
import type { Change } from '../../../src/identity/scim/schema-model.ts';
import { groupType, userType } from '../../../src/identity/scim/schemas.ts';
import { withoutOrder } from '../scim/resource-arbitraries.ts';
import { dialectVectors } from '../../vectors/client-dialects.ts';
import type { DialectVector } from '../../vectors/client-dialects.ts';

const hints = { client: null } as const;
const typeOf = (vector: DialectVector) => (vector.type === 'User' ? userType : groupType);

const print = (changes: readonly Change[]) =>
  changes.map((change) =>
    change.op === 'remove'
      ? [change.op, printPath(change.path)]
      : [change.op, printPath(change.path), change.value],
  );

/** The value, or a failure that shows the refusal. */
const granted = <Value extends object>(result: Value): Exclude<Value, { refused: unknown }> => {
  assert.ok(!isRefusal(result), JSON.stringify(result));
  return result as Exclude<Value, { refused: unknown }>;
};

type Checks = {
  [Kind in DialectVector['kind']]: (vector: Extract<DialectVector, { kind: Kind }>) => void;
};

const checks: Checks = {
  patch: (vector) => {
    const type = typeOf(vector);
    const read = granted(canonicalChanges(vector.body, type, hints));
    assert.deepEqual(print(read.changes), vector.changes);
    assert.deepEqual(
      read.repairs.map((repair) => repair.row),
      vector.rows,
    );
    assert.equal(read.statedId, vector.statedId);
    if (vector.before === undefined) return;
    const applied = granted(applyChanges(vector.before, read.changes, type));
    assert.deepEqual(applied.resource, vector.after);
    const undone = granted(applyChanges(applied.resource, applied.inverse, type));
    assert.deepEqual(withoutOrder(undone.resource), withoutOrder(vector.before));
  },
  resource: (vector) => {
    const read = granted(canonicalResource(vector.body, typeOf(vector), hints));
    assert.deepEqual(read.resource, vector.resource);
    assert.deepEqual(
      read.repairs.map((repair) => repair.row),
      vector.rows,
    );
  },
  replace: (vector) => {
    const type = typeOf(vector);
    const { resource } = granted(canonicalResource(vector.body, type, hints));
    assert.deepEqual(print(diffResources(vector.before, resource, type)), vector.changes);
  },
  refused: (vector) => {
    const read = vector.message === 'patch' ? canonicalChanges : canonicalResource;
    const result: object = read(vector.body, typeOf(vector), hints);
    assert.ok(isRefusal(result), 'must be refused');
    assert.equal(result.refused, vector.code);
    assert.equal(result.scimType ?? errorTable[result.refused].scimType, vector.scimType);
  },
  filter: (vector) => {
    const filter = granted(parseFilter(vector.filter, typeOf(vector)));
    const printed = printFilter(filter);
    assert.equal(printed, vector.printed);
    assert.deepEqual(granted(parseFilter(printed, typeOf(vector))), filter);
  },
};

for (const vector of dialectVectors) {
  test(`${vector.row} ${vector.name}`, () => {
    (checks[vector.kind] as (vector: DialectVector) => void)(vector);
  });
}

test('every vector has its row', () => {
  for (const { row } of dialectVectors) assert.equal(typeof noteOf(row), 'string');
});

test('rows are unique, say who, where and what, and hold no unknown row', () => {
  assert.equal(new Set(quirks.map((quirk) => quirk.row)).size, quirks.length);
  for (const quirk of quirks) {
    assert.match(quirk.row, /^C[0-9]+$/);
    assert.ok(existsSync(new URL(`../../../${quirk.lives}`, import.meta.url)), quirk.lives);
    for (const text of [quirk.client, quirk.title, quirk.source, quirk.note]) {
      assert.notEqual(text, '');
    }
  }
  assert.throws(() => noteOf('C0'), TypeError);
});
