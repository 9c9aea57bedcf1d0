import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../../src/clock.ts';
import { parseLedgerId, type LedgerId } from '../../../src/ids.ts';
import { evidenceOfStore } from '../../../src/ledger/evidence.ts';
import { makeLedger } from '../../../src/ledger/make-ledger.ts';
import { verifyLedger } from '../../../src/ledger/verify.ts';
import { openSqlite } from '../../../src/storage/sqlite/open.ts';
import { inFolder, keyRing, ledgerDeps } from '../../ledger/fixture.ts';

const entry = fileURLToPath(new URL('./writing-process.ts', import.meta.url));

/** Lets a process write until it has promised `most` ids, then kills it without warning. */
const writeAndKill = async (path: string, most: number): Promise<readonly LedgerId[]> => {
  const child = spawn(process.execPath, [entry, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const promised: LedgerId[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    // The last line may be cut off by the kill.
    if (parseLedgerId(line) !== null) promised.push(line as LedgerId);
    if (promised.length === most) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  assert.equal(child.signalCode, 'SIGKILL');
  return promised.slice(0, most);
};

void suite('a killed gateway', () => {
  void test('loses nothing it promised, five times over', () =>
    inFolder(async (folder) => {
      const path = `${folder}/ledger.db`;
      const promised: LedgerId[] = [];
      for (let round = 0; round < 5; round += 1) {
        promised.push(...(await writeAndKill(path, 200 + round * 137)));
      }
      const stores = await openSqlite({ path });
      try {
        const options = { now: systemClock.now() };
        const found = await verifyLedger(
          evidenceOfStore({ store: stores.ledger, keyRing, writers: null }),
          options,
        );
        assert.deepEqual(found.problems, []);
        assert.ok(found.entries >= promised.length);
        const ledger = makeLedger(ledgerDeps(stores.ledger));
        await ledger.start();
        for (const id of promised.filter((_, index) => index % 7 === 0)) {
          assert.equal((await ledger.show(id))?.row.id, id);
        }
        const rows = new Set((await ledger.list({ limit: 1_000 })).map((row) => row.id));
        const newest = promised.slice(-300).filter((id) => !rows.has(id));
        assert.deepEqual(newest, []);
        for (const open of await ledger.unsettled(1_000)) assert.equal(open.outcome, null);
        await ledger.stop();
      } finally {
        await stores.close();
      }
    }));

  void test('a second process is told that a gateway runs on the store', () =>
    inFolder(async (folder) => {
      const path = `${folder}/ledger.db`;
      const child = spawn(process.execPath, [entry, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      await assert.rejects(openSqlite({ path }), (error: { code?: string; refusal?: unknown }) => {
        assert.equal(error.code, 'ledger_unavailable');
        assert.match(JSON.stringify(error.refusal), /a gateway runs on this store/);
        return true;
      });
      child.kill('SIGKILL');
      await once(child, 'exit');
      const stores = await openSqlite({ path });
      await assert.rejects(openSqlite({ path }), { code: 'ledger_unavailable' });
      await stores.close();
    }));
});
