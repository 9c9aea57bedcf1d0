/**
 * `email`: one plain address. The domain becomes lower-case ASCII (IDNA), the local part stays as it
 * is: its case, `+tag` and dots belong to its mail system, and stripping them would merge people.
 */
import { textRule } from './normaliser.ts';
import type { Outcome } from './normaliser.ts';

/** RFC 5321 §4.5.3.1: 64 octets of local part, 254 of address; counted in characters. */
const localLengthMax = 64;
const addressLengthMax = 254;

/** No white space, control or format characters, quotes or specials; non-ASCII letters may stand (RFC 6531). */
const localPattern = /^[^\s\p{C}@<>()[\]\\,;:"]+$/u;
const asciiDomain = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;
const unicodeDomain = /^[\p{L}\p{M}\p{N}.\u3002\uff0e\uff61-]+$/u;

/** The domain as lower-case ASCII, or null. */
const domainOf = (written: string): string | null => {
  const lower = written.toLowerCase();
  if (asciiDomain.test(lower)) return lower;
  if (!unicodeDomain.test(written) || !/[^\u0000-\u007f]/.test(written)) return null;
  try {
    const { hostname } = new URL(`http://${written}`);
    return asciiDomain.test(hostname) ? hostname : null;
  } catch {
    return null;
  }
};

const address = (text: string): Outcome => {
  const trimmed = text.trim();
  if (trimmed.length > addressLengthMax) return { problem: 'is too long for an e-mail address' };
  const at = trimmed.indexOf('@');
  if (at < 1 || at !== trimmed.lastIndexOf('@')) return { problem: 'needs exactly one @' };
  const local = trimmed.slice(0, at);
  if (local.length > localLengthMax || !localPattern.test(local)) {
    return { problem: 'must be a bare address, without a display name or quotes' };
  }
  const domain = domainOf(trimmed.slice(at + 1));
  return domain === null ? { problem: 'has no valid domain' } : { value: `${local}@${domain}` };
};

export const email = textRule({
  name: 'email',
  title: 'a bare e-mail address, its domain in lower-case ASCII',
  make: () => address,
});
