/** Amazon Simple Notification Service. */
import { z } from 'zod';
import { snsHandshake } from '../handshakes/sns.ts';
import { topicList, versionList } from '../schemes/sns.ts';
import type { Sender } from '../sender.ts';
import { plainSender } from './plain-sender.ts';

/** Rows of the table. */
export const snsSenders: readonly Sender[] = [
  plainSender({
    name: 'aws-sns',
    title: 'AWS SNS',
    confidence: 'documented',
    source: 'docs.aws.amazon.com/sns, sns-verify-signature-of-message',
    scheme: { name: 'sns', options: {} },
    settings: z.strictObject({ topics: topicList, versions: versionList.optional() }),
    id: { at: { body: 'MessageId' }, signed: true },
    time: { at: { body: 'Timestamp' }, unit: 'rfc3339', signed: true },
    // SNS tries for up to six hours, each time with the first time's timestamp.
    toleranceMs: 6 * 3_600_000,
    keeps: ['x-amz-sns-message-type'],
    handshake: snsHandshake,
    note: 'Subscriptions are confirmed by themselves, for listed topics only. Raw delivery is unsigned and refused. Both versions of the signature are taken; `versions: [2]` refuses SHA-1.',
  }),
];
