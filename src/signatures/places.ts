/** Reads a text of a message from the place a descriptor names. */
import { z } from 'zod';
import { isRefusal } from '../errors.ts';
import { parseJson } from '../identity/json.ts';
import { isArray, isObject, type Json } from '../identity/json-value.ts';
import type { Received } from './receiver.ts';
import type { Place } from './sender.ts';

/** Name of a header as a descriptor or a route file writes it; output: lower case. */
export const headerName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, { error: 'write the name of a header' })
  .transform((text) => text.toLowerCase());

/** A place as the route file writes it. */
export const place = z.union([
  z.strictObject({ header: headerName }),
  z.strictObject({ query: z.string().min(1).max(64) }),
  z.strictObject({ body: z.string().min(1).max(128) }),
]);

/** The body as JSON, or null. One parse of the whole body: ask once. */
export const readJson = (body: Buffer): Json | null => {
  const value = parseJson(body.toString('utf8'), { names: 'any' });
  return isRefusal(value) ? null : value;
};

const member = (value: Json | undefined, name: string): Json | undefined => {
  if (isArray(value)) return /^[0-9]{1,4}$/.test(name) ? value[Number(name)] : undefined;
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
};

/** Value at a path with dots between names and indexes; undefined where there is none. */
export const memberAt = (value: Json, path: string): Json | undefined =>
  path.split('.').reduce<Json | undefined>((inner, name) => member(inner, name), value);

const scalar = (value: Json | undefined): string | null => {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : null;
};

/** Longest text that is read from a message: ids and times are shorter. */
const lengthMax = 512;

/** The text there, of 1 to 512 characters, or null. `contents`: what a token held, in place of the body. */
export const readPlace = (
  at: Place,
  received: Pick<Received, 'headers' | 'query' | 'body'>,
  contents: Buffer | null = null,
): string | null => {
  const text =
    'header' in at
      ? (received.headers[at.header] ?? null)
      : 'query' in at
        ? new URLSearchParams(received.query).get(at.query)
        : scalar(memberAt(readJson(contents ?? received.body), at.body));
  return text === null || text === '' || text.length > lengthMax ? null : text;
};

/** A whole number there, at most 15 digits, or null. */
export const readNumber = (at: Place, received: Received): number | null => {
  const text = readPlace(at, received);
  return text !== null && /^[0-9]{1,15}$/.test(text) ? Number(text) : null;
};
