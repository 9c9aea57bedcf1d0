import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actionsOf } from '../../src/policy/actions.ts';
import { compileLimit } from '../../src/policy/compile-grants.ts';
import { grant } from '../../src/policy/settings.ts';
import { limit } from '../../src/scalars.ts';
import { compile, custom, enterprise } from './fixtures.ts';

type Case = readonly [
  what: string,
  grant: Readonly<Record<string, unknown>>,
  problem: RegExp,
  permissions?: Readonly<Record<string, unknown>>,
];
const read = { actions: ['read'] };
const update = (more: object) => ({ users: { actions: ['update'], ...more } });

const refused: readonly Case[] = [
  [
    'a resource the route does not serve',
    { devices: read },
    /^routes\.slack\.grants\.0\.devices: .*users, groups/,
  ],
  [
    'an unknown action',
    { users: { actions: ['read', 'fire'] } },
    /users\.actions\.1: .*no such action.*deactivate/,
  ],
  ['an action of another resource', { users: { actions: ['groups:read'] } }, /users\.actions\.0: /],
  ['an action that only users have', { groups: { actions: ['password'] } }, /groups\.actions\.0: /],
  ['a prototype name as action', { users: { actions: ['constructor'] } }, /users\.actions\.0: /],
  [
    'an unknown attribute to write',
    update({ write: { only: ['shoeSize'] } }),
    /users\.write\.only\.0: .*no such attribute/,
  ],
  [
    'an unknown attribute to read',
    update({ read: { except: ['name', 'shoeSize'] } }),
    /users\.read\.except\.1: /,
  ],
  ['a shadow grant without end', { users: read, mode: 'shadow' }, /grants\.0\.mode: .*until/],
  ['an unknown permission', { use: 'nobody' }, /grants\.0\.use: there is no such permission/],
  [
    'a permission named like a property of objects',
    { use: 'constructor' },
    /grants\.0\.use: there is no such/,
  ],
  [
    'use beside rules',
    { use: 'p', users: read },
    /grants\.0\.use: .*not both/,
    { p: { users: read } },
  ],
  ['a grant of nothing', {}, /grants\.0: this grant allows nothing/],
  [
    'a condition on reads',
    { users: { actions: ['read', 'search'], when: 'true' } },
    /users\.when: .*cannot judge reads/,
  ],
  ['a condition with an unknown variable', update({ when: 'afterwards.active' }), /users\.when: /],
  ['a condition that gives no bool', update({ when: 'client' }), /users\.when: .*not bool/],
  [
    'a condition with a regular expression',
    update({ when: 'client.matches("a+")' }),
    /users\.when: .*matches/,
  ],
  ['names on users', { users: { ...read, only: ['a*'] } }, /users\.only: only groups/],
  [
    'a wrong permission, at its own place',
    { use: 'p' },
    /^permissions\.p\.users\.when: /,
    { p: update({ when: '1 +' }) },
  ],
  ...(
    [
      ['active', /activate or deactivate/],
      ['password', /action password/],
      ['userName', /action rename/],
      ['externalId', /action rename/],
      ['roles', /action entitle/],
      ['roles.value', /action entitle/],
    ] as const
  ).map(([name, says]): Case => [
    `${name} in a write list`,
    update({ write: { only: ['title', name] } }),
    says,
  ]),
  [
    'members in a write list',
    { groups: { actions: ['update'], write: { except: ['members'] } } },
    /groups\.write\.except\.0: .*add-member/,
  ],
];
for (const [what, written, problem, permissions] of refused) {
  test(`is a problem: ${what}`, () => {
    const { problems } = compile([written], permissions);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] as string, problem);
  });
}

test('every problem is reported at once', () => {
  const { problems } = compile([{ use: 'x' }, { users: { actions: ['fly', 'swim'] } }, {}]);
  assert.equal(problems.length, 4);
});

test('wildcards leave out what must be granted by name', () => {
  for (const text of ['*', 'users:*']) {
    const { grants, problems } = compile([{ users: { actions: [text] } }]);
    assert.deepEqual(problems, []);
    const granted = grants['c']?.grants[0]?.rules['users']?.actions ?? new Set();
    assert.deepEqual(
      actionsOf('users').filter((action) => !granted.has(action)),
      ['users:delete', 'users:password', 'users:entitle', 'users:update-unknown'],
    );
  }
  const groups = compile([{ groups: { actions: ['*'] } }]).grants['c']?.grants[0]?.rules['groups'];
  assert.deepEqual(
    actionsOf('groups').filter((action) => groups?.actions.has(action) === false),
    ['groups:delete', 'groups:update-unknown'],
  );
});

test('actions may be written with their resource', () => {
  const { grants } = compile([{ users: { actions: ['users:read', 'update'] } }]);
  assert.deepEqual(
    [...(grants['c']?.grants[0]?.rules['users']?.actions ?? [])],
    ['users:read', 'users:update'],
  );
});

test('lists say what is inside', () => {
  const { grants } = compile([
    update({}),
    update({ write: { only: [custom, 'name.givenName'] }, read: { only: ['emails[].value'] } }),
    update({ write: { except: ['title'] }, read: { except: ['phoneNumbers'] } }),
  ]);
  const names = [
    'title',
    'name',
    'name.givenName',
    `${enterprise}:department`,
    `${custom}:colour`,
    'active',
    'password',
    'userName',
    'externalId',
    'emails.value',
    'phoneNumbers.value',
    'id',
  ];
  const covered = (index: number, list: 'read' | 'write') =>
    names.filter((name) => grants['c']?.grants[index]?.rules['users']?.[list].covers(name));
  const contacts = ['emails.value', 'phoneNumbers.value'];
  assert.deepEqual(covered(0, 'write'), [...names.slice(0, 4), ...contacts]);
  assert.deepEqual(covered(0, 'read'), names);
  assert.deepEqual(covered(1, 'write'), ['name.givenName', `${custom}:colour`]);
  assert.deepEqual(covered(1, 'read'), ['emails.value', 'id']);
  assert.deepEqual(covered(2, 'write'), [...names.slice(1, 4), ...contacts]);
  assert.deepEqual(
    covered(2, 'read'),
    names.filter((name) => name !== 'phoneNumbers.value'),
  );
});

test('rules, grants and buckets are named after where they were written', () => {
  const { grants } = compile(
    [
      { client: 'a', users: read },
      { client: 'b', use: 'p', limits: { writes: '20/s', reads: { rate: '600/m', burst: 100 } } },
    ],
    { p: { users: read } },
  );
  assert.equal(grants['a']?.grants[0]?.rules['users']?.name, 'routes.slack.grants[0].users');
  const second = grants['b']?.grants[0];
  assert.equal(second?.name, 'routes.slack.grants[1]');
  assert.equal(second?.rules['users']?.name, 'permissions.p.users');
  assert.deepEqual(second?.limitWrites, {
    key: 'grant:slack:b:1:writes',
    policy: 'grant-writes',
    count: 20,
    seconds: 1,
    burst: 20,
  });
  assert.deepEqual(second?.limitReads?.burst, 100);
});

test('a rate without a burst admits its own count at once', () => {
  const made = compileLimit(limit.parse('600/m'), 'client:c:writes', 'client-writes');
  assert.deepEqual(made, {
    key: 'client:c:writes',
    policy: 'client-writes',
    count: 600,
    seconds: 60,
    burst: 600,
  });
});

test('a permission is compiled once for all grants of a route that use it', () => {
  const { grants } = compile(
    [
      { client: 'a', use: 'p' },
      { client: 'b', use: 'p' },
    ],
    {
      p: { users: { actions: ['update'], when: 'client == "a"' } },
    },
  );
  assert.equal(grants['a']?.grants[0]?.rules, grants['b']?.grants[0]?.rules);
});

test('clients are found by their own name only', () => {
  const { grants } = compile([{ users: read }]);
  assert.equal(grants['__proto__'], undefined);
  assert.equal(grants['constructor'], undefined);
  assert.equal(grants['c']?.grants[0]?.rules['toString'], undefined);
});

test('facts are asked for only where a rule needs them', () => {
  const on = (when: string) =>
    compile([{ users: { actions: ['*', 'delete'], when } }]).grants['c']?.needsBefore;
  const needs = (when: string) =>
    (['users:update', 'users:delete', 'users:create', 'users:read'] as const).filter(
      (action) => on(when)?.([action]) === true,
    );
  assert.deepEqual(needs('client == "c"'), []);
  assert.deepEqual(needs('after.active == true'), ['users:update']);
  assert.deepEqual(needs('before.active == true'), ['users:update', 'users:delete']);
  assert.deepEqual(needs('size(changed) < 3'), ['users:update', 'users:delete']);
  assert.equal(on('before == null')?.(['users:create', 'users:activate']), false);
  assert.equal(on('before == null')?.(['users:update', 'users:activate']), true);

  const { grants } = compile([
    { groups: { actions: ['read', 'add-member'], only: ['app-*'] }, users: { actions: ['*'] } },
  ]);
  assert.equal(grants['c']?.needsGroupName(['groups:add-member']), true);
  assert.equal(grants['c']?.needsGroupName(['groups:delete', 'users:update']), false);
});

test('a client is one user of a route at most (RFC 7644 §3.11)', () => {
  const users = { actions: ['read'] };
  const none = compile([{ users }]);
  assert.equal(none.grants['c']?.me, null);
  const one = compile([{ users }, { users, me: 'u1' }, { users, me: 'u1' }]);
  assert.deepEqual(one.problems, []);
  assert.equal(one.grants['c']?.me, 'u1');
  const two = compile([
    { users, me: 'u1' },
    { users, me: 'u2' },
  ]);
  assert.match(String(two.problems[0]), /grants\.1\.me: .*another me/);
  assert.equal(two.problems.length, 1);
});

test('me is an id that a path can hold', () => {
  const parsed = (me: string) => grant.safeParse({ client: 'c', use: 'p', me }).success;
  for (const id of ['u1', '2819c223-7f76', 'a@b', 'é', 'urn:x:1']) assert.ok(parsed(id), id);
  for (const id of ['', '.', '..', 'a/b', 'a b', 'a%2Fb', 'a\u0000', 'a\u202e', 'x'.repeat(257)]) {
    assert.ok(!parsed(id), id);
  }
});
