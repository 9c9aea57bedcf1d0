/** Several gateways on one ledger: leases, takeovers, late sends, notes over all chains, losses. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { parseLedgerId, type LedgerId } from '../../src/ids.ts';
import { evidenceOfExport } from '../../src/ledger/evidence-of-export.ts';
import { evidenceOfStore } from '../../src/ledger/evidence.ts';
import { exportLedger } from '../../src/ledger/export.ts';
import { readJoint } from '../../src/ledger/joint-notes.ts';
import { makeLedger, type LedgerDeps } from '../../src/ledger/make-ledger.ts';
import { splitNotes } from '../../src/ledger/signed-note.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { engineOf } from '../../src/storage/engines.ts';
import { postgres } from '../support/engines.ts';
import type { PostgresAt } from '../support/postgres.ts';
import {
  checkpointKeys,
  inFolder,
  intent,
  keyRing,
  ledgerDeps,
  listening,
  outcome,
} from './fixture.ts';

const skip = 'missing' in postgres && postgres.missing;

const server = () => {
  if ('missing' in postgres) throw new Error(postgres.missing);
  return postgres;
};

/** A gateway's ledger on the shared store. */
const joinStore = async (at: PostgresAt, more: Partial<LedgerDeps> = {}) => {
  const stores = await engineOf(at).open(at);
  const heard = listening();
  const { writers } = stores.shared ?? assert.fail('the store is not shared');
  const ledger = makeLedger(
    ledgerDeps(stores.ledger, {
      writers,
      losses: stores.losses,
      observer: heard.observer,
      ...more,
    }),
  );
  await ledger.start();
  const open = (): Promise<LedgerId> => ledger.open(intent(), { revocation: false });
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    await ledger.stop();
    await stores.close();
  };
  return { stores, writers, ledger, heard, open, stop };
};
type Joined = Awaited<ReturnType<typeof joinStore>>;
type Gateway = (more?: Partial<LedgerDeps>) => Promise<Joined>;

const writerOf = (id: LedgerId): string => parseLedgerId(id)?.writer ?? '';

/** Runs with a fresh store that gateways may join; all of them are stopped afterwards. */
const together =
  (run: (gateway: Gateway, at: PostgresAt) => Promise<void>) => async (): Promise<void> => {
    const at = server().at('sallyport_writers');
    const joined: Joined[] = [];
    const gateway: Gateway = async (more) => {
      const one = await joinStore(at, more);
      joined.push(one);
      return one;
    };
    try {
      await run(gateway, at);
    } finally {
      for (const one of joined) await one.stop();
      await server().drop(at);
    }
  };

/** An act is durable when it resolves, and with it everything that waited before it. */
const flush = ({ ledger }: Joined): Promise<LedgerId> =>
  ledger.act({ kind: 'act', at: systemClock.now(), actor: 'local', act: 'test', details: {} });

const verified = async ({ stores, writers }: Joined, sinceCheckpoint?: string) =>
  verifyLedger(evidenceOfStore({ store: stores.ledger, keyRing, writers }), {
    publicKey: checkpointKeys.publicKey,
    now: systemClock.now(),
    ...(sinceCheckpoint === undefined ? {} : { sinceCheckpoint }),
  });

const codes = ({ problems }: Awaited<ReturnType<typeof verified>>) =>
  problems.map(({ code }) => code);

/** Resolves when `holds`; the test's own time limit ends a wait that is in vain. */
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
};

void suite('several writers', { skip }, () => {
  void test(
    'write chains of their own and see each other',
    together(async (gateway) => {
      const [one, two] = [await gateway(), await gateway()];
      const ids = [await one.open(), await two.open(), await one.open()];
      assert.notEqual(writerOf(ids[0] as LedgerId), writerOf(ids[1] as LedgerId));
      const listed = await two.ledger.list({ limit: 10 });
      assert.deepEqual(new Set(listed.map(({ id }) => id)), new Set(ids));
      assert.deepEqual(
        (await one.ledger.unsettled(10)).map(({ id }) => id),
        [ids[0], ids[2]],
      );
      assert.equal(one.ledger.answersFor(ids[0] as LedgerId), true);
      assert.equal(one.ledger.answersFor(ids[1] as LedgerId), false);
      assert.equal(one.ledger.mayBegin(ids[0] as LedgerId, 20_000), true);
      assert.equal(one.ledger.mayBegin(ids[0] as LedgerId, 31_000), false);
      assert.equal(one.ledger.mayBegin(ids[1] as LedgerId, 1), false);
      const result = await verified(one);
      assert.deepEqual([result.ok, result.entries], [true, 3]);
    }),
  );

  void test(
    'a chain that was released is written on by the next gateway',
    together(async (gateway) => {
      const one = await gateway();
      const first = await one.open();
      one.ledger.settle(outcome(first));
      await flush(one);
      await one.ledger.stop();
      const two = await gateway();
      const second = await two.open();
      assert.equal(writerOf(second), writerOf(first));
      assert.equal((await verified(two)).ok, true);
    }),
  );

  void test(
    'one settles for another whose lease ended, and what that one learns late is named',
    together(async (gateway) => {
      const [asleep, awake] = [await gateway(), await gateway()];
      const sent = await asleep.open();
      const unsent = await asleep.open();
      // As if it had slept through its lease: the store counts it as ended.
      await asleep.writers.release(writerOf(sent));
      const taken: string[] = [];
      await awake.ledger.answerForDead((writers) => taken.push(...writers));
      assert.deepEqual(taken, [writerOf(sent)]);
      assert.equal(awake.ledger.answersFor(sent), true);
      assert.deepEqual(
        (await awake.ledger.unsettled(10, { writer: writerOf(sent) })).map(({ id }) => id),
        [sent, unsent],
      );
      for (const id of [sent, unsent]) {
        awake.ledger.settle(
          outcome(id, { outcome: 'in-doubt', settledBy: 'crash', attempts: 0, status: null }),
        );
      }
      await flush(awake);
      // It wakes, and the answer lies in its socket.
      asleep.ledger.settle(outcome(sent));
      await until(() => asleep.ledger.writable() && asleep.heard.late.length === 1);
      const fresh = await flush(asleep);
      assert.notEqual(writerOf(fresh), writerOf(sent));
      assert.deepEqual(asleep.heard.late, [{ ledgerId: sent, outcome: 'applied' }]);
      assert.equal(asleep.ledger.mayBegin(unsent, 1), false);
      assert.equal(asleep.ledger.answersFor(sent), false);
      const shown = await awake.ledger.show(sent);
      assert.deepEqual(
        shown?.outcomes.map(({ settledBy, outcome: ended }) => [ended, settledBy]),
        [
          ['in-doubt', 'crash'],
          ['applied', 'late-send'],
        ],
      );
      assert.deepEqual(
        (await awake.ledger.unsettled(10, { writer: writerOf(sent) })).map(({ id }) => id),
        [unsent],
      );
      const result = await verified(awake);
      assert.deepEqual(result.problems, []);
    }),
  );

  void test(
    'an intent that waits when its chain is closed is refused, and not sent',
    together(async (gateway) => {
      const [asleep, awake] = [await gateway(), await gateway()];
      const before = await asleep.open();
      await asleep.writers.release(writerOf(before));
      await awake.ledger.answerForDead(() => undefined);
      await assert.rejects(asleep.open(), { code: 'ledger_unavailable' });
      await until(() => asleep.ledger.writable());
      assert.notEqual(writerOf(await asleep.open()), writerOf(before));
    }),
  );

  void test(
    'notes join all chains; a chain that is gone, cut or written anew is found',
    together(async (gateway, at) => {
      await inFolder(async (folder) => {
        const file = join(folder, 'checkpoints');
        const checkpoints = { everyMs: 3_600_000, to: [{ kind: 'file', path: file } as const] };
        const one = await gateway({ checkpoints });
        const two = await gateway();
        const [first, second] = [await one.open(), await two.open()];
        await one.ledger.lookAtLoss();
        await one.open();
        const notes = await one.writers.joints(1);
        assert.equal(notes.length, 1);
        assert.deepEqual(
          readJoint(notes[0]?.note ?? '', checkpointKeys.publicKey)?.heads.map(
            ({ writer, size }) => [writer, size],
          ),
          [
            [writerOf(first), 1],
            [writerOf(second), 1],
          ].toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
        );
        const outside = splitNotes(await readFile(file, 'utf8')).join('');
        const whole = await verified(one, outside);
        assert.deepEqual([whole.ok, whole.checkpoints >= 3], [true, true]);
        const lines: string[] = [];
        const source = { store: one.stores.ledger, keyRing, writers: one.writers };
        for await (const line of exportLedger(source, { format: 'ndjson' })) lines.push(line);
        const exported = await verifyLedger(evidenceOfExport(lines), {
          publicKey: checkpointKeys.publicKey,
          now: systemClock.now(),
          sinceCheckpoint: outside,
        });
        assert.deepEqual(exported.problems, []);
        const without = lines.filter((line) => !line.includes(writerOf(second)));
        const cut = await verifyLedger(evidenceOfExport(without), {
          publicKey: checkpointKeys.publicKey,
          now: systemClock.now(),
          sinceCheckpoint: outside,
        });
        assert.equal(cut.ok, false);

        const { query } = server();
        const table = (name: string) => `${at.schema}.${name}`;
        await two.stop();
        for (const name of [
          'batches',
          'entries',
          'open_entries',
          'bodies',
          'checkpoints',
          'writers',
        ]) {
          await query(`DELETE FROM ${table(name)} WHERE writer = $1`, [writerOf(second)]);
        }
        assert.deepEqual(codes(await verified(one)), ['cut']);
        assert.ok(codes(await verified(one, outside)).includes('behind'));
        await query(`DELETE FROM ${table('joints')}`);
        assert.ok(codes(await verified(one, outside)).includes('behind'));
        assert.equal((await verified(one)).ok, true);
      });
    }),
  );

  void test(
    'a store that lost what was acknowledged takes nothing until a person accepts it',
    together(async (gateway, at) => {
      const one = await gateway();
      const kept = await one.open();
      await one.open();
      // A standby that lagged takes over: the second record was never there.
      const { query } = server();
      await query(`DELETE FROM ${at.schema}.batches WHERE writer = $1 AND first = 2`, [
        writerOf(kept),
      ]);
      await query(
        `UPDATE ${at.schema}.writers w SET next = 2, digest = b.digest FROM ${at.schema}.batches b
          WHERE w.writer = $1 AND b.writer = w.writer`,
        [writerOf(kept)],
      );
      await assert.rejects(one.open(), { code: 'ledger_unavailable' });
      await until(() => one.ledger.loss() !== null);
      assert.match(one.ledger.loss() ?? '', /2 records of .* were acknowledged, the store has 1/);
      await assert.rejects(one.open(), { code: 'ledger_unavailable' });
      assert.equal(one.ledger.writable(), false);
      assert.equal(await one.ledger.acceptLoss('alice@example.com', 'the standby lagged'), true);
      assert.equal(one.ledger.loss(), null);
      assert.equal(await one.ledger.acceptLoss('alice@example.com', 'once more'), false);
      await until(() => one.ledger.writable());
      assert.notEqual(writerOf(await one.open()), writerOf(kept));
    }),
  );

  void test(
    'an earlier acceptance is none of a loss that is found later',
    together(async (gateway, at) => {
      const one = await gateway();
      await one.open();
      // Of a loss that only another gateway knew.
      await one.stores.losses.accept('alice@example.com', 'restored');
      await one.ledger.lookAtLoss();
      assert.equal((await one.writers.joints(1)).length, 1);
      await server().query(`DELETE FROM ${at.schema}.joints`);
      await one.ledger.lookAtLoss();
      assert.match(one.ledger.loss() ?? '', /joint checkpoint 1/);
      await one.ledger.lookAtLoss();
      assert.match(one.ledger.loss() ?? '', /joint checkpoint 1/);
    }),
  );

  void test(
    'a note of a clock that runs ahead keeps nobody from signing',
    together(async (gateway) => {
      const ahead = { ...systemClock, now: () => systemClock.now() + 400 * 86_400_000 };
      const wrong = await gateway({ clock: ahead, steadyNow: ahead.now });
      const right = await gateway();
      await wrong.open();
      await wrong.ledger.lookAtLoss();
      await right.open();
      await right.ledger.lookAtLoss();
      assert.equal((await right.writers.joints(1)).length, 2);
    }),
  );

  void test(
    'whoever starts on such a store finds it out from the checkpoints held on its disk',
    together(async (gateway, at) => {
      await inFolder(async (folder) => {
        const to = [{ kind: 'file', path: join(folder, 'checkpoints') } as const];
        const one = await gateway({ checkpoints: { everyMs: 3_600_000, to } });
        await one.open();
        await one.ledger.checkpoint();
        const other = await gateway();
        await other.open();
        await one.stop();
        await server().query(`DELETE FROM ${at.schema}.batches`);
        await server().query(`DELETE FROM ${at.schema}.writers WHERE state <> 'live'`);
        await server().query(`UPDATE ${at.schema}.writers SET next = 1, digest = NULL`);
        const two = await gateway({ checkpoints: { everyMs: 3_600_000, to } });
        assert.match(two.ledger.loss() ?? '', /a checkpoint knows/);
        await assert.rejects(two.open(), { code: 'ledger_unavailable' });
        // Accepted at one gateway, it is accepted for all, and for the next start.
        await two.ledger.acceptLoss('alice@example.com', 'restored from last night');
        await two.open();
        const three = await gateway({ checkpoints: { everyMs: 3_600_000, to } });
        assert.equal(three.ledger.loss(), null);
      });
    }),
  );
});
