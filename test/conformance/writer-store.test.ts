/** What an engine that gateways share must do for their leases, chains and joint notes. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ledgerId } from '../../src/ids.ts';
import { genesis } from '../../src/ledger/chain.ts';
import { intent, outcome } from '../ledger/fixture.ts';
import { chainOn, nextBatch } from '../support/chains.ts';
import { openTogether, postgres, type SharedStores } from '../support/engines.ts';

const skip = 'missing' in postgres && postgres.missing;
const [a, b, c] = ['0000000a', '0000000b', '0000000c'] as const;
const about = (candidate: string, leaseMs = 30_000) => ({
  candidate,
  leaseMs,
  name: `host/${candidate}`,
  version: 'v1',
});

type Three = readonly [SharedStores, SharedStores, SharedStores];
const schemas = new WeakMap<object, string>();
const schema = (store: SharedStores): string => schemas.get(store) ?? '';
const together = (run: (...stores: Three) => Promise<void>) => async (): Promise<void> => {
  const { at, stores, drop } = await openTogether(3);
  for (const store of stores) schemas.set(store, at.schema);
  try {
    await run(...(stores as Three));
  } finally {
    await drop();
  }
};

/** Asks until the lease of a millisecond has ended; each question takes a round trip. */
const takeOverSoon = async (taker: SharedStores, writer: string): Promise<readonly string[]> => {
  for (let asked = 0; asked < 1_000; asked += 1) {
    const closed = await taker.writers.takeOver(writer);
    if (closed.length > 0) return closed;
  }
  return [];
};

const unsettled = async (store: SharedStores, more: { writer?: string; after?: never } = {}) =>
  (await store.ledger.find({ unsettled: true, limit: 100, ...more })).entries.map((entry) =>
    ledgerId(entry.writer, entry.sequence),
  );

void suite('writer store on postgres', { skip }, () => {
  void test(
    'gives each gateway a chain of its own, and a released one again',
    together(async (one, two, three) => {
      const head = await one.writers.claim(about(a));
      assert.deepEqual([head.writer, head.next, head.digest, head.closed], [a, 1, null, false]);
      assert.ok(Math.abs(head.storeNow - Date.now()) < 60_000);
      assert.equal((await two.writers.claim(about(b))).writer, b);
      await assert.rejects(three.writers.claim(about(a)), { code: 'ledger_unavailable' });
      const append = await chainOn(one.ledger, a);
      const batch = await append(intent({ at: 10 }));
      await append(outcome(ledgerId(a, 1), { at: 20 }));
      await one.writers.release(a);
      const again = await three.writers.claim(about(c));
      assert.deepEqual([again.writer, again.next, again.newestAt], [a, 3, 20]);
      assert.notDeepEqual(again.digest, batch.digest);
      // Who released it cannot write it any more.
      const late = await nextBatch(three.ledger, a, [intent()]);
      await assert.rejects(one.ledger.append(late, { reserve: false }));
      assert.deepEqual(await three.ledger.append(late, { reserve: false }), {
        kind: 'committed',
        reserve: true,
      });
    }),
  );

  void test(
    'lets a chain begin behind records that lie elsewhere',
    together(async (one) => {
      const previous = Buffer.alloc(32, 5);
      const start = { first: 101, previous, at: 77 };
      const head = await one.writers.claim({ ...about(a), start });
      assert.deepEqual([head.next, head.digest, head.newestAt], [101, previous, 77]);
      await (
        await chainOn(one.ledger, a)
      )(intent());
      assert.deepEqual(await one.ledger.chains(), [{ writer: a, first: 101, previous }]);
    }),
  );

  void test(
    'renews a lease for as long as nobody closed the chain, and tells who is there',
    together(async (one, two) => {
      await one.writers.claim(about(a, 1));
      await two.writers.claim(about(b));
      const renewal = { writer: a, leaseMs: 20_000, name: 'renamed', version: 'v2' };
      const { held, storeNow, gateways } = await one.writers.renew(renewal);
      assert.equal(held, true);
      assert.deepEqual(
        gateways.map(({ writer, name, version }) => [writer, name, version]),
        [
          [a, 'renamed', 'v2'],
          [b, `host/${b}`, 'v1'],
        ],
      );
      const [own] = gateways;
      assert.ok(own !== undefined && own.startedAt <= storeNow);
      assert.ok(own.leaseUntil > storeNow + 19_000 && own.leaseUntil <= storeNow + 20_000);
      assert.deepEqual(await two.writers.takeOver(b), []);
    }),
  );

  void test(
    'hands on what the dead had taken over themselves, and says so',
    together(async (one, two, three) => {
      await one.writers.claim(about(a, 1));
      await (
        await chainOn(one.ledger, a)
      )(intent());
      await two.writers.claim(about(b));
      assert.deepEqual(await takeOverSoon(two, b), [a]);
      await two.writers.release(b);
      await three.writers.claim(about(c));
      assert.deepEqual(await three.writers.takeOver(c), [a, b]);
      assert.deepEqual(await unsettled(three, { writer: a }), [ledgerId(a, 1)]);
    }),
  );

  void test(
    'closes the chain of the dead; its open entries become those of the taker',
    together(async (one, two, three) => {
      await one.writers.claim(about(a, 1));
      const append = await chainOn(one.ledger, a);
      await append(intent(), intent(), intent());
      await append(outcome(ledgerId(a, 2)));
      await two.writers.claim(about(b, 1));
      assert.deepEqual(await three.writers.takeOver(c), []);
      await two.writers.renew({ ...about(b), writer: b });
      assert.deepEqual(await takeOverSoon(two, b), [a]);
      assert.deepEqual(await unsettled(two), [ledgerId(a, 1), ledgerId(a, 3)]);
      assert.deepEqual(await unsettled(two, { writer: b }), []);
      // The sleeper wakes.
      const { next, digest } = { next: 5, digest: (await one.ledger.head(a)).digest };
      assert.equal((await one.ledger.head(a)).closed, true);
      const batch = await nextBatch(one.ledger, a, [intent()]);
      assert.deepEqual([batch.first, batch.previous], [next, digest]);
      assert.deepEqual(await one.ledger.append(batch, { reserve: false }), { kind: 'closed' });
      assert.equal((await one.writers.renew({ ...about(a), writer: a })).held, false);
      assert.deepEqual(await one.writers.takeOver(a), []);
      // What the taker settles stands in its own chain, and with the entry.
      const settle = await chainOn(two.ledger, b);
      await settle(intent());
      await settle(outcome(ledgerId(a, 1), { outcome: 'in-doubt', settledBy: 'crash' }));
      await settle(outcome(ledgerId(a, 1), { settledBy: 'read-back' }));
      assert.deepEqual(await unsettled(two), [ledgerId(a, 3), ledgerId(b, 1)]);
      const read = await three.ledger.read(ledgerId(a, 1));
      assert.deepEqual(read?.outcomes, [
        { writer: b, sequence: 2 },
        { writer: b, sequence: 3 },
      ]);
      assert.deepEqual(
        read?.outcomeBatches.map((each) => [each.writer, each.first]),
        [
          [b, 2],
          [b, 3],
        ],
      );
      const [scanned] = await three.ledger.scan({ writer: a, from: 1 });
      assert.deepEqual(
        scanned?.outcomes.map((each) => [each.entry, each.writer, each.sequence]),
        [
          [ledgerId(a, 1), b, 2],
          [ledgerId(a, 1), b, 3],
          [ledgerId(a, 2), a, 4],
        ],
      );
      // A third inherits what the second had inherited.
      await three.writers.claim(about(c));
      await two.writers.release(b);
      assert.deepEqual(await takeOverSoon(three, c), [a, b]);
      assert.deepEqual(await unsettled(three), [ledgerId(a, 3), ledgerId(b, 1)]);
      const from = { unsettled: true, after: ledgerId(a, 3), limit: 9 } as const;
      assert.deepEqual(
        (await three.ledger.find(from)).entries.map(({ writer }) => writer),
        [b],
      );
      assert.deepEqual(
        (await three.writers.heads()).map(({ writer, size, closed }) => [writer, size, closed]),
        [
          [a, 4, true],
          [b, 3, true],
        ],
      );
      assert.equal((await three.writers.heads(a)).length, 1);
    }),
  );

  void test(
    'finds over all chains, newest first',
    together(async (one, two) => {
      await one.writers.claim(about(a));
      await two.writers.claim(about(b));
      const [first, second] = [await chainOn(one.ledger, a), await chainOn(two.ledger, b)];
      await first(intent({ at: 10 }), intent({ at: 30 }));
      await second(intent({ at: 20 }), intent({ at: 30 }));
      const { entries, batches } = await two.ledger.find({ limit: 3 });
      assert.deepEqual(
        entries.map(({ writer, sequence }) => [writer, sequence]),
        [
          [b, 2],
          [a, 2],
          [b, 1],
        ],
      );
      assert.deepEqual(batches.map(({ writer }) => writer).toSorted(), [a, b]);
    }),
  );

  void test(
    'removes from every chain by age, one gateway at a time; a closed chain stays known',
    together(async (one, two, three) => {
      await one.writers.claim(about(a, 1));
      await two.writers.claim(about(b));
      await three.writers.claim(about(c, 1));
      const [first, second] = [await chainOn(one.ledger, a), await chainOn(two.ledger, b)];
      const digests: Buffer[] = [];
      for (let at = 0; at < 20; at += 1) {
        digests.push((await first(intent({ at }))).digest);
        await second(intent({ at: at * 2 }), intent({ at: at * 2 }));
      }
      const closed = new Set<string>();
      while (closed.size < 2) for (const each of await takeOverSoon(two, b)) closed.add(each);
      const limits = { bodiesBefore: 30, ledgerBefore: 20, placesBefore: 0 };
      for (let more = true; more;) {
        const slices = await Promise.all([one, two].map(({ ledger }) => ledger.maintain(limits)));
        more = slices.some((slice) => slice.more);
      }
      assert.deepEqual(await three.ledger.chains(), [
        { writer: a, first: 21, previous: digests[19] },
        { writer: b, first: 21, previous: (await two.ledger.chains(a))[0]?.previous },
      ]);
      const [closedHead, ...others] = await three.writers.heads();
      assert.deepEqual(closedHead, { writer: a, size: 20, digest: digests[19], closed: true });
      assert.deepEqual(
        others.map(({ writer, size }) => [writer, size]),
        [[b, 40]],
      );
      const rest = await two.ledger.scan({ writer: b, from: 1 });
      assert.deepEqual([rest[0]?.first, rest.length], [21, 10]);
      assert.equal(rest.filter(({ bodies }) => bodies !== null).length, 5);
      assert.deepEqual((await unsettled(two)).length, 20);
      // A chain that died without a record leaves nothing behind.
      assert.deepEqual(await three.ledger.head(c), {
        ...(await three.ledger.head(c)),
        next: 1,
        closed: true,
      });
      for (let more = true; more;) {
        ({ more } = await two.ledger.maintain({
          bodiesBefore: 99,
          ledgerBefore: 99,
          placesBefore: 0,
        }));
      }
      if ('missing' in postgres) return;
      for (const table of ['batches', 'bodies', 'entries', 'open_entries', 'lookups']) {
        const [row] = await postgres.query(`SELECT count(*) AS n FROM ${schema(two)}.${table}`);
        assert.equal(row?.['n'], '0', table);
      }
    }),
  );

  void test(
    'an append that was under way when the head was asked either counted or never will',
    together(async (one) => {
      await one.writers.claim(about(a));
      for (let round = 0; round < 40; round += 1) {
        const before = await one.ledger.head(a);
        const batch = await nextBatch(one.ledger, a, [intent()]);
        const append = one.ledger.append(batch, { reserve: false }).then(
          ({ kind }) => kind,
          () => 'rejected',
        );
        const [, head] = await Promise.all([append, one.ledger.head(a)]);
        const written = (await append) === 'committed';
        assert.equal(head.next, written ? batch.first + 1 : before.next);
        assert.deepEqual(head.digest ?? genesis(a), written ? batch.digest : batch.previous);
      }
    }),
  );

  void test(
    'numbers joint notes without gaps, whoever writes them',
    together(async (one, two, three) => {
      const note = (number: number) => ({ number, at: 5, note: `note ${number}` });
      assert.equal(await one.writers.newestJoint(), null);
      assert.equal(await one.writers.addJoint(note(2)), false);
      for (let number = 1; number <= 10; number += 1) {
        const added = await Promise.all(
          [one, two, three].map(({ writers }) => writers.addJoint(note(number))),
        );
        assert.equal(added.filter(Boolean).length, 1);
      }
      assert.deepEqual(await two.writers.newestJoint(), note(10));
      assert.deepEqual(await three.writers.joints(9), [note(9), note(10)]);
    }),
  );
});
