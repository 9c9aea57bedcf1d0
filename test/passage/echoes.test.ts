import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatewayError } from '../../src/errors.ts';
import type { Echo } from '../../src/identity/scim/echo.ts';
import type { EchoStore, KeptEchoes } from '../../src/passage/echo-store.ts';
import { makeEchoes } from '../../src/passage/echoes.ts';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import { inFolder, keyRing } from '../ledger/fixture.ts';
import { manualClock } from '../ledger/manual-clock.ts';

const scope = { client: 'entra', tenant: 'slack', word: 'users' };
const echo = (sent: string): Echo => ({
  path: { attribute: 'userName' },
  sent,
  held: sent.toLowerCase(),
});

/** A store in memory that counts its calls and fails when told. */
const countingStore = (rows = 0) => {
  const kept = new Map<string, KeptEchoes['sealed']>();
  const calls = { load: 0, save: 0, prune: 0 };
  const state = { fails: false };
  const asked = (call: keyof typeof calls): void => {
    calls[call] += 1;
    if (state.fails) throw new GatewayError('ledger_unavailable');
  };
  const store: EchoStore = {
    load: async (keys) => {
      asked('load');
      return keys.map((key) => kept.get(key.toString('hex')) ?? null);
    },
    save: async (echoes) => {
      asked('save');
      for (const { key, sealed } of echoes) kept.set(key.toString('hex'), sealed);
    },
    prune: async () => {
      asked('prune');
      return { rows: rows + kept.size, more: false };
    },
  };
  return { store, calls, state, kept };
};

const over = (echoStore: EchoStore) => {
  const clock = manualClock();
  const notes: string[] = [];
  const echoes = makeEchoes({
    clock,
    keyRing,
    echoStore,
    echoesKeptMs: () => 1_000,
    observer: { note: (_level, event) => void notes.push(event) },
  });
  return { clock, echoes, notes };
};

describe('echoes', () => {
  it('asks a store that holds none for nothing', async () => {
    const { store, calls } = countingStore();
    const { echoes } = over(store);
    await echoes.start();
    assert.equal((await echoes.recall(scope, ['1', '2'])).size, 0);
    assert.equal(calls.load, 0);
  });

  it('asks once for a page, and remembers also what is not there', async () => {
    const { store, calls } = countingStore(1);
    const { echoes } = over(store);
    await echoes.start();
    const ids = Array.from({ length: 100 }, (_, at) => `${at}`);
    for (let round = 0; round < 3; round += 1) await echoes.recall(scope, ids);
    assert.equal(calls.load, 1);
    await echoes.recall({ ...scope, client: 'okta' }, ['1']);
    assert.equal(calls.load, 2, 'another client has its own');
  });

  it('shows at once what was learned, and writes it behind in batches', async () => {
    const { store, calls, kept } = countingStore();
    const { echoes, clock } = over(store);
    await echoes.start();
    for (let at = 0; at < 700; at += 1) echoes.learn(scope, `${at}`, [echo(`Ann${at}`)]);
    assert.deepEqual((await echoes.recall(scope, ['7'])).get('7'), [echo('Ann7')]);
    assert.deepEqual([calls.load, calls.save], [0, 0]);
    clock.advance(50);
    await echoes.stop();
    assert.deepEqual([calls.save, kept.size], [2, 700]);
    assert.ok(![...kept.values()].some((sealed) => String(sealed).includes('Ann')));
  });

  it('fails no call where the store fails, and writes again later', async () => {
    const { store, state, kept } = countingStore(1);
    const { echoes, clock, notes } = over(store);
    await echoes.start();
    state.fails = true;
    assert.equal((await echoes.recall(scope, ['1'])).size, 0);
    echoes.learn(scope, '1', [echo('Ann')]);
    clock.advance(50);
    await new Promise(setImmediate);
    assert.deepEqual(notes, ['echoes.unread', 'echoes.unsaved']);
    assert.equal((await echoes.recall(scope, ['1'])).size, 1);
    state.fails = false;
    clock.advance(5_000);
    await new Promise(setImmediate);
    assert.equal(kept.size, 1);
    await echoes.stop();
  });

  it('are there again when the store is opened again, and gone when forgotten', () =>
    inFolder(async (folder) => {
      const path = `${folder}/store.db`;
      const live = async (run: (echoes: ReturnType<typeof over>['echoes']) => Promise<void>) => {
        const stores = await openSqlite({ path });
        const { echoes } = over(stores.echoes);
        try {
          await echoes.start();
          await run(echoes);
          await echoes.stop();
        } finally {
          await stores.close();
        }
      };
      await live(async (echoes) => {
        echoes.learn(scope, '1', [echo('Ann')]);
        echoes.learn(scope, '2', [echo('Bob')]);
      });
      await live(async (echoes) => {
        const recalled = await echoes.recall(scope, ['1', '2', '3']);
        assert.deepEqual(
          [...recalled.entries()],
          [
            ['1', [echo('Ann')]],
            ['2', [echo('Bob')]],
          ],
        );
        echoes.learn(scope, '1', []);
      });
      await live(async (echoes) => {
        assert.deepEqual([...(await echoes.recall(scope, ['1', '2'])).keys()], ['2']);
      });
    }));
});
