/**
 * Reading a target's answer: bytes to an Answer. A target is not believed: bodies must be UTF-8
 * JSON of bounded depth, names that could reach a prototype are dropped, headers are allow-listed,
 * and what is quoted is short, free of control characters and of our own credential.
 */
import { isUtf8 } from 'node:buffer';
import type { Answer } from '../identity/call.ts';
import { bareObject, type Json } from '../identity/json-value.ts';

/** Largest body read, bytes; more is no answer at all. */
export const answerBytesMax = 8 * 1_024 * 1_024;
/** Deepest nesting of a body that is read; SCIM needs five. */
const answerDepthMax = 64;
const excerptLength = 300;

const headerNames = [
  'etag',
  'location',
  'retry-after',
  'last-modified',
  'content-type',
  'date',
] as const;
const headerLengthMax = 2_048;

const pickHeaders = (
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Readonly<Record<string, string>> => {
  const picked = bareObject<string>();
  for (const name of headerNames) {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined && first.length <= headerLengthMax) picked[name] = first;
  }
  return picked;
};

const quote = 0x22;
const backslash = 0x5c;
const blank = 0x20;

/** Are there more brackets than a body may nest? Most have a few, and are done with here. */
const opensMany = (text: string): boolean => {
  let opened = 0;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      opened += 1;
      if (opened > answerDepthMax) return true;
    }
  }
  return false;
};

/** Nesting is counted on the bytes: later readers walk the value recursively. */
const tooDeep = (bytes: Buffer): boolean => {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (inText) {
      if (byte === backslash) at += 1;
      else if (byte === quote) inText = false;
    } else if (byte === quote) inText = true;
    else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      if (depth > answerDepthMax) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
  }
  return false;
};

/** JSON.parse makes `__proto__` an own property, harmless until somebody copies it by assignment. */
const dropProto = (value: unknown): void => {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) return value.forEach(dropProto);
  delete (value as Record<string, unknown>)['__proto__'];
  Object.values(value).forEach(dropProto);
};
const mayNameProto = (text: string): boolean =>
  text.includes('__proto__') || text.includes('\\u005');

type Parsed = Readonly<{ value: Json | undefined; readable: boolean }>;
const unreadable: Parsed = { value: undefined, readable: false };

const parseBody = (bytes: Buffer, text: string): Parsed => {
  if ((bytes[0] ?? blank) <= blank && text.trim() === '')
    return { value: undefined, readable: true };
  if (!isUtf8(bytes) || (opensMany(text) && tooDeep(bytes))) return unreadable;
  try {
    // RFC 8259 §8.1: a byte order mark may be ignored; .NET servers send one.
    const value = JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text) as Json;
    if (mayNameProto(text)) dropProto(value);
    return { value, readable: true };
  } catch {
    return unreadable;
  }
};

const unprintable = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]+/gu;

const mask = (text: string, secrets: readonly string[]): string => {
  let out = text;
  for (const secret of secrets) out = out.replaceAll(secret, '***');
  return out;
};

/** Makes an Answer. `secrets` are ours; an error page that echoes one is masked before anyone reads it. */
export const readAnswer = (
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  bytes: Buffer,
  secrets: readonly string[],
): Answer => {
  const picked = pickHeaders(headers);
  const coding = Object.hasOwn(headers, 'content-encoding') ? headers['content-encoding'] : '';
  if (bytes.length > 0 && coding !== undefined && coding !== '' && coding !== 'identity') {
    return { status, headers: picked, body: undefined, readable: false, excerpt: '' };
  }
  const raw = bytes.toString('utf8');
  const text = status >= 400 ? mask(raw, secrets) : raw;
  const { value, readable } = parseBody(bytes, text);
  if (readable && status < 400)
    return { status, headers: picked, body: value, readable, excerpt: '' };
  const quoted = mask(text, secrets).slice(0, 4 * excerptLength);
  const excerpt = quoted.replace(unprintable, ' ').trim().slice(0, excerptLength);
  return { status, headers: picked, body: value, readable, excerpt };
};

/** Milliseconds a target asks us to wait (RFC 9110 §10.2.3: seconds or a date), or null. */
export const retryAfterMs = (answer: Answer, now: number): number | null => {
  const text = answer.headers['retry-after'];
  if (text === undefined) return null;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
};
