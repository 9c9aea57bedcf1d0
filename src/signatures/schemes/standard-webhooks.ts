/**
 * Standard Webhooks, v1 (HMAC) and v1a (Ed25519) side by side: the prefix of a key says which it is
 * for, and a signature of either kind will do. The same under other header names (Svix, Finch).
 */
import { z } from 'zod';
import type { TemplateOptions } from '../message-template.ts';
import type { KeyMaterial, Unverified } from '../receiver.ts';
import type { CompiledScheme, Scheme } from '../scheme.ts';
import type { TemplateScheme } from '../template-scheme.ts';
import { compileEd25519 } from './ed25519.ts';
import { compileHmac } from './hmac.ts';

const options = z.strictObject({
  /** What stands before `-id`, `-timestamp` and `-signature`, in the order they are looked for. */
  headers: z
    .array(z.string().regex(/^[a-z][a-z-]{0,30}$/))
    .min(1)
    .max(4)
    .default(['webhook']),
});
type Options = z.output<typeof options>;

const isAsymmetric = ({ text }: KeyMaterial): boolean => /^wh[ps]k_/.test(text);

const templateOf = (headers: string, version: 'v1' | 'v1a'): TemplateOptions => ({
  parts: ['id', { text: '.' }, 'time', { text: '.' }, 'body'],
  id: { header: `${headers}-id` },
  time: { header: `${headers}-timestamp`, unit: 's' },
  signature: {
    header: `${headers}-signature`,
    separator: 'space',
    prefix: `${version},`,
    encoding: 'base64',
  },
});

const compileKinds = (
  headers: string,
  keys: readonly KeyMaterial[],
): readonly TemplateScheme[] | Readonly<{ problem: string }> => {
  const shared = keys.filter((key) => !isAsymmetric(key));
  const pairs = keys.filter(isAsymmetric);
  const hmac = compileHmac(
    { ...templateOf(headers, 'v1'), algorithm: 'sha256', key: 'whsec' },
    shared,
  );
  const ed25519 = compileEd25519(templateOf(headers, 'v1a'), pairs);
  if ('problem' in hmac) return hmac;
  if ('problem' in ed25519) return ed25519;
  // The kind of the first key comes first: it signs.
  const kinds = [...(shared.length > 0 ? [hmac] : []), ...(pairs.length > 0 ? [ed25519] : [])];
  return keys[0] === pairs[0] ? kinds.reverse() : kinds;
};

const nothingFits: Unverified = {
  kind: 'refused',
  code: 'signature_invalid',
  reason: 'no key fits',
};

const compile = (
  { headers }: Options,
  keys: readonly KeyMaterial[],
): CompiledScheme | Readonly<{ problem: string }> => {
  const read = headers.flatMap((name) => [`${name}-id`, `${name}-timestamp`, `${name}-signature`]);
  const sets: Readonly<{ signature: string; kinds: readonly TemplateScheme[] }>[] = [];
  for (const name of headers) {
    const kinds = compileKinds(name, keys);
    if ('problem' in kinds) return kinds;
    sets.push({ signature: `${name}-signature`, kinds });
  }
  return {
    check: (received, now) => {
      const present = sets.find(({ signature }) => received.headers[signature] !== undefined);
      const verdicts = ((present ?? sets[0])?.kinds ?? []).map(({ check }) => check(received, now));
      return verdicts.find(({ kind }) => kind === 'proven') ?? verdicts[0] ?? nothingFits;
    },
    secretHeaders: [],
    readHeaders: () => read,
    withoutSecret: null,
    sign: sets[0]?.kinds[0]?.sign ?? null,
  };
};

/** Options: the beginnings of the header names. */
export const standardWebhooks: Scheme = {
  name: 'standard-webhooks',
  title: 'Standard Webhooks: HMAC-SHA256 (v1) and Ed25519 (v1a) over id, time and body',
  keys: 'route',
  options,
  compile: (given, { keys }) => compile(given as Options, keys),
};
