/**
 * Where the public keys of a scheme are: on the route, or behind the one address of its configuration.
 * A key that is not among the published ones may have just been added: the address is asked again,
 * which the fetcher allows once a minute, whatever comes in.
 */
import { readJwks, type PublicKey } from './public-keys.ts';
import type { KeyFetcher } from './receiver.ts';

/** Keys that fit, or `unavailable`: the address cannot be had, and nothing is kept of it. */
export type KeySource = (
  fits: (keys: readonly PublicKey[]) => boolean,
) => Promise<readonly PublicKey[] | 'unavailable'>;

/** The published keys of an address, parsed once per answer. */
export const publishedKeys = (jwksUri: string, fetcher: KeyFetcher): KeySource => {
  let last: Readonly<{ text: string; keys: readonly PublicKey[] | null }> | null = null;
  const read = (text: string | null): readonly PublicKey[] | null => {
    if (text === null) return null;
    if (last?.text !== text) last = { text, keys: readJwks(text) };
    return last.keys;
  };
  return async (fits) => {
    const keys = read(await fetcher.fetch(jwksUri));
    if (keys !== null && fits(keys)) return keys;
    return read(await fetcher.fetch(jwksUri, { again: true })) ?? 'unavailable';
  };
};
