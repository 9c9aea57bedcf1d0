/**
 * What the route file will be able to say and cannot yet: refused where it is written, so that
 * nobody believes a rule holds that nothing enforces. A row leaves this table with the step that
 * brings its key.
 */
import {
  entriesOf,
  mapTree,
  type Entry,
  type MapTree,
  type Report,
  type ScalarTree,
  type Tree,
} from './positions.ts';
import type { Path } from './problem.ts';

/** Keys by the place of their map; `*` is any name or index. */
const keys: ReadonlyMap<string, readonly string[]> = new Map([
  ['clients.*.auth.*', ['jwt']],
  ['targets.*.auth.*', ['oauth2']],
  ['routes.*', ['rest', 'catalogue']],
]);

/** Values by their place. */
const values: ReadonlyMap<string, RegExp> = new Map([['store.checkpoints.to.*', /^https?:/]]);

const vault = /^\$\{vault:/;

const named: ReadonlySet<string> = new Set(
  'clients targets profiles permissions routes plans'.split(' '),
);

const sectionOf: ReadonlyMap<string, string> = new Map([
  ['route', 'routes'],
  ['target', 'targets'],
  ['client', 'clients'],
]);

/** `routes.*.grants.*` for a path; defaults count as an entry of their section. */
const placeOf = (path: Path): string =>
  (path[0] === 'defaults' && path.length > 1
    ? [sectionOf.get(String(path[1])) ?? '', '*', ...path.slice(2)]
    : path
  )
    .map((step, index, all) =>
      typeof step === 'number' || (index === 1 && named.has(String(all[0]))) ? '*' : step,
    )
    .join('.');

const text = 'not yet supported';

const sweepScalar = (tree: ScalarTree, path: Path, report: Report): Tree => {
  if (typeof tree.value !== 'string') return tree;
  const later = vault.test(tree.value) || values.get(placeOf(path))?.test(tree.value) === true;
  if (!later) return tree;
  report(tree.at, path, vault.test(tree.value) ? `vault references are ${text}` : text);
  return { ...tree, unset: true };
};

/** Entries (`routes.bamboohr`) that had such a key: what else is missing in them says nothing. */
export type Later = Set<string>;

const sweep = (tree: Tree, path: Path, report: Report, later: Later): Tree => {
  if (tree.kind === 'scalar') return sweepScalar(tree, path, report);
  // Profiles and permissions have no such keys, and their names are the user's own.
  if (path[0] === 'profiles' || path[0] === 'permissions' || path.length > 5) return tree;
  if (tree.kind === 'list') {
    const items = tree.items.map((item, index) => sweep(item, [...path, index], report, later));
    return items.some((item, index) => item !== tree.items[index]) ? { ...tree, items } : tree;
  }
  const refused = keys.get(placeOf(path)) ?? [];
  let entries: Map<string, Entry> | null = null;
  for (const [key, entry] of entriesOf(tree)) {
    const below = [...path, key];
    if (refused.includes(key)) {
      report(entry.key, below, text);
      later.add(path.slice(0, 2).join('.'));
      entries ??= new Map(tree.entries);
      entries.delete(key);
      continue;
    }
    const value = sweep(entry.value, below, report, later);
    if (value === entry.value) continue;
    entries ??= new Map(tree.entries);
    entries.set(key, { key: entry.key, value });
  }
  return entries === null ? tree : mapTree(tree.at, entries);
};

/** Reports and takes out what is not yet supported. */
export const refuseLater = (tree: MapTree, report: Report): { tree: MapTree; later: Later } => {
  const later: Later = new Set();
  return { tree: sweep(tree, [], report, later) as MapTree, later };
};
