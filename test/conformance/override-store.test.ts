/** What every engine must do with break-glass overrides. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { newOverrideId, systemRandom } from '../../src/ids.ts';
import { enginesUnderTest, withStores } from '../support/engines.ts';
import { newOverride, start } from '../support/safety-rows.ts';

const writer = '0badcafe';
const dayMs = 86_400_000;

for (const engine of enginesUnderTest) {
  const { name, skip } = engine;

  void suite(`override store on ${name}`, { skip }, () => {
    void test(
      'is approved once, while it is neither ended nor over',
      withStores(engine, writer, async ({ overrides }) => {
        const [one, two, three] = [
          newOverride({ subject: '2819c223' }),
          newOverride({ at: start + 1 }),
          newOverride({ at: start + 2, until: start + 10 }),
        ];
        for (const each of [one, two, three]) assert.equal(await overrides.add(each, start), true);
        assert.deepEqual(await overrides.list(start), [three, two, one]);
        assert.equal(await overrides.approve(one.id, 'bob', start + 5), true);
        assert.equal(await overrides.approve(one.id, 'eve', start + 6), false);
        assert.equal(await overrides.end(two.id, start + 7), true);
        assert.equal(await overrides.end(two.id, start + 8), false);
        assert.equal(await overrides.approve(two.id, 'bob', start + 8), false);
        assert.equal(await overrides.approve(three.id, 'bob', start + 10), false);
        const none = newOverrideId(start, systemRandom);
        assert.equal(await overrides.approve(none, 'bob', start), false);
        assert.equal(await overrides.end(none, start), false);
        assert.deepEqual(await overrides.list(start + 11), [
          three,
          { ...two, endedAt: start + 7 },
          { ...one, approvedBy: 'bob', approvedAt: start + 5 },
        ]);
        assert.equal(await overrides.end(one.id, start + 12), true);
      }),
    );

    void test(
      'lists what ended for 30 days, and forgets it then',
      withStores(engine, writer, async ({ overrides }) => {
        const [over, ended] = [newOverride({ until: start + 10 }), newOverride({ at: start + 1 })];
        await overrides.add(over, start);
        await overrides.add(ended, start);
        await overrides.end(ended.id, start + 20);
        const listed = async (now: number) => (await overrides.list(now)).map(({ id }) => id);
        assert.deepEqual(await listed(start + 30 * dayMs + 9), [ended.id, over.id]);
        assert.deepEqual(await listed(start + 30 * dayMs + 10), [ended.id]);
        assert.deepEqual(await listed(start + 30 * dayMs + 20), []);
        const now = start + 31 * dayMs;
        const late = newOverride({ at: now });
        await overrides.add(late, now);
        assert.deepEqual(await listed(start), [late.id]);
      }),
    );

    void test(
      'no more than 100 are open',
      withStores(engine, writer, async ({ overrides }) => {
        const first = newOverride();
        await overrides.add(first, start);
        for (let open = 1; open < 100; open += 1)
          assert.equal(await overrides.add(newOverride({ until: start + dayMs }), start), true);
        assert.equal(await overrides.add(newOverride(), start), false);
        // The first is over by then.
        assert.equal(await overrides.add(newOverride(), first.until), true);
      }),
    );
  });
}
