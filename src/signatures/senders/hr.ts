/** HR systems: where joiners, movers and leavers come from. */
import type { Sender } from '../sender.ts';
import { plainSender } from './plain-sender.ts';

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
    note: 'Body and time are signed without anything between; guides that say otherwise are wrong. The time comes as seconds or as RFC 3339.',
  }),
];
