/** Auth0: log streams (a list, lines or one object) and event streams (CloudEvents), told apart by their form. */
import { mapping } from '../by-places.ts';
import type { Item, Reading } from '../mapping.ts';
import { compilePlace } from '../places.ts';

const purpose = compilePlace('a0purpose');

const refine = (reading: Reading, { item }: Item): Reading =>
  purpose(item) === 'test' ? { ...reading, kind: 'test' } : reading;

export const auth0 = mapping({
  name: 'auth0',
  senders: ['auth0-log-stream', 'auth0-event-stream'],
  confidence: 'documented',
  source:
    'auth0/docs-v2 log-streams, log event type codes; auth0.com/docs/customize/events/event-types',
  forms: ['json', 'json-lines'],
  lists: ['.'],
  id: ['log_id', 'data.log_id', 'id'],
  type: ['data.type', 'type'],
  subject: ['data.user_id', 'data.object.user_id', 'data.details.body.user_id'],
  keys: {
    id: ['data.user_id', 'data.object.user_id'],
    email: ['data.object.email', 'data.details.body.email'],
    userName: ['data.object.username', 'data.user_name'],
  },
  observedAt: ['data.date', 'time'],
  kinds: {
    // Log streams: codes of the log event type.
    ss: 'joiner',
    sdu: 'leaver',
    limit_wc: 'suspend',
    scp: 'credential',
    sce: 'mover',
    scu: 'mover',
    // Event streams.
    'user.created': 'joiner',
    'user.updated': 'mover',
    'user.deleted': 'leaver',
    'com.auth0.user.created': 'joiner',
    'com.auth0.user.updated': 'mover',
    'com.auth0.user.deleted': 'leaver',
    'organization.member.added': 'group-add',
    'organization.member.deleted': 'group-remove',
  },
  refine,
  note: 'Codes of failed actions are `other`. A blocked account is an update: read `blocked` to tell.',
});
