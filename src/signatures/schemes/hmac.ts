/** HMAC over a template of the message: most senders. */
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { templateShape } from '../message-template.ts';
import type { KeyMaterial } from '../receiver.ts';
import type { Scheme } from '../scheme.ts';
import { compileTemplateScheme, makeKeys } from '../template-scheme.ts';

const options = z.strictObject({
  ...templateShape,
  algorithm: z.enum(['sha1', 'sha256', 'sha512']).default('sha256'),
  /** How the key is written: the text itself, base64 of it, or base64 behind `whsec_`. */
  key: z.enum(['utf8', 'base64', 'whsec']).default('utf8'),
});
type Options = z.output<typeof options>;

const bytesMin = 8;
const base64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

type Material = Readonly<{ bytes: Buffer }> | Readonly<{ problem: string }>;

const keyForms: Readonly<Record<Options['key'], (text: string) => Material>> = {
  utf8: (text) => ({ bytes: Buffer.from(text, 'utf8') }),
  base64: (text) =>
    base64.test(text) ? { bytes: Buffer.from(text, 'base64') } : { problem: 'is not base64' },
  whsec: (text) => {
    const encoded = text.replace(/^whsec_/, '');
    if (!base64.test(encoded)) return { problem: 'is not whsec_ and base64' };
    const bytes = Buffer.from(encoded, 'base64');
    // Standard Webhooks: between 24 and 64 bytes.
    return bytes.length < 24 || bytes.length > 64
      ? { problem: 'has to be 24 to 64 bytes, in base64' }
      : { bytes };
  },
};

const keyOf = (text: string, { algorithm, key }: Options) => {
  const material = keyForms[key](text);
  if ('problem' in material) return material;
  const { bytes } = material;
  if (bytes.length < bytesMin) return { problem: `is shorter than ${bytesMin} bytes` };
  // A key object once: made of bytes for each message it costs four times the hash.
  const secret = createSecretKey(bytes);
  const sign = (message: Buffer): Buffer => createHmac(algorithm, secret).update(message).digest();
  const match = (message: Buffer, signatures: readonly Buffer[]): Buffer | null => {
    const mac = sign(message);
    return signatures.find((one) => one.length === mac.length && timingSafeEqual(one, mac)) ?? null;
  };
  return { match, sign };
};

/** The scheme, for schemes made of it. */
export const compileHmac = (given: Options, keys: readonly KeyMaterial[]) => {
  const { algorithm: _algorithm, key: _key, ...template } = given;
  return compileTemplateScheme(
    template,
    makeKeys(keys, (text) => keyOf(text, given)),
  );
};

/** Options: the template, algorithm and form of the key. Keys shorter than 8 bytes are refused. */
export const hmac: Scheme = {
  name: 'hmac',
  title: 'HMAC with SHA-1, SHA-256 or SHA-512 over a template of the message',
  keys: 'route',
  options,
  compile: (given, { keys }) => compileHmac(given as Options, keys),
};
