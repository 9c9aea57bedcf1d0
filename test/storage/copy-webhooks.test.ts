/** Webhooks and their deliveries move from SQLite to PostgreSQL as they stand, and go on there. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Stores } from '../../src/storage/stores.ts';
import { copyTables } from '../../src/storage/copied-tables.ts';
import {
  again,
  attempt,
  claim,
  dead,
  delivered,
  receive,
  receiving,
  settling,
  start,
} from '../support/deliveries.ts';
import { enginesUnderTest, postgres } from '../support/engines.ts';

const [sqlite, shared] = enginesUnderTest;

const everything = async ({ events, outbox }: Stores) => {
  const deliveries = await outbox.list({ limit: 1_000 });
  const listed = await events.list({ limit: 1_000 });
  return {
    listed,
    deliveries,
    loaded: await Promise.all(listed.map(({ id }) => events.load(id))),
    shown: await Promise.all(deliveries.map(({ key }) => outbox.show(key))),
    counts: await outbox.counts(),
    sources: await events.sources(),
  };
};

void suite('copying webhooks', { skip: 'missing' in postgres && postgres.missing }, () => {
  void test('keeps all of it, twice as once; order, repeats and gaps hold on', async () => {
    assert.ok(sqlite !== undefined && shared !== undefined);
    const from = await sqlite.open('0badcafe');
    const to = await shared.open('0badcafe');
    try {
      const batch = [1, 1, 1, 2, 3].map((line, at) => receiving(line, { marks: [at] }));
      const ids = await receive(from, [...batch, receiving(4, { dueAt: start + 50 })]);
      await receive(
        from,
        Array.from({ length: 210 }, (_, at) => receiving(100 + at)),
      );
      await from.events.receive([], [{ route: 'hr', lastAt: 7, sequence: 4 }], start);
      const [one, two, three] = await claim(from, start, { max: 3 });
      assert.ok(one !== undefined && two !== undefined && three !== undefined);
      const nexts = [
        settling(one, dead),
        settling(two, delivered, attempt({ ledgerIds: ['led_1'] })),
      ];
      await from.outbox.settle([...nexts, settling(three, again(start))], start);
      const [held] = await claim(from, start, { max: 1 });
      assert.equal((await copyTables(from.copying, to.copying))?.get('events'), 216);
      assert.equal((await copyTables(from.copying, to.copying))?.get('events'), 216);
      assert.deepEqual(await everything(to), await everything(from));
      assert.deepEqual(await to.events.receive([receiving(1, { marks: [1] })], [], start), [
        { kind: 'duplicate', of: ids[1] },
      ]);
      const [late] = await receive(to, [receiving(1)]);
      const lineOne = batch[0]?.deliveries[0]?.line;
      const order = [];
      let now = held?.leaseUntil ?? start;
      for (let left = 3; left > 0; left -= 1, now += 1) {
        const claimed = await claim(to, now);
        const mine = claimed.find(({ line }) => lineOne?.equals(line));
        assert.ok(mine !== undefined);
        order.push(mine.key.event);
        assert.equal(mine.gapAfter !== null, left === 3);
        await to.outbox.settle([settling(mine, delivered)], now);
      }
      assert.deepEqual(order, [ids[1], ids[2], late]);
    } finally {
      await from.close();
      await to.close();
    }
  });
});
