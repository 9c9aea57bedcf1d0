/** What every engine must do for webhooks: batches, repeats, pages and pruning. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Receiving } from '../../src/deliveries/event-store.ts';
import { deliveryId, type EventId } from '../../src/ids.ts';
import type { Stores } from '../../src/storage/stores.ts';
import {
  bytesOf,
  claim,
  dead,
  delivered,
  deliveryRow,
  eventRow,
  receive,
  receiving,
  settling,
  start,
} from '../support/deliveries.ts';
import { enginesUnderTest, openTogether, postgres, withStores } from '../support/engines.ts';

const writer = '0badcafe';
const stored = { kind: 'stored' } as const;
const none = { now: 0, bodiesBefore: 0, deliveriesBefore: 0 };

/** States of an event's deliveries. */
const statesOf = async ({ outbox }: Stores, event: EventId) =>
  (await outbox.list({ event, limit: 100 })).map(({ state }) => state).toReversed();

for (const engine of enginesUnderTest) {
  const { name, skip } = engine;

  void suite(`event store on ${name}`, { skip }, () => {
    void test(
      'keeps events with their bytes, deliveries and sources',
      withStores(engine, writer, async ({ events }) => {
        const event = eventRow({ items: 2 });
        const deliveries = [
          deliveryRow(1),
          deliveryRow(1, { name: 'plan' }),
          deliveryRow(2, { item: 35, dueAt: start + 1 }),
        ];
        const source = { route: 'hr', lastAt: 10, sequence: 7 };
        const given: Receiving = { event, marks: [], deliveries, cancels: [] };
        assert.deepEqual(await events.receive([given], [source], start), [stored]);
        assert.deepEqual(await events.receive([], [], start), []);
        const { sealed, ...row } = event;
        const ids = deliveries.map((each) => deliveryId({ event: event.id, ...each }));
        assert.deepEqual(await events.load(event.id), { event: row, sealed, deliveries: ids });
        assert.equal(await events.load('evt_0' as EventId), null);
        assert.deepEqual(await events.list({ limit: 10 }), [
          { ...row, kept: true, deliveries: { ready: 1, waiting: 1, scheduled: 1 } },
        ]);
        assert.deepEqual(await events.sources(), [source]);
      }),
    );

    void test(
      'sources only move on',
      withStores(engine, writer, async ({ events }) => {
        const note = (lastAt: number, sequence: number | null, route = 'hr') =>
          events.receive([], [{ route, lastAt, sequence }], start);
        await note(10, null);
        assert.deepEqual(await events.sources(), [{ route: 'hr', lastAt: 10, sequence: null }]);
        await note(9, 4);
        await note(12, 3);
        await note(11, null);
        await note(1, null, 'a');
        await events.receive(
          [],
          [
            { route: 'b', lastAt: 5, sequence: 1 },
            { route: 'b', lastAt: 4, sequence: 2 },
          ],
          start,
        );
        assert.deepEqual(await events.sources(), [
          { route: 'a', lastAt: 1, sequence: null },
          { route: 'b', lastAt: 5, sequence: 2 },
          { route: 'hr', lastAt: 12, sequence: 4 },
        ]);
      }),
    );

    void test(
      'tells repeats by any mark, within a batch too, until the mark ends; a repeat leaves nothing',
      withStores(engine, writer, async (stores) => {
        const { events } = stores;
        const one = receiving(1, { marks: [1] });
        const repeat = receiving(2, { marks: [2, 1] });
        const two = receiving(3, { marks: [2] });
        const three = receiving(4, { marks: [3] });
        const alsoThree = receiving(5, { marks: [3] });
        const batch = [one, repeat, two, three, alsoThree];
        assert.deepEqual(await events.receive(batch, [], start), [
          stored,
          { kind: 'duplicate', of: one.event.id },
          stored,
          stored,
          { kind: 'duplicate', of: three.event.id },
        ]);
        assert.equal(await events.load(repeat.event.id), null);
        assert.equal((await stores.outbox.list({ limit: 9 })).length, 3);
        // Of a stored one, of a repeat that left no mark, and of one that brings a mark besides.
        const later = [
          receiving(1, { marks: [9, 1] }),
          receiving(1, { marks: [2] }),
          receiving(1, { marks: [9] }),
          receiving(1, { marks: [9, 3] }),
        ];
        assert.deepEqual(await events.receive(later, [], start + 59_999), [
          { kind: 'duplicate', of: one.event.id },
          { kind: 'duplicate', of: two.event.id },
          stored,
          { kind: 'duplicate', of: later[2]?.event.id },
        ]);
        const again = receiving(1, { marks: [1] });
        assert.deepEqual(await events.receive([again], [], start + 60_000), [stored]);
        assert.deepEqual(await events.receive([receiving(1)], [], start), [stored]);
      }),
    );

    void test(
      'cancels what waits for its date, of the line, subject and kinds alone',
      withStores(engine, writer, async (stores) => {
        const dated = { dueAt: start + 500, kind: 'leaver' };
        const early = [
          receiving(1, dated),
          receiving(1, { ...dated, kind: 'joiner' }),
          receiving(2, dated),
          receiving(1, { kind: 'leaver' }),
          receiving(1, { ...dated, subject: bytesOf(2) }),
        ];
        await receive(stores, early);
        const ofOne = { line: bytesOf(1), subject: bytesOf(1) };
        const cancels = [{ ...ofOne, kinds: ['leaver', 'other'] }];
        const inBatch = receiving(1, dated);
        const cancelling = { ...receiving(1, dated), cancels };
        await receive(stores, [inBatch, cancelling, receiving(1, dated)], start + 7);
        const ids = early.map(({ event }) => event.id);
        assert.deepEqual(await Promise.all(ids.map((id) => statesOf(stores, id))), [
          ['cancelled'],
          ['scheduled'],
          ['scheduled'],
          ['ready'],
          ['scheduled'],
        ]);
        assert.deepEqual(await statesOf(stores, inBatch.event.id), ['cancelled']);
        assert.deepEqual(await statesOf(stores, cancelling.event.id), ['scheduled']);
        const [cancelled] = await stores.outbox.list({ event: inBatch.event.id, limit: 1 });
        assert.equal(cancelled?.reason, 'newer-event');
        assert.equal(cancelled.dueAt, start + 7);
      }),
    );

    void test(
      'lists newest first, by route and time, page by page',
      withStores(engine, writer, async ({ events }) => {
        const batch = Array.from({ length: 7 }, (_, index) => ({
          event: eventRow({ at: start + index, route: index === 3 ? 'other' : 'hr' }),
          marks: [],
          deliveries: [],
          cancels: [],
        }));
        await events.receive(batch, [], start);
        const ids = batch.map(({ event }) => event.id).toReversed();
        const listed = async (query: Parameters<typeof events.list>[0]) =>
          (await events.list(query)).map(({ id }) => id);
        assert.deepEqual(await listed({ limit: 100 }), ids);
        const page = await listed({ limit: 3 });
        assert.deepEqual(page, ids.slice(0, 3));
        assert.deepEqual(await listed({ limit: 9, before: page[2] as EventId }), ids.slice(3));
        assert.deepEqual(await listed({ limit: 9, route: 'other' }), [ids[3]]);
        assert.deepEqual(
          await listed({ limit: 9, since: start + 2, until: start + 4 }),
          ids.slice(3, 5),
        );
        assert.deepEqual(await listed({ limit: 0 }), []);
      }),
    );

    void test(
      'prunes marks that ended, 500 at once',
      withStores(engine, writer, async ({ events }) => {
        for (let from = 0; from < 600; from += 200) {
          const batch = Array.from({ length: 200 }, (_, index) =>
            receiving(from + index, { marks: [from + index] }),
          );
          await events.receive(batch, [], start);
        }
        assert.equal(await events.prune({ ...none, now: start + 59_999 }), false);
        assert.equal(await events.prune({ ...none, now: start + 60_000 }), true);
        assert.equal(await events.prune({ ...none, now: start + 60_000 }), false);
      }),
    );

    void test(
      'prunes bytes that nothing unfinished needs, then finished deliveries, then bare events',
      withStores(engine, writer, async (stores) => {
        const { events, outbox } = stores;
        const batch = [
          receiving(1),
          receiving(1),
          receiving(2),
          receiving(3, { dueAt: start + 500 }),
          { ...receiving(4), deliveries: [] },
          receiving(5, { at: start + 1_000 }),
        ];
        const ids = await receive(stores, batch);
        const [first, second] = await claim(stores);
        assert.ok(first !== undefined && second !== undefined);
        await outbox.settle([settling(first, delivered), settling(second, dead)], start + 300);
        const kept = async () =>
          (await events.list({ limit: 9 })).toReversed().map((each) => each.kept);
        const prune = (bodiesBefore: number, deliveriesBefore: number) =>
          events.prune({ now: start, bodiesBefore, deliveriesBefore });
        await prune(start, start);
        assert.deepEqual(await kept(), [true, true, true, true, true, true]);
        await prune(start + 900, start + 300);
        // Those whose deliveries wait for their turn or date keep their bytes; bare ones are gone.
        assert.deepEqual(await kept(), [false, true, false, true, true]);
        assert.equal((await events.load(ids[0] as EventId))?.sealed, null);
        assert.notEqual((await events.load(ids[1] as EventId))?.sealed, null);
        await prune(start + 900, start + 301);
        assert.deepEqual(await kept(), [true, true, true]);
        assert.equal(await outbox.show(first.key), null);
        const left = await outbox.list({ limit: 9 });
        assert.deepEqual(
          left.map(({ state }) => state),
          ['ready', 'scheduled', 'ready'],
        );
      }),
    );

    void test(
      'keeps an event whose deliveries are gone for as long as its bytes',
      withStores(engine, writer, async (stores) => {
        const [id] = await receive(stores, [receiving(1)]);
        const [head] = await claim(stores);
        assert.ok(head !== undefined);
        await stores.outbox.settle([settling(head, delivered)], start);
        await stores.events.prune({ ...none, deliveriesBefore: start + 1 });
        const loaded = await stores.events.load(id as EventId);
        assert.deepEqual(loaded?.deliveries, []);
        assert.notEqual(loaded.sealed, null);
        await stores.events.prune({ now: 0, bodiesBefore: start + 1, deliveriesBefore: start + 1 });
        assert.equal(await stores.events.load(id as EventId), null);
      }),
    );
  });
}

void suite(
  'events of several gateways',
  { skip: 'missing' in postgres && postgres.missing },
  () => {
    void test('of one mark brought to two at once exactly one is stored', async () => {
      const { stores, drop } = await openTogether(2);
      try {
        for (let round = 0; round < 20; round += 1) {
          const marks = [round * 3, round * 3 + 1, round * 3 + 2];
          const batches = stores.map((_, index) =>
            (index === 0 ? marks : marks.toReversed()).map((mark) =>
              receiving(mark, { marks: [mark] }),
            ),
          );
          const told = await Promise.all(
            stores.map(({ events }, index) => events.receive(batches[index] ?? [], [], start)),
          );
          const all = told.flat();
          assert.equal(all.filter(({ kind }) => kind === 'stored').length, 3);
          const ids = new Set(batches.flat().map(({ event }) => event.id));
          assert.ok(all.every((each) => each.kind === 'stored' || ids.has(each.of)));
        }
        const listed = await stores[0]?.outbox.list({ limit: 1_000 });
        assert.equal(listed?.length, 60);
        assert.ok(listed.every(({ state }) => state === 'ready'));
      } finally {
        await drop();
      }
    });
  },
);
