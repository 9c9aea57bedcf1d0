/** Envelopes without a meaning of their own: CloudEvents, Standard Webhooks and SNS. Kind and subject are the route's to say. */
import { isObject } from '../../json-value.ts';
import { mapping } from '../by-places.ts';
import { openJson } from '../open-body.ts';

export const cloudevents = mapping({
  name: 'cloudevents',
  senders: [],
  confidence: 'documented',
  source: 'CloudEvents 1.0, JSON format and HTTP binding',
  forms: ['json'],
  lists: ['.'],
  id: ['#ce-id', 'id'],
  type: ['#ce-type', 'type'],
  keys: { source: ['#ce-source', 'source'] },
  observedAt: ['#ce-time', 'time'],
  kinds: {},
  note: 'The attribute `subject` names a thing at its source: give `subject: event.raw.subject` where that is the person.',
});

export const standardWebhooks = mapping({
  name: 'standard-webhooks',
  senders: ['svix'],
  confidence: 'documented',
  source: 'standard-webhooks/standard-webhooks spec: payload structure',
  forms: ['json'],
  lists: [],
  id: ['#webhook-id', '#svix-id'],
  type: ['type'],
  observedAt: ['timestamp'],
  kinds: {},
  note: 'The kind is `other` and the subject empty until `event:` of the route says better.',
});

export const awsSns = mapping({
  name: 'aws-sns',
  senders: [],
  confidence: 'documented',
  source: 'docs.aws.amazon.com/sns: message and JSON formats over HTTP',
  forms: ['json'],
  lists: [],
  id: ['MessageId'],
  type: ['Subject', 'Type'],
  keys: { topic: ['TopicArn'] },
  observedAt: ['Timestamp'],
  kinds: { SubscriptionConfirmation: 'test', UnsubscribeConfirmation: 'missed' },
  refine: (reading, { item }) => {
    const message = isObject(item) ? item['Message'] : undefined;
    const opened = typeof message === 'string' ? openJson(message) : null;
    if (!isObject(item) || opened === null || 'unreadable' in opened) return reading;
    return { ...reading, raw: { ...item, Message: opened.body } };
  },
  note: 'event.raw.Message is the decoded message, where it is JSON; kind and subject are the publisher’s to say.',
});
