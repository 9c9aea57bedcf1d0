import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import type { Page } from '../../../src/identity/operation.ts';
import { cutPage, pageAt, type ListedPage } from '../../../src/identity/scim/pages.ts';
import { readRawList } from '../../../src/identity/scim/target-resource.ts';

const listOf = (
  resources: readonly number[],
  more: Partial<ListedPage<number>> = {},
): ListedPage<number> => ({
  totalResults: resources.length,
  totalStated: true,
  startIndex: 1,
  nextCursor: null,
  previousCursor: null,
  resources,
  ...more,
});
const index = (startIndex: number) => ({ next: { kind: 'index', startIndex } });
const byTarget = (cursor: string) => ({ next: { kind: 'target', cursor } });

type Case = readonly [
  name: string,
  list: ListedPage<number>,
  page: Page,
  byCursor: boolean,
  shown: readonly number[] | 'invalidCount',
  beside: unknown,
];

const cases: readonly Case[] = [
  ['by index nothing lies beside', listOf([1, 2], { totalResults: 9 }), {}, false, [1, 2], {}],
  ['never more than asked for', listOf([1, 2, 3]), { count: 2 }, false, [1, 2], {}],
  ['a forced cursor', listOf([1], { nextCursor: 'n' }), { count: 1 }, false, [1], byTarget('n')],
  ['but not past what was cut', listOf([1, 2], { nextCursor: 'n' }), { count: 1 }, false, [1], {}],
  ['first by cursor', listOf([1, 2], { totalResults: 5 }), { count: 2 }, true, [1, 2], index(3)],
  [
    'a page in between',
    listOf([3, 4], { totalResults: 5, startIndex: 3 }),
    { startIndex: 3, count: 2 },
    true,
    [3, 4],
    index(5),
  ],
  [
    'a shorter page than asked for',
    listOf([1], { totalResults: 5 }),
    { count: 3 },
    true,
    [1],
    index(2),
  ],
  [
    'the last page',
    listOf([5], { totalResults: 5, startIndex: 5 }),
    { startIndex: 5, count: 2 },
    true,
    [5],
    {},
  ],
  ['an empty page ends', listOf([], { totalResults: 5 }), { startIndex: 3 }, true, [], {}],
  [
    'a target that ignores paging',
    listOf([1, 2, 3, 4, 5]),
    { startIndex: 3, count: 2 },
    true,
    [3, 4],
    index(5),
  ],
  ['its first page', listOf([1, 2, 3, 4, 5]), { count: 2 }, true, [1, 2], index(3)],
  [
    'a full page of an unknown total',
    listOf([1, 2], { totalStated: false }),
    { count: 2 },
    true,
    [1, 2],
    index(3),
  ],
  [
    'a short page of an unknown total',
    listOf([1], { totalStated: false }),
    { count: 2 },
    true,
    [1],
    {},
  ],
  [
    "the target's own cursors",
    listOf([1], { nextCursor: 'n', previousCursor: 'p' }),
    { cursor: 'c', count: 1 },
    true,
    [1],
    { ...byTarget('n'), previous: { kind: 'target', cursor: 'p' } },
  ],
  ['the last of them', listOf([1], { totalResults: 9 }), { cursor: 'c' }, true, [1], {}],
  [
    'a first cursor that was ignored',
    listOf([1], { totalResults: 2 }),
    { cursor: '' },
    true,
    [1],
    index(2),
  ],
  [
    'pages larger than asked for',
    listOf([1, 2], { nextCursor: 'n' }),
    { count: 1 },
    true,
    'invalidCount',
    {},
  ],
];

suite('a page', () => {
  for (const [name, list, page, byCursor, shown, beside] of cases) {
    test(name, () => {
      const cut = cutPage(list, page, byCursor);
      if (isRefusal(cut)) return assert.equal(cut.scimType, shown);
      assert.deepEqual(cut.resources, shown);
      return assert.deepEqual(cut.beside, beside);
    });
  }

  test('is asked of the target as it serves pages', () => {
    const page: Page = { cursor: 'sealed', count: 2, sortBy: 'title' };
    const rest = { count: 2, sortBy: 'title' };
    assert.deepEqual(pageAt(page, null, 'index'), rest);
    assert.deepEqual(pageAt(page, null, 'both'), { ...rest, cursor: '' });
    assert.deepEqual(pageAt(page, null, 'cursor'), { ...rest, cursor: '' });
    const own = { kind: 'target', cursor: 'c' } as const;
    assert.deepEqual(pageAt(page, own, 'index'), { ...rest, cursor: 'c' });
    const at = { kind: 'index', startIndex: 7 } as const;
    assert.deepEqual(pageAt(page, at, 'cursor'), { ...rest, startIndex: 7 });
  });

  test('whose cursor cannot be passed on is no list: it would read as the last one', () => {
    const withCursor = (nextCursor: unknown) =>
      readRawList({ totalResults: 9, Resources: [], nextCursor: nextCursor as string });
    assert.equal(withCursor('x'.repeat(4_096))?.nextCursor?.length, 4_096);
    assert.equal(withCursor('x'.repeat(4_097)), null);
    assert.equal(withCursor('a"b'), null);
    assert.equal(withCursor(''.padEnd(0))?.nextCursor, null);
    assert.equal(withCursor(null)?.nextCursor, null);
  });
});
