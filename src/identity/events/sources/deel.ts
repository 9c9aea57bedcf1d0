/** Deel: `data.meta` says what happened, `data.resource` is one object or a list of them (developer.deel.com). */
import { mapping } from '../by-places.ts';

const inResource = (...names: readonly string[]): readonly string[] =>
  names.flatMap((name) => [`data.resource.${name}`, `data.resource[0].${name}`]);

export const deel = mapping({
  name: 'deel',
  senders: [],
  confidence: 'unverified',
  source:
    'developer.deel.com event payload examples; names of some events and of worker ids unconfirmed',
  forms: ['json'],
  lists: [],
  id: ['data.meta.event_id', 'data.meta.tracking_id'],
  type: ['data.meta.event_type'],
  subject: inResource('worker.id', 'worker_id', 'profile_id', 'hris_profile_id'),
  keys: {
    id: inResource('worker.id', 'worker_id', 'profile_id', 'hris_profile_id'),
    email: inResource('worker.email', 'worker_email', 'email'),
    externalId: inResource('external_id'),
    contractId: inResource('contract_id'),
    organizationId: ['data.meta.organization_id'],
  },
  observedAt: ['data.meta.occurred_at', 'timestamp'],
  effectiveAt: inResource('termination_date', 'effective_date', 'start_date'),
  kinds: {
    'contract.created': 'other',
    'contract.status.updated': 'mover',
    'contract.terminated': 'leaver',
    'contract.termination.confirmed': 'leaver',
    'onboarding.completed': 'joiner',
    'worker.updated': 'mover',
    'employee.updated': 'mover',
  },
  note: 'Enrich contracts: their status and their end decide, not the name of the event.',
});
