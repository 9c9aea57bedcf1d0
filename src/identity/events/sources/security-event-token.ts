/** Security Event Tokens (RFC 8417) with events of RISC and CAEP: the body read here is the claims, verified before. */
import { isObject, type Json } from '../../json-value.ts';
import type { EventKind } from '../event.ts';
import { readInstant } from '../instants.ts';
import type { Item, Mapping, Reading } from '../mapping.ts';
import { compilePlace, opaque } from '../places.ts';

/** By the last part of the event's URI; RISC 1.0 §2, CAEP 1.0 §3, SSF 1.0 §7. */
const kinds: Readonly<Record<string, EventKind>> = {
  'account-disabled': 'suspend',
  'account-enabled': 'resume',
  'account-purged': 'leaver',
  'identifier-changed': 'mover',
  'identifier-recycled': 'mover',
  'account-credential-change-required': 'credential',
  'credential-compromise': 'credential',
  'credential-change': 'credential',
  verification: 'test',
};
const trusted =
  /^https:\/\/schemas\.openid\.net\/secevent\/(?:risc|caep|ssf|sse)\/(?:event-type\/)?([a-z-]+)$/;

const member = (value: Json | undefined, name: string): Json | undefined =>
  compilePlace(name)(value);

/** The user of a subject identifier (RFC 9493); complex ones say it below `user`. */
const personOf = (subject: Json | undefined): Json | undefined =>
  isObject(member(subject, 'user')) ? member(subject, 'user') : subject;

const read = ({ item }: Item): Reading => {
  const events = member(item, 'events');
  const [entry] = isObject(events) ? Object.entries(events) : [];
  const [uri = '', event] = entry ?? [];
  // Two events in one token say two things: neither is acted on.
  const single = isObject(events) && Object.keys(events).length === 1;
  const word = single ? (trusted.exec(uri)?.[1] ?? '') : '';
  const person = personOf(member(item, 'sub_id') ?? member(event, 'subject'));
  const found = {
    id:
      opaque(member(person, 'sub')) ?? opaque(member(person, 'id')) ?? opaque(member(item, 'sub')),
    email: opaque(member(person, 'email')),
    phone: opaque(member(person, 'phone_number')),
    uri: opaque(member(person, 'uri')),
    issuer: opaque(member(person, 'iss')),
  };
  const { id, email, phone, uri: address } = found;
  return {
    id: opaque(member(item, 'jti')),
    kind: (Object.hasOwn(kinds, word) ? kinds[word] : undefined) ?? 'other',
    type: opaque(uri) ?? '',
    subject: id ?? email ?? address ?? phone ?? '',
    keys: Object.fromEntries(
      Object.entries(found).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
    ),
    observedAt:
      readInstant(member(event, 'event_timestamp'), { zone: 'UTC', unit: 's' }) ??
      readInstant(member(item, 'toe'), { zone: 'UTC', unit: 's' }) ??
      readInstant(member(item, 'iat'), { zone: 'UTC', unit: 's' }),
  };
};

export const securityEventToken: Mapping = Object.freeze<Mapping>({
  name: 'set',
  senders: [],
  confidence: 'documented',
  source: 'RFC 8417, RFC 9493; OpenID RISC 1.0, CAEP 1.0, SSF 1.0',
  forms: ['json'],
  lists: [],
  read,
  announces: () => false,
  note: 'A revoked session is `other`. Subjects are `sub`, else the e-mail address.',
});
