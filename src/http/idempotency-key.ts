/**
 * The Idempotency-Key of a mutation (draft-ietf-httpapi-idempotency-key-header): a structured string
 * (RFC 8941 §3.3.3) or, as most clients send it, the bare characters. Ignored on reads.
 */
import { refuse, type Refusal } from '../errors.ts';
import { isMutation, type Operation } from '../identity/operation.ts';

const bare = /^[!#-~]{1,128}$/;
const quoted = /^"((?:[ !#-[\]-~]|\\["\\]){1,256})"$/;
const visible = /^[!-~]{1,128}$/;

/** The key without its quotes, null where there is none; malformed = 400. */
export const readIdempotencyKey = (
  headers: Readonly<Record<string, string | undefined>>,
  operation: Operation,
): string | null | Refusal => {
  const stated = headers['idempotency-key']?.trim();
  if (stated === undefined || !isMutation(operation)) return null;
  if (bare.test(stated)) return stated;
  const key = quoted.exec(stated)?.[1]?.replaceAll(/\\(["\\])/g, '$1');
  return key !== undefined && visible.test(key)
    ? key
    : refuse(
        'value_invalid',
        'Idempotency-Key is one string of 1 to 128 visible ASCII characters, best a UUID.',
      );
};
