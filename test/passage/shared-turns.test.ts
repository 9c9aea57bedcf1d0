import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { systemClock, type Clock, type Timer } from '../../src/clock.ts';
import { GatewayError } from '../../src/errors.ts';
import { makeSharedTurns, type SharedTurns } from '../../src/passage/shared-turns.ts';
import type { TurnStore } from '../../src/passage/turn-store.ts';
import { makeTurns, type EnterOptions, type NoTurn, type Turn } from '../../src/passage/turns.ts';
import { postgresEngine } from '../../src/storage/postgres/engine.ts';
import type { Stores } from '../../src/storage/stores.ts';
import type { StoreFeed } from '../../src/store-feed.ts';
import { postgresForTests } from '../support/postgres.ts';

/** A clock that moves only when told, running what falls due in order. */
const manualClock = () => {
  let now = 0;
  const due = new Set<{ at: number; run: () => void }>();
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms, run): Timer => {
      const timer = { at: now + ms, run };
      due.add(timer);
      return { cancel: () => void due.delete(timer) };
    },
  };
  const advance = async (ms: number): Promise<void> => {
    const end = now + ms;
    for (;;) {
      const next = [...due].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      due.delete(next);
      now = Math.max(now, next.at);
      next.run();
      await quiet();
    }
    now = end;
  };
  return { clock, advance };
};

/** Lets everything happen that waits for nothing outside. */
const quiet = async (): Promise<void> => {
  for (let round = 0; round < 8; round += 1) await turn();
};

/**
 * Lines in memory, as the port promises them. Each statement takes effect before it is answered.
 * A gateway may be made to fail: `before` anything happened, `after` it did, or so that it still
 * happens `late`, four seconds on, when the gateway has long been told that it failed.
 */
const makeLines = (clock: Clock) => {
  const lines = new Map<string, string[]>();
  const listeners = new Map<string, Set<(key: string | null) => void>>();
  const failing = new Map<string, 'before' | 'after' | 'late'>();
  let statements = 0;
  let deaf = false;

  const tell = (key: string): void => {
    for (const [name, hears] of listeners) {
      if (!deaf && lines.get(key)?.includes(name) === true) for (const each of hears) each(key);
    }
  };
  const remove = (key: string, name: string): void => {
    const line = lines.get(key) ?? [];
    const at = line.indexOf(name);
    if (at >= 0) line.splice(at, 1);
    if (line.length === 0) lines.delete(key);
    else if (at === 0) tell(key);
  };
  const gateway = (name: string): Readonly<{ store: TurnStore; feed: StoreFeed }> => {
    const statement = async <T>(act: () => T): Promise<T> => {
      statements += 1;
      await turn();
      const fails = failing.get(name);
      if (fails === 'late') clock.after(4_000, () => void act());
      if (fails === 'before' || fails === 'late') throw new GatewayError('ledger_unavailable');
      const result = act();
      await turn();
      if (fails === 'after') throw new GatewayError('ledger_unavailable');
      return result;
    };
    const hears = new Set<(key: string | null) => void>();
    listeners.set(name, hears);
    return {
      store: {
        enter: (key) =>
          statement(() => {
            const line = lines.get(key) ?? [];
            if (!line.includes(name)) line.push(name);
            lines.set(key, line);
            return line[0] === name;
          }),
        leave: (key) => statement(() => remove(key, name)),
        first: (keys) =>
          statement(() => new Set(keys.filter((key) => lines.get(key)?.[0] === name))),
        leaveOthers: (keys) =>
          statement(() => {
            for (const key of lines.keys()) if (!keys.includes(key)) remove(key, name);
          }),
      },
      feed: {
        on: (_topic, changed) => {
          hears.add(changed);
          return () => void hears.delete(changed);
        },
      },
    };
  };
  return {
    lines,
    gateway,
    failing,
    statements: () => statements,
    setDeaf: (isDeaf: boolean) => (deaf = isDeaf),
    gap: (name: string) => {
      for (const each of listeners.get(name) ?? []) each(null);
    },
  };
};

const options = (more: Partial<EnterOptions> = {}): EnterOptions => ({
  deadline: Number.POSITIVE_INFINITY,
  abandoned: null,
  revocation: false,
  shared: true,
  ...more,
});
const given = (outcome: Turn | NoTurn): Turn =>
  'refused' in outcome ? assert.fail(outcome.refused) : outcome;

const setUp = (names: readonly string[]) => {
  const time = manualClock();
  const { clock } = time;
  const store = makeLines(clock);
  const all = names.map((name) =>
    makeSharedTurns({
      turns: makeTurns({ waitersMax: 50, keysMax: 100, clock }),
      ...store.gateway(name),
      clock,
    }),
  );
  return { ...time, ...store, all, a: all[0] as (typeof all)[0], b: all[1] as (typeof all)[0] };
};

/** Enters and remembers who was let in, in order. */
const visitor = (order: string[]) => {
  const turns = new Map<string, Turn>();
  const visit = (name: string, entering: Promise<Turn | NoTurn>): void => {
    void entering.then((outcome) => {
      if ('refused' in outcome) order.push(`${name}:${outcome.refused}`);
      else {
        order.push(name);
        turns.set(name, outcome);
      }
    });
  };
  return { visit, leave: (name: string) => turns.get(name)?.leave() };
};

test('gateways come in the order in which they joined, and each again at the back', async () => {
  const { a, b, lines } = setUp(['a', 'b']);
  const order: string[] = [];
  const { visit, leave } = visitor(order);
  for (const [name, turns] of [
    ['a1', a],
    ['b1', b],
    ['a2', a],
    ['b2', b],
  ] as const) {
    visit(name, turns.enter(['k'], options()));
    await quiet();
  }
  for (const name of ['a1', 'b1', 'a2', 'b2']) {
    assert.equal(order.at(-1), name);
    leave(name);
    leave(name);
    await quiet();
  }
  assert.deepEqual(order, ['a1', 'b1', 'a2', 'b2']);
  assert.deepEqual([lines.size, a.size(), b.size()], [0, 0, 0]);
});

test('what is not shared asks the store nothing', async () => {
  const { a, b, statements } = setUp(['a', 'b']);
  const one = given(await a.enter(['k'], options({ shared: false })));
  const other = given(await b.enter(['k'], options({ shared: false })));
  assert.deepEqual([a.held('k'), statements()], [true, 0]);
  one.leave();
  other.leave();
});

test('several keys are joined one after the other, so that nobody blocks anybody', async () => {
  const { a, b, lines } = setUp(['a', 'b']);
  const order: string[] = [];
  const { visit, leave } = visitor(order);
  visit('a', a.enter(['x', 'y', 'x'], options()));
  visit('b', b.enter(['y', 'x'], options()));
  await quiet();
  assert.equal(order.length, 1);
  leave(String(order[0]));
  await quiet();
  assert.equal(order.length, 2);
  leave(String(order[1]));
  await quiet();
  assert.equal(lines.size, 0);
});

test('whoever waits too long or was abandoned leaves the line', async () => {
  const { a, b, lines, advance } = setUp(['a', 'b']);
  const held = given(await a.enter(['k'], options()));
  const caller = new AbortController();
  const order: string[] = [];
  const { visit } = visitor(order);
  visit('late', b.enter(['k'], options({ deadline: 100 })));
  await advance(100);
  visit('gone', b.enter(['k'], options({ abandoned: caller.signal })));
  await quiet();
  caller.abort();
  await quiet();
  assert.deepEqual(order, ['late:timeout', 'gone:abandoned']);
  assert.deepEqual([lines.get('k'), b.size()], [['a'], 0]);
  held.leave();
});

test('news that never came are made up for by looking', async () => {
  const { a, b, setDeaf, advance } = setUp(['a', 'b']);
  const held = given(await a.enter(['k'], options()));
  const order: string[] = [];
  visitor(order).visit('b', b.enter(['k'], options()));
  await quiet();
  setDeaf(true);
  held.leave();
  await quiet();
  assert.deepEqual(order, []);
  await advance(1_000);
  assert.deepEqual(order, ['b']);
});

test('a store that refuses gives no turn, and what it may have done is undone later', async () => {
  const { a, b, lines, failing, advance } = setUp(['a', 'b']);
  failing.set('a', 'after');
  assert.deepEqual(await a.enter(['k'], options()), { refused: 'unavailable' });
  assert.deepEqual([lines.get('k'), a.held('k')], [['a'], true]);
  failing.delete('a');
  const order: string[] = [];
  visitor(order).visit('b', b.enter(['k'], options()));
  await quiet();
  assert.deepEqual(order, []);
  await advance(5_000);
  assert.deepEqual([order, lines.get('k'), a.held('k')], [['b'], ['b'], false]);
});

test('a leave that failed is tried until it is done; meanwhile nobody here joins a line', async () => {
  const { a, lines, failing, advance } = setUp(['a', 'b']);
  const held = given(await a.enter(['k'], options()));
  const other = given(await a.enter(['held'], options()));
  failing.set('a', 'before');
  held.leave();
  const order: string[] = [];
  const { visit } = visitor(order);
  visit('next', a.enter(['k'], options()));
  await advance(5_000);
  visit('fresh', a.enter(['fresh'], options()));
  await quiet();
  assert.deepEqual(order, ['fresh:unavailable']);
  failing.delete('a');
  await advance(5_000);
  assert.deepEqual([...order].slice(1), ['next']);
  assert.deepEqual(Object.fromEntries(lines), { held: ['a'], k: ['a'] });
  other.leave();
});

test('after a gap places are found again, and lines that a crash brought back are left', async () => {
  const { a, b, lines, gap } = setUp(['a', 'b']);
  const held = given(await a.enter(['k'], options()));
  const order: string[] = [];
  visitor(order).visit('b', b.enter(['k'], options()));
  await quiet();
  // The store crashed: b's place is lost, and one that b left is there again.
  lines.set('k', ['a']);
  lines.set('ghost', ['b', 'a']);
  gap('b');
  await quiet();
  assert.deepEqual([lines.get('k'), lines.get('ghost')], [['a', 'b'], ['a']]);
  held.leave();
  await quiet();
  assert.deepEqual(order, ['b']);
});

test('a turn whose place was lost says so, and one whose place was found again does not', async () => {
  const { a, b, lines, gap, failing } = setUp(['a', 'b']);
  const kept = given(await a.enter(['kept'], options()));
  const lost = given(await a.enter(['lost'], options()));
  lines.set('lost', ['b']);
  lines.delete('kept');
  gap('a');
  await quiet();
  assert.deepEqual([kept.isLost(), lost.isLost()], [false, true]);
  assert.deepEqual([lines.get('kept'), lines.get('lost')], [['a'], ['b', 'a']]);
  lost.leave();
  await quiet();
  assert.deepEqual(lines.get('lost'), ['b']);
  failing.set('a', 'before');
  gap('a');
  await quiet();
  assert.equal(kept.isLost(), true, 'what cannot be asked is not claimed');
  const other = given(await b.enter(['other'], options()));
  const waiting = b.enter(['lost', 'x'], options());
  await quiet();
  b.forfeit();
  assert.equal(other.isLost(), true);
  assert.equal('refused' in (await waiting), false);
});

test('when it stops, whoever waits is turned away', async () => {
  const { a, b } = setUp(['a', 'b']);
  const held = given(await a.enter(['k'], options()));
  const waiting = b.enter(['k'], options());
  await quiet();
  b.stop();
  assert.deepEqual(await waiting, { refused: 'unavailable' });
  assert.deepEqual(await b.enter(['k'], options()), { refused: 'unavailable' });
  held.leave();
});

test('random sessions with a store that fails: one holder a key, nobody left behind', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('enter'), at: fc.nat({ max: 2 }) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('leave'), at: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail'), at: fc.nat({ max: 8 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('well'), at: fc.nat({ max: 2 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('gap'), at: fc.nat({ max: 2 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait'), at: fc.nat({ max: 6_000 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
      const names = ['a', 'b', 'c'];
      const modes = ['before', 'after', 'late'] as const;
      const { all, lines, failing, gap, advance } = setUp(names);
      const holding = new Map<Turn, string>();
      const violations: string[] = [];
      const open = new Set<symbol>();
      const enter = (at: number, key: string): void => {
        const mark = Symbol(key);
        open.add(mark);
        void all[at % 3]?.enter([key], options()).then((outcome) => {
          open.delete(mark);
          if ('refused' in outcome) return;
          if ([...holding.values()].includes(key)) violations.push(key);
          holding.set(outcome, key);
        });
      };
      const leave = (at: number): void => {
        const held = [...holding.keys()][at % Math.max(1, holding.size)];
        if (held === undefined) return;
        holding.delete(held);
        held.leave();
      };
      const acts: Readonly<Record<string, (at: number) => void | Promise<void>>> = {
        enter: (at) => enter(at, at === 0 ? 'x' : 'y'),
        leave,
        fail: (at) => void failing.set(String(names[at % 3]), modes[Math.floor(at / 3)] ?? 'late'),
        well: (at) => void failing.delete(String(names[at])),
        gap: (at) => gap(String(names[at])),
        wait: advance,
      };
      for (const { kind, at } of steps) {
        await acts[kind]?.(at);
        if (at % 2 === 0) await turn();
      }
      failing.clear();
      for (let round = 0; round < 200 && (open.size > 0 || holding.size > 0); round += 1) {
        leave(0);
        await quiet();
        await advance(1_000);
      }
      await quiet();
      await advance(20_000);
      assert.deepEqual(violations, [], 'two holders of one key');
      assert.deepEqual(
        [open.size, lines.size, ...all.map((turns) => turns.size())],
        [0, 0, 0, 0, 0],
      );
    }),
    { numRuns: 300 },
  );
});

const postgres = await postgresForTests();

const skip = 'missing' in postgres ? postgres.missing : false;

describe('turns over PostgreSQL', { skip }, () => {
  it('three gateways, 300 calls of one resource: never two at once, nobody overtaken', async () => {
    assert.ok(!('missing' in postgres));
    const at = postgres.at('shared_turns');
    type Gateway = Readonly<{
      stores: Stores;
      turns: SharedTurns;
      /** When each place was asked for, and when it was known. */
      joins: { sentAt: number; answeredAt: number }[];
    }>;
    const gateways: Gateway[] = [];
    let moment = 0;
    for (const candidate of ['000000a1', '000000a2', '000000a3']) {
      const stores = await postgresEngine.open(at);
      await stores.shared?.writers.claim({ name: 't', version: '', candidate, leaseMs: 60_000 });
      const store = stores.shared?.turns as TurnStore;
      const joins: { sentAt: number; answeredAt: number }[] = [];
      const turns = makeSharedTurns({
        turns: makeTurns({ waitersMax: 500, keysMax: 100, clock: systemClock }),
        store: {
          ...store,
          enter: async (key) => {
            const join = { sentAt: (moment += 1), answeredAt: Infinity };
            joins.push(join);
            const isFirst = await store.enter(key);
            join.answeredAt = moment += 1;
            return isFirst;
          },
        },
        feed: stores.feed,
        clock: systemClock,
      });
      gateways.push({ stores, turns, joins });
    }
    try {
      const held: number[] = [];
      let inside = 0;
      const calls = Array.from({ length: 300 }, async (_, call) => {
        const outcome = given(
          await (gateways[call % 3] as Gateway).turns.enter(['users/1'], options()),
        );
        assert.equal((inside += 1), 1, 'two holders');
        held.push(call);
        await turn();
        inside -= 1;
        outcome.leave();
      });
      await Promise.all(calls);
      // Of one gateway in the order of its calls; among gateways in the order of the line.
      const served = gateways.map(() => 0);
      const joined = held.map((call) => {
        const gateway = call % 3;
        const nth = served[gateway] as number;
        served[gateway] = nth + 1;
        assert.equal(call, nth * 3 + gateway);
        return (gateways[gateway] as Gateway).joins[nth] as Gateway['joins'][0];
      });
      joined.forEach((one, index) => {
        const late = joined.slice(index + 1).find(({ answeredAt }) => answeredAt < one.sentAt);
        assert.equal(late, undefined, 'served before one that stood in the line');
      });
      assert.equal(joined.length, 300);
    } finally {
      for (const { stores, turns } of gateways) {
        turns.stop();
        await stores.close();
      }
      await postgres.drop(at);
    }
  });
});
