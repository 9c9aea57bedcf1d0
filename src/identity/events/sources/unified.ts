/** Unified HR interfaces: Finch, Kombo, Merge. They say that data changed; seldom what, never as a lifecycle. */
import { mapping } from '../by-places.ts';

export const finch = mapping({
  name: 'finch',
  senders: [],
  confidence: 'documented',
  source: 'developer.tryfinch.com developer-resources/Webhooks',
  forms: ['json'],
  lists: [],
  id: ['#finch-event-id'],
  type: ['event_type'],
  subject: ['data.individual_id'],
  keys: { id: ['data.individual_id'], connectionId: ['connection_id'], companyId: ['company_id'] },
  kinds: {
    'individual.created': 'joiner',
    'individual.updated': 'mover',
    'individual.deleted': 'leaver',
    'employment.created': 'mover',
    'employment.updated': 'mover',
    'employment.deleted': 'mover',
    'directory.created': 'joiner',
    'directory.deleted': 'leaver',
    test: 'test',
  },
  note: 'A termination is an updated employment: enrich and read is_active and end_date.',
});

export const kombo = mapping({
  name: 'kombo',
  senders: [],
  confidence: 'documented',
  source: 'docs.kombo.dev webhooks',
  forms: ['json'],
  lists: [],
  id: ['id'],
  type: ['type'],
  subject: [],
  keys: { integrationId: ['data.integration_id'], tool: ['data.integration_tool'] },
  changed: ['data.changed_models[].name'],
  kinds: {},
  note: 'It names tables, not people: read what changed, by updated_after.',
});

export const merge = mapping({
  name: 'merge',
  senders: [],
  confidence: 'unverified',
  source: 'docs.merge.dev webhooks; names inside of data unconfirmed',
  forms: ['json'],
  lists: [],
  id: ['hook.id'],
  type: ['hook.event'],
  subject: ['data.id'],
  keys: {
    id: ['data.id'],
    externalId: ['data.remote_id'],
    employeeNumber: ['data.employee_number'],
    email: ['data.work_email'],
    userName: ['data.username'],
    linkedAccountId: ['linked_account.id'],
  },
  observedAt: ['data.modified_at'],
  changed: ['data.changed_fields', 'changed_fields'],
  kinds: {
    'Employee.created': 'joiner',
    'Employee.added': 'joiner',
    'Employee.changed': 'mover',
    'Employee.updated': 'mover',
    'Employee.removed': 'leaver',
    'Employee.deleted': 'leaver',
  },
  refine: (reading) =>
    reading.type?.startsWith('Employee.') === true ? reading : { ...reading, subject: '' },
  note: 'A leaver is a changed employee whose employment_status says so.',
});
