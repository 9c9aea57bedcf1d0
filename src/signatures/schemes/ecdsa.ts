/**
 * ECDSA with P-256 and SHA-256 over a template of the message, signatures as DER. Numbers out of range
 * are refused before anything is computed (a library once took r = s = 0), and of the two signatures
 * that hold for every message (s, n - s) the smaller s stands for both, so that neither is a new one.
 */
import { verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { templateShape, type TemplateOptions } from '../message-template.ts';
import { readPublicKey } from '../public-key.ts';
import type { Scheme } from '../scheme.ts';
import { compileTemplateScheme, makeKeys } from '../template-scheme.ts';

const options = z.strictObject(templateShape);

/** Order of the curve's group (SEC 2, secp256r1). */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const numberAt = (der: Buffer, at: number): Readonly<{ value: bigint; end: number }> | null => {
  const length = der[at + 1];
  if (der[at] !== 0x02 || length === undefined || length < 1 || length > 33) return null;
  const bytes = der.subarray(at + 2, at + 2 + length);
  const [first = 0x80, second = 0] = bytes;
  const padded = first === 0 && length > 1 && second < 0x80;
  if (bytes.length !== length || first >= 0x80 || padded) return null;
  return { value: BigInt(`0x${bytes.toString('hex')}`), end: at + 2 + length };
};

const inRange = (value: bigint): boolean => value > 0n && value < order;
const fixed = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');

/** r and s of a DER signature, 32 bytes each; null where it is none, or out of range. */
const readSignature = (der: Buffer): Readonly<{ raw: Buffer; canonical: Buffer }> | null => {
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  const r = numberAt(der, 2);
  const s = r === null ? null : numberAt(der, r.end);
  if (r === null || s === null || s.end !== der.length) return null;
  if (!inRange(r.value) || !inRange(s.value)) return null;
  const low = s.value > order / 2n ? order - s.value : s.value;
  return {
    raw: Buffer.concat([fixed(r.value), fixed(s.value)]),
    canonical: Buffer.concat([fixed(r.value), fixed(low)]),
  };
};

const matcher =
  (key: KeyObject) =>
  (message: Buffer, signatures: readonly Buffer[]): Buffer | null => {
    for (const der of signatures) {
      const signature = readSignature(der);
      if (signature === null) continue;
      if (verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature.raw))
        return signature.canonical;
    }
    return null;
  };

const keyOf = (text: string) => {
  const key = readPublicKey(text);
  return key?.asymmetricKeyDetails?.namedCurve === 'prime256v1'
    ? { match: matcher(key), sign: null }
    : { problem: 'is no public key on P-256: give PEM or SPKI in base64' };
};

/** Options: the template. It only verifies. */
export const ecdsa: Scheme = {
  name: 'ecdsa',
  title: 'ECDSA with P-256 and SHA-256 over a template of the message',
  keys: 'route',
  options,
  compile: (given, { keys }) =>
    compileTemplateScheme(given as TemplateOptions, makeKeys(keys, keyOf)),
};
