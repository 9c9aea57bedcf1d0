import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Mutation } from '../../src/identity/operation.ts';
import type { Resource } from '../../src/identity/scim/schema-model.ts';
import { groupType, userType } from '../../src/identity/scim/schemas.ts';
import { identityOf } from '../../src/passage/call-identity.ts';
import type { MutationWalk } from '../../src/passage/mutation-walk.ts';

type Given = Readonly<{
  key?: string;
  client?: string;
  route?: string;
  revocation?: boolean;
}>;

const identify = (operation: Mutation, given: Given = {}) => {
  const { key = null, client = 'full', route = 'sandbox', revocation = false } = given;
  return identityOf({
    deps: { fingerprint: (text: string) => createHash('sha256').update(text).digest() },
    journey: {
      revocation,
      passage: {
        actor: { client: { name: client } },
        route: { name: route },
        origin: { idempotencyKey: key },
        operation,
      },
    },
    operation,
  } as unknown as MutationWalk);
};

const common = { projection: {}, repairs: [] };
const create = (resource: Resource, type = userType): Mutation => ({
  verb: 'create',
  type,
  resource,
  ...common,
});
const ann = create({ userName: 'ann', title: 'T' });

describe('the identity of a call', () => {
  it('is what was sent, whatever the order of its members or the repairs it took', () => {
    const same = create({ title: 'T', userName: 'ann' });
    const repaired = { ...ann, repairs: [{ row: 'C3', path: 'active', note: 'n' }] };
    const keyed = { key: 'k' };
    assert.deepEqual(identify(same, keyed), identify(ann, keyed));
    assert.deepEqual(identify(repaired, keyed), identify(ann, keyed));
    assert.deepEqual(identify(repaired), identify(ann));
    // Without a key the words themselves are all there is: who sends again sends the same ones.
    assert.notDeepEqual(identify(same), identify(ann));
  });

  it('differs by value, client, route, verb, id, projection and precondition', () => {
    const patch = (id: string, more = {}): Mutation => ({
      verb: 'patch',
      type: userType,
      id,
      preconditions: {},
      changes: [{ op: 'replace', path: { attribute: 'title' }, value: 'T' }],
      ...common,
      ...more,
    });
    const all = [
      identify(ann),
      identify(create({ userName: 'ann', title: 'U' })),
      identify(ann, { client: 'other' }),
      identify(ann, { route: 'other' }),
      identify(patch('1')),
      identify(patch('2')),
      identify(patch('1', { preconditions: { ifMatch: 'W/"1"' } })),
      identify(patch('1', { projection: { attributes: ['title'] } })),
    ];
    assert.equal(new Set(all.map((each) => each?.id)).size, all.length);
  });

  it('is the key where there is one, of its client and route', () => {
    const [one, again, other] = [
      identify(ann, { key: 'k' }),
      identify(create({ userName: 'bob' }), { key: 'k' }),
      identify(ann, { key: 'k', client: 'other' }),
    ];
    assert.equal(one?.id, again?.id);
    assert.notEqual(one?.call, again?.call);
    assert.notEqual(one?.id, other?.id);
    assert.match(String(one?.id), /^idk_[0-9a-f]{32}$/);
  });

  it('is unknown without a key where nothing matches, and for what takes access away', () => {
    const nameless = create({ description: 'd' }, groupType);
    assert.equal(identify(nameless), null);
    assert.equal(identify(ann, { revocation: true }), null);
    assert.equal(identify(nameless, { key: 'k' })?.keyed, true);
    assert.equal(identify(ann, { key: 'k', revocation: true })?.keyed, true);
  });
});
