/**
 * The Idempotency-Key of a mutation (draft-ietf-httpapi-idempotency-key-header): a structured string
 * (RFC 8941 §3.3.3) or, as most clients send it, the bare characters. Nobody asks for that of a read.
 */
import { refuse, type Refusal } from '../errors.ts';

const bare = /^[!#-~]{1,128}$/;
const quoted = /^"((?:[ !#-[\]-~]|\\["\\]){1,256})"$/;
const visible = /^[!-~]{1,128}$/;

/** The key without its quotes, null where there is none; malformed = 400. */
export const readIdempotencyKey = (
  headers: Readonly<Record<string, string | undefined>>,
): string | null | Refusal => {
  const stated = headers['idempotency-key']?.trim();
  if (stated === undefined) return null;
  if (bare.test(stated)) return stated;
  const key = quoted.exec(stated)?.[1]?.replaceAll(/\\(["\\])/g, '$1');
  return key !== undefined && visible.test(key)
    ? key
    : refuse(
        'value_invalid',
        'Idempotency-Key is one string of 1 to 128 visible ASCII characters, best a UUID.',
      );
};
