/** Lists read to their end at targets that page in odd ways: nobody is missed in silence. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rfcKnobs, type Knobs } from '../../src/identity/dialects/knobs.ts';
import { userType } from '../../src/identity/scim/schemas.ts';
import type { Json } from '../../src/identity/json-value.ts';
import { makeMemoryLimiter } from '../../src/limits/memory.ts';
import { countAll, readAll } from '../../src/safety/read-all.ts';
import type { Target } from '../../src/snapshot.ts';
import type { Sent, Targets } from '../../src/targets/send.ts';
import { makeTestClock } from '../targets/harness.ts';
import { suiteTarget } from './safety-scene.ts';

const target = (knobs: Partial<Knobs> = {}): Target =>
  suiteTarget('http://127.0.0.1:1/scim', { knobs: { ...rfcKnobs, ...knobs } });

const users = (from: number, to: number): readonly Json[] =>
  Array.from({ length: to - from }, (_, at) => ({
    id: `u${from + at}`,
    userName: `n${from + at}`,
  }));

type Query = Readonly<Record<string, string>>;

/** Reads all from a target that answers so; gives the ids, or why not, and what was asked. */
const readFrom = async (
  answer: (query: Query, call: number) => Json | Sent,
  options: { knobs?: Partial<Knobs>; filter?: string; resources?: number } = {},
) => {
  const clock = makeTestClock();
  const asked: Query[] = [];
  const targets: Targets = {
    send: async (_name, call) => {
      const query = Object.fromEntries(new URLSearchParams(call.query));
      asked.push(query);
      const answered = answer(query, asked.length - 1);
      if (answered !== null && typeof answered === 'object' && 'kind' in answered) {
        return answered as Sent;
      }
      const base = { status: 200, headers: {}, readable: true, excerpt: '' };
      return { kind: 'answered', attempts: 1, answer: { ...base, body: answered } };
    },
  };
  const slept: number[] = [];
  const deps = {
    clock,
    targets,
    limiter: makeMemoryLimiter({ keysMax: 10 }),
    sleep: async (ms: number) => void slept.push(ms),
    stopping: () => false,
  };
  const ids: string[] = [];
  const unread = await readAll(
    deps,
    {
      target: target(options.knobs),
      type: userType,
      filter: options.filter ?? null,
      excluded: [],
      budget: { resources: options.resources ?? 1_000 },
    },
    (_user, id) => void ids.push(id),
  );
  return { ids, failed: unread?.failed ?? null, asked, slept, deps };
};

/** Pages by index over what `all` gives at each call. */
const paged =
  (all: (call: number) => readonly Json[], told = true) =>
  (query: Query, call: number): Json => {
    const start = Number(query['startIndex'] ?? 1);
    const list = all(call);
    const Resources = list.slice(start - 1, start - 1 + Math.min(100, Number(query['count'])));
    return { Resources, ...(told ? { totalResults: list.length } : {}) };
  };

describe('a list is read to its end', () => {
  it('by index, though its pages are shorter than asked for', async () => {
    const { ids, failed, asked } = await readFrom(paged(() => users(0, 250)));
    assert.deepEqual([ids.length, failed, asked.length], [250, null, 3]);
  });

  it('though some go away between two pages: nobody behind them is missed', async () => {
    const { ids, failed } = await readFrom(
      paged((call) => (call === 0 ? users(0, 250) : users(5, 250))),
    );
    assert.equal(failed, null);
    assert.deepEqual(new Set(ids).size, 250, 'those that moved up were read all the same');
  });

  it('by cursor, and where no total is told', async () => {
    const byCursor = await readFrom(
      (query) => {
        const at = Number(query['cursor'] === '' ? 0 : query['cursor']);
        const more = at + 100 < 250 ? { nextCursor: String(at + 100) } : {};
        return { Resources: users(at, Math.min(250, at + 100)), ...more };
      },
      { knobs: { paging: 'cursor' } },
    );
    assert.deepEqual([byCursor.ids.length, byCursor.failed], [250, null]);
    const untold = await readFrom(
      paged(() => users(0, 250), false),
      { knobs: { pageMax: 100 } },
    );
    assert.deepEqual([untold.ids.length, untold.failed], [250, null]);
  });

  it('in one piece where there are no pages', async () => {
    const { ids, failed, asked } = await readFrom(
      () => ({ Resources: users(0, 250), totalResults: 250 }),
      { knobs: { paging: 'none' } },
    );
    assert.deepEqual([ids.length, failed, asked], [250, null, [{}]]);
  });

  it('with a weaker filter than asked for, or none, where the target knows no better', async () => {
    const filter = 'title co "x" and userName eq "n1"';
    const weak = await readFrom(
      paged(() => users(0, 1)),
      { filter, knobs: { filterOperators: ['eq'] } },
    );
    assert.deepEqual(
      weak.asked.map((query) => query['filter']),
      ['userName eq "n1"'],
    );
    const none = await readFrom(
      paged(() => users(0, 1)),
      { filter, knobs: { filterOperators: [] } },
    );
    assert.deepEqual(
      none.asked.map((query) => query['filter']),
      [undefined],
    );
  });

  it('after the pause that a target asks for', async () => {
    const busy: Sent = {
      kind: 'not-sent',
      code: 'target_rate_limited',
      reason: '429',
      retryAfterSeconds: 7,
      attempts: 1,
    };
    const page = paged(() => users(0, 3));
    const { ids, failed, slept } = await readFrom((query, call) =>
      call === 0 ? busy : page(query, call),
    );
    assert.deepEqual([ids.length, failed, slept], [3, null, [7_000]]);
  });
});

describe('what cannot be read whole is said', () => {
  for (const [name, failed, answer, options] of [
    [
      'the same page again',
      'page_repeated',
      () => ({ Resources: users(0, 100), totalResults: 250 }),
      {},
    ],
    [
      'a list that shrinks without end',
      'list_unsteady',
      (_query: unknown, call: number) => ({
        Resources: users(0, 100),
        totalResults: 10_000 - call,
      }),
      {},
    ],
    [
      'more than a round may read',
      'too_many_resources',
      paged(() => users(0, 250)),
      { resources: 249 },
    ],
    [
      'a resource without an id',
      'resource_without_id',
      () => ({ Resources: [{ userName: 'x' }], totalResults: 1 }),
      {},
    ],
    ['no list', 'target_answered_200', () => ({ detail: 'no list' }), {}],
    ['a filter that nobody can read', 'filter_malformed', paged(() => []), { filter: 'what eq' }],
    [
      'a target that lists nothing',
      'list_unreadable',
      paged(() => []),
      { knobs: { unfilteredList: 'none' } },
    ],
    [
      'a target that does not answer',
      'target_timeout',
      (): Sent => ({ kind: 'in-doubt', code: 'target_timeout', reason: 'x', attempts: 1 }),
      {},
    ],
  ] as const) {
    it(name, async () => {
      const read = await readFrom(answer, options);
      assert.equal(read.failed, failed);
    });
  }
});

it('counts by the total alone, and says where none is told', async () => {
  const count = async (body: Json, knobs: Partial<Knobs> = {}) => {
    const { deps, asked } = await readFrom(() => body);
    asked.length = 0;
    const counted = await countAll(deps, target(knobs), userType);
    return [counted, asked[0]?.['count']];
  };
  const total = { totalResults: 500, Resources: [] };
  assert.deepEqual(await count(total), [{ count: 500 }, '0']);
  assert.deepEqual(await count(total, { countZero: false }), [{ count: 500 }, '1']);
  assert.deepEqual(await count({ Resources: users(0, 1) }), [{ count: null }, '0']);
  assert.deepEqual((await count(total, { unfilteredList: 'none' }))[0], { count: null });
  assert.deepEqual((await count({ detail: 'no' }))[0], { failed: 'target_answered_200' });
});
