import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { judgeCase, printJudged } from '../../src/commands/judge-cases.ts';
import { filesOnDisk } from '../../src/config/files-on-disk.ts';
import { loadConfig } from '../../src/config/load.ts';
import { readPolicyCases } from '../../src/config/policy-cases.ts';
import { printProblem } from '../../src/config/problem.ts';
import { load, now, store } from './loading.ts';

const folder = fileURLToPath(new URL('../../config/', import.meta.url));
// Beside a route file may lie its policy cases, `NAME.cases.yaml`, and bodies they send. A way to
// deploy is a folder with a route file of its own; compose.yaml is one (test/deployment).
const examples = (await readdir(`${folder}examples`, { withFileTypes: true }))
  .filter((entry) => entry.isDirectory() || /^[^.]+\.yaml$/.test(entry.name))
  .filter(({ name }) => name !== 'compose.yaml')
  .map((entry) => `examples/${entry.name}${entry.isDirectory() ? '/gateway.yaml' : ''}`);

for (const file of ['gateway.yaml', ...examples]) {
  test(`config/${file} passes check without a problem or a warning`, async () => {
    const path = `${folder}${file}`;
    const text = await readFile(path, 'utf8');
    assert.match(text, /^# yaml-language-server: \$schema=(\.\/|(\.\.\/)+)gateway\.schema\.json\n/);
    const loaded = await loadConfig({ ...filesOnDisk, path, env: {}, resolve: false, now });
    assert.deepEqual(loaded.problems.map(printProblem), []);
    assert.deepEqual(loaded.warnings.map(printProblem), []);
    assert.ok(loaded.snapshot !== null);
  });
}

const caseFiles = (await readdir(`${folder}examples`)).filter((name) =>
  name.endsWith('.cases.yaml'),
);

for (const name of caseFiles) {
  test(`config/examples/${name} holds of the route file beside it`, async () => {
    const path = `${folder}examples/${name.replace('.cases.yaml', '.yaml')}`;
    const { snapshot } = await loadConfig({ ...filesOnDisk, path, env: {}, resolve: false, now });
    assert.ok(snapshot !== null);
    const { cases, problems } = await readPolicyCases(
      `${folder}examples/${name}`,
      filesOnDisk.readFile,
    );
    assert.deepEqual(problems.map(printProblem), []);
    const judged = cases.map((each) => judgeCase(snapshot, each, now));
    const failed = judged.filter(({ passed }) => !passed).flatMap((each) => printJudged(each));
    assert.deepEqual(failed, []);
  });
}

const example = await readFile(`${folder}gateway.yaml`, 'utf8');

test('the webhook route of config/gateway.yaml is fine once the # is taken off', async () => {
  const at = example.indexOf('  # hr:\n');
  const written = example.slice(at).replaceAll(/^ {2}# /gm, '  ');
  const text = (example.slice(0, at) + written).replace(
    '\ntargets:\n',
    '\ntargets:\n  n8n: { baseUrl: https://n8n.example.com }\n',
  );
  const { snapshot, problems, warnings } = await load(text, { resolve: false, env: {} });
  assert.deepEqual([...problems, ...warnings].map(printProblem), []);
  assert.deepEqual(
    snapshot?.webhooks.map(({ name }) => name),
    ['hr'],
  );
});
const lines = example.split('\n');

const mutation = fc.oneof(
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(example.length), size: fc.nat(40) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(example.length),
    text: fc.oneof(
      fc.constantFrom('*', '&a ', '!x ', '<<: ', '{', '}', '[', ']', '"', "'", '\t', '\n', ': '),
      fc.constantFrom('__proto__: ', 'constructor: ', '${env:X}', '${file:x}', '- ', '---\n', '%'),
      fc.string({ maxLength: 8, unit: 'binary' }),
    ),
  }),
  fc.record({
    kind: fc.constant('line' as const),
    from: fc.nat(lines.length),
    to: fc.nat(lines.length),
  }),
);

type Mutation = typeof mutation extends fc.Arbitrary<infer Each> ? Each : never;

const mutate = (text: string, change: Mutation): string => {
  if (change.kind === 'cut') return text.slice(0, change.at) + text.slice(change.at + change.size);
  if (change.kind === 'insert')
    return text.slice(0, change.at) + change.text + text.slice(change.at);
  const all = text.split('\n');
  all.splice(change.to, 0, ...all.splice(change.from, 1));
  return all.join('\n');
};

test('whatever is done to the example, nothing throws and every problem has its place', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (changes) => {
      const text = changes.reduce(mutate, example);
      const count = text.split(/\r\n|\r|\n/).length;
      const { snapshot, problems, warnings } = await load(text, { resolve: true, env: {} });
      assert.equal(snapshot === null, problems.length > 0);
      for (const each of [...problems, ...warnings]) {
        assert.equal(each.file, 'gateway.yaml');
        assert.ok(each.line >= 1 && each.line <= count && each.col >= 1, printProblem(each));
        assert.ok(each.message !== '' && !/[\n\r\u001b]/.test(printProblem(each)));
      }
    }),
    { numRuns: 150 },
  );
});

test('a file of 1,000 routes, 1,000 clients and 5,000 grants is checked in time', async (t) => {
  const clients: string[] = [];
  const targets: string[] = [];
  const routes: string[] = [];
  for (let index = 0; index < 1_000; index += 1) {
    clients.push(`  c${index}:
    owner: team-${index}@example.com
    purpose: recipe ${index}
    expires: 2027-12-31
    auth: [{ apiKey: {} }]
    limits: { reads: 50/s, writes: { rate: 600/m, burst: 100 } }`);
    targets.push(`  t${index}:
    baseUrl: https://t${index}.example.com/scim
    auth: [{ bearer: '\${env:T${index}}' }]
    limits: { writes: 600/m, concurrent: 8 }`);
    const grants = [0, 1, 2, 3, 4].map(
      (step) =>
        `      - { client: c${(index * 5 + step) % 1_000}, use: p${step}, limits: { writes: 20/s } }`,
    );
    routes.push(`  r${index}:
    path: /scim/r${index}
    scim: t${index}
    normalise: w
    grants:
${grants.join('\n')}`);
  }
  const permissions = [0, 1, 2, 3, 4].map(
    (step) => `  p${step}:
    users: { actions: [read, update, deactivate], when: 'after.userName.endsWith("@example${step}.com")' }`,
  );
  const text = `version: 1
${store}clients:
${clients.join('\n')}
targets:
${targets.join('\n')}
profiles: { w: { users: { '*': [trim, nfc], userName: [lowercase] } } }
permissions:
${permissions.join('\n')}
routes:
${routes.join('\n')}
`;
  const started = performance.now();
  const { snapshot, problems } = await load(text);
  const seconds = (performance.now() - started) / 1_000;
  assert.deepEqual(problems, []);
  assert.equal(snapshot?.routes.length, 1_000);
  t.diagnostic(`checked ${Math.round(text.length / 1_024)} KiB in ${seconds.toFixed(2)} s`);
  // The promise is two seconds; shared machines drift, so the test only catches another order.
  assert.ok(seconds < 10);
});
