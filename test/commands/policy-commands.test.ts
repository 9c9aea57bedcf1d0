/** `test` and `diff` as they are typed, on files of their own folders: exit codes, lines, JSON. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { judgeCase, printJudged, printTally } from '../../src/commands/judge-cases.ts';
import { diffLines, printDiff } from '../../src/commands/print-diff.ts';
import { filesOnDisk } from '../../src/config/files-on-disk.ts';
import { loadConfig } from '../../src/config/load.ts';
import { readPolicyCases } from '../../src/config/policy-cases.ts';
import { now } from '../config/loading.ts';
import { mainConfig } from '../support/fixture.ts';
import { runInProcess } from '../support/run-program.ts';
import { runSallyport } from '../support/sallyport-process.ts';

const examples = fileURLToPath(new URL('../../config/examples/', import.meta.url));

describe('policy on the command line', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-policy-'));
    await write('gateway.yaml', mainConfig('http://127.0.0.1:9/scim'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const at = (name: string): string => join(folder, name);
  const write = async (name: string, text: string): Promise<string> => {
    await mkdir(join(at(name), '..'), { recursive: true });
    await writeFile(at(name), text);
    return at(name);
  };
  const test = (files: readonly string[], more: readonly string[] = []) =>
    runInProcess(['test', ...files, '--config', at('gateway.yaml'), ...more]);

  const passing = `- client: reader
  method: DELETE
  path: /scim/sandbox/Users/1
  expect: { decision: deny, code: action_denied, calls: [] }
`;
  const failing = `- name: readers delete
  client: reader
  method: DELETE
  path: /scim/sandbox/Users/1
  expect:
    decision: allow
    actions: [users:delete]
    calls: [{ method: DELETE, path: /Users/1 }]
`;

  it('test: the example beside the example file passes', async () => {
    const path = `${examples}entra-slack.yaml`;
    const { snapshot } = await loadConfig({ ...filesOnDisk, path, env: {}, resolve: false, now });
    assert.ok(snapshot !== null);
    const read = await readPolicyCases(`${examples}entra-slack.cases.yaml`, filesOnDisk.readFile);
    assert.deepEqual(read.problems, []);
    const judged = read.cases.map((each) => judgeCase(snapshot, each, now));
    assert.equal(printTally(judged), `${judged.length} passed, 0 failed`, printLines(judged));
    assert.ok(judged.length >= 5);
  });
  const printLines = (judged: readonly Parameters<typeof printJudged>[0][]): string =>
    judged.flatMap(printJudged).join('\n');

  it('test: 0 where all pass, 1 where one fails, and what differed', async () => {
    const good = await write('good.yaml', passing);
    const passed = await test([good]);
    assert.deepEqual(passed, {
      code: 0,
      out: `ok    ${good}:1  reader DELETE /scim/sandbox/Users/1\n1 passed, 0 failed\n`,
      err: '',
    });
    const bad = await write('bad.yaml', failing);
    const failed = await test([good, bad]);
    assert.equal(failed.code, 1);
    const lines = failed.out.trimEnd().split('\n');
    assert.deepEqual(lines.slice(1), [
      `FAIL  ${bad}:1  readers delete`,
      '      decision  expected allow',
      '                got      deny',
      '      calls     expected [{"method":"DELETE","path":"/Users/1"}]',
      '                got      []',
      '      by        routes.sandbox.grants[2].users.actions',
      "      detail    This client was not granted users:delete on this route. Ask the client's owner for it.",
      '1 passed, 1 failed',
    ]);
    const json = await test([good, bad], ['--json']);
    assert.equal(json.code, 1);
    const judged = JSON.parse(json.out) as readonly {
      passed: boolean;
      differences: readonly { what: string; expected: unknown; actual: unknown }[];
      actual: { code: string };
    }[];
    assert.deepEqual(
      judged.map((each) => [each.passed, each.differences.map(({ what }) => what)]),
      [
        [true, []],
        [false, ['decision', 'calls']],
      ],
    );
    assert.equal(judged[1]?.actual.code, 'action_denied');
  });

  it('test: 2 for a malformed file or a route file that does not load; no case is run', async () => {
    const good = await write('good.yaml', passing);
    const wrong = await write('wrong.yaml', `${passing}  wat: 1\n`);
    const malformed = await test([good, wrong]);
    assert.deepEqual([malformed.code, malformed.out], [2, '']);
    assert.equal(
      malformed.err,
      `${wrong}:5:3: unknown key ([0].wat)\ncases_malformed: 1 problem, no case was run\n`,
    );
    const json = await test([wrong], ['--json']);
    const [problem] = JSON.parse(json.out) as readonly Record<string, unknown>[];
    assert.deepEqual([json.code, problem?.['code'], problem?.['line']], [2, 'cases_malformed', 5]);
    assert.equal((await test([at('none.yaml')])).code, 2);
    assert.equal((await runInProcess(['test'])).code, 2);
    const broken = await write('broken.yaml', 'version: 2\n');
    const unloadable = await runInProcess(['test', good, '--config', broken]);
    assert.equal(unloadable.code, 2);
    assert.match(unloadable.err, /broken\.yaml:1:10: /);
    const unset = await write(
      'unset.yaml',
      mainConfig('https://${env:NOBODY_SETS_THIS}.example.com/scim'),
    );
    const open = await runInProcess(['test', good, '--config', unset]);
    assert.equal(open.code, 2);
    assert.match(open.err, /unset\.yaml:\d+:\d+: .*NOBODY_SETS_THIS is not set/);
  });

  it('diff: 1 where anything widened, 0 where not, 2 where a file does not load', async () => {
    const old = at('gateway.yaml');
    const text = mainConfig('http://127.0.0.1:9/scim');
    const parted = text
      .replace('version: 1\n', 'version: 1\ninclude: [parts/*.yaml]\n')
      .replace('  reader: {', '  nobody: {')
      .replace('client: reader', 'client: nobody');
    await write(
      'next/parts/reader.yaml',
      `clients:\n  reader: { owner: iam@example.com, purpose: reports, expires: 2099-12-31, auth: [{ apiKey: {} }] }\n`,
    );
    const next = await write(
      'next/gateway.yaml',
      parted.replace('actions: [read, create, update]', 'actions: [read, create, delete]'),
    );
    const widened = await runInProcess(['diff', old, next]);
    assert.equal(
      widened.out,
      `+ narrow sandbox: action users:delete
- narrow sandbox: action users:update
+ nobody sandbox: action users:read
+ nobody sandbox: action users:search
- reader sandbox: action users:read
- reader sandbox: action users:search
3 newly allowed, 3 newly denied
`,
    );
    assert.deepEqual([widened.code, widened.err], [1, '']);
    const json = await runInProcess(['diff', old, next, '--json']);
    const lines = JSON.parse(json.out) as readonly unknown[];
    assert.equal(json.code, 1);
    assert.deepEqual(lines[0], {
      change: 'allowed',
      client: 'narrow',
      route: 'sandbox',
      what: 'action users:delete',
    });
    assert.equal(lines.length, 6);
    const narrowed = await write(
      'narrow.yaml',
      text.replace('[read, create, update]', '[read, create]'),
    );
    const less = await runInProcess(['diff', old, narrowed]);
    assert.deepEqual([less.code, less.err], [0, '']);
    assert.match(less.out, /^- narrow [^+]*\n0 newly allowed, \d+ newly denied\n$/);
    const same = await runInProcess(['diff', old, old]);
    assert.deepEqual([same.code, same.out], [0, '0 newly allowed, 0 newly denied\n']);
    const broken = await write('broken.yaml', 'version: 2\n');
    for (const files of [
      [old, broken],
      [broken, old],
      [old, at('none.yaml')],
    ]) {
      const ran = await runInProcess(['diff', ...files]);
      assert.deepEqual([ran.code, ran.out], [2, '']);
      assert.match(ran.err, /\.yaml:\d+:\d+: /);
    }
    assert.equal((await runInProcess(['diff', old])).code, 2);
  });

  it('diff: lines stand once and in one order, what holds for everyone first', () => {
    const widening = (client: string | null, route: string | null, what: string) => ({
      client,
      route,
      what,
    });
    const lines = diffLines({
      allowed: [
        widening('b', 'r', 'x'),
        widening('a', 's', 'condition changed'),
        widening('a', null, 'z'),
        widening('b', 'r', 'x'),
      ],
      denied: [widening('a', 's', 'condition changed'), widening(null, null, 'y')],
    });
    assert.deepEqual(printDiff(lines), [
      '- * *: y',
      '+ a *: z',
      '- a s: condition changed',
      '+ a s: condition changed',
      '+ b r: x',
      '3 newly allowed, 2 newly denied',
    ]);
  });

  it('as a process: the exit codes that scripts rely on', async () => {
    const bad = await write('bad.yaml', failing);
    const next = await write(
      'wider.yaml',
      mainConfig('http://127.0.0.1:9/scim').replace('[read, search] }', '[read, search, create] }'),
    );
    const codes = await Promise.all([
      runSallyport(['test', bad], {}, folder),
      runSallyport(['test', bad, '--config', 'gateway.yaml'], {}, folder),
      runSallyport(['diff', 'gateway.yaml', next], {}, folder),
    ]);
    assert.deepEqual(
      codes.map(({ code }) => code),
      [2, 1, 1],
    );
  });
});
