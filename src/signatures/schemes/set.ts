/**
 * Security event tokens by push (RFC 8417, RFC 8935): the body is the token and the token is the
 * message. Its algorithms are asymmetric, `typ` says that it is a SET, so that no access token of the
 * same issuer passes for one; it has no end, and `jti` tells repeats.
 */
import { z } from 'zod';
import { isObject } from '../../identity/json-value.ts';
import { keysValidAt } from '../key-list.ts';
import { publishedKeys } from '../key-source.ts';
import { readPublicKeys } from '../public-keys.ts';
import type { Received, RefusalForm, Unverified } from '../receiver.ts';
import type { CompiledScheme, Proof, Scheme, SchemeContext } from '../scheme.ts';
import {
  fittingKeys,
  holdToken,
  publicAlgorithms,
  readToken,
  tokenReasons,
  type TokenRules,
} from '../token.ts';
import { httpsUrl, leewayOf, oneOrMore } from '../token-options.ts';

const options = z.strictObject({
  algorithms: z.array(z.enum(publicAlgorithms)).min(1).default(['RS256', 'ES256', 'EdDSA']),
  jwksUri: httpsUrl.optional(),
  issuer: oneOrMore,
  audience: oneOrMore,
});
type Options = z.output<typeof options>;

const eventsMax = 64;
const malformed = (reason: string): Unverified => ({
  kind: 'refused',
  code: 'body_malformed',
  reason,
});

/** RFC 8935 §2.1: the media type is what makes it one. */
const isSet = (received: Received): boolean =>
  /^application\/secevent\+jwt *(?:;|$)/i.test(received.headers['content-type']?.trim() ?? '');

const proofOf = (held: Exclude<Awaited<ReturnType<typeof holdToken>>, Unverified>) => {
  const { jti, iat, events } = held.claims;
  if (typeof jti !== 'string' || jti === '' || jti.length > 512) {
    return malformed('the token has no id (jti)');
  }
  if (typeof iat !== 'number') return malformed('the token has no time (iat)');
  if (!isObject(events)) return malformed('the token has no events');
  const count = Object.keys(events).length;
  if (count === 0 || count > eventsMax) return malformed('the token has no or too many events');
  return {
    kind: 'proven' as const,
    keyId: held.keyId,
    signature: held.signature,
    signedId: jti,
    signedTime: String(iat),
    contents: held.payload,
  };
};

const compile = (
  given: Options,
  { keys, fetcher, toleranceMs }: SchemeContext,
): CompiledScheme | Readonly<{ problem: string }> => {
  if (given.jwksUri === undefined && keys.length === 0) return { problem: 'needs jwksUri or keys' };
  const own = keys.map(({ id, text, notBefore, until }) => ({
    id,
    notBefore,
    until,
    fit: readPublicKeys(id, text),
  }));
  const useless = own.find(({ fit }) => fit.length === 0);
  if (useless !== undefined) return { problem: `${useless.id} is no public key` };
  const published = given.jwksUri === undefined ? null : publishedKeys(given.jwksUri, fetcher);
  const rules: TokenRules = {
    algorithms: given.algorithms,
    types: ['secevent+jwt'],
    issuers: given.issuer,
    audiences: given.audience,
    parties: null,
    claims: [],
    expiry: 'optional',
    leewayMs: leewayOf(toleranceMs),
  };
  const check = async (received: Received, now: number): Promise<Proof | Unverified> => {
    if (!isSet(received)) return malformed('the body is not of type application/secevent+jwt');
    const token = readToken(received.body.toString('latin1').trim(), rules);
    if ('kind' in token) return token;
    const valid = fittingKeys(
      keysValidAt(own, now).flatMap(({ fit }) => fit),
      token,
    );
    const candidates =
      valid.length > 0 || published === null
        ? valid
        : await published((found) => fittingKeys(found, token).length > 0);
    if (candidates === 'unavailable') {
      return { kind: 'unavailable', reason: 'the public keys cannot be fetched' };
    }
    const held = await holdToken(token, candidates, rules, now);
    return 'kind' in held ? held : proofOf(held);
  };
  return {
    check,
    secretHeaders: [],
    readHeaders: () => ['content-type'],
    withoutSecret: null,
    sign: null,
  };
};

/** Error codes of RFC 8935 §2.4 by reason; by code where the reason is not among these. */
const errorByReason: ReadonlyMap<string, string> = new Map([
  [tokenReasons.shape, 'invalid_request'],
  [tokenReasons.crit, 'invalid_request'],
  [tokenReasons.type, 'invalid_request'],
  [tokenReasons.claims, 'invalid_request'],
  [tokenReasons.algorithm, 'invalid_key'],
  [tokenReasons.kid, 'invalid_key'],
  [tokenReasons.key, 'invalid_key'],
  [tokenReasons.issuer, 'invalid_issuer'],
  [tokenReasons.audience, 'invalid_audience'],
]);
const descriptions: Readonly<Record<string, string>> = {
  invalid_request: 'The request is not a security event token as this receiver reads it.',
  invalid_key: 'The token names a key or an algorithm that is not accepted.',
  invalid_issuer: 'The issuer of the token is not accepted.',
  invalid_audience: 'The token is meant for another audience.',
  authentication_failed: 'The token could not be authenticated.',
};

/** 400 with `{err, description}` (RFC 8935 §2.3); a token that proves nothing learns no more than that. */
export const setRefusal: RefusalForm = ({ code, reason }) => {
  const byCode = code === 'body_malformed' ? 'invalid_request' : 'authentication_failed';
  const err = errorByReason.get(reason) ?? byCode;
  const body = JSON.stringify({ err, description: descriptions[err] });
  return { status: 400, contentType: 'application/json', body };
};

/** Options: issuer, audience, algorithms, and the address of the keys unless the route has them. */
export const set: Scheme = {
  name: 'set',
  title: 'Security event tokens by push (RFC 8935)',
  keys: 'fetched',
  options,
  compile: (given, context) => compile(given as Options, context),
};
