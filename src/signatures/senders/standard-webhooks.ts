/** Standard Webhooks and those who took its shape. */
import type { Sender } from '../sender.ts';
import { plainSender } from './plain-sender.ts';

const row = (
  own: Pick<Sender, 'name' | 'title' | 'confidence' | 'source' | 'note'>,
  headers: readonly [string, ...string[]],
): Sender =>
  plainSender({
    ...own,
    scheme: { name: 'standard-webhooks', options: { headers } },
    id: { at: { header: `${headers[0]}-id` }, signed: true },
    time: { at: { header: `${headers[0]}-timestamp` }, unit: 's', signed: true },
  });

/** Rows of the table. */
export const standardWebhooksSenders: readonly Sender[] = [
  row(
    {
      name: 'standard-webhooks',
      title: 'Standard Webhooks',
      confidence: 'vector',
      source: 'standard-webhooks/standard-webhooks, spec/standard-webhooks.md',
      note: 'Keys are `whsec_…` (v1), `whpk_…` or `whsk_…` (v1a); each may stand beside the other.',
    },
    ['webhook'],
  ),
  row(
    {
      name: 'svix',
      title: 'Svix',
      confidence: 'vector',
      source: 'svix/svix-webhooks; Standard Webhooks',
      note: 'Standard Webhooks, under `svix-` or `webhook-` headers.',
    },
    ['svix', 'webhook'],
  ),
  row(
    {
      name: 'finch',
      title: 'Finch',
      confidence: 'documented',
      source: 'npm @tryfinch/finch-api',
      note: 'Standard Webhooks under `finch-` headers; the secret is base64 of 24 to 64 bytes.',
    },
    ['finch'],
  ),
];
