import assert from 'node:assert/strict';
import { test } from 'node:test';
import { campaign } from './faults.ts';

void test(`a short round of faults: ${campaign.claim}`, async (context) => {
  const print = (line: string): void => context.diagnostic(line);
  const { ok, figures } = await campaign.run({ rounds: 4, seed: 4, print });
  assert.ok(ok, JSON.stringify(figures));
});
