/** BambooHR: one event by type, or many employees by field; as JSON or as a form (documentation.bamboohr.com). */
import { mapping } from '../by-places.ts';

export const bamboohr = mapping({
  name: 'bamboohr',
  senders: [],
  confidence: 'documented',
  source: 'documentation.bamboohr.com event-based-webhooks, field-based-webhooks',
  forms: ['json', 'form'],
  lists: ['employees'],
  type: ['type', 'action'],
  subject: ['data.employeeId', 'id'],
  keys: {
    id: ['data.employeeId', 'id'],
    companyId: ['data.companyId'],
    employeeNumber: ['fields.employeeNumber.value', 'fields.Employee #.value'],
    email: ['fields.workEmail.value'],
  },
  observedAt: ['timestamp', '^timestamp'],
  changed: ['data.changedFields', 'changedFields'],
  kinds: {
    'employee.created': 'joiner',
    'employee.updated': 'mover',
    'employee.deleted': 'leaver',
    Created: 'joiner',
    Updated: 'mover',
    Deleted: 'leaver',
  },
  // Field-based bodies that say no action are still changes of somebody.
  refine: (reading, { item, body }) =>
    reading.type === '' && item !== body ? { ...reading, kind: 'mover' } : reading,
  note: 'A termination is an update of the status: enrich to tell. A hire fires created and updated.',
});
