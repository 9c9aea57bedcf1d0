import assert from 'node:assert/strict';
import { test } from 'node:test';
import { campaign } from './crash.ts';

void test(`a short round of crash: ${campaign.claim}`, async (context) => {
  const print = (line: string): void => context.diagnostic(line);
  const { ok, figures } = await campaign.run({ rounds: 1, seed: 7, print });
  assert.ok(ok, JSON.stringify(figures));
  assert.ok(Number(figures['mutations seen by the target']) > 10);
});
