/** What every engine must do with counted populations. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { enginesUnderTest, withStores } from '../support/engines.ts';

for (const engine of enginesUnderTest) {
  const { name, skip } = engine;

  void suite(`population store on ${name}`, { skip }, () => {
    void test(
      'keeps the newest count of each tenant and word',
      withStores(engine, '0badcafe', async ({ populations }) => {
        assert.deepEqual(await populations.list(), []);
        const users = { tenant: 'slack', word: 'users', count: 500, at: 20 };
        const groups = { tenant: 'slack', word: 'groups', count: 0, at: 5 };
        const other = { tenant: '__proto__', word: 'users', count: 7, at: 1 };
        for (const each of [users, groups, other, { ...users, count: 9, at: 19 }])
          await populations.keep(each);
        assert.deepEqual(await populations.list(), [other, groups, users]);
        const newer = { ...users, count: 501, at: 21 };
        await populations.keep(newer);
        assert.deepEqual(await populations.list(), [other, groups, newer]);
      }),
    );
  });
}
