/**
 * YAML text to a positioned tree. Only what cannot be read in two ways passes: YAML 1.2 core schema
 * without directives, tags, merge keys, duplicate keys or several documents; aliases within a bound.
 * The parser's own messages quote the file, so they are replaced by ours.
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type YAMLError,
} from 'yaml';
import type { Path } from './problem.ts';
import type { Entry, MapTree, Report, ScalarValue, Source, Spot, Tree } from './positions.ts';

/** Largest file, bytes of UTF-8. */
export const fileBytesMax = 4 * 1_024 * 1_024;
const depthMax = 48;
/** Nodes that aliases may add to one file. */
const aliasedNodesMax = 10_000;

const messages: ReadonlyMap<string, string> = new Map([
  ['BAD_ALIAS', 'this alias (*) names no anchor; put text that begins with * in quotes'],
  ['BAD_INDENT', 'the indentation does not fit the lines above'],
  ['TAB_AS_INDENT', 'a tab cannot indent; use spaces'],
  ['NON_STRING_KEY', 'a key must be text; put it in quotes'],
  ['MULTIPLE_DOCS', 'a file holds one document; remove the --- lines'],
  ['MISSING_CHAR', 'a closing bracket, quote or comma is missing, or a space after a colon'],
  ['BAD_SCALAR_START', 'put text that begins with this character in quotes'],
  ['BAD_DQ_ESCAPE', 'no such escape in double quotes'],
  [
    'BLOCK_AS_IMPLICIT_KEY',
    'the value of a key begins on its own line, or a colon is too much: put quotes around a text that holds one',
  ],
  ['MULTILINE_IMPLICIT_KEY', 'a key stands on one line'],
  ['RESOURCE_EXHAUSTION', 'nested too deeply'],
  ['BAD_DIRECTIVE', 'directives (%) are not allowed'],
]);

const reportYaml = (error: YAMLError, source: Source, report: Report): void => {
  report(
    { source, offset: error.pos[0] },
    [],
    messages.get(error.code) ?? 'this is not valid YAML here',
  );
};

type Walk = {
  source: Source;
  report: Report;
  anchors: Map<string, Node>;
  aliasedNodes: number;
  insideAlias: boolean;
};

const spotOf = (node: Node, walk: Walk): Spot => ({
  source: walk.source,
  offset: node.range?.[0] ?? 0,
});

const scalarOf = (value: unknown): ScalarValue =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : typeof value === 'bigint'
      ? Number(value)
      : null;

const readMap = (node: Node & { items: unknown[] }, path: Path, walk: Walk, at: Spot): MapTree => {
  const entries = new Map<string, Entry>();
  for (const pair of node.items as { key: unknown; value: unknown }[]) {
    if (!isScalar(pair.key)) continue;
    const key = String(pair.key.value);
    const keySpot = spotOf(pair.key, walk);
    const below = [...path, key];
    if (key === '<<') {
      walk.report(keySpot, path, 'merge keys (<<) are not allowed; use `defaults:`');
    } else if (key === '__proto__') {
      walk.report(keySpot, path, 'this name cannot be used');
    } else {
      if (entries.has(key)) walk.report(keySpot, below, 'this key is written twice');
      if (pair.key.tag !== undefined) walk.report(keySpot, below, tagRefused);
      const value = pair.value as Node | null;
      entries.set(key, {
        key: keySpot,
        value:
          value === null
            ? { kind: 'scalar', at: keySpot, value: null }
            : readNode(value, below, walk),
      });
    }
  }
  return { kind: 'map', at, entries };
};

const tagRefused = 'tags (!) are not allowed; put text that begins with ! in quotes';

const readNode = (node: Node, path: Path, walk: Walk): Tree => {
  const at = spotOf(node, walk);
  const nothing: Tree = { kind: 'scalar', at, value: null };
  if (path.length > depthMax) {
    walk.report(at, path.slice(0, 4), `at most ${depthMax} levels`);
    return nothing;
  }
  if (walk.insideAlias) {
    walk.aliasedNodes += 1;
    if (walk.aliasedNodes > aliasedNodesMax) {
      if (walk.aliasedNodes === aliasedNodesMax + 1)
        walk.report(at, path, `aliases add more than ${aliasedNodesMax} values to this file`);
      return nothing;
    }
  }
  if (isAlias(node)) {
    const target = walk.anchors.get(node.source);
    if (target === undefined) {
      walk.report(at, path, messages.get('BAD_ALIAS') as string);
      return { ...nothing, unset: true };
    }
    const outer = walk.insideAlias;
    walk.insideAlias = true;
    const tree = readNode(target, path, walk);
    walk.insideAlias = outer;
    return { ...tree, at };
  }
  const anchor = (node as { anchor?: string }).anchor;
  if (anchor !== undefined) walk.anchors.set(anchor, node);
  if (node.tag !== undefined) walk.report(at, path, tagRefused);
  if (isMap(node)) return readMap(node, path, walk, at);
  if (isSeq(node)) {
    const items = node.items.map((item, index) => readNode(item as Node, [...path, index], walk));
    return { kind: 'list', at, items };
  }
  return isScalar(node) ? { kind: 'scalar', at, value: scalarOf(node.value) } : nothing;
};

const compose = (text: string, lines: LineCounter): Document.Parsed | null => {
  try {
    return parseDocument(text, {
      version: '1.2',
      schema: 'core',
      merge: false,
      stringKeys: true,
      // Told by `readMap`, which knows in one look; the parser compares every pair.
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
      lineCounter: lines,
    });
  } catch {
    // The parser recurses; a file nested thousands deep overflows its stack.
    return null;
  }
};

/** One broken line can make the parser stumble over all that follow. */
const findingsMax = 20;

/** Findings after which the rest of the file still reads as it was meant. */
const harmless: ReadonlySet<string> = new Set([
  'TAG_RESOLVE_FAILED',
  'NON_STRING_KEY',
  'MULTIPLE_DOCS',
]);

/** Reads one file and reports every problem of form; null where there is nothing to go on with. */
export const parseTree = (file: string, text: string, report: Report): Tree | null => {
  const source: Source = { file, lines: new LineCounter() };
  const start: Spot = { source, offset: 0 };
  if (Buffer.byteLength(text) > fileBytesMax) {
    report(start, [], 'the file is larger than 4 MiB');
    return null;
  }
  const document = compose(text, source.lines);
  if (document === null) {
    report(start, [], 'the file is nested too deeply to be read');
    return null;
  }
  const findings = [...document.errors, ...document.warnings];
  for (const finding of findings.slice(0, findingsMax)) {
    // Tags are reported where the nodes are read, resolved or not.
    if (finding.code !== 'TAG_RESOLVE_FAILED') reportYaml(finding, source, report);
  }
  if (document.directives.yaml.explicit === true)
    report(start, [], messages.get('BAD_DIRECTIVE') as string);
  if (findings.some((finding) => !harmless.has(finding.code))) return null;
  if (document.contents === null) {
    report(start, [], 'the file is empty');
    return null;
  }
  const walk = { source, report, anchors: new Map(), aliasedNodes: 0, insideAlias: false };
  return readNode(document.contents, [], walk);
};

/**
 * Reads one route file and reports every problem of form. Null where there is nothing to go on with:
 * what would be said about the rest would only follow from the broken place.
 */
export const parseYaml = (file: string, text: string, report: Report): MapTree | null => {
  const tree = parseTree(file, text, report);
  if (tree === null || tree.kind === 'map') return tree;
  report(tree.at, [], 'a route file is a map of keys');
  return null;
};
