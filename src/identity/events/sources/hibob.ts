/** HiBob webhooks v2: ids of nineteen digits, and a `triggeredAt` without a zone, which is UTC (apidocs.hibob.com). */
import { mapping } from '../by-places.ts';
import { isObject } from '../../json-value.ts';

export const hibob = mapping({
  name: 'hibob',
  senders: [],
  confidence: 'documented',
  source:
    'apidocs.hibob.com employee-data-webhooks; that triggeredAt is UTC is our reading of its samples',
  forms: ['json'],
  lists: [],
  type: ['type'],
  subject: ['data.employeeId', 'employee.id'],
  keys: {
    id: ['data.employeeId', 'employee.id'],
    companyId: ['companyId'],
    email: ['employee.email'],
    tableId: ['data.tableId'],
  },
  observedAt: [{ at: 'triggeredAt', zone: 'UTC' }],
  effectiveAt: ['data.effectiveDate'],
  changed: ['data.fieldUpdates[].id', 'data.fieldUpdates', 'data.fieldIds'],
  kinds: {
    'employee.created': 'joiner',
    'employee.joined': 'joiner',
    'employee.activated': 'resume',
    'employee.reactivated': 'rehire',
    'employee.updated': 'mover',
    'employee.deleted': 'leaver',
    'employee.left': 'leaver',
    'employee.inactivated': 'suspend',
    'employee.temporaryLeave': 'mover',
    'table.entry.created': 'mover',
    'table.entry.updated': 'mover',
  },
  refine: (reading, { item }) => {
    if (reading.type === '' && isObject(item) && item['text'] !== undefined) {
      return { ...reading, kind: 'test' };
    }
    // Lifecycle events fire on the day itself, in the site's zone; only table entries announce.
    return reading.type?.startsWith('table.') === true
      ? reading
      : { ...reading, effectiveAt: null };
  },
  note: 'employee.left fires on termination or garden leave, whichever comes first. A deleted table entry fires nothing.',
});
