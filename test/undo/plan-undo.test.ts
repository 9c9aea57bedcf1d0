/** What a plan of undo says, case by case: what comes back, what stays, and why. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rfcKnobs, type Knobs } from '../../src/identity/dialects/knobs.ts';
import type { Resource, ResourceType } from '../../src/identity/scim/schema-model.ts';
import { groupType, userType } from '../../src/identity/scim/schemas.ts';
import { ledgerId } from '../../src/ids.ts';
import type { LedgerRow } from '../../src/ledger/record.ts';
import { pastOf, type Past } from '../../src/undo/past.ts';
import { isWhole, planUndo } from '../../src/undo/plan-undo.ts';
import type { Step } from '../../src/undo/plan-parts.ts';
import type { Known } from '../../src/undo/plan-resource.ts';

type Entry = Readonly<{
  n: number;
  by?: string;
  selected?: boolean;
  operation?: string;
  actions?: readonly string[];
  outcome?: LedgerRow['outcome'];
  code?: string;
  reverses?: readonly number[];
  changes?: unknown;
  before?: unknown;
  pruned?: true;
}>;

const idOf = (n: number): string => `led_00000001${n.toString(36).padStart(6, '0')}`;

const past = (entry: Entry, type: ResourceType, knobs: Knobs): Past => {
  const { n, operation = 'patch', selected = true } = entry;
  const row = {
    id: idOf(n),
    at: new Date(1_700_000_000_000 + n).toISOString(),
    client: entry.by ?? 'sync',
    operation,
    actions: entry.actions ?? [`${type.word}:update`],
    outcome: entry.outcome === undefined ? 'applied' : entry.outcome,
    code: entry.code ?? null,
    reverses: (entry.reverses ?? []).map(idOf),
  } as unknown as LedgerRow;
  const body =
    entry.pruned === true
      ? null
      : ({
          call: { method: '', path: '', query: '', body: null },
          changes: entry.changes ?? null,
          before: entry.before ?? null,
          expected: null,
          subject: 'Ann',
        } as const);
  return pastOf({ row, body }, { type, knobs, selected });
};

type Scene = Readonly<{
  id?: string;
  type?: ResourceType;
  knobs?: Partial<Knobs>;
  softDeletes?: boolean;
  entries: readonly Entry[];
  current: Known['current'];
  standsIn?: readonly string[] | null;
  madeAgain?: Known['madeAgain'];
  settling?: boolean;
  tagged?: boolean;
}>;

const known = (scene: Scene): Known => {
  const type = scene.type ?? userType;
  const knobs = { ...rfcKnobs, ...scene.knobs };
  return {
    subject: { tenant: 't', route: 'r', type: type.word, id: scene.id ?? 'u1' },
    type,
    knobs,
    softDeletes: scene.softDeletes ?? false,
    pasts: scene.entries.map((entry) => past(entry, type, knobs)),
    current: scene.current,
    tagged: scene.tagged ?? false,
    standsIn: scene.standsIn === undefined ? [] : scene.standsIn,
    madeAgain: scene.madeAgain ?? null,
    settling: scene.settling ?? false,
    closed: null,
  };
};

const stepsOf = (...scenes: readonly Scene[]): readonly Step[] =>
  planUndo(scenes.map(known)).map(({ step }) => step);

/** `restore title`, `refused emails changed-since` … */
const told = (steps: readonly Step[]): readonly string[] =>
  steps.flatMap(({ does, parts }) => [
    does,
    ...parts.map(({ kind, attribute, reason }) =>
      [kind, attribute, reason].filter((word) => word !== null).join(' '),
    ),
  ]);

const set = (attribute: string, value: unknown) => ({
  op: 'replace',
  path: { attribute },
  value,
});
const ann: Resource = { id: 'u1', userName: 'ann', title: 'Old' };
const renamed: Entry = { n: 1, before: ann, changes: [set('title', 'New')] };
const member = (value: string) => ({ value });
const team: Resource = { id: 'g1', displayName: 'app', members: [member('a'), member('b')] };
const added = (n: number, value: string, before: Resource, more: Partial<Entry> = {}): Entry => ({
  n,
  before,
  changes: [{ op: 'add', path: { attribute: 'members' }, value: [member(value)] }],
  ...more,
});

type Case = readonly [title: string, scene: Scene, expected: readonly string[]];

const cases: readonly Case[] = [
  [
    'what still stands is restored',
    { entries: [renamed], current: { ...ann, title: 'New' } },
    ['change', 'restore title'],
  ],
  [
    'what is so already is left',
    { entries: [renamed], current: ann },
    ['nothing', 'nothing title'],
  ],
  [
    'what is so already, moments after it was changed, may only be shown late',
    { entries: [renamed], current: ann, settling: true },
    ['nothing', 'refused title shown-late'],
  ],
  [
    'what shows the newest write is not shown late',
    {
      entries: [
        renamed,
        { n: 2, before: { ...ann, title: 'New' }, changes: [set('title', 'Old')] },
      ],
      current: ann,
      settling: true,
    },
    ['nothing', 'nothing title'],
  ],
  [
    'who was made moments ago and is not there may only be shown late',
    {
      entries: [{ n: 1, operation: 'create', changes: { userName: 'ann' } }],
      current: null,
      settling: true,
    },
    ['nothing', 'refused shown-late'],
  ],
  [
    'who was deleted moments ago and is still there may only be shown late',
    {
      entries: [{ n: 1, operation: 'delete', actions: ['users:delete'], before: ann }],
      current: ann,
      settling: true,
    },
    ['nothing', 'refused shown-late'],
  ],
  [
    'who was made again by an earlier run is not made twice',
    {
      entries: [{ n: 1, operation: 'delete', actions: ['users:delete'], before: ann }],
      current: null,
      madeAgain: { entry: ledgerId('00000001', 9), id: 'u9' },
    },
    ['nothing', 'refused made-again'],
  ],
  [
    'nor who may have been',
    {
      entries: [{ n: 1, operation: 'delete', actions: ['users:delete'], before: ann }],
      current: null,
      madeAgain: { entry: ledgerId('00000001', 9), id: null },
    },
    ['nothing', 'refused perhaps-made'],
  ],
  [
    'members that the target hides do not come back with their group, and that is said',
    {
      type: groupType,
      knobs: { showsMembers: false },
      entries: [
        {
          n: 1,
          operation: 'delete',
          actions: ['groups:delete'],
          before: { id: 'g1', displayName: 'app' },
        },
      ],
      current: null,
    },
    ['recreate', 'recreate', 'refused members secret', 'refused new-id'],
  ],
  [
    'who was made out of force and was put in force by another hand stays',
    {
      entries: [{ n: 1, operation: 'create', changes: { userName: 'ann', active: false } }],
      current: { id: 'u1', userName: 'ann', active: true },
    },
    ['nothing', 'refused changed-since', 'refused active changed-since'],
  ],
  [
    'what an outsider wrote stays',
    { entries: [renamed], current: { ...ann, title: 'Theirs' } },
    ['nothing', 'refused title changed-since'],
  ],
  [
    'letter case is somebody’s writing too',
    { entries: [renamed], current: { ...ann, title: 'NEW' } },
    ['nothing', 'refused title changed-since'],
  ],
  [
    'a later entry of another client owns the attribute, also where the value is the same',
    {
      entries: [
        renamed,
        { n: 2, selected: false, before: { ...ann, title: 'New' }, changes: [set('title', 'X')] },
        { n: 3, selected: false, before: { ...ann, title: 'X' }, changes: [set('title', 'New')] },
      ],
      current: { ...ann, title: 'New' },
    },
    ['nothing', 'refused title changed-since'],
  ],
  [
    'an undo that was itself undone says nothing',
    {
      entries: [
        renamed,
        {
          n: 2,
          selected: false,
          before: { ...ann, title: 'New' },
          changes: [set('title', 'Old')],
          reverses: [1],
        },
        { n: 3, selected: false, before: ann, changes: [set('title', 'New')], reverses: [2] },
      ],
      current: { ...ann, title: 'New' },
    },
    ['change', 'restore title'],
  ],
  [
    'what lies below the writing of another client stays too',
    {
      entries: [
        renamed,
        { n: 2, selected: false, before: { ...ann, title: 'New' }, changes: [set('title', 'X')] },
        { n: 3, before: { ...ann, title: 'X' }, changes: [set('title', 'Y')] },
      ],
      current: { ...ann, title: 'Y' },
    },
    ['change', 'restore title', 'refused title changed-since'],
  ],
  [
    'several entries go back to the first of them',
    {
      entries: [
        renamed,
        { n: 2, before: { ...ann, title: 'New' }, changes: [set('title', 'Newer')] },
      ],
      current: { ...ann, title: 'Newer' },
    },
    ['change', 'restore title'],
  ],
  [
    'what an outsider put back between two entries is the outsider’s',
    {
      entries: [
        renamed,
        { n: 2, before: { ...ann, title: 'New' }, changes: [set('title', 'Newer')] },
      ],
      current: { ...ann, title: 'New' },
    },
    ['nothing', 'refused title changed-since'],
  ],
  [
    'members: only what the entry added goes',
    {
      type: groupType,
      entries: [added(1, 'c', team)],
      current: { ...team, members: ['a', 'c', 'd'].map(member) },
    },
    ['change', 'restore members'],
  ],
  [
    'members: what is out already stays out',
    {
      type: groupType,
      entries: [added(1, 'c', team)],
      current: { ...team, members: [member('d')] },
    },
    ['nothing', 'nothing members'],
  ],
  [
    'members: what is not shown is not guessed',
    {
      type: groupType,
      knobs: { showsMembers: false },
      entries: [added(1, 'c', { id: 'g1', displayName: 'app' })],
      current: { id: 'g1', displayName: 'app' },
    },
    ['nothing', 'refused members secret'],
  ],
  [
    'a password does not come back',
    { entries: [{ n: 1, before: ann, changes: [set('password', null)] }], current: ann },
    ['nothing', 'refused password secret'],
  ],
  [
    'without a before-image nothing is known',
    { entries: [{ ...renamed, before: null }], current: { ...ann, title: 'New' } },
    ['nothing', 'refused title no-before-image'],
  ],
  [
    'a pruned body is said',
    { entries: [{ n: 1, pruned: true }], current: ann },
    ['nothing', 'refused pruned'],
  ],
  [
    'doubt is settled first',
    { entries: [{ ...renamed, outcome: 'in-doubt' }], current: { ...ann, title: 'New' } },
    ['nothing', 'refused title in-doubt', 'refused in-doubt'],
  ],
  [
    'what was rejected did nothing',
    { entries: [{ ...renamed, outcome: 'rejected' }], current: ann },
    ['nothing', 'nothing'],
  ],
  [
    'what was held or denied did nothing',
    { entries: [{ n: 1, outcome: null, code: 'mutation_held', pruned: true }], current: ann },
    ['nothing', 'nothing'],
  ],
  [
    'an activation is named as one',
    {
      entries: [{ n: 1, before: { ...ann, active: true }, changes: [set('active', false)] }],
      current: { ...ann, active: false },
    },
    ['change', 'reactivate active'],
  ],
  [
    'who showed no `active` before is activated, not left without',
    {
      entries: [{ n: 1, before: ann, changes: [set('active', false)] }],
      current: { ...ann, active: false },
    },
    ['change', 'reactivate active'],
  ],
  [
    'a target that hides whom it deactivated is believed',
    {
      knobs: { inactiveUsers: 'absent' },
      entries: [{ n: 1, before: { ...ann, active: true }, changes: [set('active', false)] }],
      current: null,
    },
    ['change', 'reactivate active'],
  ],
  [
    'what is gone by another hand stays gone',
    { entries: [renamed], current: null },
    ['nothing', 'refused gone'],
  ],
  [
    'what cannot be read is left',
    { entries: [renamed], current: 'unreadable' },
    ['nothing', 'refused unreadable'],
  ],
  [
    'a deleted user is made again, and what is lost is said',
    {
      entries: [{ n: 1, operation: 'delete', actions: ['users:delete'], before: ann }],
      current: null,
    },
    ['recreate', 'recreate', 'refused new-id', 'refused credentials'],
  ],
  [
    'a delete that only deactivates is taken back by an activation',
    {
      knobs: { deleteUser: 'deactivate' },
      entries: [
        {
          n: 1,
          operation: 'delete',
          actions: ['users:deactivate'],
          before: { ...ann, active: true },
        },
      ],
      current: { ...ann, active: false },
    },
    ['change', 'reactivate active'],
  ],
  [
    'a deactivation that destroys is taken back by a create',
    {
      entries: [{ n: 1, actions: ['users:delete'], before: ann, changes: [set('active', false)] }],
      current: null,
    },
    ['recreate', 'recreate', 'refused new-id', 'refused credentials'],
  ],
  [
    'a delete without an image cannot be taken back',
    { entries: [{ n: 1, operation: 'delete', actions: ['users:delete'] }], current: null },
    ['nothing', 'refused no-before-image'],
  ],
  [
    'memberships that cannot be looked up are said',
    {
      entries: [{ n: 1, operation: 'delete', actions: ['users:delete'], before: ann }],
      current: null,
      standsIn: null,
    },
    [
      'recreate',
      'recreate',
      'refused new-id',
      'refused credentials',
      'refused memberships-unknown',
    ],
  ],
  [
    'who was made goes',
    {
      entries: [{ n: 1, operation: 'create', changes: { userName: 'ann', title: 'Old' } }],
      current: ann,
    },
    ['remove', 'remove'],
  ],
  [
    'who was made stays where another wrote',
    { entries: [{ n: 1, operation: 'create', changes: { userName: 'ann' } }], current: ann },
    ['nothing', 'refused changed-since', 'refused title changed-since'],
  ],
  [
    'what the target filled in itself is no other hand, where it says so',
    {
      entries: [{ n: 1, operation: 'create', changes: { userName: 'ann' } }],
      current: {
        ...ann,
        meta: { created: '2026-01-01T00:00:00Z', lastModified: '2026-01-01T00:00:00Z' },
      },
    },
    ['remove', 'remove'],
  ],
  [
    'who was put into a group by others stays',
    {
      entries: [{ n: 1, operation: 'create', changes: { userName: 'ann', title: 'Old' } }],
      current: { ...ann, groups: [member('g9')] },
    },
    ['nothing', 'refused changed-since', 'refused groups changed-since'],
  ],
  [
    'where a delete deactivates the account stays, and that is said',
    {
      knobs: { deleteUser: 'deactivate' },
      entries: [{ n: 1, operation: 'create', changes: { userName: 'ann' } }],
      current: ann,
    },
    ['change', 'restore active', 'refused remains'],
  ],
  [
    'so it is where the route deactivates',
    {
      softDeletes: true,
      entries: [{ n: 1, operation: 'create', changes: { userName: 'ann' } }],
      current: { ...ann, active: false },
    },
    ['nothing', 'nothing active', 'refused remains'],
  ],
  [
    'made and deleted is as before',
    {
      entries: [
        { n: 1, operation: 'create', changes: { userName: 'ann' } },
        { n: 2, operation: 'delete', actions: ['users:delete'], before: ann },
      ],
      current: null,
    },
    ['nothing', 'nothing'],
  ],
  [
    'a set that looks alike is one thing, and stays where another wrote in it',
    {
      entries: [
        {
          n: 1,
          before: { ...ann, addresses: [{ type: 'work', locality: 'A' }] },
          changes: [set('addresses', [{ type: 'work', locality: 'B' }])],
        },
      ],
      current: {
        ...ann,
        addresses: [
          { type: 'work', locality: 'B' },
          { type: 'home', locality: 'C' },
        ],
      },
    },
    ['nothing', 'refused addresses changed-since'],
  ],
  [
    'the primary one yields to another that became it since',
    {
      entries: [
        {
          n: 1,
          before: { ...ann, emails: [{ value: 'a@x', primary: true }] },
          changes: [{ op: 'remove', path: { attribute: 'emails' } }],
        },
      ],
      current: { ...ann, emails: [{ value: 'b@x', primary: true }] },
    },
    ['change', 'restore emails', 'refused emails.primary primary'],
  ],
  [
    'what the target never changes is not tried',
    {
      knobs: { immutable: { users: ['userName'] } },
      entries: [{ n: 1, before: ann, changes: [set('userName', 'eve')] }],
      current: { ...ann, userName: 'eve' },
    },
    ['nothing', 'refused userName immutable'],
  ],
];

describe('a plan of undo for one resource', () => {
  for (const [title, scene, expected] of cases) {
    it(title, () => assert.deepEqual(told(stepsOf(scene)), expected));
  }

  it('is whole only where nothing is refused', () => {
    assert.ok(isWhole(stepsOf({ entries: [renamed], current: { ...ann, title: 'New' } })));
    assert.ok(!isWhole(stepsOf({ entries: [renamed], current: { ...ann, title: 'X' } })));
  });

  it('names the entry that changed it since', () => {
    const other = {
      n: 2,
      selected: false,
      before: { ...ann, title: 'New' },
      changes: [set('title', 'X')],
    };
    const [step] = stepsOf({ entries: [renamed, other], current: { ...ann, title: 'X' } });
    assert.equal(step?.parts[0]?.by, idOf(2));
  });

  it('says whether the target guards it', () => {
    const current = { ...ann, title: 'New' };
    assert.equal(stepsOf({ entries: [renamed], current })[0]?.guard, 'unguarded');
    assert.equal(stepsOf({ entries: [renamed], current, tagged: true })[0]?.guard, 'etag');
  });
});

const order = (steps: readonly Step[]): readonly string[] =>
  steps.map(({ does, subject }) => `${does} ${subject.id}`);

describe('a plan of undo for several resources', () => {
  const gone: Scene = {
    id: 'c',
    entries: [
      { n: 1, operation: 'delete', actions: ['users:delete'], before: { ...ann, id: 'c' } },
    ],
    current: null,
    standsIn: ['g2'],
  };

  it('makes a member again before it is put back, and in the place of the old one', () => {
    const left: Scene = {
      id: 'g1',
      type: groupType,
      entries: [
        {
          n: 5,
          before: { ...team, members: ['a', 'c'].map(member) },
          changes: [{ op: 'remove', path: { attribute: 'members' } }],
        },
      ],
      current: { id: 'g1', displayName: 'app' },
    };
    const beside: Scene = {
      id: 'g2',
      type: groupType,
      entries: [],
      current: { id: 'g2', displayName: 'other', members: [member('c')] },
    };
    const steps = stepsOf(left, gone, beside);
    assert.deepEqual(order(steps), ['recreate c', 'change g1', 'change g2']);
    assert.deepEqual(told(steps.slice(2)), ['change', 'repoint members']);
  });

  it('does not add a member that is gone and does not come back', () => {
    const lost: Scene = { id: 'c', entries: [renamed], current: null };
    const left: Scene = {
      id: 'g1',
      type: groupType,
      entries: [
        {
          n: 5,
          before: { ...team, members: ['a', 'c'].map(member) },
          changes: [{ op: 'remove', path: { attribute: 'members' } }],
        },
      ],
      current: { id: 'g1', displayName: 'app' },
    };
    const [step] = stepsOf(left, lost);
    assert.deepEqual(told(step === undefined ? [] : [step]), [
      'change',
      'restore members',
      'refused members subject-gone',
    ]);
  });

  it('takes a membership back before its member is removed', () => {
    const made: Scene = {
      id: 'c',
      entries: [{ n: 9, operation: 'create', changes: { userName: 'ann', title: 'Old' } }],
      current: { ...ann, id: 'c', groups: [member('g1')] },
    };
    const joined: Scene = {
      id: 'g1',
      type: groupType,
      entries: [added(3, 'c', team)],
      current: { ...team, members: ['a', 'b', 'c'].map(member) },
    };
    assert.deepEqual(order(stepsOf(made, joined)), ['change g1', 'remove c']);
  });

  const moved = (id: string, n: number, from: string, to: string): Scene => ({
    id,
    entries: [{ n, before: { ...ann, id, userName: from }, changes: [set('userName', to)] }],
    current: { ...ann, id, userName: to },
  });

  it('frees a name before it is taken', () => {
    const steps = stepsOf(moved('u1', 9, 'x', 'y'), moved('u2', 8, 'z', 'x'));
    assert.deepEqual(order(steps), ['change u2', 'change u1']);
  });

  it('says where names went round in a circle', () => {
    const steps = stepsOf(moved('u1', 9, 'x', 'y'), moved('u2', 8, 'y', 'x'));
    assert.ok(told(steps).includes('refused userName name-taken'), told(steps).join());
  });

  it('keeps to the same order and words for the same facts', () => {
    const scenes = [moved('u1', 9, 'x', 'y'), moved('u2', 8, 'z', 'x'), gone];
    assert.deepEqual(stepsOf(...scenes), stepsOf(...scenes));
  });
});

describe('a large group', () => {
  it('is planned in time that grows with its changes, not with their square', () => {
    const everybody = Array.from({ length: 5_000 }, (_, at) => member(`m${at}`));
    const whole = { id: 'g1', displayName: 'all', members: everybody };
    const entries: Entry[] = [
      { n: 1, before: whole, changes: [{ op: 'remove', path: { attribute: 'members' } }] },
    ];
    const current = { id: 'g1', displayName: 'all' };
    const began = performance.now();
    const [step] = stepsOf({ id: 'g1', type: groupType, entries, current });
    assert.equal(step?.wishes.length, 5_000);
    assert.ok(performance.now() - began < 5_000);
  });
});
