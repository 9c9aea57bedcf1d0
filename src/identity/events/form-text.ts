/**
 * Form bodies (application/x-www-form-urlencoded) as JSON: `data[changedFields][0]=firstName` becomes
 * what it stands for. A name given twice, or given as a text and as a list, is not read: two readers
 * could take different ones. All values are texts.
 */
import type { Json } from '../json-value.ts';
import type { OpenBody, Unreadable } from './open-body.ts';

const pairsMax = 5_000;
const depthMax = 16;

type Pair = Readonly<{ path: readonly string[]; value: string }>;
type Node = { text: string | null; members: Map<string, Node> };

const decode = (text: string): string | null => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
};

/** `data[changedFields][0]` as its names. */
const pathOf = (name: string): readonly string[] | null => {
  const match = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name);
  if (match === null) return name === '' ? null : [name];
  const inner = String(match[2]).slice(1, -1);
  const path = [String(match[1]), ...(match[2] === '' ? [] : inner.split(']['))];
  return path.length > depthMax || path.includes('__proto__') ? null : path;
};

const pairsOf = (text: string): readonly Pair[] | string => {
  const parts = text.trim().split('&');
  if (parts.length > pairsMax) return `The form has more than ${pairsMax} fields.`;
  const pairs: Pair[] = [];
  for (const part of parts) {
    if (part === '') continue;
    const at = part.indexOf('=');
    const name = decode(at < 0 ? part : part.slice(0, at));
    const value = decode(at < 0 ? '' : part.slice(at + 1));
    const path = name === null ? null : pathOf(name);
    if (path === null || value === null) return 'The form holds a field that cannot be read.';
    pairs.push({ path, value });
  }
  return pairs;
};

const twice = 'The form gives a field twice.';

/** Puts pairs into a tree, or says what is wrong. `name[]` counts up. */
const treeOf = (pairs: readonly Pair[]): Node | string => {
  const root: Node = { text: null, members: new Map() };
  for (const { path, value } of pairs) {
    let at = root;
    for (const step of path) {
      if (at.text !== null) return twice;
      const name = step === '' ? String(at.members.size) : step;
      let next = at.members.get(name);
      if (next === undefined) {
        next = { text: null, members: new Map() };
        at.members.set(name, next);
      }
      at = next;
    }
    if (at.text !== null || at.members.size > 0) return twice;
    at.text = value;
  }
  return root;
};

const jsonOf = ({ text, members }: Node): Json => {
  if (text !== null) return text;
  const entries = [...members];
  // A list counts from 0 without a gap, in whatever order it was written.
  const isList = entries.length > 0 && entries.every((_one, index) => members.has(String(index)));
  if (isList) return entries.map((_one, index) => jsonOf(members.get(String(index)) as Node));
  return Object.fromEntries(entries.map(([name, node]) => [name, jsonOf(node)]));
};

const encode = (text: string): string => encodeURIComponent(text).replaceAll('%20', '+');

const print = ({ path, value }: Pair): string => {
  const [first = '', ...rest] = path;
  return `${encode(`${first}${rest.map((name) => `[${name}]`).join('')}`)}=${encode(value)}`;
};

/** Reads a form. */
export const openForm = (text: string): OpenBody | Unreadable => {
  const pairs = pairsOf(text);
  if (typeof pairs === 'string') return { unreadable: pairs };
  const tree = treeOf(pairs);
  if (typeof tree === 'string') return { unreadable: tree };
  return {
    body: jsonOf(tree),
    alone: (list, index) => {
      const place = list.split('.');
      const inList = ({ path }: Pair): boolean =>
        place.every((name, at) => path[at] === name) && path.length > place.length;
      return pairs
        .filter((pair) => !inList(pair) || pair.path[place.length] === String(index))
        .map((pair) =>
          print(inList(pair) ? { ...pair, path: pair.path.with(place.length, '0') } : pair),
        )
        .join('&');
    },
  };
};
