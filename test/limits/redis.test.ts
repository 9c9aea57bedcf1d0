import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { systemClock } from '../../src/clock.ts';
import { readReply, scriptArguments } from '../../src/limits/gcra-script.ts';
import { makeMemoryLimiter } from '../../src/limits/memory.ts';
import {
  makeRedisClient,
  pauseMs,
  reasonOf,
  type RedisClient,
} from '../../src/limits/redis-client.ts';
import { openSharedLimiter, type SharedLimiter } from '../../src/limits/redis.ts';
import type { SharedLimitsAt } from '../../src/limits/shared-at.ts';
import type { CompiledLimit } from '../../src/policy/decision.ts';
import { startRedis, type OwnRedis } from '../support/redis.ts';

const started = await startRedis();
const skip = 'missing' in started ? started.missing : false;
const redis = started as OwnRedis;

const at = (more: Partial<SharedLimitsAt> = {}): SharedLimitsAt => ({
  host: '127.0.0.1',
  port: redis.port,
  database: 0,
  user: null,
  password: null,
  tls: false,
  ...more,
});

const limit = (key: string, count: number, seconds: number, burst = count): CompiledLimit => ({
  key,
  policy: key,
  count,
  seconds,
  burst,
});

/** As it is told: without the sign of a zero. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

type Note = Readonly<{ event: string; atMs: number; fields: Readonly<Record<string, unknown>> }>;

/** Notes, and promises of those to come. */
const listen = () => {
  const notes: Note[] = [];
  const waiting = new Set<() => void>();
  const told = (event: string, times = 1): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (notes.filter((note) => note.event === event).length < times) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  const note = (_level: string, event: string, fields: Note['fields']): void => {
    notes.push({ event, atMs: performance.now(), fields });
    for (const look of waiting) look();
  };
  return { notes, told, observer: { note } };
};

const opened: SharedLimiter[] = [];
const clients: RedisClient[] = [];
afterEach(() => {
  for (const limiter of opened.splice(0)) limiter.stop();
  for (const client of clients.splice(0)) client.disconnect();
});

/** A connection of the test's own. */
const connected = async (): Promise<RedisClient> => {
  const client = makeRedisClient(at(), Math.random);
  clients.push(client);
  await client.connect();
  return client;
};

let environments = 0;
const open = async (gateways: number, more: Partial<SharedLimitsAt> = {}, patienceMs = 20) => {
  const environment = `test-${(environments += 1)}`;
  const ears = Array.from({ length: gateways }, listen);
  const limiters = await Promise.all(
    ears.map(({ observer }, rank) =>
      openSharedLimiter({
        at: at(more),
        environment,
        keysMax: 100,
        shares: () => ({ gateways, rank }),
        clock: systemClock,
        jitter: Math.random,
        observer,
        patienceMs,
      }),
    ),
  );
  opened.push(...limiters);
  return { ears, limiters };
};

const take = (limiter: SharedLimiter, limits: readonly CompiledLimit[], revocation = false) =>
  limiter.take(limits, { revocation, now: performance.now() });

/** Asks every limiter from several sides until told to stop; gives what was admitted, and the time. */
const load = (limiters: readonly SharedLimiter[], asked: CompiledLimit) => {
  const run = { admitted: 0, over: false };
  let begun = 0;
  const side = async (limiter: SharedLimiter): Promise<void> => {
    while (!run.over) {
      const here = limiter.state() === 'local';
      const taking = take(limiter, [asked]);
      assert.ok(!here || 'admitted' in taking, 'decided here, yet waited for');
      const { admitted } = await taking;
      begun ||= performance.now();
      if (admitted) run.admitted += 1;
      await turn();
    }
  };
  const sides = limiters.flatMap((limiter) => [side(limiter), side(limiter), side(limiter)]);
  return {
    /** Lets it run for so long. */
    during: async (ms: number): Promise<void> => {
      const end = performance.now() + ms;
      while (performance.now() < end) await turn();
    },
    stop: async () => {
      run.over = true;
      await Promise.all(sides);
      return { admitted: run.admitted, seconds: (performance.now() - begun) / 1_000 };
    },
  };
};

describe('rates in Redis', { skip }, () => {
  before(() => assert.equal(skip, false));
  after(() => redis.stop());

  it('decides exactly as the limiter in memory, call by call', async () => {
    const client = await connected();
    // Long intervals: a bucket expires by the real time, which hardly passes here.
    const limits = fc.record({
      key: fc.constantFrom('a', 'b', '__proto__'),
      count: fc.constantFrom(1, 3, 7),
      seconds: fc.constantFrom(60, 90, 3_600).map((each) => each * 21),
      burst: fc.integer({ min: 1, max: 25 }),
    });
    const step = fc.record({
      asked: fc.array(limits, { minLength: 1, maxLength: 3 }),
      revocation: fc.boolean(),
      ms: fc.integer({ min: 0, max: 10_000_000 }),
      times: fc.integer({ min: 1, max: 8 }),
    });
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const prefix = `{same:${(runs += 1)}}`;
        const memory = makeMemoryLimiter({ keysMax: 100 });
        let now = 1_000_000;
        for (const { asked, revocation, ms, times } of steps) {
          now += ms;
          const named = asked.map((one) => ({ ...one, policy: one.key }));
          const asking = { prefix, revocation, debts: new Map(), nowUs: now * 1_000 };
          for (let call = 0; call < times; call += 1) {
            const reply = await client.sallyportTake(...scriptArguments(named, asking));
            const here = memory.take(named, { revocation, now });
            assert.deepEqual(plain(readReply(named, reply)), plain(here));
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('keeps nothing of a full bucket, and all keys of an environment in one slot', async () => {
    const { limiters } = await open(1);
    await take(limiters[0] as SharedLimiter, [limit('gone', 1_000, 1), limit('kept', 1, 60)]);
    const client = await connected();
    const prefix = `{sallyport:test-${environments}}`;
    const ttl = await client.pttl(`${prefix}:kept`);
    assert.ok(ttl > 59_000 && ttl <= 60_000, `${ttl}`);
    while ((await client.exists(`${prefix}:gone`, `${prefix}:probe`)) > 0) await turn();
  });

  it('charges what is owed with the next decision, up to a used up bucket, refused or not', async () => {
    const client = await connected();
    const ask = async (debt: number, nowUs: number) => {
      const limits = [limit('a', 1, 100, 10)];
      const asking = { prefix: '{owed}', revocation: false, debts: new Map([['a', debt]]), nowUs };
      return readReply(limits, await client.sallyportTake(...scriptArguments(limits, asking)));
    };
    assert.equal((await ask(3, 0))?.states[0]?.remaining, 6);
    assert.equal((await ask(99, 0))?.admitted, false);
    const used = await ask(0, 0);
    assert.deepEqual([used?.states[0]?.remaining, used?.states[0]?.resetSeconds], [0, 1_100]);
    assert.equal(readReply([limit('a', 1, 1)], ['x']), null);
  });

  it('three gateways together admit the limit, within one in a hundred', async (context) => {
    // Patient, because a busy machine may keep Redis from its processor for longer than 20 ms.
    const { limiters, ears } = await open(3, {}, 2_000);
    const running = load(limiters, limit('together', 600, 1, 100));
    await running.during(2_500);
    const { admitted, seconds } = await running.stop();
    const right = 100 + 600 * seconds;
    context.diagnostic(`${admitted} admitted, ${right.toFixed(0)} would be exact`);
    assert.deepEqual(
      ears.flatMap(({ notes }) => notes),
      [],
    );
    assert.ok(admitted <= right * 1.01, `${admitted} for ${right}`);
    // On a busy machine the load itself is starved; the campaign `cluster` holds this side to 1 %, too.
    assert.ok(admitted >= right * 0.9, `${admitted} for ${right}`);
  });

  it('goes on after SCRIPT FLUSH, with the same buckets', async () => {
    const { limiters, ears } = await open(1);
    const [limiter] = limiters as [SharedLimiter];
    const three = limit('flushed', 3, 3_600);
    const client = await connected();
    const outcomes: boolean[] = [];
    for (let call = 0; call < 4; call += 1) {
      outcomes.push((await take(limiter, [three])).admitted);
      await client.script('FLUSH');
    }
    assert.deepEqual(outcomes, [true, true, true, false]);
    assert.deepEqual([limiter.state(), ears[0]?.notes], ['shared', []]);
  });

  it('stays below the limit while Redis stops mid-load, and comes back', async (context) => {
    const { limiters, ears } = await open(3);
    const asked = limit('stopped', 300, 1, 60);
    const running = load(limiters, asked);
    await running.during(400);
    await redis.stop();
    await Promise.all(ears.map(({ told }) => told('limits.shared.lost')));
    await running.during(800);
    const { admitted, seconds } = await running.stop();
    context.diagnostic(`${admitted} admitted, ${(60 + 300 * seconds).toFixed(0)} may be`);
    assert.ok(admitted <= 60 + 300 * seconds + 1, `${admitted} in ${seconds} s`);
    assert.ok(admitted >= 150 * seconds, 'the shares are used');
    assert.deepEqual(new Set(limiters.map((limiter) => limiter.state())), new Set(['local']));
    await redis.start();
    await Promise.all(ears.map(({ told }) => told('limits.shared.back')));
    assert.deepEqual(new Set(limiters.map((limiter) => limiter.state())), new Set(['shared']));
    for (const { notes } of ears) {
      assert.equal(notes.filter(({ event }) => event === 'limits.shared.back').length, 1);
      assert.deepEqual(notes[0]?.fields['port'], redis.port);
    }
  });

  it('waits 20 ms for a decision, then decides here at once', async (context) => {
    const { limiters } = await open(1);
    const [limiter] = limiters as [SharedLimiter];
    await take(limiter, [limit('warm', 1, 1)]);
    redis.pause();
    const from = performance.now();
    const { admitted } = await take(limiter, [limit('waited', 1, 1)]);
    const ms = performance.now() - from;
    const next = take(limiter, [limit('waited', 1, 1)]);
    redis.resume();
    context.diagnostic(`${ms.toFixed(1)} ms`);
    assert.deepEqual([admitted, limiter.state(), 'admitted' in next], [false, 'local', true]);
    assert.ok(ms >= 19 && ms < 100, `${ms} ms`);
  });

  it('never admits more while Redis hangs, and none but those under way wait for it', async (context) => {
    const { limiters, ears } = await open(3);
    const running = load(limiters, limit('hung', 300, 1, 60));
    await running.during(400);
    redis.pause();
    await Promise.all(ears.map(({ told }) => told('limits.shared.lost')));
    // Long enough for the connections to be given up as well.
    await running.during(1_500);
    redis.resume();
    await Promise.all(ears.map(({ told }) => told('limits.shared.back')));
    await running.during(400);
    const { admitted, seconds } = await running.stop();
    context.diagnostic(
      `${admitted} of ${(60 + 300 * seconds).toFixed(0)} and what some add while others are back`,
    );
    // Those that are still away when the first is back add their shares for so long.
    const backAt = ears.map(({ notes }) => Number(notes.at(-1)?.atMs));
    const aloneMs = backAt.reduce((sum, ms) => sum + ms - Math.min(...backAt), 0);
    const may = 60 + 300 * seconds + (100 * aloneMs) / 1_000;
    assert.ok(admitted <= may + 3, `${admitted} in ${seconds} s, ${may} may be`);
    assert.match(String(ears[0]?.notes[0]?.fields['why']), /answer within 20 ms/);
  });

  it('decides here where there never was a Redis', async () => {
    await redis.stop();
    const { limiters, ears } = await open(1);
    const [limiter] = limiters as [SharedLimiter];
    assert.equal(limiter.state(), 'local');
    const taken = limiter.take([limit('x', 1, 60)], { revocation: false, now: performance.now() });
    assert.equal('admitted' in taken && taken.admitted, false, 'at once, and used up');
    assert.match(String(ears[0]?.notes[0]?.fields['why']), /nothing listens there/);
    limiter.stop();
    await redis.start();
  });

  it('says that the password is wrong, and never which', async () => {
    const guarded = (await startRedis({ password: 'the-right-one' })) as OwnRedis;
    try {
      const more = { port: guarded.port, password: 'not-the-right-one' };
      const wrong = await open(1, more);
      const absent = await open(1, { ...more, password: null });
      const right = await open(1, { ...more, password: 'the-right-one' });
      assert.deepEqual(
        [wrong, absent, right].map(({ limiters }) => limiters[0]?.state()),
        ['local', 'local', 'shared'],
      );
      const [told] = wrong.ears[0]?.notes ?? [];
      assert.match(String(told?.fields['why']), /refuses the user or the password/);
      assert.match(String(absent.ears[0]?.notes[0]?.fields['why']), /asks for a password/);
      assert.ok(!JSON.stringify([wrong, absent].map(({ ears }) => ears)).includes('right-one'));
    } finally {
      for (const limiter of opened.splice(0)) limiter.stop();
      await guarded.stop();
    }
  });

  it('asks for nothing without a limit, and decides here once it was stopped', async () => {
    const { limiters } = await open(1);
    const [limiter] = limiters as [SharedLimiter];
    assert.deepEqual(limiter.take([], { revocation: false, now: 0 }), {
      admitted: true,
      states: [],
      retryAfterSeconds: 0,
      refusedBy: null,
    });
    limiter.stop();
    assert.equal((await take(limiter, [limit('late', 1, 60)])).admitted, false);
  });
});

describe('the connection', () => {
  it('is tried again after a wait that doubles, ends, and leaves half to chance', () => {
    const waits = [0, 1, 2, 3, 10, 5_000].map((times) => [
      pauseMs(times, 4_000, () => 0),
      pauseMs(times, 4_000, () => 1),
    ]);
    assert.deepEqual(waits, [
      [125, 250],
      [250, 500],
      [500, 1_000],
      [1_000, 2_000],
      [2_000, 4_000],
      [2_000, 4_000],
    ]);
  });

  it('tells its failures in words of ours', () => {
    const failure = (message: string, code?: string) =>
      Object.assign(new Error(message), code === undefined ? {} : { code });
    for (const [error, words] of [
      [failure('x', 'ECONNREFUSED'), /nothing listens/],
      [failure('NOPERM this user has no permissions'), /may not run scripts/],
      [failure('READONLY You can not write'), /replica/],
      [failure('ERR invalid DB index'), /no such database/],
      [failure('ERR AUTH <password> called without'), /refuses the user/],
      [failure('Connection is closed.'), /was cut/],
      [failure('a secret', 'CERT_HAS_EXPIRED'), /not trusted/],
      [failure('a secret'), /^it failed$/],
      ['a secret', /^it failed$/],
    ] as const) {
      assert.match(reasonOf(error), words);
    }
  });
});
