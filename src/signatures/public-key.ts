/** Public keys as people paste them: PEM, or SPKI in base64. */
import { createPublicKey, type KeyObject } from 'node:crypto';

/** The key, or null where the text is none. A private key is none: it has no business here. */
export const readPublicKey = (text: string): KeyObject | null => {
  try {
    if (/^\s*-----BEGIN PUBLIC KEY-----/.test(text)) return createPublicKey(text);
    if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text)) return null;
    return createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
  } catch {
    return null;
  }
};
