/**
 * Public keys as they are published or given: JWKS, JWK, PEM, certificates. A key says which algorithms
 * it can have made a signature with, so that no message chooses. Private and symmetric parts of a
 * published key are not looked at.
 */
import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { isArray, isObject, type Json, type JsonObject } from '../identity/json-value.ts';
import { readObject } from './read-object.ts';

/** A key with the JWS algorithms it is for (RFC 7518 §3.1, RFC 8037, RFC 9864). */
export type PublicKey = Readonly<{
  /** `kid`, or where it stood: `jwks[2]`. */
  id: string;
  kid: string | null;
  key: KeyObject;
  algorithms: readonly string[];
}>;

const rsaBitsMin = 2_048;
const rsaBitsMax = 8_192;
const keysMax = 64;
const jwksBytesMax = 262_144;

/** What a `kid` is written in; it is compared and shown, and means nothing else. */
const kidPattern = /^[A-Za-z0-9._~=+/:@-]{1,256}$/;

/** Whether a text can be the name of a key. */
export const isKid = (value: unknown): value is string =>
  typeof value === 'string' && kidPattern.test(value);

const rsaAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const curveAlgorithms: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
};

/** Algorithms of a key by what it is; none where it is too short, too long or of another kind. */
export const algorithmsOf = (key: KeyObject): readonly string[] => {
  if (key.asymmetricKeyType === 'ed25519') return ['EdDSA', 'Ed25519'];
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') {
    return modulusLength >= rsaBitsMin && modulusLength <= rsaBitsMax ? rsaAlgorithms : [];
  }
  if (key.asymmetricKeyType !== 'ec') return [];
  return Object.hasOwn(curveAlgorithms, namedCurve) ? (curveAlgorithms[namedCurve] ?? []) : [];
};

/** The public members of each kind of key; what else stands in a JWK is left behind. */
const members: Readonly<Record<string, readonly string[]>> = {
  RSA: ['n', 'e'],
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
};

const importJwk = (jwk: JsonObject): KeyObject | null => {
  const { kty } = jwk;
  const names = typeof kty === 'string' && Object.hasOwn(members, kty) ? members[kty] : undefined;
  if (names === undefined) return null;
  const given: Record<string, string> = { kty: kty as string };
  for (const name of names) {
    const value = jwk[name];
    if (typeof value !== 'string' || value.length > 2_048) return null;
    given[name] = value;
  }
  try {
    return createPublicKey({ key: given, format: 'jwk' });
  } catch {
    return null;
  }
};

/** A JWK that may verify signatures, or null. */
const readJwk = (jwk: Json | undefined, place: string): PublicKey | null => {
  if (!isObject(jwk)) return null;
  const { use, key_ops: operations, alg, kid } = jwk;
  if (use !== undefined && use !== 'sig') return null;
  if (operations !== undefined && !(isArray(operations) && operations.includes('verify'))) {
    return null;
  }
  const key = importJwk(jwk);
  if (key === null) return null;
  const possible = algorithmsOf(key);
  const algorithms = alg === undefined ? possible : possible.filter((one) => one === alg);
  if (algorithms.length === 0) return null;
  return isKid(kid) ? { id: kid, kid, key, algorithms } : { id: place, kid: null, key, algorithms };
};

/** Keys of a JWKS (RFC 7517 §5), at most 64, those left out that cannot verify; null where it is none. */
export const readJwks = (text: string): readonly PublicKey[] | null => {
  const keys = readObject(Buffer.from(text, 'utf8'), jwksBytesMax)?.['keys'];
  if (!isArray(keys)) return null;
  return keys
    .slice(0, keysMax)
    .map((jwk, index) => readJwk(jwk, `jwks[${index}]`))
    .filter((key) => key !== null);
};

/** Whether a text is a key with a public half, or claims to be: never to be taken for a secret. */
export const isKeyText = (text: string): boolean => /^\s*(?:-----BEGIN |\{)/.test(text);

const readPem = (text: string): KeyObject | null => {
  try {
    return /^\s*-----BEGIN CERTIFICATE-----/.test(text)
      ? new X509Certificate(text).publicKey
      : createPublicKey(text);
  } catch {
    return null;
  }
};

/** Public keys out of a route's key: PEM (SPKI, certificate), JWK or JWKS; none where it is no such. */
export const readPublicKeys = (id: string, text: string): readonly PublicKey[] => {
  if (text.trimStart().startsWith('{')) {
    const jwk = readObject(Buffer.from(text, 'utf8'), jwksBytesMax);
    if (jwk === null) return [];
    const found = 'keys' in jwk ? (readJwks(text) ?? []) : [readJwk(jwk, id)];
    return found.filter((key) => key !== null).map((key) => ({ ...key, id }));
  }
  const key = readPem(text);
  const algorithms = key === null ? [] : algorithmsOf(key);
  return key === null || algorithms.length === 0 ? [] : [{ id, kid: null, key, algorithms }];
};

/**
 * A public key as people paste it for signatures over templates: PEM, or SPKI in base64. Null where the
 * text is none. A private key is none: it has no business here.
 */
export const readPublicKey = (text: string): KeyObject | null => {
  try {
    if (/^\s*-----BEGIN PUBLIC KEY-----/.test(text)) return createPublicKey(text);
    if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text)) return null;
    return createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
  } catch {
    return null;
  }
};
