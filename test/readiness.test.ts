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
