/**
 * What the keys of webhook routes and plans are for, as editors show it. Options of schemes and
 * settings of single senders come from their tables: words by what they mean everywhere, the rest by
 * whose they are.
 */
import { schemes, senders } from '../signatures/table.ts';

const key = {
  id: 'How the key is named in traces and in the store. Default: its place, such as secrets[0].',
  from: 'First day on which it fits, 00:00 UTC.',
  until: 'Last day on which it fits, 24:00 UTC. For a rotation: the old one with its last day.',
} as const;

const route = {
  webhook: 'Who sends here, and how it is proven.',
  'webhook.scheme': 'The sender, or custom with a template of its own.',
  'webhook.secrets': 'Secrets it signs with or presents, as ${env:NAME} or ${file:path}. Any fits.',
  'webhook.secrets.*.value': 'The secret, as ${env:NAME} or ${file:path}.',
  ...Object.fromEntries(
    Object.entries(key).map(([name, text]) => [`webhook.secrets.*.${name}`, text]),
  ),
  'webhook.keys': 'Public keys it signs with, written out or as references. Any fits.',
  'webhook.keys.*.key': 'The public key, or ${env:NAME} or ${file:path}.',
  ...Object.fromEntries(
    Object.entries(key).map(([name, text]) => [`webhook.keys.*.${name}`, text]),
  ),
  'webhook.template': 'scheme custom: the options of one scheme, and where id and time stand.',
  'webhook.tolerance': 'How far a signed time may lie from ours, either way. Default: by sender.',
  'webhook.dedupe': 'How repeats are told. Default: by sender.',
  'webhook.dedupe.window': 'For how long.',
  'webhook.dedupe.by':
    'id; signature: id, and body with signature too; body: where the sender has neither id nor time, at most 10m; none.',
  'webhook.challenge':
    'Only for Okta event hook: its challenge (GET) is answered to anybody (open, the default) or asks for the secret.',
  'webhook.versions':
    'Only for AWS SNS: versions of the signature that are taken. Default: [1, 2]; [2] refuses SHA-1.',
  'webhook.rate': 'Verified messages let in: 600/m. What is not verified is limited by address.',
  'webhook.rate.rate': 'Messages per second, minute, hour or day: 50/s 600/m 25/h 5/d.',
  'webhook.rate.burst': "Messages that may come at once. Default: the rate's own count.",
  'webhook.maxBody': 'Largest body. Default: that of server.maxBody.',
  'webhook.silentAfter': 'Report this source as silent when nothing came for so long.',
  'webhook.answer': 'Senders that wait: what they are told where no delivery answers.',
  'webhook.answer.within': 'How long an answer may take. Default: as long as the sender waits.',
  'webhook.answer.otherwise': 'The JSON that is said where there is none in time.',
  enrich: 'One GET at a target before a delivery is tried; what it gave is `enriched`.',
  'enrich.target': 'Name of the target that is asked, with its own credential.',
  'enrich.get':
    'Path below its baseUrl, with CEL in braces: /v1/employees/{event.subject}. Values are encoded.',
  event: "What a message means, over the sender's own mapping: CEL over event and enriched.",
  deliver: 'Where events go, each for itself, in order per subject.',
  'deliver.*.name': 'Name of this delivery; its lane is route/name.',
  'deliver.*.to':
    'Name of the target that the bytes are passed on to. Not one behind a SCIM route.',
  'deliver.*.plan': 'Name of the plan that is run.',
  'deliver.*.path': "Path below the target's baseUrl.",
  'deliver.*.sign': 'How what is passed on is signed; none: not at all.',
  'deliver.*.sign.scheme': 'Name of the scheme. Default: standard-webhooks.',
  'deliver.*.sign.secret': 'Its secret, as ${env:NAME} or ${file:path}.',
  'deliver.*.sign.template': 'scheme custom: the options of one scheme.',
  'deliver.*.order': 'CEL over event: what must stay in order. Default: event.subject.',
  'deliver.*.when': 'CEL condition over event and enriched. Absent: every event.',
  'deliver.*.attempts': 'Tries until it is dead.',
  'deliver.*.concurrent': 'Deliveries under way at once.',
  'deliver.*.answers': 'The sender waits, and is told what this target answers.',
} as const;

const plan = {
  as: 'Client with `auth: internal` that it acts as; its grants apply.',
  deadline: 'How long one run may take; 1s to 1h.',
  steps: 'What is done, one after the other; together one change.',
  'steps.*.name': 'Name of the step.',
  'steps.*.route': 'Name of the SCIM route it goes through.',
  'steps.*.type': 'Resource: users, groups …',
  'steps.*.find':
    'Attribute path to CEL: whom it concerns. All must be equal; several hits never guess.',
  'steps.*.do': 'What is done.',
  'steps.*.set': 'Attribute path to CEL: values of what is created or changed.',
  'steps.*.group': 'CEL that gives the displayName of the group.',
  'steps.*.when': 'CEL condition over event and enriched. Absent: always.',
  'steps.*.verify': 'Read back and compare.',
  'steps.*.absent':
    'No hit: skip (the wish holds already; default of deactivate, delete, remove-member) or fail.',
} as const;

const under = (
  prefix: string,
  table: Readonly<Record<string, string>>,
): readonly (readonly [string, string])[] =>
  Object.entries(table).map(([name, text]) => [`${prefix}.${name}`, text] as const);

/** Path to text. */
export const webhookDescriptions: readonly (readonly [string, string])[] = [
  ...under('routes.*', route),
  ['plans', 'Steps that together are one change, run for an event, by name.'],
  ...under('plans.*', plan),
];

/** Words that mean the same in every scheme and place. */
const words: ReadonlyMap<string, string> = new Map([
  ['algorithm', 'The hash it is made with.'],
  ['key', 'How the key is written.'],
  ['parts', 'What is signed, in order: body, id, time, url, method, form, a text, a header.'],
  ['text', 'This text itself.'],
  ['header', 'Name of the header.'],
  ['query', 'Name of the parameter in the query.'],
  ['body', 'Path in the JSON body, with dots between names.'],
  ['at', 'Where it stands.'],
  ['unit', 'How it is written: s, ms, rfc3339, either.'],
  ['pair', 'Its name among the pairs of the header: t=…,v1=….'],
  ['separator', 'What stands between several signatures.'],
  ['prefix', 'What stands before each signature: sha256=.'],
  ['encoding', 'How the bytes are written.'],
  ['signature', 'Where signatures stand, and how they are written.'],
  ['urlPorts', 'The URL is tried as it came, with its port and without it.'],
  ['bodyHash', 'Parameter of the query that holds the SHA-256 of a body that is no form.'],
  ['form', 'How the header holds the secret: plain, bearer, basic.'],
  ['id', "The sender's id of the message."],
  ['time', "The sender's time of the message."],
  ['sequence', "Number in the sender's sequence."],
  ['retry', 'Which try of the sender this is.'],
  ['keep', 'Headers to keep beside those that verifying needs.'],
]);

const optionPath =
  /^(?:routes\.\*\.(?:webhook|deliver\.\*\.sign)|holds\.notify\.\*\.sign)\.template\.(.+)$/;
const settingPath = /^routes\.\*\.webhook\.([A-Za-z]+)/;

/** What an option of a scheme or a setting of single senders is for; undefined for any other path. */
export const describeOption = (path: string): string | undefined => {
  const steps = optionPath.exec(path)?.[1]?.split('.');
  if (steps !== undefined) {
    const scheme = schemes[steps[0] ?? ''];
    if (scheme !== undefined && steps.length === 1) return scheme.title;
    const word = words.get(steps.at(-1) ?? '');
    return word ?? (scheme === undefined ? undefined : `Of scheme ${scheme.name}: ${scheme.title}`);
  }
  const setting = settingPath.exec(path)?.[1] ?? '';
  const takers = Object.values(senders).filter(({ settings }) =>
    Object.hasOwn(settings?.shape ?? {}, setting),
  );
  return takers.length === 0
    ? undefined
    : `Only for ${takers.map(({ title }) => title).join(', ')}.`;
};
