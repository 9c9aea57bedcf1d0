/** What lies inside the seal of a hold: the mutation comes out as it went in, and passwords do not go in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Mutation } from '../../src/identity/operation.ts';
import { coreTypes, userType } from '../../src/identity/scim/schemas.ts';
import { newHoldId, systemRandom } from '../../src/ids.ts';
import {
  bindingOf,
  keepMutation,
  mutationOf,
  openHold,
  sealHold,
  voidApprovals,
  withoutPasswords,
  type KeptHold,
} from '../../src/holds/kept-hold.ts';
import { canonicalUser, userChange } from '../identity/scim/resource-arbitraries.ts';
import { keyRing } from './scene.ts';

const about = { tenant: 'slack', route: 'slack', client: 'entra' };
const name = fc.constantFrom('title', 'emails.value', 'urn:x:y:department');
const common = fc.record({
  type: fc.constant(userType),
  repairs: fc.array(fc.record({ row: fc.constant('C3'), path: fc.string(), note: fc.string() }), {
    maxLength: 2,
  }),
  projection: fc.record(
    { attributes: fc.array(name), excluded: fc.array(name) },
    { requiredKeys: [] },
  ),
});
const named = fc.record({
  id: fc.string({ minLength: 1 }),
  preconditions: fc.record(
    { ifMatch: fc.string(), ifNoneMatch: fc.string() },
    { requiredKeys: [] },
  ),
});

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc
    .tuple(common, canonicalUser)
    .map(([base, resource]) => ({ ...base, verb: 'create', resource }) as const),
  fc
    .tuple(common, named, canonicalUser)
    .map(([base, by, resource]) => ({ ...base, ...by, verb: 'replace', resource }) as const),
  fc
    .tuple(common, named, fc.array(userChange, { maxLength: 5 }))
    .map(([base, by, changes]) => ({ ...base, ...by, verb: 'patch', changes }) as const),
  fc.tuple(common, named).map(([base, by]) => ({ ...base, ...by, verb: 'delete' }) as const),
);

const keptOf = (operation: Mutation): KeptHold => ({
  operation: keepMutation(operation),
  actions: ['users:update'],
  before: null,
  after: null,
  mutation: '',
  beforeHash: null,
  owner: null,
  configVersion: 'aaaaaaaaaaaa',
  actor: 'client',
  origin: { requestId: 'req_1' as never, traceId: '0' as never, callerRequestId: null },
  reverses: [],
  passwordDropped: false,
  rules: ['guards.x'],
  approvals: [],
  voided: [],
  end: null,
});

const removal: Mutation = {
  verb: 'delete',
  type: userType,
  id: 'u1',
  preconditions: {},
  projection: {},
  repairs: [],
};

/** JSON of the value: what counts, whatever its prototype. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

void test('a mutation comes out of the seal as it went in, under the same hash', () => {
  const id = newHoldId(1_700_000_000_000, systemRandom);
  fc.assert(
    fc.property(mutation, (operation) => {
      const sealed = sealHold(keyRing, id, keptOf(operation));
      assert.ok(sealed !== null);
      const kept = openHold(keyRing, id, sealed);
      assert.ok(kept !== null);
      const again = mutationOf(kept.operation, coreTypes);
      assert.ok(again !== null);
      assert.equal(again.type, userType);
      assert.deepEqual(plain(again), plain(operation));
      const hash = (one: Mutation) => bindingOf(one, null, about).mutation.toString('hex');
      assert.equal(hash(again), hash(operation));
    }),
    { numRuns: 500 },
  );
});

void test('a seal opens under its own id, with its own keys and unchanged alone', () => {
  const id = newHoldId(1_700_000_000_000, systemRandom);
  const sealed = sealHold(keyRing, id, keptOf(removal));
  assert.ok(sealed !== null && openHold(keyRing, id, sealed) !== null);
  assert.equal(openHold(keyRing, newHoldId(1, systemRandom), sealed), null);
  const altered = Buffer.from(sealed) as typeof sealed;
  altered[sealed.length - 20] = (altered[sealed.length - 20] ?? 0) ^ 1;
  assert.equal(openHold(keyRing, id, altered), null);
  assert.equal(mutationOf(keepMutation(removal), {}), null);
});

void test('no password is left of any mutation', () => {
  const secret = 'Correct-Horse-9';
  fc.assert(
    fc.property(mutation, fc.boolean(), (operation, first) => {
      const change = {
        op: 'replace',
        path: { attribute: first ? 'password' : 'PASSWORD' },
        value: secret,
      } as const;
      const given: Mutation =
        operation.verb === 'patch'
          ? { ...operation, changes: [...operation.changes, change] }
          : operation.verb === 'delete'
            ? operation
            : { ...operation, resource: { ...operation.resource, password: secret } };
      const left = withoutPasswords(given, ['users:update', 'users:password']);
      if (operation.verb === 'patch' && operation.changes.length === 0) {
        return assert.equal(left, null);
      }
      assert.ok(left !== null && !JSON.stringify(left.operation).includes(secret));
      assert.equal(left.dropped, operation.verb !== 'delete');
    }),
    { numRuns: 300 },
  );
});

void test('of approvals that fell the last twenty lists are remembered', () => {
  let kept = keptOf(removal);
  for (let at = 0; at < 30; at += 1) {
    const given = { person: `p${at}`, at, configVersion: '', mutation: '', before: null };
    kept = voidApprovals({ ...kept, approvals: [given] }, 'before-changed', at);
  }
  assert.equal(kept.voided.length, 20);
  assert.deepEqual(kept.approvals, []);
  assert.equal(kept.voided.at(-1)?.by[0]?.person, 'p29');
});
