/**
 * Ed25519 over a template of the message. Keys in every form senders give them: hex (Discord), `whpk_`
 * and `whsk_` of Standard Webhooks (the secret one as seed with public key, or as seed alone), PEM, SPKI.
 */
import {
  createPrivateKey,
  createPublicKey,
  sign as signWith,
  verify,
  type KeyObject,
} from 'node:crypto';
import { z } from 'zod';
import { readPublicKey } from '../public-key.ts';
import { templateShape, type TemplateOptions } from '../message-template.ts';
import type { KeyMaterial } from '../receiver.ts';
import type { Scheme } from '../scheme.ts';
import { compileTemplateScheme, makeKeys } from '../template-scheme.ts';

const options = z.strictObject(templateShape);

type Pair = Readonly<{ open: KeyObject; secret: KeyObject | null }>;
type MaybePair = Pair | Readonly<{ problem: string }>;

const base64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
const signatureLength = 64;
/** PKCS #8 of a seed (RFC 8410), without the seed. */
const seedPrefix = Buffer.from('302e020100300506032b657004220420', 'hex');

const publicOf = (bytes: Buffer): MaybePair => {
  if (bytes.length !== 32) return { problem: 'is no Ed25519 key: it has to be 32 bytes' };
  if (bytes.every((one) => one === bytes[0])) return { problem: 'is a placeholder' };
  const key = { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') };
  return { open: createPublicKey({ key, format: 'jwk' }), secret: null };
};

/** The seed alone, or with the public key behind it, which then has to be its own. */
const secretOf = (bytes: Buffer): MaybePair => {
  if (bytes.length !== 32 && bytes.length !== 64)
    return {
      problem: 'is no whsk_ key: it has to be a seed of 32 bytes, or 64 with its public key',
    };
  const seed = bytes.subarray(0, 32);
  const secret = createPrivateKey({
    key: Buffer.concat([seedPrefix, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const open = createPublicKey(secret);
  const own = Buffer.from(open.export({ format: 'jwk' }).x ?? '', 'base64url');
  return bytes.length === 64 && !own.equals(bytes.subarray(32))
    ? { problem: 'is no whsk_ key: its public half belongs to another' }
    : { open, secret };
};

const pairOf = (text: string): MaybePair => {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return publicOf(Buffer.from(text, 'hex'));
  const prefixed = /^(whpk|whsk)_(.*)$/s.exec(text);
  if (prefixed !== null) {
    const [, kind, encoded] = prefixed as unknown as [string, 'whpk' | 'whsk', string];
    if (!base64.test(encoded)) return { problem: `is not ${kind}_ and base64` };
    const bytes = Buffer.from(encoded, 'base64');
    return kind === 'whpk' ? publicOf(bytes) : secretOf(bytes);
  }
  const key = readPublicKey(text);
  return key?.asymmetricKeyType === 'ed25519'
    ? { open: key, secret: null }
    : { problem: 'is no Ed25519 key: give hex, whpk_…, PEM or SPKI in base64' };
};

const keyOf = (text: string) => {
  const pair = pairOf(text);
  if ('problem' in pair) return pair;
  const { open, secret } = pair;
  return {
    match: (message: Buffer, signatures: readonly Buffer[]): Buffer | null => {
      const fits = (one: Buffer): boolean =>
        one.length === signatureLength && verify(null, message, open, one);
      return signatures.find(fits) ?? null;
    },
    sign: secret === null ? null : (message: Buffer): Buffer => signWith(null, message, secret),
  };
};

/** The scheme, for schemes made of it. */
export const compileEd25519 = (given: TemplateOptions, keys: readonly KeyMaterial[]) =>
  compileTemplateScheme(given, makeKeys(keys, keyOf));

/** Options: the template. */
export const ed25519: Scheme = {
  name: 'ed25519',
  title: 'Ed25519 over a template of the message',
  keys: 'route',
  options,
  compile: (given, { keys }) => compileEd25519(given as TemplateOptions, keys),
};
