/** Messages as tests receive them: every part can be given, what is not given is harmless. */
import type { Received } from '../../src/signatures/receiver.ts';

/** A POST of `{}` to `https://gateway.example/hooks/hr`, unless said otherwise. */
export const receive = (
  over: Readonly<{
    method?: string;
    query?: string;
    path?: string;
    headers?: Readonly<Record<string, string>>;
    body?: string | Buffer;
  }> = {},
): Received => {
  const path = over.path ?? '/hooks/hr';
  const query = over.query ?? '';
  return {
    method: over.method ?? 'POST',
    url: `https://gateway.example${path}${query === '' ? '' : `?${query}`}`,
    path,
    query,
    headers: over.headers ?? {},
    body: Buffer.from(over.body ?? '{}'),
  };
};
