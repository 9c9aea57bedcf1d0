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
    const held: (() => void)[] = [];
    let shared = false;
    const receiver = await startReceiver(t, (_got, response) => {
      const answer = (): void => void response.writeHead(204).end();
      if (shared) return answer();
      held.push(answer);
      // Twice what one of them may have under way: the other one has heard of it.
      if (held.length < 8) return undefined;
      shared = true;
      for (const each of held.splice(0)) each();
      return undefined;
    });
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
    await one.until(() => shared);
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
    assert.ok(two.told.length >= 4, 'the other one heard of it');
  });

  it('take over what a dead one had in hand, in order, under the same ids', async (t) => {
    const together = await openTogether(2);
    const receiver = await startReceiver(t, (got, response, ordinal) => {
      // The first to come holds it, and is never heard of again.
      if (ordinal > 1) response.writeHead(204).end();
    });
    const snapshot = makeSnapshot([makeForward()], [makeTarget('n8n', receiver.url)]);
    const [dying, living] = together.stores;
    assert.ok(dying !== undefined && living !== undefined);
    const about = { name: 'test', version: 'v1' };
    await dying.writers.claim({ ...about, candidate: 'aaaaaaaa', leaseMs: 300 });
    await living.writers.claim({ ...about, candidate: 'bbbbbbbb', leaseMs: 60_000 });
    const one = await openSceneOn(t, snapshot, dying);
    for (const n of [1, 2, 3]) await one.receive(JSON.stringify({ subject: 'a', n }));
    await one.until(() => receiver.got.length === 1);
    const two = await openSceneOn(t, snapshot, living, { feed: living.feed });
    t.after(together.drop);
    await two.settled();
    assert.equal(receiver.got.length, 1, 'the claim is in force');
    await new Promise((resolve) => void setTimeout(resolve, 400));
    assert.deepEqual(await living.writers.takeOver('bbbbbbbb'), ['aaaaaaaa']);
    await two.until(async () => (await two.states())['delivered'] === 3);
    assert.deepEqual(
      receiver.got.map((got) => bodyOf(got).n),
      [1, 1, 2, 3],
    );
    const [first, again] = receiver.got.map(({ headers }) => headers['webhook-id']);
    assert.equal(first, again);
    assert.equal(two.told.length, 3);
  });
});
