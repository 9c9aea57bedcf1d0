/** What every engine must do with an intent that releases a hold: once, with its entry, or not at all. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { ledgerId, type HoldId } from '../../src/ids.ts';
import { encodeBatch, type Line } from '../../src/ledger/batch.ts';
import { genesis } from '../../src/ledger/chain.ts';
import type { Claims, WindowClaim } from '../../src/ledger/claims.ts';
import type { Appended, LedgerStore } from '../../src/ledger/store.ts';
import { engineOf } from '../../src/storage/engines.ts';
import type { StoreFeed } from '../../src/store-feed.ts';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import { intent, keyRing, outcome } from '../ledger/fixture.ts';
import { lineOf } from '../support/chains.ts';
import { postgres } from '../support/engines.ts';
import { postgresHolds, sqliteHolds, type HoldRows } from '../support/hold-rows.ts';

const writer = '0badcafe';
const at = 1_700_000_000_000;
const window: WindowClaim = { key: 'acme\nleavers', ms: 1_000, max: 0, amount: 1, force: true };
const unclaimed = (...sequences: readonly number[]) => ({
  kind: 'unclaimed',
  items: sequences.map((sequence) => ({ sequence, why: { unclaimed: 'hold' } })),
});
const committed = { kind: 'committed', reserve: true };

type Opened = Readonly<{ ledger: LedgerStore; holds: HoldRows; feed: StoreFeed }>;
type Run = (opened: Opened) => Promise<void>;

const onSqlite = async (run: Run): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-holds-'));
  const path = join(folder, 'store.db');
  const stores = await openSqlite({ path });
  try {
    // The file's chain takes the name of whoever asks first.
    await stores.ledger.head(writer);
    await run({ ledger: stores.ledger, holds: sqliteHolds(path), feed: stores.feed });
  } finally {
    await stores.close();
    await rm(folder, { recursive: true, force: true });
  }
};

const onPostgres = async (run: Run): Promise<void> => {
  if ('missing' in postgres) throw new Error(postgres.missing);
  const place = postgres.at('sallyport_holds');
  const stores = await engineOf(place).open(place);
  try {
    const about = { name: 'test', version: 'v1', candidate: writer, leaseMs: 30_000 };
    await stores.shared?.writers.claim(about);
    await run({
      ledger: stores.ledger,
      holds: postgresHolds(postgres, place),
      feed: stores.feed,
    });
  } finally {
    await stores.close();
    await postgres.drop(place);
  }
};

const releasing = (id: HoldId, version: number, windows = [window]): Line => {
  const claims: Claims = { windows, hold: { id, version } };
  return { ...lineOf(intent({ at, hold: { id, approvals: ['alice'] } })), claims };
};

const append = async (store: LedgerStore, ...lines: readonly Line[]): Promise<Appended> => {
  const { next, digest } = await store.head(writer);
  const from = { writer, first: next, previous: digest ?? genesis(writer) };
  return store.append(encodeBatch(lines, from, keyRing), { reserve: false });
};

const engines = [
  ['sqlite', false, onSqlite],
  ['postgres', 'missing' in postgres && postgres.missing, onPostgres],
] as const;

for (const [name, skip, on] of engines) {
  void suite(`the release of holds on ${name}`, { skip }, () => {
    void test('moves an approved hold of that version, once, and names the entry', () =>
      on(async ({ ledger, holds }) => {
        const id = await holds.add('approved', 3);
        assert.deepEqual(await append(ledger, releasing(id, 2)), unclaimed(1));
        assert.deepEqual(await append(ledger, releasing(id, 3)), committed);
        assert.deepEqual(await holds.read(id), {
          state: 'released',
          version: 4,
          entry: ledgerId(writer, 1),
          changedAt: at,
        });
        assert.equal(await holds.places(), 1);
        for (const version of [3, 4])
          assert.deepEqual(await append(ledger, releasing(id, version)), unclaimed(2));
        assert.deepEqual([await holds.places(), (await ledger.head(writer)).next], [1, 2]);
      }));

    void test('leaves what is not approved as it is', () =>
      on(async ({ ledger, holds }) => {
        for (const state of ['pending', 'released', 'rejected', 'expired', 'replaced']) {
          const id = await holds.add(state, 3);
          const before = await holds.read(id);
          assert.deepEqual(await append(ledger, releasing(id, 3)), unclaimed(1));
          assert.deepEqual(await holds.read(id), before);
        }
      }));

    void test('leaves one whose time is over, whether it was swept or not', () =>
      on(async ({ ledger, holds }) => {
        const id = await holds.add('approved', 3, at);
        assert.deepEqual(await append(ledger, releasing(id, 3)), unclaimed(1));
        assert.equal((await holds.read(id)).state, 'approved');
        const last = await holds.add('approved', 3, at + 1);
        assert.deepEqual(await append(ledger, releasing(last, 3)), committed);
      }));

    void test('of one hold twice in a batch goes to the first; of several, all go', () =>
      on(async ({ ledger, holds }) => {
        const [id, other] = [await holds.add('approved', 1), await holds.add('approved', 7)];
        const lines = [releasing(other, 7), releasing(id, 1), releasing(id, 1)];
        assert.deepEqual(await append(ledger, ...lines), unclaimed(3));
        assert.equal((await holds.read(id)).state, 'approved');
        assert.deepEqual(await append(ledger, ...lines.slice(0, 2)), committed);
        assert.equal((await holds.read(id)).entry, ledgerId(writer, 2));
        assert.equal((await holds.read(other)).entry, ledgerId(writer, 1));
      }));

    void test('waits for its windows, and stays released whatever its entry comes to', () =>
      on(async ({ ledger, holds }) => {
        const id = await holds.add('approved', 1);
        const full = await append(ledger, releasing(id, 1, [{ ...window, force: false }]));
        assert.equal(full.kind === 'unclaimed' && full.items[0]?.why.unclaimed, 'window');
        assert.equal((await holds.read(id)).state, 'approved');
        assert.deepEqual(await append(ledger, releasing(id, 1)), committed);
        const end = outcome(ledgerId(writer, 1), { outcome: 'rejected', settledBy: 'answer', at });
        await append(ledger, lineOf(end));
        assert.equal((await holds.read(id)).state, 'released');
      }));

    void test('moves nothing where the batch does not continue the chain', () =>
      on(async ({ ledger, holds }) => {
        const id = await holds.add('approved', 1);
        const from = { writer, first: 5, previous: genesis(writer) };
        const batch = encodeBatch([releasing(id, 1)], from, keyRing);
        await assert.rejects(ledger.append(batch, { reserve: false }), {
          code: 'ledger_unavailable',
        });
        assert.deepEqual([(await holds.read(id)).state, await holds.places()], ['approved', 0]);
      }));
  });
}

void test(
  'a release is told to whoever shares the store, with its commit, and a try in vain is not',
  { skip: 'missing' in postgres && postgres.missing },
  () =>
    onPostgres(async ({ ledger, holds, feed }) => {
      const [id, other] = [await holds.add('approved', 3), await holds.add('approved', 1)];
      const states: Promise<string>[] = [];
      let told = Promise.withResolvers<void>();
      feed.on('holds', () => {
        states.push(holds.read(id).then(({ state }) => state));
        told.resolve();
      });
      await append(ledger, releasing(id, 2));
      await append(ledger, releasing(id, 3), releasing(other, 1));
      await told.promise;
      told = Promise.withResolvers();
      await append(ledger, releasing(await holds.add('approved', 5), 5));
      await told.promise;
      assert.deepEqual(await Promise.all(states), ['released', 'released']);
    }),
);
