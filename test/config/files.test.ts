import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { filesOnDisk } from '../../src/config/files-on-disk.ts';
import { loadConfig } from '../../src/config/load.ts';
import { load, now, problemsOf, small, store, warningsOf } from './loading.ts';

const client = (name: string): string =>
  `clients:\n  ${name}: { owner: abc, purpose: abc, expires: 2027-12-31, auth: [{ apiKey: {} }] }\n`;

test('included files add more of everything, in any order', async () => {
  const files = {
    'gateway.yaml': `include: [teams/*.yaml, extra.yaml]\n${small()}`,
    'teams/a.yaml': `${client('c2')}environment: staging\n`,
    'teams/b.yaml': `version: 1\nadmin: { listen: 127.0.0.1:9 }\nroutes:\n  r2: { path: /r2, scim: t1, grants: [{ client: c2, use: p1 }] }\n`,
    'extra.yaml': `include: [deep/one.yaml]\n`,
    'deep/one.yaml': client('c3'),
  };
  const { snapshot, problems, sources, patterns } = await load(files);
  assert.deepEqual(problems, []);
  assert.deepEqual(Object.keys(snapshot?.clients ?? {}), ['c1', 'c2', 'c3']);
  assert.equal(snapshot?.environment, 'staging');
  assert.equal(snapshot?.admin.listen.port, 9);
  assert.deepEqual(Object.keys(sources).sort(), Object.keys(files).sort());
  assert.deepEqual(patterns, [['.', 'teams/*.yaml']]);
});

test('a name defined twice names both places', async () => {
  const problems = await problemsOf({
    'gateway.yaml': `include: [b.yaml]\nenvironment: a\n${small()}`,
    'b.yaml': `environment: b\n${client('c1')}server: { maxBody: 1MiB }\n`,
  });
  assert.deepEqual(problems, [
    'b.yaml:1:1: defined twice: also at gateway.yaml:2 (environment)',
    'b.yaml:3:3: defined twice: also at gateway.yaml:10 (clients.c1)',
    'gateway.yaml:2:1: defined twice: also at b.yaml:1 (environment)',
    'gateway.yaml:10:3: defined twice: also at b.yaml:3 (clients.c1)',
  ]);
});

test('problems of all files come together; a missing file silences "there is no"', async () => {
  const problems = await problemsOf({
    'gateway.yaml': `include: [b.yaml, gone.yaml]\n${small({ routes: '  r1: { path: /a, scim: lost }\n' })}`,
    'b.yaml': `clients:\n  c9: { owner: abc, purpose: abc, expires: never, auth: [{ apiKey: {} }] }\n`,
  });
  assert.deepEqual(problems, [
    'b.yaml:2:44: write a date as YYYY-MM-DD (clients.c9.expires)',
    'gateway.yaml:1:19: cannot read gone.yaml (ENOENT) (include)',
  ]);
});

test('circles, depth, absolute paths and empty patterns', async () => {
  const at = async (files: Record<string, string>): Promise<string> =>
    (await problemsOf({ 'gateway.yaml': `include: [b.yaml]\n${small()}`, ...files })).join('\n');
  assert.match(
    await at({ 'b.yaml': 'include: [gateway.yaml]\n' }),
    /^b\.yaml:1:11: this file includes itself/,
  );
  assert.match(
    await at({
      'b.yaml': 'include: [c.yaml]\n',
      'c.yaml': 'include: [d.yaml]\n',
      'd.yaml': '{}\n',
    }),
    /^c\.yaml:1:1: included files may include files, but no further/,
  );
  assert.match(
    await at({ 'b.yaml': 'include: [/etc/x.yaml]\n' }),
    /^b\.yaml:1:11: write a path relative/,
  );
  assert.match(
    await at({ 'b.yaml': 'include: [a/**/x.yaml]\n' }),
    /^b\.yaml:1:11: a \* stays within/,
  );
  assert.match(await at({ 'b.yaml': 'include: x\n' }), /^b\.yaml:1:10: write a list of files here/);
  assert.match(await at({ 'b.yaml': 'version: 2\n' }), /^b\.yaml:1:10: write version: 1/);
  assert.deepEqual(await warningsOf(`include: [none/*.yaml]\n${small()}`), [
    'gateway.yaml:1:11: no file fits this pattern (include[0])',
  ]);
});

test('on disk: patterns, relative secrets, bytes that are no text', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-config-'));
  try {
    await mkdir(join(folder, 'teams'));
    await writeFile(join(folder, 'gateway.yaml'), `include: [teams/*.yaml]\n${small()}`);
    await writeFile(join(folder, 'teams/a.yaml'), client('c2'));
    await writeFile(join(folder, 'teams/.hidden.yaml'), client('c2'));
    await writeFile(join(folder, 'teams/note.txt'), 'no');
    const path = join(folder, 'gateway.yaml');
    const input = { ...filesOnDisk, path, env: {}, resolve: false, now };
    const loaded = await loadConfig(input);
    assert.deepEqual(loaded.problems, []);
    assert.deepEqual(Object.keys(loaded.sources), [path, join(folder, 'teams/a.yaml')]);
    assert.deepEqual(loaded.snapshot?.store.at, {
      engine: 'sqlite',
      path: join(folder, 'data/s.db'),
    });
    await writeFile(join(folder, 'teams/b.yaml'), Buffer.from([0x61, 0xff, 0x3a]));
    const broken = await loadConfig(input);
    assert.match(broken.problems[0]?.message ?? '', /^cannot read b\.yaml \(/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('defaults lie under every entry, are written out, and are judged where they stand', async () => {
  const text = `version: 1
defaults:
  client: { owner: team@example.com, auth: [{ apiKey: {} }], limits: { reads: 1/s, writes: 2/s } }
  target: { timeout: 3s, limits: { concurrent: 2 } }
  route: { before: capture, normalise: w }
${store}clients:
  c1: { purpose: abc, expires: 2027-12-31, limits: { reads: 9/s } }
targets:
  t1: { baseUrl: https://t1.example.com, timeout: 4s }
profiles: { w: { users: { userName: [lowercase] } } }
routes:
  r1: { path: /r1, scim: t1, grants: [{ client: c1, users: { actions: [read] } }] }
`;
  const { snapshot, problems, effective } = await load(text);
  assert.deepEqual(problems, []);
  assert.equal(snapshot?.clients['c1']?.limitReads?.count, 9);
  assert.equal(snapshot?.clients['c1']?.limitWrites?.count, 2);
  assert.equal(snapshot?.targets['t1']?.settings.timeout, 4_000);
  assert.equal(snapshot?.targets['t1']?.settings.limits.concurrent, 2);
  assert.equal(snapshot?.routes[0]?.before, 'capture');
  assert.ok(snapshot?.routes[0]?.profile);
  const shown = JSON.parse(JSON.stringify(effective)) as Record<string, Record<string, unknown>>;
  assert.deepEqual(shown['routes']?.['r1'], {
    before: 'capture',
    normalise: 'w',
    path: '/r1',
    scim: 't1',
    grants: [{ client: 'c1', users: { actions: ['read'] } }],
  });
  const wrong = text.replace('timeout: 3s,', 'timeot: 3s,').replace('capture', 'always');
  assert.deepEqual(
    await problemsOf(wrong),
    [
      'gateway.yaml:4:13: unknown key; did you mean "timeout"? (defaults.target.timeot)',
      'gateway.yaml:4:13: unknown key; did you mean "timeout"? (targets.t1.timeot)',
      'gateway.yaml:5:20: write one of: capture, needed (defaults.route.before)',
      'gateway.yaml:5:20: write one of: capture, needed (routes.r1.before)',
    ].filter((line) => !/\((targets|routes)\./.test(line)),
  );
  assert.deepEqual(await problemsOf(text.replace('  route:', '  rout:')), [
    'gateway.yaml:5:3: unknown key; did you mean "route"? (defaults.rout)',
  ]);
});

test('the environment reaches every scalar but secrets, typed after it is put in', async () => {
  const text = small({
    server: "server: { listen: '0.0.0.0:${env:PORT:-8080}', maxBody: '${env:MAX}' }\n",
    targets: `  t1:
    baseUrl: https://\${env:HOST:-t1}.example.com
    tenant: \${env:TENANT}
    limits: { concurrent: '\${env:SLOTS}' }
    auth: [{ bearer: '\${env:T1_TOKEN}' }]
`,
  });
  const env = { PORT: '', MAX: '2MiB', TENANT: '12345', SLOTS: '7', T1_TOKEN: 'x' };
  const { snapshot, problems, effective } = await load(text, { env });
  assert.deepEqual(problems, []);
  assert.equal(snapshot?.server.listen.port, 8080);
  assert.equal(snapshot?.server.maxBodyBytes, 2_097_152);
  assert.equal(snapshot?.targets['t1']?.tenant, '12345');
  assert.equal(snapshot?.targets['t1']?.settings.limits.concurrent, 7);
  assert.ok(JSON.stringify(effective).includes('${env:SLOTS}'));
  assert.deepEqual(await problemsOf(text, { env: { ...env, SLOTS: 'many' } }), [
    'gateway.yaml:19:27: write a number here (targets.t1.limits.concurrent)',
  ]);
  const unset = await load(text, { env: { ...env, SLOTS: undefined as never } });
  assert.deepEqual(unset.problems, []);
  assert.equal(unset.snapshot, null);
  assert.equal(unset.warnings[0]?.message, 'the environment variable SLOTS is not set');
  const strict = { env: { ...env, SLOTS: undefined as never }, resolve: true };
  assert.deepEqual(await problemsOf(text, strict), [
    'gateway.yaml:19:27: the environment variable SLOTS is not set (targets.t1.limits.concurrent)',
  ]);
  assert.deepEqual(await problemsOf(small({ rest: "reload: '${file:x}'\n" })), [
    'gateway.yaml:22:9: only a secret can come from a file; use ${env:NAME} here (reload)',
  ]);
  assert.deepEqual(
    await problemsOf(small({ rest: "reload: '${env:toString}'\n" }), {
      resolve: true,
      env: { T1_TOKEN: 'x' },
    }),
    ['gateway.yaml:22:9: the environment variable toString is not set (reload)'],
  );
});
