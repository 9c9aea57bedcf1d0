/** Clients with `auth: internal`: no key is made for them, and a key they once had proves nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identifyCaller } from '../../src/callers/table.ts';
import { issueKey, rotateKey, type KeyOrder } from '../../src/callers/keys.ts';
import { isRefusal } from '../../src/errors.ts';
import type { StoredKey } from '../../src/callers/store.ts';

const now = 1_800_000_000_000;
const held: StoredKey[] = [];
const deps = {
  store: {
    addKey: async (key: StoredKey) => held.push(key) > 0,
    listKeys: async () => held,
    endKey: async () => true,
    touchKeys: async () => undefined,
  },
  clock: { now: () => now, monotonic: () => now, after: () => ({ cancel: () => undefined }) },
  random: (bytes: number) => Buffer.alloc(bytes, 7),
};
const order: KeyOrder = {
  kind: 'client',
  holder: 'plan-leaver',
  environment: 'test',
  issuedBy: 'alice',
  holderExpiresAt: now + 86_400_000,
};

test('neither issue nor rotate makes a key, and both say why', async () => {
  for (const act of [issueKey, rotateKey]) {
    const refused = await act(deps, { ...order, holderInternal: true });
    assert.ok(isRefusal(refused));
    assert.match(refused.detail, /`auth: internal`/);
  }
  assert.deepEqual(held, []);
});

test('a key from before it became internal identifies nobody', async () => {
  const issued = await issueKey(deps, order);
  assert.ok(!isRefusal(issued));
  const key = held[0];
  assert.ok(key !== undefined);
  const asked = (internal: boolean) =>
    identifyCaller(
      { authorization: `Bearer ${issued.token}` },
      { byId: new Map([[key.id, key]]), readAt: now },
      {
        kind: 'client',
        environment: 'test',
        now,
        address: '127.0.0.1',
        holder: () => ({ expiresAt: now + 1, pin: null, internal }),
      },
    );
  assert.deepEqual(asked(false), { kind: 'client', holder: 'plan-leaver', keyId: key.id });
  const refused = asked(true);
  assert.ok(isRefusal(refused));
  assert.equal(refused.refused, 'caller_refused');
});
