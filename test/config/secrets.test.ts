import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkpointKey, load, problemsOf, small, storeKey } from './loading.ts';

const canary = 'CANARY-8d1f0c';

test('a literal secret is an error at its place and is never echoed', async () => {
  const texts = [
    small({ targets: `  t1: { baseUrl: https://a.example.com, auth: [{ bearer: ${canary} }] }\n` }),
    small({
      targets: `  t1: { baseUrl: https://a.example.com, auth: [{ basic: { username: u, password: ${canary} } }] }\n`,
    }),
    small({
      targets: `  t1: { baseUrl: https://a.example.com, auth: [{ header: { name: x-key, value: ${canary} } }] }\n`,
    }),
    small({ targets: `  t1: { baseUrl: 'https://u:${canary}@a.example.com' }\n` }),
    small({ targets: `  t1: { baseUrl: 'https://a.example.com/?k=${canary}' }\n` }),
    small({ targets: `  t1: { baseUrl: https://a.example.com, auth: [{ token: ${canary} }] }\n` }),
    small({ targets: `  t1: { baseUrl: https://a.example.com, auth: ${canary} }\n` }),
    small({ targets: `  t1: { baseUrl: https://a.example.com, auth: [${canary}] }\n` }),
    small({ targets: `  t1: { baseUrl: ${canary}, tenant: "${canary} x", timeout: ${canary} }\n` }),
    small({ targets: `  t1: { baseUrl: https://a.example.com, dialect: "${canary}" }\n` }),
    small({ rest: `reload: ${canary}\nenvironment: ${canary}\nserver: ${canary}\n` }),
    small().replace("'${file:data/store.key}'", canary),
    small().replace("'${file:data/checkpoint.key}'", canary),
    small({ rest: `${canary}\n` }),
    small({ rest: `x: "${canary}\n` }),
    small({ rest: `x: *${canary}\n` }),
    small({ rest: `x: !${canary} y\n` }),
    small({ rest: `x: [${canary}\n` }),
    small({ rest: `include: [${canary}: a]\n` }),
    small({ rest: `x: '\${env:${canary}'\n` }),
    small({ rest: `defaults: { target: { auth: [{ bearer: ${canary} }] }, client: ${canary} }\n` }),
    small({ rest: `  p2: { users: { actions: [${canary}], write: { only: ['${canary}'] } } }\n` }),
    small({
      rest: `profiles: { w: { users: { userName: [${canary}, { map: { a: ${canary} } }] } } }\n`,
    }),
  ];
  for (const text of texts) {
    const loaded = await load(text, { resolve: true, env: {} });
    assert.ok(loaded.problems.length > 0, text);
    const told = JSON.stringify([loaded.problems, loaded.warnings]);
    assert.ok(!told.includes(canary), `${text}\n${told}`);
  }
  assert.deepEqual(await problemsOf(texts[0] as string), [
    'gateway.yaml:15:58: a secret is a reference, ${env:NAME} or ${file:path}, never a literal (targets.t1.auth[0].bearer)',
  ]);
});

test('secrets are resolved, printed once as a header, and stay out of everything else', async () => {
  const text = small({
    targets: `  t1:
    baseUrl: https://a.example.com
    auth:
      - { bearer: '\${env:A}', expires: 2027-01-31 }
      - { basic: { username: u, password: '\${file:b}' } }
      - { header: { name: X-Key, value: '\${env:C}' } }
`,
  });
  const env = { A: `${canary}a`, C: `${canary}c` };
  const loaded = await load({ 'gateway.yaml': text, b: `${canary}b\n` }, { env, resolve: true });
  assert.deepEqual(loaded.problems, []);
  const target = loaded.snapshot?.targets['t1'];
  assert.equal(target?.unconfigured, null);
  assert.deepEqual(target?.credentials, [
    {
      headerName: 'authorization',
      headerValue: `Bearer ${canary}a`,
      expiresAt: Date.parse('2027-02-01T00:00:00Z'),
    },
    {
      headerName: 'authorization',
      headerValue: `Basic ${Buffer.from(`u:${canary}b`).toString('base64')}`,
      expiresAt: Infinity,
    },
    { headerName: 'x-key', headerValue: `${canary}c`, expiresAt: Infinity },
  ]);
  assert.deepEqual(loaded.snapshot?.store.encryptionKeys, [Buffer.from(storeKey, 'base64')]);
  assert.equal(`${loaded.snapshot?.store.checkpoints.keyPem}\n`, checkpointKey);
  const shown = JSON.stringify([loaded.effective, loaded.warnings, loaded.sources, loaded.files]);
  assert.ok(!shown.includes(canary) && !shown.includes(storeKey));
  assert.ok(shown.includes('${env:A}'));
  assert.deepEqual(loaded.files, ['gateway.yaml', 'data/store.key', 'data/checkpoint.key', 'b']);
  assert.deepEqual(Object.keys(loaded.sources), ['gateway.yaml']);
  assert.ok(!JSON.stringify([target.digest, loaded.snapshot?.version]).includes(canary));
});

test('a target whose secret does not resolve is closed alone; one slot of several is a warning', async () => {
  const text = small({
    targets: `  t1: { baseUrl: https://a.example.com, auth: [{ bearer: '\${env:GONE}' }] }
  t2: { baseUrl: https://a.example.com, auth: [{ bearer: '\${file:gone}' }, { bearer: '\${env:A}' }] }
  t3: { baseUrl: https://a.example.com, auth: [{ bearer: '\${env:EMPTY}' }] }
  t4: { baseUrl: https://a.example.com, auth: [{ bearer: '\${env:LINES}' }] }
`,
  });
  const env = { A: 'a', EMPTY: '', LINES: 'a\r\nx-evil: 1' };
  const { snapshot, problems, warnings } = await load(text, { env, resolve: true });
  assert.deepEqual(problems, []);
  assert.equal(snapshot?.targets['t1']?.unconfigured, 'the environment variable GONE is not set');
  assert.equal(snapshot?.targets['t2']?.unconfigured, null);
  assert.equal(snapshot?.targets['t2']?.credentials.length, 1);
  assert.equal(snapshot?.targets['t3']?.unconfigured, 'the secret is empty');
  assert.match(snapshot?.targets['t4']?.unconfigured ?? '', /no header can carry/);
  const told = warnings.filter((each) => each.path.includes('auth'));
  assert.deepEqual(
    told.map((each) => `${each.line}:${each.path}:${each.severity}`),
    [
      '15:targets.t1.auth[0]:error',
      '16:targets.t2.auth[0]:warning',
      '17:targets.t3.auth[0]:error',
      '18:targets.t4.auth[0]:error',
    ],
  );
});

test('the secrets of the store are problems: missing, short, no key', async () => {
  const of = (files: Record<string, string>): Promise<string[]> =>
    problemsOf({ 'gateway.yaml': small(), ...files }, { env: { T1_TOKEN: 'x' }, resolve: true });
  assert.deepEqual(await of({}), []);
  assert.deepEqual(await of({ 'data/store.key': 'c2hvcnQ=\n', 'data/checkpoint.key': canary }), [
    'gateway.yaml:4:20: the secret is not 32 bytes in base64 (store.encryptionKeys[0])',
    'gateway.yaml:5:23: the secret is not an Ed25519 private key in PKCS#8 PEM (store.checkpoints.key)',
  ]);
  assert.deepEqual(await of({ 'data/store.key': '\n' }), [
    'gateway.yaml:4:20: the secret is empty (store.encryptionKeys[0])',
  ]);
  const gone = small().replace('store.key}', 'gone}');
  assert.deepEqual(await problemsOf(gone, { env: { T1_TOKEN: 'x' }, resolve: true }), [
    'gateway.yaml:4:20: the file of this secret cannot be read (ENOENT) (store.encryptionKeys[0])',
  ]);
});
