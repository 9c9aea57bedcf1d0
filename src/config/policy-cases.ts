/**
 * Files of policy cases: a YAML list of calls with what is expected of them. Every mistake comes with
 * its place; a body or current resource in a file of its own is read relative to the case file. No
 * case comes out where anything is wrong.
 */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { errorTable, isRefusal, type ErrorCode } from '../errors.ts';
import { isObject, type JsonObject } from '../identity/json-value.ts';
import { parseJson } from '../identity/json.ts';
import type { Files } from './include.ts';
import { reportIssues } from './issues.ts';
import { parseTree } from './parse-yaml.ts';
import { locate, plain, reporter, type Report, type Spot, type Tree } from './positions.ts';
import { inOrder, type Path, type Problem } from './problem.ts';

const text = z.string().min(1).max(2_000);

/** An object written here, or the path of a file relative to this one. */
const content = z.union([text, z.record(z.string(), z.unknown())], {
  error: 'write an object, or the path of a JSON file relative to this one',
});

const errorCodes = Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]];

const expectation = z.strictObject({
  decision: z.enum(['allow', 'deny', 'hold']),
  rule: text.optional(),
  code: z.enum(errorCodes, { error: 'write an error code of the list in the README' }).optional(),
  actions: z.array(text).optional(),
  calls: z
    .array(
      z.strictObject({
        method: text,
        path: text,
        body: z.record(z.string(), z.unknown()).optional(),
      }),
    )
    .optional(),
});

const policyCase = z.strictObject({
  name: text.optional(),
  client: text,
  method: z.string().regex(/^[A-Za-z]{3,10}$/, 'write a method such as POST'),
  path: z.string().regex(/^\//, 'write a path that begins with /'),
  body: content.optional(),
  before: content.optional(),
  expect: expectation,
});

/** What a case expects; absent members may be anything. */
export type Expectation = z.output<typeof expectation>;

/** One case, its files read. */
export type PolicyCase = Readonly<{
  file: string;
  /** Where it begins, from 1. */
  line: number;
  name: string;
  client: string;
  method: string;
  path: string;
  body: string | null;
  before: JsonObject | null;
  expect: Expectation;
}>;

/** The cases of one file; none of them where there is a problem. */
export type ReadCases = Readonly<{
  cases: readonly PolicyCase[];
  problems: readonly Problem[];
}>;

type Reading = Readonly<{
  file: string;
  tree: Tree;
  report: Report;
  readFile: Files['readFile'];
}>;

const readReferenced = async (reading: Reading, at: Path, path: string): Promise<string | null> => {
  try {
    return await reading.readFile(resolve(dirname(reading.file), path));
  } catch {
    const spot = locate(reading.tree, at)?.value.at ?? reading.tree.at;
    reading.report(spot, at, 'this file cannot be read');
    return null;
  }
};

type Written = z.output<typeof policyCase>;

const readBody = async (
  reading: Reading,
  at: Path,
  body: Written['body'],
): Promise<string | null> => {
  if (body === undefined) return null;
  return typeof body === 'string' ? readReferenced(reading, at, body) : JSON.stringify(body);
};

const readBefore = async (
  reading: Reading,
  at: Path,
  before: Written['before'],
): Promise<JsonObject | null> => {
  const json = await readBody(reading, at, before);
  if (json === null) return null;
  const parsed = parseJson(json, { names: 'any' });
  if (!isRefusal(parsed) && isObject(parsed)) return parsed;
  const spot = locate(reading.tree, at)?.value.at ?? reading.tree.at;
  reading.report(spot, at, 'this is no JSON object');
  return null;
};

const lineOf = ({ source, offset }: Spot): number => source.lines.linePos(offset).line;

const readCase = async (reading: Reading, written: Written, index: number): Promise<PolicyCase> => {
  const { client, path, expect } = written;
  const method = written.method.toUpperCase();
  return {
    file: reading.file,
    line: lineOf(locate(reading.tree, [index])?.value.at ?? reading.tree.at),
    name: written.name ?? `${client} ${method} ${path}`,
    client,
    method,
    path,
    body: await readBody(reading, [index, 'body'], written.body),
    before: await readBefore(reading, [index, 'before'], written.before),
    expect,
  };
};

/** Reads one file of cases; `readFile` reads it and what it refers to. Never rejects. */
export const readPolicyCases = async (
  file: string,
  readFile: Files['readFile'],
): Promise<ReadCases> => {
  const problems: Problem[] = [];
  const report = reporter(problems);
  const refuse = (message: string): ReadCases => ({
    cases: [],
    problems: [{ file, line: 1, col: 1, message, path: '', severity: 'error' }],
  });
  const written = await readFile(file).catch(() => null);
  if (written === null) return refuse('this file cannot be read');
  const tree = parseTree(file, written, report);
  if (tree === null) return { cases: [], problems: inOrder(problems) };
  if (tree.kind !== 'list' || tree.items.length === 0) {
    report(tree.at, [], 'a file of policy cases is a list with at least one case');
    return { cases: [], problems: inOrder(problems) };
  }
  const parsed = z.array(policyCase).safeParse(plain(tree));
  if (!parsed.success) {
    const context = { root: tree, base: [], report, ignoreMissing: false, isSecret: () => false };
    reportIssues(parsed.error.issues, context);
    return { cases: [], problems: inOrder(problems) };
  }
  const reading: Reading = { file, tree, report, readFile };
  const cases: PolicyCase[] = [];
  for (const [index, each] of parsed.data.entries()) {
    cases.push(await readCase(reading, each, index));
  }
  return problems.length > 0 ? { cases: [], problems: inOrder(problems) } : { cases, problems };
};
