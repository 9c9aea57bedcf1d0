/** What every engine must do with what was used of grants. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { enginesUnderTest, withStores } from '../support/engines.ts';
import { newUse } from '../support/safety-rows.ts';

const writer = '0badcafe';

for (const engine of enginesUnderTest) {
  const { name, skip } = engine;

  void suite(`use store on ${name}`, { skip }, () => {
    void test(
      'adds counts and attributes of the same day and rule, also within one call',
      withStores(engine, writer, async ({ uses }) => {
        await uses.add([]);
        assert.equal(await uses.first(), null);
        await uses.add([
          newUse({ count: 2, attributes: ['title', 'active'] }),
          newUse({ attributes: ['__proto__'] }),
          newUse({ verdict: 'denied' }),
        ]);
        await uses.add([newUse({ count: 4, attributes: ['name.familyName', 'active'] })]);
        assert.deepEqual(await uses.sum({ from: 19_000, to: 19_000 }), [
          newUse({ count: 7, attributes: ['__proto__', 'active', 'name.familyName', 'title'] }),
          newUse({ verdict: 'denied' }),
        ]);
      }),
    );

    void test(
      'adds days up; the newest day and all attributes stay',
      withStores(engine, writer, async ({ uses }) => {
        const attributes = (day: number) => (day % 2 === 0 ? ['active'] : ['emails', 'title']);
        await uses.add(
          [1, 2, 3, 4, 5].map((day) => newUse({ day, count: day, attributes: attributes(day) })),
        );
        await uses.add([newUse({ day: 2, client: 'okta', rule: 'a, "b"' })]);
        assert.deepEqual(await uses.sum({ from: 2, to: 4 }), [
          newUse({ day: 4, count: 9, attributes: ['active', 'emails', 'title'] }),
          newUse({ day: 2, client: 'okta', rule: 'a, "b"' }),
        ]);
        assert.deepEqual(await uses.sum({ from: 6, to: 9 }), []);
        assert.equal(await uses.first(), 1);
        assert.deepEqual(await uses.prune(3), { removed: 3, more: false });
        assert.equal(await uses.first(), 3);
        assert.deepEqual(
          (await uses.sum({ from: 0, to: 9 })).map(({ count }) => count),
          [12],
        );
      }),
    );

    void test(
      'keeps 200 attributes, and takes 1,000 a call',
      withStores(engine, writer, async ({ uses }) => {
        const names = (from: number) =>
          Array.from({ length: 150 }, (_, at) => `a${String(from + at).padStart(3, '0')}`);
        await uses.add([newUse({ attributes: names(100) })]);
        await uses.add([newUse({ attributes: names(0) })]);
        const [sum] = await uses.sum({ from: 0, to: 99_999 });
        assert.equal(sum?.attributes.length, 200);
        assert.deepEqual(sum.attributes, [...names(0), ...names(150).slice(0, 50)]);
        const lot = Array.from({ length: 1_001 }, (_, at) => newUse({ rule: `rule ${at}` }));
        await assert.rejects(uses.add(lot), { code: 'ledger_unavailable' });
        await uses.add(lot.slice(1));
        assert.equal((await uses.sum({ from: 0, to: 99_999 })).length, 1_001);
      }),
    );
  });
}
