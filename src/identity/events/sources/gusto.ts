/** Gusto: announces terminations and rehires, makes them effective, takes them back; never with the date (docs.gusto.com). */
import { mapping } from '../by-places.ts';

export const gusto = mapping({
  name: 'gusto',
  senders: [],
  confidence: 'documented',
  source: 'docs.gusto.com employee-events, changelog on effective terminations and rehires',
  forms: ['json'],
  lists: [],
  id: ['uuid'],
  type: ['event_type'],
  subject: ['entity_uuid'],
  keys: { id: ['entity_uuid'], companyId: ['resource_uuid'], entityType: ['entity_type'] },
  observedAt: [{ at: 'timestamp', unit: 's' }],
  kinds: {
    'employee.created': 'joiner',
    'employee.onboarded': 'mover',
    'employee.updated': 'mover',
    'employee.deleted': 'leaver',
    'employee.terminated': { kind: 'leaver', dated: true },
    'employee.terminated_effective': 'leaver',
    'employee.termination_effective': 'leaver',
    'employee.termination_cancelled': { kind: 'cancel', cancels: ['leaver'] },
    'employee.rehired': { kind: 'rehire', dated: true },
    'employee.rehire_effective': 'rehire',
    'employee.rehire_cancelled': { kind: 'cancel', cancels: ['rehire'] },
  },
  note: 'terminated and rehired only announce: without an `effectiveAt` from enrichment they are `other`; the day itself brings *_effective.',
});
