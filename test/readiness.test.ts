import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checksOf, type ReadinessParts } from '../src/readiness.ts';

const parts = (more: Partial<ReadinessParts> = {}): ReadinessParts => ({
  clock: { now: () => 600_000 },
  ledger: { writable: () => true, loss: () => null, gateways: () => [] },
  watch: {
    trusted: () => true,
    steady: () => 0,
    ledgerAt: () => undefined,
    storeAt: () => undefined,
    rebase: () => undefined,
  },
  freezes: { current: () => [] },
  version: 'v1',
  config: { version: 'v1', problems: [], waiting: null, lastGood: false },
  breakers: [],
  limits: null,
  stopping: false,
  ...more,
});

const checkNamed = (name: string, more: Partial<ReadinessParts>) =>
  checksOf(parts(more)).find((check) => check.name === name);

const gateway = (name: string, version: string) => ({
  writer: 'aaaaaaaa',
  name,
  version,
  startedAt: 0,
  leaseUntil: 0,
});

void test('one process on its own store has no word of others', () => {
  assert.equal(checkNamed('gateways', {}), undefined);
  assert.equal(checkNamed('limits', {}), undefined);
});

void test('a split of the configuration is told and decides nothing', () => {
  const ledger = (...gateways: ReturnType<typeof gateway>[]) => ({
    writable: () => true,
    loss: () => null,
    gateways: () => gateways,
  });
  const one = checkNamed('gateways', {
    ledger: ledger(gateway('a:1', 'v1'), gateway('b:1', 'v1')),
  });
  assert.deepEqual([one?.ok, one?.decides], [true, false]);
  const split = checkNamed('gateways', {
    ledger: ledger(gateway('a:1', 'v1'), gateway('b:1', 'v2'), gateway('c:1', '')),
  });
  assert.deepEqual([split?.ok, split?.decides], [false, false]);
  assert.equal(
    split?.detail,
    'a:1 serves v1, up 10 min\nb:1 serves v2, up 10 min\nc:1 serves nothing (a command), up 10 min',
  );
});

void test('missing records are named where they close the store', () => {
  const lack = 'a checkpoint knows 9 records of aaaaaaaa, the store has 7';
  const store = checkNamed('store', {
    ledger: { writable: () => false, loss: () => lack, gateways: () => [] },
  });
  const told = `${lack}: see \`store accept-loss\``;
  assert.deepEqual([store?.ok, store?.decides, store?.detail], [false, true, told]);
});

void test('rates that are counted alone are told', () => {
  assert.equal(checkNamed('limits', { limits: 'shared' })?.ok, true);
  assert.equal(checkNamed('limits', { limits: 'local' })?.ok, false);
});

void test('what is frozen is told with its scope and time, and not why', () => {
  const at = Date.parse('2026-01-02T03:04:05Z');
  const frozen = { scope: 'client', name: 'entra', reason: 'Jane Doe', by: 'ann', at } as const;
  const check = checkNamed('freezes', { freezes: { current: () => [frozen] } });
  assert.deepEqual(
    [check?.ok, check?.decides, check?.detail],
    [false, false, 'client entra since 2026-01-02T03:04:05.000Z'],
  );
});

void test('what waits for people is told by client, with what to do', () => {
  assert.equal(checkNamed('holds', {}), undefined);
  assert.equal(checkNamed('holds', { holds: [] })?.ok, true);
  const oldestAt = Date.parse('2026-01-02T03:04:05Z');
  const check = checkNamed('holds', { holds: [{ client: 'hr', pending: 375, oldestAt }] });
  assert.deepEqual(
    [check?.ok, check?.decides, check?.detail],
    [
      false,
      false,
      '375 of hr wait for people, the oldest since 2026-01-02T03:04:05.000Z: see `holds batches`',
    ],
  );
});

void test('rules that nobody looked through, and open glass, are told', () => {
  const rule = {
    tenant: 't',
    rule: 'vips',
    word: 'users',
    resolved: true,
    at: 1,
    failed: null,
  } as const;
  const safety = (...rules: readonly (typeof rule | Readonly<Record<string, unknown>>)[]) => ({
    safety: { rules: rules as readonly (typeof rule)[], overrides: [] },
  });
  assert.equal(checkNamed('protection', {}), undefined);
  assert.equal(checkNamed('protection', safety()), undefined, 'no rule, no line');
  assert.equal(checkNamed('protection', safety(rule))?.ok, true);
  const wrong = checkNamed(
    'protection',
    safety(rule, { ...rule, failed: 'target_timeout' }, { ...rule, rule: 'new', resolved: false }),
  );
  assert.deepEqual(
    [wrong?.ok, wrong?.detail],
    [false, 't vips: keeps its marks; target_timeout\nt new: nobody knows yet whom it protects'],
  );
  const override = { id: 'ovr_1', tenant: 't', rule: 'vips', until: 0 };
  const open = checkNamed('overrides', { safety: { rules: [rule], overrides: [override] } });
  assert.deepEqual(
    [open?.ok, open?.detail],
    [false, 'ovr_1: t vips until 1970-01-01T00:00:00.000Z'],
  );
});
