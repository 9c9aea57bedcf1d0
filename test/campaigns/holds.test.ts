import assert from 'node:assert/strict';
import { test } from 'node:test';
import { campaign } from './holds.ts';
import { serversMissing } from './several-gateways.ts';

const skip = serversMissing() ?? false;

void test(`a short round of holds: ${campaign.claim}`, { skip }, async (context) => {
  const print = (line: string): void => context.diagnostic(line);
  const { ok, figures } = await campaign.run({ rounds: 6, seed: 7, print });
  assert.ok(ok, JSON.stringify(figures));
});
