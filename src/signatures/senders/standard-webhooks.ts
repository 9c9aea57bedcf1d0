/** Standard Webhooks and those who took its shape. */
import { plainSender } from './plain-sender.ts';
import type { Sender } from '../sender.ts';

/** Rows of the table. */
export const standardWebhooksSenders: readonly Sender[] = [
  plainSender({
    name: 'standard-webhooks',
    title: 'Standard Webhooks',
    confidence: 'vector',
    source: 'standard-webhooks/standard-webhooks, spec/standard-webhooks.md',
    scheme: {
      name: 'hmac',
      options: {
        parts: ['id', { text: '.' }, 'time', { text: '.' }, 'body'],
        id: { header: 'webhook-id' },
        time: { header: 'webhook-timestamp', unit: 's' },
        signature: {
          header: 'webhook-signature',
          separator: 'space',
          prefix: 'v1,',
          encoding: 'base64',
        },
        key: 'whsec',
      },
    },
    id: { at: { header: 'webhook-id' }, signed: true },
    time: { at: { header: 'webhook-timestamp' }, unit: 's', signed: true },
    note: '',
  }),
];
