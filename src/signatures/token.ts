/**
 * Signed tokens (JWS compact, RFC 7515) and what they claim (RFC 7519), for all schemes that carry one.
 * The algorithm comes from a list of ours and from the key, never from the token alone; `jku`, `x5u`,
 * `jwk` and `x5c` are not read; any `crit` is refused, for we understand none. Reasons are a table,
 * since some senders want to be told which it was.
 */
import { compactVerify } from 'jose';
import { isArray, isObject, type Json, type JsonObject } from '../identity/json-value.ts';
import { isKid, type PublicKey } from './public-keys.ts';
import { readObject } from './read-object.ts';
import type { Unverified } from './receiver.ts';

/** Asymmetric algorithms that a route may take. */
export const publicAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

/** Why a token is refused; for the trace, and for senders that ask (RFC 8935 §2.4). */
export const tokenReasons = {
  shape: 'the token is no signed token in compact form',
  crit: 'the token asks for extensions that are not understood',
  algorithm: 'the token is signed by an algorithm that is not allowed here',
  type: 'the token is of another type',
  kid: 'the token names its key in an unusual way',
  key: 'no key fits the token',
  signature: 'the token is not signed by any of the keys',
  claims: 'the token does not hold a JSON object',
  issuer: 'the token is from another issuer',
  audience: 'the token is meant for somebody else',
  party: 'the token was given to another application',
  expired: 'the token is expired',
  endless: 'the token has no end',
  early: 'the token is not valid yet',
  claim: 'a claim has another value than it must have',
} as const;

/** What a token must be. Lists are never empty; null = whatever it says. */
export type TokenRules = Readonly<{
  algorithms: readonly string[];
  /** Lower-case, without `application/` (RFC 7515 §4.1.9). */
  types: readonly string[] | null;
  issuers: readonly string[] | null;
  audiences: readonly string[] | null;
  /** `azp` and `appid`: at least one is there, and each that is there is listed. */
  parties: readonly string[] | null;
  /** Claims with their allowed values. */
  claims: readonly (readonly [string, readonly Json[]])[];
  expiry: 'required' | 'optional';
  /** How far clocks may differ, ms. */
  leewayMs: number;
}>;

/** A token whose parts are read and nothing more. */
export type ReadToken = Readonly<{
  text: string;
  algorithm: string;
  kid: string | null;
}>;

/** A token that holds. */
export type HeldToken = Readonly<{
  keyId: string;
  signature: Buffer;
  claims: JsonObject;
  /** Bytes of the claims as they were signed. */
  payload: Buffer;
}>;

/** A secret for HMAC, only ever used where the rules list HS256. */
export type SecretKey = Readonly<{
  id: string;
  kid: null;
  key: Uint8Array;
  algorithms: readonly string[];
}>;

type Reason = keyof typeof tokenReasons;
type Refused = Extract<Unverified, { kind: 'refused' }>;

const compactPattern = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;
const headerBytesMax = 8_192;
/** Keys that are tried on one token. */
const triesMax = 16;
const clockReasons: ReadonlySet<Reason> = new Set(['expired', 'early']);

/** The refusal for a reason of the table. */
export const refuseToken = (reason: Reason): Refused => ({
  kind: 'refused',
  code: clockReasons.has(reason) ? 'timestamp_stale' : 'signature_invalid',
  reason: tokenReasons[reason],
});

const shortType = (typ: Json | undefined): string | null =>
  typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : null;

/** Reads the header and judges what needs no key. */
export const readToken = (
  text: string,
  { algorithms, types }: Pick<TokenRules, 'algorithms' | 'types'>,
): ReadToken | Refused => {
  const [, head] = compactPattern.exec(text) ?? [];
  const header =
    head === undefined ? null : readObject(Buffer.from(head, 'base64url'), headerBytesMax);
  if (header === null) return refuseToken('shape');
  const { alg, kid, crit, typ } = header;
  if (crit !== undefined) return refuseToken('crit');
  if (typeof alg !== 'string' || !algorithms.includes(alg)) return refuseToken('algorithm');
  const type = shortType(typ);
  if (types !== null && (type === null || !types.includes(type))) return refuseToken('type');
  if (kid !== undefined && !isKid(kid)) return refuseToken('kid');
  return { text, algorithm: alg, kid: kid ?? null };
};

/** Keys worth a try: by `kid` where both have one, by algorithm always; at most 16. */
export const fittingKeys = <Key extends PublicKey | SecretKey>(
  keys: readonly Key[],
  { algorithm, kid }: ReadToken,
): readonly Key[] =>
  keys
    .filter((key) => key.algorithms.includes(algorithm))
    .filter((key) => kid === null || key.kid === null || key.kid === kid)
    .slice(0, triesMax);

const verifies = async (
  text: string,
  algorithm: string,
  key: (PublicKey | SecretKey)['key'],
): Promise<Uint8Array | null> => {
  try {
    return (await compactVerify(text, key, { algorithms: [algorithm] })).payload;
  } catch {
    return null;
  }
};

const texts = (value: Json | undefined): readonly Json[] =>
  isArray(value) ? value : [value ?? null];
const listed = (list: readonly string[], value: Json | undefined): boolean =>
  typeof value === 'string' && list.includes(value);

/** A NumericDate in ms (RFC 7519 §2); undefined where there is none, null where it is no such. */
const dateOf = (value: Json | undefined): number | null | undefined => {
  if (value === undefined) return undefined;
  return typeof value === 'number' && value >= 0 && value < 1e11 ? value * 1_000 : null;
};

/** The first thing wrong with the claims, or null. Exported for tokens that come in other clothes. */
const claimsProblem = (claims: JsonObject, rules: TokenRules, now: number): Reason | null => {
  const { issuers, audiences, parties, leewayMs } = rules;
  if (issuers !== null && !listed(issuers, claims['iss'])) return 'issuer';
  if (audiences !== null && !texts(claims['aud']).some((one) => listed(audiences, one))) {
    return 'audience';
  }
  if (parties !== null) {
    const named = [claims['azp'], claims['appid']].filter((one) => one !== undefined);
    if (named.length === 0 || !named.every((one) => listed(parties, one))) return 'party';
  }
  const [until, from, issued] = [
    dateOf(claims['exp']),
    dateOf(claims['nbf']),
    dateOf(claims['iat']),
  ];
  if (until === null || from === null || issued === null) return 'claims';
  if (until === undefined ? rules.expiry === 'required' : false) return 'endless';
  if (until !== undefined && now >= until + leewayMs) return 'expired';
  if (Math.max(from ?? 0, issued ?? 0) > now + leewayMs) return 'early';
  const held = rules.claims.every(([name, values]) => {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
    return value !== undefined && values.some((one) => one === value);
  });
  return held ? null : 'claim';
};

/** Tries the keys, then judges the claims. Never rejects. */
export const holdToken = async (
  token: ReadToken,
  keys: readonly (PublicKey | SecretKey)[],
  rules: TokenRules,
  now: number,
): Promise<HeldToken | Refused> => {
  const fitting = fittingKeys(keys, token);
  if (fitting.length === 0) return refuseToken('key');
  for (const { id, key } of fitting) {
    const bytes = await verifies(token.text, token.algorithm, key);
    if (bytes === null) continue;
    const payload = Buffer.from(bytes);
    const claims = readObject(payload, payload.length);
    if (!isObject(claims ?? undefined) || claims === null) return refuseToken('claims');
    const problem = claimsProblem(claims, rules, now);
    if (problem !== null) return refuseToken(problem);
    const signature = Buffer.from(token.text.slice(token.text.lastIndexOf('.') + 1), 'base64url');
    return { keyId: id, signature, claims, payload };
  }
  return refuseToken('signature');
};
