/** What an engine that gateways share must do when several receive, claim and settle at once. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Claimed } from '../../src/deliveries/outbox-store.ts';
import type { EventId } from '../../src/ids.ts';
import {
  again,
  bytesOf,
  claim,
  claimOne,
  dead,
  delivered,
  receive,
  receiving,
  settling,
  start,
} from '../support/deliveries.ts';
import { openTogether, postgres, type SharedStores } from '../support/engines.ts';

const skip = 'missing' in postgres && postgres.missing;

void suite('outbox of several gateways on postgres', { skip }, () => {
  void test('no line is in two hands, its order holds, and nothing is left behind', async () => {
    const { stores, drop } = await openTogether(3);
    try {
      const [lines, each] = [5, 12];
      const inHand = new Set<string>();
      /** Which gateway received an event as its how manieth, and the newest that ended of each line. */
      const bornAs = new Map<EventId, Readonly<{ by: number; round: number }>>();
      const newest = new Map<string, number>();
      let ended = 0;
      let sent = 0;
      const feed = async (store: SharedStores, by: number): Promise<void> => {
        for (let round = 0; round < each; round += 1) {
          const batch = Array.from({ length: lines }, (_, line) => receiving(line));
          for (const { event } of batch) bornAs.set(event.id, { by, round });
          await receive(store, round % 2 === 0 ? batch : batch.toReversed());
          sent += lines;
        }
      };
      /** Ends most, retries some, gives up a few; the line is in this hand until it is settled. */
      const nextOf = ({ attempt, token }: Claimed) => {
        if (attempt < 3 && token % 3 === 1) return again(start);
        return token % 7 === 0 ? dead : delivered;
      };
      const work = async (store: SharedStores): Promise<void> => {
        const total = stores.length * lines * each;
        while (ended < total) {
          const claimed = await claim(store, start, { max: 3 });
          for (const { line } of claimed) {
            const name = line.toString('hex');
            assert.ok(!inHand.has(name), 'a line is in two hands');
            inHand.add(name);
          }
          const settlings = claimed.map((one) => settling(one, nextOf(one)));
          for (const [index, { key, line }] of claimed.entries()) {
            const name = line.toString('hex');
            // Let go before the store does: another may have the line before the answer comes back.
            inHand.delete(name);
            if (settlings[index]?.next.state === 'ready') continue;
            const { by, round } = bornAs.get(key.event) ?? { by: -1, round: -1 };
            assert.ok((newest.get(`${name} ${by}`) ?? -1) < round, 'a later one came first');
            newest.set(`${name} ${by}`, round);
          }
          const settled = await store.outbox.settle(settlings, start);
          assert.ok(settled.every(Boolean));
          ended += settlings.filter(({ next }) => next.state !== 'ready').length;
        }
      };
      await Promise.all([...stores.map(feed), ...stores.map(work)]);
      assert.equal(sent, ended);
      const [one] = stores;
      const counts = await one?.outbox.counts();
      assert.ok(counts?.every(({ pending }) => pending === 0));
      assert.equal(newest.size, lines * stores.length);
    } finally {
      await drop();
    }
  });

  void test('heads that end while others join leave no line without a head', async () => {
    const { stores, drop } = await openTogether(2);
    try {
      const [one, two] = stores as [SharedStores, SharedStores];
      for (let round = 0; round < 15; round += 1) {
        await receive(one, [receiving(round)]);
        const head = await claimOne(one);
        await Promise.all([
          one.outbox.settle([settling(head, delivered)], start),
          receive(two, [receiving(round), receiving(round)]),
          receive(one, [receiving(round)]),
        ]);
        for (let left = 3; left > 0; left -= 1)
          await two.outbox.settle([settling(await claimOne(two), delivered)], start);
      }
    } finally {
      await drop();
    }
  });

  void test('a date that has come is joined once; acts and claims exclude each other', async () => {
    const { stores, drop } = await openTogether(2);
    try {
      const [one, two] = stores as [SharedStores, SharedStores];
      const batch = Array.from({ length: 40 }, (_, at) => receiving(at % 8, { dueAt: start + 5 }));
      await receive(one, batch);
      const both = await Promise.all([claim(one, start + 5), claim(two, start + 5)]);
      const heads = both.flat();
      assert.equal(heads.length, 8);
      assert.equal(new Set(heads.map(({ line }) => line.toString('hex'))).size, 8);
      await one.outbox.settle(
        heads.map((each) => settling(each, again(start + 5, false), null)),
        start + 5,
      );
      const doing = heads.map(({ key }) => ({ key, dueAt: start + 5 }));
      const [acted, claimed] = await Promise.all([
        one.outbox.act('discard', doing, start + 5),
        claim(two, start + 5),
      ]);
      const settled = await two.outbox.settle(
        claimed.map((each) => settling(each, delivered)),
        start + 5,
      );
      // Whoever came first had it: discarded ones let their next follow, which may be claimed, too.
      assert.ok(settled.every(Boolean));
      const rows = await one.outbox.list({ limit: 1_000 });
      const count = (state: string) => rows.filter((row) => row.state === state).length;
      assert.equal(count('discarded'), acted.length);
      assert.equal(count('delivered'), claimed.length);
      assert.equal(count('ready'), 8);
    } finally {
      await drop();
    }
  });

  void test('what becomes due is heard by the others', async () => {
    const { stores, drop } = await openTogether(2);
    try {
      const [one, two] = stores as [SharedStores, SharedStores];
      const heard = () =>
        new Promise<void>((resolve) => {
          const end = two.feed.on('deliveries', () => {
            end();
            resolve();
          });
        });
      let told = heard();
      await receive(one, [receiving(1), receiving(1)]);
      await told;
      const head = await claimOne(one);
      told = heard();
      await one.outbox.settle([settling(head, delivered)], start);
      await told;
      const next = await claimOne(one);
      await one.outbox.settle([settling(next, dead)], start);
      told = heard();
      await one.outbox.act('retry', [{ key: next.key, dueAt: start }], start);
      await told;
      assert.deepEqual((await claimOne(two)).line, bytesOf(1));
    } finally {
      await drop();
    }
  });
});
