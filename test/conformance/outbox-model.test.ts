/**
 * Random lives of deliveries against a model in memory, on every engine: after each step all states,
 * tries and gaps are those of the model, and every line with something in it has exactly one head.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import type { DeliveryState } from '../../src/deliveries/event-store.ts';
import type { Claimed, Settling } from '../../src/deliveries/outbox-store.ts';
import { deliveryId, type DeliveryKey, type EventId } from '../../src/ids.ts';
import type { Stores } from '../../src/storage/stores.ts';
import { attempt, bytesOf, hour, receiving, settling, start } from '../support/deliveries.ts';
import { enginesUnderTest, withStores } from '../support/engines.ts';

const kinds = ['joiner', 'leaver'] as const;

type Step =
  | Readonly<{
      do: 'receive';
      events: readonly Readonly<{
        line: number;
        mark: number | null;
        kind: number;
        delay: number;
        cancels: boolean;
      }>[];
    }>
  | Readonly<{ do: 'claim'; max: number; ends: boolean }>
  | Readonly<{ do: 'settle'; which: readonly number[]; next: number; wait: number; tried: boolean }>
  | Readonly<{
      do: 'act';
      act: 'retry' | 'replay' | 'discard';
      which: readonly number[];
      delay: number;
    }>
  | Readonly<{ do: 'wait'; ms: number }>;

const small = fc.nat({ max: 40 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('receive' as const),
    events: fc.array(
      fc.record({
        line: fc.nat({ max: 2 }),
        mark: fc.option(fc.nat({ max: 9 })),
        kind: fc.nat({ max: 1 }),
        delay: fc.constantFrom(0, 0, 0, 5, 30),
        cancels: fc.constantFrom(false, false, true),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  }),
  fc.record({
    do: fc.constant('claim' as const),
    max: fc.integer({ min: 1, max: 4 }),
    ends: fc.constantFrom(false, false, false, true),
  }),
  fc.record({
    do: fc.constant('settle' as const),
    which: fc.array(small, { minLength: 1, maxLength: 3 }),
    next: fc.nat({ max: 5 }),
    wait: fc.constantFrom(0, 5, 30),
    tried: fc.boolean(),
  }),
  fc.record({
    do: fc.constant('act' as const),
    act: fc.constantFrom('retry' as const, 'replay' as const, 'discard' as const),
    which: fc.array(small, { minLength: 1, maxLength: 4 }),
    delay: fc.constantFrom(0, 0, 5),
  }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20 }) }),
);

type Row = {
  readonly key: DeliveryKey;
  readonly line: number;
  readonly kind: string;
  state: DeliveryState;
  place: number;
  dueAt: number;
  attempts: number;
  gapAfter: string | null;
  replayed: boolean;
  /** Token of the claim in hand; `ended` = its lease is over and anyone may take it. */
  claim: { token: number; ended: boolean } | null;
};

const unclaimed = ({ claim }: Row): boolean => claim === null || claim.ended;

/** The rules in the plainest form: lists that are searched. */
const makeModel = () => {
  const rows: Row[] = [];
  const marks = new Map<number, EventId>();
  const gaps = new Map<number, string>();
  let places = 0;
  const find = (key: DeliveryKey) => rows.find((row) => deliveryId(row.key) === deliveryId(key));
  const headOf = (line: number) => rows.find((row) => row.line === line && row.state === 'ready');
  const join = (row: Row): void => {
    places += 1;
    row.place = places;
    const heads = headOf(row.line) === undefined;
    row.state = heads ? 'ready' : 'waiting';
    row.gapAfter = heads ? (gaps.get(row.line) ?? null) : null;
  };
  const follow = (line: number, now: number): void => {
    const [next] = rows
      .filter((row) => row.line === line && row.state === 'waiting')
      .toSorted((a, b) => a.place - b.place);
    if (next === undefined) return;
    next.state = 'ready';
    next.dueAt = Math.max(next.dueAt, now);
    next.gapAfter = gaps.get(line) ?? null;
  };
  const applies = (act: 'retry' | 'replay' | 'discard', { state }: Row): boolean => {
    if (act === 'discard') return ['ready', 'waiting', 'scheduled', 'dead'].includes(state);
    if (['ready', 'dead', 'discarded', 'cancelled'].includes(state)) return true;
    return act === 'replay' && ['delivered', 'skipped', 'superseded'].includes(state);
  };
  return {
    rows,
    marks,
    add: (row: Pick<Row, 'key' | 'line' | 'kind' | 'dueAt'>, now: number): void => {
      const added: Row = {
        ...row,
        state: 'scheduled',
        place: 0,
        attempts: 0,
        gapAfter: null,
        replayed: false,
        claim: null,
      };
      rows.push(added);
      if (row.dueAt <= now) join(added);
    },
    cancel: (line: number, kind: string, now: number): void => {
      for (const row of rows)
        if (row.line === line && row.kind === kind && row.state === 'scheduled') {
          row.state = 'cancelled';
          row.dueAt = now;
        }
    },
    joinDue: (now: number): void => {
      const due = rows.filter((row) => row.state === 'scheduled' && row.dueAt <= now);
      for (const row of due.toSorted((a, b) => a.dueAt - b.dueAt)) join(row);
    },
    due: (now: number) =>
      rows.filter((row) => row.state === 'ready' && row.dueAt <= now && unclaimed(row)),
    find,
    settle: ({ key, token, next, attempt: tried }: Settling, now: number): boolean => {
      const row = find(key);
      if (row?.claim?.token !== token) return false;
      row.claim = null;
      row.state = next.state;
      row.dueAt = 'dueAt' in next ? next.dueAt : now;
      const counted = next.state === 'ready' ? next.counted : tried !== null;
      if ('dueAt' in next && !counted) row.attempts -= 1;
      if (next.state === 'ready') return true;
      if (next.state === 'dead') gaps.set(row.line, deliveryId(key));
      if (next.state === 'delivered') gaps.delete(row.line);
      follow(row.line, now);
      return true;
    },
    act: (
      act: 'retry' | 'replay' | 'discard',
      keys: readonly DeliveryKey[],
      { dueAt, now }: Readonly<{ dueAt: number; now: number }>,
    ): readonly DeliveryKey[] => {
      const fits = keys.flatMap((key) => {
        const row = find(key);
        return row !== undefined && unclaimed(row) && applies(act, row) ? [row] : [];
      });
      const heads = fits.filter(({ state }) => state === 'ready');
      const outside = fits.filter(({ state }) => state !== 'ready');
      for (const row of fits) {
        row.claim = null;
        row.dueAt = act === 'discard' ? now : dueAt;
        if (act !== 'discard') row.attempts = 0;
        row.replayed ||= act === 'replay';
      }
      if (act === 'discard') {
        for (const row of fits) row.state = 'discarded';
        for (const { line, key } of heads) {
          gaps.set(line, deliveryId(key));
          follow(line, now);
        }
      } else {
        for (const row of outside) {
          row.state = 'scheduled';
          if (gaps.get(row.line) === deliveryId(row.key)) gaps.delete(row.line);
        }
        if (dueAt <= now) outside.forEach(join);
      }
      return fits.map(({ key }) => key);
    },
  };
};

/** One random life on lines, marks and a lane of its own. */
const live = async ({ events, outbox }: Stores, steps: readonly Step[], run: number) => {
  const lane = `hr/${run}`;
  const lineOf = (line: number): Buffer => bytesOf(run * 1_000 + line);
  const model = makeModel();
  const inHand: Claimed[] = [];
  let now = start;

  const receive = async (step: Extract<Step, { do: 'receive' }>): Promise<void> => {
    const given = step.events.map(({ line, mark, kind, delay, cancels }) => ({
      ...receiving(run * 1_000 + line, {
        lane,
        at: now,
        dueAt: now + delay,
        kind: String(kinds[kind]),
        marks: mark === null ? [] : [run * 1_000 + mark],
      }),
      cancels: cancels
        ? [{ line: lineOf(line), subject: lineOf(line), kinds: [String(kinds[kind])] }]
        : [],
    }));
    const expected = given.map(({ event }, index) => {
      const { line, mark, kind, delay, cancels } = step.events[
        index
      ] as (typeof step.events)[number];
      const first = mark === null ? undefined : model.marks.get(mark);
      if (first !== undefined) return { kind: 'duplicate', of: first };
      if (mark !== null) model.marks.set(mark, event.id);
      if (cancels) model.cancel(line, String(kinds[kind]), now);
      const key = { event: event.id, item: 0, name: 'n8n' };
      model.add({ key, line, kind: String(kinds[kind]), dueAt: now + delay }, now);
      return { kind: 'stored' };
    });
    assert.deepEqual(await events.receive(given, [], now), expected);
  };
  const claim = async ({ max, ends }: Extract<Step, { do: 'claim' }>): Promise<void> => {
    model.joinDue(now);
    const due = model.due(now);
    const leaseMs = ends ? 0 : hour;
    const claimed = await outbox.claim({ lanes: [{ lane, max }], now, leaseMs });
    assert.equal(claimed.length, Math.min(max, due.length));
    const ages = due.map(({ dueAt }) => dueAt).toSorted((a, b) => a - b);
    const taken = claimed.map(({ key }) => model.find(key)?.dueAt ?? NaN);
    assert.deepEqual(
      taken.toSorted((a, b) => a - b),
      ages.slice(0, claimed.length),
    );
    for (const one of claimed) {
      const row = due.find(({ key }) => deliveryId(key) === deliveryId(one.key));
      assert.ok(row !== undefined, 'what is not due was claimed');
      row.attempts += 1;
      row.claim = { token: one.token, ended: ends };
      row.dueAt = now + leaseMs;
      assert.deepEqual(
        [one.attempt, one.gapAfter, one.replayed],
        [row.attempts, row.gapAfter, row.replayed],
      );
    }
    inHand.push(...claimed);
  };
  const settle = async (step: Extract<Step, { do: 'settle' }>): Promise<void> => {
    const picked = new Set(
      step.which.flatMap((at) => inHand[at % Math.max(1, inHand.length)] ?? []),
    );
    const nexts: readonly Settling['next'][] = [
      { state: 'delivered', reason: null },
      { state: 'delivered', reason: null },
      { state: 'skipped', reason: 'when' },
      { state: 'dead', reason: 'gave-up' },
      { state: 'ready', dueAt: now + step.wait, counted: step.tried },
      { state: 'scheduled', dueAt: now + step.wait },
    ];
    const next = nexts[step.next] as Settling['next'];
    const given = [...picked].map((one) => settling(one, next, step.tried ? attempt() : null));
    // Two claims of one delivery, one of them lost, do not go into one list.
    const once = [...new Map(given.map((each) => [deliveryId(each.key), each])).values()];
    const expected = once.map((each) => model.settle(each, now));
    assert.deepEqual(await outbox.settle(once, now), expected);
  };
  const act = async (step: Extract<Step, { do: 'act' }>): Promise<void> => {
    const { rows } = model;
    const picked = new Set(step.which.flatMap((at) => rows[at % Math.max(1, rows.length)] ?? []));
    const dueAt = now + step.delay;
    const keys = [...picked].map(({ key }) => key);
    const expected = model.act(step.act, keys, { dueAt, now });
    const given = keys.map((key) => ({ key, dueAt }));
    assert.deepEqual(await outbox.act(step.act, given, now), expected);
  };
  const check = async (): Promise<void> => {
    const listed = await outbox.list({ lane, limit: 1_000 });
    const found = listed.map(({ key, state, attempts, dueAt, gapAfter }) => ({
      id: deliveryId(key),
      state,
      attempts,
      dueAt,
      gapAfter,
    }));
    const expected = model.rows.map(({ key, state, attempts, dueAt, gapAfter }) => ({
      id: deliveryId(key),
      state,
      attempts,
      dueAt,
      gapAfter,
    }));
    assert.deepEqual(
      found,
      expected.toSorted((a, b) => (a.id < b.id ? 1 : -1)),
    );
    for (const line of [0, 1, 2]) {
      const inLine = model.rows.filter((row) => row.line === line);
      const heads = inLine.filter(({ state }) => state === 'ready').length;
      const waiting = inLine.some(({ state }) => state === 'waiting');
      assert.ok(heads <= 1 && (heads === 1 || !waiting));
    }
  };
  for (const one of steps) {
    if (one.do === 'receive') await receive(one);
    else if (one.do === 'claim') await claim(one);
    else if (one.do === 'settle') await settle(one);
    else if (one.do === 'act') await act(one);
    else now += one.ms;
    await check();
  }
};

for (const engine of enginesUnderTest)
  void suite(`outbox against a model on ${engine.name}`, { skip: engine.skip }, () => {
    void test(
      'agrees in every step of random lives',
      withStores(engine, '0badcafe', async (stores) => {
        let runs = 0;
        await fc.assert(
          fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
            runs += 1;
            await live(stores, steps, runs);
          }),
          { numRuns: engine.shared ? 40 : 80 },
        );
      }),
    );
  });
