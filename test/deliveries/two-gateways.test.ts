import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openTogether, postgres } from '../support/engines.ts';
import {
  makeForward,
  makeSnapshot,
  makeTarget,
  openSceneOn,
  startReceiver,
  type Got,
} from './outbox-fixture.ts';

const bodyOf = ({ body }: Got) => JSON.parse(body.toString()) as { subject: string; n: number };

describe('two gateways on one store', { skip: 'missing' in postgres && postgres.missing }, () => {
  it('share the work, keep each line in order and send nothing twice', async (t) => {
    const together = await openTogether(2);
    const receiver = await startReceiver(t);
    const snapshot = makeSnapshot(
      [makeForward({ concurrent: 4 })],
      [makeTarget('n8n', receiver.url)],
    );
    const [one, two] = await Promise.all(
      together.stores.map((stores) => openSceneOn(t, snapshot, stores, { feed: stores.feed })),
    );
    t.after(together.drop);
    assert.ok(one !== undefined && two !== undefined);
    for (let n = 1; n <= 5; n += 1) {
      for (const subject of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
        // Only one of them takes webhooks in; the other hears of it by the feed.
        await one.receive(JSON.stringify({ subject, n }), { subject });
      }
    }
    await one.until(async () => (await one.states())['delivered'] === 40, 20);
    assert.equal(receiver.got.length, 40);
    for (const subject of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      const order = receiver.got.map(bodyOf).filter((body) => body.subject === subject);
      assert.deepEqual(
        order.map(({ n }) => n),
        [1, 2, 3, 4, 5],
      );
    }
    assert.equal(one.told.length + two.told.length, 40);
    assert.ok(two.told.length > 0, 'the other one heard of it');
  });
});
