/** Rippling: forms, some minutes late, with an id and little more (fields from its AsyncAPI). */
import { mapping } from '../by-places.ts';

export const rippling = mapping({
  name: 'rippling',
  senders: [],
  confidence: 'unverified',
  source: 'AsyncAPI description of Rippling: no captured sample',
  forms: ['form', 'json'],
  lists: ['events'],
  id: ['event_id', 'id'],
  type: ['event_name', 'event_type'],
  subject: ['employee_id', 'role_id', 'employee', 'resource_id'],
  keys: {
    id: ['employee_id', 'role_id', 'employee', 'resource_id'],
    companyId: ['company_id', '^company_id'],
    email: ['employee_email', 'work_email'],
  },
  observedAt: ['timestamp', 'occurred_at'],
  kinds: {
    'employee.hired': 'joiner',
    'employee.created': 'joiner',
    'employee.updated': 'mover',
    'employee.terminated': 'leaver',
    'employee.departed': 'leaver',
    'employee.deleted': 'leaver',
    'user.created': 'joiner',
    'user.updated': 'mover',
    'user.deleted': 'leaver',
    'group.member.added': 'group-add',
    'group.member.removed': 'group-remove',
  },
  note: 'Names of events are believed, not confirmed. No signature: anybody who knows the address can write one.',
});
