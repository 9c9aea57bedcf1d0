/**
 * Reads filter text into a canonical tree: recursive descent over RFC 7644 figure 1, bounded in
 * length, nodes and depth, linear in the text. filter.ts and path.ts are its only callers.
 *
 * Canonical means: names spelled as the schema spells them; a complex attribute compared directly is
 * its `value`; chains of one junction are flat; `emails[type eq "work"].value eq "x"` (C11, not in
 * figure 1) is the value filter that says the same of one element. What two readers could take for
 * different filters is a problem: unknown names, a comparison that the attribute's type does not
 * have, bare words as values. The one leniency is a boolean written as Entra writes it (C8).
 */
import { instantOf } from './instant.ts';
import type {
  Attribute,
  AttributePath,
  AttributeType,
  CompareOperator,
  Filter,
  ResourceType,
} from './schema-model.ts';
import { lookUp, quoteName, resolveName, resolveSub } from './schemas.ts';

/** Bounds of one filter: characters, terms, nesting. */
export type FilterLimits = Readonly<{ lengthMax?: number; nodesMax?: number; depthMax?: number }>;

/** Where the reading stands. `problem` is set once, when a reading function answered null. */
export type FilterCursor = {
  readonly text: string;
  readonly type: ResourceType;
  at: number;
  nodesLeft: number;
  depthLeft: number;
  problem: string | null;
};

/** Longest filter, characters. */
export const filterLengthMax = 8_192;

/** A cursor at the beginning of `text`. */
export const makeCursor = (
  text: string,
  type: ResourceType,
  { nodesMax = 200, depthMax = 32 }: FilterLimits,
): FilterCursor => ({
  text,
  type,
  at: 0,
  nodesLeft: nodesMax,
  depthLeft: depthMax,
  problem: null,
});

/** The multi-valued attribute whose elements a value filter tests; null on the top level. */
type Within = Readonly<{ parent: Attribute | null }> | null;
type Named = Readonly<{ path: AttributePath; attribute: Attribute | null }>;
type Value = string | number | boolean | null;

const space = 0x20;
const quote = 0x22;
const openRound = 0x28;
const closeRound = 0x29;
const openSquare = 0x5b;
const backslash = 0x5c;
const closeSquare = 0x5d;

const textual: readonly CompareOperator[] = ['eq', 'ne', 'co', 'sw', 'ew'];
const ordering: readonly CompareOperator[] = ['eq', 'ne', 'gt', 'ge', 'lt', 'le'];
const every: readonly CompareOperator[] = [...new Set([...textual, ...ordering])];

/** Which comparisons a type has, and the JSON type of their value (RFC 7644 §3.4.2.2, table 3). */
const comparisons: Readonly<
  Record<AttributeType, Readonly<{ operators: readonly CompareOperator[]; value: string }>>
> = {
  string: { operators: every, value: 'string' },
  reference: { operators: every, value: 'string' },
  dateTime: { operators: every, value: 'string' },
  binary: { operators: textual, value: 'string' },
  boolean: { operators: ['eq', 'ne'], value: 'boolean' },
  decimal: { operators: ordering, value: 'number' },
  integer: { operators: ordering, value: 'number' },
  complex: { operators: [], value: '' },
};

/** Two letters as one number, in any letter case; 0x20 is all that tells `E` from `e`. */
const codeOf = (first: number, second: number): number => ((first | 0x20) << 16) | second | 0x20;

const codeOfWord = (word: string): number => codeOf(word.charCodeAt(0), word.charCodeAt(1));

const operatorsByCode: ReadonlyMap<number, CompareOperator> = new Map(
  every.map((operator) => [codeOfWord(operator), operator]),
);
const presentCode = codeOfWord('pr');

const fail = (cursor: FilterCursor, problem: string): null => {
  cursor.problem ??= `${problem}, at character ${cursor.at + 1}.`;
  return null;
};

const skipSpaces = (cursor: FilterCursor): boolean => {
  const start = cursor.at;
  while (cursor.text.charCodeAt(cursor.at) === space) cursor.at++;
  return cursor.at > start;
};

const take = (cursor: FilterCursor, code: number): boolean => {
  if (cursor.text.charCodeAt(cursor.at) !== code) return false;
  cursor.at++;
  return true;
};

/** Which characters end a word: space, quote, brackets. */
const endsWord: readonly boolean[] = Array.from({ length: 128 }, (_unused, code) =>
  [space, quote, openRound, closeRound, openSquare, closeSquare].includes(code),
);

/** Index behind everything up to a space, bracket, quote or the end. */
const wordEnd = ({ text, at: start }: FilterCursor): number => {
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code < 128 && endsWord[code] === true) break;
    at += 1;
  }
  return at;
};

const takeWord = (cursor: FilterCursor): string => {
  const start = cursor.at;
  cursor.at = wordEnd(cursor);
  return cursor.text.slice(start, cursor.at);
};

/** A word of two letters as its code, -1 for any other word. */
const takeCode = (cursor: FilterCursor): number => {
  const { text, at } = cursor;
  cursor.at = wordEnd(cursor);
  return cursor.at - at === 2 ? codeOf(text.charCodeAt(at), text.charCodeAt(at + 1)) : -1;
};

const takeString = (cursor: FilterCursor): string | null => {
  const { text } = cursor;
  const start = cursor.at;
  let escaped = false;
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === backslash) {
      escaped = true;
      at++;
    } else if (code === quote) {
      const value = decodeString(text.slice(start, at + 1), escaped);
      if (value === null || !value.isWellFormed()) {
        return fail(cursor, 'A string holds an escape that JSON does not have');
      }
      cursor.at = at + 1;
      return value;
    } else if (code < space) {
      return fail(cursor, 'A string holds a control character; write it as a JSON escape');
    }
  }
  return fail(cursor, 'A string has no closing quote');
};

const decodeString = (literal: string, escaped: boolean): string | null => {
  if (!escaped) return literal.slice(1, -1);
  try {
    return JSON.parse(literal) as string;
  } catch {
    return null;
  }
};

const numberPattern = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/i;
const wordValues: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

/** compValue of figure 1; undefined where there is none. */
const takeValue = (cursor: FilterCursor, attribute: Attribute | null): Value | undefined => {
  if (cursor.text.charCodeAt(cursor.at) === quote) {
    const value = takeString(cursor);
    if (value === null) return undefined;
    // C8: Entra quotes booleans and capitalises them.
    return attribute?.type === 'boolean' ? (wordValues.get(value.toLowerCase()) ?? value) : value;
  }
  const start = cursor.at;
  const word = takeWord(cursor);
  const plain = wordValues.get(attribute?.type === 'boolean' ? word.toLowerCase() : word);
  if (plain !== undefined) return plain;
  if (numberPattern.test(word) && Math.abs(Number(word)) <= Number.MAX_SAFE_INTEGER) {
    return Number(word) + 0; // Adding 0 makes -0 plain.
  }
  cursor.at = start;
  fail(cursor, 'A comparison needs a value: text in double quotes, a number, true, false or null');
  return undefined;
};

const nameIn = (cursor: FilterCursor, within: Within, word: string): Named | null => {
  if (within === null) {
    const path = resolveName(cursor.type, word);
    return path === null ? null : { path, attribute: lookUp(cursor.type, path) };
  }
  const sub = resolveSub(within.parent, word);
  return sub === null ? null : { path: { attribute: sub.name }, attribute: sub.attribute };
};

const resolve = (cursor: FilterCursor, within: Within, word: string): Named | null => {
  const named = nameIn(cursor, within, word);
  if (named === null) {
    return fail(
      cursor,
      word === '' ? 'An attribute is missing' : `There is no attribute ${quoteName(word)}`,
    );
  }
  // Comparing what is never returned would let a caller guess it letter by letter.
  if (named.attribute?.returned === 'never') {
    return fail(cursor, `${quoteName(named.attribute.name)} cannot be searched`);
  }
  return named;
};

/** A complex attribute compared directly means its `value` (RFC 7644 §3.4.2.2; members, manager). */
const significant = ({ path, attribute }: Named): Named => {
  const value = attribute?.type === 'complex' ? attribute.sub?.['value'] : undefined;
  return value === undefined
    ? { path, attribute }
    : { path: { ...path, sub: value.name }, attribute: value };
};

const mismatch = (
  attribute: Attribute | null,
  operator: CompareOperator,
  value: Value,
): string | null => {
  const equality = operator === 'eq' || operator === 'ne';
  if (value === null && !equality) return 'null can only be compared by eq and ne';
  if (attribute === null) {
    const text = typeof value === 'string';
    if (equality || text || (typeof value === 'number' && !textual.includes(operator))) return null;
    return `${operator} needs ${textual.includes(operator) ? 'text in double quotes' : 'text or a number'}`;
  }
  const comparison = comparisons[attribute.type];
  if (!comparison.operators.includes(operator)) {
    return `${operator} does not fit ${attribute.name}, which is ${attribute.type}`;
  }
  if (value !== null && typeof value !== comparison.value) {
    return `${attribute.name} is compared with a ${comparison.value}`;
  }
  if (attribute.type === 'dateTime' && ordering.includes(operator) && typeof value === 'string') {
    return Number.isNaN(instantOf(value)) ? `${attribute.name} is compared with a dateTime` : null;
  }
  return null;
};

/** What follows an attribute: ` pr`, or an operator and its value. */
const readTest = (cursor: FilterCursor, named: Named): Filter | null => {
  if (!skipSpaces(cursor)) return fail(cursor, 'An operator is missing');
  const start = cursor.at;
  const code = takeCode(cursor);
  if (code === presentCode) return { kind: 'present', path: named.path };
  const operator = operatorsByCode.get(code);
  if (operator === undefined) {
    cursor.at = start;
    return fail(cursor, 'The operators are eq, ne, co, sw, ew, gt, ge, lt, le and pr');
  }
  if (!skipSpaces(cursor)) return fail(cursor, 'A space and a value must follow an operator');
  const { path, attribute } = significant(named);
  const value = takeValue(cursor, attribute);
  if (value === undefined) return null;
  const problem = mismatch(attribute, operator, value);
  return problem === null ? { kind: 'compare', path, operator, value } : fail(cursor, problem);
};

/** Terms with `more` behind them, flat: a junction inside the same junction is the same junction. */
const joined = (kind: 'and' | 'or', terms: readonly Filter[]): Filter => {
  const flat: Filter[] = [];
  for (const term of terms) {
    if (term.kind === kind) flat.push(...term.terms);
    else flat.push(term);
  }
  return { kind, terms: flat };
};

/**
 * Reads `attr[…]` after its opening bracket, up to and with the closing one. Answers the filter over
 * the elements of `parent` (null: an attribute nobody gave a meaning), or null with a problem.
 */
export const readValueFilter = (cursor: FilterCursor, parent: Attribute | null): Filter | null => {
  if (--cursor.depthLeft < 0) return fail(cursor, 'The filter is nested too deeply');
  const filter = readChain(cursor, { parent }, 'or');
  if (filter === null) return null;
  skipSpaces(cursor);
  if (!take(cursor, closeSquare)) return fail(cursor, 'A closing bracket is missing');
  cursor.depthLeft++;
  return filter;
};

const readValues = (cursor: FilterCursor, { path, attribute }: Named): Filter | null => {
  if (path.sub !== undefined || (attribute?.multiValued === false && attribute.sub === undefined)) {
    return fail(cursor, `${path.sub ?? path.attribute} has no values to choose from`);
  }
  const filter = readValueFilter(cursor, attribute);
  if (filter === null) return null;
  if (cursor.text.charCodeAt(cursor.at) !== 0x2e) return { kind: 'values', path, filter };
  cursor.at++;
  const named = resolve(cursor, { parent: attribute }, takeWord(cursor));
  if (named === null) return null;
  const test = readTest(cursor, named);
  return test === null ? null : { kind: 'values', path, filter: joined('and', [filter, test]) };
};

const readGroup = (cursor: FilterCursor, within: Within): Filter | null => {
  if (--cursor.depthLeft < 0) return fail(cursor, 'The filter is nested too deeply');
  const filter = readChain(cursor, within, 'or');
  if (filter === null) return null;
  skipSpaces(cursor);
  if (!take(cursor, closeRound)) return fail(cursor, 'A closing parenthesis is missing');
  cursor.depthLeft++;
  return filter;
};

const readTerm = (cursor: FilterCursor, within: Within): Filter | null => {
  if (--cursor.nodesLeft < 0) return fail(cursor, 'The filter has too many terms');
  skipSpaces(cursor);
  if (take(cursor, openRound)) return readGroup(cursor, within);
  const start = cursor.at;
  const word = takeWord(cursor);
  if (word.length === 3 && word.toLowerCase() === 'not') {
    skipSpaces(cursor);
    if (!take(cursor, openRound)) return fail(cursor, 'A parenthesis must follow not');
    const term = readGroup(cursor, within);
    return term === null ? null : { kind: 'not', term };
  }
  const end = cursor.at;
  cursor.at = start;
  const named = resolve(cursor, within, word);
  if (named === null) return null;
  cursor.at = end;
  if (!take(cursor, openSquare)) return readTest(cursor, named);
  if (within !== null) return fail(cursor, 'A value filter holds no other value filter');
  return readValues(cursor, named);
};

/** Consumes ` and ` or ` or `; false where the chain ends, or with a problem. */
const takeJunction = (cursor: FilterCursor, kind: 'and' | 'or'): boolean => {
  const start = cursor.at;
  const spaced = skipSpaces(cursor);
  const code = cursor.text.charCodeAt(cursor.at);
  if (cursor.at >= cursor.text.length || code === closeRound || code === closeSquare) return false;
  const word = takeWord(cursor).toLowerCase();
  if (spaced && word === kind && cursor.text.charCodeAt(cursor.at) === space) return true;
  cursor.at = start;
  if (!spaced || (word !== 'and' && word !== 'or') || word === kind) {
    fail(cursor, 'Terms are joined by and or or, with spaces around');
  }
  return false;
};

/** The chain of `and` that is one term of an `or`. */
const readAll = (cursor: FilterCursor, within: Within): Filter | null =>
  readChain(cursor, within, 'and');

/** Reads a chain of terms; `and` binds tighter than `or`. Null with a problem. */
export const readChain = (
  cursor: FilterCursor,
  within: Within,
  kind: 'and' | 'or',
): Filter | null => {
  const read = kind === 'or' ? readAll : readTerm;
  const first = read(cursor, within);
  if (first === null) return null;
  if (!takeJunction(cursor, kind)) return cursor.problem === null ? first : null;
  const terms: Filter[] = [first];
  do {
    const term = read(cursor, within);
    if (term === null) return null;
    terms.push(term);
  } while (takeJunction(cursor, kind));
  return cursor.problem === null ? joined(kind, terms) : null;
};

/** True if nothing but spaces is left; else sets the problem. */
export const atEnd = (cursor: FilterCursor): boolean => {
  skipSpaces(cursor);
  if (cursor.at === cursor.text.length) return true;
  fail(cursor, 'There is text that belongs to nothing');
  return false;
};
