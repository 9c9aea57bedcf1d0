/**
 * Texts with CEL in braces, `/v1/employees/{event.subject}`: a path and query whose fixed part is
 * judged at load, and whose values can never change its shape: each is percent-encoded whole, and none
 * may be empty or make a dot segment. Failures name places of the text, never data.
 */
import { compileExpression, type Expression, type VariableType } from '../expressions.ts';
import type { Template } from '../snapshot.ts';

/** Values one template may hold. */
const valuesMax = 16;
/** Longest single value, characters before encoding. */
const valueLengthMax = 1_000;
/** Longest printed text. */
const printedLengthMax = 8_000;

type Part = Readonly<{ text: string }> | Readonly<{ cel: string }>;

/** End of the expression that begins at `from`: its `}`, not one of a map or in quotes; -1 = none. */
const endOf = (source: string, from: number): number => {
  let depth = 0;
  let quote: string | null = null;
  for (let index = from; index < source.length; index += 1) {
    const sign = source.charAt(index);
    if (quote !== null) {
      if (sign === '\\') index += 1;
      else if (sign === quote) quote = null;
    } else if (sign === '"' || sign === "'") quote = sign;
    else if (sign === '{') depth += 1;
    else if (sign === '}') {
      if (depth === 0) return index;
      depth -= 1;
    }
  }
  return -1;
};

const split = (source: string): readonly Part[] | Readonly<{ problem: string }> => {
  const parts: Part[] = [];
  let from = 0;
  while (from < source.length) {
    const open = source.indexOf('{', from);
    const text = source.slice(from, open < 0 ? undefined : open);
    if (text !== '') parts.push({ text });
    if (open < 0) break;
    const close = endOf(source, open + 1);
    if (close < 0) return { problem: 'a { is never closed' };
    parts.push({ cel: source.slice(open + 1, close) });
    from = close + 1;
  }
  return parts;
};

/** RFC 3986 path and query, without `#`, `%` and backslash: what is fixed needs no encoding. */
const fixed = /^[A-Za-z0-9._~!$&'()*+,;=:@/?-]*$/;

const hasDotSegment = (text: string): boolean =>
  (text.split('?', 1)[0] ?? '').split('/').some((segment) => segment === '.' || segment === '..');

const problemOf = (parts: readonly Part[]): string | null => {
  const texts = parts.map((part) => ('text' in part ? part.text : null));
  const written = texts.filter((text) => text !== null).join('');
  if (texts[0]?.startsWith('/') !== true || texts[0].startsWith('//'))
    return 'it begins with one /, written out';
  if (!fixed.test(written)) return 'outside of { } write letters, digits and signs of a URL only';
  if (written.split('?').length > 2) return 'it has one ? at most';
  // A value is never empty and never dots alone, so one letter stands for any.
  if (hasDotSegment(texts.map((text) => text ?? 'v').join(''))) return 'no dot segments';
  if (texts.filter((text) => text === null).length > valuesMax)
    return `at most ${valuesMax} values in braces`;
  return null;
};

/** Percent-encoded whole but for RFC 3986 unreserved, or what is wrong with it. */
const encoded = (value: unknown): Readonly<{ text: string }> | Readonly<{ failed: string }> => {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint')
    return { failed: 'gives no text or number' };
  const text = String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return { failed: 'gives no number' };
  if (text === '') return { failed: 'gives nothing' };
  if (text === '.' || text === '..') return { failed: 'gives a dot segment' };
  if (text.length > valueLengthMax)
    return { failed: `gives more than ${valueLengthMax} characters` };
  if (!text.isWellFormed()) return { failed: 'gives broken text' };
  const plain = encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return { text: plain };
};

type Piece = Readonly<{ text: string }> | Readonly<{ value: Expression }>;

const print = (
  pieces: readonly Piece[],
  variables: Readonly<Record<string, unknown>>,
): ReturnType<Template['print']> => {
  let out = '';
  for (const piece of pieces) {
    if ('text' in piece) {
      out += piece.text;
      continue;
    }
    const found = piece.value.evaluate(variables);
    if ('failed' in found) return found;
    const made = encoded(found.value);
    if ('failed' in made) return { failed: `{${piece.value.source}} ${made.failed}` };
    out += made.text;
  }
  if (out.length > printedLengthMax) return { failed: 'the whole is too long' };
  return hasDotSegment(out) ? { failed: 'the values make a dot segment' } : { text: out };
};

/** Compiles `source` with the variables its values may mention, or says what is wrong with it. */
export const compileTemplate = (
  source: string,
  variables: Readonly<Record<string, VariableType>>,
): Template | Readonly<{ problem: string }> => {
  const parts = split(source);
  if ('problem' in parts) return parts;
  const problem = problemOf(parts);
  if (problem !== null) return { problem };
  const pieces: Piece[] = [];
  for (const part of parts) {
    if ('text' in part) {
      pieces.push(part);
      continue;
    }
    const value = compileExpression(part.cel, variables, null);
    if ('problem' in value) return value;
    pieces.push({ value });
  }
  return Object.freeze({ source, print: (given) => print(pieces, given) });
};
