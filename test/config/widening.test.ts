import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Snapshot } from '../../src/snapshot.ts';
import { diffSnapshots, widenings } from '../../src/config/widening.ts';
import { load, store } from './loading.ts';

const base = `version: 1
${store}admin:
  people:
    - { name: alice, roles: [viewer], until: 2027-06-30 }
clients:
  c1:
    owner: abc
    purpose: abc
    expires: 2027-06-30
    auth: [{ apiKey: {} }]
    from: [203.0.113.0/24]
    limits: { writes: 10/s }
targets:
  t1: { baseUrl: https://t1.example.com, limits: { writes: 10/s, concurrent: 4 } }
profiles:
  w: { users: { userName: [lowercase] } }
permissions:
  p1:
    users:
      actions: [read, update]
      write: { only: [title, name], except: [name.familyName] }
      when: after.title != "boss"
    groups: { actions: [read, add-member], only: ['app-*'], except: ['*-admins'] }
routes:
  r1:
    path: /r1
    scim: t1
    normalise: w
    grants:
      - { client: c1, use: p1, until: 2027-03-31, limits: { writes: 5/s } }
`;

const snapshotOf = async (text: string): Promise<Snapshot> => {
  const { snapshot, problems } = await load(text);
  assert.deepEqual(problems, []);
  assert.ok(snapshot !== null);
  return snapshot;
};

/** `[from, to, what is newly allowed one way, and the other way]`. */
const cases: readonly (readonly [string, string, readonly string[], readonly string[]])[] = [
  ['actions: [read, update]', 'actions: [read, update, delete]', ['action users:delete'], []],
  ['only: [title, name]', 'only: [title, name, emails]', ['users attributes written: emails'], []],
  [
    ', except: [name.familyName]',
    '',
    ['users attributes written no longer excepted: name.familyName'],
    [],
  ],
  ['      when: after.title != "boss"\n', '', ['users: condition removed'], []],
  ['"boss"', '"cfo"', ['users: condition changed'], ['users: condition changed']],
  ["only: ['app-*']", "only: ['app-*', 'team-*']", ['groups by name: team-*'], []],
  ["only: ['app-*'], ", '', ['groups by name: all that is allowed by default'], []],
  [", except: ['*-admins']", '', ['groups by name no longer excepted: *-admins'], []],
  ['until: 2027-03-31', 'until: 2027-05-31', ['until 2027-05-31'], []],
  [', until: 2027-03-31', '', ['no end any more'], []],
  ['use: p1, until', 'use: p1, me: u1, until', ['/Me is the user u1'], []],
  ['writes: 5/s', 'writes: 50/s', ['writes limit 50 per 1s, burst 50'], []],
  [', limits: { writes: 5/s }', '', ['writes limit removed'], []],
  [
    'use: p1,',
    'use: p1, mode: shadow,',
    ['shadow mode: refusals of this grant are only recorded'],
    [],
  ],
  ['expires: 2027-06-30', 'expires: 2027-12-31', ['expires 2027-12-31'], []],
  ['    from: [203.0.113.0/24]\n', '', ['calls from any address'], []],
  ['[203.0.113.0/24]', '[203.0.113.0/24, 198.51.100.0/24]', ['calls from 198.51.100.0/24'], []],
  ['    limits: { writes: 10/s }\n', '', ['writes limit removed'], []],
  ['roles: [viewer]', 'roles: [viewer, admin]', ['person alice: admin'], []],
  ['until: 2027-06-30', 'until: 2027-07-31', ['person alice: until 2027-07-31'], []],
  ['concurrent: 4', 'concurrent: 9', ['target takes 9 calls at once'], []],
  [
    'concurrent: 4 }',
    'concurrent: 4 }, allowPrivate: [10.0.0.0/8]',
    ['private addresses 10.0.0.0/8 reachable'],
    [],
  ],
  [
    'https://t1.',
    'https://t2.',
    ['target now at https://t2.example.com', 'tenant now https://t2.example.com'],
    ['target now at https://t1.example.com', 'tenant now https://t1.example.com'],
  ],
  ['[lowercase]', '[lowercase, trim]', ['normalisation changed'], ['normalisation changed']],
  [
    '    normalise: w\n',
    '    normalise: w\n    deletes: deactivate\n',
    ['deletes: deactivate'],
    ['deletes: passthrough'],
  ],
  [
    '    normalise: w\n',
    '    normalise: w\n    emptyLists: [Groups]\n',
    [],
    ['groups reach the target'],
  ],
  ['    normalise: w\n', '    normalise: w\n    bulk: off\n', [], ['Bulk of 100 operations']],
  [
    '    normalise: w\n',
    '    normalise: w\n    bulk: { operations: 101 }\n',
    ['Bulk of 101 operations'],
    [],
  ],
  ['version: 1', 'version: 1\nreload: auto', ['widening changes take effect unasked'], []],
  [
    'version: 1',
    'version: 1\nenvironment: test',
    ['keys of the environment test'],
    ['keys of the environment production'],
  ],
  [
    'version: 1',
    'version: 1\nserver: { trustedProxies: [10.0.0.1] }',
    ['proxies 10.0.0.1 are believed'],
    [],
  ],
  [
    'path: /r1',
    'path: /r9',
    ['action users:read', 'action users:update', 'action groups:read', 'action groups:add-member'],
    ['action users:read', 'action users:update', 'action groups:read', 'action groups:add-member'],
  ],
];

test('each kind of change is told in the direction it widens', async () => {
  const old = await snapshotOf(base);
  for (const [from, to, allowed, denied] of cases) {
    assert.ok(base.includes(from), from);
    const next = await snapshotOf(base.replace(from, to));
    const diff = diffSnapshots(old, next);
    assert.deepEqual(
      diff.allowed.map(({ what }) => what),
      allowed,
      to,
    );
    assert.deepEqual(
      diff.denied.map(({ what }) => what),
      denied,
      to,
    );
  }
});

test('what only moves or renames is no widening', async () => {
  const old = await snapshotOf(base);
  assert.deepEqual(widenings(old, old), []);
  const renamed = await snapshotOf(base.replaceAll('p1', 'p9').replaceAll('  r1:', '  r9:'));
  assert.deepEqual(widenings(old, renamed), []);
  const twice = base.replace(
    '      - { client: c1',
    '      - { client: c1, use: p1, until: 2027-01-31, limits: { writes: 1/s } }\n      - { client: c1',
  );
  assert.deepEqual(widenings(old, await snapshotOf(twice)), []);
});

test('grants are compared one by one: two halves never make a whole', async () => {
  const halves = base.replace(
    /grants:\n.*\n/,
    `grants:
      - { client: c1, users: { actions: [read, update], write: { only: [title] } } }
      - { client: c1, users: { actions: [activate] } }
`,
  );
  const whole = base.replace(
    /grants:\n.*\n/,
    `grants:
      - { client: c1, users: { actions: [read, update, activate], write: { only: [title] } } }
`,
  );
  const found = widenings(await snapshotOf(halves), await snapshotOf(whole));
  assert.deepEqual(found, [{ client: 'c1', route: 'r1', what: 'action users:activate' }]);
});

test('a new client with a grant is told by its actions', async () => {
  const next = base
    .replace(
      'clients:\n',
      'clients:\n  c2: { owner: abc, purpose: abc, expires: 2027-06-30, auth: [{ apiKey: {} }] }\n',
    )
    .replace(
      '    grants:\n',
      '    grants:\n      - { client: c2, users: { actions: [search] } }\n',
    );
  assert.deepEqual(widenings(await snapshotOf(base), await snapshotOf(next)), [
    { client: 'c2', route: 'r1', what: 'action users:search' },
  ]);
});

test('only snapshots made by loadConfig can be compared', async () => {
  const snapshot = await snapshotOf(base);
  assert.throws(() => widenings(snapshot, { ...snapshot }), TypeError);
});
