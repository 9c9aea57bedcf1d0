/** Holds, protection, checks and uses move from SQLite to PostgreSQL as they stand. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { copyTables } from '../../src/storage/copied-tables.ts';
import { ledgerId } from '../../src/ids.ts';
import { encodeBatch, type Line } from '../../src/ledger/batch.ts';
import { genesis } from '../../src/ledger/chain.ts';
import type { Stores } from '../../src/storage/stores.ts';
import { intent, keyRing, outcome } from '../ledger/fixture.ts';
import { lineOf } from '../support/chains.ts';
import { enginesUnderTest, postgres } from '../support/engines.ts';
import { newCheck, newHold, newMark, newOverride, newUse, start } from '../support/safety-rows.ts';

const [sqlite, shared] = enginesUnderTest;
const options = { pendingMax: 1_000, rememberMs: 1_000, now: start };
const dayMs = 86_400_000;

const everything = async (stores: Stores) => ({
  holds: await stores.holds.list({ limit: 1_000 }),
  marks: await stores.protectionMarks.list(),
  overrides: await stores.overrides.list(start),
  populations: await stores.populations.list(),
  checks: await stores.checks.list({ limit: 1_000 }),
  uses: await stores.uses.sum({ from: 0, to: 99_999 }),
});

const fill = async ({ holds, protectionMarks, populations, checks, uses }: Stores) => {
  for (let at = 0; at < 203; at += 1)
    await holds.put(newHold(`${at}`, { at: start + at }), options);
  const rule = { tenant: 'slack', rule: 'executives', digest: 'd1', at: start };
  const marks = Array.from({ length: 300 }, (_, at) => newMark(`${at}`));
  await protectionMarks.add([...marks, newMark('1', { tenant: 'okta' })], rule);
  await populations.keep({ tenant: 'slack', word: 'users', count: 500, at: start });
  await checks.put(
    Array.from({ length: 250 }, (_, at) => newCheck(`${at}`)),
    { rowsMax: 1_000 },
  );
  await uses.add([newUse({ attributes: ['title'] }), newUse({ day: 4, verdict: 'denied' })]);
};

const open = async () => {
  assert.ok(sqlite !== undefined && shared !== undefined);
  const [from, to] = [await sqlite.open('0badcafe'), await shared.open('0badcafe')];
  const close = async (): Promise<void> => {
    await from.close();
    await to.close();
  };
  return { from, to, close };
};

const window = {
  key: 'slack\nleavers\nfast\nentra',
  ms: 3_600_000,
  max: 3,
  amount: 1,
  force: false,
};
const claiming = (at: number): Line => ({
  ...lineOf(intent({ at })),
  claims: { windows: [window], hold: null },
});
const append = async ({ ledger }: Stores, ...lines: readonly Line[]) => {
  const writer = '0badcafe';
  const { next, digest } = await ledger.head(writer);
  const from = { writer, first: next, previous: digest ?? genesis(writer) };
  return ledger.append(encodeBatch(lines, from, keyRing), { reserve: false });
};
/** Places that this store still gives in the window. */
const roomOf = async (stores: Stores, at: number): Promise<number> => {
  for (let taken = 0; ; taken += 1) {
    if ((await append(stores, claiming(at))).kind !== 'committed') return taken;
  }
};

void suite('copying safety', { skip: 'missing' in postgres && postgres.missing }, () => {
  void test('keeps all of it, twice as once; what went on at the source follows', async () => {
    const { from, to, close } = await open();
    try {
      await fill(from);
      const override = newOverride();
      await from.overrides.add(override, start);
      const counts = await copyTables(from.copying, to.copying);
      assert.deepEqual([counts?.get('holds'), counts?.get('protection_marks')], [203, 301]);
      await copyTables(from.copying, to.copying);
      const before = await everything(from);
      assert.deepEqual(await everything(to), before);
      const [hold] = before.holds;
      assert.ok(hold !== undefined);
      await from.holds.change(hold.id, 1, { state: 'rejected', now: start + 9 });
      // One that was replaced makes room for what followed it.
      const first = newHold('0', { body: 'other', at: start + 9_999 });
      assert.equal((await from.holds.put(first, options)).kind, 'replaced');
      await from.overrides.end(override.id, start + 1);
      await from.uses.add([newUse({ attributes: ['active'] })]);
      await from.populations.keep({ tenant: 'slack', word: 'users', count: 501, at: start + 1 });
      await from.checks.put([newCheck('1', { at: start + 1 })], { rowsMax: 1_000 });
      await copyTables(from.copying, to.copying);
      assert.deepEqual(await everything(to), await everything(from));
    } finally {
      await close();
    }
  });

  void test('what went on at the target stays', async () => {
    const { from, to, close } = await open();
    try {
      await fill(from);
      await copyTables(from.copying, to.copying);
      const [hold] = await to.holds.list({ limit: 1 });
      assert.ok(hold !== undefined);
      await to.holds.change(hold.id, 1, { state: 'rejected', now: start + 9 });
      await copyTables(from.copying, to.copying);
      assert.equal((await to.holds.read(hold.id))?.state, 'rejected');
    } finally {
      await close();
    }
  });

  void test('a window that was used up at the source is used up at the target', async () => {
    const { from, to, close } = await open();
    try {
      for (let at = 0; at < 3; at += 1) await append(from, claiming(start + at));
      const counts = await copyTables(from.copying, to.copying);
      assert.equal(counts?.get('places'), 3);
      assert.equal(await roomOf(to, start + 3), 0);
      // What was given back at the source since then is so at the target.
      const unsent = { outcome: 'not-sent', settledBy: 'answer', at: start + 4 } as const;
      await append(from, lineOf(outcome(ledgerId('0badcafe', 1), unsent)));
      await copyTables(from.copying, to.copying);
      assert.equal(await roomOf(to, start + 4), 1);
    } finally {
      await close();
    }
  });

  void test('an override that is not over is listed, whatever ended after it', async () => {
    const { from, to, close } = await open();
    try {
      const first = newOverride({ until: start + dayMs });
      await from.overrides.add(first, start);
      for (let at = 1; at < 1_005; at += 1)
        await from.overrides.add(newOverride({ at: start + at, until: start + at }), start + at);
      await copyTables(from.copying, to.copying);
      for (const { overrides } of [from, to]) {
        const listed = await overrides.list(start + 2_000);
        assert.equal(listed.length, 1_000);
        assert.equal(listed.at(-1)?.id, first.id);
        assert.equal(listed[0]?.at, start + 1_004);
      }
    } finally {
      await close();
    }
  });
});
