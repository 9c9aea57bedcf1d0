/** What an engine that gateways share must do when several hold, decide, mark, look and count at once. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FeedTopic } from '../../src/store-feed.ts';
import { openTogether, postgres, type SharedStores } from '../support/engines.ts';
import { newCheck, newHold, newMark, newOverride, newUse, start } from '../support/safety-rows.ts';

const skip = 'missing' in postgres && postgres.missing;
const options = { pendingMax: 25, rememberMs: 1_000, now: start };

const together =
  (run: (one: SharedStores, two: SharedStores, schema: string) => Promise<void>) =>
  async (): Promise<void> => {
    const { at, stores, drop } = await openTogether(2);
    const [one, two] = stores;
    assert.ok(one !== undefined && two !== undefined);
    try {
      await run(one, two, at.schema);
    } finally {
      await drop();
    }
  };

/** So many times on both in turn, all at once. */
const atOnce = <Result>(
  count: number,
  stores: readonly [SharedStores, SharedStores],
  run: (store: SharedStores, at: number) => Promise<Result>,
): Promise<readonly Result[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => run(stores[at % 2] ?? stores[0], at)));

const nextNews = (store: SharedStores, topic: FeedTopic): Promise<string | null> =>
  new Promise((resolve) => {
    const end = store.feed.on(topic, (detail) => {
      end();
      resolve(detail);
    });
  });

void suite('safety of several gateways on postgres', { skip }, () => {
  void test(
    'one mutation brought by many at once is one hold',
    together(async (one, two) => {
      const puts = await atOnce(20, [one, two], ({ holds }) => holds.put(newHold('ada'), options));
      const kinds = puts.map(({ kind }) => kind).toSorted();
      assert.deepEqual(kinds, ['held', ...Array.from({ length: 19 }, () => 'joined')]);
      const [row, ...others] = await one.holds.list({ limit: 10 });
      assert.deepEqual([row?.calls, row?.version, others.length], [20, 1, 0]);
    }),
  );

  void test(
    'other bodies of one subject follow each other: one waits, the rest were replaced',
    together(async (one, two) => {
      const puts = await atOnce(12, [one, two], ({ holds }, at) =>
        holds.put(newHold('ada', { body: `${at}` }), options),
      );
      const kinds = puts.map(({ kind }) => kind).toSorted();
      assert.deepEqual(kinds, ['held', ...Array.from({ length: 11 }, () => 'replaced')]);
      assert.equal((await two.holds.list({ states: ['pending'], limit: 20 })).length, 1);
      assert.equal((await two.holds.list({ states: ['replaced'], limit: 20 })).length, 11);
      // Each former one was replaced once.
      const formers = puts.flatMap((put) => (put.kind === 'replaced' ? [put.former] : []));
      assert.equal(new Set(formers).size, 11);
    }),
  );

  void test(
    'a client has exactly as many waiting as it may',
    together(async (one, two) => {
      const puts = await atOnce(60, [one, two], ({ holds }, at) =>
        holds.put(newHold(`${at}`), options),
      );
      assert.equal(puts.filter(({ kind }) => kind === 'held').length, 25);
      assert.equal(puts.filter(({ kind }) => kind === 'full').length, 35);
      assert.deepEqual(await one.holds.counts(), [
        { client: 'entra', pending: 25, oldestAt: start },
      ]);
    }),
  );

  void test(
    'of changes at one version one wins; an end comes once',
    together(async (one, two) => {
      const hold = newHold('ada', { expiresAt: start + 5 });
      await one.holds.put(hold, options);
      const changes = await atOnce(10, [one, two], ({ holds }, at) =>
        holds.change(hold.id, 1, { state: at % 2 === 0 ? 'approved' : 'pending', now: start + at }),
      );
      assert.equal(changes.filter((row) => row !== null).length, 1);
      assert.equal((await two.holds.read(hold.id))?.version, 2);
      const ended = await atOnce(6, [one, two], ({ holds }) => holds.expire(start + 6));
      assert.equal(ended.flat().length, 1);
    }),
  );

  void test(
    'what was released is remembered until another body was released',
    together(async (one, two, schema) => {
      if ('missing' in postgres) return;
      const { query } = postgres;
      const release = async (body: string, at: number): Promise<void> => {
        const hold = newHold('ada', { body });
        assert.equal((await one.holds.put(hold, options)).kind, 'held');
        // As the ledger does in the transaction that writes the intent.
        await query(
          `UPDATE ${schema}.holds SET state = 'released', version = version + 1, changed_at = $2,
            entry = 'led_0badcafe000001' WHERE id = $1`,
          [hold.id, at],
        );
      };
      const put = () => two.holds.put(newHold('ada'), options);
      await release('body', start + 1);
      const joined = await put();
      assert.ok(joined.kind === 'joined');
      assert.deepEqual(
        [joined.row.state, joined.row.entry, joined.row.calls],
        ['released', 'led_0badcafe000001', 1],
      );
      await release('other', start + 2);
      assert.equal((await put()).kind, 'held');
    }),
  );

  void test(
    'checks are in one hand, and their rows are counted together',
    together(async (one, two) => {
      const rows = Array.from({ length: 60 }, (_, at) => newCheck(`${at}`, { dueAt: start }));
      const dropped = await atOnce(6, [one, two], ({ checks }, at) =>
        checks.put(rows.slice(at * 10, at * 10 + 10), { rowsMax: 45 }),
      );
      assert.equal(
        dropped.reduce((sum, each) => sum + each.dropped, 0),
        15,
      );
      const claims = await atOnce(10, [one, two], ({ checks }) =>
        checks.claim(start, { leaseMs: 60_000, limit: 7 }),
      );
      const names = claims.flat().map(({ key }) => key.toString('hex'));
      assert.equal(new Set(names).size, names.length);
      const rest = await one.checks.claim(start, { leaseMs: 60_000, limit: 100 });
      assert.equal(names.length + rest.length, 45);
      const [first] = claims.flat();
      assert.ok(first !== undefined);
      const to = { state: 'ended', round: 1, dueAt: start, driftedAt: null, paths: '' } as const;
      const changed = await atOnce(6, [one, two], ({ checks }) =>
        checks.change(first.key, first.version, to),
      );
      assert.equal(changed.filter(Boolean).length, 1);
    }),
  );

  void test(
    'marks, overrides and uses of both add up, none twice',
    together(async (one, two) => {
      const marks = Array.from({ length: 50 }, (_, at) => newMark(`${at}`));
      const added = await atOnce(6, [one, two], ({ protectionMarks }, at) =>
        protectionMarks.add(at % 2 === 0 ? marks : marks.toReversed(), null),
      );
      assert.ok(added.every(Boolean));
      assert.equal((await one.protectionMarks.list()).marks.length, 50);
      const opened = await atOnce(110, [one, two], ({ overrides }) =>
        overrides.add(newOverride(), start),
      );
      assert.equal(opened.filter(Boolean).length, 100);
      const [override] = await two.overrides.list(start);
      assert.ok(override !== undefined);
      const approved = await atOnce(6, [one, two], ({ overrides }, at) =>
        overrides.approve(override.id, `person ${at}`, start),
      );
      assert.equal(approved.filter(Boolean).length, 1);
      await atOnce(10, [one, two], ({ uses }, at) =>
        uses.add([newUse({ attributes: [`a${at}`] }), newUse({ client: `c${at % 3}` })]),
      );
      const [sum, ...others] = (await one.uses.sum({ from: 0, to: 99_999 })).toReversed();
      assert.deepEqual([sum?.count, sum?.attributes.length, others.length], [10, 10, 3]);
    }),
  );

  void test(
    'both hear of what changed, and of nothing where nothing did',
    together(async (one, two) => {
      const hold = newHold('ada');
      const check = newCheck('ada', { dueAt: start });
      const override = newOverride();
      const later = {
        state: 'watching',
        round: 1,
        dueAt: start,
        driftedAt: null,
        paths: '',
      } as const;
      const changes: readonly (readonly [FeedTopic, () => Promise<unknown>])[] = [
        ['holds', () => one.holds.put(hold, options)],
        ['holds', () => one.holds.put(newHold('ada', { body: 'other' }), options)],
        ['holds', () => one.holds.expire(start + 86_400_000)],
        ['protection', () => one.protectionMarks.add([newMark('1')], null)],
        ['protection', () => one.protectionMarks.forget(newMark('1'))],
        ['protection', () => one.overrides.add(override, start)],
        ['protection', () => one.overrides.approve(override.id, 'bob', start)],
        ['protection', () => one.overrides.end(override.id, start)],
        ['checks', () => one.checks.put([check], { rowsMax: 9 })],
        ['checks', () => one.checks.change(check.key, 1, { ...later, state: 'drifted' })],
        ['checks', () => one.checks.change(check.key, 2, later)],
      ];
      for (const [topic, change] of changes) {
        const told = [nextNews(one, topic), nextNews(two, topic)];
        await change();
        assert.deepEqual(await Promise.all(told), [null, null]);
      }
      const heard: FeedTopic[] = [];
      for (const topic of ['holds', 'protection', 'checks'] as const)
        two.feed.on(topic, () => heard.push(topic));
      const anew = newHold('ada');
      await one.holds.put(anew, options);
      const joined = await one.holds.put(newHold('ada'), options);
      assert.equal(joined.kind, 'joined');
      await one.holds.change(anew.id, 99, { state: 'rejected', now: start });
      await one.checks.claim(start, { leaseMs: 1, limit: 9 });
      assert.equal(await one.checks.change(check.key, 4, { ...later, round: 2 }), true);
      await one.overrides.end(override.id, start);
      await one.protectionMarks.add([], null);
      // Something of another topic that is told after all of it.
      const last = nextNews(two, 'freezes');
      await one.freezes.freeze('tenant', 'slack', 'why', 'alice', 1);
      await last;
      assert.deepEqual(heard, ['holds']);
    }),
  );
});
