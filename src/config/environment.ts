/**
 * `${env:NAME}` and `${env:NAME:-default}` in any scalar that holds no secret. Scalars that hold a
 * secret keep their reference: secrets.ts resolves those and nobody else sees them.
 */
import {
  entriesOf,
  mapTree,
  type Entry,
  type Report,
  type ScalarTree,
  type ScalarValue,
  type Tree,
} from './positions.ts';
import type { Path } from './problem.ts';
import { secretPaths } from './schema.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const reference = /\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;
const wholeReference = /^\$\{env:[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}$/;

const strangers: readonly (readonly [RegExp, string])[] = [
  [/\$\{vault:/, 'vault references are not yet supported'],
  [/\$\{file:/, 'only a secret can come from a file; use ${env:NAME} here'],
  [/\$\{env:/, 'write ${env:NAME} or ${env:NAME:-default}'],
];

/** The text with values put in, or what is wrong. As in a shell, `:-` also covers an empty value. */
export const substituteText = (
  text: string,
  env: Environment,
): Readonly<{ value: string }> | Readonly<{ problem: string; unset: boolean }> => {
  if (!text.includes('${')) return { value: text };
  let unset: string | null = null;
  const rest = text.replace(reference, '');
  const stranger = strangers.find(([pattern]) => pattern.test(rest));
  if (stranger !== undefined) return { problem: stranger[1], unset: false };
  const value = text.replace(reference, (_, name: string, preset: string | undefined) => {
    const found = Object.hasOwn(env, name) ? env[name] : undefined;
    if (found !== undefined && (found !== '' || preset === undefined)) return found;
    if (preset === undefined) unset ??= name;
    return preset ?? '';
  });
  if (unset === null) return { value };
  return { problem: `the environment variable ${String(unset)} is not set`, unset: true };
};

/** A value as YAML's core schema would read it unquoted: a number or a boolean where it looks so. */
const typed = (text: string): ScalarValue => {
  if (text === 'true') return true;
  if (text === 'false') return false;
  return /^(0|-?[1-9][0-9]{0,14})(\.[0-9]{1,9})?$/.test(text) ? Number(text) : text;
};

/** Does a secret stand at this place? */
export const isSecretPath = (path: Path): boolean =>
  secretPaths.some(
    (pattern) =>
      pattern.length === path.length &&
      pattern.every((step, index) => step === '*' || step === path[index]),
  );

type Options = Readonly<{
  env: Environment;
  report: Report;
  /** Null: an unset variable is a problem. Else it is told here, and the value stays unknown. */
  unset: Report | null;
}>;

const substituteScalar = (tree: ScalarTree, path: Path, options: Options): ScalarTree => {
  const { value } = tree;
  if (typeof value !== 'string' || !value.includes('${') || isSecretPath(path)) return tree;
  const result = substituteText(value, options.env);
  if ('problem' in result) {
    const lenient = result.unset ? options.unset : null;
    (lenient ?? options.report)(tree.at, path, result.problem);
    return { ...tree, unset: true };
  }
  return {
    kind: 'scalar',
    at: tree.at,
    value: wholeReference.test(value) ? typed(result.value) : result.value,
    text: result.value,
    written: value,
  };
};

/** The tree with values of the environment put in. Unchanged parts are shared. */
export const substitute = (tree: Tree, options: Options, path: Path = []): Tree => {
  if (tree.kind === 'scalar') return substituteScalar(tree, path, options);
  if (tree.kind === 'list') {
    let changed = false;
    const items = tree.items.map((item, index) => {
      const next = substitute(item, options, [...path, index]);
      changed ||= next !== item;
      return next;
    });
    return changed ? { ...tree, items } : tree;
  }
  let entries: Map<string, Entry> | null = null;
  for (const [key, entry] of entriesOf(tree)) {
    if (path.length === 0 && key === 'include') continue;
    const value = substitute(entry.value, options, [...path, key]);
    if (value === entry.value) continue;
    entries ??= new Map(tree.entries);
    entries.set(key, { key: entry.key, value });
  }
  return entries === null ? tree : mapTree(tree.at, entries);
};
