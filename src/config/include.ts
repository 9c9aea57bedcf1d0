/**
 * Reads the route file and all it includes, and joins them into one tree. Order never matters: a
 * name defined twice is an error that names both places. One file may include files that include
 * files, and no further.
 */
import { basename, dirname, isAbsolute, join, normalize } from 'node:path';
import { substituteText } from './environment.ts';
import { parseYaml } from './parse-yaml.ts';
import {
  entriesOf,
  itemsOf,
  mapTree,
  printSpot,
  reporter,
  type Entry,
  type MapTree,
  type Report,
  type Spot,
  type Tree,
} from './positions.ts';
import type { Problem } from './problem.ts';

/** Where files come from: the disk, or the last good set. */
export type Files = Readonly<{
  /** UTF-8 text; rejects where the file is missing, unreadable, too large or no UTF-8. */
  readFile(path: string): Promise<string>;
  /** Files whose path fits `pattern` below `directory`; `*` is any run within one segment. */
  listFiles(directory: string, pattern: string): Promise<readonly string[]>;
}>;

/** Files one configuration may have. */
const filesMax = 1_000;
const depthMax = 2;

/** Keys of a file that are maps to be joined entry by entry. */
const joined: ReadonlySet<string> = new Set(
  'defaults server admin store plans clients targets profiles permissions routes'.split(' '),
);

/** All files as one. `complete` is false where a file could not be read: names may be missing. */
export type Joined = Readonly<{
  tree: MapTree | null;
  complete: boolean;
  sources: Readonly<Record<string, string>>;
  /** `[directory, pattern]` of every include with a `*`, for the watcher. */
  patterns: readonly (readonly [string, string])[];
}>;

type State = {
  files: Files;
  env: Readonly<Record<string, string | undefined>>;
  report: Report;
  warn: Report;
  problems: Problem[];
  texts: Map<string, string>;
  patterns: [string, string][];
  trees: MapTree[];
  complete: boolean;
};

const reasonOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[A-Z_]{2,30}$/.test(code) ? code : 'not readable as text';
};

const cannotRead = (path: string, from: Spot | null, error: unknown, state: State): void => {
  state.complete = false;
  const message = `cannot read ${basename(path)} (${reasonOf(error)})`;
  if (from !== null) return state.report(from, ['include'], message);
  state.problems.push({ file: path, line: 1, col: 1, message, path: '', severity: 'error' });
};

const readOne = async (
  path: string,
  from: Spot | null,
  above: readonly string[],
  state: State,
): Promise<void> => {
  const known = normalize(path);
  if (above.includes(known)) {
    if (from !== null) state.report(from, ['include'], 'this file includes itself');
    return;
  }
  if (state.texts.has(known)) return;
  if (state.texts.size >= filesMax) {
    if (from !== null) state.report(from, ['include'], `at most ${filesMax} files`);
    state.complete = false;
    return;
  }
  let text: string;
  try {
    text = await state.files.readFile(known);
  } catch (error) {
    cannotRead(known, from, error, state);
    return;
  }
  state.texts.set(known, text);
  const tree = parseYaml(known, text, state.report);
  if (tree === null) {
    state.complete = false;
    return;
  }
  state.trees.push(tree);
  await readIncludes(tree, known, above, state);
};

const readIncludes = async (
  tree: MapTree,
  path: string,
  above: readonly string[],
  state: State,
): Promise<void> => {
  const include = tree.entries.get('include');
  if (include === undefined) return;
  if (above.length >= depthMax) {
    state.report(include.key, ['include'], 'included files may include files, but no further');
    return;
  }
  if (include.value.kind !== 'list') {
    state.report(include.value.at, ['include'], 'write a list of files here');
    return;
  }
  for (const [index, item] of itemsOf(include.value).entries()) {
    const pattern = patternOf(item, index, state);
    if (pattern === null) continue;
    const directory = dirname(path);
    if (!pattern.includes('*')) {
      await readOne(join(directory, pattern), item.at, [...above, path], state);
      continue;
    }
    state.patterns.push([directory, pattern]);
    const found = await state.files.listFiles(directory, pattern);
    if (found.length === 0) state.warn(item.at, ['include', index], 'no file fits this pattern');
    for (const file of found) {
      if (normalize(file) !== path) await readOne(file, item.at, [...above, path], state);
    }
  }
};

const patternOf = (item: Tree, index: number, state: State): string | null => {
  const path = ['include', index];
  if (item.kind !== 'scalar' || typeof item.value !== 'string' || item.value === '') {
    state.report(item.at, path, 'write the path of a file here, or a pattern with *');
    return null;
  }
  const text = substituteText(item.value, state.env);
  if ('problem' in text) {
    state.report(item.at, path, text.problem);
    return null;
  }
  if (isAbsolute(text.value)) state.report(item.at, path, 'write a path relative to this file');
  else if (text.value.includes('**')) state.report(item.at, path, 'a * stays within one folder');
  else return text.value;
  return null;
};

const addTwice = (key: string, first: Entry, second: Entry, path: string[], report: Report) => {
  report(second.key, [...path, key], `defined twice: also at ${printSpot(first.key)}`);
  report(first.key, [...path, key], `defined twice: also at ${printSpot(second.key)}`);
};

const joinEntries = (
  into: Map<string, Entry>,
  from: ReadonlyMap<string, Entry>,
  path: string[],
  report: Report,
): void => {
  for (const [key, entry] of from) {
    const first = into.get(key);
    if (first === undefined) into.set(key, entry);
    else addTwice(key, first, entry, path, report);
  }
};

const joinTrees = (trees: readonly MapTree[], report: Report): MapTree | null => {
  const main = trees[0];
  if (main === undefined) return null;
  const out = new Map<string, Entry>();
  for (const tree of trees) {
    for (const [key, entry] of tree.entries) {
      const first = out.get(key);
      if (key === 'include') {
        if (tree === main) out.set(key, entry);
      } else if (first === undefined) {
        out.set(key, entry);
      } else if (key === 'version') {
        if (entry.value.kind !== 'scalar' || entry.value.value !== 1)
          report(entry.value.at, [key], 'write version: 1');
      } else if (joined.has(key) && first.value.kind === 'map' && entry.value.kind === 'map') {
        const entries = new Map(entriesOf(first.value));
        joinEntries(entries, entry.value.entries, [key], report);
        out.set(key, { key: first.key, value: mapTree(first.value.at, entries) });
      } else {
        addTwice(key, first, entry, [], report);
      }
    }
  }
  return mapTree(main.at, out);
};

/** Reads everything that belongs to the route file at `path`. */
export const readFiles = async (input: {
  path: string;
  files: Files;
  env: Readonly<Record<string, string | undefined>>;
  problems: Problem[];
  warnings: Problem[];
}): Promise<Joined> => {
  const state: State = {
    files: input.files,
    env: input.env,
    report: reporter(input.problems),
    warn: reporter(input.warnings, 'warning'),
    problems: input.problems,
    texts: new Map(),
    patterns: [],
    trees: [],
    complete: true,
  };
  await readOne(input.path, null, [], state);
  const sources = Object.create(null) as Record<string, string>;
  for (const [path, text] of state.texts) sources[path] = text;
  const mainRead = state.trees[0]?.at.source.file === normalize(input.path);
  return {
    tree: mainRead ? joinTrees(state.trees, state.report) : null,
    complete: state.complete,
    sources,
    patterns: state.patterns,
  };
};
