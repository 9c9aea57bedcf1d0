import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WindowClaim } from '../../src/ledger/claims.ts';
import type { IntentRecord } from '../../src/ledger/record.ts';
import { openEntry } from '../../src/passage/open-entry.ts';
import type { Place } from '../../src/passage/places.ts';
import { nothingWeighed } from '../../src/passage/weigh.ts';
import type { Guard } from '../../src/policy/safety.ts';
import { entry, releaseOf, weighingOf } from './safety-walk.ts';

const place = (name: string, then: Guard['then'] = 'hold'): Place => ({
  guard: { name, then, by: 1 } as Guard,
  window: { name: 'fast', ms: 60_000, count: 3, share: null },
  claim: { key: name, ms: 60_000, max: 3, amount: 1, force: false },
});
const full = (key: string) =>
  ({ unclaimed: 'window', key, used: 3, max: 3, freeAt: 1_000 }) as const;
const urgent: WindowClaim = { key: 'urgent', ms: 1_000, max: 1, amount: 1, force: false };
const intent = (shadowed: readonly string[]): IntentRecord => ({ shadowed }) as IntentRecord;

describe('opening an entry', () => {
  it('claims nothing where nothing is touched', async () => {
    const { weighing, claims } = weighingOf();
    assert.equal(await openEntry(weighing, nothingWeighed, intent), entry);
    assert.deepEqual(claims, [null]);
  });

  it('takes all places at once, and stops at the window that is full', async () => {
    const { weighing, claims } = weighingOf({ refusals: [full('b')] });
    const weighed = { ...nothingWeighed, places: [place('a'), place('b')] };
    const stop = await openEntry(weighing, weighed, intent);
    assert.ok(typeof stop !== 'string' && stop.stop === 'held');
    assert.equal(stop.hold.rule, 'guards.b');
    assert.deepEqual(
      claims[0]?.windows.map(({ key }) => key),
      ['a', 'b'],
    );
    const denying = weighingOf({ refusals: [full('b')] });
    const places = [place('a'), place('b', 'deny')];
    const denied = await openEntry(denying.weighing, { ...nothingWeighed, places }, intent);
    assert.ok(typeof denied !== 'string' && denied.stop === 'refused');
    assert.equal(denied.refusal.refused, 'guard_tripped');
  });

  it('takes the urgent place first, and the guards only when that is gone', async () => {
    const places = [place('a')];
    const first = weighingOf();
    assert.equal(
      await openEntry(first.weighing, { ...nothingWeighed, places, urgent }, intent),
      entry,
    );
    assert.deepEqual(first.claims, [{ windows: [urgent], hold: null }]);
    const later = weighingOf({ refusals: [full('urgent')] });
    assert.equal(
      await openEntry(later.weighing, { ...nothingWeighed, places, urgent }, intent),
      entry,
    );
    assert.deepEqual(later.claims[1]?.windows, [places[0]?.claim]);
    const closed = weighingOf({ refusals: [full('urgent')] });
    const unknown = { guard: place('a').guard, why: 'nobody knows how many there are' };
    const weighed = { ...nothingWeighed, urgent, closed: unknown };
    const stop = await openEntry(closed.weighing, weighed, intent);
    assert.ok(typeof stop !== 'string' && stop.stop === 'held');
    assert.equal(closed.claims.length, 1);
  });

  it('notes in a trial which guards would have stopped it, and takes their places', async () => {
    const { weighing, claims, intents } = weighingOf({
      shadowed: true,
      refusals: [full('a'), full('b')],
    });
    const weighed = { ...nothingWeighed, places: [place('a'), place('b'), place('c')] };
    assert.equal(await openEntry(weighing, weighed, intent), entry);
    assert.deepEqual(intents.at(-1)?.shadowed, ['guards.a', 'guards.b']);
    assert.deepEqual(
      claims.at(-1)?.windows.map(({ force }) => force),
      [true, true, false],
    );
  });

  it('claims the hold of a release, and says when somebody else has it', async () => {
    const passage = { release: releaseOf() };
    const { weighing, claims } = weighingOf({ passage });
    assert.equal(await openEntry(weighing, nothingWeighed, intent), entry);
    assert.deepEqual(claims, [{ windows: [], hold: { id: 'hld_1', version: 2 } }]);
    const taken = weighingOf({ passage, refusals: [{ unclaimed: 'hold' }] });
    const stop = await openEntry(taken.weighing, nothingWeighed, intent);
    assert.ok(typeof stop !== 'string' && stop.stop === 'unreleased');
    assert.equal(stop.unreleased.why, 'taken');
  });
});
