/** What is kept beside the last good configuration: who last changed what a client may do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientDigests } from '../src/config/client-digests.ts';
import { loadConfig, type Loaded } from '../src/config/load.ts';
import type { LastGoodStore } from '../src/config/store.ts';
import { grantChangesOf, noGrantChanges } from '../src/holds/grant-changes.ts';
import { keepLastGood, loadLastGood } from '../src/last-good.ts';
import type { Sealed } from '../src/sealing.ts';
import type { Snapshot } from '../src/snapshot.ts';
import { keyRing } from './holds/scene.ts';
import { mainConfig } from './support/fixture.ts';

const load = async (text: string): Promise<Loaded & { snapshot: Snapshot }> => {
  const loaded = await loadConfig({
    path: '/etc/gateway.yaml',
    env: { SANDBOX_TOKEN: 'x' },
    resolve: false,
    now: 1_700_000_000_000,
    readFile: async () => text,
    listFiles: async () => [],
  });
  const { snapshot } = loaded;
  assert.ok(snapshot !== null, JSON.stringify(loaded.problems));
  return { ...loaded, snapshot };
};

const memory = (): LastGoodStore => {
  let kept: Sealed | null = null;
  return {
    save: async (sealed) => {
      kept = sealed;
    },
    load: async () => kept,
  };
};

const base = mainConfig('https://scim.example.com');

void test('a digest moves with what concerns the client alone', async () => {
  const digests = clientDigests((await load(base)).snapshot);
  const changed = async (from: string, to: string): Promise<readonly string[]> => {
    assert.ok(base.includes(from), from);
    const next = clientDigests((await load(base.replace(from, to))).snapshot);
    return Object.keys(next).filter((client) => next[client] !== digests[client]);
  };
  assert.deepEqual(await changed('purpose: joiners only', 'purpose: movers only'), ['narrow']);
  assert.deepEqual(await changed('rate: 60/m', 'rate: 61/m'), ['narrow']);
  assert.deepEqual(await changed('app-*', 'apps-*'), ['narrow']);
  assert.deepEqual(await changed('[read, search] }', '[read] }'), ['reader']);
  assert.deepEqual(await changed('maxBody: 64KiB', 'maxBody: 65KiB'), []);
  assert.deepEqual(await changed('before: capture', 'before: needed'), [
    'full',
    'narrow',
    'reader',
  ]);
  assert.deepEqual(await changed('timeout: 5s', 'timeout: 6s'), []);
});

void test('the person stays known over changes whose author is not, and over restarts', async () => {
  const kept = { store: memory(), keyRing };
  const first = await load(base);
  assert.deepEqual(await keepLastGood(kept, first, { by: null, at: 1 }), [
    'full',
    'narrow',
    'reader',
    'stranger',
  ]);
  const wider = await load(base.replace('rate: 60/m', 'rate: 600/m'));
  assert.deepEqual(await keepLastGood(kept, wider, { by: 'alice', at: 2 }), ['narrow']);
  assert.deepEqual(await keepLastGood(kept, wider, { by: null, at: 3 }), []);
  const touched = await load(base.replace('rate: 60/m', 'rate: 601/m'));
  assert.deepEqual(await keepLastGood(kept, touched, { by: null, at: 4 }), ['narrow']);
  const known = await loadLastGood(kept);
  assert.deepEqual(
    [known?.grants['narrow']?.by, known?.grants['narrow']?.at, known?.grants['full']?.by],
    ['alice', 4, null],
  );
  assert.deepEqual(known?.sources, touched.sources);
  assert.deepEqual(await keepLastGood(kept, first, { by: 'bob', at: 5 }), ['narrow']);
  assert.equal((await loadLastGood(kept))?.grants['narrow']?.by, 'bob');
});

void test('what an older version kept is read as the files alone', async () => {
  const store = memory();
  const old = JSON.stringify({ '/etc/gateway.yaml': 'version: 1' });
  await store.save(keyRing.seal(Buffer.from(old), 'last-good'), 'v', 1);
  const known = await loadLastGood({ store, keyRing });
  assert.deepEqual(known?.sources, { '/etc/gateway.yaml': 'version: 1' });
  assert.deepEqual(Object.keys(known.grants), []);
});

void test('clients that went away and come back are known still; odd names are names', () => {
  const by = (name: string, at: number) => ({ by: name, at });
  const one = grantChangesOf(noGrantChanges, { a: '1', ['__proto__']: '1' }, by('alice', 1));
  const gone = grantChangesOf(one.changes, {}, by('bob', 2));
  assert.deepEqual(gone.clients, []);
  const back = grantChangesOf(gone.changes, { a: '1' }, by('carol', 3));
  assert.deepEqual([back.clients, back.changes['a']?.by], [[], 'alice']);
});
