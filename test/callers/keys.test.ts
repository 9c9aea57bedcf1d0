/** Keys from issue to end: tokens, identification, rotation, revocation, notes of use. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Clock } from '../../src/clock.ts';
import { isRefusal, type Refusal } from '../../src/errors.ts';
import type { KeyId } from '../../src/ids.ts';
import type { CallerContext, Identified } from '../../src/callers/api-key.ts';
import {
  issueKey,
  keyLifeMsDefault,
  listKeys,
  overlapMsDefault,
  revokeKey,
  rotateKey,
  type IssuedKey,
  type KeyOrder,
} from '../../src/callers/keys.ts';
import { makeCallersStanding, roundMs, touchedMax } from '../../src/callers/standing.ts';
import type { KeyStore, StoredKey } from '../../src/callers/store.ts';
import { credentialKinds, identifyCaller } from '../../src/callers/table.ts';
import { issueToken, parseToken, tokenLengthMax } from '../../src/callers/tokens.ts';

const day = 86_400_000;

const makeClock = () => {
  let now = 1_800_000_000_000;
  let timers: { at: number; run: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms, run) => {
      const timer = { at: now + ms, run };
      timers.push(timer);
      return { cancel: () => void (timers = timers.filter((one) => one !== timer)) };
    },
  };
  return {
    clock,
    advance: (ms: number) => {
      now += ms;
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const { run } of due) run();
    },
  };
};

const makeStore = () => {
  let keys: StoredKey[] = [];
  const touches: Readonly<{ id: KeyId; at: number }>[][] = [];
  const fault = { list: false };
  const store: KeyStore = {
    addKey: async (key) => {
      if (keys.filter(({ holder }) => holder === key.holder).length >= 20) return false;
      keys = [...keys, key];
      return true;
    },
    listKeys: async () => {
      if (fault.list) throw new Error('disk');
      return keys;
    },
    endKey: async (id, at) => {
      const known = keys.some((key) => key.id === id);
      keys = keys.map((key) =>
        key.id === id ? { ...key, revokedAt: Math.min(key.revokedAt ?? Infinity, at) } : key,
      );
      return known;
    },
    touchKeys: async (used) => void touches.push([...used]),
  };
  return { store, touches, fault };
};

const launch = async () => {
  const { clock, advance } = makeClock();
  const { store, touches, fault } = makeStore();
  const notes: string[] = [];
  const standing = makeCallersStanding({
    store,
    clock,
    observer: { credentialExpiry: () => {}, note: (_level, event) => void notes.push(event) },
  });
  await standing.start();
  const deps = { store, clock, random: randomBytes, standing };
  const order: KeyOrder = {
    kind: 'client',
    holder: 'entra-slack',
    environment: 'production',
    issuedBy: 'alice',
    holderExpiresAt: clock.now() + 300 * day,
  };
  const issue = async (more: Partial<KeyOrder> = {}): Promise<IssuedKey> => {
    const issued = await issueKey(deps, { ...order, ...more });
    assert.ok(!isRefusal(issued), JSON.stringify(issued));
    return issued;
  };
  const context = (more: Partial<CallerContext> = {}): CallerContext => ({
    kind: 'client',
    environment: 'production',
    now: clock.now(),
    address: '203.0.113.5',
    holder: (name) =>
      name === 'entra-slack' ? { expiresAt: order.holderExpiresAt, pin: null } : undefined,
    ...more,
  });
  const ask = (headers: Record<string, string>, more: Partial<CallerContext> = {}) =>
    identifyCaller(headers, standing.current(), context(more));
  return { clock, advance, store, touches, fault, notes, standing, deps, order, issue, ask };
};

const why = (answer: Identified | Refusal): string | undefined => {
  assert.ok(isRefusal(answer), 'it was let in');
  assert.equal(answer.refused, 'caller_refused');
  assert.equal(
    answer.detail,
    'Send a valid key of this gateway as a Bearer token or as X-API-Key.',
  );
  return answer.internal;
};

test('a token reads back, its hash is SHA-256 of the whole, and no other spelling is a token', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('client' as const, 'person' as const),
      fc.constantFrom('production', 'p', 'eu_west_1', 'a-b_c-', 'spk_x'),
      (kind, environment) => {
        const { id, token, hash } = issueToken({ kind, environment, random: randomBytes });
        assert.match(token, kind === 'client' ? /^spk_/ : /^spa_/);
        assert.ok(token.length <= tokenLengthMax);
        assert.deepEqual(parseToken(token), { kind, environment, keyId: id });
        assert.deepEqual(hash, createHash('sha256').update(token).digest());
        for (const other of [
          ` ${token}`,
          `${token} `,
          `${token}A`,
          token.slice(1),
          token.slice(0, -1),
          token.toUpperCase(),
          `${token}\n`,
          `${token.slice(0, -1)}B`,
          token.replace('_', '-'),
        ]) {
          assert.equal(parseToken(other), null, other);
        }
      },
    ),
  );
  assert.throws(
    () => issueToken({ kind: 'client', environment: 'A B', random: randomBytes }),
    TypeError,
  );
});

test('any text is parsed without harm', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => assert.equal(parseToken(text), null)),
  );
  assert.equal(parseToken(`spk_${'_'.repeat(1_000_000)}`), null);
});

test('a key is accepted as Bearer, X-API-Key and Basic password, and nowhere else', async () => {
  const { issue, ask } = await launch();
  const { token, key } = await issue();
  const basic = (password: string) => `Basic ${Buffer.from(`any:${password}`).toString('base64')}`;
  const good: Record<string, string>[] = [
    { authorization: `Bearer ${token}` },
    { authorization: `bearer ${token}` },
    { 'x-api-key': token },
    { authorization: basic(token) },
    { authorization: `Bearer ${token}`, 'x-api-key': token },
  ];
  for (const headers of good) {
    assert.deepEqual(ask(headers), { kind: 'client', holder: 'entra-slack', keyId: key.id });
  }
  const bad: [Record<string, string>, string][] = [
    [{}, 'no credential'],
    [{ cookie: token, 'x-auth-token': token }, 'no credential'],
    [{ authorization: token }, 'Authorization is neither Bearer nor Basic'],
    [{ authorization: `Digest ${token}` }, 'Authorization is neither Bearer nor Basic'],
    [
      { authorization: `Bearer ${token}, Bearer ${token}` },
      'Authorization is neither Bearer nor Basic',
    ],
    [{ authorization: basic('').replace(/.$/, '!') }, 'Authorization is neither Bearer nor Basic'],
    [{ authorization: `Bearer ${token}`, 'x-api-key': 'other' }, 'several different credentials'],
    [{ authorization: basic('other'), 'x-api-key': token }, 'several different credentials'],
    [{ authorization: basic('') }, 'not a key of this gateway'],
    [{ 'x-api-key': '' }, 'not a key of this gateway'],
    [{ 'x-api-key': `${token}, ${token}` }, 'not a key of this gateway'],
    [{ authorization: `Bearer ${'x'.repeat(5_000)}` }, 'credential header too long'],
  ];
  for (const [headers, internal] of bad) assert.equal(why(ask(headers)), internal);
});

test('each reason to refuse is named inside and never outside', async () => {
  const { issue, ask, clock, order } = await launch();
  const { token, key } = await issue();
  const headers = { authorization: `Bearer ${token}` };
  const forged = token.slice(0, -2) + (token.at(-2) === 'A' ? 'B' : 'A') + token.at(-1);
  const unknown = issueToken({
    kind: 'client',
    environment: 'production',
    random: randomBytes,
  }).token;
  assert.equal(why(ask({ 'x-api-key': forged })), 'wrong secret');
  assert.equal(why(ask({ 'x-api-key': unknown })), 'unknown key');
  assert.equal(why(ask({ 'x-api-key': token.replace('spk_', 'spa_') })), 'wrong secret');
  assert.equal(why(ask(headers, { kind: 'person' })), 'wrong kind');
  assert.equal(why(ask(headers, { environment: 'staging' })), 'key of another environment');
  assert.equal(why(ask(headers, { now: key.expiresAt })), 'key expired');
  assert.equal(why(ask(headers, { holder: () => undefined })), 'holder is not configured');
  const holder = (expiresAt: number, inside: boolean) => () => ({ expiresAt, pin: () => inside });
  assert.equal(why(ask(headers, { holder: holder(clock.now(), true) })), 'holder expired');
  assert.equal(
    why(ask(headers, { holder: holder(order.holderExpiresAt, false) })),
    'wrong address',
  );
  assert.ok(!isRefusal(ask(headers, { holder: holder(order.holderExpiresAt, true) })));
});

test('a revoked key is refused at once, also by the last check', async () => {
  const { issue, ask, deps, standing, clock } = await launch();
  const { token, key } = await issue();
  assert.ok(standing.stillStanding(key.id, clock.now()));
  const revoked = await revokeKey(deps, key.id);
  assert.deepEqual(revoked, { revoked: key.id, at: clock.now() });
  assert.equal(standing.stillStanding(key.id, clock.now()), false);
  assert.equal(why(ask({ 'x-api-key': token })), 'key revoked');
  assert.ok(isRefusal(await revokeKey(deps, 'nothere123' as KeyId)));
  assert.equal(standing.stillStanding('__proto__' as KeyId, clock.now()), false);
});

test('every key has an end: 90 days, 400 at most, never beyond its holder', async () => {
  const { issue, deps, order, clock } = await launch();
  const now = clock.now();
  assert.equal((await issue()).key.expiresAt, now + keyLifeMsDefault);
  assert.equal((await issue({ holderExpiresAt: now + day })).key.expiresAt, now + day);
  assert.equal((await issue({ expiresAt: now + 5 * day })).key.expiresAt, now + 5 * day);
  for (const [more, detail] of [
    [{ expiresAt: now + 301 * day }, /outlive/],
    [{ expiresAt: now + 401 * day, holderExpiresAt: now + 900 * day }, /400 days/],
    [{ expiresAt: now }, /expired already/],
    [{ expiresAt: Number.NaN }, /expired already/],
    [{ holderExpiresAt: now }, /has passed/],
  ] as const) {
    const refused = await issueKey(deps, { ...order, ...more });
    assert.ok(isRefusal(refused));
    assert.match(refused.detail, detail);
  }
});

test('a 21st key is refused', async () => {
  const { issue, deps, order } = await launch();
  for (let count = 0; count < 20; count++) await issue();
  assert.ok(isRefusal(await issueKey(deps, order)));
});

test('a rotation makes a new key; the old ones of this holder end after the overlap', async () => {
  const { issue, ask, deps, order, advance } = await launch();
  const old = await issue();
  const other = await issue({ holder: 'reporter' });
  const staging = await issue({ environment: 'staging' });
  const rotated = await rotateKey(deps, order);
  assert.ok(!isRefusal(rotated));
  assert.deepEqual(rotated.ending, [old.key.id]);
  const headers = { 'x-api-key': old.token };
  assert.ok(!isRefusal(ask(headers)));
  advance(overlapMsDefault);
  assert.equal(why(ask(headers)), 'key revoked');
  assert.ok(!isRefusal(ask({ 'x-api-key': rotated.token })));
  const listed = await listKeys(deps);
  assert.equal(JSON.stringify(listed).includes('hash'), false);
  const standingIds = listed.filter((key) => key.standing).map((key) => key.id);
  assert.deepEqual(standingIds, [other.key.id, staging.key.id, rotated.key.id]);
  assert.equal((await listKeys(deps, { holder: 'reporter' })).length, 1);
  assert.ok(isRefusal(await rotateKey(deps, { ...order, overlapMs: 31 * day })));
});

test('a store that fails leaves the table; an older read never replaces a newer one', async () => {
  const { issue, standing, store, fault, notes, advance, clock } = await launch();
  const { key } = await issue();
  fault.list = true;
  await assert.rejects(standing.refresh(), { code: 'internal' });
  advance(roundMs);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(notes, ['keys.refresh.failed']);
  assert.ok(standing.stillStanding(key.id, clock.now()));
  fault.list = false;

  const answers: ((keys: readonly StoredKey[]) => void)[] = [];
  const before = await store.listKeys(0);
  store.listKeys = () => new Promise((resolve) => void answers.push(resolve));
  const slow = standing.refresh();
  const fast = standing.refresh();
  answers[1]?.([]);
  await fast;
  answers[0]?.(before);
  await slow;
  assert.equal(standing.stillStanding(key.id, clock.now()), false);
  await standing.stop();
});

test('use is noted in bounded batches and never moves backwards', async () => {
  const { standing, touches, advance } = await launch();
  standing.touch('a' as KeyId, 5);
  standing.touch('a' as KeyId, 3);
  assert.equal(touches.length, 0);
  advance(roundMs);
  assert.deepEqual(touches, [[{ id: 'a', at: 5 }]]);
  for (let count = 0; count < touchedMax + 1; count++) standing.touch(`k${count}` as KeyId, 1);
  assert.equal(touches[1]?.length, touchedMax);
  await standing.stop();
  assert.deepEqual(touches[2], [{ id: `k${touchedMax}`, at: 1 }]);
});

test('the table has no prototype and every kind its name', () => {
  assert.equal(Object.getPrototypeOf(credentialKinds), null);
  for (const [name, kind] of Object.entries(credentialKinds)) assert.equal(kind.name, name);
});
