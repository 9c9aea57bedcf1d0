/** Directories and identity platforms. */
import { graphHandshake } from '../handshakes/graph.ts';
import { oktaChallenge, oktaHandshake } from '../handshakes/okta.ts';
import { staticSettings } from '../schemes/static.ts';
import type { Sender } from '../sender.ts';
import { bodyHmac, plainSender, timedHmac } from './plain-sender.ts';

const plain = { name: 'static', options: { header: 'authorization', form: 'plain' } };

/** Rows of the table. */
export const identitySenders: readonly Sender[] = [
  plainSender({
    name: 'okta',
    title: 'Okta event hook',
    confidence: 'documented',
    source: 'okta/okta-developer-docs, concepts/event-hooks, secure-hooks',
    scheme: plain,
    settings: staticSettings.extend({ challenge: oktaChallenge.optional() }),
    id: { at: { body: 'eventId' }, signed: false },
    time: { at: { body: 'eventTime' }, unit: 'rfc3339', signed: false },
    handshake: oktaHandshake,
    note: 'Signs nothing. Out of order: `published` of each event tells when. Its GET is answered to anybody; `challenge: secret` asks for the secret there too.',
  }),
  plainSender({
    name: 'okta-inline-hook',
    title: 'Okta inline hook',
    confidence: 'documented',
    source: 'okta/okta-developer-docs, concepts/inline-hooks',
    scheme: plain,
    settings: staticSettings,
    id: { at: { body: 'eventId' }, signed: false },
    time: { at: { body: 'eventTime' }, unit: 'rfc3339', signed: false },
    answersWithinMs: 3_000,
    note: 'It waits for the answer: give `answer`.',
  }),
  plainSender({
    name: 'auth0-log-stream',
    title: 'Auth0 log stream',
    confidence: 'documented',
    source: 'auth0/docs-v2, log streams',
    scheme: plain,
    settings: staticSettings,
    note: 'Its authorization is optional there and required here.',
  }),
  plainSender({
    name: 'auth0-event-stream',
    title: 'Auth0 event stream',
    confidence: 'documented',
    source: 'auth0/docs-v2, event streams',
    scheme: { name: 'static', options: { header: 'authorization', form: 'bearer' } },
    id: { at: { body: 'id' }, signed: false },
    time: { at: { body: 'time' }, unit: 'rfc3339', signed: false },
    note: 'CloudEvents.',
  }),
  plainSender({
    name: 'auth0-actions',
    title: 'Auth0 Actions',
    confidence: 'unverified',
    source: 'believed: the code of the action sends what it is written to send',
    scheme: plain,
    settings: staticSettings,
    note: 'Better: sign as Standard Webhooks in the action, and use that sender.',
  }),
  plainSender({
    name: 'workos',
    title: 'WorkOS',
    confidence: 'documented',
    source: 'workos/workos-node, src/webhooks',
    scheme: timedHmac(
      { pair: 't', unit: 'ms' },
      { header: 'workos-signature', pair: 'v1', encoding: 'hex' },
      { between: '.' },
    ),
    id: { at: { body: 'id' }, signed: true },
    time: { at: { header: 'workos-signature' }, unit: 'ms', signed: true },
    toleranceMs: 180_000,
    note: 'Its time is in milliseconds.',
  }),
  plainSender({
    name: 'logto',
    title: 'Logto',
    confidence: 'documented',
    source: 'docs.logto.io, webhooks',
    scheme: bodyHmac({ header: 'logto-signature-sha-256', encoding: 'hex' }),
    note: '',
  }),
  plainSender({
    name: 'sailpoint',
    title: 'SailPoint Identity Security Cloud',
    confidence: 'unverified',
    source: 'developer.sailpoint.com, event triggers',
    scheme: { name: 'static', options: { header: 'authorization', form: 'plain' } },
    settings: staticSettings,
    answersWithinMs: 10_000,
    note: 'Signs nothing; that it sends Basic or Bearer is believed. Fire-and-forget is not sent again.',
  }),
  plainSender({
    name: 'ms-graph',
    title: 'Microsoft Graph, basic notifications',
    confidence: 'documented',
    source: 'microsoftgraph/microsoft-graph-docs-contrib, change-notifications',
    scheme: { name: 'body-token', options: { items: 'value', token: 'clientState' } },
    handshake: graphHandshake,
    note: 'The secret is the `clientState` of the subscription; every item must have it.',
  }),
  plainSender({
    name: 'google-directory',
    title: 'Google Directory push',
    confidence: 'documented',
    source: 'developers.google.com, Admin SDK, push notifications',
    scheme: { name: 'static', options: { header: 'x-goog-channel-token', form: 'plain' } },
    keeps: [
      'x-goog-channel-id',
      'x-goog-channel-expiration',
      'x-goog-message-number',
      'x-goog-resource-id',
      'x-goog-resource-state',
      'x-goog-resource-uri',
    ],
    note: 'The secret is the token of the channel. Channels end and have to be renewed.',
  }),
];
