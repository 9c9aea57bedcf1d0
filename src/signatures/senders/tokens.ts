/** Senders that come with a token by keys that somebody publishes. */
import { z } from 'zod';
import { setRefusal } from '../schemes/set.ts';
import type { Sender } from '../sender.ts';
import { httpsUrl, oneOrMore } from '../token-options.ts';
import { publicAlgorithms } from '../token.ts';
import { plainSender } from './plain-sender.ts';

const day = 86_400_000;
const algorithms = z.array(z.enum(publicAlgorithms)).min(1);
const claims = z.record(
  z.string().max(128),
  z.union([z.string().max(1_024), z.number(), z.boolean()]),
);

/** Rows of the table. */
export const tokenSenders: readonly Sender[] = [
  plainSender({
    name: 'google-pubsub',
    title: 'Google Pub/Sub push',
    confidence: 'documented',
    source: 'cloud.google.com/pubsub/docs/authenticate-push-subscriptions',
    scheme: {
      name: 'jwt',
      options: {
        token: 'bearer',
        algorithms: ['RS256'],
        jwksUri: 'https://www.googleapis.com/oauth2/v3/certs',
        issuer: ['https://accounts.google.com', 'accounts.google.com'],
      },
    },
    // The account is what tells this subscription from those of everybody else at Google.
    settings: z.strictObject({ audience: oneOrMore, email: z.string().min(3).max(320) }),
    id: { at: { body: 'message.messageId' }, signed: false },
    dedupe: { by: 'id', windowMs: 30 * day },
    note: 'The token says which account pushes and is not bound to the body.',
  }),
  plainSender({
    name: 'fusionauth',
    title: 'FusionAuth',
    confidence: 'documented',
    source: 'hookdeck/webhook-skills, fusionauth-webhooks',
    scheme: {
      name: 'jwt',
      options: {
        token: { header: 'x-fusionauth-signature-jwt' },
        algorithms: ['RS256', 'ES256', 'EdDSA', 'HS256'],
        bodyHashClaim: 'request_body_sha256',
        expiry: 'optional',
      },
    },
    settings: z.strictObject({ jwksUri: httpsUrl.optional(), issuer: oneOrMore.optional() }),
    id: { at: { body: 'event.id' }, signed: true },
    note: 'Keys by jwksUri or as keys of the route; a secret (HS256, at least 32 bytes) as one of secrets.',
  }),
  plainSender({
    name: 'set',
    title: 'Security event tokens (RFC 8935)',
    confidence: 'documented',
    source: 'RFC 8417, RFC 8935',
    scheme: { name: 'set', options: {} },
    settings: z.strictObject({
      issuer: oneOrMore,
      audience: oneOrMore,
      jwksUri: httpsUrl.optional(),
      algorithms: algorithms.optional(),
    }),
    id: { at: { body: 'jti' }, signed: true },
    time: { at: { body: 'iat' }, unit: 's', signed: true },
    // A SET has no end: one that waited for a day is as true as before.
    toleranceMs: null,
    refusalForm: setRefusal,
    dedupe: { by: 'id', windowMs: 400 * day },
    note: 'Push only. Refusals are 400 with err and description, as the RFC wants them.',
  }),
  plainSender({
    name: 'jwt',
    title: 'Any sender with a JWT as bearer',
    confidence: 'documented',
    source: 'RFC 7519, RFC 6750',
    scheme: { name: 'jwt', options: { token: 'bearer' } },
    settings: z.strictObject({
      issuer: oneOrMore,
      audience: oneOrMore,
      jwksUri: httpsUrl.optional(),
      algorithms: algorithms.optional(),
      parties: oneOrMore.optional(),
      claims: claims.optional(),
    }),
    note: 'The token says who sends and is not bound to the body; where it has to be, use custom with a body hash claim.',
  }),
];
