/** The printing part of `sallyport check`: findings to lines and to an exit code. Pure. */
import { printProblem, type Problem } from '../config/problem.ts';

/** What `check` prints. `ok` false means exit 1. */
export type CheckReport = Readonly<{ ok: boolean; lines: readonly string[] }>;

const counted = (count: number, word: string): string =>
  `${count} ${word}${count === 1 ? '' : 's'}`;

/**
 * Every problem as `file:line:col: message (path)`, warnings after them and marked, one closing line.
 * A warning of severity `error` (a target whose secret does not resolve) counts as a problem.
 */
export const reportCheck = (
  found: Readonly<{ problems: readonly Problem[]; warnings: readonly Problem[] }>,
): CheckReport => {
  const errors = [
    ...found.problems,
    ...found.warnings.filter((warning) => warning.severity === 'error'),
  ];
  const warnings = found.warnings.filter((warning) => warning.severity === 'warning');
  const lines = [
    ...errors.map(printProblem),
    ...warnings.map((warning) =>
      printProblem({ ...warning, message: `warning: ${warning.message}` }),
    ),
  ];
  const summary = `${counted(errors.length, 'problem')}, ${counted(warnings.length, 'warning')}`;
  return { ok: errors.length === 0, lines: [...lines, summary] };
};

/** The same as one JSON array, for `--json`. */
export const checkAsJson = (
  found: Readonly<{ problems: readonly Problem[]; warnings: readonly Problem[] }>,
): string => JSON.stringify([...found.problems, ...found.warnings]);
