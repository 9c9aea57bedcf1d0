/** RSA over a template of the message, PKCS #1 v1.5 or PSS; keys of at least 2,048 bits. */
import { constants, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { templateShape } from '../message-template.ts';
import { readPublicKey } from '../public-key.ts';
import type { Scheme } from '../scheme.ts';
import { compileTemplateScheme, makeKeys } from '../template-scheme.ts';

const options = z.strictObject({
  ...templateShape,
  algorithm: z.enum(['sha256', 'sha384', 'sha512']).default('sha256'),
  padding: z.enum(['pkcs1', 'pss']).default('pkcs1'),
});
type Options = z.output<typeof options>;

const bitsMin = 2_048;

const paddings = {
  pkcs1: { padding: constants.RSA_PKCS1_PADDING },
  pss: {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  },
} as const;

const matcher =
  (key: KeyObject, { algorithm, padding }: Options) =>
  (message: Buffer, signatures: readonly Buffer[]): Buffer | null => {
    const fits = (one: Buffer): boolean =>
      verify(algorithm, message, { key, ...paddings[padding] }, one);
    return signatures.find(fits) ?? null;
  };

const keyOf = (text: string, given: Options) => {
  const key = readPublicKey(text);
  if (key?.asymmetricKeyType !== 'rsa')
    return { problem: 'is no public RSA key: give PEM or SPKI in base64' };
  return (key.asymmetricKeyDetails?.modulusLength ?? 0) < bitsMin
    ? { problem: `is shorter than ${bitsMin} bits` }
    : { match: matcher(key, given), sign: null };
};

/** Options: the template, hash and padding. It only verifies. */
export const rsa: Scheme = {
  name: 'rsa',
  title: 'RSA (PKCS #1 v1.5 or PSS) over a template of the message',
  keys: 'route',
  options,
  compile: (given, { keys }) => {
    const { algorithm, padding, ...template } = given as Options;
    return compileTemplateScheme(
      template,
      makeKeys(keys, (text) => keyOf(text, { algorithm, padding, ...template })),
    );
  },
};
