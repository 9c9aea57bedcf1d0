import assert from 'node:assert/strict';
import { test } from 'node:test';
import { campaign } from './oracle.ts';

void test(`a short round of oracle: ${campaign.claim}`, async (context) => {
  const print = (line: string): void => context.diagnostic(line);
  const { ok, figures } = await campaign.run({ rounds: 3_000, seed: 7, print });
  assert.ok(ok, JSON.stringify(figures));
});
