/**
 * A secret that is presented as it is, in a header. Both sides are hashed before they are compared,
 * so neither content nor length can be timed. Nothing of the message is signed.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { keysValidAt } from '../key-list.ts';
import { headerName } from '../places.ts';
import type { KeyMaterial } from '../receiver.ts';
import type { CompiledScheme, Scheme } from '../scheme.ts';

const options = z.strictObject({
  header: headerName.default('authorization'),
  /**
   * plain: the header is the secret, with or without `Bearer ` before it; bearer: `Bearer ` must be
   * there; basic: HTTP Basic, and the secret is `user:password`.
   */
  form: z.enum(['plain', 'bearer', 'basic']).default('plain'),
});
type Options = z.output<typeof options>;

/** For senders whose header a person chooses. */
export const staticSettings = z.strictObject({
  header: headerName.optional(),
  form: z.enum(['plain', 'bearer', 'basic']).optional(),
});

const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();

/** What a header may present, by form. */
const presentedAs: Readonly<Record<Options['form'], (value: string) => readonly string[]>> = {
  plain: (value) => {
    const bearer = /^bearer +(.+)$/i.exec(value)?.[1];
    return bearer === undefined ? [value] : [value, bearer];
  },
  bearer: (value) => {
    const bearer = /^bearer +(.+)$/i.exec(value)?.[1];
    return bearer === undefined ? [] : [bearer];
  },
  basic: (value) => {
    const encoded = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(value)?.[1];
    return encoded === undefined ? [] : [Buffer.from(encoded, 'base64').toString('utf8')];
  },
};

const bytesMin = 8;

const compile = (
  { header, form }: Options,
  given: readonly KeyMaterial[],
): CompiledScheme | Readonly<{ problem: string }> => {
  for (const { id, text } of given) {
    if (Buffer.byteLength(text) < bytesMin)
      return { problem: `${id} is shorter than ${bytesMin} bytes` };
    if (form === 'basic' && !/^[^:]+:.+$/s.test(text))
      return { problem: `${id} has to be user:password` };
  }
  const keys = given.map(({ text, ...key }) => ({ ...key, digest: digest(text) }));
  return {
    check: ({ headers }, now) => {
      const value = headers[header]?.trim() ?? '';
      if (value === '')
        return { kind: 'refused', code: 'signature_missing', reason: `no ${header}` };
      const presented = presentedAs[form](value).map(digest);
      const match = keysValidAt(keys, now).find((key) =>
        presented.some((one) => timingSafeEqual(one, key.digest)),
      );
      if (match === undefined)
        return { kind: 'refused', code: 'signature_invalid', reason: 'no key fits' };
      return {
        kind: 'proven',
        keyId: match.id,
        signature: null,
        signedId: null,
        signedTime: null,
        contents: null,
      };
    },
    secretHeaders: [header],
    withoutSecret: null,
    sign: null,
  };
};

/** Options: the header, and whether `Bearer` or Basic stands in it. */
export const staticSecret: Scheme = {
  name: 'static',
  title: 'A secret in a header, as it is or as Bearer or Basic; nothing of the message is signed',
  keys: 'route',
  options,
  compile: (given, { keys }) => compile(given as Options, keys),
};
