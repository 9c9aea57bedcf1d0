/**
 * Strict JSON: one linear scan over the text, then JSON.parse, so a value that comes out is exactly
 * what JSON.parse makes of it. The scan refuses what two readers could read differently: names that
 * repeat (also in another letter case, as an escape, or below the core schema's URN), names that are
 * no attribute names, numbers that do not survive, lone surrogates; and it bounds depth and size
 * before anything is built. It need not check the grammar: on text that JSON.parse then accepts, what
 * it took for a name, string or number is one.
 */
import { refuse, type Refusal } from '../errors.ts';
import type { Json } from './json-value.ts';

/** Bounds of one text. `names: 'any'` for texts that are not SCIM: foreign answers and events. */
export type JsonLimits = Readonly<{
  /** Deepest nesting of arrays and objects; default 64. */
  depthMax?: number;
  /** Most values, containers included; default 200,000. */
  nodesMax?: number;
  /**
   * `attribute` (default): names are attribute names, dotted ones (C6) or URNs, and repeat in no
   * letter case. `any`: they are free text, may differ by case alone, but never repeat.
   */
  names?: 'attribute' | 'any';
}>;

/** Names of one open object; beyond a handful a Set, so that many names stay linear. */
type Names = { list: string[]; set: Set<string> | null };

const listLengthMax = 24;
const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const openSquare = 0x5b;
const backslash = 0x5c;
const closeSquare = 0x5d;
const openCurly = 0x7b;
const closeCurly = 0x7d;

const attributeName = /^[A-Za-z$][-_A-Za-z0-9$]*(?:\.[A-Za-z$][-_A-Za-z0-9$]*)*$/;
const urnName = /^urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:[A-Za-z0-9$._:/-]*[A-Za-z0-9$_-]$/i;
const corePrefix = /^urn:ietf:params:scim:schemas:core:2\.0:[a-z0-9]+:/;

const malformed = (detail: string): Refusal => refuse('body_malformed', detail);
const suspicious = (detail: string, at: number): Refusal =>
  refuse('request_suspicious', `${detail}, at character ${at + 1} of the body.`);

/** The name as it is compared: lower case, core URN stripped. Null if no attribute can have it. */
const foldName = (name: string): string | null => {
  if (attributeName.test(name)) return name.toLowerCase();
  return urnName.test(name) ? name.toLowerCase().replace(corePrefix, '') : null;
};

const addName = (names: Names, name: string): boolean => {
  if (names.set !== null) {
    if (names.set.has(name)) return false;
    names.set.add(name);
    return true;
  }
  if (names.list.includes(name)) return false;
  names.list.push(name);
  if (names.list.length > listLengthMax) names.set = new Set(names.list);
  return true;
};

const decode = (literal: string): string | null => {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return null;
  }
};

/** Checks the name whose literal stands from `start` to `end`, and notes it among its object's names. */
const nameProblem = (
  names: Names,
  text: string,
  start: number,
  end: number,
  foreign: boolean,
): Refusal | null => {
  const raw = text.slice(start + 1, end);
  const name = raw.includes('\\') ? decode(text.slice(start, end + 1)) : raw;
  if (name === null) return malformed('The body is not valid JSON.');
  const folded = foreign ? (name === '__proto__' ? null : name) : foldName(name);
  if (folded === null) return suspicious('A name is not the name of an attribute', start);
  return addName(names, folded) ? null : suspicious('A name is given twice in one object', start);
};

const codeUnit = (text: string, at: number): number => Number.parseInt(text.slice(at, at + 4), 16);

/**
 * Index of the quote that closes the string opened at `start`; the text's length where none does, -1
 * where an escape writes half a surrogate pair.
 */
const stringEnd = (text: string, start: number): number => {
  let at = start + 1;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) return at;
    if (code !== backslash) continue;
    at++;
    if (text.charCodeAt(at) !== 0x75) continue;
    const unit = codeUnit(text, at + 1);
    if (!(unit >= 0xd800 && unit <= 0xdfff)) continue;
    const low = text.startsWith('\\u', at + 5) ? codeUnit(text, at + 7) : 0;
    if (unit > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) return -1;
    at += 10;
  }
  return at;
};

/** Index behind the number that begins at `start`. */
const numberEnd = (text: string, start: number): number => {
  let at = start + 1;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // Digits, + - . E e. JSON.parse has the last word on what they make.
    const digit = code >= 0x30 && code <= 0x39;
    if (!digit && code !== 0x2e && code !== 0x2b && code !== minus && (code | 0x20) !== 0x65) break;
  }
  return at;
};

/** A number beyond 2^53 - 1, where neighbours become equal, or beyond what a double can hold. */
const isUnsafe = (text: string, start: number, end: number): boolean => {
  const number = text.slice(start, end);
  return (
    (number.length > 15 || /e/i.test(number)) && Math.abs(Number(number)) > Number.MAX_SAFE_INTEGER
  );
};

const scan = (
  text: string,
  { depthMax = 64, nodesMax = 200_000, names: kind = 'attribute' }: JsonLimits,
): Refusal | null => {
  const open: (Names | null)[] = [];
  let names: Names | null = null;
  let nameNext = false;
  let nodes = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      const end = stringEnd(text, at);
      if (end < 0) return malformed('A string holds half a character (a lone surrogate).');
      if (nameNext && names !== null) {
        nameNext = false;
        const problem = nameProblem(names, text, at, end, kind === 'any');
        if (problem !== null) return problem;
      } else nodes++;
      at = end;
    } else if (code === comma) {
      nameNext = names !== null;
    } else if (code === openCurly || code === openSquare) {
      names = code === openCurly ? { list: [], set: null } : null;
      nameNext = names !== null;
      nodes++;
      if (open.push(names) > depthMax) {
        return malformed(`The body is nested more than ${depthMax} levels deep.`);
      }
    } else if (code === closeCurly || code === closeSquare) {
      open.pop();
      names = open.at(-1) ?? null;
      nameNext = false;
    } else if (code === minus || (code >= 0x30 && code <= 0x39)) {
      const end = numberEnd(text, at);
      if (isUnsafe(text, at, end)) {
        return malformed('A number is too large to be read exactly; write it as a string.');
      }
      nodes++;
      at = end - 1;
    } else if (code === 0x74 || code === 0x66 || code === 0x6e) {
      nodes++; // true, false and null; their other letters begin no other value.
      at += 3;
    }
    if (nodes > nodesMax) return malformed(`The body holds more than ${nodesMax} values.`);
  }
  return null;
};

/**
 * Parses JSON text, or refuses: `body_malformed` for what is no JSON, too deep, too large or would be
 * read inexactly; `request_suspicious` for names that two readers could read differently. Details
 * give positions, never text of the body.
 */
export const parseJson = (text: string, limits: JsonLimits = {}): Json | Refusal => {
  if (text.charCodeAt(0) === 0xfeff) return malformed('The body begins with a byte order mark.');
  if (!text.isWellFormed()) {
    return malformed('A string holds half a character (a lone surrogate).');
  }
  const problem = scan(text, limits);
  if (problem !== null) return problem;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return malformed(text.trim() === '' ? 'The body is empty.' : 'The body is not valid JSON.');
  }
};
