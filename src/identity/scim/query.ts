/**
 * Reads the raw query of a SCIM call: strict percent-decoding, an allow-list of names, no
 * duplicates. What is not on the list never reaches a target (RFC 7644 §3.4.2: unknown parameters
 * are ignored), what smells of an override or of a credential in the URL is refused.
 */
import { refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';

/** Longest raw query, characters; most parameters. */
const queryLengthMax = 16_384;
const queryParametersMax = 64;

/** Canonical names of the parameters that mean something here (RFC 7644 §3.4.2, §3.9; RFC 9865 §2). */
export type QueryName =
  | 'filter'
  | 'attributes'
  | 'excludedAttributes'
  | 'startIndex'
  | 'count'
  | 'sortBy'
  | 'sortOrder'
  | 'cursor';

/** Decoded values of the parameters that were given. */
export type Query = Readonly<Partial<Record<QueryName, string>>>;

const known: ReadonlyMap<string, QueryName> = new Map(
  (
    [
      'filter',
      'attributes',
      'excludedAttributes',
      'startIndex',
      'count',
      'sortBy',
      'sortOrder',
      'cursor',
    ] as const
  ).map((name) => [name.toLowerCase(), name]),
);

/** Names by which other servers take a method or a credential from the URL. */
const overrides: ReadonlySet<string> = new Set([
  '_method',
  'access_token',
  'apikey',
  'api_key',
  'token',
  'key',
]);

const suspicious = (detail: string): Refusal => refuse('request_suspicious', detail);

const badEscape = /%(?![0-9A-Fa-f]{2})/;
/** Only visible ASCII may stand in a request target unescaped (RFC 3986 §2). */
const notAscii = /[^\x21-\x7e]/;
const control = /[\u0000-\u001f\u007f]/;

/** The parameter a written name means, in any letter case; undefined where it means none. */
export const queryNameOf = (name: string): QueryName | undefined => known.get(name.toLowerCase());

/** What no value of a parameter may hold, wherever it was written. */
export const queryProblem = (name: QueryName, value: string): Refusal | null => {
  if (control.test(value)) return suspicious(`The parameter ${name} holds a control character.`);
  return value.length > queryLengthMax ? suspicious(`The parameter ${name} is too long.`) : null;
};

/** Decodes one name or value; `+` means space. Null for bad escapes or invalid UTF-8. */
const decode = (text: string): string | null => {
  if (badEscape.test(text)) return null;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
};

/**
 * The allow-listed parameters of a raw query (without `?`), names case-insensitive. Refuses bad
 * escapes, duplicates of a known name, control characters and overrides. `aadOptscim062020` (C38) is
 * ignored like any unknown name.
 */
export const readQuery = (raw: string): Query | Refusal => {
  if (raw.length > queryLengthMax) return suspicious('The query is too long; shorten the filter.');
  if (notAscii.test(raw)) return suspicious('Percent-encode every character of the query.');
  const found: Partial<Record<QueryName, string>> = {};
  const parts = raw === '' ? [] : raw.split('&');
  if (parts.length > queryParametersMax) return suspicious('The query has too many parameters.');
  for (const part of parts) {
    const at = part.indexOf('=');
    const name = decode(at === -1 ? part : part.slice(0, at));
    const value = at === -1 ? '' : decode(part.slice(at + 1));
    if (name === null || value === null) {
      return suspicious('The query has a broken percent-escape; encode it as UTF-8.');
    }
    const lower = name.toLowerCase();
    if (overrides.has(lower)) {
      return suspicious('Methods and credentials are never taken from the query.');
    }
    const canonical = queryNameOf(name);
    if (canonical === undefined) continue;
    if (Object.hasOwn(found, canonical)) {
      return suspicious(`The query parameter ${canonical} is given twice.`);
    }
    const wrong = queryProblem(canonical, value);
    if (wrong !== null) return wrong;
    found[canonical] = value;
  }
  return found;
};

/** A decimal integer, or null; a fraction, an exponent or more than ten digits is none. */
export const readInteger = (text: string): number | null =>
  /^-?[0-9]{1,10}$/.test(text.trim()) ? Number(text.trim()) : null;
