/**
 * Acts on keys, for the admin API and the command line: issue, rotate, revoke, list. Every key has
 * an end; the token is returned once and kept nowhere. The caller records the act and refreshes
 * nothing: the standing table is read again here, so an act counts at once.
 */
import type { Clock } from '../clock.ts';
import { refuse, type Refusal } from '../errors.ts';
import type { KeyId, Random } from '../ids.ts';
import { isStanding } from './standing.ts';
import type { KeyStore, StoredKey } from './store.ts';
import { issueToken, type TokenKind } from './tokens.ts';

const dayMs = 86_400_000;
/** Life of a key where none is asked for. */
export const keyLifeMsDefault = 90 * dayMs;
/** Longest life of a key. */
const keyLifeMsMax = 400 * dayMs;
/** How long the old keys of a rotation stay usable where nothing else is asked for. */
export const overlapMsDefault = dayMs;
/** Longest overlap of a rotation. */
const overlapMsMax = 30 * dayMs;

/** What the acts need. `standing` is absent where no gateway runs in this process. */
export type KeyDeps = Readonly<{
  store: KeyStore;
  clock: Clock;
  random: Random;
  standing?: Readonly<{ refresh(): Promise<void> }>;
}>;

/** For whom a key is made. Times are ms since the epoch. */
export type KeyOrder = Readonly<{
  kind: TokenKind;
  /** Name of a client or person that the configuration holds; the caller has looked it up. */
  holder: string;
  environment: string;
  issuedBy: string;
  /** End of the holder itself; no key outlives it. */
  holderExpiresAt: number;
  /** The holder is a client with `auth: internal`: it gets no key. */
  holderInternal?: boolean;
  /** Wanted end; default 90 days from now, or the holder's end if that is sooner. */
  expiresAt?: number;
}>;

/** A key without its hash, fit to be shown. */
export type ShownKey = Readonly<Omit<StoredKey, 'hash'> & { standing: boolean }>;

/** A new key; `token` is shown to its owner once. */
export type IssuedKey = Readonly<{ token: string; key: ShownKey }>;

const shown = (key: StoredKey, now: number): ShownKey => {
  const { hash: _hash, ...rest } = key;
  return { ...rest, standing: isStanding(key, now) };
};

const endOf = (order: KeyOrder, now: number): number | Refusal => {
  if (order.holderInternal === true) {
    return refuse(
      'value_invalid',
      'This client has `auth: internal`: plans act as it, and no key is made for it.',
    );
  }
  if (order.holderExpiresAt <= now) {
    return refuse('value_invalid', 'Its `expires` has passed: extend it in the route file first.');
  }
  const wanted = order.expiresAt;
  if (wanted === undefined) return Math.min(now + keyLifeMsDefault, order.holderExpiresAt);
  if (!Number.isFinite(wanted) || wanted <= now) {
    return refuse('value_invalid', 'The key would be expired already.');
  }
  if (wanted > now + keyLifeMsMax) {
    return refuse('value_invalid', 'A key lives 400 days at most: choose an earlier end.');
  }
  if (wanted > order.holderExpiresAt) {
    return refuse('value_invalid', 'A key cannot outlive its holder: see `expires` there.');
  }
  return wanted;
};

/** Makes a key. Refuses an end beyond 400 days or the holder's end, and a 21st live key. */
export const issueKey = async (deps: KeyDeps, order: KeyOrder): Promise<IssuedKey | Refusal> => {
  const now = deps.clock.now();
  const expiresAt = endOf(order, now);
  if (typeof expiresAt !== 'number') return expiresAt;
  const { id, token, hash } = issueToken({ ...order, random: deps.random });
  const key: StoredKey = {
    id,
    kind: order.kind,
    holder: order.holder,
    environment: order.environment,
    hash,
    issuedAt: now,
    issuedBy: order.issuedBy,
    expiresAt,
    revokedAt: null,
    lastUsedAt: null,
  };
  if (!(await deps.store.addKey(key, now))) {
    return refuse('value_invalid', 'It has 20 live keys already: revoke one first.');
  }
  await deps.standing?.refresh();
  return { token, key: shown(key, now) };
};

/**
 * Makes a new key and ends the holder's other live keys of this kind and environment after
 * `overlapMs` (default a day, at most 30). The new key is there before the old ones are touched.
 */
export const rotateKey = async (
  deps: KeyDeps,
  order: KeyOrder & Readonly<{ overlapMs?: number }>,
): Promise<Readonly<IssuedKey & { ending: readonly KeyId[]; endsAt: number }> | Refusal> => {
  const overlapMs = order.overlapMs ?? overlapMsDefault;
  if (!Number.isFinite(overlapMs) || overlapMs < 0 || overlapMs > overlapMsMax) {
    return refuse('value_invalid', 'The overlap of a rotation is at most 30 days.');
  }
  const issued = await issueKey(deps, order);
  if ('refused' in issued) return issued;
  const now = deps.clock.now();
  const endsAt = now + overlapMs;
  const ending: KeyId[] = [];
  for (const key of await deps.store.listKeys(now)) {
    const same =
      key.kind === order.kind &&
      key.holder === order.holder &&
      key.environment === order.environment;
    if (!same || key.id === issued.key.id || !isStanding(key, now)) continue;
    if (await deps.store.endKey(key.id, endsAt, now)) ending.push(key.id);
  }
  await deps.standing?.refresh();
  return { ...issued, ending, endsAt };
};

/** Ends a key at once. Refuses an unknown id. */
export const revokeKey = async (
  deps: KeyDeps,
  id: KeyId,
): Promise<Readonly<{ revoked: KeyId; at: number }> | Refusal> => {
  const now = deps.clock.now();
  const known = await deps.store.endKey(id, now, now);
  await deps.standing?.refresh();
  return known ? { revoked: id, at: now } : refuse('value_invalid', 'There is no such key.');
};

/** All keys that did not expire more than 30 days ago, of one holder or of all, without hashes. */
export const listKeys = async (
  deps: Pick<KeyDeps, 'store' | 'clock'>,
  of: Readonly<{ kind?: TokenKind; holder?: string }> = {},
): Promise<readonly ShownKey[]> => {
  const now = deps.clock.now();
  const keys = await deps.store.listKeys(now);
  return keys
    .filter((key) => (of.kind ?? key.kind) === key.kind && (of.holder ?? key.holder) === key.holder)
    .map((key) => shown(key, now));
};
