/**
 * Microsoft Graph's notifications with resource data: tokens of Entra ID in the body say who sent them,
 * the cipher's MAC says that each item is whole. All tokens must hold, each item must be of a tenant
 * that a token names, and `clientState` must be the route's where it has one. A message without tokens
 * passes only with `clientState`, and only if no item has contents: life cycle notifications.
 * Keys of the route that are PEM open contents; any other is a `clientState`.
 */
import { keptMark, markOf } from '../kept-mark.ts';
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { isArray, isObject, type Json, type JsonObject } from '../../identity/json-value.ts';
import { openContent, readContentKey, type ContentKey } from '../graph-content.ts';
import { keysValidAt } from '../key-list.ts';
import { publishedKeys, type KeySource } from '../key-source.ts';
import { isKeyText } from '../public-keys.ts';
import { readObject } from '../read-object.ts';
import type { KeyMaterial, Received, Unverified } from '../receiver.ts';
import type { CompiledScheme, Proof, Scheme, SchemeContext } from '../scheme.ts';
import { fittingKeys, holdToken, readToken, type HeldToken, type TokenRules } from '../token.ts';
import { httpsUrl, issuersOf, leewayOf, oneOrMore, tenantList } from '../token-options.ts';

/** Who sends change notifications: an application of Microsoft's own. */
const publisher = '0bf30f3b-4a52-48df-9a82-234910c4a086';

const options = z.strictObject({
  /** Ids of the applications that subscribed: the tokens are for them. */
  application: oneOrMore,
  tenants: tenantList,
  jwksUri: httpsUrl.default('https://login.microsoftonline.com/common/discovery/v2.0/keys'),
});
type Options = z.output<typeof options>;

const bodyBytesMax = 4_194_304;
const itemsMax = 1_000;
const tokensMax = 16;
const issuerTemplates = [
  'https://sts.windows.net/{tenant}/',
  'https://login.microsoftonline.com/{tenant}/v2.0',
];

const refuse = (
  code: Extract<Unverified, { kind: 'refused' }>['code'],
  reason: string,
): Unverified => ({ kind: 'refused', code, reason });

type State = Pick<KeyMaterial, 'id' | 'notBefore' | 'until'> & Readonly<{ digest: Buffer }>;
type Keys = Readonly<{ open: readonly ContentKey[]; states: readonly State[] }>;

const digestOf = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();

const readKeys = (keys: readonly KeyMaterial[]): Keys | Readonly<{ problem: string }> => {
  const open: ContentKey[] = [];
  const states: State[] = [];
  for (const { id, text, notBefore, until } of keys) {
    if (!isKeyText(text)) {
      states.push({ id, notBefore, until, digest: digestOf(text) });
      continue;
    }
    const key = readContentKey(text);
    if (key === null) return { problem: `${id} is no private RSA key of at least 2048 bits` };
    open.push({ id, key, notBefore, until });
  }
  return { open, states };
};

type Message = Readonly<{ tokens: readonly string[]; items: readonly JsonObject[] }>;

const readMessage = (body: Buffer): Message | null => {
  const message = readObject(body, bodyBytesMax);
  const items = message?.['value'];
  const tokens = message?.['validationTokens'] ?? [];
  if (!isArray(items) || items.length === 0 || items.length > itemsMax) return null;
  if (!isArray(tokens) || tokens.length > tokensMax) return null;
  return tokens.every((token) => typeof token === 'string') && items.every((item) => isObject(item))
    ? { tokens, items }
    : null;
};

/** The state that an item presents, or null. */
const stateOf = (item: JsonObject, states: readonly State[]): State | null => {
  const { clientState } = item;
  if (typeof clientState !== 'string') return null;
  const presented = digestOf(clientState);
  return states.find(({ digest }) => timingSafeEqual(digest, presented)) ?? null;
};

const tenantOf = (value: Json | undefined): string | null =>
  typeof value === 'string' ? value.toLowerCase() : null;

/** All tokens, or the first thing that is wrong with one. */
const holdAll = async (
  tokens: readonly string[],
  published: KeySource,
  rules: TokenRules,
  now: number,
): Promise<readonly HeldToken[] | Unverified> => {
  const held: HeldToken[] = [];
  for (const text of tokens) {
    const token = readToken(text, rules);
    if ('kind' in token) return token;
    const keys = await published((found) => fittingKeys(found, token).length > 0);
    if (keys === 'unavailable') {
      return { kind: 'unavailable', reason: 'the public keys cannot be fetched' };
    }
    const one = await holdToken(token, keys, rules, now);
    if ('kind' in one) return one;
    held.push(one);
  }
  return held;
};

/** Items with their contents in the clear, or null where one cannot be opened. */
const openAll = (
  items: readonly JsonObject[],
  keys: readonly ContentKey[],
): readonly JsonObject[] | null => {
  const opened: JsonObject[] = [];
  for (const { encryptedContent, clientState: _state, ...item } of items) {
    if (encryptedContent === undefined || encryptedContent === null) {
      opened.push(item);
      continue;
    }
    const content = openContent(encryptedContent, keys);
    if (content === null) return null;
    opened.push({ ...item, content: content.value });
  }
  return opened;
};

const itemsProblem = (
  items: readonly JsonObject[],
  states: readonly State[] | null,
  tenants: ReadonlySet<string> | null,
): string | null => {
  if (states !== null && !items.every((item) => stateOf(item, states) !== null)) {
    return 'clientState is another';
  }
  const foreign = items.some(({ tenantId }) => {
    const tenant = tenantOf(tenantId);
    return tenants !== null && (tenant === null || !tenants.has(tenant));
  });
  return foreign ? 'an item is of a tenant that no token is of' : null;
};

const hasContents = ({ encryptedContent }: JsonObject): boolean =>
  encryptedContent !== undefined && encryptedContent !== null;

const proven = (keyId: string, contents: Buffer | null): Proof => ({
  kind: 'proven',
  keyId,
  signature: null,
  signedId: null,
  signedTime: null,
  contents,
});

const makeCheck =
  (keys: Keys, rules: TokenRules, published: KeySource): CompiledScheme['check'] =>
  async ({ body }: Received, now: number) => {
    const message = readMessage(body);
    if (message === null) return refuse('body_malformed', 'the body holds no notifications');
    const { tokens, items } = message;
    const states = keys.states.length === 0 ? null : keysValidAt(keys.states, now);
    if (tokens.length === 0 && (states === null || items.some(hasContents))) {
      return refuse('signature_missing', 'no validation tokens');
    }
    const held = await holdAll(tokens, published, rules, now);
    if ('kind' in held) return held;
    const tenants = held.map(({ claims }) => tenantOf(claims['tid']));
    const named = tokens.length === 0 ? null : new Set(tenants.filter((one) => one !== null));
    const problem = itemsProblem(items, states, named);
    if (problem !== null) return refuse('signature_invalid', problem);
    const value = openAll(items, keysValidAt(keys.open, now));
    if (value === null) return refuse('signature_invalid', 'contents that no key opens');
    const keyId = held[0]?.keyId ?? stateOf(items[0] as JsonObject, states ?? [])?.id ?? 'none';
    return proven(keyId, Buffer.from(JSON.stringify({ value }), 'utf8'));
  };

/** The body with tokens and states replaced by marks; what it was is bytes no more, but JSON still. */
const withoutSecret = (body: Buffer, keyId: string): Buffer => {
  const message = readObject(body, bodyBytesMax);
  const items = message?.['value'];
  if (message === null || !isArray(items)) return body;
  const mark = markOf(keyId);
  const value = items.map((item) =>
    isObject(item) && item['clientState'] !== undefined ? { ...item, clientState: mark } : item,
  );
  return Buffer.from(JSON.stringify({ ...message, validationTokens: [mark], value }), 'utf8');
};

/** A message as `withoutSecret` left it: the mark says that it held; contents were kept beside. */
const checkMarked: CompiledScheme['check'] = ({ body }) => {
  const tokens = readObject(body, bodyBytesMax)?.['validationTokens'];
  const [mark] = isArray(tokens) ? tokens : [];
  return typeof mark === 'string' && mark.startsWith(keptMark)
    ? proven(`kept:${mark.slice(keptMark.length)}`, null)
    : refuse('signature_missing', 'no mark');
};

const compile = (
  { application, tenants, jwksUri }: Options,
  { keys, fetcher, toleranceMs }: SchemeContext,
): CompiledScheme | Readonly<{ problem: string }> => {
  const shape = { secretHeaders: [], withoutSecret, sign: null };
  if (keys.length > 0 && keys.every(({ text }) => text.startsWith(keptMark))) {
    return { ...shape, check: checkMarked };
  }
  const read = readKeys(keys);
  if ('problem' in read) return read;
  if (read.open.length === 0) return { problem: 'needs the private key of a certificate, PEM' };
  const rules: TokenRules = {
    algorithms: ['RS256'],
    types: null,
    issuers: issuersOf(undefined, issuerTemplates, tenants),
    audiences: application,
    parties: [publisher],
    claims: [['tid', tenants]],
    expiry: 'required',
    leewayMs: leewayOf(toleranceMs),
  };
  return { ...shape, check: makeCheck(read, rules, publishedKeys(jwksUri, fetcher)) };
};

/** Options: applications, tenants and the address of Entra's keys. */
export const graphRich: Scheme = {
  name: 'graph-rich',
  title: 'Microsoft Graph with resource data: tokens in the body, contents under a certificate',
  keys: 'route',
  options,
  compile: (given, context) => compile(given as Options, context),
};
