/** A process that writes to a ledger until it is killed; prints each id once it was promised. */
import { makeLedger } from '../../../src/ledger/make-ledger.ts';
import { openSqlite } from '../../../src/storage/sqlite/open.ts';
import { intent, ledgerDeps, outcome } from '../../ledger/fixture.ts';

const stores = await openSqlite({ path: process.argv[2] as string });
const ledger = makeLedger(ledgerDeps(stores.ledger));
await ledger.start();
process.stdout.write('ready\n');

const client = async (): Promise<never> => {
  for (;;) {
    const id = await ledger.open(intent(), { revocation: false });
    process.stdout.write(`${id}\n`);
    ledger.settle(outcome(id));
  }
};
await Promise.all(Array.from({ length: 16 }, client));
