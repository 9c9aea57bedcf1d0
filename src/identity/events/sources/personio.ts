/** Personio: thin events on the day they take effect (developer.personio.de, from its JSON schema). */
import { mapping } from '../by-places.ts';
import type { Reading } from '../mapping.ts';
import { compilePlace } from '../places.ts';

const person = compilePlace('payload.person_id');

/** `payload.id` of an employment is not a person's. */
const withoutId = (keys: Reading['keys'] = {}): Reading['keys'] => {
  const { id, ...rest } = keys;
  return id === undefined ? rest : { employmentId: id, ...rest };
};

export const personio = mapping({
  name: 'personio',
  senders: [],
  confidence: 'unverified',
  source: 'developer.personio.de v2 webhooks: schema read, names inside of payload unconfirmed',
  forms: ['json'],
  lists: [],
  id: ['event_id', 'meta.event_id', 'meta.id'],
  type: ['event_name'],
  subject: ['payload.person_id', 'payload.id'],
  keys: {
    id: ['payload.person_id', 'payload.id'],
    companyId: ['company_id'],
    employmentId: ['payload.employment_id'],
    email: ['payload.email'],
  },
  observedAt: ['occurred_at'],
  changed: ['payload.updated_fields', 'payload.changed_fields'],
  kinds: {
    'person.created': 'joiner',
    'person.updated': 'mover',
    'person.deleted': 'leaver',
    'employment.created': 'mover',
    'employment.updated': 'mover',
    'employment.deleted': 'mover',
    'employment.started': 'joiner',
    'employment.terminated': 'leaver',
  },
  refine: (reading, { item }) =>
    reading.type?.startsWith('employment.') === true && person(item) === undefined
      ? { ...reading, subject: '', keys: { ...withoutId(reading.keys) } }
      : reading,
  note: 'employment.started and employment.terminated fire on the day itself.',
});
