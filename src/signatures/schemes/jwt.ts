/**
 * A JWT in a header or as the body: proven by published keys, keys of the route, or a secret. What a
 * token must claim stands in the options; without issuer and audience there is no token that fits,
 * unless the token is bound to the body by its digest (FusionAuth). A token that is not bound to the
 * body proves who sent, not what: it is kept from log and store like a secret.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Json, JsonObject } from '../../identity/json-value.ts';
import { keysValidAt } from '../key-list.ts';
import { publishedKeys, type KeySource } from '../key-source.ts';
import { isKeyText, readPublicKeys, type PublicKey } from '../public-keys.ts';
import type { KeyMaterial, Received, Unverified } from '../receiver.ts';
import type { CompiledScheme, Proof, Scheme, SchemeContext } from '../scheme.ts';
import {
  fittingKeys,
  holdToken,
  publicAlgorithms,
  readToken,
  refuseToken,
  type ReadToken,
  type SecretKey,
  type TokenRules,
} from '../token.ts';
import { httpsUrl, issuersOf, leewayOf, oneOrMore, tenantList } from '../token-options.ts';

const headerName = z.string().regex(/^[a-z0-9-]{1,64}$/);
const claimValue = z.union([z.string().max(1_024), z.number(), z.boolean()]);
const options = z.strictObject({
  /** `bearer`: `Authorization: Bearer`; `body`: the whole body; else the name of a header. */
  token: z
    .union([z.literal('bearer'), z.literal('body'), z.strictObject({ header: headerName })])
    .default('bearer'),
  algorithms: z
    .array(z.enum([...publicAlgorithms, 'HS256']))
    .min(1)
    .default(['RS256']),
  jwksUri: httpsUrl.optional(),
  issuer: oneOrMore.optional(),
  /** Issuers that differ by tenant, `{tenant}` in its place. */
  issuerTemplates: z.array(z.string().max(1_024)).max(8).default([]),
  tenants: tenantList.optional(),
  audience: oneOrMore.optional(),
  /** Applications that `azp` or `appid` may name. */
  parties: oneOrMore.optional(),
  /** The account of Google that a token is for; also `email_verified` must be true. */
  email: z.string().min(3).max(320).optional(),
  claims: z
    .record(z.string().max(128), z.union([claimValue, z.array(claimValue).min(1).max(64)]))
    .default({}),
  /** `typ` of the header, where it must have one. */
  type: oneOrMore.optional(),
  expiry: z.enum(['required', 'optional']).default('required'),
  /** Claim that holds base64 of the body's SHA-256. */
  bodyHashClaim: z.string().min(1).max(128).optional(),
});
type Options = z.output<typeof options>;

const tokenLengthMax = 16_384;
const secretBytesMin = 32;

const claimRules = ({ claims, email, tenants, issuerTemplates }: Options): TokenRules['claims'] => [
  ...Object.entries(claims).map(
    ([name, values]) => [name, Array.isArray(values) ? values : [values]] as const,
  ),
  ...(email === undefined
    ? []
    : ([
        ['email', [email]],
        ['email_verified', [true]],
      ] as const)),
  ...(tenants === undefined || issuerTemplates.length === 0 ? [] : [['tid', tenants] as const]),
];

const rulesOf = (given: Options, toleranceMs: number): TokenRules => ({
  algorithms: given.algorithms,
  types: given.type?.map((one) => one.toLowerCase().replace(/^application\//, '')) ?? null,
  issuers: issuersOf(given.issuer, given.issuerTemplates, given.tenants ?? []),
  audiences: given.audience ?? null,
  parties: given.parties ?? null,
  claims: claimRules(given),
  expiry: given.expiry,
  leewayMs: leewayOf(toleranceMs),
});

type RouteKey = Pick<KeyMaterial, 'notBefore' | 'until'> &
  Readonly<{ fit: readonly (PublicKey | SecretKey)[] }>;

/** A key is a secret or public, never both: a published key as HMAC secret would let anybody sign. */
const readRouteKey = (
  { id, text, notBefore, until }: KeyMaterial,
  secrets: boolean,
): RouteKey | Readonly<{ problem: string }> => {
  if (isKeyText(text)) {
    const fit = readPublicKeys(id, text);
    return fit.length === 0 ? { problem: `${id} is no public key` } : { fit, notBefore, until };
  }
  if (!secrets) return { problem: `${id} is no public key` };
  const key = Buffer.from(text, 'utf8');
  if (key.length < secretBytesMin) {
    return { problem: `${id} is shorter than ${secretBytesMin} bytes` };
  }
  return { fit: [{ id, kid: null, key, algorithms: ['HS256'] }], notBefore, until };
};

const problemOf = (given: Options, keys: number, rules: TokenRules): string | null => {
  if (given.jwksUri === undefined && keys === 0) return 'needs jwksUri or keys';
  if (given.bodyHashClaim !== undefined) return null;
  if (rules.issuers === null) return 'needs an issuer';
  return rules.audiences === null ? 'needs an audience' : null;
};

const missing = (reason: string): Unverified => ({
  kind: 'refused',
  code: 'signature_missing',
  reason,
});

/** The token's text, or why there is none. */
const findToken = (at: Options['token'], { headers, body }: Received): string | Unverified => {
  if (at === 'body') {
    return body.length === 0 ? missing('no token in the body') : body.toString('latin1').trim();
  }
  const name = at === 'bearer' ? 'authorization' : at.header;
  const value = headers[name]?.trim() ?? '';
  const text = at === 'bearer' ? (/^bearer +(\S+)$/i.exec(value)?.[1] ?? '') : value;
  if (text === '') return missing('no token in its header');
  return text.length > tokenLengthMax ? refuseToken('shape') : text;
};

/** Whether the claim is the digest of the body, compared as bytes and in constant time. */
const bindsBody = (claim: Json | undefined, body: Buffer): boolean => {
  if (typeof claim !== 'string' || !/^[A-Za-z0-9+/_-]{43}=?$/.test(claim)) return false;
  const given = Buffer.from(claim, 'base64');
  const made = createHash('sha256').update(body).digest();
  return given.length === made.length && timingSafeEqual(given, made);
};

const textOf = (claims: JsonObject, name: string): string | null => {
  const value = claims[name];
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' && value.length <= 512 ? value : null;
};

/** Route keys first: they cost nothing. Published ones only where none of them fits. */
const keysFor = async (
  own: readonly (PublicKey | SecretKey)[],
  published: KeySource | null,
  token: ReadToken,
): Promise<readonly (PublicKey | SecretKey)[] | 'unavailable'> => {
  const fitting = fittingKeys(own, token);
  if (fitting.length > 0 || published === null) return fitting;
  return await published((keys) => fittingKeys(keys, token).length > 0);
};

const compile = (
  given: Options,
  { keys, fetcher, toleranceMs }: SchemeContext,
): CompiledScheme | Readonly<{ problem: string }> => {
  const rules = rulesOf(given, toleranceMs);
  const problem = problemOf(given, keys.length, rules);
  if (problem !== null) return { problem };
  const own: RouteKey[] = [];
  for (const key of keys) {
    const read = readRouteKey(key, given.algorithms.includes('HS256'));
    if ('problem' in read) return read;
    own.push(read);
  }
  const { token: at, bodyHashClaim } = given;
  const published = given.jwksUri === undefined ? null : publishedKeys(given.jwksUri, fetcher);

  const check = async (received: Received, now: number): Promise<Proof | Unverified> => {
    const text = findToken(at, received);
    if (typeof text !== 'string') return text;
    const token = readToken(text, rules);
    if ('kind' in token) return token;
    const valid = keysValidAt(own, now).flatMap(({ fit }) => fit);
    const candidates = await keysFor(valid, published, token);
    if (candidates === 'unavailable') {
      return { kind: 'unavailable', reason: 'the public keys cannot be fetched' };
    }
    const held = await holdToken(token, candidates, rules, now);
    if ('kind' in held) return held;
    if (bodyHashClaim !== undefined && !bindsBody(held.claims[bodyHashClaim], received.body)) {
      const reason = 'the token is for another body';
      return { kind: 'refused', code: 'signature_invalid', reason };
    }
    // What names the token names the message only where the token is the message.
    const isMessage = at === 'body';
    return {
      kind: 'proven',
      keyId: held.keyId,
      signature: isMessage || bodyHashClaim !== undefined ? held.signature : null,
      signedId: isMessage ? textOf(held.claims, 'jti') : null,
      signedTime: isMessage ? textOf(held.claims, 'iat') : null,
      contents: isMessage ? held.payload : null,
    };
  };
  const header = at === 'body' ? null : at === 'bearer' ? 'authorization' : at.header;
  const grants = header !== null && bodyHashClaim === undefined;
  return {
    check,
    secretHeaders: grants ? [header] : [],
    readHeaders: () => (header === null || grants ? [] : [header]),
    withoutSecret: null,
    sign: null,
  };
};

/** Options: where the token is, its algorithms, where its keys are and what it must claim. */
export const jwt: Scheme = {
  name: 'jwt',
  title:
    'A JWT by published keys or keys of the route; says who sent, and the body where it binds it',
  keys: 'fetched',
  options,
  compile: (given, context) => compile(given as Options, context),
};
