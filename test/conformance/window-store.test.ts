/** What every engine must tell of windows: the places that count now, and the oldest of them. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ledgerId } from '../../src/ids.ts';
import { encodeBatch, type Line } from '../../src/ledger/batch.ts';
import { genesis } from '../../src/ledger/chain.ts';
import type { LedgerStore } from '../../src/ledger/store.ts';
import { intent, keyRing, outcome } from '../ledger/fixture.ts';
import { lineOf } from '../support/chains.ts';
import { enginesUnderTest, withStores } from '../support/engines.ts';

const writer = '0badcafe';
const start = 1_700_000_000_000;
const minute = 60_000;
const window = (key: string, amount: number) => ({
  key,
  ms: 60 * minute,
  max: 100,
  amount,
  force: false,
});

const append = async (store: LedgerStore, ...lines: readonly Line[]): Promise<void> => {
  const { next, digest } = await store.head(writer);
  const from = { writer, first: next, previous: digest ?? genesis(writer) };
  const { kind } = await store.append(encodeBatch(lines, from, keyRing), { reserve: false });
  assert.equal(kind, 'committed');
};

for (const engine of enginesUnderTest) {
  const { name, skip } = engine;

  void suite(`window store on ${name}`, { skip }, () => {
    void test(
      'tells of each window what it holds, and since when',
      withStores(engine, writer, async ({ ledger, windows }) => {
        const take = (key: string, at: number, amount: number) =>
          append(ledger, {
            ...lineOf(intent({ at })),
            claims: { windows: [window(key, amount)], hold: null },
          });
        const asked = (key: string, from: number) => windows.held([{ key, from }]);
        assert.deepEqual(await windows.held([]), []);
        assert.deepEqual(await asked('a', start - minute), [{ used: 0, oldest: null }]);
        await take('a', start, 1);
        await take('a', start + 10 * minute, 2);
        await take('b', start + 11 * minute, 5);
        await take('a', start + 12 * minute, 4);
        const asks = [
          { key: 'a', from: start - 1 },
          { key: 'b', from: start - 1 },
          { key: 'a', from: start },
          { key: 'nobody', from: 0 },
        ];
        assert.deepEqual(await windows.held(asks), [
          { used: 7, oldest: start },
          { used: 5, oldest: start + 11 * minute },
          { used: 6, oldest: start + 10 * minute },
          { used: 0, oldest: null },
        ]);
        const rejected = {
          outcome: 'rejected',
          settledBy: 'answer',
          at: start + 13 * minute,
        } as const;
        await append(ledger, lineOf(outcome(ledgerId(writer, 2), rejected)));
        assert.deepEqual(await asked('a', start), [{ used: 4, oldest: start + 12 * minute }]);
      }),
    );

    void test(
      'tells of a thousand at once, and refuses more',
      withStores(engine, writer, async ({ windows }) => {
        const asks = (count: number) =>
          Array.from({ length: count }, (_unused, at) => ({ key: `${at}`, from: 0 }));
        assert.equal((await windows.held(asks(1_000))).length, 1_000);
        await assert.rejects(windows.held(asks(1_001)));
      }),
    );
  });
}
