/** The intake: group commit on a store in memory that can be held, and the whole of it on SQLite. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { EventStore } from '../../src/deliveries/event-store.ts';
import type { Arrived } from '../../src/deliveries/intake.ts';
import { openEvent } from '../../src/deliveries/kept-event.ts';
import { makeIntake, type IntakeDeps } from '../../src/deliveries/make-intake.ts';
import { GatewayError } from '../../src/errors.ts';
import { systemRandom, type SpanId, type TraceId } from '../../src/ids.ts';
import type { Verified } from '../../src/signatures/receiver.ts';
import type { WebhookRoute } from '../../src/snapshot.ts';
import { openSqlite, type SqliteStores } from '../../src/storage/sqlite/open.ts';
import { manualClock } from '../ledger/manual-clock.ts';
import { memoryEvents } from '../support/event-store.ts';
import { testKeyRing } from '../support/webhook-scene.ts';
import { forward, testReader, webhookRoute, webhookSnapshot } from '../support/webhooks.ts';

type Message = Readonly<{
  id?: string;
  body?: string | Buffer;
  sequence?: number;
  route?: WebhookRoute;
}>;

const clock = manualClock();

const arrived = ({ id = 'a', body = '{}', sequence, route }: Message = {}): Arrived => {
  const taken = route ?? webhookRoute();
  const verified: Verified = {
    kind: 'verified',
    keyId: 'secrets[0]',
    id: { value: id, signed: true },
    sentAt: null,
    signature: Buffer.from(id),
    sequence: sequence ?? null,
    retry: 0,
  };
  return {
    snapshot: webhookSnapshot(taken),
    route: taken,
    received: {
      method: 'POST',
      url: 'https://gw.example.com/hooks/hr',
      path: '/hooks/hr',
      query: '',
      headers: {},
      body: Buffer.from(body),
    },
    verified,
    at: clock.now(),
    traceId: '018bcfe568004bf92f3577b34da6a3ce' as TraceId,
    spanId: 'b7ad6b7169203331' as SpanId,
  };
};

const usual = {
  batchEventsMax: 256,
  batchBytesMax: 1e7,
  waitingEventsMax: 8_192,
  waitingBytesMax: 1e8,
};

const makeScene = (more: Partial<IntakeDeps> = {}) => {
  const memory = memoryEvents();
  const told = { woken: 0, notes: [] as string[], noticed: [] as string[] };
  const intake = makeIntake({
    store: memory,
    keyRing: testKeyRing,
    clock,
    random: systemRandom,
    observer: { note: (_level, event) => void told.notes.push(event) },
    wake: () => {
      told.woken += 1;
    },
    noticed: (_arrived, kind) => void told.noticed.push(kind),
    ...more,
  });
  return { memory, intake, told };
};

const isUnavailable = (error: unknown): boolean =>
  error instanceof GatewayError && error.code === 'ledger_unavailable';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('group commit', () => {
  it('takes together what comes while a commit runs, in order', async () => {
    const { memory, intake, told } = makeScene();
    const open = memory.hold();
    const first = intake.take(arrived({ id: 'first' }));
    await turn();
    const others = Array.from({ length: 300 }, (_, one) => intake.take(arrived({ id: `o${one}` })));
    await turn();
    assert.deepEqual(memory.batches, [1]);
    open();
    const taken = await Promise.all([first, ...others]);
    assert.deepEqual(memory.batches, [1, 256, 44]);
    assert.deepEqual(
      taken.map(({ id }) => id),
      memory.kept.map(({ event }) => event.id),
    );
    assert.equal(told.woken, 3);
    assert.equal(told.noticed.length, 301);
    assert.deepEqual(intake.held(), { events: 0, bytes: 0 });
  });

  it('ends a batch at its bytes, but always takes one', async () => {
    const limits = { ...usual, batchBytesMax: 1_500 };
    const { memory, intake } = makeScene({ limits });
    const bodies = ['x'.repeat(9_000), ...Array.from({ length: 4 }, () => '{}')];
    await Promise.all(bodies.map((body, one) => intake.take(arrived({ id: `b${one}`, body }))));
    assert.equal(memory.batches[0], 1);
    assert.equal(memory.kept.length, 5);
    assert.ok(memory.batches.length >= 3);
  });

  it('names the first event to its repeats, also within one batch', async () => {
    const { memory, intake, told } = makeScene();
    const [one, two, three] = await Promise.all([
      intake.take(arrived()),
      intake.take(arrived()),
      intake.take(arrived({ id: 'b' })),
    ]);
    assert.deepEqual(memory.batches, [3]);
    assert.deepEqual(two, { kind: 'duplicate', id: one?.id });
    assert.equal(three?.kind, 'stored');
    assert.deepEqual(told.noticed, ['stored', 'duplicate', 'stored']);
  });

  it('that fails keeps nothing, tells everyone of it, and the next goes through', async () => {
    const { memory, intake, told } = makeScene();
    // The batch, and each of it alone.
    memory.fail(3);
    const both = await Promise.allSettled([
      intake.take(arrived()),
      intake.take(arrived({ id: 'b' })),
    ]);
    for (const one of both) assert.ok(one.status === 'rejected' && isUnavailable(one.reason));
    assert.equal(memory.marks(), 0);
    assert.equal(told.woken, 0);
    assert.deepEqual(intake.held(), { events: 0, bytes: 0 });
    assert.equal((await intake.take(arrived())).kind, 'stored');
  });

  it('that fails for one message keeps the others: nobody can hold up a batch for ever', async () => {
    const { memory } = makeScene();
    const receive: EventStore['receive'] = (batch, sources, now) =>
      batch.some(({ event }) => event.sender === 'poison')
        ? Promise.reject(new GatewayError('ledger_unavailable'))
        : memory.receive(batch, sources, now);
    const { intake, told } = makeScene({ store: { receive } });
    const route = webhookRoute();
    const poison = { ...route, receiver: { ...route.receiver, sender: 'poison' } } as WebhookRoute;
    const messages = ['a', 'b', 'c', 'd'].map((id) =>
      intake.take(arrived(id === 'b' ? { id, route: poison } : { id })),
    );
    const ends = await Promise.allSettled(messages);
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    );
    assert.equal(memory.kept.length, 3);
    assert.deepEqual(
      told.notes.filter((note) => note === 'webhook.unstored'),
      ['webhook.unstored'],
    );
    assert.deepEqual(intake.held(), { events: 0, bytes: 0 });
  });

  it('that fails for the store is gone is not tried for each of hundreds', async () => {
    const { memory, intake, told } = makeScene();
    memory.fail(Infinity);
    const ends = await Promise.allSettled(
      Array.from({ length: 200 }, (_, one) => intake.take(arrived({ id: `o${one}` }))),
    );
    assert.ok(ends.every(({ status }) => status === 'rejected'));
    assert.deepEqual(memory.batches, [200, 1, 1, 1]);
    assert.equal(told.notes.length, 4);
    assert.deepEqual(intake.held(), { events: 0, bytes: 0 });
  });

  it('whose commit held although it seemed to fail is stored, not a repeat of itself', async () => {
    const { memory } = makeScene();
    let first = true;
    const receive: EventStore['receive'] = async (batch, sources, now) => {
      const kept = await memory.receive(batch, sources, now);
      if (!first) return kept;
      first = false;
      throw new GatewayError('ledger_unavailable');
    };
    const { intake } = makeScene({ store: { receive } });
    const both = await Promise.all([intake.take(arrived()), intake.take(arrived({ id: 'b' }))]);
    assert.deepEqual(
      both.map(({ kind }) => kind),
      ['stored', 'stored'],
    );
  });

  it('says no at once where too much waits, by number and by bytes', async () => {
    for (const limits of [
      { ...usual, waitingEventsMax: 2 },
      { ...usual, waitingBytesMax: 3_000 },
    ]) {
      const { memory, intake } = makeScene({ limits });
      const open = memory.hold();
      const body = 'x'.repeat(700);
      const taken = [intake.take(arrived({ body })), intake.take(arrived({ id: 'b', body }))];
      await assert.rejects(intake.take(arrived({ id: 'c', body })), isUnavailable);
      open();
      await Promise.all(taken);
      assert.equal((await intake.take(arrived({ id: 'c', body }))).kind, 'stored');
    }
  });

  it('is emptied before it closes, and takes nothing more', async () => {
    const { memory, intake } = makeScene();
    const open = memory.hold();
    const taking = intake.take(arrived());
    let closed = false;
    const closing = intake.close().then(() => {
      closed = true;
    });
    await turn();
    await turn();
    assert.equal(closed, false);
    await assert.rejects(intake.take(arrived({ id: 'b' })), GatewayError);
    open();
    assert.equal((await taking).kind, 'stored');
    await closing;
    await makeScene().intake.close();
  });

  it('does not fail for an outbox or a watch that does', async () => {
    const { intake, told } = makeScene({
      wake: () => {
        throw new Error('asleep');
      },
    });
    assert.equal((await intake.take(arrived())).kind, 'stored');
    await turn();
    assert.deepEqual(told.notes, ['webhook.untold']);
  });
});

describe('what is kept', () => {
  it('is counted, and the newest number of each route told with it', async () => {
    const states: unknown[] = [];
    const store: Pick<EventStore, 'receive'> = {
      receive: (batch, sources) => {
        states.push(...sources);
        return Promise.resolve(batch.map(() => ({ kind: 'stored' as const })));
      },
    };
    const { intake } = makeScene({ store });
    const other = webhookRoute({ name: 'it' });
    await Promise.all([
      intake.take(arrived({ id: 'a', sequence: 4 })),
      intake.take(arrived({ id: 'b', sequence: 9 })),
      intake.take(arrived({ id: 'c', sequence: 7 })),
      intake.take(arrived({ id: 'd', route: other })),
    ]);
    assert.deepEqual(states, [
      { route: 'hr', lastAt: clock.now(), sequence: 9 },
      { route: 'it', lastAt: clock.now(), sequence: null },
    ]);
  });

  it('is kept also where it cannot be read: other bytes than UTF-8, no JSON, a reader that throws', async () => {
    const throwing = testReader({
      read: () => {
        throw new Error('a defect');
      },
    });
    const cases: readonly Message[] = [
      { body: Buffer.from([0x7b, 0xff, 0x7d]) },
      { body: 'no JSON' },
      { route: webhookRoute({ reader: throwing }) },
    ];
    for (const message of cases) {
      const { memory, intake, told } = makeScene();
      assert.equal((await intake.take(arrived(message))).kind, 'stored');
      const [kept] = memory.kept;
      assert.equal(kept?.event.items, 0);
      assert.equal(kept?.deliveries.length, 1);
      assert.ok(told.notes.includes('webhook.unreadable'));
    }
  });

  it('holds no subject in clear', async () => {
    const { memory, intake } = makeScene();
    await intake.take(arrived({ body: '{"subject":"ann@example.com"}' }));
    const { event, ...rest } = memory.kept[0] ?? assert.fail();
    const { sealed, ...row } = event;
    assert.ok(!JSON.stringify([row, rest]).includes('ann'));
    assert.ok(!sealed.includes('ann'));
    assert.equal(
      openEvent(testKeyRing, event.id, sealed)?.body.toString(),
      '{"subject":"ann@example.com"}',
    );
  });

  it('reports items beyond the limit, and counts them', async () => {
    const { memory, intake, told } = makeScene();
    await intake.take(arrived({ body: JSON.stringify(Array.from({ length: 1_001 }, () => ({}))) }));
    assert.deepEqual(told.notes, ['webhook.items-beyond']);
    assert.equal(memory.kept[0]?.event.items, 1_001);
    assert.equal(memory.kept[0]?.deliveries.length, 1_000);
  });
});

describe('on SQLite', () => {
  it('repeats are known after a restart, and announced events are taken back (Hookaido 2.11)', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-intake-'));
    const path = join(folder, 'store.db');
    const later = clock.now() + 86_400_000;
    const route = webhookRoute({ deliver: [forward()] });
    const leaver = { kind: 'leaver', subject: 'ann', effectiveAt: later };
    const body = (item: object): string => JSON.stringify(item);
    const opened: SqliteStores[] = [];
    const open = async (): Promise<SqliteStores> => {
      const stores = await openSqlite({ path });
      opened.push(stores);
      return stores;
    };
    try {
      const first = await open();
      const { intake } = makeScene({ store: first.events });
      const kept = await intake.take(arrived({ body: body(leaver), route }));
      clock.advance(1);
      await intake.take(arrived({ id: 'b', body: body({ ...leaver, subject: 'bob' }), route }));
      const many = await Promise.all(
        Array.from({ length: 9 }, () => intake.take(arrived({ route }))),
      );
      assert.deepEqual(new Set(many.map(({ kind }) => kind)), new Set(['duplicate']));
      await intake.close();
      await first.close();
      const second = await open();
      const again = makeScene({ store: second.events }).intake;
      assert.deepEqual(await again.take(arrived({ route })), { kind: 'duplicate', id: kept.id });
      clock.advance(1);
      const cancel = { kind: 'cancel', subject: 'ann', cancels: ['leaver'] };
      await again.take(arrived({ id: 'c', body: body(cancel), route }));
      const listed = await second.outbox.list({ limit: 10 });
      const states = listed.map(({ key, kind, state }) => [key.event === kept.id, kind, state]);
      assert.deepEqual(states, [
        [false, 'cancel', 'ready'],
        [false, 'leaver', 'scheduled'],
        [true, 'leaver', 'cancelled'],
      ]);
      const [source] = await second.events.sources();
      assert.equal(source?.lastAt, clock.now());
      await again.close();
    } finally {
      // Whichever of them is open still; an open one would keep the process alive.
      await Promise.allSettled(opened.map((stores) => stores.close()));
      await rm(folder, { recursive: true, force: true });
    }
  });
});
