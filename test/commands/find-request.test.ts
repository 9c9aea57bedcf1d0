import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findRequest, printSearched } from '../../src/commands/find-request.ts';
import { isRefusal, refuse } from '../../src/errors.ts';
import type { LedgerRow } from '../../src/ledger/record.ts';

const start = Date.parse('2026-12-01T12:00:00Z');

/** Entry `index`, the newest first; ten share each millisecond. */
const rowAt = (index: number): LedgerRow =>
  ({
    id: `led_${index}`,
    at: new Date(start - Math.floor(index / 10)).toISOString(),
    requestId: `req_${index}`,
    callerRequestId: index % 2 === 0 ? `own-${index}` : null,
  }) as LedgerRow;

/** A ledger of `count` entries that answers as the store does: `until` is beyond the last. */
const ledgerOf = (count: number) => {
  const rows = Array.from({ length: count }, (_, index) => rowAt(index));
  const asked: (string | undefined)[] = [];
  const list = async ({ until, limit }: Readonly<{ until?: string; limit: number }>) => {
    asked.push(until);
    const within = rows.filter(({ at }) => until === undefined || at < until);
    return within.slice(0, limit);
  };
  return { list, asked };
};

const search = async (count: number, id: string) => {
  const { list, asked } = ledgerOf(count);
  const found = await findRequest(list, id, { since: '24h' });
  assert.ok(!isRefusal(found));
  return { ...found, pages: asked.length };
};

test('a request is found on the first page or a later one, by either id', async () => {
  for (const [id, entry, pages] of [
    ['req_3', 'led_3', 1],
    ['own-4', 'led_4', 1],
    ['req_1500', 'led_1500', 2],
    ['own-2398', 'led_2398', 3],
  ] as const) {
    const found = await search(2_400, id);
    assert.deepEqual([found.row?.id, found.pages], [entry, pages], id);
  }
});

test('where nothing is found, it is told how far was looked', async () => {
  const empty = await search(0, 'req_x');
  assert.equal(
    printSearched(empty, 'req_x', '24h'),
    'no entry of the request req_x among 0 entries since 24h; look further back with --since',
  );
  const all = await search(2_400, 'req_x');
  assert.deepEqual([all.looked, all.whole], [2_400, true]);
  const bounded = await search(30_000, 'req_29999');
  assert.deepEqual([bounded.row, bounded.whole, bounded.pages], [null, false, 20]);
  assert.ok(bounded.looked > 19_000 && bounded.looked <= 20_000);
  assert.match(
    printSearched(bounded, 'req_29999', '24h'),
    /^no entry of the request req_29999 among the newest \d+ entries, back to 2026-\S+; look before that with --until 2026-\S+$/,
  );
});

test('pages that do not move on end the search, and a refusal is passed on', async () => {
  const page = Array.from({ length: 1_000 }, (_, index) => ({ ...rowAt(index), at: rowAt(0).at }));
  const stuck = await findRequest(async () => page, 'req_x', { since: '24h' });
  assert.ok(!isRefusal(stuck));
  assert.deepEqual([stuck.row, stuck.looked, stuck.whole], [null, 1_000, false]);
  const refused = await findRequest(async () => refuse('internal', 'No.'), 'x', { since: '1h' });
  assert.ok(isRefusal(refused));
});
