/**
 * Keys as credentials: `spk_…` (people: `spa_…`) as Bearer, `X-API-Key` or Basic password, never in
 * a query. One Map look-up by key id, then one constant-time comparison of SHA-256, the same work
 * for known and unknown ids. The caller learns nothing but "refused"; the reason stays internal.
 */
import { timingSafeEqual } from 'node:crypto';
import { refuse, type Refusal } from '../errors.ts';
import type { KeyId } from '../ids.ts';
import type { AddressPin } from './settings.ts';
import { isStanding, type KeyTable } from './standing.ts';
import { hashToken, parseToken, type TokenKind } from './tokens.ts';

/** A credential as it was sent, not yet believed. */
export type PresentedCredential = Readonly<{ token: string }>;

/** A caller whose credential was proven. */
export type Identified = Readonly<{
  kind: TokenKind;
  /** Client name or person's name; exists in the configuration that was asked. */
  holder: string;
  keyId: KeyId;
}>;

/** What identification needs to know beside the keys. */
export type CallerContext = Readonly<{
  /** Which kind the listener serves: clients at the data listener, people at the admin listener. */
  kind: TokenKind;
  environment: string;
  /** Wall ms since the epoch. */
  now: number;
  /** The caller's address as text. */
  address: string;
  /**
   * The holder's end (ms since the epoch) and pin in the current snapshot, or undefined. Whoever is
   * `internal` is nobody who calls, whatever key it once had.
   */
  holder(
    name: string,
  ): Readonly<{ expiresAt: number; pin: AddressPin | null; internal?: boolean }> | undefined;
}>;

const publicDetail = 'Send a valid key of this gateway as a Bearer token or as X-API-Key.';
const refusal = (internal: string): Refusal => refuse('caller_refused', publicDetail, { internal });

/** Headers longer than this hold no key. */
const headerLengthMax = 1_024;
const bearer = /^bearer +([\x21-\x7e]+) *$/i;
const basic = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i;

const fromAuthorization = (value: string): string | null => {
  const token = bearer.exec(value)?.[1];
  if (token !== undefined) return token;
  const pair = basic.exec(value)?.[1];
  if (pair === undefined) return null;
  const text = Buffer.from(pair, 'base64').toString('latin1');
  const colon = text.indexOf(':');
  return colon < 0 ? null : text.slice(colon + 1);
};

/**
 * Takes the credential out of request headers (lower-cased names). Several that differ are refused:
 * which of them is meant is not ours to guess.
 */
export const presentedCredential = (
  headers: Readonly<Record<string, string | undefined>>,
): PresentedCredential | Refusal => {
  const authorization = Object.hasOwn(headers, 'authorization') ? headers.authorization : undefined;
  const apiKey = Object.hasOwn(headers, 'x-api-key') ? headers['x-api-key'] : undefined;
  if (authorization === undefined && apiKey === undefined) return refusal('no credential');
  if ((authorization?.length ?? 0) > headerLengthMax || (apiKey?.length ?? 0) > headerLengthMax) {
    return refusal('credential header too long');
  }
  const first = authorization === undefined ? null : fromAuthorization(authorization);
  if (authorization !== undefined && first === null) {
    return refusal('Authorization is neither Bearer nor Basic');
  }
  const second = apiKey === undefined ? null : apiKey.trim();
  if (first !== null && second !== null && first !== second) {
    return refusal('several different credentials');
  }
  return { token: (first ?? second) as string };
};

/** Compared where an id is unknown, so that both cases cost the same. */
const nobody = Buffer.alloc(32);

/** Proves a credential against the table. Refusals are always `caller_refused` with one detail. */
export const identify = (
  credential: PresentedCredential,
  table: KeyTable,
  context: CallerContext,
): Identified | Refusal => {
  const parsed = parseToken(credential.token);
  if (parsed === null) return refusal('not a key of this gateway');
  const key = table.byId.get(parsed.keyId);
  const same = timingSafeEqual(hashToken(credential.token), key?.hash ?? nobody);
  if (key === undefined) return refusal('unknown key');
  if (!same) return refusal('wrong secret');
  if (parsed.kind !== context.kind || key.kind !== context.kind) return refusal('wrong kind');
  if (parsed.environment !== context.environment || key.environment !== context.environment) {
    return refusal('key of another environment');
  }
  if (!isStanding(key, context.now)) {
    return refusal(context.now < key.expiresAt ? 'key revoked' : 'key expired');
  }
  const holder = context.holder(key.holder);
  if (holder === undefined) return refusal('holder is not configured');
  if (holder.internal === true) return refusal('holder is internal');
  if (context.now >= holder.expiresAt) return refusal('holder expired');
  if (holder.pin !== null && !holder.pin(context.address)) return refusal('wrong address');
  return { kind: key.kind, holder: key.holder, keyId: key.id };
};
