import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { campaign, playWorlds } from './noninterference.ts';

void suite('noninterference', () => {
  test(`a short round: ${campaign.claim}`, async (context) => {
    const print = (line: string): void => context.diagnostic(line);
    const { ok, figures } = await campaign.run({ rounds: 300, seed: 7, print });
    assert.ok(ok, JSON.stringify(figures));
  });

  const planted = [
    ['a client that may read everything', { readsAll: true }, 'answers that differ'],
    ['a target that refuses by a hidden value', { plant: 'refusal' }, 'answers that differ'],
    ['a target that counts by a hidden value', { plant: 'total' }, 'answers that differ'],
    ['a target that is slower in one world', { plant: 'delay' }, 'kinds told by time'],
  ] as const;
  for (const [name, leak, figure] of planted) {
    test(`finds ${name}`, async () => {
      const print = (): void => undefined;
      const { ok, figures } = await playWorlds({ rounds: 150, seed: 3, print }, leak);
      assert.equal(ok, false);
      assert.ok(Number(figures[figure]) > 0, JSON.stringify(figures));
    });
  }
});
