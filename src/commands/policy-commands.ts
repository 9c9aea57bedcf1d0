/**
 * The words and options of `test` and `diff`: policy held against cases, and against the policy
 * before it. Both read files only: no secret, network or store.
 */
import type { Command } from 'commander';
import { filesOnDisk } from '../config/files-on-disk.ts';
import { readPolicyCases, type PolicyCase } from '../config/policy-cases.ts';
import { inOrder, printProblem, type Problem } from '../config/problem.ts';
import { diffSnapshots } from '../config/widening.ts';
import { CommandEnd, common, usableSnapshot, type Run } from './command-run.ts';
import { judgeCase, printJudged, printTally, type JudgedCase } from './judge-cases.ts';
import { escaped } from './print.ts';
import { diffLines, printDiff } from './print-diff.ts';

const write = (run: Run, text: string): Promise<void> => run.context.write(`${escaped(text)}\n`);

const print = (run: Run, json: boolean, value: unknown, lines: readonly string[]): Promise<void> =>
  write(run, json ? JSON.stringify(value, null, 2) : lines.join('\n'));

/** The code under which a malformed file of cases is told. */
const malformed = 'cases_malformed';

const endMalformed = async (
  run: Run,
  json: boolean,
  problems: readonly Problem[],
): Promise<never> => {
  if (json) {
    const coded = problems.map((problem) => ({ code: malformed, ...problem }));
    await write(run, JSON.stringify(coded, null, 2));
  }
  const count = `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`;
  const last = `${malformed}: ${count}, no case was run`;
  throw new CommandEnd([...problems.map(printProblem), last].join('\n'), 2);
};

const readAll = async (files: readonly string[]) => {
  const cases: PolicyCase[] = [];
  const problems: Problem[] = [];
  for (const file of files) {
    const read = await readPolicyCases(file, filesOnDisk.readFile);
    cases.push(...read.cases);
    problems.push(...read.problems);
  }
  return { cases, problems: inOrder(problems) };
};

/** Adds `test` to the program. */
const addTest = (program: Command, run: Run): void => {
  const command = common(program.command('test <file...>')).description(
    'policy cases held against the route file; needs no secret, network or store',
  );
  command.action(async (files: readonly string[]) => {
    const options = command.opts();
    const json = options['json'] === true;
    const { cases, problems } = await readAll(files);
    if (problems.length > 0) return endMalformed(run, json, problems);
    const snapshot = await usableSnapshot(run, String(options['config']), {
      secrets: false,
      code: 2,
    });
    const now = Date.now();
    const judged: readonly JudgedCase[] = cases.map((each) => judgeCase(snapshot, each, now));
    if (judged.some(({ passed }) => !passed)) run.code = 1;
    return print(run, json, judged, [...judged.flatMap(printJudged), printTally(judged)]);
  });
};

/** Adds `diff` to the program. */
const addDiff = (program: Command, run: Run): void => {
  const command = program
    .command('diff <old> <new>')
    .description('what is newly allowed and newly denied per client; exit 1 if anything widened')
    .option('--json', 'print JSON');
  command.action(async (old: string, next: string) => {
    const from = await usableSnapshot(run, old, { secrets: false, code: 2 });
    const to = await usableSnapshot(run, next, { secrets: false, code: 2 });
    const lines = diffLines(diffSnapshots(from, to));
    if (lines.some(({ change }) => change === 'allowed')) run.code = 1;
    return print(run, command.opts()['json'] === true, lines, printDiff(lines));
  });
};

/** Adds `test` and `diff`. */
export const addPolicy = (program: Command, run: Run): void => {
  addTest(program, run);
  addDiff(program, run);
};
