/** A short round of the differential campaign: other parsers read what we print as we do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { campaign } from '../campaigns/differential.ts';

void test(campaign.claim, async (context) => {
  const print = (line: string): void => context.diagnostic(line);
  const { ok, figures } = await campaign.run({ rounds: 800, seed: 11, print });
  for (const [name, figure] of Object.entries(figures)) print(`${name}: ${figure}`);
  assert.ok(ok, JSON.stringify(figures));
});
