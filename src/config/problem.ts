/**
 * What is wrong with a route file, with the place where it is written. Hides how problems are
 * ordered and printed. Promise: a problem never quotes a value of the file (it could be a secret that
 * stands in the wrong place), only names of keys, and those shortened.
 */

/** Keys and list indexes from the top of the file. */
export type Path = readonly (string | number)[];

/** One finding. `line` and `col` count from 1. */
export type Problem = Readonly<{
  file: string;
  line: number;
  col: number;
  message: string;
  /** `routes.slack.grants[0].use`; '' for the whole file. */
  path: string;
  /**
   * An `error` among `problems` leaves no snapshot. An `error` among `warnings` closes one target
   * only (its secret does not resolve): `check` fails on it, `serve` serves the rest.
   */
  severity: 'error' | 'warning';
}>;

const plainKey = /^[A-Za-z0-9_-]+$/;
const control = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text from a file made fit for a terminal: without control and bidi characters, at most 60 long. */
export const printable = (text: string): string => {
  const clean = text.replace(control, '');
  return clean.length > 60 ? `${clean.slice(0, 57)}...` : clean;
};

/** `routes.slack.grants[0].use`; keys that are no plain words stand in brackets and quotes. */
export const printPath = (path: Path): string => {
  let out = '';
  for (const step of path) {
    if (typeof step === 'number') out += `[${step}]`;
    else if (plainKey.test(step) && step.length <= 63) out += out === '' ? step : `.${step}`;
    else out += `[${JSON.stringify(printable(step))}]`;
  }
  return out;
};

/** `file:line:col: message (path)`, the form editors jump to. */
export const printProblem = (problem: Problem): string =>
  `${problem.file}:${problem.line}:${problem.col}: ${problem.message}${
    problem.path === '' ? '' : ` (${problem.path})`
  }`;

/** By file, line, column; repeats of one message at one place (a default, an alias) become one. */
export const inOrder = (problems: readonly Problem[]): readonly Problem[] => {
  const seen = new Set<string>();
  return problems
    .filter((problem) => {
      const key = `${problem.file}\n${problem.line}:${problem.col}\n${problem.message}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .sort(
      (a, b) =>
        (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
        a.line - b.line ||
        a.col - b.col ||
        (a.message < b.message ? -1 : a.message > b.message ? 1 : 0),
    );
};

const distance = (a: string, b: string, most: number): number => {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const cell = Math.min(
        (row[j - 1] as number) + 1,
        (previous[j] as number) + 1,
        (previous[j - 1] as number) + cost,
      );
      row.push(cell);
      if (cell < least) least = cell;
    }
    if (least > most) return least;
    previous = row;
  }
  return previous[b.length] as number;
};

/** The known name that was probably meant, as a clause to append; '' where none is near. */
export const didYouMean = (written: string, known: Iterable<string>): string => {
  if (written.length > 63) return '';
  const most = written.length <= 4 ? 1 : 2;
  let best: string | null = null;
  let bestDistance = most + 1;
  for (const name of known) {
    if (Math.abs(name.length - written.length) > most) continue;
    const found = distance(written.toLowerCase(), name.toLowerCase(), most);
    if (found < bestDistance) {
      best = name;
      bestDistance = found;
    }
  }
  return best === null ? '' : `; did you mean "${best}"?`;
};
