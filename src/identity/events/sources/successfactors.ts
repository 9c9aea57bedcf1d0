/** SAP SuccessFactors Event Notification: SOAP, epoch milliseconds, thin; `effective=future` announces. */
import { isObject } from '../../json-value.ts';
import { mapping } from '../by-places.ts';
import type { Item, Reading } from '../mapping.ts';
import { compilePlace, opaque } from '../places.ts';

const metas = ['Envelope.Body.ExternalEvent', 'ExternalEvent'].map((root) =>
  compilePlace(`${root}.externalEventMeta`),
);
const entity = compilePlace('entityType');

/** What stands around the events belongs to each: it says what happened. */
const refine = (reading: Reading, { item, body }: Item): Reading => {
  const meta = metas.map((find) => find(body)).find((one) => one !== undefined);
  if (!isObject(item) || meta === undefined) return reading;
  const [id, about] = [reading.id, opaque(entity(item))];
  return {
    ...reading,
    id: id === undefined || id === null ? null : [id, about, reading.subject].join(':'),
    raw: { externalEventMeta: meta, ...item },
  };
};

const meta = (name: string): readonly string[] => [
  `^Envelope.Body.ExternalEvent.externalEventMeta.${name}`,
  `^ExternalEvent.externalEventMeta.${name}`,
];
const effective = compilePlace('externalEventMeta.effective');

export const successfactors = mapping({
  name: 'successfactors',
  senders: [],
  confidence: 'unverified',
  source: 'SAP Help, Event Notification Service; names of entity keys and other types unconfirmed',
  forms: ['xml'],
  lists: ['Envelope.Body.ExternalEvent.events.event', 'ExternalEvent.events.event'],
  id: meta('externalEventId'),
  type: meta('type'),
  subject: [
    'params.param[name=personIdExternal].value',
    'entityKeys.entityKey[name=personIdExternal].value',
    'entityKeys.entityKey[name=userId].value',
    'params.param[name=userId].value',
  ],
  keys: {
    id: ['entityKeys.entityKey[name=userId].value', 'params.param[name=userId].value'],
    employeeNumber: [
      'params.param[name=personIdExternal].value',
      'entityKeys.entityKey[name=personIdExternal].value',
    ],
  },
  observedAt: meta('publishedAt').map((at) => ({ at, unit: 'ms' as const })),
  effectiveAt: ['effectiveStartDate'],
  kinds: {
    'com.successfactors.Employment.AssignmentInformation.Hire': 'joiner',
    'com.successfactors.Employment.AssignmentInformation.Rehire': 'rehire',
    'com.successfactors.Employment.AssignmentInformation.Termination': 'leaver',
    'com.successfactors.Employment.AssignmentInformation.*': 'mover',
    'com.successfactors.PersonalInformation.*': 'mover',
  },
  refine,
  announces: ({ raw }) => effective(raw) === 'future',
  note: 'The subject is personIdExternal, else userId. Days begin in `zone` of the route.',
});
