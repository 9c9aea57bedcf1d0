/**
 * Sealing at rest: AES-256-GCM under a key ring. The first key writes, all of them read. A sealed
 * value carries its key's id, so rotation needs no rewriting. Nobody else touches the raw keys.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  type KeyObject,
} from 'node:crypto';
import type { Random } from './ids.ts';

declare const brand: unique symbol;
/** Layout: version 1 · key id (4 bytes) · nonce (12) · ciphertext · tag (16). */
export type Sealed = Buffer & { readonly [brand]: 'Sealed' };

/** Seals and opens; `context` is authenticated and must be the same on both sides. */
export type KeyRing = Readonly<{
  seal(plain: Buffer, context: string): Sealed;
  /** Null if no key of the ring made it, or if a byte or the context was changed. */
  open(sealed: Buffer, context: string): Buffer | null;
  /** Keyed hash (32 bytes) for look-ups of personal values; stable under the oldest key of the ring. */
  fingerprint(value: string): Buffer;
  /** Id of the writing key, 8 hex digits. */
  keyId: string;
}>;

const version = 1;
const headLength = 5;
const nonceLength = 12;
const tagLength = 16;

/** Raw keys of 32 bytes, newest first; at least one. */
export const makeKeyRing = (rawKeys: readonly Buffer[], random: Random): KeyRing => {
  const keys = rawKeys.map((raw) => {
    if (raw.length !== 32) throw new TypeError('an encryption key has 32 bytes');
    const id = createHash('sha256').update('sallyport key id').update(raw).digest().subarray(0, 4);
    return { id, hex: id.toString('hex'), key: createSecretKey(raw) };
  });
  const writing = keys[0];
  const oldest = keys.at(-1);
  if (writing === undefined || oldest === undefined) throw new TypeError('a key ring needs a key');
  const byId = new Map<string, KeyObject>(keys.map(({ hex, key }) => [hex, key]));
  const macKey = createSecretKey(
    createHmac('sha256', oldest.key).update('sallyport fingerprint').digest(),
  );
  return Object.freeze({
    keyId: writing.hex,
    seal: (plain: Buffer, context: string): Sealed => {
      const nonce = random(nonceLength);
      const cipher = createCipheriv('aes-256-gcm', writing.key, nonce);
      cipher.setAAD(Buffer.from(context, 'utf8'));
      const body = cipher.update(plain);
      cipher.final();
      const head = Buffer.allocUnsafe(headLength);
      head[0] = version;
      writing.id.copy(head, 1);
      return Buffer.concat([head, nonce, body, cipher.getAuthTag()]) as Sealed;
    },
    open: (sealed: Buffer, context: string): Buffer | null => {
      if (sealed.length < headLength + nonceLength + tagLength || sealed[0] !== version)
        return null;
      const key = byId.get(sealed.toString('hex', 1, headLength));
      if (key === undefined) return null;
      const bodyAt = headLength + nonceLength;
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(headLength, bodyAt));
      decipher.setAAD(Buffer.from(context, 'utf8'));
      decipher.setAuthTag(sealed.subarray(-tagLength));
      const body = decipher.update(sealed.subarray(bodyAt, -tagLength));
      try {
        decipher.final();
      } catch {
        return null;
      }
      return body;
    },
    fingerprint: (value: string): Buffer =>
      createHmac('sha256', macKey).update(value, 'utf8').digest(),
  });
};
