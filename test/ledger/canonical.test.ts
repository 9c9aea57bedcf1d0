import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { bodyText, canonicalText, parseRecord } from '../../src/ledger/canonical.ts';
import { genesis, link } from '../../src/ledger/chain.ts';
import { ledgerId } from '../../src/ids.ts';
import type { LedgerRecord } from '../../src/ledger/record.ts';
import { denial, intent, outcome } from './fixture.ts';

/** RFC 8785 for values without fractions: members sorted, printed as JSON.stringify does. */
const sorted = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(sorted).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${sorted(member)}`).join(',')}}`;
};

const shuffled = <Value extends object>(value: Value): Value =>
  Object.fromEntries(Object.entries(value).toReversed()) as Value;

const related = {
  hold: { id: 'hld_018bcfe568000123456789ab', approvals: ['bob', 'alice'] },
  override: 'ovr_018bcfe568000123456789ab',
  reverses: ['led_0badcafe000002', 'led_0badcafe000001'],
} as const;

const records: readonly LedgerRecord[] = [
  intent(),
  intent(related),
  intent({ reverses: related.reverses }),
  outcome(ledgerId('0badcafe', 7)),
  denial(),
  denial({ code: 'mutation_held', hold: related.hold.id }),
  {
    kind: 'act',
    at: 1,
    actor: 'local',
    act: 'keys.issue',
    details: { z: 1, a: ['b'], __proto__x: null },
  },
];

for (const [nth, record] of records.entries()) {
  test(`a ${record.kind} (${nth}) is printed canonically, whatever the order of its members`, () => {
    const text = canonicalText(record, record.at, 'hash');
    assert.equal(text, sorted(JSON.parse(text)));
    assert.equal(canonicalText(shuffled(record), record.at, 'hash'), text);
    const { body: _, ...rest } = record as typeof record & { body?: unknown };
    const { bodyHash: __, ...back } = (parseRecord(text) ?? {}) as { bodyHash?: unknown };
    assert.deepEqual(back, rest);
  });
}

test('what belongs to holds, overrides and reversals is printed only where it is there', () => {
  const members = (record: LedgerRecord) =>
    Object.keys(JSON.parse(canonicalText(record, record.at, 'hash')) as object);
  const added = ['hold', 'override', 'reverses'];
  assert.ok(added.every((name) => members(intent(related)).includes(name)));
  assert.deepEqual(
    members(intent()),
    members(intent(related)).filter((name) => !added.includes(name)),
  );
  assert.deepEqual(
    members(denial()),
    members(denial({ hold: 'hld_1' })).filter((name) => name !== 'hold'),
  );
});

test('names and texts from outside survive, and never hold a raw newline', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (id, rule) => {
      const record = denial({ resource: { type: 'User', id }, rule });
      const text = canonicalText(record, record.at, null);
      assert.ok(!text.includes('\n'));
      assert.deepEqual(parseRecord(text), record);
    }),
  );
});

test('what is no record parses to null', () => {
  for (const text of ['', 'null', '[]', '{}', '{"kind":"intent"}', '{"kind":"x","at":1}', '{']) {
    assert.equal(parseRecord(text), null);
  }
});

test('a link depends on every byte and on what came before', () => {
  const start = genesis('0badcafe');
  assert.ok(!link(start, 'a').equals(link(start, 'b')));
  assert.ok(!link(start, 'a').equals(link(genesis('0badcaff'), 'a')));
  assert.ok(link(start, 'ü'.repeat(40_000)).equals(link(start, 'ü'.repeat(40_000))));
});

test('a body names all calls of a mutation where there are several, and old bodies stay as they are', () => {
  const call = { method: 'PATCH', path: '/Groups/1', query: '', body: null };
  const body = { call, changes: null, before: null, expected: null, subject: null };
  assert.equal(
    bodyText(body),
    '{"before":null,"call":{"method":"PATCH","path":"/Groups/1","query":"","body":null},"changes":null,"expected":null,"subject":null}',
  );
  const several = JSON.parse(
    bodyText({ ...body, calls: [{ ...call, inverse: [call] }] }),
  ) as object;
  assert.deepEqual(Object.keys(several), [
    'before',
    'call',
    'calls',
    'changes',
    'expected',
    'subject',
  ]);
});
