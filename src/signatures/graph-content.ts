/**
 * Encrypted contents of Microsoft Graph's rich notifications: a data key under the subscriber's
 * certificate, a MAC over the cipher, then AES. The MAC is checked first and in constant time; what
 * does not fit it is never decrypted, and all failures look alike.
 */
import {
  constants,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  privateDecrypt,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import { isObject, type Json, type JsonObject } from '../identity/json-value.ts';
import { readObject } from './read-object.ts';

/** A private key of a certificate that a subscription was made with. */
export type ContentKey = Readonly<{
  id: string;
  key: KeyObject;
  notBefore: number;
  until: number;
}>;

const dataKeyBytes = 32;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Reads a private RSA key, PEM, at least 2048 bits; null for any other. */
export const readContentKey = (text: string): KeyObject | null => {
  try {
    const key = createPrivateKey(text);
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    return key.asymmetricKeyType === 'rsa' && bits >= 2_048 && bits <= 8_192 ? key : null;
  } catch {
    return null;
  }
};

const bytesOf = (value: Json | undefined): Buffer | null =>
  typeof value === 'string' && base64.test(value) ? Buffer.from(value, 'base64') : null;

const openDataKey = (sealed: Buffer, key: KeyObject): Buffer | null => {
  try {
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    const opened = privateDecrypt({ key, padding, oaepHash: 'sha1' }, sealed);
    return opened.length === dataKeyBytes ? opened : null;
  } catch {
    return null;
  }
};

const decrypt = (data: Buffer, key: Buffer): Buffer | null => {
  try {
    const cipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16));
    return Buffer.concat([cipher.update(data), cipher.final()]);
  } catch {
    return null;
  }
};

const openWith = (
  { data, sealed, mac }: Readonly<{ data: Buffer; sealed: Buffer; mac: Buffer }>,
  { key }: ContentKey,
): JsonObject | null => {
  const dataKey = openDataKey(sealed, key);
  if (dataKey === null) return null;
  const made = createHmac('sha256', dataKey).update(data).digest();
  if (made.length !== mac.length || !timingSafeEqual(made, mac)) return null;
  const plain = decrypt(data, dataKey);
  return plain === null || !isUtf8(plain) ? null : readObject(plain, plain.length);
};

/**
 * Opens `encryptedContent` of an item. The key whose id is `encryptionCertificateId`, else each of
 * them: a certificate that was replaced still opens what was under way. Null where none fits.
 */
export const openContent = (
  content: Json | undefined,
  keys: readonly ContentKey[],
): Readonly<{ value: JsonObject; keyId: string }> | null => {
  if (!isObject(content)) return null;
  const data = bytesOf(content['data']);
  const sealed = bytesOf(content['dataKey']);
  const mac = bytesOf(content['dataSignature']);
  if (data === null || sealed === null || mac === null) return null;
  const named = keys.filter(({ id }) => id === content['encryptionCertificateId']);
  for (const key of named.length > 0 ? named : keys) {
    const value = openWith({ data, sealed, mac }, key);
    if (value !== null) return { value, keyId: key.id };
  }
  return null;
};
