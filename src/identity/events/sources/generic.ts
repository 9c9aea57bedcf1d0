/**
 * Senders without a mapping of their own: the body is one event of no known kind, and its subject is
 * nobody until the route says who. What many senders agree on is read: id, type and time.
 */
import { mapping } from '../by-places.ts';

export const generic = mapping({
  name: 'generic',
  senders: ['custom'],
  confidence: 'documented',
  source: 'none: the names that most senders use',
  forms: ['json', 'json-lines', 'form', 'xml'],
  lists: ['.'],
  id: ['id', 'eventId', 'event_id', 'uuid'],
  type: ['type', 'event', 'eventType', 'event_type', 'event_name', 'action'],
  observedAt: ['timestamp', 'time', 'occurred_at', 'created_at', 'createdAt'],
  kinds: {},
  note: 'The kind is `other` and the subject empty until `event:` of the route says better.',
});
