/** Which entries a span selects: what was denied, held or never sent changed nothing, and is none. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ListQuery } from '../../src/ledger/ledger.ts';
import type { LedgerRow } from '../../src/ledger/record.ts';
import { selectEntries } from '../../src/undo/select-entries.ts';

const row = (n: number, more: Partial<LedgerRow> = {}): LedgerRow =>
  ({
    id: `led_00000001${n.toString(36).padStart(6, '0')}`,
    at: new Date(1_700_000_000_000 + n).toISOString(),
    code: null,
    outcome: 'applied',
    ...more,
  }) as unknown as LedgerRow;

/** Pages as the ledger gives them: newest first, before `until`. */
const ledgerOf = (rows: readonly LedgerRow[]) => ({
  list: ({ until = Infinity, limit }: ListQuery) =>
    Promise.resolve(
      rows
        .filter(({ at }) => Date.parse(at) < until)
        .toReversed()
        .slice(0, limit),
    ),
  show: () => Promise.resolve(null),
});

const span = { client: 'sync', since: 0, until: 2_000_000_000_000, actions: null };

it('passes over what changed nothing, and keeps what is in doubt', async () => {
  const rows = [
    row(1),
    row(2, { code: 'mutation_held', outcome: null }),
    row(3, { outcome: 'rejected' }),
    row(4, { outcome: 'not-sent' }),
    row(5, { outcome: 'in-doubt' }),
    row(6, { outcome: null }),
  ];
  const selected = await selectEntries(ledgerOf(rows), span);
  assert.ok(!('refused' in selected));
  assert.deepEqual(
    selected.map(({ id }) => id),
    [1, 5, 6].map((n) => row(n).id),
  );
});

it('counts what changed something only: a flood that was held hides no entry', async () => {
  const held = Array.from({ length: 10_500 }, (_, at) => row(at + 2, { code: 'mutation_held' }));
  const selected = await selectEntries(ledgerOf([row(1), ...held]), span);
  assert.ok(!('refused' in selected), 'more than 10,000 entries, but one of them is a change');
  assert.deepEqual(
    selected.map(({ id }) => id),
    [row(1).id],
  );
  const changed = Array.from({ length: 10_500 }, (_, at) => row(at + 2));
  assert.ok('refused' in (await selectEntries(ledgerOf(changed), span)));
});
