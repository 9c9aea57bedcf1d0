/** Microsoft Graph: change notifications and lifecycle notifications, which lack everything but the id. */
import { mapping } from '../by-places.ts';
import type { Item, Reading } from '../mapping.ts';
import { compilePlace, opaque } from '../places.ts';

const resource = compilePlace('resource');
/** Rich notifications: what was encrypted stands there in the clear. */
const enabled = compilePlace('content.accountEnabled');
const subscription = compilePlace('subscriptionId');

/**
 * `Users/{id}` and `users('{id}')` are people; groups and the rest are no subjects of a lifecycle.
 * `missed` and what befalls a subscription concern the subscription.
 */
const refine = (reading: Reading, { item }: Item): Reading => {
  const about = opaque(resource(item)) ?? '';
  if (
    reading.type !== undefined &&
    /^(?:missed|subscriptionRemoved|reauthorizationRequired)$/.test(reading.type)
  ) {
    return { ...reading, subject: opaque(subscription(item)) ?? '', keys: {} };
  }
  if (!/(?:^|\/)users(?:\/|\(|$)/i.test(about)) return { ...reading, kind: 'other' };
  const isOff = reading.kind === 'mover' && enabled(item) === false;
  return isOff ? { ...reading, kind: 'suspend' } : reading;
};

export const msGraph = mapping({
  name: 'ms-graph',
  senders: ['ms-graph-rich'],
  confidence: 'documented',
  source: 'microsoft-graph-docs-contrib change-notifications-*, lifecycle events',
  forms: ['json'],
  lists: ['value'],
  id: ['id'],
  type: ['lifecycleEvent', 'changeType'],
  subject: ['resourceData.id'],
  keys: {
    id: ['resourceData.id'],
    tenantId: ['tenantId'],
    userName: ['content.userPrincipalName'],
    email: ['content.mail'],
    employeeNumber: ['content.employeeId'],
  },
  kinds: {
    created: 'joiner',
    updated: 'mover',
    deleted: 'leaver',
    missed: 'missed',
    subscriptionRemoved: 'missed',
    reauthorizationRequired: 'other',
  },
  refine,
  note: 'A disabled account is an update: enrich and read accountEnabled (rich notifications bring it). Removed subscriptions count as missed events.',
});
