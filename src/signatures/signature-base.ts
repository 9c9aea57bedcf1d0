/**
 * The signature base of HTTP message signatures (RFC 9421 §2.5): which components of a message a
 * signature covers, and the text that is signed for them. Components with parameters (`sf`, `key`,
 * `bs`, `req`, `tr`) are not understood, so a signature that has them proves nothing here.
 */
import { createHash } from 'node:crypto';
import { parseDictionary, serializeInnerList, type InnerList } from 'structured-headers';
import type { Received } from './receiver.ts';

/** What components are read from. */
export type SignedMessage = Pick<Received, 'method' | 'url' | 'headers'>;

const componentsMax = 64;
const fieldName = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/;

const authorityOf = (url: URL): string => url.host.toLowerCase();
/** As it was sent: what stands behind the authority, without a fragment. */
const targetOf = (url: string): string => {
  const start = url.indexOf('/', url.indexOf('://') + 3);
  const rest = start < 0 ? '/' : url.slice(start);
  return rest.split('#', 1)[0] as string;
};
const pathOf = (url: string): string => targetOf(url).split('?', 1)[0] as string;
const queryOf = (url: string): string => {
  const target = targetOf(url);
  const at = target.indexOf('?');
  return at < 0 ? '?' : target.slice(at);
};

/** RFC 9421 §2.2. */
const derived: Readonly<Record<string, (message: SignedMessage, url: URL) => string>> = {
  '@method': ({ method }) => method,
  '@target-uri': ({ url }) => url,
  '@authority': (_message, url) => authorityOf(url),
  '@scheme': (_message, url) => url.protocol.slice(0, -1),
  '@request-target': ({ url }) => targetOf(url),
  '@path': ({ url }) => pathOf(url),
  '@query': ({ url }) => queryOf(url),
};

/** Components that say what others say too. */
const implied: Readonly<Record<string, readonly string[]>> = {
  '@target-uri': ['@scheme', '@authority', '@path', '@query', '@request-target'],
  '@request-target': ['@path', '@query'],
};

/** Names of the covered components, or null where one is twice there or is not understood. */
export const componentNames = ([items]: InnerList): readonly string[] | null => {
  if (items.length > componentsMax) return null;
  const names: string[] = [];
  for (const [name, parameters] of items) {
    if (typeof name !== 'string' || parameters.size > 0 || names.includes(name)) return null;
    if (!Object.hasOwn(derived, name) && !fieldName.test(name)) return null;
    names.push(name);
  }
  return names;
};

/** Whether a component is covered, by itself or within another. */
export const covers = (names: readonly string[], component: string): boolean =>
  names.includes(component) ||
  names.some((name) => Object.hasOwn(implied, name) && implied[name]?.includes(component) === true);

/** The text that is signed, or null where a covered component is not there. */
export const signatureBase = (
  message: SignedMessage,
  names: readonly string[],
  list: InnerList,
): string | null => {
  const url = URL.parse(message.url);
  if (url === null) return null;
  const lines: string[] = [];
  for (const name of names) {
    const value = Object.hasOwn(derived, name)
      ? derived[name]?.(message, url)
      : Object.hasOwn(message.headers, name)
        ? message.headers[name]?.trim()
        : undefined;
    if (value === undefined || /[\r\n]/.test(value)) return null;
    lines.push(`"${name}": ${value}\n`);
  }
  return `${lines.join('')}"@signature-params": ${serializeInnerList(list)}`;
};

/** RFC 9530 §2; only digests that nobody can find a second body for. */
const digests: Readonly<Record<string, string>> = { 'sha-256': 'sha256', 'sha-512': 'sha512' };

/** Whether `Content-Digest` is that of these bytes: one known digest at least, and each of them right. */
export const digestFits = (header: string | undefined, body: Buffer): boolean => {
  if (header === undefined || header.length > 1_024) return false;
  try {
    const known = [...parseDictionary(header)].filter(([name]) => Object.hasOwn(digests, name));
    return (
      known.length > 0 &&
      known.every(([name, [value]]) => {
        if (!(value instanceof ArrayBuffer)) return false;
        return createHash(digests[name] as string)
          .update(body)
          .digest()
          .equals(Buffer.from(value));
      })
    );
  } catch {
    return false;
  }
};

/** `Content-Digest` of these bytes, SHA-256. */
export const contentDigest = (body: Buffer): string =>
  `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
