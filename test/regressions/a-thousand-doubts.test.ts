/**
 * At its start a gateway looked at the oldest thousand entries without a final outcome only. Where a
 * thousand had been left in doubt for good, an entry that a crash cut off never got an outcome.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowedEntries, withStore } from '../campaigns/audit.ts';
import {
  campaignConfig,
  makeHome,
  startGatewayProcess,
  targetAndRoute,
} from '../campaigns/gateway-process.ts';
import { intent, outcome } from '../ledger/fixture.ts';

const doubts = 1_001;

void test('an entry that a crash cut off gets its outcome behind any number of old doubts', async () => {
  const home = await makeHome(campaignConfig(targetAndRoute('users', 'http://127.0.0.1:9/')));
  try {
    const cutOff = await withStore(home, async ({ ledger }) => {
      const open = () => ledger.open(intent(), { revocation: false });
      const old = await Promise.all(Array.from({ length: doubts }, open));
      for (const id of old) ledger.settle(outcome(id, { outcome: 'in-doubt' }));
      return open();
    });
    const gateway = await startGatewayProcess(home);
    await gateway.end('SIGTERM');
    const rows = await withStore(home, allowedEntries);
    assert.equal(rows.size, doubts + 1);
    assert.equal(rows.get(cutOff)?.outcome, 'in-doubt');
    assert.equal(rows.get(cutOff)?.settledBy, 'crash');
  } finally {
    await home.remove();
  }
});
