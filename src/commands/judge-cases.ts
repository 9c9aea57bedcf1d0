/** `sallyport test`: holds what a route file decides against what cases expect of it. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Expectation, PolicyCase } from '../config/policy-cases.ts';
import type { Snapshot } from '../snapshot.ts';
import { explainCall, masked, type Facts } from './explain.ts';

/** One thing that is not as expected. */
export type Difference = Readonly<{ what: keyof Expectation; expected: unknown; actual: unknown }>;

/** A case that was run: an element of what `test --json` prints. */
export type JudgedCase = Readonly<{
  file: string;
  line: number;
  name: string;
  passed: boolean;
  differences: readonly Difference[];
  actual: Pick<Facts, 'decision' | 'code' | 'rule' | 'detail' | 'actions' | 'calls'>;
}>;

const plainJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** The calls as far as they are expected: a body that is not written may be anything. */
const comparable = (calls: Facts['calls'], expected: NonNullable<Expectation['calls']>) =>
  calls.map(({ method, path, body }, at) =>
    expected[at]?.body === undefined ? { method, path } : { method, path, body },
  );

const pairs: Readonly<
  Record<keyof Expectation, (expect: Expectation, facts: Facts) => readonly [unknown, unknown]>
> = {
  decision: ({ decision }, facts) => [decision, facts.decision],
  code: ({ code }, facts) => [code, facts.code],
  rule: ({ rule }, facts) => [rule, facts.rule],
  actions: ({ actions }, facts) => [actions?.toSorted(), facts.actions.toSorted()],
  calls: ({ calls = [] }, facts) => [masked(calls), comparable(facts.calls, calls)],
};

const differencesOf = (expect: Expectation, facts: Facts): readonly Difference[] =>
  (Object.keys(pairs) as (keyof Expectation)[]).flatMap((what) => {
    if (expect[what] === undefined) return [];
    const [expected, actual] = pairs[what](expect, facts).map(plainJson);
    return isDeepStrictEqual(expected, actual) ? [] : [{ what, expected, actual }];
  });

/** Runs one case against a configuration. */
export const judgeCase = (snapshot: Snapshot, each: PolicyCase, now: number): JudgedCase => {
  const facts = explainCall(snapshot, each, now);
  const differences = differencesOf(each.expect, facts);
  const { decision, code, rule, detail, actions, calls } = facts;
  return {
    file: each.file,
    line: each.line,
    name: each.name,
    passed: differences.length === 0,
    differences,
    actual: { decision, code, rule, detail, actions, calls },
  };
};

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : value === null ? 'none' : JSON.stringify(value);

const differenceLines = ({ what, expected, actual }: Difference): readonly string[] => [
  `      ${what.padEnd(9)} expected ${shown(expected)}`,
  `      ${''.padEnd(9)} got      ${shown(actual)}`,
];

/** The lines for one case: what differed below it. */
export const printJudged = (judged: JudgedCase): readonly string[] => {
  const { file, line, name, passed, differences, actual } = judged;
  const head = `${passed ? 'ok  ' : 'FAIL'}  ${file}:${line}  ${name}`;
  if (passed) return [head];
  const { rule, detail } = actual;
  return [
    head,
    ...differences.flatMap(differenceLines),
    ...(rule === null ? [] : [`      by        ${rule}`]),
    ...(detail === null ? [] : [`      detail    ${detail}`]),
  ];
};

/** `12 passed, 1 failed` */
export const printTally = (judged: readonly JudgedCase[]): string => {
  const passed = judged.filter((each) => each.passed).length;
  return `${passed} passed, ${judged.length - passed} failed`;
};
