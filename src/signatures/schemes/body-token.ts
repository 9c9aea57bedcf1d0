/**
 * A token that every item of a JSON body presents as it is (Microsoft Graph's `clientState`). Nothing
 * of the message is signed; one item without it makes the whole body one that nobody vouches for.
 */
import { markOf } from '../kept-mark.ts';
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { keysValidAt } from '../key-list.ts';
import { memberAt, readJson } from '../places.ts';
import { isArray, type Json } from '../../identity/json-value.ts';
import type { KeyMaterial } from '../receiver.ts';
import type { CompiledScheme, Scheme } from '../scheme.ts';

const path = z.string().min(1).max(128);
const options = z.strictObject({
  /** Path of the list of items; without it the body is the only item. */
  items: path.optional(),
  /** Path of the token in an item. */
  token: path,
});
type Options = z.output<typeof options>;

const bytesMin = 8;
const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();

const itemsOf = (body: Json, { items }: Options): readonly Json[] | null => {
  if (items === undefined) return [body];
  const list = memberAt(body, items);
  return isArray(list) && list.length > 0 ? list : null;
};

/** The text as JSON may write it: other escapes of it are met by `replaceIn`. */
const replaceIn = (value: unknown, marks: ReadonlyMap<string, string>): unknown => {
  if (typeof value === 'string') return marks.get(value) ?? value;
  if (Array.isArray(value)) return value.map((one) => replaceIn(one, marks));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, replaceIn(one, marks)]),
  );
};

const holds = (value: Json | undefined, marks: ReadonlyMap<string, string>): boolean => {
  if (typeof value === 'string') return marks.has(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some((one) => holds(one, marks));
};

/** Replaces every token by its key's mark: in the text, so that the rest stays as it came. */
const replacer = (keys: readonly KeyMaterial[]) => {
  const marks = new Map(keys.map(({ id, text }) => [text, markOf(id)]));
  return (body: Buffer): Buffer => {
    let text = body.toString('utf8');
    for (const [token, mark] of marks)
      text = text.replaceAll(JSON.stringify(token), JSON.stringify(mark));
    const replaced = Buffer.from(text, 'utf8');
    const value = readJson(replaced);
    if (value === null) throw new TypeError('a body with tokens is JSON');
    return holds(value, marks)
      ? Buffer.from(JSON.stringify(replaceIn(value, marks)), 'utf8')
      : replaced;
  };
};

const compile = (
  given: Options,
  keys: readonly KeyMaterial[],
): CompiledScheme | Readonly<{ problem: string }> => {
  const short = keys.find(({ text }) => Buffer.byteLength(text) < bytesMin);
  if (short !== undefined) return { problem: `${short.id} is shorter than ${bytesMin} bytes` };
  const hashed = keys.map(({ text, ...key }) => ({ ...key, digest: digest(text) }));
  return {
    check: ({ body }, now) => {
      const value = readJson(body);
      if (value === null)
        return { kind: 'refused', code: 'body_malformed', reason: 'the body is no JSON' };
      const items = itemsOf(value, given);
      if (items === null)
        return { kind: 'refused', code: 'signature_missing', reason: 'no items with a token' };
      const valid = keysValidAt(hashed, now);
      let first: string | null = null;
      for (const item of items) {
        const token = memberAt(item, given.token);
        if (typeof token !== 'string')
          return { kind: 'refused', code: 'signature_missing', reason: 'an item has no token' };
        const presented = digest(token);
        const key = valid.find((one) => timingSafeEqual(one.digest, presented));
        if (key === undefined)
          return { kind: 'refused', code: 'signature_invalid', reason: 'no key fits an item' };
        first ??= key.id;
      }
      return {
        kind: 'proven',
        keyId: first ?? '',
        signature: null,
        signedId: null,
        signedTime: null,
        contents: null,
      };
    },
    secretHeaders: [],
    withoutSecret: replacer(keys),
    sign: null,
  };
};

/** Options: where items and their tokens stand. */
export const bodyToken: Scheme = {
  name: 'body-token',
  title: 'A token in every item of a JSON body; nothing of the message is signed',
  keys: 'route',
  options,
  compile: (given, { keys }) => compile(given as Options, keys),
};
