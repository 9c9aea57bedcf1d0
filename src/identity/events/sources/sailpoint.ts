/** SailPoint Identity Security Cloud event triggers: the trigger is named in `_metadata` (developer.sailpoint.com). */
import { mapping } from '../by-places.ts';

export const sailpoint = mapping({
  name: 'sailpoint',
  senders: [],
  confidence: 'documented',
  source: 'developer.sailpoint.com event triggers, models identityattributeschanged and its like',
  forms: ['json'],
  lists: [],
  id: ['_metadata.invocationId', 'id'],
  type: ['_metadata.triggerId'],
  subject: ['identity.id'],
  keys: {
    id: ['identity.id'],
    name: ['identity.name'],
    email: ['attributes.email'],
    userName: ['attributes.uid'],
  },
  observedAt: ['created', 'modified'],
  changed: ['changes[].attribute'],
  kinds: {
    'idn:identity-created': 'joiner',
    'idn:identity-attributes-changed': 'mover',
    'idn:identity-deleted': 'leaver',
  },
  note: 'A leaver is a changed lifecycle state: give `kind` by event.raw.changes.',
});
