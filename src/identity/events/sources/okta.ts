/** Okta event hooks: up to some hundred events in one body, out of order; `published` says when (webhooks.md §2.1). */
import { mapping } from '../by-places.ts';
import type { Item, Reading } from '../mapping.ts';
import { compilePlace } from '../places.ts';

const result = compilePlace('outcome.result');

/** What was tried and did not happen changes nobody. */
const refine = (reading: Reading, { item }: Item): Reading => {
  const outcome = result(item);
  const happened = outcome === undefined || outcome === 'SUCCESS' || outcome === 'ALLOW';
  return happened ? reading : { ...reading, kind: 'other' };
};

export const okta = mapping({
  name: 'okta',
  senders: [],
  confidence: 'unverified',
  source: 'okta-developer-docs concepts/event-hooks, Event Types catalogue; `target[]` unconfirmed',
  forms: ['json'],
  lists: ['data.events'],
  id: ['uuid'],
  type: ['eventType'],
  subject: ['target[type=User].id'],
  keys: {
    id: ['target[type=User].id'],
    userName: ['target[type=User].alternateId'],
    groupId: ['target[type=UserGroup].id'],
    group: ['target[type=UserGroup].displayName'],
  },
  observedAt: ['published'],
  kinds: {
    'user.lifecycle.create': 'joiner',
    'user.lifecycle.activate': 'joiner',
    'user.lifecycle.reactivate': 'joiner',
    'user.lifecycle.deactivate': 'leaver',
    'user.lifecycle.delete.initiated': 'leaver',
    'user.lifecycle.suspend': 'suspend',
    'user.lifecycle.unsuspend': 'resume',
    'user.account.lock': 'suspend',
    'user.account.unlock': 'resume',
    'user.account.update_profile': 'mover',
    'user.account.update_password': 'credential',
    'user.account.reset_password': 'credential',
    'user.mfa.factor.*': 'credential',
    'group.user_membership.add': 'group-add',
    'group.user_membership.remove': 'group-remove',
  },
  refine,
  note: 'An event whose outcome is no success is `other`. The subject is the first user in `target`.',
});
