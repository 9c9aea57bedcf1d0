/**
 * `/Me` (RFC 7644 §3.11): another name of one user, the subject that a grant maps the client to. It
 * is read as that user's own address, so everything after reading knows `/Users/{id}` alone.
 */
import { refuse } from '../../errors.ts';
import type { Refusal } from '../../errors.ts';
import type { Operation } from '../operation.ts';
import { resourceLink } from './links.ts';

const endpoint = 'me';

/** Do these raw segments after the route's prefix address `/Me`, in any letter case? */
export const isMe = (segments: readonly string[]): boolean =>
  segments[0]?.toLowerCase() === endpoint;

/** §3.11 allows 501 where nobody said who the client is. */
export const meUnmapped: Refusal = refuse(
  'not_supported',
  '/Me is not served to this client, for no grant says which user it is; address the user by id.',
);

/** A POST to /Me would make somebody; whom a client is stands in its grant alone. */
export const meNotCreated: Refusal = refuse(
  'not_supported',
  'Nobody is created at /Me; create a user at /Users.',
);

/** The permanent address that an answer to /Me names in `Location`; null for any other call. */
export const permanentLocation = (
  segments: readonly string[],
  operation: Operation,
  publicBase: string,
): string | null =>
  isMe(segments) && 'id' in operation && operation.verb !== 'discover'
    ? resourceLink(publicBase, operation.type.endpoint, operation.id)
    : null;
