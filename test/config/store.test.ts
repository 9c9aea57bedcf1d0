/** `store:` and `turns:` of the route file: what they compile to, and what is told at its line. */
import assert from 'node:assert/strict';
import { resolve as absolute } from 'node:path';
import { test } from 'node:test';
import type { Loaded } from '../../src/config/load.ts';
import { makeReloader } from '../../src/config/reloader.ts';
import { widenings } from '../../src/config/widening.ts';
import { load, problemsOf, small, warningsOf } from './loading.ts';

const env = { T1_TOKEN: 't', PG: 'CANARY-pg', REDIS: 'CANARY-redis' };

const withStore = (lines: string, text = small()): string =>
  text.replace('  url: sqlite:data/s.db\n', lines.replaceAll(/^(?=.)/gm, '  '));

const shared = `url: postgres://db.example.com/gw?sslrootcert=ca.pem
user: sallyport
password: '\${env:PG}'
lease: 45s
sharedLimits: { url: 'rediss://r.example.com/2', user: gw, password: '\${env:REDIS}' }
`;

const snapshotOf = async (text: string, more: Record<string, string> = {}) => {
  const { snapshot, problems } = await load(text, { resolve: true, env: { ...env, ...more } });
  assert.deepEqual(problems, []);
  assert.ok(snapshot !== null);
  return snapshot;
};

test('a shared store and shared limits, whole', async () => {
  const { store } = await snapshotOf(withStore(shared));
  assert.deepEqual(store.at, {
    engine: 'postgres',
    host: 'db.example.com',
    port: 5_432,
    database: 'gw',
    schema: 'sallyport',
    user: 'sallyport',
    password: 'CANARY-pg',
    tls: 'verify',
    caPath: absolute('ca.pem'),
  });
  assert.equal(store.leaseMs, 45_000);
  assert.deepEqual(store.sharedLimits, {
    host: 'r.example.com',
    port: 6_379,
    database: 2,
    tls: true,
    user: 'gw',
    password: 'CANARY-redis',
  });
});

test('what is not written has its default', async () => {
  const { store, routes } = await snapshotOf(
    withStore('url: postgres://localhost/gw\nuser: u\nsharedLimits: redis://localhost\n'),
  );
  assert.equal(store.at.engine === 'postgres' && store.at.password, null);
  assert.equal(store.at.engine === 'postgres' && store.at.tls, 'off');
  assert.equal(store.leaseMs, 30_000);
  assert.equal(store.sharedLimits?.password, null);
  assert.equal(store.sharedLimits?.user, null);
  assert.equal(routes[0]?.turns, 'gateway');
  assert.equal((await snapshotOf(small())).store.sharedLimits, null);
});

test('mistakes stand at their line and repeat no secret', async () => {
  const canary = 'CANARY-5b1';
  const rows: readonly (readonly [string, readonly string[]])[] = [
    [
      `url: postgres://u:${canary}@db/gw\n`,
      ['3:8: no user or password in this URL; write user: and password: beside it (store.url)'],
    ],
    [
      'url: postgres://localhost/gw\n',
      ['3:8: PostgreSQL needs to know who comes: write user: beside the URL (store.user)'],
    ],
    [
      `url: postgres://localhost/gw\nuser: u\npassword: ${canary}\n`,
      [
        '5:13: a secret is a reference, ${env:NAME} or ${file:path}, never a literal (store.password)',
      ],
    ],
    [
      `url: postgres://localhost/gw\nuser: u\nsharedLimits: { url: 'redis://:${canary}@r', password: ${canary} }\n`,
      [
        '5:24: no user or password in this URL; write user: and password: beside it (store.sharedLimits.url)',
        '5:59: a secret is a reference, ${env:NAME} or ${file:path}, never a literal (store.sharedLimits.password)',
      ],
    ],
    [
      `url: postgres://localhost/gw\nuser: u\nsharedLimits: http://${canary}\n`,
      ['5:17: write redis://HOST[:PORT][/NUMBER], or rediss:// for TLS (store.sharedLimits)'],
    ],
    ['url: postgres://localhost/gw\nuser: u\nlease: 1s\n', ['5:10: write 2s to 10m (store.lease)']],
    [
      'url: postgres://localhost/gw\nuser: u\nleese: 10s\n',
      ['5:3: unknown key; did you mean "lease"? (store.leese)'],
    ],
  ];
  for (const [lines, wanted] of rows) {
    const text = withStore(lines);
    assert.deepEqual(
      await problemsOf(text),
      wanted.map((line) => `gateway.yaml:${line}`),
    );
    const { effective, warnings } = await load(text);
    assert.ok(!JSON.stringify([warnings]).includes(canary));
    if (lines.includes('@')) assert.ok(!JSON.stringify(effective).includes(`${canary}@`));
  }
});

test('a password that does not resolve is a problem at its reference', async () => {
  const { problems } = await load(withStore(shared), { resolve: true, env: { T1_TOKEN: 't' } });
  assert.deepEqual(
    problems.map(({ path, message }) => `${path}: ${message}`),
    [
      'store.password: the environment variable PG is not set',
      'store.sharedLimits.password: the environment variable REDIS is not set',
    ],
  );
});

test('nothing may take longer than a lease', async () => {
  const targets = `  t1: { baseUrl: https://t1.example.com, timeout: 4s }
  t2: { baseUrl: https://t2.example.com, timeout: 4001ms }
  t3: { baseUrl: https://t3.example.com }
`;
  const text = withStore('url: postgres://localhost/gw\nuser: u\nlease: 5s\n', small({ targets }));
  const message = 'nothing could be sent there: the timeout must be at least 1s below store.lease';
  assert.deepEqual(await problemsOf(text), [
    `gateway.yaml:18:51: ${message} (targets.t2.timeout)`,
    `gateway.yaml:19:7: ${message} (targets.t3.timeout)`,
  ]);
  assert.deepEqual(await problemsOf(text.replace('postgres://localhost/gw', 'sqlite:s.db')), []);
});

test('warnings: what a SQLite store does not do, and lines on which others could listen', async () => {
  const lines = async (text: string): Promise<readonly string[]> =>
    (await warningsOf(text)).map((line) => line.replace(/^[^ ]+ /, ''));
  assert.deepEqual(await lines(withStore(shared.replace(/^url: \S+/, 'url: sqlite:s.db'))), [
    'a SQLite store asks nobody who they are: this does nothing (store.user)',
    'a SQLite store asks nobody who they are: this does nothing (store.password)',
    'a SQLite store belongs to one gateway: this does nothing (store.lease)',
    'a SQLite store belongs to one gateway: rates are shared with nobody (store.sharedLimits)',
  ]);
  const far = (query: string, limits: string): string =>
    withStore(`url: postgres://db.example.com/gw${query}\nuser: u\nsharedLimits: ${limits}\n`);
  assert.deepEqual(await lines(far('?sslmode=disable', 'redis://r.example.com')), [
    'sslmode=disable sends the password and the ledger in the clear (store.url)',
    'redis: sends the password and names of clients in the clear; use rediss: (store.sharedLimits.url)',
  ]);
  assert.deepEqual(await lines(far('?sslmode=require', 'rediss://r.example.com')), [
    'sslmode=require does not look who answers; use verify-full (store.url)',
  ]);
  const near = withStore(
    'url: postgres://db/gw?sslmode=disable\nuser: u\nsharedLimits: redis://r\n',
  );
  assert.deepEqual(await lines(near), []);
});

const turns = (word: string): string =>
  small().replace('    scim: t1\n', `    scim: t1\n    turns: ${word}\n`);

test('turns are a setting of the route, and no permission', async () => {
  const [own, all] = [await snapshotOf(turns('gateway')), await snapshotOf(turns('shared'))];
  assert.equal(own.routes[0]?.turns, 'gateway');
  assert.equal(all.routes[0]?.turns, 'shared');
  assert.deepEqual(widenings(all, own), []);
  assert.deepEqual(widenings(own, all), []);
  assert.deepEqual(await warningsOf(turns('shared')), []);
  assert.deepEqual(await problemsOf(turns('all')), [
    'gateway.yaml:27:12: write one of: gateway, shared (routes.r1.turns)',
  ]);
});

test('the version knows each of these keys, passwords by fingerprint alone', async () => {
  const base = withStore(shared);
  const { version } = await snapshotOf(base);
  const others = await Promise.all([
    snapshotOf(base.replace('/gw?', '/gw2?')),
    snapshotOf(base.replace('user: sallyport', 'user: other')),
    snapshotOf(base.replace('45s', '46s')),
    snapshotOf(base.replace('r.example.com/2', 'r.example.com/3')),
    snapshotOf(base, { PG: 'another' }),
    snapshotOf(base, { REDIS: 'another' }),
  ]);
  assert.equal(new Set([version, ...others.map((each) => each.version)]).size, 7);
  assert.equal(
    (await snapshotOf(base.replaceAll('env:PG', 'env:PG2'), { PG2: env.PG })).version,
    version,
  );
});

test('a change of any of them needs a restart', async () => {
  const initial = await snapshotOf(withStore(shared));
  const changes = [
    ['/gw?', '/gw2?'],
    ['45s', '46s'],
    ['user: gw', 'user: gw2'],
    ['env:PG', 'env:REDIS'],
  ] as const;
  for (const [before, after] of changes) {
    const next: Loaded = await load(withStore(shared).replace(before, after), {
      resolve: true,
      env,
    });
    const reloader = makeReloader(
      {
        load: async () => next,
        activate: async () => assert.fail('activated'),
        observe: () => undefined,
        loaded: () => undefined,
      },
      { snapshot: initial, problems: [], lastGood: false },
    );
    assert.deepEqual((await reloader.reload('person')).problems, [
      'a change of store needs a restart; nothing was applied',
    ]);
  }
});
