/**
 * Zod's issues told at their line: the key for unknown keys, the value for bad values, the map for
 * missing ones. Messages are ours; a value is never quoted, not even a wrong one.
 */
import type { z } from 'zod';
import { knownKeys } from './known-keys.ts';
import { locate, nearestSpot, type Report, type Tree } from './positions.ts';
import { didYouMean, printable, type Path } from './problem.ts';

type Issue = z.core.$ZodIssue;

const expectedWords: ReadonlyMap<string, string> = new Map([
  ['string', 'write text here (in quotes if it looks like a number)'],
  ['number', 'write a number here'],
  ['int', 'write a whole number here'],
  ['boolean', 'write true or false here'],
  ['array', 'write a list here'],
  ['object', 'write a map of keys here'],
  ['record', 'write a map of keys here'],
]);

const unitOf = (origin: string): string =>
  origin === 'string' ? 'characters' : origin === 'array' ? 'entries' : '';

const sizeMessage = (issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string => {
  const bound = issue.code === 'too_small' ? issue.minimum : issue.maximum;
  const word = issue.code === 'too_small' ? 'at least' : 'at most';
  return `${word} ${bound} ${unitOf(issue.origin)}`.trimEnd();
};

const messageOf = (issue: Issue): string => {
  if (issue.code === 'invalid_type') {
    if (!issue.message.startsWith('Invalid input')) return issue.message;
    return expectedWords.get(issue.expected) ?? 'not valid here';
  }
  if (issue.code === 'invalid_value') {
    const own = issue.message.startsWith('Invalid') ? null : issue.message;
    return own ?? `write one of: ${issue.values.map(String).join(', ')}`;
  }
  if (issue.code === 'too_small' || issue.code === 'too_big')
    return issue.message.startsWith('Too ') ? sizeMessage(issue) : issue.message;
  if (issue.code === 'invalid_format' && issue.message.startsWith('Invalid'))
    return 'not written as this key needs it';
  return issue.message;
};

/** How far off an alternative is. A list or map where a word was to stand is as far as another type. */
const weigh = (issues: readonly Issue[], written: Tree | undefined): number => {
  const isScalar = written?.kind === 'scalar';
  let weight = 0;
  for (const issue of issues) {
    const ofType = issue.code === 'invalid_type' || (issue.code === 'invalid_value' && !isScalar);
    if (issue.path.length === 0 && ofType) weight += 100;
    else if (issue.code === 'unrecognized_keys' || issue.code === 'invalid_type') weight += 10;
    else weight += 1;
  }
  return weight;
};

/** What a report of issues needs to know beside them. */
export type IssueContext = Readonly<{
  root: Tree;
  /** Path of `root` from the top of the file. */
  base: Path;
  report: Report;
  /** Keys may be absent (defaults; an entry already refused for a key of a later step). */
  ignoreMissing: boolean;
  isSecret(path: Path): boolean;
}>;

const secretText = 'a secret is a reference, ${env:NAME} or ${file:path}, never a literal';

/** The alternatives' own first keys, where nothing written fits any of them. */
const chooseKey = (branches: readonly (readonly Issue[])[], context: IssueContext, at: Path) => {
  const names = new Set<string>();
  for (const branch of branches) {
    for (const issue of branch) {
      const missing =
        issue.code === 'invalid_type' &&
        issue.path.length === 1 &&
        locate(context.root, [...at, ...(issue.path as Path)]) === undefined;
      if (missing) names.add(String(issue.path[0]));
    }
  }
  return [...names];
};

const reportUnion = (
  issue: Extract<Issue, { code: 'invalid_union' }>,
  at: Path,
  context: IssueContext,
): void => {
  const value = locate(context.root, at)?.value;
  const branches = [...issue.errors].sort((a, b) => weigh(a, value) - weigh(b, value));
  const best = branches[0];
  if (best === undefined || value === undefined || weigh(best, value) >= 100) {
    const words = issue.errors.flatMap((branch) => branch.slice(0, 1).map(messageOf));
    const spot = nearestSpot(context.root, at);
    context.report(spot, [...context.base, ...at], [...new Set(words)].join(', or '));
    return;
  }
  if (value.kind === 'map' && weigh(best, value) >= 20) {
    const names = chooseKey(issue.errors, context, at);
    if (names.length > 1) {
      context.report(value.at, [...context.base, ...at], `write one of: ${names.join(', ')}`);
      return;
    }
  }
  for (const inner of best) reportIssue(inner, at, context);
};

const reportUnknown = (keys: readonly string[], at: Path, context: IssueContext): void => {
  for (const key of keys) {
    const found = locate(context.root, [...at, key]);
    const path = [...context.base, ...at];
    const near = didYouMean(key, knownKeys(path));
    context.report(
      found?.key ?? nearestSpot(context.root, at),
      [...path, printable(key)],
      `unknown key${near}`,
    );
  }
};

const reportIssue = (issue: Issue, prefix: Path, context: IssueContext): void => {
  const at = [...prefix, ...(issue.path as Path)];
  const full = [...context.base, ...at];
  if (issue.code === 'unrecognized_keys') return reportUnknown(issue.keys, at, context);
  const found = locate(context.root, at);
  if (found === undefined) {
    if (context.ignoreMissing) return;
    const key = printable(String(at.at(-1)));
    context.report(nearestSpot(context.root, at), full, `"${key}" is missing`);
    return;
  }
  if (found.value.kind === 'scalar' && found.value.unset === true) return;
  // Where a secret may come with a date beside it, what is wrong is a key of that map.
  const beside = found.value.kind === 'map' && issue.code === 'invalid_union';
  if (context.isSecret(full) && !beside) return context.report(found.value.at, full, secretText);
  if (issue.code === 'invalid_union') return reportUnion(issue, at, context);
  if (issue.code === 'invalid_key') {
    const message = issue.issues[0]?.message ?? 'not a valid name';
    context.report(found.key ?? found.value.at, full, message);
    return;
  }
  const empty =
    found.value.kind === 'scalar' && found.value.value === null && issue.code === 'invalid_type';
  context.report(found.value.at, full, empty ? 'nothing is written here' : messageOf(issue));
};

/** Reports every issue at its place. */
export const reportIssues = (issues: readonly Issue[], context: IssueContext): void => {
  for (const issue of issues) reportIssue(issue, [], context);
};
