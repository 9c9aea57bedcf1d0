/** What of the safety ports does not depend on an engine. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { marksFit } from '../../src/storage/safety-rows.ts';
import { addToKept, addUp, sumOf } from '../../src/storage/use-rows.ts';
import { newMark, newUse } from '../support/safety-rows.ts';

void suite('rows of safety', () => {
  void test('marks fit up to 50,000 of a tenant and 100,000 of all', () => {
    const of = (tenant: string, count: number) => ({ tenant, count });
    const marks = (...tenants: string[]) => tenants.map((tenant) => newMark('1', { tenant }));
    assert.equal(marksFit(marks('a', 'a'), [of('a', 49_998)]), true);
    assert.equal(marksFit(marks('a', 'a'), [of('a', 49_999)]), false);
    assert.equal(marksFit(marks('b', 'a'), [of('a', 50_000)]), false);
    assert.equal(marksFit(marks('c'), [of('a', 50_000), of('b', 49_999)]), true);
    assert.equal(marksFit(marks('c', 'c'), [of('a', 50_000), of('b', 49_999)]), false);
  });

  void test('uses add up the same in one call as in many', () => {
    const uses = fc.array(
      fc.record({
        day: fc.integer({ min: 1, max: 2 }),
        client: fc.constantFrom('a', 'b'),
        count: fc.integer({ min: 1, max: 5 }),
        attributes: fc.uniqueArray(fc.constantFrom('title', 'active', '__proto__', 'a"b,c')),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(uses, (given) => {
        const all = given.map((each) => newUse(each));
        const once = addToKept(addUp(all), []);
        let kept: typeof once = [];
        for (const use of all) {
          const [row] = addToKept(addUp([use]), kept);
          assert.ok(row !== undefined);
          const others = kept.filter(({ day, client }) => day !== row.day || client !== row.client);
          kept = [...others, row];
        }
        const inOrder = (rows: typeof once) =>
          rows.toSorted((a, b) => a.day - b.day || (a.client < b.client ? -1 : 1));
        assert.deepEqual(inOrder(kept), inOrder(once));
        for (const { attributes, ...row } of once) {
          const summed = sumOf({ ...row, sets: JSON.stringify([attributes]) });
          assert.equal(JSON.stringify(summed.attributes), attributes);
        }
      }),
    );
  });
});
