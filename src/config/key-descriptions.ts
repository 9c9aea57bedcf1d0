/**
 * What each key of the route file is for, as editors show it. By dotted path; `*` stands for any
 * name and for list entries. json-schema.ts puts them into the schema; a test holds it complete.
 */
import { knobList } from '../identity/dialects/knobs.ts';
import { routeSafety, targetSafety, topSafety } from './safety-descriptions.ts';
import { webhookDescriptions } from './webhook-descriptions.ts';

const shared = {
  path: 'URL path prefix this route serves. The longest path by whole segments wins.',
  scim: 'Name of the SCIM target behind this route.',
  normalise: 'Name of the profile whose rules every value passes.',
  before:
    'capture: read and keep the current resource before each change (rollback, conditions, exact PUT); needed: only where a rule asks.',
  verify: 'Actions after which the resource is read back and compared.',
  deletes: 'deactivate: turn a DELETE into a deactivation, judged and recorded as such.',
  turns:
    'gateway: calls of this process take turns at one resource; shared: those of all gateways on the store (PostgreSQL).',
  emptyLists:
    'Endpoints the target does not have: a list there is answered empty with 200, all else refused. For clients whose connection test lists them.',
  trace: "restart: begin a trace of our own; continue: trust the caller's traceparent.",
  bulk: 'SCIM Bulk: unrolled into single calls, decided whole before the first is sent. off: not served.',
  'bulk.operations': 'Operations one Bulk may have; its size is bounded by server.maxBody.',
  ...routeSafety,
  grants: 'Who may do what here. Nothing is allowed that no grant allows; grants never mix.',
} as const;

const limits = {
  reads: 'Rate of reads: 50/s, or { rate: 50/s, burst: 100 }.',
  'reads.rate': 'Calls per second, minute, hour or day: 50/s 600/m 25/h 5/d.',
  'reads.burst': "Calls that may come at once. Default: the rate's own count.",
  writes: 'Rate of changes: 600/m, or { rate: 600/m, burst: 100 }.',
  'writes.rate': 'Calls per second, minute, hour or day: 50/s 600/m 25/h 5/d.',
  'writes.burst': "Calls that may come at once. Default: the rate's own count.",
} as const;

const rule = {
  actions:
    'What may be done: read, create, deactivate … A * never includes delete, password, entitle or update-unknown.',
  write: 'Attributes that create and update may write. Absent: core and enterprise schema.',
  'write.only': 'Only these attributes; a name covers what lies below it.',
  'write.except': 'Not these attributes.',
  'write.denied': 'refuse the whole call, or drop the attributes it may not write.',
  read: 'Attributes that answers, filters and sorting may show. Absent: all.',
  'read.only': 'Only these attributes; a name covers what lies below it.',
  'read.except': 'Not these attributes.',
  only: 'groups: patterns of displayName that may be touched; * is any run of characters.',
  except: 'groups: patterns of displayName that may not be touched.',
  when: 'CEL condition over before, after, changed, client, actions and now. An error in it means no.',
} as const;

const client = {
  owner: 'Who answers for this client: a person or team to write to.',
  purpose: 'What this client is for.',
  expires: 'Last day of this client, 24:00 UTC.',
  auth: 'How it proves who it is: any of these. internal: it never calls; plans act as it.',
  'auth.*.apiKey':
    'A key issued by `sallyport keys issue`, as Bearer token, X-API-Key or Basic password.',
  from: 'Addresses and CIDR ranges it may call from.',
  dialect: 'Hint which SCIM dialect it speaks; quirks are recognised per request anyway.',
  whenHeld: 'What it is told while a change waits for approval: refuse 403, retry 503, accept 202.',
  limits: 'How fast it may call, over all routes.',
} as const;

const target = {
  baseUrl: 'Where the SCIM API begins: /Users lies directly below.',
  tenant:
    'The one real system behind this target; locks and freezes key on it. Default: the origin.',
  dialect: 'How the target departs from RFC 7643 and 7644: a set of knobs under its name.',
  knobs: 'Single deviations, over those of the dialect.',
  ...Object.fromEntries(knobList.map(({ name, title }) => [`knobs.${name}`, title])),
  auth: 'Credentials of the gateway at the target; the first that works is sent.',
  'auth.*.bearer': 'A bearer token, as ${env:NAME} or ${file:path}.',
  'auth.*.basic': 'Basic credentials.',
  'auth.*.basic.username': 'The user name.',
  'auth.*.basic.password': 'The password, as ${env:NAME} or ${file:path}.',
  'auth.*.header': 'A secret in a header of its own.',
  'auth.*.header.name': 'Name of the header.',
  'auth.*.header.value': 'Its value, as ${env:NAME} or ${file:path}.',
  'auth.*.expires': 'Last day of this credential; warned of 30 days ahead.',
  limits: 'How fast and how many calls the target gets, over all clients.',
  'limits.concurrent': 'Calls under way at once.',
  'limits.queue': 'Calls that may wait for a free place.',
  'limits.wait': 'How long a call waits for a place.',
  timeout: 'How long the target may take to answer.',
  settleAfter: 'How long a call in doubt is left alone before it is read back.',
  retry: 'Second attempts of calls that can be repeated safely.',
  'retry.attempts': 'Attempts in all, the first included.',
  'retry.budget': 'Share of calls that may be repeats.',
  breaker: 'When to leave a failing target alone for a while.',
  'breaker.failures': 'Share of failed calls that opens it.',
  'breaker.minimum': 'Calls in the window before the share counts.',
  'breaker.window': 'Over how long failures are counted.',
  'breaker.open': 'How long it stays open.',
  allowPrivate: 'Private CIDR ranges the gateway may connect to. Metadata addresses stay blocked.',
  ...targetSafety,
  schemas:
    'File of the schemas this target declares, relative to this file: `sallyport discover TARGET`.',
  resources: 'Endpoints beside Users and Groups: [Devices] is granted as `devices:`.',
} as const;

const grantKeys = {
  client: 'Name of the client.',
  use: 'Name of the permission. Or write rules here: users:, groups: …',
  limits: 'How fast this grant may be used, beside the limits of the client.',
  mode: 'shadow: refusals of this grant are only recorded. Needs until.',
  until: 'Last day of this grant, 24:00 UTC.',
  urgent:
    'Revocations by this grant alone that take places of their own first, past the guards: 5/h. A plan or client for leavers.',
  me: 'Id of the user at the target whom the client is: what /Me stands for. Default: /Me is 501.',
} as const;

const below = (
  prefix: string,
  table: Readonly<Record<string, string>>,
): readonly (readonly [string, string])[] =>
  Object.entries(table).map(([key, text]) => [`${prefix}.${key}`, text] as const);

const routeAt = (prefix: string) => [
  ...below(prefix, shared),
  ...below(`${prefix}.grants.*`, grantKeys),
  ...below(`${prefix}.grants.*.limits`, limits),
  ...below(`${prefix}.grants.*.*`, rule),
];
const targetAt = (prefix: string) => [
  ...below(prefix, target),
  ...below(`${prefix}.limits`, limits),
];
const clientAt = (prefix: string) => [
  ...below(prefix, client),
  ...below(`${prefix}.limits`, limits),
];

/** Path to text. */
export const keyDescriptions: ReadonlyMap<string, string> = new Map([
  ['version', 'Version of this file format: 1.'],
  ['environment', 'Stamped into keys (spk_production_…) and ledger entries. Default: production.'],
  [
    'include',
    'More files with more of everything below, relative to this file; * stands for any name.',
  ],
  ['defaults', 'Laid under every route, target and client; what is written there wins.'],
  ['defaults.route', 'Laid under every route.'],
  ['defaults.target', 'Laid under every target.'],
  ['defaults.client', 'Laid under every client.'],
  ['server', 'The listener that clients call.'],
  ['server.listen', 'Address as host:port.'],
  [
    'server.publicUrl',
    'What clients see; Location and $ref are rewritten to it. Default: the Host they name.',
  ],
  ['server.maxBody', 'Largest request body.'],
  ['server.trustedProxies', 'CIDR ranges whose Forwarded and X-Forwarded-For are believed.'],
  ['admin', 'The listener for people: console, admin API, health, metrics.'],
  ['admin.listen', 'Address as host:port; never that of server.listen.'],
  ['admin.people', 'Who may use it. `sallyport people issue NAME` makes their tokens.'],
  ['admin.people.*.name', 'Name or e-mail address.'],
  ['admin.people.*.roles', 'What this person may do.'],
  ['admin.people.*.until', 'Last day, 24:00 UTC.'],
  ['store', 'Where ledger, keys and state are kept.'],
  [
    'store.url',
    'sqlite: and a path, relative to the route file; or postgres://HOST[:PORT]/DATABASE[?schema=sallyport&sslmode=verify-full&sslrootcert=PATH].',
  ],
  ['store.user', 'Whom PostgreSQL knows the gateway as; needed with postgres:.'],
  [
    'store.password',
    'The password, as ${env:NAME} or ${file:path}, where PostgreSQL asks for one.',
  ],
  [
    'store.lease',
    'How long a gateway may be silent before another settles for it; 2s to 10m, at least 1s above the timeout of every target. Only with postgres:.',
  ],
  [
    'store.sharedLimits',
    'Redis or Valkey that counts rates for all gateways: redis://HOST[:PORT][/NUMBER], rediss:// for TLS. Default: each gateway counts for itself.',
  ],
  ['store.sharedLimits.url', 'redis://HOST[:PORT][/NUMBER], rediss:// for TLS.'],
  ['store.sharedLimits.user', 'Whom Redis knows the gateway as. Default: its default user.'],
  ['store.sharedLimits.password', 'The password, as ${env:NAME} or ${file:path}.'],
  ['store.encryptionKeys', '32 bytes in base64 each; the first writes, all read.'],
  ['store.checkpoints', 'Signed heads of the ledger, kept outside it.'],
  ['store.checkpoints.key', 'Ed25519 private key, PKCS#8 PEM.'],
  ['store.checkpoints.every', 'Time between two checkpoints.'],
  ['store.checkpoints.to', 'log, or file: and a path.'],
  ['store.retention', 'How long things are kept.'],
  ['store.retention.ledger', 'Entries of the ledger.'],
  ['store.retention.bodies', 'Bodies of changes; needed for rollback.'],
  ['store.retention.deliveries', 'Delivered webhooks.'],
  ['reload', 'careful: a change that allows more waits for a person; auto; manual.'],
  ['clients', 'Non-human identities that call the gateway, by name.'],
  ['targets', 'SCIM APIs behind the gateway, by name.'],
  ['profiles', 'Named sets of normalisation rules.'],
  ['permissions', 'Named sets of rules that grants use.'],
  ['routes', 'What is served, by name.'],
  ...below('permissions.*.*', rule),
  ...clientAt('clients.*'),
  ...clientAt('defaults.client'),
  ...targetAt('targets.*'),
  ...targetAt('defaults.target'),
  ...routeAt('routes.*'),
  ...routeAt('defaults.route'),
  ...webhookDescriptions,
  ...Object.entries(topSafety),
]);
