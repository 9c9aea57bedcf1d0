/**
 * The written form of keys and people's tokens: `spk_<environment>_<key id>_<secret>` (`spa_…` for
 * people). The secret is 32 random bytes; only the SHA-256 of the whole token is ever kept.
 */
import { hash } from 'node:crypto';
import { newKeyId, type KeyId, type Random } from '../ids.ts';

/** Whose token it is: a client's key or a person's. */
export type TokenKind = 'client' | 'person';

/** What a token says about itself; proves nothing. */
export type ParsedToken = Readonly<{ kind: TokenKind; environment: string; keyId: KeyId }>;

const prefixes: Readonly<Record<TokenKind, string>> = { client: 'spk', person: 'spa' };
const kinds: ReadonlyMap<string, TokenKind> = new Map([
  ['spk', 'client'],
  ['spa', 'person'],
]);

/** Longest token: prefix, 63 characters of environment, key id, secret, three underscores. */
export const tokenLengthMax = 3 + 63 + 10 + 43 + 3;

const environmentPattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;

// Key id and secret have fixed lengths at the end, so an environment may hold underscores. The last
// character of 32 bytes in base64url carries four bits: one spelling per secret.
const tokenPattern =
  /^(sp[ka])_([a-z0-9][a-z0-9_-]{0,62})_([0-9a-z]{10})_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** SHA-256 of a whole token (ASCII), 32 bytes: what the store keeps. */
export const hashToken = (token: string): Buffer => hash('sha256', token, 'buffer');

/**
 * Makes a new token. `token` is shown once and kept nowhere. `environment` is `[a-z0-9_-]{1,63}`;
 * anything else is a TypeError.
 */
export const issueToken = (options: {
  kind: TokenKind;
  environment: string;
  random: Random;
}): Readonly<{ id: KeyId; token: string; hash: Buffer }> => {
  if (!environmentPattern.test(options.environment)) {
    throw new TypeError('an environment is a short lower-case name');
  }
  const id = newKeyId(options.random);
  const secret = options.random(32).toString('base64url');
  const token = `${prefixes[options.kind]}_${options.environment}_${id}_${secret}`;
  return { id, token, hash: hashToken(token) };
};

/** Reads a token's parts, or null if it is not written exactly as `issueToken` writes. */
export const parseToken = (text: string): ParsedToken | null => {
  if (text.length > tokenLengthMax) return null;
  const match = tokenPattern.exec(text);
  const kind = match === null ? undefined : kinds.get(match[1] as string);
  if (match === null || kind === undefined) return null;
  return { kind, environment: match[2] as string, keyId: match[3] as KeyId };
};
