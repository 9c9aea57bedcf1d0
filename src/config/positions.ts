/**
 * The route file as a tree that remembers where everything was written. Merging of included files,
 * defaults and environment values works on this tree, so a problem found at the very end still names
 * the line that causes it. Values are reached only through it; names from the file are Map keys.
 */
import type { LineCounter } from 'yaml';
import { printPath, type Path, type Problem } from './problem.ts';
import { withoutCredentials } from './store-url.ts';

/** One read file. `file` is printed as given. */
export type Source = Readonly<{ file: string; lines: LineCounter }>;

/** A place in a file. */
export type Spot = Readonly<{ source: Source; offset: number }>;

export type ScalarValue = string | number | boolean | null;

/**
 * A scalar. `written` is its text before environment values were put in. `unset` says that a
 * variable is missing, so the value is unknown and nothing may be said about it.
 */
export type ScalarTree = Readonly<{
  kind: 'scalar';
  at: Spot;
  value: ScalarValue;
  written?: string;
  /** Its text after that, where `value` was read from it as a number or boolean. */
  text?: string;
  unset?: true;
}>;
export type ListTree = Readonly<{ kind: 'list'; at: Spot; items: readonly Tree[] }>;
export type Entry = Readonly<{ key: Spot; value: Tree }>;
export type MapTree = Readonly<{ kind: 'map'; at: Spot; entries: ReadonlyMap<string, Entry> }>;
export type Tree = ScalarTree | ListTree | MapTree;

/** Collects problems. */
export type Report = (spot: Spot, path: Path, message: string) => void;

/** A Report that appends to `into`. */
export const reporter =
  (into: Problem[], severity: Problem['severity'] = 'error'): Report =>
  (spot, path, message) => {
    const { line, col } = spot.source.lines.linePos(spot.offset);
    // linePos answers line 0 for a file without a single line.
    into.push({
      file: spot.source.file,
      line: Math.max(line, 1),
      col: Math.max(col, 1),
      message,
      path: printPath(path),
      severity,
    });
  };

/** `file:line`, for messages that name a second place. */
export const printSpot = (spot: Spot): string =>
  `${spot.source.file}:${Math.max(spot.source.lines.linePos(spot.offset).line, 1)}`;

/** The entries of a map; none for anything else. */
export const entriesOf = (tree: Tree | undefined): ReadonlyMap<string, Entry> =>
  tree?.kind === 'map' ? tree.entries : new Map();

export const itemsOf = (tree: Tree | undefined): readonly Tree[] =>
  tree?.kind === 'list' ? tree.items : [];

/** The value under one key of a map. */
export const child = (tree: Tree | undefined, key: string): Tree | undefined =>
  entriesOf(tree).get(key)?.value;

/** The text of a scalar, or null. */
export const textOf = (tree: Tree | undefined): string | null =>
  tree?.kind === 'scalar' && typeof tree.value === 'string' ? tree.value : null;

export const mapTree = (at: Spot, entries: ReadonlyMap<string, Entry>): MapTree => ({
  kind: 'map',
  at,
  entries,
});

/** What `path` leads to: its tree, and the key it stands under. Undefined where nothing is written. */
export const locate = (
  root: Tree,
  path: Path,
): Readonly<{ value: Tree; key: Spot | null }> | undefined => {
  let value: Tree = root;
  let key: Spot | null = null;
  for (const step of path) {
    if (typeof step === 'number') {
      const item = itemsOf(value)[step];
      if (item === undefined) return undefined;
      value = item;
      key = null;
    } else {
      const entry = entriesOf(value).get(step);
      if (entry === undefined) return undefined;
      value = entry.value;
      key = entry.key;
    }
  }
  return { value, key };
};

/** The place of the deepest part of `path` that is written. */
export const nearestSpot = (root: Tree, path: Path): Spot => {
  for (let length = path.length; length > 0; length -= 1) {
    const found = locate(root, path.slice(0, length));
    if (found !== undefined) return found.value.at;
  }
  return root.at;
};

/**
 * The tree as plain values. `written` is for people to read: references as they stand in the file,
 * URLs without a user or password that somebody put into them.
 */
export const plain = (tree: Tree, how: 'value' | 'written' = 'value'): unknown => {
  if (tree.kind === 'scalar') {
    if (how === 'value') return tree.value;
    const written = tree.written ?? tree.value;
    return typeof written === 'string' ? withoutCredentials(written) : written;
  }
  if (tree.kind === 'list') return tree.items.map((item) => plain(item, how));
  const out = Object.create(null) as Record<string, unknown>;
  for (const [key, entry] of tree.entries) out[key] = plain(entry.value, how);
  return out;
};
