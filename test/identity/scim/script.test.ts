/** The walk of a script as a table: which results lead where. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { step, type Next, type Part, type Result } from '../../../src/identity/scim/script.ts';
import { addMembers, creating, group, groupType, ids, patching, planned } from './plan-fixture.ts';

const three = planned(patching(groupType, group('old'), addMembers(...ids(6))), {
  membersPerCall: 2,
});
const created = planned(creating(groupType, group(...ids(6))), { membersPerCall: 2 });
const kept = three.map((part): Part => ({ ...part, inverse: [], kept: 'revocation' }));

const result = (outcome: Result['outcome'], resourceId: string | null = null): Result => ({
  outcome,
  resourceId,
});
const done = result('applied');

const told = (next: Next): string =>
  next.kind === 'send'
    ? `${next.taking} ${next.sendable.call.method} ${next.sendable.call.path}`
    : `${next.ended.kind} ${next.ended.made} ${next.ended.kept ?? '-'}`;

const cases: readonly (readonly [string, typeof three, readonly Result[], string])[] = [
  ['the first part', three, [], 'forward PATCH /Groups/x1'],
  ['one after the other', three, [done, done], 'forward PATCH /Groups/x1'],
  ['all made', three, [done, done, done], 'applied 3 -'],
  ['nothing to send', [], [], 'applied 0 -'],
  ['the first refused', three, [result('rejected')], 'failed 0 -'],
  ['the first in doubt', three, [result('in-doubt')], 'failed 0 -'],
  ['a later one in doubt', three, [done, result('in-doubt')], 'partial 1 in-doubt'],
  ['a later one refused', three, [done, done, result('rejected')], 'back PATCH /Groups/x1'],
  ['a later one not sent', three, [done, result('not-sent')], 'back PATCH /Groups/x1'],
  ['all taken back', three, [done, done, result('rejected'), done, done], 'taken-back 2 -'],
  [
    'taking back refused',
    three,
    [done, done, result('rejected'), result('rejected')],
    'partial 2 not-taken-back',
  ],
  ['a revocation stays', kept, [done, result('rejected')], 'partial 1 revocation'],
  ['into what was created', created, [result('applied', 'g 1')], 'forward PATCH /Groups/g%201'],
  ['created, and nobody says what', created, [done], 'partial 1 unknown'],
  [
    'deleted again',
    created,
    [result('applied', 'g1'), result('rejected')],
    'back DELETE /Groups/g1',
  ],
  [
    'created, filled half, deleted',
    created,
    [result('applied', 'g1'), done, result('rejected'), done],
    'taken-back 2 -',
  ],
];

for (const [name, script, results, expected] of cases) {
  test(`step: ${name}`, () => assert.equal(told(step(script, results)), expected));
}

test('the way back goes from the last part made to the first', () => {
  const failed = [done, done, result('rejected')];
  const back = step(three, failed);
  const further = step(three, [...failed, done]);
  assert.ok(back.kind === 'send' && further.kind === 'send');
  assert.deepEqual([back.sendable, further.sendable], [three[1]?.inverse[0], three[0]?.inverse[0]]);
});
