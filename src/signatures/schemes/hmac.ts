/** HMAC over a template of the message: most senders. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { keysValidAt } from '../key-list.ts';
import { compileTemplate, templateShape } from '../message-template.ts';
import type { KeyMaterial } from '../receiver.ts';
import type { CompiledScheme, Scheme } from '../scheme.ts';

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

type HmacKey = Pick<KeyMaterial, 'id' | 'notBefore' | 'until'> & Readonly<{ bytes: Buffer }>;

const keysOf = (
  keys: readonly KeyMaterial[],
  form: Options['key'],
): readonly HmacKey[] | Readonly<{ problem: string }> => {
  const made: HmacKey[] = [];
  for (const { id, text, notBefore, until } of keys) {
    const material = keyForms[form](text);
    if ('problem' in material) return { problem: `${id} ${material.problem}` };
    if (material.bytes.length < bytesMin)
      return { problem: `${id} is shorter than ${bytesMin} bytes` };
    made.push({ id, notBefore, until, bytes: material.bytes });
  }
  return made;
};

const compile = (
  { algorithm, key, ...template }: Options,
  given: readonly KeyMaterial[],
): CompiledScheme | Readonly<{ problem: string }> => {
  const compiled = compileTemplate(template);
  if ('problem' in compiled) return compiled;
  const keys = keysOf(given, key);
  if ('problem' in keys) return keys;
  const macOf = (bytes: Buffer, message: readonly Buffer[]): Buffer => {
    const hmac = createHmac(algorithm, bytes);
    for (const piece of message) hmac.update(piece);
    return hmac.digest();
  };
  const { print } = compiled;
  const [first] = keys;
  return {
    check: (received, now) => {
      const read = compiled.read(received);
      if (read.kind === 'refused') return read;
      const valid = keysValidAt(keys, now);
      for (const { time, signatures, messages } of read.groups)
        for (const { id: keyId, bytes } of valid)
          for (const message of messages) {
            const mac = macOf(bytes, message);
            const match = signatures.find(
              (one) => one.length === mac.length && timingSafeEqual(one, mac),
            );
            if (match === undefined) continue;
            return {
              kind: 'proven',
              keyId,
              signature: match,
              signedId: read.id,
              signedTime: time,
              contents: null,
            };
          }
      return { kind: 'refused', code: 'signature_invalid', reason: 'no key fits' };
    },
    secretHeaders: [],
    readHeaders: () => compiled.headers,
    withoutSecret: null,
    sign:
      print === null || first === undefined
        ? null
        : (message) => print(message, (pieces) => macOf(first.bytes, pieces)),
  };
};

/** Options: the template, algorithm and form of the key. Keys shorter than 8 bytes are refused. */
export const hmac: Scheme = {
  name: 'hmac',
  title: 'HMAC with SHA-1, SHA-256 or SHA-512 over a template of the message',
  keys: 'route',
  options,
  compile: (given, { keys }) => compile(given as Options, keys),
};
