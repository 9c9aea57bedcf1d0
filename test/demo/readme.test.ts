import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { filesOnDisk, keptFiles } from '../../src/config/files-on-disk.ts';
import { loadConfig } from '../../src/config/load.ts';
import { printProblem } from '../../src/config/problem.ts';
import { demoRouteFile } from '../../src/demo/route-file.ts';
import { session } from '../../src/demo/session.ts';
import { runInProcess } from '../support/run-program.ts';

const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
const path = fileURLToPath(new URL('../../config/readme.yaml', import.meta.url));

const check = (text: string) =>
  loadConfig({
    ...keptFiles({ [path]: text }, filesOnDisk),
    path,
    env: {},
    resolve: false,
    now: Date.parse('2026-12-01T00:00:00Z'),
  });

test('the route file of the README, put together, passes check without a warning', async () => {
  const blocks = [...readme.matchAll(/```yaml\n([^]*?)```/g)].map((match) => match[1] ?? '');
  assert.ok(blocks.length >= 8);
  const { snapshot, problems, warnings } = await check(blocks.join(''));
  assert.deepEqual([...problems, ...warnings].map(printProblem), []);
  assert.deepEqual(
    snapshot?.routes.map(({ name }) => name),
    ['suite'],
  );
  const broken = await check(blocks.join('').replace('use: joiner-mover-leaver', 'use: nobody'));
  assert.equal(broken.problems.length, 1);
});

test('the route file of the demo passes check', async () => {
  const text = demoRouteFile({
    sandboxUrl: 'http://127.0.0.1:9/scim/v2',
    data: '127.0.0.1:8080',
    admin: '127.0.0.1:8081',
  });
  const { problems } = await check(text);
  assert.deepEqual(problems.map(printProblem), []);
});

test('the README shows the session as it is', () => {
  const shown = /```text\n([^]*?)```/.exec(readme)?.[1] ?? '';
  const rows = shown.split('\n').filter((line) => /^(ok|DIFF)  \S.* 01[0-9a-f]{30}$/.test(line));
  assert.equal(rows.length, session.length);
  for (const [at, { says, expect }] of session.entries()) {
    const row = rows[at] ?? '';
    assert.ok(row.startsWith(`ok  ${says}  `), `row ${at} of the README is not "${says}"`);
    assert.ok(row.includes(`  ${expect.status}  `), `${says}: not ${expect.status}`);
  }
});

test('the README shows what test and diff print of the change it describes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-readme-'));
  try {
    const examples = fileURLToPath(new URL('../../config/examples/', import.meta.url));
    const old = `${examples}entra-slack.yaml`;
    const next = join(folder, 'entra-slack.yaml');
    const text = await readFile(old, 'utf8');
    await writeFile(
      next,
      text.replace(", '*-owners']", ']').replace('{ writes: 20/s }', '{ writes: 10/s }'),
    );
    const diff = await runInProcess(['diff', old, next]);
    assert.equal(diff.code, 1, diff.err);
    assert.ok(readme.includes(`\n${diff.out}\`\`\``), diff.out);
    const cases = `${examples}entra-slack.cases.yaml`;
    const ran = await runInProcess(['test', cases, '--config', next]);
    assert.equal(ran.code, 1, ran.err);
    const shown = ran.out.replaceAll(examples, 'config/examples/');
    assert.ok(readme.includes(`\n${shown}\`\`\``), shown);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('the README shows a webhook file that passes check, and what explain says of its message', async () => {
  const [file = ''] = [...readme.matchAll(/```yml\n([^]*?)```/g)].map((match) => match[1] ?? '');
  const { problems, warnings } = await check(file);
  assert.deepEqual([...problems, ...warnings].map(printProblem), []);
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-readme-'));
  try {
    const config = join(folder, 'gateway.yaml');
    const body = join(folder, 'leave.json');
    await writeFile(config, file);
    await writeFile(body, /^\$ LEFT='(.*)'$/m.exec(readme)?.[1] ?? '');
    const ask = ['explain', 'POST', '/hooks/hr', '--body', body, '--config', config];
    const ran = await runInProcess(ask);
    assert.equal(ran.code, 0, ran.err);
    assert.ok(readme.includes(`\n${ran.out}\`\`\``), ran.out);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('what the README shows of safety stands in the example of it', async () => {
  const example = await readFile(
    new URL('../../config/examples/safety.yaml', import.meta.url),
    'utf8',
  );
  const plain = (line: string) => line.replace(/(?<=\S) +# .*$/, '').trim();
  const lines = new Set(example.split('\n').map((line) => plain(line).replace(/^# /, '')));
  const chapter = /\n## Safety\n([^]*?)\n## /.exec(readme)?.[1] ?? '';
  const blocks = [...chapter.matchAll(/```yml\n([^]*?)```/g)].map((match) => match[1] ?? '');
  assert.ok(blocks.length >= 8);
  for (const line of blocks.join('').split('\n').map(plain)) {
    assert.ok(line === '' || lines.has(line), line);
  }
});

test('the folders and files that the README links to are there', async () => {
  const links = [...readme.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)].map((match) => match[1] ?? '');
  assert.ok(links.length > 5);
  const { stat } = await import('node:fs/promises');
  for (const link of links) await stat(new URL(`../../${link}`, import.meta.url));
});
