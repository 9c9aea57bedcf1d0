import assert from 'node:assert/strict';
import { test } from 'node:test';
import { campaign } from './webhooks.ts';

void test(`a short round of webhooks: ${campaign.claim}`, async (context) => {
  const print = (line: string): void => context.diagnostic(line);
  const { ok, figures } = await campaign.run({ rounds: 2, seed: 7, print });
  assert.ok(ok, JSON.stringify(figures));
  assert.ok(Number(figures['distinct events acknowledged']) > 1_000);
  assert.ok(Number(figures['sent again']) > 50);
});
