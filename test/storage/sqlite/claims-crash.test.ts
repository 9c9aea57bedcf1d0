/** An intent and what it claims are on disk together or not at all, whatever ends the writer. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseLedgerId, type LedgerId } from '../../../src/ids.ts';
import type { Claims } from '../../../src/ledger/claims.ts';
import { makeLedger, type OwnedLedger } from '../../../src/ledger/make-ledger.ts';
import type { OutcomeRecord } from '../../../src/ledger/record.ts';
import { openSqlite } from '../../../src/storage/sqlite/open.ts';
import { inFolder, intent, ledgerDeps, outcome, withLedger } from '../../ledger/fixture.ts';
import { sqliteHolds } from '../../support/hold-rows.ts';

const entry = fileURLToPath(new URL('./writing-process.ts', import.meta.url));

/** Sequences of the intents on disk, in order. */
const intentsOn = async (path: string): Promise<readonly string[]> => {
  const stores = await openSqlite({ path });
  try {
    const ledger = makeLedger(ledgerDeps(stores.ledger));
    await ledger.start();
    const rows = await ledger.list({ limit: 1_000 });
    await ledger.stop();
    return rows.map(({ id }) => String(parseLedgerId(id)?.sequence)).toReversed();
  } finally {
    await stores.close();
  }
};

void suite('claims on a disk that fails', () => {
  for (const when of ['before', 'after'] as const) {
    void test(`an error ${when} the commit leaves both or neither`, () =>
      withLedger(async ({ stores, ledger, path }) => {
        const holds = sqliteHolds(path);
        const id = await holds.add('approved', 1);
        const claims: Claims = {
          windows: [{ key: 'acme', ms: 1_000, max: 1, amount: 1, force: false }],
          hold: { id, version: 1 },
        };
        await stores.injectFault({ kind: 'io', on: 'append', when, count: 1 });
        const opened = ledger.openClaiming(intent(), { revocation: false, claims });
        if (when === 'before') await assert.rejects(opened, { code: 'ledger_unavailable' });
        else assert.equal(typeof (await opened), 'string');
        const { state } = await holds.read(id);
        const expected = when === 'before' ? ['approved', 0] : ['released', 1];
        assert.deepEqual([state, await holds.places()], expected);
      }));
  }

  void test('a place of an earlier life is given back, and counts again where that was wrong', () =>
    inFolder(async (folder) => {
      const path = `${folder}/ledger.db`;
      const inLife = async <Result>(run: (ledger: OwnedLedger) => Promise<Result>) => {
        const stores = await openSqlite({ path });
        const ledger = makeLedger(ledgerDeps(stores.ledger));
        await ledger.start();
        try {
          return await run(ledger);
        } finally {
          await ledger.stop();
          await stores.close();
        }
      };
      const claims: Claims = {
        windows: [{ key: 'acme', ms: 3_600_000, max: 1, amount: 1, force: false }],
        hold: null,
      };
      const open = (ledger: OwnedLedger) =>
        ledger.openClaiming(intent(), { revocation: false, claims });
      const ends = async (ledger: OwnedLedger, entry: LedgerId, how: Partial<OutcomeRecord>) => {
        ledger.settle(outcome(entry, how));
        // What follows in the chain shows that it is written.
        await ledger.open(intent(), { revocation: false });
      };
      const first = await inLife(open);
      assert.ok(typeof first === 'string');
      await inLife(async (ledger) => {
        assert.equal(typeof (await open(ledger)), 'object', 'the only place is taken');
        await ends(ledger, first, { outcome: 'not-sent', settledBy: 'connection' });
      });
      await inLife((ledger) => ends(ledger, first, { outcome: 'applied', settledBy: 'late-send' }));
      assert.equal(typeof (await inLife(open)), 'object', 'it was made after all');
      await inLife((ledger) => ends(ledger, first, { outcome: 'rejected', settledBy: 'person' }));
      assert.equal(typeof (await inLife(open)), 'string');
    }));

  void test('a killed process leaves a place for each intent on disk, and for no other', () =>
    inFolder(async (folder) => {
      const path = `${folder}/ledger.db`;
      for (const most of [150, 90, 210]) {
        const child = spawn(process.execPath, [entry, path, 'claiming'], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let promised = 0;
        for await (const line of createInterface({ input: child.stdout })) {
          if (parseLedgerId(line) !== null) promised += 1;
          if (promised === most) child.kill('SIGKILL');
        }
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
        const intents = await intentsOn(path);
        assert.ok(intents.length >= most && intents.length < 1_000);
        const placed = await sqliteHolds(path).placed();
        assert.deepEqual(placed, intents);
      }
    }));
});
