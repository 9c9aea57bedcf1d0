/**
 * A process that writes to a ledger until it is killed; prints each id once it was promised. With
 * `claiming` behind its path every intent takes a place in a window.
 */
import type { LedgerId } from '../../../src/ids.ts';
import { makeLedger } from '../../../src/ledger/make-ledger.ts';
import { openSqlite } from '../../../src/storage/sqlite/open.ts';
import { intent, ledgerDeps, outcome } from '../../ledger/fixture.ts';

const stores = await openSqlite({ path: process.argv[2] as string });
const ledger = makeLedger(ledgerDeps(stores.ledger));
await ledger.start();
process.stdout.write('ready\n');

const windows = [{ key: 'acme', ms: 3_600_000, max: 1_000_000, amount: 1, force: false }];
const open = async (): Promise<LedgerId> => {
  if (process.argv[3] !== 'claiming') return ledger.open(intent(), { revocation: false });
  const claims = { windows, hold: null };
  const opened = await ledger.openClaiming(intent(), { revocation: false, claims });
  if (typeof opened !== 'string') throw new TypeError('there is room');
  return opened;
};

const client = async (): Promise<never> => {
  for (;;) {
    const id = await open();
    process.stdout.write(`${id}\n`);
    ledger.settle(outcome(id));
  }
};
await Promise.all(Array.from({ length: 16 }, client));
