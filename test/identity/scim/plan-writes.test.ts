/** The planner of writes, row by row: which calls a change becomes at a target with these knobs. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Change } from '../../../src/identity/scim/schema-model.ts';
import {
  addMembers,
  bodyOf,
  creating,
  group,
  groupType,
  ids,
  operationsOf,
  patching,
  planned,
  removeMember,
  replacing,
  said,
  set,
  unplanned,
  user,
  userType,
} from './plan-fixture.ts';

const emails = [
  { value: 'a@x.org', type: 'work', primary: true },
  { value: 'b@x.org', type: 'home' },
];
const workValue = (value: string): Change => ({
  op: 'replace',
  path: {
    attribute: 'emails',
    filter: { kind: 'compare', path: { attribute: 'type' }, operator: 'eq', value: 'work' },
    sub: 'value',
  },
  value,
});
const removeAll: Change = { op: 'remove', path: { attribute: 'members' } };

const memberCount = (operations: readonly Readonly<Record<string, unknown>>[]): number =>
  operations.reduce(
    (sum, { op, value }) => sum + (op === 'add' ? (value as unknown[]).length : 1),
    0,
  );

describe('splitting', () => {
  test('T1 150 members are added in calls of 100 and 50, each with its way back', () => {
    const script = planned(patching(groupType, group('old'), addMembers(...ids(150))), {
      membersPerCall: 100,
    });
    assert.deepEqual(
      script.map((part) => memberCount(operationsOf(part))),
      [100, 50],
    );
    const [first, last] = script;
    assert.deepEqual([first?.kept, last?.inverse], [null, []]);
    const back = first?.inverse.flatMap((each) => operationsOf(each)) ?? [];
    assert.equal(back.length, 100);
    assert.deepEqual(back[0], { op: 'remove', path: 'members[value eq "m0"]' });
  });

  test('T1 adding to members nobody can see has no way back', () => {
    const script = planned(patching(groupType, group(), addMembers(...ids(150))), {
      membersPerCall: 100,
      showsMembers: false,
    });
    assert.deepEqual([script[0]?.inverse, script[0]?.kept], [[], 'unknown']);
  });

  test('T1 a create with 250 members becomes a create and two PATCHes, taken back by a DELETE', () => {
    const script = planned(creating(groupType, group(...ids(250))), { membersPerCall: 100 });
    assert.deepEqual(
      script.map(({ call }) => `${call.method} ${call.path}`),
      ['POST /Groups', 'PATCH /Groups/{id}', 'PATCH /Groups/{id}'],
    );
    assert.equal((bodyOf(script[0] as never)['members'] as unknown[]).length, 100);
    assert.deepEqual(
      script.map((part) => part.inverse.map(({ call }) => `${call.method} ${call.path}`)),
      [['DELETE /Groups/{id}'], [], []],
    );
  });

  test('T15 25 operations go out as 20 and 5, in their order', () => {
    const changes = Array.from({ length: 25 }, (_, at) => set('title', `t${at}`));
    const script = planned(patching(userType, user(), ...changes), { operationsPerPatch: 20 });
    assert.deepEqual(
      script.map((part) => operationsOf(part).length),
      [20, 5],
    );
    assert.deepEqual(operationsOf(script[1] as never).at(-1)?.['value'], 't24');
  });

  test('T22 bodies stay within the bytes the target takes', () => {
    const script = planned(patching(groupType, group(), addMembers(...ids(200))), {
      bodyMax: 1_000,
    });
    assert.ok(script.length > 3);
    for (const { call } of script) assert.ok(Buffer.byteLength(call.body ?? '') <= 1_000);
    const refusal = unplanned(patching(userType, user(), set('title', 'x'.repeat(2_000))), {
      bodyMax: 1_000,
    });
    assert.equal(refusal.refused, 'body_too_large');
  });

  test('T22 a PUT that is too large goes out as PATCHes of the differences', () => {
    const script = planned(
      replacing(groupType, group(...ids(200)), addMembers('new'), removeMember('m0')),
      { bodyMax: 1_000 },
    );
    assert.deepEqual(said(script), [
      [
        { op: 'add', path: 'members', value: [{ value: 'new' }] },
        { op: 'remove', path: 'members[value eq "m0"]' },
      ],
    ]);
  });

  test('T15 nobody waits for more than 200 parts', () => {
    const changes = Array.from({ length: 201 }, (_, at) => set('title', `t${at}`));
    const over = { operationsPerPatch: 1 };
    assert.equal(planned(patching(userType, user(), ...changes.slice(1)), over).length, 200);
    const refusal = unplanned(patching(userType, user(), ...changes), over);
    assert.match(refusal.detail, /201 parts/);
  });

  test('T34 one member in one operation', () => {
    const either: Change = {
      op: 'remove',
      path: {
        attribute: 'members',
        filter: {
          kind: 'or',
          terms: ['a', 'b'].map((value) => ({
            kind: 'compare',
            path: { attribute: 'value' },
            operator: 'eq',
            value,
          })),
        },
      },
    };
    const script = planned(patching(groupType, group('a', 'b'), addMembers('c', 'd'), either), {
      membersPerOperation: 'one',
    });
    assert.deepEqual(said(script), [
      [
        { op: 'add', path: 'members', value: [{ value: 'c' }] },
        { op: 'add', path: 'members', value: [{ value: 'd' }] },
        { op: 'remove', path: 'members[value eq "a"]' },
        { op: 'remove', path: 'members[value eq "b"]' },
      ],
    ]);
  });

  test('what took access away is not given back when a later part fails', () => {
    const script = planned(
      patching(groupType, group('a', 'b'), removeMember('a'), addMembers('c', 'd')),
      { operationsPerPatch: 1 },
    );
    assert.deepEqual([script[0]?.inverse, script[0]?.kept], [[], 'revocation']);
    const off = planned(
      patching(userType, user({ active: true }), set('active', false), set('title', 'x')),
      {
        operationsPerPatch: 1,
      },
    );
    assert.deepEqual([off[0]?.inverse, off[0]?.kept], [[], 'revocation']);
    const on = planned(
      patching(userType, user({ active: false }), set('active', true), set('title', 'x')),
      {
        operationsPerPatch: 1,
      },
    );
    assert.deepEqual(said(on[0]?.inverse ?? []), [
      [{ op: 'replace', path: 'active', value: false }],
    ]);
  });

  test('a password has no way back, and only the first part carries If-Match', () => {
    const writing = patching(userType, user(), set('password', 'p'), set('title', 'x'));
    const operation = { ...writing.operation, preconditions: { ifMatch: 'W/"1"' } };
    const script = planned({ ...writing, operation }, { operationsPerPatch: 1 });
    assert.equal(script[0]?.kept, 'unknown');
    assert.deepEqual(
      script.map(({ call }) => call.ifMatch),
      ['W/"1"', undefined],
    );
  });
});

describe('members', () => {
  test('T1 replacing all becomes single adds and removes; equal members stay', () => {
    const change: Change = { ...addMembers('b', 'c'), op: 'replace' } as Change;
    const script = planned(patching(groupType, group('a', 'b'), change), {
      replaceMembers: 'difference',
    });
    assert.deepEqual(said(script), [
      [
        { op: 'add', path: 'members', value: [{ value: 'c' }] },
        { op: 'remove', path: 'members[value eq "a"]' },
      ],
    ]);
    assert.deepEqual(
      said(planned(patching(groupType, group('a'), removeAll), { replaceMembers: 'difference' })),
      [[{ op: 'remove', path: 'members[value eq "a"]' }]],
    );
  });

  test('T1 more members than one call takes are never replaced at once', () => {
    const change: Change = { ...addMembers(...ids(5)), op: 'replace' } as Change;
    const script = planned(patching(groupType, group('m0', 'x'), change), { membersPerCall: 2 });
    assert.deepEqual(
      script.map((part) => memberCount(operationsOf(part))),
      [2, 2, 1],
    );
  });

  test('T4 members nobody can see are not replaced on a guess', () => {
    const over = { replaceMembers: 'difference', showsMembers: false } as const;
    const refusals = [
      unplanned(
        patching(groupType, group(), { ...addMembers('a'), op: 'replace' } as Change),
        over,
      ),
      unplanned(patching(groupType, group(), removeAll), over),
      unplanned(replacing(groupType, group(), addMembers('a')), { showsMembers: false }),
    ];
    for (const refusal of refusals) {
      assert.equal(refusal.refused, 'not_supported');
      assert.match(refusal.detail, /Send a PATCH that adds and removes single members/);
    }
  });

  test('T4 a PUT without members leaves them alone: it goes out as a PATCH', () => {
    const script = planned(replacing(groupType, group(), set('displayName', 'new')), {
      showsMembers: false,
    });
    assert.deepEqual(said(script), [[{ op: 'replace', path: 'displayName', value: 'new' }]]);
  });

  test('T27 members are added without a path', () => {
    const script = planned(patching(groupType, group('a'), addMembers('b'), removeMember('a')), {
      memberPath: 'pathless',
    });
    assert.deepEqual(said(script), [
      [
        { op: 'add', value: { members: [{ value: 'b' }] } },
        { op: 'remove', path: 'members[value eq "a"]' },
      ],
    ]);
  });

  test('T36 a member is named by value and type', () => {
    const before = {
      displayName: 'app',
      members: [{ value: 'a' }, { value: 'g', type: 'Group' }],
    };
    const either: Change = {
      op: 'remove',
      path: {
        attribute: 'members',
        filter: {
          kind: 'or',
          terms: ['a', 'g'].map((value) => ({
            kind: 'compare',
            path: { attribute: 'value' },
            operator: 'eq',
            value,
          })),
        },
      },
    };
    const script = planned(patching(groupType, before, either), {
      memberFilter: 'value-and-type',
    });
    assert.deepEqual(said(script), [
      [
        { op: 'remove', path: 'members[value eq "a" and type eq "User"]' },
        { op: 'remove', path: 'members[value eq "g" and type eq "Group"]' },
      ],
    ]);
  });
});

describe('operations a target does not know', () => {
  test('T10 T32 value paths become the whole attribute', () => {
    const script = planned(
      patching(userType, user({ emails }), workValue('c@x.org'), set('title', 't')),
      {
        patchFilters: false,
      },
    );
    const [first] = emails;
    assert.deepEqual(said(script), [
      [
        { op: 'replace', path: 'emails', value: [{ ...first, value: 'c@x.org' }, emails[1]] },
        { op: 'replace', path: 'title', value: 't' },
      ],
    ]);
    assert.equal(
      unplanned(patching(userType, null, workValue('c@x.org')), { patchFilters: false }).refused,
      'not_supported',
    );
  });

  test('T30 replace becomes add, and for sets a removal before it', () => {
    const script = planned(
      patching(
        userType,
        user({ emails }),
        set('title', 't'),
        set('emails', [{ value: 'z@x.org' }]),
      ),
      { patchReplace: false },
    );
    assert.deepEqual(said(script), [
      [
        { op: 'add', path: 'title', value: 't' },
        { op: 'remove', path: 'emails' },
        { op: 'add', path: 'emails', value: [{ value: 'z@x.org' }] },
      ],
    ]);
  });

  test('T5 every operation names one attribute', () => {
    const [part] = planned(patching(userType, user(), set('title', 't'), set('displayName', 'd')), {
      membersPerCall: 100,
    });
    assert.deepEqual(
      operationsOf(part as never).map(({ path }) => path),
      ['title', 'displayName'],
    );
  });
});

describe('methods a target does not know', () => {
  test('T14 T16 T31 without PUT the differences go out as PATCH', () => {
    const script = planned(replacing(userType, user({ title: 'a' }), set('title', 'b')), {
      put: 'none',
    });
    assert.deepEqual(said(script), [[{ op: 'replace', path: 'title', value: 'b' }]]);
  });

  test('C35 without PATCH the whole resource goes out as PUT', () => {
    const script = planned(
      patching(userType, user({ title: 'a', nickName: 'n' }), set('title', 'b')),
      {
        patch: 'none',
      },
    );
    assert.deepEqual(said(script), [
      [
        'PUT',
        {
          schemas: [userType.schema.id],
          id: 'x1',
          userName: 'ann',
          title: 'b',
          nickName: 'n',
        },
      ],
    ]);
    assert.equal(
      unplanned(patching(userType, null, set('title', 'b')), { patch: 'none' }).refused,
      'internal',
    );
    assert.equal(
      unplanned(patching(userType, user(), set('title', 'b')), { patch: 'none', put: 'none' })
        .refused,
      'not_supported',
    );
  });

  test('T18 PATCH switches active alone; the rest goes out as a PUT of what changes', () => {
    const over = { patch: 'active', put: 'partial' } as const;
    const before = user({ active: true, title: 'a', nickName: 'n' });
    assert.deepEqual(said(planned(patching(userType, before, set('active', false)), over)), [
      [{ op: 'replace', path: 'active', value: false }],
    ]);
    const gone: Change = { op: 'remove', path: { attribute: 'nickName' } };
    assert.deepEqual(said(planned(patching(userType, before, set('title', 'b'), gone), over)), [
      ['PUT', { schemas: [userType.schema.id], id: 'x1', title: 'b', nickName: null }],
    ]);
    assert.deepEqual(
      said(planned(patching(groupType, group('a'), addMembers('b')), over)),
      [[{ op: 'add', path: 'members', value: [{ value: 'b' }] }]],
      'groups have no active',
    );
  });
});
