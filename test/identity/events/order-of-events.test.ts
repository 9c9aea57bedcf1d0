import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { LifecycleEvent } from '../../../src/identity/events/event.ts';
import { isSuperseded, wholeRecord } from '../../../src/identity/events/order-of-events.ts';

type Parts = Partial<LifecycleEvent>;
const make = (kind: string, observedAt: number | null, more: Parts = {}): LifecycleEvent => ({
  source: 's',
  id: null,
  kind,
  type: '',
  subject: 'ann',
  keys: {},
  effectiveAt: null,
  observedAt,
  changed: [],
  cancels: [],
  raw: null,
  ...more,
});
const mover = (at: number, ...changed: readonly string[]): LifecycleEvent =>
  make('mover', at, { changed });
const member = (kind: string, at: number, groupId: string): LifecycleEvent =>
  make(kind, at, { keys: { groupId } });

const cases: readonly (readonly [string, LifecycleEvent, readonly LifecycleEvent[], boolean])[] = [
  ['nothing came after', make('leaver', 1), [], false],
  ['a leaver before a rehire', make('leaver', 1), [make('rehire', 2)], true],
  ['a joiner before a leaver', make('joiner', 1), [make('leaver', 2)], true],
  ['a suspension before its end', make('suspend', 1), [make('resume', 2)], true],
  ['a leaver after a rehire', make('leaver', 3), [make('rehire', 2)], false],
  ['two of one moment', make('leaver', 2), [make('rehire', 2)], false],
  ['a time nobody knows', make('leaver', null), [make('rehire', 2)], false],
  ['a later one without a time', make('leaver', 1), [make('rehire', null)], false],
  ['somebody else', make('leaver', 1), [make('rehire', 2, { subject: 'bob' })], false],
  ['another source', make('leaver', 1), [make('rehire', 2, { source: 't' })], false],
  ['nobody', make('leaver', 1, { subject: '' }), [make('rehire', 2, { subject: '' })], false],
  ['status before a mover', make('leaver', 1), [mover(2, 'status')], false],
  ['the twins of a hire', make('joiner', 1), [mover(2, 'name')], false],
  [
    'an announced leaver before a suspension',
    make('leaver', 1, { effectiveAt: 9 }),
    [make('resume', 5)],
    false,
  ],
  [
    'an announced leaver whose day was before',
    make('leaver', 1, { effectiveAt: 4 }),
    [make('resume', 5)],
    true,
  ],
  [
    'a backdated one counts when it was seen',
    make('leaver', 6, { effectiveAt: 1 }),
    [make('resume', 5)],
    false,
  ],
  ['a mover of other fields', mover(1, 'a'), [mover(2, 'b')], false],
  ['a mover of some of its fields', mover(1, 'a', 'b'), [mover(2, 'b')], false],
  [
    'a mover whose fields changed again',
    mover(1, 'a', 'b'),
    [mover(2, 'b'), mover(3, 'a', 'c')],
    true,
  ],
  ['a mover of unknown fields', mover(1), [mover(2, 'a')], false],
  ['a mover before one of unknown fields', mover(1, 'a'), [mover(2)], false],
  ['a mover of unknown fields before a whole record', mover(1), [mover(2, wholeRecord)], true],
  ['a mover before a leaver', mover(1, 'a'), [make('leaver', 2, { changed: ['a'] })], false],
  [
    'into a group before out of it',
    member('group-add', 1, 'g'),
    [member('group-remove', 2, 'g')],
    true,
  ],
  [
    'into a group before out of another',
    member('group-add', 1, 'g'),
    [member('group-remove', 2, 'h')],
    false,
  ],
  ['a group nobody named', make('group-add', 1), [make('group-remove', 2)], false],
  ['a credential', make('credential', 1), [make('credential', 2)], false],
  ['a word of one’s own', make('contract-end', 1), [make('contract-end', 2)], false],
];

/**
 * A toy target. Status and memberships are what the event says; a mover copies its fields from the
 * source's record as it is now, as an enriched plan does.
 */
const apply = (events: readonly LifecycleEvent[], record: ReadonlyMap<string, number>): unknown => {
  const state = {
    status: 'none',
    groups: new Map<string, string>(),
    fields: new Map<string, number>(),
  };
  const done: LifecycleEvent[] = [];
  for (const event of events) {
    const isVoid = isSuperseded(event, done);
    done.push(event);
    if (isVoid) continue;
    if (event.kind === 'mover') {
      for (const path of event.changed) state.fields.set(path, record.get(path) ?? 0);
    } else if (event.kind.startsWith('group-')) {
      state.groups.set(String(event.keys['groupId']), event.kind);
    } else {
      state.status = event.kind;
    }
  }
  return {
    status: state.status,
    groups: Object.fromEntries(state.groups),
    fields: Object.fromEntries(state.fields),
  };
};

describe('events out of order', () => {
  for (const [title, older, others, wanted] of cases) {
    test(title, () => assert.equal(isSuperseded(older, others), wanted));
  }

  test('any order of arrival ends where the true order ends', () => {
    const event = fc.oneof(
      fc
        .constantFrom('joiner', 'leaver', 'rehire', 'suspend', 'resume')
        .map((kind) => make(kind, 0)),
      fc.subarray(['a', 'b', 'c'], { minLength: 1 }).map((changed) => mover(0, ...changed)),
      fc
        .tuple(fc.constantFrom('group-add', 'group-remove'), fc.constantFrom('g', 'h'))
        .map(([kind, group]) => member(kind, 0, group)),
    );
    const history = fc
      .array(event, { minLength: 1, maxLength: 12 })
      .map((events) => events.map((one, at) => ({ ...one, observedAt: at + 1 })));
    const shuffled = history.chain((events) =>
      fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length })),
    );
    let changed = 0;
    fc.assert(
      fc.property(shuffled, ([events, arrived]) => {
        const record = new Map<string, number>();
        for (const one of events) for (const path of one.changed) record.set(path, one.observedAt);
        if (events.some((one, at) => one !== arrived[at])) changed++;
        assert.deepEqual(apply(arrived, record), apply(events, record));
      }),
      { numRuns: 1_000 },
    );
    assert.ok(changed > 500);
  });

  test('without the rule it would not', () => {
    const [leaver, rehire] = [make('leaver', 1), make('rehire', 2)];
    assert.equal(isSuperseded(leaver, [rehire]), true);
    assert.notDeepEqual(apply([leaver], new Map()), apply([rehire, leaver], new Map()));
  });
});
