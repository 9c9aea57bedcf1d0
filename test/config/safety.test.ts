import assert from 'node:assert/strict';
import { test } from 'node:test';
import { senders } from '../../src/signatures/table.ts';
import { load, problemsOf, small, store, warningsOf } from './loading.ts';

const target = (rules: string, name = 't1', more = ''): string => `  ${name}:
    baseUrl: https://t1.example.com/scim
${more}${rules}`;

const withRules = (rules: string): string => small({ targets: target(rules) });

const snapshotOf = async (text: string, resolve = false, env: Record<string, string> = {}) => {
  const { snapshot, problems } = await load(text, { resolve, env });
  assert.deepEqual(problems, []);
  assert.ok(snapshot !== null);
  return snapshot;
};

const guard = (written: string): string =>
  withRules(`    guards:\n      - { name: g1, ${written} }\n`);
const rule = (written: string): string =>
  withRules(`    protected:\n      - { name: p1, ${written} }\n`);
const route = (written: string): string =>
  small({
    routes: `  r1:\n    path: /scim/r1\n    scim: t1\n    ${written}\n    grants: [{ client: c1, use: p1 }]\n`,
  });

/** `[the file, what is said of it]`; places are those of the file. */
const said: readonly (readonly [string, string])[] = [
  [
    guard('count: 5, in: 1h'),
    'write actions: what is counted, or detect: what is looked for (targets.t1.guards[0])',
  ],
  [
    guard('actions: [users:delete], detect: emptied, count: 1, in: 1h'),
    'a guard either counts actions or detects something, not both (targets.t1.guards[0].actions)',
  ],
  [
    guard('actions: [users:deactivat], count: 5, in: 1h'),
    'users have no such action; did you mean "users:deactivate"? (targets.t1.guards[0].actions[0])',
  ],
  [
    guard('actions: [user:delete], count: 5, in: 1h'),
    'there are no such resources here; did you mean "users"? (targets.t1.guards[0].actions[0])',
  ],
  [
    guard('actions: [users:read], count: 5, in: 1h'),
    'this is about changes; reads change nothing (targets.t1.guards[0].actions[0])',
  ],
  [
    guard('actions: [deactivate], count: 5, in: 1h'),
    'write an action such as users:deactivate (targets.t1.guards[0].actions[0])',
  ],
  [
    guard('actions: [users:delete], in: 1h'),
    'write count or percent: how much is too much (targets.t1.guards[0].count)',
  ],
  [
    guard('actions: [users:delete], count: 5'),
    'write in: the window it is counted over (targets.t1.guards[0].count)',
  ],
  [guard('actions: [users:delete], count: 0, in: 1h'), 'at least 1 (targets.t1.guards[0].count)'],
  [
    guard('actions: [users:delete], percent: 0%, in: 1h'),
    'write 1% to 100% (targets.t1.guards[0].percent)',
  ],
  [
    guard('actions: [users:delete], percent: 5, in: 1h'),
    'write a percentage such as 20% (targets.t1.guards[0].percent)',
  ],
  [
    guard('actions: [users:delete], count: 5, in: 60d'),
    'write 1s to 31d (targets.t1.guards[0].in)',
  ],
  [
    guard('actions: [users:delete], count: 5, in: 1h, slow: { count: 9, in: 30m }'),
    'the slow window is the longer one (targets.t1.guards[0].slow)',
  ],
  [
    guard('actions: [users:delete], count: 5, in: 1h, slow: { in: 1d }'),
    'write count or percent: how much is too much (targets.t1.guards[0].slow)',
  ],
  [
    guard('actions: [users:delete], count: 5, in: 1h, per: group'),
    'only changes of groups are counted per group (targets.t1.guards[0].per)',
  ],
  [
    guard('actions: [groups:remove-member], percent: 5%, in: 1h'),
    'a percentage of members is counted per group: add per: group (targets.t1.guards[0].percent)',
  ],
  [
    guard('actions: [users:delete, groups:delete], percent: 5%, in: 1h'),
    'a percentage is of one population: write a guard for each kind of resource (targets.t1.guards[0].percent)',
  ],
  [
    guard('detect: cleared'),
    'write attributes: those that must not be cleared (targets.t1.guards[0].detect)',
  ],
  [
    guard('detect: cleared, attributes: [titel]'),
    'there is no such attribute here; did you mean "title"? (targets.t1.guards[0].attributes[0])',
  ],
  [
    guard('detect: emptied, share: 5%'),
    'only a guard with detect: replaced has this key (targets.t1.guards[0].share)',
  ],
  [
    guard('actions: [users:delete], count: 5, in: 1h, above: 3'),
    'only a guard with detect: emptied or replaced has this key (targets.t1.guards[0].above)',
  ],
  [guard('detect: emptied, then: refuse'), 'write one of: hold, deny (targets.t1.guards[0].then)'],
  [
    guard('detect: emptied, cout: 3'),
    'unknown key; did you mean "count"? (targets.t1.guards[0].cout)',
  ],
  [
    rule('users: { usrName: [x] }, never: [delete]'),
    'a User has no such attribute here; did you mean "userName"? (targets.t1.protected[0].users.usrName)',
  ],
  [
    rule('users: { userName: [x] }, never: [deactivte]'),
    'nothing of the kind can happen to users; did you mean "deactivate"? (targets.t1.protected[0].never[0])',
  ],
  [
    rule('users: { when: "before.x ==" }, never: [delete]'),
    'Unexpected token: EOF (targets.t1.protected[0].users.when)',
  ],
  [rule('users: { userName: [x] }'), '"never" is missing (targets.t1.protected[0].never)'],
  [withRules('    privileged: {}\n'), 'write groups, attributes or both (targets.t1.privileged)'],
  [
    withRules('    privileged: { attributes: [departmnt] }\n'),
    'a User has no such attribute here; did you mean "department"? (targets.t1.privileged.attributes[0])',
  ],
  [
    route('approval: { required: [groups:delet] }'),
    'groups have no such action; did you mean "groups:delete"? (routes.r1.approval.required[0])',
  ],
  [
    route('approval: { required: [devices:delete] }'),
    'there are no such resources here (routes.r1.approval.required[0])',
  ],
  [route('approval: {}'), '"required" is missing (routes.r1.approval.required)'],
  [route('authzen: { target: pdp }'), 'there is no target "pdp" (routes.r1.authzen.target)'],
  [
    route('authzen: { target: t1 }'),
    'the decision point is another target than the one it guards (routes.r1.authzen.target)',
  ],
  [
    route('verify: { actions: [users:update], again: [15m, 1m] }'),
    'each time lies after the one before it (routes.r1.verify.again[1])',
  ],
  [
    route('verify: { actions: [users:updat] }'),
    'users have no such action; did you mean "users:update"? (routes.r1.verify.actions[0])',
  ],
  [
    small({
      routes:
        '  r1: { path: /scim/r1, scim: t1, grants: [{ client: c1, use: p1, urgent: 5/h }] }\n',
    }),
    'only deactivate, delete and remove-member are urgent, and this grant has none of them (routes.r1.grants[0].urgent)',
  ],
  [
    small({ rest: 'holds: { notify: [{ name: n, to: nobody, sign: none }] }' }),
    'there is no target "nobody" (holds.notify[0].to)',
  ],
  [
    small({ rest: 'holds: { notify: [{ name: n, to: t1, sign: none }] }' }),
    'route r1 serves this address as SCIM: nothing but its calls goes there (holds.notify[0].to)',
  ],
  [
    small({ rest: "holds: { notify: [{ name: n, to: t1, sign: { secret: 'literal' } }] }" }),
    'a secret is a reference, ${env:NAME} or ${file:path}, never a literal (holds.notify[0].sign.secret)',
  ],
];
for (const [text, expected] of said) {
  test(expected, async () => {
    const problems = await problemsOf(text);
    assert.deepEqual(
      problems.map((line) => line.replace(/^gateway\.yaml:\d+:\d+: /, '')),
      [expected],
    );
  });
}

test('a problem has its line and column', async () => {
  const text = guard('actions: [users:deactivate, users:delte], count: 5, in: 1h');
  const [line] = await problemsOf(text);
  const lines = text.split('\n');
  const at = lines.findIndex((each) => each.includes('users:delte'));
  assert.match(
    line ?? '',
    new RegExp(`^gateway\\.yaml:${at + 1}:${(lines[at]?.indexOf('users:delte') ?? 0) + 1}: `),
  );
});

test('guards as a snapshot has them: defaults, windows, wildcards', async () => {
  const text = withRules(`    guards:
      - { name: all, actions: ['users:*'], percent: 5%, in: 1h, slow: { count: 9, in: 7d }, per: tenant, then: deny, by: 2 }
      - { name: empty, detect: emptied }
`);
  const { targets, tenants } = await snapshotOf(text);
  const safety = targets['t1']?.safety;
  assert.ok(safety !== null && safety !== undefined);
  assert.equal(tenants['https://t1.example.com'], safety);
  const [all, empty] = safety.guards;
  for (const action of ['users:delete', 'users:password', 'users:create'] as const)
    assert.ok(all?.actions.has(action));
  assert.ok(!all?.actions.has('users:read'));
  assert.deepEqual(all?.windows, [
    { name: 'fast', ms: 3_600_000, count: null, share: 0.05 },
    { name: 'slow', ms: 604_800_000, count: 9, share: null },
  ]);
  assert.deepEqual([all.per, all.then, all.by], ['tenant', 'deny', 2]);
  assert.deepEqual(
    [empty?.detect, empty?.windows, empty?.per, empty?.then, empty?.by, empty?.above, empty?.share],
    ['emptied', [], 'client', 'hold', 1, 0, 0.5],
  );
});

test('one tenant has one set of rules, whichever of its targets they are written at', async () => {
  const both = (second: string): string =>
    `${target('    guards: [{ name: g, actions: [users:delete], count: 5, in: 1h }]\n', 't1', '    tenant: prod\n')}${target(second, 't2', '    tenant: prod\n')}  t3: { baseUrl: https://t3.example.com }\n`;
  const routes = ['t1', 't2', 't3']
    .map(
      (name) => `  ${name}: { path: /${name}, scim: ${name}, grants: [{ client: c1, use: p1 }] }\n`,
    )
    .join('');
  const rules = `    protected: [{ name: p, users: { ids: [u1] }, never: [delete] }]
    privileged: { groups: ['*-owners'] }
    guards:
      - { name: g, actions: [users:delete], count: 5, in: 1h }
      - { name: h, detect: emptied }
`;
  const { targets, tenants } = await snapshotOf(small({ targets: both(rules), routes }));
  const safety = targets['t1']?.safety;
  assert.ok(safety !== null && safety !== undefined);
  assert.equal(targets['t2']?.safety, safety);
  assert.equal(targets['t3']?.safety, null);
  assert.deepEqual(Object.keys(tenants), ['prod']);
  assert.deepEqual(
    [safety.guards.map(({ name }) => name), safety.protections.map(({ name }) => name)],
    [['g', 'h'], ['p']],
  );
  assert.deepEqual(safety.targets, ['t1', 't2']);
  assert.equal(safety.privileged?.group?.('CRM-Owners'), true);

  const text = small({
    targets: both('    guards: [{ name: g, actions: [users:delete], count: 6, in: 1h }]\n'),
    routes,
  });
  const line = (part: string, nth: number): number =>
    text.split('\n').flatMap((each, at) => (each.includes(part) ? [at + 1] : []))[nth] ?? 0;
  const [first, second] = [line('guards: [{ name: g', 0), line('guards: [{ name: g', 1)];
  assert.deepEqual(await problemsOf(text), [
    `gateway.yaml:${second}:22: a rule of this name means something else for the same tenant: gateway.yaml:${first}; give one of them another name, or write both alike (targets.t2.guards[0].name)`,
  ]);
});

test('quick tests: what no rule speaks of costs nothing, what one must know is read', async () => {
  const safetyOf = async (rules: string) => {
    const { safety } = (await snapshotOf(withRules(rules))).targets['t1'] ?? {};
    assert.ok(safety !== null && safety !== undefined);
    return safety;
  };
  const guards = await safetyOf(
    '    guards: [{ name: g, actions: [users:deactivate, groups:remove-member], count: 5, in: 1h }]\n',
  );
  assert.equal(guards.concerns(['users:update', 'groups:add-member']), false);
  assert.equal(guards.concerns(['users:update', 'users:deactivate']), true);
  assert.equal(guards.concerns(['groups:delete']), true);
  assert.equal(guards.needsBefore(['users:deactivate', 'groups:remove-member']), false);
  assert.equal(guards.needsBefore(['groups:replace-members']), true);

  const shares = await safetyOf(
    '    guards: [{ name: g, actions: [groups:remove-member], percent: 5%, in: 1h, per: group }]\n',
  );
  assert.equal(shares.needsBefore(['groups:remove-member']), true);

  const detects = await safetyOf(
    '    guards: [{ name: g, detect: cleared, attributes: [emails, title] }, { name: h, detect: emptied }]\n',
  );
  assert.equal(detects.needsBefore(['users:recovery']), true);
  assert.equal(detects.needsBefore(['users:update']), true);
  assert.equal(detects.needsBefore(['groups:remove-member']), true);
  assert.equal(detects.concerns(['users:rename', 'groups:add-member']), false);

  const names = await safetyOf(
    '    protected: [{ name: p, users: { userName: [x], memberOf: [Admins] }, never: [delete] }]\n',
  );
  assert.equal(names.needsBefore(['users:delete']), true);
  assert.equal(names.needsBefore(['users:rename']), true);
  assert.equal(names.needsBefore(['users:update']), false);
  assert.equal(names.needsBefore(['groups:update']), true);
  assert.equal(names.needsBefore(['groups:add-member']), false);
  assert.equal(names.concerns(['groups:add-member']), true);
  assert.equal(names.needsBefore(['users:create']), false);
  assert.equal(names.concerns(['users:create']), true);

  const ids = await safetyOf(
    '    protected: [{ name: p, users: { ids: [x] }, never: [delete] }]\n',
  );
  assert.equal(ids.needsBefore(['users:delete']), false);
  assert.equal(ids.concerns(['users:delete']), true);
  assert.equal(ids.concerns(['users:update']), false);

  const conditions = await safetyOf(
    '    protected: [{ name: p, users: { when: "before.active" }, never: [delete] }]\n',
  );
  assert.equal(conditions.needsBefore(['users:update']), true);

  const privilege = await safetyOf('    privileged: { groups: [x], attributes: [title] }\n');
  assert.equal(privilege.needsBefore(['groups:update']), true);
  assert.equal(privilege.needsBefore(['users:update']), false);
  assert.equal(privilege.concerns(['users:update']), true);
});

test('what the interface shows is read as it is meant', async () => {
  const { targets } = await snapshotOf(
    withRules(`    privileged: { groups: ["*-admins"], attributes: [department] }
    protected:
      - { name: breakglass, users: { userName: ["breakglass@*"], memberOf: [Administrators] }, never: [deactivate, delete, password, rename, remove-member] }
      - { name: admins, groups: { displayName: [Administrators] }, never: [delete, update, add-member, remove-member, replace-members] }
    guards:
      - { name: mass-leave, actions: [users:deactivate, users:delete], count: 25, in: 1h, per: client, then: hold }
`),
  );
  const safety = targets['t1']?.safety;
  const department = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department';
  assert.equal(safety?.privileged?.attributes?.covers(department), true);
  assert.equal(safety.privileged.attributes.covers('title'), false);
  assert.equal(safety.protections[0]?.filter, 'userName sw "breakglass@"');
  assert.deepEqual(
    [...(safety.protections[0]?.never ?? [])],
    ['users:deactivate', 'users:delete', 'users:password', 'users:rename', 'groups:remove-member'],
  );
});

test('a protection changes its digest with what it says, and with nothing else', async () => {
  const digestOf = async (written: string) =>
    (await snapshotOf(rule(written))).targets['t1']?.safety?.protections[0]?.digest;
  const base = await digestOf('users: { userName: [x] }, never: [delete]');
  assert.match(base ?? '', /^[0-9a-f]{64}$/);
  assert.equal(await digestOf('never: [delete], users: { userName: [x] }'), base);
  assert.notEqual(await digestOf('users: { userName: [y] }, never: [delete]'), base);
});

test('a route: approval, decision point and read-backs', async () => {
  const text = small({
    targets: `${target('')}  pdp: { baseUrl: https://pdp.example.com }\n`,
    routes: `  r1:
    path: /scim/r1
    scim: t1
    approval: { required: ['groups:*', users:delete], by: 2, passwords: keep }
    authzen: { target: pdp, actions: [users:create] }
    verify: { actions: [users:deactivate], again: [1m, 15m], every: 1d }
    grants: [{ client: c1, use: p1 }]
  r2: { path: /scim/r2, scim: t1, verify: [users:update], grants: [{ client: c1, use: p1 }] }
`,
  });
  const { routes } = await snapshotOf(text);
  const [one, two] = ['r1', 'r2'].map((name) => routes.find((each) => each.name === name));
  assert.ok(one !== undefined);
  assert.ok(
    one.approval?.required.has('groups:delete') && one.approval.required.has('users:delete'),
  );
  assert.deepEqual(
    { ...one.approval, required: null },
    { required: null, by: 2, expiresMs: 86_400_000, rememberMs: 604_800_000, keepsPasswords: true },
  );
  assert.deepEqual(one.decisionPoint, {
    target: 'pdp',
    path: '/access/v1/evaluation',
    timeoutMs: 2_000,
    actions: new Set(['users:create']),
    rule: 'routes.r1.authzen',
  });
  assert.deepEqual(one.verifyAgain, { afterMs: [60_000, 900_000], everyMs: 86_400_000 });
  assert.deepEqual([...one.verify], ['users:deactivate']);
  assert.deepEqual([...(two?.verify ?? [])], ['users:update']);
  assert.deepEqual(two?.verifyAgain, { afterMs: [], everyMs: null });
  assert.deepEqual([two?.approval, two?.decisionPoint], [null, null]);
});

test('holds: defaults, and notices with their signers', async () => {
  const { holds } = await snapshotOf(small());
  assert.deepEqual(holds, { pendingMax: 1_000, expiresMs: 86_400_000, notify: [] });
  const text = small({
    targets: `${target('')}  n8n: { baseUrl: https://n8n.example.com }\n`,
    rest: `holds:
  pending: 5
  expires: 1h
  notify:
    - { name: a, to: n8n, path: /x, sign: { secret: '\${env:S}' } }
    - { name: b, to: n8n, sign: none }
`,
  });
  const secret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
  const told = (await snapshotOf(text, true, { S: secret })).holds;
  assert.deepEqual([told.pendingMax, told.expiresMs], [5, 3_600_000]);
  assert.deepEqual(
    told.notify.map(({ name, target: to, path, signer }) => [name, to, path, signer?.scheme]),
    [
      ['a', 'n8n', '/x', 'standard-webhooks'],
      ['b', 'n8n', '', undefined],
    ],
  );
  assert.ok(Object.hasOwn(senders, 'standard-webhooks'));
  const { closed } = await load(text, { resolve: true, env: {} });
  assert.deepEqual(
    closed.map(({ path }) => path),
    ['holds.notify[0].sign.secret'],
  );
});

test('an urgent grant has a window of its own', async () => {
  const text = small({
    routes: `  r1:
    path: /scim/r1
    scim: t1
    grants: [{ client: c1, use: p1 }, { client: c1, users: { actions: [deactivate] }, urgent: 5/h }]
`,
  });
  const grants = (await snapshotOf(text)).routes[0]?.grants['c1']?.grants;
  assert.equal(grants?.[0]?.urgent, null);
  assert.deepEqual(grants?.[1]?.urgent, { key: 'urgent\nr1\nc1\n1', count: 5, ms: 3_600_000 });
});

const people = (...names: readonly string[]): string =>
  `admin:\n  people: [${names.map((name) => `{ name: ${name}, roles: [approver], until: 2027-12-31 }`).join(', ')}]\n`;

const warned: readonly (readonly [string, string, string])[] = [
  [
    'nobody approves',
    route('approval: { required: [groups:delete] }'),
    'what is held waits for ever: no person has the role approver (admin.people) (routes.r1.approval)',
  ],
  [
    'the only approver owns the client',
    route('approval: { required: [groups:delete] }').replace(
      'clients:',
      `${people('team@example.com')}clients:`,
    ),
    'an approver beside its owner must be there for c1; there are 0 (routes.r1.approval)',
  ],
  [
    'too few approve',
    route('approval: { required: [groups:delete], by: 2 }').replace(
      'clients:',
      `${people('a@x', 'team@example.com')}clients:`,
    ),
    '2 approvers beside its owner must be there for c1; there are 1 (routes.r1.approval)',
  ],
  [
    'a revocation is lost',
    guard('actions: [users:update, users:delete], count: 5, in: 1h, then: deny'),
    'above the limit a revocation is lost: with hold it waits for a person (targets.t1.guards[0].then)',
  ],
  [
    'nobody is granted it',
    guard('actions: [users:delete], count: 5, in: 1h').replace(
      'clients:',
      `${people('a@x')}clients:`,
    ),
    'no grant that leads to this tenant gives any of these actions (targets.t1.guards[0].actions)',
  ],
  [
    'a slow window is the narrower one',
    guard('actions: [users:update], count: 5, in: 1h, slow: { count: 5, in: 1d }').replace(
      'clients:',
      `${people('a@x')}clients:`,
    ),
    'this lets no more pass than the shorter window, which then never counts (targets.t1.guards[0].slow)',
  ],
  [
    'urgent is as wide as the guard',
    guard('actions: [users:deactivate], count: 25, in: 1h')
      .replace('clients:', `${people('a@x')}clients:`)
      .replace('actions: [read, update]', 'actions: [deactivate]')
      .replace('use: p1 }', 'use: p1, urgent: 25/h }'),
    'this lets as many past the guard g1 as it lets pass: write a small limit (routes.r1.grants[0].urgent)',
  ],
  [
    'a share of all groups',
    guard('actions: [groups:update], percent: 5%, in: 1h, per: tenant')
      .replace('clients:', `${people('a@x')}clients:`)
      .replace('users: { actions: [read, update] }', 'groups: { actions: [update] }'),
    'the percentage is one of all groups there are; per: group is one of its members (targets.t1.guards[0].per)',
  ],
  [
    'members are never shown',
    withRules(
      '    dialect: slack\n    knobs: { showsMembers: false }\n    protected: [{ name: p, users: { memberOf: [x] }, never: [delete] }]\n',
    ),
    'this target never shows the members of groups: nobody is found by this (targets.t1.protected[0].users.memberOf)',
  ],
  [
    'nothing leads there',
    small({
      targets: `${target('')}  t2:
    baseUrl: https://t2.example.com
    protected: [{ name: p, users: { ids: [x] }, never: [delete] }]
`,
      rest: "holds: { notify: [{ name: n, to: t2, sign: { secret: '${env:S}' } }] }",
    }),
    'no SCIM route leads to this tenant, so nothing is ever looked through or protected (targets.t2.protected)',
  ],
  [
    'another tenant leads past it',
    small({
      targets: `${target('    protected: [{ name: p, users: { ids: [x] }, never: [delete] }]\n', 't1', '    tenant: prod\n')}  t2: { baseUrl: "https://T1.example.com.:443/other" }\n`,
      routes: ['t1', 't2']
        .map(
          (name) =>
            `  ${name}:\n    path: /scim/${name}\n    scim: ${name}\n    grants: [{ client: c1, use: p1 }]\n`,
        )
        .join(''),
    }),
    'it leads to the host of t1 as another tenant, so the safety rules there do not hold here; where it is one system, write the same tenant (targets.t2)',
  ],
  [
    'a notice is not signed',
    small({
      targets: `${target('')}  t2: { baseUrl: https://t2.example.com }\n`,
      rest: 'holds: { notify: [{ name: n, to: t2, sign: none }] }',
    }),
    'nobody can tell these notices from forged ones; sign them (holds.notify[0].sign)',
  ],
];
for (const [title, text, expected] of warned) {
  test(`warned of: ${title}`, async () => {
    assert.deepEqual(await problemsOf(text), []);
    const found = (await warningsOf(text)).map((line) =>
      line.replace(/^gateway\.yaml:\d+:\d+: /, ''),
    );
    assert.deepEqual(
      found.filter((line) => !line.includes('is not set')),
      [expected],
    );
  });
}

test('the tenant of an address is its origin, however that is spelled', async () => {
  const spellings = [
    'https://T1.Example.COM',
    'https://t1.example.com.:443',
    'https://t1.example.com/v2',
  ];
  const targets = spellings.map((url, at) => `  t${at + 1}: { baseUrl: "${url}" }\n`).join('');
  const snapshot = await snapshotOf(small({ targets }));
  assert.deepEqual(
    spellings.map((_, at) => snapshot.targets[`t${at + 1}`]?.tenant),
    spellings.map(() => 'https://t1.example.com'),
  );
});

test('what is wrong with a route brings no false alarm about what it would have granted', async () => {
  const wrong = (text: string, was: string, is: string) => {
    assert.ok(text.includes(was), was);
    return text.replace(was, is);
  };
  const right = guard('actions: [users:update], count: 5, in: 1h').replace(
    'clients:',
    `${people('a@x')}clients:`,
  );
  for (const text of [
    wrong(right, 'path: /scim/r1', 'path: scim/r1'),
    wrong(right, 'actions: [users:update], count', 'actions: [users:updat], count'),
  ]) {
    assert.equal((await problemsOf(text)).length, 1);
    assert.deepEqual(await warningsOf(text), []);
  }
});

test('whoever can approve and is granted what is counted is told nothing', async () => {
  const text = guard('actions: [users:update], count: 5, in: 1h').replace(
    'clients:',
    `${people('a@x')}clients:`,
  );
  assert.deepEqual(await warningsOf(text), []);
  assert.ok(text.includes(store));
});
