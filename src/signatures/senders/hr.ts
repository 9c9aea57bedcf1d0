/** HR systems and what stands between them: where joiners, movers and leavers come from. */
import { hibobHandshake } from '../handshakes/hibob.ts';
import { staticSettings } from '../schemes/static.ts';
import type { Sender } from '../sender.ts';
import { bodyHmac, plainSender, timedHmac } from './plain-sender.ts';

const basic = { name: 'static', options: { header: 'authorization', form: 'basic' } };
const plain = { name: 'static', options: { header: 'authorization', form: 'plain' } };

/** Rows of the table. */
export const hrSenders: readonly Sender[] = [
  plainSender({
    name: 'bamboohr',
    title: 'BambooHR',
    confidence: 'vector',
    source: 'documentation.bamboohr.com/docs/webhooks; fusebit/integrations bamboohr-connector',
    scheme: {
      name: 'hmac',
      options: {
        parts: ['body', 'time'],
        time: { header: 'x-bamboohr-timestamp', unit: 'either' },
        signature: { header: 'x-bamboohr-signature', encoding: 'hex' },
      },
    },
    time: { at: { header: 'x-bamboohr-timestamp' }, unit: 'either', signed: true },
    note: 'Body and time are signed with nothing between. The time is seen in seconds and as RFC 3339.',
  }),
  plainSender({
    name: 'hibob',
    title: 'HiBob',
    confidence: 'unverified',
    source: 'apidocs.hibob.com/docs/working-with-webhooks',
    scheme: bodyHmac({ header: 'bob-signature', encoding: 'base64' }, 'sha512'),
    handshake: hibobHandshake,
    note: 'SHA-512; that it comes in base64 is believed. Two unsigned pings are answered.',
  }),
  plainSender({
    name: 'personio',
    title: 'Personio',
    confidence: 'documented',
    source: 'developer.personio.de, webhooks',
    scheme: plain,
    settings: staticSettings,
    note: 'Signs nothing: give it a header of its own with a long random value.',
  }),
  plainSender({
    name: 'rippling',
    title: 'Rippling',
    confidence: 'unverified',
    source: 'asyncapi.apis.io (third party)',
    scheme: plain,
    settings: staticSettings,
    note: 'Form-encoded. A static header is what third parties describe; its own pages are silent.',
  }),
  plainSender({
    name: 'deel',
    title: 'Deel',
    confidence: 'unverified',
    source: 'developer.deel.com/docs/webhooks-get-started',
    scheme: {
      name: 'hmac',
      options: {
        parts: ['method', 'body'],
        signature: { header: 'x-deel-signature', encoding: 'hex' },
      },
    },
    note: '`POST` and the body are signed; that it comes in hex is believed.',
  }),
  plainSender({
    name: 'workday',
    title: 'Workday',
    confidence: 'unverified',
    source: 'believed: no signed webhook of its own',
    scheme: basic,
    settings: staticSettings,
    note: 'Integrations send what they are told to; Basic (`user:password`) unless `form` says otherwise.',
  }),
  plainSender({
    name: 'successfactors',
    title: 'SAP SuccessFactors',
    confidence: 'unverified',
    source: 'believed: Intelligent Services and Integration Center send Basic',
    scheme: basic,
    settings: staticSettings,
    note: 'Basic (`user:password`) unless `form` says otherwise.',
  }),
  plainSender({
    name: 'gusto',
    title: 'Gusto',
    confidence: 'unverified',
    source: 'believed: docs.gusto.com, webhooks',
    scheme: bodyHmac({ header: 'x-gusto-signature', encoding: 'hex' }),
    note: 'Header and hex are believed; the key is the verification token of the subscription.',
  }),
  plainSender({
    name: 'greenhouse',
    title: 'Greenhouse',
    confidence: 'documented',
    source: 'developers.greenhouse.io, webhooks',
    scheme: bodyHmac({ header: 'signature', prefix: 'sha256 ', encoding: 'hex' }),
    note: '`sha256`, a blank and the signature.',
  }),
  plainSender({
    name: 'seek',
    title: 'SEEK',
    confidence: 'documented',
    source: 'developer.seek.com, webhooks',
    scheme: bodyHmac({ header: 'seek-signature', encoding: 'hex' }, 'sha512'),
    note: 'SHA-512.',
  }),
  plainSender({
    name: 'kombo',
    title: 'Kombo',
    confidence: 'documented',
    source: 'docs.kombo.dev, webhooks',
    scheme: bodyHmac({ header: 'x-kombo-signature', encoding: 'base64url' }),
    note: '',
  }),
  plainSender({
    name: 'merge',
    title: 'Merge',
    confidence: 'unverified',
    source: 'docs.merge.dev, webhooks; code of integrators',
    scheme: bodyHmac({ header: 'x-merge-webhook-signature', encoding: 'base64url' }),
    note: 'Seen with padding and without; bytes are compared.',
  }),
  plainSender({
    name: 'persona',
    title: 'Persona',
    confidence: 'documented',
    source: 'docs.withpersona.com, webhooks',
    scheme: timedHmac(
      { pair: 't', unit: 's' },
      { header: 'persona-signature', pair: 'v1', encoding: 'hex' },
      { between: '.' },
    ),
    time: { at: { header: 'persona-signature' }, unit: 's', signed: true },
    note: 'While keys rotate, pairs of time and signature stand side by side, parted by blanks.',
  }),
];
