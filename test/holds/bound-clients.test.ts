/** Which clients are asked about in the store: one too many now and then, never one too few. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBoundClients } from '../../src/holds/bound-clients.ts';

/** A store whose answers come when the test lets them. */
const slowStore = () => {
  const asked: ((clients: readonly string[] | Error) => void)[] = [];
  return {
    answer: (clients: readonly string[] | Error): void => asked.shift()?.(clients),
    bound: () =>
      new Promise<readonly string[]>((resolve, reject) => {
        asked.push((clients) => (clients instanceof Error ? reject(clients) : resolve(clients)));
      }),
  };
};

void test('everyone is asked about before the first look, and where there are too many', async () => {
  const store = slowStore();
  const clients = makeBoundClients(store);
  assert.ok(clients.has('anyone'));
  const failing = clients.refresh(0);
  store.answer(new Error('down'));
  await assert.rejects(failing);
  assert.ok(clients.has('anyone'));
  const first = clients.refresh(0);
  store.answer(['entra']);
  await first;
  assert.deepEqual([clients.has('entra'), clients.has('anyone')], [true, false]);
  const many = clients.refresh(0);
  store.answer(Array.from({ length: 1_001 }, (_, at) => `c${at}`));
  await many;
  assert.ok(clients.has('anyone'));
});

void test('what came while somebody looks is there until a look that must have seen it', async () => {
  const store = slowStore();
  const clients = makeBoundClients(store);
  const first = clients.refresh(0);
  clients.add('entra');
  store.answer([]);
  await first;
  assert.ok(clients.has('entra'));
  const failing = clients.refresh(0);
  store.answer(new Error('down'));
  await assert.rejects(failing);
  assert.ok(clients.has('entra'));
  const second = clients.refresh(0);
  assert.ok(clients.has('entra'));
  store.answer([]);
  await second;
  assert.ok(!clients.has('entra'));
});
