/** In which order a Bulk runs, and what its references become (RFC 7644 §3.7.1-2). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isRefusal } from '../../../src/errors.ts';
import type { Mutation } from '../../../src/identity/operation.ts';
import { readBulk, type BulkOperation } from '../../../src/identity/scim/bulk.ts';
import {
  dependsOnBulk,
  detachReferences,
  planBulk,
  resolveChanges,
  resolveReferences,
  type PlannedOperation,
} from '../../../src/identity/scim/bulk-references.ts';
import { applyChanges } from '../../../src/identity/scim/patch.ts';
import type { Attribute } from '../../../src/identity/scim/schema-model.ts';
import { groupType } from '../../../src/identity/scim/schemas.ts';
import { bulk, post } from '../../support/bulk-calls.ts';
import { groupUrn, scimView, userUrn } from './scim-fixture.ts';

const operationsOf = (operations: readonly object[]): readonly BulkOperation[] => {
  const read = readBulk(JSON.stringify(bulk(operations)), scimView, 1_000);
  assert.ok(!isRefusal(read), isRefusal(read) ? read.detail : '');
  return read.operations;
};
const planOf = (operations: readonly object[]): readonly PlannedOperation[] => {
  const plan = planBulk(operationsOf(operations));
  assert.ok(!isRefusal(plan), isRefusal(plan) ? plan.detail : '');
  return plan;
};
const orderOf = (plan: readonly PlannedOperation[]) =>
  plan.map(({ of, later }) => [of.bulkId ?? of.position, ...later].join(' '));

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const group = (name: string, ...members: readonly string[]) =>
  post(name, '/Groups', {
    schemas: [groupUrn],
    displayName: name,
    members: members.map((value) => ({ value })),
  });
const user = (name: string, manager?: unknown) =>
  post(name, '/Users', {
    schemas: [userUrn],
    userName: name,
    ...(manager === undefined ? {} : { [enterprise]: { manager } }),
  });
const patch = (path: string, ...operations: readonly object[]) => ({
  method: 'PATCH',
  path,
  data: {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
    Operations: operations,
  },
});

test('operations run as given; a create runs before whatever refers to it', () => {
  assert.deepEqual(orderOf(planOf([user('a'), user('b'), group('g', 'bulkId:a')])), [
    'a',
    'b',
    'g',
  ]);
  assert.deepEqual(
    orderOf(
      planOf([
        group('g', 'bulkId:c', 'bulkId:a'),
        user('a', { value: 'bulkId:b' }),
        user('b'),
        user('c'),
        user('d'),
      ]),
    ),
    ['c', 'b', 'a', 'g', 'd'],
  );
  const path = patch('/Groups/bulkId:g', { op: 'remove', path: 'members' });
  assert.deepEqual(orderOf(planOf([path, group('g')])), ['g', '1']);
});

test('of a circle the create that runs first is made without its reference', () => {
  assert.deepEqual(orderOf(planOf([group('a', 'bulkId:b'), group('b', 'bulkId:a')])), ['b a', 'a']);
  assert.deepEqual(orderOf(planOf([group('a', 'bulkId:a')])), ['a a']);
  const three = [group('a', 'bulkId:b'), group('b', 'bulkId:c'), group('c', 'bulkId:a', 'x')];
  assert.deepEqual(orderOf(planOf(three)), ['c a', 'b', 'a']);
});

test('a circle opens only where its reference may be added later: not what is required or fixed', () => {
  const { attributes } = groupType.schema;
  const members = attributes['members'] as Attribute;
  for (const change of [{ required: true }, { mutability: 'immutable' } as const]) {
    const schema = {
      ...groupType.schema,
      attributes: { ...attributes, members: { ...members, ...change } },
    };
    const given = operationsOf([group('a', 'bulkId:b'), group('b', 'bulkId:a'), user('c')]).map(
      (of): BulkOperation =>
        of.bulkId === 'c'
          ? of
          : { ...of, operation: { ...of.operation, type: { ...groupType, schema } } },
    );
    const plan = planBulk(given);
    assert.ok(!isRefusal(plan));
    assert.deepEqual(
      plan.map(({ of, needs, later, stuck }) => [of.bulkId, needs, later, stuck]),
      [
        ['b', [], [], true],
        ['a', ['b'], [], false],
        ['c', [], [], false],
      ],
    );
  }
});

test('a reference leads to a POST of the same Bulk, or the Bulk is refused', () => {
  const cases = [
    [user('a'), group('g', 'bulkId:b')],
    [user('a'), group('g', 'bulkId:A')],
    [{ method: 'DELETE', path: '/Users/1', bulkId: 'd' }, group('g', 'bulkId:d')],
    [user('a'), { method: 'DELETE', path: '/Users/bulkId:b' }],
    [user('a'), group('g', 'bulkId:')],
  ];
  for (const operations of cases) {
    const refusal = planBulk(operationsOf(operations));
    assert.ok(isRefusal(refusal));
    assert.equal(refusal.refused, 'value_invalid');
    assert.match(refusal.detail, /^Operation 2.*No POST of this Bulk has the bulkId/);
  }
});

/** What an operation becomes once `a` is `id-a`; only what is compared of it. */
const resolved = (operation: object): unknown => {
  const [, { operation: mutation }] = operationsOf([user('a'), operation]) as [
    BulkOperation,
    BulkOperation,
  ];
  const {
    type: _type,
    repairs: _repairs,
    projection: _projection,
    ...rest
  } = resolveReferences(mutation, new Map([['a', 'id-a']]));
  return JSON.parse(JSON.stringify(rest)) as unknown;
};

test('references stand wherever something refers to a resource', () => {
  const created = (made: unknown) => (made as { resource: Record<string, unknown> }).resource;
  const changes = (made: unknown) => (made as { changes: unknown }).changes;
  assert.deepEqual(created(resolved(group('g', 'bulkId:a', 'b')))['members'], [
    { value: 'id-a' },
    { value: 'b' },
  ]);
  for (const manager of [
    'bulkId:a',
    { value: 'bulkId:a' },
    { value: 'BULKID:a', $ref: '../Users/bulkId:a' },
    { $ref: 'https://gw.example.com/scim/Users/bulkId:a' },
  ]) {
    assert.deepEqual(created(resolved(user('u', manager)))[enterprise], {
      manager: { value: 'id-a' },
    });
  }
  const device = post('d', '/Devices', {
    owner: { value: 'bulkId:a' },
    seats: [{ by: { value: 'bulkId:a' } }],
  });
  assert.deepEqual(created(resolved(device)), {
    owner: { value: 'id-a' },
    seats: [{ by: { value: 'id-a' } }],
  });
  const members = { op: 'add', path: 'members', value: [{ value: 'bulkId:a' }] };
  assert.deepEqual(changes(resolved(patch('/Groups/1', members))), [
    { op: 'add', path: { attribute: 'members' }, value: [{ value: 'id-a' }] },
  ]);
  const manager = { op: 'replace', path: `${enterprise}:manager.value`, value: 'bulkId:a' };
  assert.deepEqual(changes(resolved(patch('/Users/1', manager))), [
    {
      op: 'replace',
      path: { schema: enterprise, attribute: 'manager', sub: 'value' },
      value: 'id-a',
    },
  ]);
  const removed = { op: 'Remove', path: 'members', value: [{ value: 'bulkId:a' }] };
  assert.match(JSON.stringify(resolved(patch('/Groups/1', removed))), /"value":"id-a"/);
  const whole = {
    method: 'PUT',
    path: '/Groups/bulkId:a',
    data: { schemas: [groupUrn], displayName: 'x' },
  };
  assert.equal((resolved(whole) as { id: string }).id, 'id-a');
});

test('the same text elsewhere is data', () => {
  const made = resolved(
    post('u', '/Users', {
      schemas: [userUrn],
      userName: 'bulkId:a',
      displayName: 'bulkId:a',
      emails: [{ value: 'bulkId:a' }],
    }),
  );
  assert.ok(!JSON.stringify(made).includes('id-a'));
});

test('only the path makes an operation depend on what the Bulk makes', () => {
  const [, byPath, byValue] = operationsOf([
    user('a'),
    { method: 'DELETE', path: '/Users/bulkId:a' },
    group('g', 'bulkId:a'),
  ]) as [BulkOperation, BulkOperation, BulkOperation];
  assert.equal(dependsOnBulk(byPath.operation), true);
  assert.equal(dependsOnBulk(byValue.operation), false);
});

test('a create without its circular references, and the changes that add them, make it whole', () => {
  const [, , { operation }] = operationsOf([
    group('a'),
    group('b'),
    group('g', 'bulkId:a', 'x', 'bulkId:b'),
  ]) as [BulkOperation, BulkOperation, BulkOperation];
  assert.ok(operation.verb === 'create');
  const { operation: without, changes } = detachReferences(operation, ['b']);
  assert.deepEqual(without.resource['members'], [{ value: 'bulkId:a' }, { value: 'x' }]);
  const ids = new Map([
    ['a', '1'],
    ['b', '2'],
  ]);
  assert.deepEqual(resolveChanges(operation, 'me', changes, ids).changes, [
    { op: 'add', path: { attribute: 'members' }, value: [{ value: '2' }] },
  ]);
  assert.deepEqual(resolveChanges(operation, 'me', changes, new Map()).changes, []);
  const none = detachReferences(operation, ['a', 'b']);
  assert.deepEqual(none.operation.resource['members'], [{ value: 'x' }]);
});

/** Groups that refer to each other in any way, themselves included, and changes of them by path. */
const graph = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc.record({
    members: fc.array(fc.uniqueArray(fc.nat(count - 1)), { minLength: count, maxLength: count }),
    changed: fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: 6 }),
    order: fc.shuffledSubarray(
      Array.from({ length: count }, (_, index) => index),
      { minLength: count },
    ),
  }),
);

test('whatever refers to what, in circles too, every reference is there in the end', () => {
  fc.assert(
    fc.property(graph, ({ members, changed, order }) => {
      const creates = order.map((index) =>
        group(`g${index}`, ...(members[index] ?? []).map((each) => `bulkId:g${each}`)),
      );
      const changes = changed.map(([whose, whom]) =>
        patch(`/Groups/bulkId:g${whose}`, {
          op: 'add',
          path: 'members',
          value: [{ value: `bulkId:g${whom}` }],
        }),
      );
      const given = [...changes, ...creates];
      const plan = planOf(given);
      assert.equal(plan.length, given.length);
      assert.equal(new Set(plan.map(({ of }) => of.position)).size, given.length);
      const ids = new Map<string, string>();
      const loose: (() => Mutation)[] = [];
      const sent: Mutation[] = [];
      for (const { of, needs, later, stuck } of plan) {
        assert.equal(stuck, false);
        for (const bulkId of needs) assert.ok(ids.has(bulkId), 'what it needs runs before it');
        const { operation } = of;
        if (operation.verb !== 'create') {
          assert.deepEqual(later, [], 'only a create can do without');
          sent.push(resolveReferences(operation, ids));
          continue;
        }
        const detached = detachReferences(operation, later);
        sent.push(resolveReferences(detached.operation, ids));
        const id = `id-${of.bulkId}`;
        ids.set(of.bulkId as string, id);
        loose.push(() => resolveChanges(operation, id, detached.changes, ids));
      }
      sent.push(...loose.map((resolve) => resolve()));
      assert.ok(!/bulkid:/i.test(JSON.stringify(sent)), 'a reference is left');
      const held = new Map<string, ReadonlySet<unknown>>();
      for (const operation of sent) {
        const id =
          operation.verb === 'create'
            ? `id-${operation.resource['displayName'] as string}`
            : operation.id;
        const before = {
          displayName: 'x',
          members: [...(held.get(id) ?? [])].map((value) => ({ value })),
        };
        const after =
          operation.verb === 'create'
            ? operation.resource
            : operation.verb === 'patch'
              ? applyChanges(before as never, operation.changes, operation.type)
              : null;
        assert.ok(after !== null && !isRefusal(after));
        const resource = ('resource' in after ? after.resource : after) as {
          members?: readonly { value: string }[];
        };
        held.set(id, new Set((resource.members ?? []).map(({ value }) => value)));
      }
      for (const [index, refers] of members.entries()) {
        const wanted = new Set([
          ...refers.map((each) => `id-g${each}`),
          ...changed.filter(([whose]) => whose === index).map(([, whom]) => `id-g${whom}`),
        ]);
        assert.deepEqual(held.get(`id-g${index}`), wanted);
      }
    }),
    { numRuns: 300 },
  );
});

test('where nothing refers ahead, the order is the one given and nothing is put off', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uniqueArray(fc.nat(10)), { minLength: 1, maxLength: 12 }),
      (members) => {
        const given = members.map((refers, index) =>
          group(
            `g${index}`,
            ...refers.filter((each) => each < index).map((each) => `bulkId:g${each}`),
          ),
        );
        assert.deepEqual(
          orderOf(planOf(given)),
          given.map((_, index) => `g${index}`),
        );
      },
    ),
  );
});

test('a thousand groups that all refer to the next are planned at once', () => {
  const count = 1_000;
  const given = Array.from({ length: count }, (_, index) =>
    group(`g${index}`, `bulkId:g${(index + 1) % count}`),
  );
  const plan = planOf(given);
  assert.equal(plan.filter(({ later }) => later.length > 0).length, 1);
});
