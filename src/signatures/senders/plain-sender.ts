/** What most senders have in common, so that a descriptor says only what is its own. */
import { dedupeFor } from '../dedupe.ts';
import type { Sender, TimeUnit } from '../sender.ts';

type Needed = 'name' | 'title' | 'confidence' | 'source' | 'scheme' | 'note';

/** Window of senders that sign their time, unless they say otherwise: five minutes. */
const toleranceMs = 300_000;

/** A sender that takes no settings, has no handshake and is answered with 202, unless it says so. */
export const plainSender = (own: Pick<Sender, Needed> & Partial<Omit<Sender, Needed>>): Sender => {
  const { id = null, time = null } = own;
  return {
    settings: null,
    id,
    time,
    toleranceMs: time?.signed === true ? toleranceMs : null,
    sequence: null,
    retry: null,
    handshake: null,
    ack: { status: 202, body: null },
    refusalForm: null,
    dedupe: dedupeFor({ id, time, scheme: own.scheme.name }),
    answersWithinMs: null,
    ...own,
  };
};

/** An HMAC of the body alone, in one header. */
export const bodyHmac = (
  signature: Readonly<{
    header: string;
    encoding: 'hex' | 'base64' | 'base64url';
    prefix?: string;
    separator?: 'space' | 'comma';
    pair?: string;
  }>,
  algorithm: 'sha256' | 'sha512' = 'sha256',
): Sender['scheme'] => ({ name: 'hmac', options: { parts: ['body'], signature, algorithm } });

/** Time and body, parted by a literal or by nothing. */
export const timedHmac = (
  time: Readonly<{ header: string; unit: TimeUnit } | { pair: string; unit: TimeUnit }>,
  signature: Readonly<{
    header: string;
    encoding: 'hex' | 'base64';
    prefix?: string;
    pair?: string;
  }>,
  around: Readonly<{ before?: string; between?: string }> = {},
): Sender['scheme'] => {
  const { before, between } = around;
  const literal = (text: string | undefined) => (text === undefined ? [] : [{ text }]);
  return {
    name: 'hmac',
    options: {
      parts: [...literal(before), 'time', ...literal(between), 'body'],
      time,
      signature,
    },
  };
};
