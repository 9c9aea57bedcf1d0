/** Envelopes without a meaning of their own: CloudEvents and Standard Webhooks. Kind and subject are the route's to say. */
import { mapping } from '../by-places.ts';

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
