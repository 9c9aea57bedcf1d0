/**
 * The schemas files that targets name (`schemas:`), read beside the route file and judged like it:
 * every problem at its line. They are part of what is kept, watched and digested, so that a target
 * which changes its /Schemas changes nothing here until a person does.
 */
import { basename, join, normalize } from 'node:path';
import { schemasFile, type SchemasFile } from '../identity/scim/declared-settings.ts';
import { schemasProblems } from '../identity/scim/declared-types.ts';
import type { TargetSettings } from '../targets/settings.ts';
import type { Files } from './include.ts';
import { reportIssues } from './issues.ts';
import { parseYaml } from './parse-yaml.ts';
import { child, nearestSpot, plain, type MapTree, type Report } from './positions.ts';

/** What was read. */
export type SchemasFiles = Readonly<{
  /** By name of the target; one whose file has a problem is absent. */
  byTarget: ReadonlyMap<string, SchemasFile>;
  /** Text by path, as `Loaded.sources` keeps it. */
  sources: Readonly<Record<string, string>>;
  /** Every path that was tried, for the watcher. */
  paths: readonly string[];
}>;

const parseFile = (path: string, text: string, report: Report): SchemasFile | null => {
  const tree = parseYaml(path, text, report);
  if (tree === null) return null;
  const parsed = schemasFile.safeParse(plain(tree));
  if (!parsed.success) {
    const context = { root: tree, base: [], report, ignoreMissing: false, isSecret: () => false };
    reportIssues(parsed.error.issues, context);
    return null;
  }
  const problems = schemasProblems(parsed.data);
  for (const { path: at, message } of problems) report(nearestSpot(tree, at), at, message);
  return problems.length === 0 ? parsed.data : null;
};

/** Reads each file once. Never rejects; what is wrong is reported. */
export const readSchemasFiles = async (
  targets: ReadonlyMap<string, TargetSettings>,
  from: Readonly<{
    directory: string;
    files: Pick<Files, 'readFile'>;
    tree: MapTree;
    report: Report;
  }>,
): Promise<SchemasFiles> => {
  const byTarget = new Map<string, SchemasFile>();
  const known = new Map<string, SchemasFile | null>();
  const sources = Object.create(null) as Record<string, string>;
  for (const [name, { schemas }] of targets) {
    if (schemas === undefined) continue;
    const path = normalize(join(from.directory, schemas));
    if (!known.has(path)) {
      const text = await from.files.readFile(path).catch(() => null);
      if (text !== null) sources[path] = text;
      known.set(path, text === null ? null : parseFile(path, text, from.report));
      if (text === null) {
        const written = child(child(child(from.tree, 'targets'), name), 'schemas');
        const message = `cannot read ${basename(path)}; make it with sallyport discover ${name}`;
        from.report((written ?? from.tree).at, ['targets', name, 'schemas'], message);
      }
    }
    const file = known.get(path);
    if (file !== undefined && file !== null) byTarget.set(name, file);
  }
  return { byTarget, sources, paths: [...known.keys()] };
};
