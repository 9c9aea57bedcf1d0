import assert from 'node:assert/strict';
import { test } from 'node:test';
import { campaign } from './garbage.ts';

void test(`a short round of garbage: ${campaign.claim}`, async (context) => {
  const print = (line: string): void => context.diagnostic(line);
  const { ok, figures } = await campaign.run({ rounds: 2_000, seed: 7, print });
  assert.ok(ok, JSON.stringify(figures));
});
