/**
 * A printed body read by parsers that share no code: the platform's, Momoa's and lossless-json's, and
 * Python's where there is one. And what no body may hold, whoever reads it.
 */
import { parse as parseTree, type AnyNode } from '@humanwhocodes/momoa';
import { parse as parseLossless } from 'lossless-json';
import { spawnSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';

/** What one body amounts to, and every way in which readers differ over it. */
export type Reading = Readonly<{ value: unknown; faults: readonly string[] }>;

const rawControl = /[\u0000-\u001f]/;
const halfCharacter =
  /\\u(?:d[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab][0-9a-f]{2}\\u)d[c-f][0-9a-f]{2})/i;

/** Names as every reader must hold them apart: also in another letter case. */
const namesFault = (names: readonly string[]): string | null => {
  if (names.includes('__proto__')) return 'a name that a prototype may answer to';
  const folded = new Set(names.map((name) => name.toLowerCase()));
  return folded.size === names.length ? null : 'a name twice in one object';
};

/** The value of a Momoa tree, and what it alone can see: names that repeat. */
const valueOf = (node: AnyNode, faults: string[]): unknown => {
  if (node.type === 'Document') return valueOf(node.body, faults);
  if (node.type === 'Array') return node.elements.map(({ value }) => valueOf(value, faults));
  if (node.type === 'Object') {
    const entries = node.members.map(({ name, value }): [string, unknown] => [
      name.type === 'String' ? name.value : name.name,
      valueOf(value, faults),
    ]);
    const fault = namesFault(entries.map(([name]) => name));
    if (fault !== null) faults.push(fault);
    return Object.fromEntries(entries);
  }
  if (node.type === 'Null') return null;
  if (node.type === 'String' || node.type === 'Number' || node.type === 'Boolean')
    return node.value;
  throw new TypeError(`no JSON value: ${node.type}`);
};

/** Is the number written as every reader prints it, and exact in a double? */
const numberFault = (text: string): string | null => {
  const number = Number(text);
  if (!Number.isFinite(number)) return `a number beyond every double: ${text}`;
  if (Object.is(number, -0)) return 'a negative zero';
  if (Math.abs(number) > Number.MAX_SAFE_INTEGER) return `a number beyond 2^53: ${text}`;
  return String(number) === text ? null : `a number in another spelling: ${text}`;
};

const attempt = (parser: string, faults: string[], read: () => unknown): unknown => {
  try {
    return read();
  } catch (error) {
    faults.push(`${parser} refuses: ${String(error)}`);
    return undefined;
  }
};

/** Reads one body with every parser of this process. */
export const readBody = (text: string): Reading => {
  const faults: string[] = [];
  if (rawControl.test(text)) faults.push('a control character as it is');
  if (!text.isWellFormed() || halfCharacter.test(text)) faults.push('half a character');
  const value = attempt('JSON.parse', faults, () => JSON.parse(text) as unknown);
  const tree = attempt('momoa', faults, () => valueOf(parseTree(text, { mode: 'json' }), faults));
  const lossless = attempt('lossless-json', faults, () =>
    parseLossless(text, undefined, (digits) => {
      const fault = numberFault(digits);
      if (fault !== null) faults.push(fault);
      return Number(digits);
    }),
  );
  for (const [parser, other] of [
    ['momoa', tree],
    ['lossless-json', lossless],
  ] as const) {
    if (!isDeepStrictEqual(other, value)) faults.push(`${parser} reads another value`);
  }
  return { value, faults };
};

const python = `
import json, sys
def pairs(found):
    names = [name for name, _ in found]
    if len(set(names)) != len(names): raise ValueError("a name twice")
    return dict(found)
for line in sys.stdin.buffer.read().split(b"\\n"):
    print(json.dumps(json.loads(line.decode("utf-8"), object_pairs_hook=pairs)))
`;

/**
 * How many of the bodies Python reads as another value than this process; null where there is no
 * Python.
 */
export const differInPython = (texts: readonly string[]): number | null => {
  if (texts.length === 0) return 0;
  const run = spawnSync('python3', ['-c', python], {
    input: texts.join('\n'),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 120_000,
  });
  if (run.error !== undefined) return null;
  if (run.status !== 0) return texts.length;
  const lines = run.stdout.trimEnd().split('\n');
  return texts.filter((text, index) => {
    const line = lines[index];
    return line === undefined || !isDeepStrictEqual(JSON.parse(line), JSON.parse(text));
  }).length;
};
