/**
 * On a full disk a commit from the reserve met an I/O error although it had happened; the look that
 * found this out also made the reserve again. The ledger then took itself for full for ever: nothing
 * was armed to try again, and what may not use the reserve waited until a restart.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { denial, intent, outcome, withLedger } from '../ledger/fixture.ts';

const refused = { code: 'ledger_unavailable' };

void test('a reserve that came back while a commit was in doubt ends the full disk', () =>
  withLedger(async ({ ledger, stores }) => {
    const id = await ledger.open(intent(), { revocation: false });
    await stores.injectFault({ kind: 'full', on: 'append', when: 'before', count: 1 });
    await assert.rejects(ledger.open(intent(), { revocation: false }), refused);
    ledger.deny(denial());
    await stores.injectFault({ kind: 'io', on: 'append', when: 'after', count: 1 });
    ledger.settle(outcome(id));
    const until = performance.now() + 5_000;
    while (!ledger.writable()) {
      assert.ok(performance.now() < until, 'the ledger did not recover');
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    await ledger.open(intent(), { revocation: false });
    assert.equal((await ledger.list({ limit: 10 })).length, 3);
  }));
