import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolve as absolute } from 'node:path';
import { load, now, problemsOf, small, store, storeKey, warningsOf } from './loading.ts';

test('a file with five mistakes gives five lines, each at its place', async () => {
  const text = `version: 1
${store}clients:
  c1:
    owner: team@example.com
    purpose: testing
    expire: 2027-12-31
    auth: [{ apiKey: {} }]
targets:
  t1: { baseUrl: https://t1.example.com, timeout: 10 sec }
routes:
  r1:
    path: /scim/r1/
    scim: t2
    grants: []
`;
  assert.deepEqual(await problemsOf(text), [
    'gateway.yaml:8:5: "expires" is missing (clients.c1.expires)',
    'gateway.yaml:10:5: unknown key; did you mean "expires"? (clients.c1.expire)',
    'gateway.yaml:13:51: write a duration such as 250ms, 10s, 5m, 2h or 30d (targets.t1.timeout)',
    'gateway.yaml:16:11: write a path such as /scim/slack (routes.r1.path)',
    'gateway.yaml:17:11: there is no target "t2"; did you mean "t1"? (routes.r1.scim)',
  ]);
});

test('a small file gives a snapshot with its defaults', async () => {
  const { snapshot, problems, warnings } = await load(small());
  assert.deepEqual(problems, []);
  assert.deepEqual(warnings, []);
  assert.ok(snapshot !== null);
  assert.equal(snapshot.environment, 'production');
  assert.deepEqual(snapshot.server, {
    listen: { host: '127.0.0.1', port: 8080 },
    publicUrl: '',
    maxBodyBytes: 1_048_576,
    trustedProxies: [],
  });
  assert.equal(snapshot.admin.listen.port, 8081);
  assert.equal(snapshot.reload, 'careful');
  assert.deepEqual(snapshot.store.at, { engine: 'sqlite', path: absolute('data/s.db') });
  assert.deepEqual(snapshot.store.retention, {
    ledgerMs: 400 * 86_400_000,
    bodiesMs: 30 * 86_400_000,
    deliveriesMs: 14 * 86_400_000,
  });
  assert.equal(snapshot.clients['c1']?.expiresAt, Date.parse('2028-01-01T00:00:00Z'));
  assert.equal(snapshot.targets['t1']?.tenant, 'https://t1.example.com');
  assert.equal(snapshot.targets['t1']?.unconfigured, 'its secrets were not resolved');
  assert.deepEqual(snapshot.routes[0]?.segments, ['scim', 'r1']);
  assert.deepEqual(Object.keys(snapshot.routes[0]?.grants ?? {}), ['c1']);
  assert.match(snapshot.version, /^[0-9a-f]{12}$/);
});

test('every scalar is read with its unit, and refused otherwise', async () => {
  const target = (line: string): string =>
    small({ targets: `  t1: { baseUrl: https://t1.example.com, ${line} }\n` });
  const settings = async (line: string) =>
    (await load(target(line))).snapshot?.targets['t1']?.settings;
  for (const [written, ms] of [
    ['250ms', 250],
    ['10s', 10_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['30d', 2_592_000_000],
  ] as const) {
    assert.equal((await settings(`timeout: ${written}`))?.timeout, ms);
  }
  for (const [written, seconds] of [
    ['50/s', 1],
    ['50/m', 60],
    ['50/h', 3_600],
    ['50/d', 86_400],
  ] as const) {
    const limits = (await settings(`limits: { reads: ${written} }`))?.limits;
    assert.deepEqual(limits?.reads, { rate: { count: 50, seconds }, burst: null });
  }
  assert.equal((await settings('retry: { budget: 25% }'))?.retry.budget, 0.25);
  for (const wrong of ['10', '10 s', '1.5s', '-1s', '10S', '', '[]', '{}', 'true']) {
    const problems = await problemsOf(target(`timeout: ${wrong === '' ? '""' : wrong}`));
    assert.equal(problems.length, 1, wrong);
    assert.match(
      problems[0] as string,
      /^gateway\.yaml:15:\d+: write a duration such as .* \(targets\.t1\.timeout\)$/,
    );
  }
  const sizes = async (size: string) =>
    (await load(small({ server: `server: { maxBody: ${size} }` }))).snapshot?.server.maxBodyBytes;
  assert.equal(await sizes('64KiB'), 65_536);
  assert.equal(await sizes('2MiB'), 2_097_152);
  assert.equal(await sizes('1GiB'), undefined);
  assert.equal(await sizes('64KB'), undefined);
  const listen = async (address: string) =>
    (await load(small({ server: `server: { listen: '${address}' }` }))).snapshot?.server.listen;
  assert.deepEqual(await listen('[::1]:9'), { host: '::1', port: 9 });
  assert.equal(await listen('localhost'), undefined);
  assert.equal(await listen('a:65536'), undefined);
});

test('JSON is YAML', async () => {
  const { effective } = await load(small());
  const again = await load(JSON.stringify(effective));
  assert.deepEqual(again.problems, []);
  assert.deepEqual(
    JSON.parse(JSON.stringify(again.effective)),
    JSON.parse(JSON.stringify(effective)),
  );
});

test('what YAML could read in two ways is refused', async () => {
  const lines = async (tail: string): Promise<string> =>
    (await problemsOf(`version: 1\n${store}${tail}`)).join('\n');
  assert.match(await lines('environment: a\nenvironment: b\n'), /:7:1: this key is written twice/);
  assert.match(await lines('server: { <<: { listen: a:1 } }\n'), /:6:11: merge keys \(<<\)/);
  assert.match(await lines('reload: !auto careful\n'), /:6:15: tags \(!\)/);
  assert.match(await lines('reload: !!str careful\n'), /:6:15: tags \(!\)/);
  assert.match(await lines('reload: *admins\n'), /:6:9: this alias \(\*\) names no anchor/);
  assert.match(await lines('---\nreload: auto\n'), /one document/);
  assert.match(await lines('server:\n\tlisten: a:1\n'), /:7:1: a tab cannot indent/);
  assert.match(await lines('__proto__: { listen: a:1 }\n'), /:6:1: this name cannot be used/);
  assert.match(await lines('[a]: b\n'), /:6:1: a key must be text/);
  assert.match(
    (await problemsOf(`%YAML 1.1\n---\nversion: 1\n${store}`)).join(),
    /directives \(%\)/,
  );
  assert.deepEqual(await problemsOf(''), ['gateway.yaml:1:1: the file is empty']);
  assert.deepEqual(await problemsOf('- 1\n'), ['gateway.yaml:1:1: a route file is a map of keys']);
  assert.deepEqual(await problemsOf({}), ['gateway.yaml:1:1: cannot read gateway.yaml (ENOENT)']);
});

test('aliases work within bounds, and bombs do not go off', async () => {
  const shared = small({
    clients: `  c1: &c
    owner: team@example.com
    purpose: testing
    expires: 2027-12-31
    auth: [{ apiKey: {} }]
  c2: *c
`,
  });
  assert.deepEqual(await problemsOf(shared), []);
  let bomb = 'version: 1\nx0: &x0 [a, a, a, a, a, a, a, a, a, a]\n';
  for (let index = 1; index < 12; index += 1) {
    const before = `*x${index - 1}`;
    bomb += `x${index}: &x${index} [${Array.from({ length: 10 }, () => before).join(', ')}]\n`;
  }
  const started = performance.now();
  assert.match((await problemsOf(bomb)).join('\n'), /aliases add more than 10000 values/);
  assert.ok(performance.now() - started < 3_000);
  assert.match((await problemsOf('a: &a [*a]\n')).join('\n'), /at most 48 levels/);
  assert.match(
    (await problemsOf(`a: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`)).join('\n'),
    /nested too deeply/,
  );
  assert.match(
    (await problemsOf(`a: "${'x'.repeat(4 * 1_048_576)}"`)).join('\n'),
    /^gateway\.yaml:1:1: the file is larger than 4 MiB$/,
  );
});

test('what comes with a later release is refused by name, never ignored', async () => {
  const text = `version: 1
store:
  url: sqlite:s.db
  encryptionKeys: ['\${vault:kv/store#key}']
  checkpoints: { key: '\${file:k}', to: [log, https://x.example.com/c] }
defaults: { client: { auth: [{ jwt: {} }] } }
clients:
  c1: { owner: abc, purpose: abc, expires: 2027-12-31, auth: [{ jwt: {} }] }
targets:
  t1: { baseUrl: https://a.example.com }
  t2: { baseUrl: https://a.example.com, auth: [{ oauth2: { tokenUrl: x } }] }
routes:
  r2: { path: /b, rest: t1, catalogue: github }
`;
  const problems = (await problemsOf(text)).filter((line) => line.includes('not yet supported'));
  assert.deepEqual(
    problems.map((line) => /\(([^()]*)\)$/.exec(line)?.[1]),
    'store.encryptionKeys[0] store.checkpoints.to[1] defaults.client.auth[0].jwt clients.c1.auth[0].jwt targets.t2.auth[0].oauth2 routes.r2.rest routes.r2.catalogue'.split(
      ' ',
    ),
  );
  assert.equal((await problemsOf(text)).length, problems.length);
});

test('bulk: up to 100 operations unless a route says otherwise, or switches it off', async () => {
  const bulkOf = async (written: string, defaults = '') => {
    const text = small({
      routes: `  r1: { path: /a, scim: t1, ${written}grants: [{ client: c1, use: p1 }] }\n`,
    });
    const { snapshot, problems } = await load(text + defaults);
    return problems.length > 0 ? problems.length : snapshot?.routes[0]?.bulk;
  };
  assert.deepEqual(await bulkOf(''), { operationsMax: 100 });
  assert.deepEqual(await bulkOf('bulk: {}, '), { operationsMax: 100 });
  assert.deepEqual(await bulkOf('bulk: { operations: 1 }, '), { operationsMax: 1 });
  assert.deepEqual(await bulkOf('bulk: { operations: 1000 }, '), { operationsMax: 1_000 });
  assert.equal(await bulkOf('bulk: off, '), null);
  const defaults = 'defaults: { route: { bulk: off } }\n';
  assert.equal(await bulkOf('', defaults), null);
  assert.deepEqual(await bulkOf('bulk: { operations: 5 }, ', defaults), { operationsMax: 5 });
  for (const wrong of ['0', '1001', '1.5', 'many']) {
    assert.equal(await bulkOf(`bulk: { operations: ${wrong} }, `), 1, wrong);
  }
  for (const wrong of ['on', 'false', '100', '{ operation: 5 }']) {
    assert.equal(await bulkOf(`bulk: ${wrong}, `), 1, wrong);
  }
});

test('names that only look harmless are harmless', async () => {
  const text = small({
    clients: `  constructor: &c { owner: abc, purpose: abc, expires: 2027-12-31, auth: [{ apiKey: {} }] }
  tostring: *c
`,
    routes: `  constructor:
    path: /x
    scim: t1
    grants: [{ client: constructor, use: p1 }, { client: tostring, use: p1 }]
`,
  });
  const { snapshot, problems } = await load(text);
  assert.deepEqual(problems, []);
  assert.equal(Object.getPrototypeOf(snapshot?.clients), null);
  assert.deepEqual(Object.keys(snapshot?.routes[0]?.grants ?? {}), ['constructor', 'tostring']);
  const lost = small({ routes: '  r: { path: /x, scim: toString, normalise: valueOf }\n' });
  assert.equal((await problemsOf(lost)).length, 4);
});

test('routes: equal paths are an error, the longest comes first, a nested one is warned of', async () => {
  const routes = (second: string): string =>
    small({
      routes: `  r1: { path: /scim/a, scim: t1, grants: [{ client: c1, use: p1 }] }
  r2: { path: ${second}, scim: t1, grants: [] }
`,
    });
  assert.deepEqual(await problemsOf(routes('/scim/a')), [
    'gateway.yaml:25:15: another route has this path: gateway.yaml:24 (routes.r2.path)',
  ]);
  const nested = await load(routes('/scim/a/b'));
  assert.deepEqual(
    nested.snapshot?.routes.map((route) => route.name),
    ['r2', 'r1'],
  );
  assert.match(nested.warnings[0]?.message ?? '', /hides a part of another route/);
  assert.deepEqual((await load(routes('/scim/ab'))).warnings, []);
});

test('both listeners on one address, a person twice, bodies outliving the ledger', async () => {
  const text = small({
    server: `server: { listen: 0.0.0.0:8080 }
admin:
  listen: 127.0.0.1:8080
  people:
    - { name: a@example.com, roles: [viewer], until: 2027-12-31 }
    - { name: a@example.com, roles: [admin], until: 2027-12-31 }
`,
  }).replace('  checkpoints:', '  retention: { ledger: 10d, bodies: 20d }\n  checkpoints:');
  assert.deepEqual(await problemsOf(text), [
    'gateway.yaml:5:37: bodies cannot outlive the ledger (store.retention.bodies)',
    'gateway.yaml:9:11: the admin listener needs an address of its own, not that of server.listen (admin.listen)',
    'gateway.yaml:12:15: defined twice: also at gateway.yaml:11 (admin.people[1].name)',
  ]);
});

test('warnings: ends, unused names, open lines, wildcards, pins behind a proxy', async () => {
  const text = `version: 1
${store}server: { publicUrl: https://gw.example.com }
clients:
  c1: { owner: abc, purpose: abc, expires: 2026-12-15, auth: [{ apiKey: {} }], from: [203.0.113.0/24] }
  c2: { owner: abc, purpose: abc, expires: 2026-11-30, auth: [{ apiKey: {} }] }
targets:
  t1: { baseUrl: http://t1.example.com, auth: [{ bearer: '\${env:A}', expires: 2026-12-02 }] }
  t2: { baseUrl: http://127.0.0.1:1 }
permissions:
  p1: { users: { actions: ['*'] } }
  p2: { users: { actions: [read] } }
routes:
  r1: { path: /r1, scim: t1, grants: [{ client: c1, use: p1 }] }
`;
  assert.deepEqual(await warningsOf(text), [
    'gateway.yaml:8:44: this client expires within 30 days (2026-12-15) (clients.c1.expires)',
    'gateway.yaml:8:80: behind a proxy this sees only the proxy: name it in server.trustedProxies, or remove from (clients.c1.from)',
    'gateway.yaml:9:3: no route grants this client anything (clients.c2)',
    'gateway.yaml:9:44: this client has expired (2026-11-30) (clients.c2.expires)',
    'gateway.yaml:11:18: http: sends the credential and personal data in the clear (targets.t1.baseUrl)',
    'gateway.yaml:11:79: this credential expires within 30 days (2026-12-02) (targets.t1.auth[0].expires)',
    'gateway.yaml:12:3: no route leads to this target (targets.t2)',
    'gateway.yaml:14:28: a wildcard also covers actions that you did not think of; name them (permissions.p1.users.actions[0])',
    'gateway.yaml:15:3: no grant uses this permission (permissions.p2)',
  ]);
});

test('warnings: what rests on members that the target never shows', async () => {
  const text = (knobs: string) => `version: 1
${store}clients:
  c1: { owner: abc, purpose: abc, expires: 2027-11-30, auth: [{ apiKey: {} }] }
targets:
  t1: { baseUrl: https://t1.example.com, ${knobs}auth: [{ bearer: '\${env:A}' }] }
permissions:
  p1: { groups: { actions: [update], when: size(after.members) < 9 } }
  p2: { groups: { actions: [update], when: after.displayName != "members of c" } }
routes:
  r1:
    path: /r1
    scim: t1
    before: capture
    verify: [groups:add-member, groups:update]
    grants:
      - { client: c1, use: p1 }
      - { client: c1, use: p1, limits: { writes: 1/s } }
      - { client: c1, groups: { actions: [add-member], when: size(before.members) < 9 } }
      - { client: c1, groups: { actions: [create], when: after.displayName != "x" } }
`;
  const unused = 'gateway.yaml:12:3: no grant uses this permission (permissions.p2)';
  assert.deepEqual(await warningsOf(text('')), [unused]);
  assert.deepEqual(await warningsOf(text('knobs: { showsMembers: false }, ')), [
    'gateway.yaml:11:44: the target of route r1 never shows the members of groups: changes of groups under this condition are answered 503 (permissions.p1.groups.when)',
    unused,
    'gateway.yaml:17:13: this target never shows the members of groups: before-images lack them (routes.r1.before)',
    'gateway.yaml:18:14: this target never shows the members of groups: this cannot be read back (routes.r1.verify[0])',
    'gateway.yaml:22:62: the target of route r1 never shows the members of groups: changes of groups under this condition are answered 503 (routes.r1.grants[2].groups.when)',
  ]);
});

test('rules nobody uses, and grants of a broken route, are judged all the same', async () => {
  const text = small({
    rest: `  p2: { users: { actions: [fly], when: "after.userName ==" }, devices: { actions: [read] } }\n`,
    routes: `  r1:
    path: broken
    scim: t1
    grants: [{ client: c1, use: p1 }, { client: c1, users: { actions: [swim] } }]
`,
  });
  const problems = await problemsOf(text);
  assert.equal(problems.length, 5, problems.join('\n'));
  assert.match(problems[0] as string, /:22:\d+: .*\(permissions\.p2\.users\.actions\[0\]\)/);
  assert.ok(problems.some((line) => line.endsWith('(permissions.p2.users.when)')));
  assert.ok(problems.some((line) => line.endsWith('(permissions.p2.devices)')));
  assert.ok(problems.some((line) => line.endsWith('(routes.r1.path)')));
  assert.ok(problems.some((line) => line.endsWith('(routes.r1.grants[1].users.actions[0])')));
});

test('a target may declare resources of its own', async () => {
  const text = small({
    targets: '  t1: { baseUrl: https://t1.example.com, resources: [Devices] }\n',
    routes: `  r1:
    path: /r1
    scim: t1
    verify: [devices:delete, users:read]
    grants: [{ client: c1, use: p1 }, { client: c1, devices: { actions: [read, delete] }, cars: {} }]
`,
  });
  const { problems } = await load(text);
  assert.deepEqual(
    problems.map((problem) => [problem.path, problem.message]),
    [
      ['routes.r1.verify[1]', 'this is about changes; reads change nothing'],
      ['routes.r1.grants[1].cars', 'unknown key'],
    ],
  );
});

test('the version is that of the effective configuration, secrets by fingerprint', async () => {
  const env = { T1_TOKEN: 'one' };
  const version = async (text: string, more: Parameters<typeof load>[1] = {}) =>
    (await load(text, { env, resolve: true, now, ...more })).snapshot?.version;
  const base = await version(small());
  assert.ok(base !== undefined);
  assert.equal(await version(`# comment\n${small()}`), base);
  assert.equal(await version(small().replace('[read, update]', '[\'read\', "update"]')), base);
  assert.notEqual(await version(small().replace('[read, update]', '[read]')), base);
  assert.notEqual(await version(small(), { env: { T1_TOKEN: 'two' } }), base);
  assert.equal(Buffer.from(storeKey, 'base64').length, 32);
});
