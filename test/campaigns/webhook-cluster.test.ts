import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serversMissing } from './several-gateways.ts';
import { campaign } from './webhook-cluster.ts';

const skip = serversMissing() ?? false;

void test(`a short round of webhook-cluster: ${campaign.claim}`, { skip }, async (context) => {
  const print = (line: string): void => context.diagnostic(line);
  const { ok, figures } = await campaign.run({ rounds: 1, seed: 7, print });
  assert.ok(ok, JSON.stringify(figures));
  assert.equal(figures['distinct events acknowledged'], 680);
  assert.ok(Number(figures['acknowledged by another gateway than the one before']) > 300);
  assert.ok(Number(figures['repeats to another gateway than the first time']) > 20);
});
