/** Keys, tokens and a counting fetcher for tests of schemes that are proven by published keys. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { CompactSign, type CompactJWSHeaderParameters } from 'jose';
import type { FetchHints, KeyFetcher, KeyMaterial } from '../../src/signatures/receiver.ts';
import type { CompiledScheme, Scheme } from '../../src/signatures/scheme.ts';
import assert from 'node:assert/strict';

/** A moment for tests, wall ms. */
export const moment = 1_700_000_000_000;

/** One pair of each kind. */
export const pairs = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  other: generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  short: generateKeyPairSync('rsa', { modulusLength: 1_024 }),
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ed: generateKeyPairSync('ed25519'),
};

/** A public key as it is published. */
export const jwk = (key: KeyObject, more: Readonly<Record<string, unknown>> = {}) => ({
  ...key.export({ format: 'jwk' }),
  use: 'sig',
  ...more,
});

/** A token; `header` is written as it is given. */
export const token = async (
  claims: unknown,
  key: KeyObject | Uint8Array,
  header: CompactJWSHeaderParameters = { alg: 'RS256', kid: 'one' },
): Promise<string> =>
  await new CompactSign(Buffer.from(typeof claims === 'string' ? claims : JSON.stringify(claims)))
    .setProtectedHeader(header)
    .sign(key);

/** A token with any header, signed by nobody. */
export const unsigned = (header: unknown, claims: unknown, signature = 'AAAA'): string =>
  [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .concat(signature)
    .join('.');

/** A fetcher over a table of addresses that notes who asked for what. */
export const tableFetcher = (
  table: Readonly<Record<string, string | null>>,
): KeyFetcher & Readonly<{ asked: (readonly [string, FetchHints | undefined])[] }> => {
  const asked: (readonly [string, FetchHints | undefined])[] = [];
  return {
    asked,
    fetch: async (url, hints) => {
      asked.push([url, hints]);
      return table[url] ?? null;
    },
  };
};

/** A key of a route, always valid. */
export const routeKey = (id: string, text: string): KeyMaterial => ({
  id,
  text,
  notBefore: -Infinity,
  until: Infinity,
});

/** Compiles a scheme with options as a descriptor or a route writes them; a problem fails the test. */
export const compiled = (
  scheme: Scheme,
  options: unknown,
  context: Readonly<{
    keys?: readonly KeyMaterial[];
    fetcher?: KeyFetcher;
    toleranceMs?: number;
  }> = {},
): CompiledScheme => {
  const made = scheme.compile(scheme.options.parse(options), {
    keys: context.keys ?? [],
    fetcher: context.fetcher ?? tableFetcher({}),
    toleranceMs: context.toleranceMs ?? 0,
  });
  assert.ok(!('problem' in made), 'problem' in made ? made.problem : '');
  return made;
};

/** What keeps a scheme from compiling, or null. */
export const problemOf = (
  scheme: Scheme,
  options: unknown,
  keys: readonly KeyMaterial[] = [],
): string | null => {
  const context = { keys, fetcher: tableFetcher({}), toleranceMs: 0 };
  const made = scheme.compile(scheme.options.parse(options), context);
  return 'problem' in made ? made.problem : null;
};
