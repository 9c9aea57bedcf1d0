/** WorkOS directory sync. An inactive user is one whose access ended, for whatever reason (workos.com/docs). */
import { mapping } from '../by-places.ts';
import { compilePlace } from '../places.ts';

const state = compilePlace('data.state');
const former = compilePlace('data.previous_attributes.state');

export const workos = mapping({
  name: 'workos',
  senders: [],
  confidence: 'documented',
  source: 'workos.com directory-sync/understanding-events; state consolidation of 2023-12-11',
  forms: ['json'],
  lists: [],
  id: ['id'],
  type: ['event'],
  subject: ['data.user.id', 'data.id'],
  keys: {
    id: ['data.user.id', 'data.id'],
    externalId: ['data.user.idp_id', 'data.idp_id'],
    email: ['data.user.email', 'data.email'],
    userName: ['data.user.username', 'data.username'],
    groupId: ['data.group.id'],
    group: ['data.group.name'],
    directoryId: ['data.directory_id'],
  },
  observedAt: ['created_at'],
  changed: ['data.previous_attributes'],
  kinds: {
    'dsync.user.created': 'joiner',
    'dsync.user.updated': 'mover',
    'dsync.user.deleted': 'leaver',
    'dsync.group.user_added': 'group-add',
    'dsync.group.user_removed': 'group-remove',
  },
  refine: (reading, { item }) => {
    if (reading.kind === 'other') return { ...reading, subject: '' };
    if (reading.kind !== 'mover') return reading;
    if (state(item) === 'inactive') return { ...reading, kind: 'suspend' };
    return former(item) === 'inactive' && state(item) === 'active'
      ? { ...reading, kind: 'resume' }
      : reading;
  },
  note: 'An update to inactive is `suspend`, back to active `resume`. Directories themselves are `other`.',
});
