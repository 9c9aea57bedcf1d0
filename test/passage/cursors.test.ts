import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isRefusal, refuse } from '../../src/errors.ts';
import type { ReadOperation } from '../../src/identity/operation.ts';
import { parseFilter } from '../../src/identity/scim/filter.ts';
import {
  cursorLengthMax,
  expiredCursor,
  invalidCursor,
  type PagePosition,
} from '../../src/identity/scim/pages.ts';
import { groupType, userType } from '../../src/identity/scim/schemas.ts';
import { systemRandom } from '../../src/ids.ts';
import {
  cursorLifetimeMs,
  openCursor,
  openPage,
  sealCursor,
  withCursors,
  type CursorScope,
} from '../../src/passage/cursors.ts';
import { makeKeyRing } from '../../src/sealing.ts';

type Search = Extract<ReadOperation, { verb: 'search' }>;

const started = 1_800_000_000_000;
const ring = makeKeyRing([Buffer.alloc(32, 7)], systemRandom);
const depsAt = (now: number) => ({ keyRing: ring, clock: { now: () => now } });
const deps = depsAt(started);

const filterOf = (text: string) => {
  const filter = parseFilter(text, userType);
  assert.ok(!isRefusal(filter));
  return filter;
};
const search: Search = {
  verb: 'search',
  type: userType,
  repairs: [],
  projection: {},
  filter: filterOf('title pr'),
  page: { cursor: '', count: 2 },
};
const bound = {
  client: 'a',
  route: 'r',
  targetBase: 'https://t.example/v2',
  gated: false,
} as const;
const scope: CursorScope = { ...bound, search };
const position: PagePosition = { kind: 'index', startIndex: 3 };

const positions: fc.Arbitrary<PagePosition> = fc.oneof(
  fc.record(
    { kind: fc.constant('index' as const), startIndex: fc.integer({ min: 1 }) },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      kind: fc.constant('target' as const),
      cursor: fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 4_096 }),
    },
    { noNullPrototype: true },
  ),
);

suite('a cursor', () => {
  test('gives back the position that was sealed, in characters that need no escape', () => {
    fc.assert(
      fc.property(positions, (each) => {
        const sealed = sealCursor(deps, scope, each);
        assert.match(sealed, /^[A-Za-z0-9_-]+$/);
        assert.deepEqual(openCursor(deps, scope, sealed), each);
      }),
    );
  });

  test('is short enough to come back, whatever cursor of a target it holds', () => {
    const longest: PagePosition = { kind: 'target', cursor: 'x'.repeat(4_096) };
    assert.ok(sealCursor(deps, scope, longest).length <= cursorLengthMax);
  });

  test('with any character changed, cut or added is none', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.split('');
    const sealed = sealCursor(deps, scope, position);
    for (let at = 0; at < sealed.length; at++) {
      for (const other of [...alphabet, '=', '+', ' ', 'é']) {
        if (other === sealed[at]) continue;
        const changed = sealed.slice(0, at) + other + sealed.slice(at + 1);
        assert.equal(openCursor(deps, scope, changed), invalidCursor);
      }
      assert.equal(openCursor(deps, scope, sealed.slice(0, at)), invalidCursor);
    }
    for (const more of ['A', '=', '%', ' ']) {
      assert.equal(openCursor(deps, scope, sealed + more), invalidCursor);
    }
  });

  test('that is any text at all is none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        assert.equal(openCursor(deps, scope, text), invalidCursor);
      }),
    );
  });

  const others: readonly (readonly [string, CursorScope])[] = [
    ['client', { ...scope, client: 'b' }],
    ['route', { ...scope, route: 's' }],
    ['target', { ...scope, targetBase: 'https://t.example/v3' }],
    ['gate', { ...scope, gated: true }],
    ['count', { ...scope, search: { ...search, page: { ...search.page, count: 3 } } }],
    ['order', { ...scope, search: { ...search, page: { ...search.page, sortBy: 'title' } } }],
    ['filter', { ...scope, search: { ...search, filter: filterOf('nickName pr') } }],
    ['projection', { ...scope, search: { ...search, projection: { excluded: ['title'] } } }],
    ['resource type', { ...scope, search: { ...search, type: groupType } }],
  ];
  for (const [what, other] of others) {
    test(`of another ${what} is none, with the same words`, () => {
      const sealed = sealCursor(deps, scope, position);
      assert.equal(openCursor(deps, other, sealed), invalidCursor);
      assert.deepEqual(openCursor(deps, scope, sealed), position);
    });
  }

  test('does not depend on where among the pages it was made', () => {
    const sealed = sealCursor(deps, scope, position);
    const later = { ...scope, search: { ...search, page: { cursor: sealed, count: 2 } } };
    assert.deepEqual(openCursor(deps, later, sealed), position);
  });

  test('of a key that is gone is none; one that expired says so', () => {
    const sealed = sealCursor(deps, scope, position);
    const other = makeKeyRing([Buffer.alloc(32, 8)], systemRandom);
    assert.equal(openCursor({ ...deps, keyRing: other }, scope, sealed), invalidCursor);
    const atEnd = depsAt(started + cursorLifetimeMs);
    assert.deepEqual(openCursor(atEnd, scope, sealed), position);
    const after = openCursor(depsAt(started + cursorLifetimeMs + 1), scope, sealed);
    assert.ok(isRefusal(after) && after.scimType === 'expiredCursor');
  });
});

suite('a page by cursor', () => {
  const paged = (page: Search['page'], paging: 'index' | 'cursor' | 'both', gated = false) => {
    const opened = openPage(deps, { ...search, page }, { ...bound, gated }, paging);
    return isRefusal(opened) ? (opened.scimType ?? opened.refused) : opened.operation.page;
  };

  test('is asked for as the target serves it', () => {
    const sealed = sealCursor(deps, scope, position);
    const own = sealCursor(deps, scope, { kind: 'target', cursor: 'c' });
    assert.deepEqual(paged({ count: 2 }, 'index'), { count: 2 });
    assert.deepEqual(paged({ count: 2, cursor: '' }, 'index'), { count: 2 });
    assert.deepEqual(paged({ count: 2, cursor: '' }, 'both'), { count: 2, cursor: '' });
    assert.deepEqual(paged({ count: 2, cursor: sealed }, 'index'), { count: 2, startIndex: 3 });
    assert.deepEqual(paged({ count: 2, cursor: own }, 'index'), { count: 2, cursor: 'c' });
    assert.equal(paged({ count: 3, cursor: sealed }, 'index'), 'invalidCursor');
    assert.deepEqual(paged({ startIndex: 9 }, 'both'), { startIndex: 9 });
    assert.equal(paged({ startIndex: 2 }, 'cursor'), 'value_invalid');
    assert.deepEqual(paged({ count: 2, cursor: '' }, 'cursor', true), { count: 2 });
  });

  test("a target's refusal of its own cursor reads like any other", () => {
    const shown = (scimType: string) =>
      withCursors(
        deps,
        scope,
        refuse('target_refused', 'The target says: cursor eyJ is stale', { status: 400, scimType }),
      );
    assert.equal(shown('invalidCursor'), invalidCursor);
    assert.equal(shown('expiredCursor'), expiredCursor);
    const tooMany = shown('tooMany');
    assert.ok(isRefusal(tooMany) && tooMany.scimType === 'tooMany');
  });
});
