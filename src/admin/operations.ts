/** The table of admin operations (interface.md §4, §5). A new one is one entry here. */
import { z } from 'zod';
import {
  issueKey,
  listKeys,
  revokeKey,
  rotateKey,
  type KeyOrder,
  type ShownKey,
} from '../callers/keys.ts';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { parseLedgerId, type KeyId, type LedgerId } from '../ids.ts';
import { exportFormats } from '../ledger/export.ts';
import { parseDurationMs } from '../scalars.ts';
import type { Snapshot } from '../snapshot.ts';
import { deliveryOperations } from './delivery-operations.ts';
import { driftOperations } from './drift-operations.ts';
import { eventOperations } from './event-operations.ts';
import { freezeOperations } from './freeze-operations.ts';
import { holdOperations } from './hold-operations.ts';
import { instant, instantOf, iso, json, text } from './input.ts';
import { operation, type AdminOperation } from './operation.ts';
import { rollbackOperations } from './rollback-operations.ts';
import { safetyOperations } from './safety-operations.ts';
import { reportOperations } from './report-operations.ts';
import { storeOperations } from './store-operations.ts';

const expires = z
  .string()
  .refine((value) => endOf(value, 0) !== null, 'write a duration such as 90d, or a date YYYY-MM-DD')
  .optional();

const endOf = (value: string, now: number): number | null => {
  const life = parseDurationMs(value);
  if (life !== null) return now + life;
  const start = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(value) ? Date.parse(`${value}T00:00:00Z`) : NaN;
  return Number.isNaN(start) ? null : start + 86_400_000;
};

const wantedEnd = (value: string | undefined, now: number) => {
  const at = value === undefined ? null : endOf(value, now);
  return at === null ? {} : { expiresAt: at };
};

type Holder = Pick<KeyOrder, 'kind' | 'holderExpiresAt' | 'holderInternal'>;

const clientHolder = (snapshot: Snapshot, name: string): Holder | Refusal => {
  const client = Object.hasOwn(snapshot.clients, name) ? snapshot.clients[name] : undefined;
  return client === undefined
    ? refuse('value_invalid', 'There is no such client in the configuration.')
    : {
        kind: 'client',
        holderExpiresAt: client.expiresAt,
        holderInternal: client.internal,
      };
};

const personHolder = (snapshot: Snapshot, name: string): Holder | Refusal => {
  const { people } = snapshot.admin;
  const person = Object.hasOwn(people, name) ? people[name] : undefined;
  return person === undefined
    ? refuse('value_invalid', 'There is no such person under admin.people.')
    : { kind: 'person', holderExpiresAt: person.until };
};

/** A key as people read it: instants in RFC 3339. */
const readable = (key: ShownKey) => ({
  ...key,
  issuedAt: iso(key.issuedAt),
  expiresAt: iso(key.expiresAt),
  revokedAt: iso(key.revokedAt),
  lastUsedAt: iso(key.lastUsedAt),
});

type Issue = Readonly<{
  holder: string;
  expires?: string | undefined;
  overlap?: string | undefined;
}>;
type HolderOf = typeof clientHolder;

const issuing =
  (holderOf: HolderOf, act: 'issue' | 'rotate'): AdminOperation<Issue>['run'] =>
  async ({ keys, snapshot, clock }, person, input) => {
    const holder = holderOf(snapshot(), input.holder);
    if (isRefusal(holder)) return holder;
    const order: KeyOrder = {
      ...holder,
      holder: input.holder,
      environment: snapshot().environment,
      issuedBy: person.name,
      ...wantedEnd(input.expires, clock.now()),
    };
    const overlapMs = input.overlap === undefined ? null : parseDurationMs(input.overlap);
    const made =
      act === 'issue'
        ? await issueKey(keys, order)
        : await rotateKey(keys, { ...order, ...(overlapMs === null ? {} : { overlapMs }) });
    return isRefusal(made) ? made : json({ ...made, key: readable(made.key) });
  };

/** Ends a key of this kind only: an operator ends keys of clients, not tokens of people. */
const revoking =
  (kind: Holder['kind']): AdminOperation<Readonly<{ id: string }>>['run'] =>
  async ({ keys }, _person, { id }) => {
    const known = await listKeys(keys, { kind });
    if (!known.some((key) => key.id === id)) {
      return refuse('value_invalid', 'There is no such key.');
    }
    const done = await revokeKey(keys, id as KeyId);
    return isRefusal(done) ? done : json(done);
  };

const holderAct = (input: Issue) => ({ holder: input.holder, expires: input.expires ?? null });
const issueInput = z.strictObject({ holder: text, expires });
const none = z.strictObject({});

const keyOperations: readonly AdminOperation[] = [
  operation({
    name: 'keys.issue',
    title: 'Issue a key of a client; the token is shown once',
    method: 'POST',
    path: '/keys',
    role: 'operator',
    input: issueInput,
    act: holderAct,
    run: issuing(clientHolder, 'issue'),
  }),
  operation({
    name: 'keys.rotate',
    title: 'Issue a new key and end the old ones after an overlap',
    method: 'POST',
    path: '/keys/rotate',
    role: 'operator',
    input: z.strictObject({
      holder: text,
      expires,
      overlap: z
        .string()
        .refine((value) => parseDurationMs(value) !== null, 'write a duration such as 24h')
        .optional(),
    }),
    act: holderAct,
    run: issuing(clientHolder, 'rotate'),
  }),
  operation({
    name: 'keys.list',
    title: 'Keys of clients, without secrets',
    method: 'GET',
    path: '/keys',
    role: 'viewer',
    input: none,
    act: () => null,
    run: async ({ keys }) => json((await listKeys(keys, { kind: 'client' })).map(readable)),
  }),
  operation({
    name: 'keys.revoke',
    title: 'End a key at once',
    method: 'POST',
    path: '/keys/{id}/revoke',
    role: 'operator',
    input: z.strictObject({ id: text }),
    act: ({ id }) => ({ key: id }),
    run: revoking('client'),
  }),
  operation({
    name: 'people.issue',
    title: 'Issue a token of a person; it is shown once',
    method: 'POST',
    path: '/people',
    role: 'admin',
    input: issueInput,
    act: holderAct,
    run: issuing(personHolder, 'issue'),
  }),
  operation({
    name: 'people.list',
    title: 'Tokens of people, without secrets',
    method: 'GET',
    path: '/people',
    role: 'viewer',
    input: none,
    act: () => null,
    run: async ({ keys }) => json((await listKeys(keys, { kind: 'person' })).map(readable)),
  }),
  operation({
    name: 'people.revoke',
    title: "End a person's token at once",
    method: 'POST',
    path: '/people/{id}/revoke',
    role: 'admin',
    input: z.strictObject({ id: text }),
    act: ({ id }) => ({ key: id }),
    run: revoking('person'),
  }),
];

const listInput = z.strictObject({
  client: text.optional(),
  route: text.optional(),
  target: text.optional(),
  actions: z.string().max(2_000).optional(),
  subject: text.optional(),
  trace: z
    .string()
    .regex(/^[0-9a-f]{32}$/, 'write a trace id of 32 hex digits')
    .optional(),
  since: instant.optional(),
  until: instant.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
});
type ListInput = z.output<typeof listInput>;

const listQuery = (input: ListInput, now: number) => {
  const since = input.since === undefined ? null : instantOf(input.since, now);
  const until = input.until === undefined ? null : instantOf(input.until, now);
  return {
    limit: input.limit,
    ...(input.client === undefined ? {} : { client: input.client }),
    ...(input.route === undefined ? {} : { route: input.route }),
    ...(input.target === undefined ? {} : { target: input.target }),
    ...(input.subject === undefined ? {} : { subject: input.subject }),
    ...(input.trace === undefined ? {} : { traceId: input.trace }),
    ...(input.actions === undefined ? {} : { actions: input.actions.split(',') }),
    ...(since === null ? {} : { since }),
    ...(until === null ? {} : { until }),
  };
};

const ledgerOperations: readonly AdminOperation[] = [
  operation({
    name: 'ledger.list',
    evidence: true,
    title: 'Entries of the ledger, newest first',
    method: 'GET',
    path: '/ledger',
    role: 'viewer',
    input: listInput,
    act: (input) => ({ limit: input.limit, subject: input.subject === undefined ? null : 'given' }),
    run: async ({ ledger, clock }, _person, input) =>
      json(await ledger.list(listQuery(input, clock.now()))),
  }),
  operation({
    name: 'ledger.show',
    evidence: true,
    title: 'One entry with its changes and the history of its outcome',
    method: 'GET',
    path: '/ledger/{id}',
    role: 'operator',
    input: z.strictObject({ id: text }),
    act: ({ id }) => ({ entry: id }),
    run: async ({ ledger }, _person, { id }) => {
      const shown = parseLedgerId(id) === null ? null : await ledger.show(id as LedgerId);
      return shown === null ? refuse('value_invalid', 'There is no such entry.') : json(shown);
    },
  }),
  operation({
    name: 'ledger.verify',
    evidence: true,
    title: 'Prove that nothing was altered',
    method: 'POST',
    path: '/ledger/verify',
    role: 'viewer',
    input: z.strictObject({ since: z.string().max(1_000_000).optional() }),
    act: () => ({}),
    run: async ({ verifyLedger }, _person, { since }) => json(await verifyLedger(since ?? null)),
  }),
  operation({
    name: 'ledger.export',
    evidence: true,
    title: 'Evidence as NDJSON or OCSF, verifiable offline',
    method: 'GET',
    path: '/ledger/export',
    role: 'operator',
    input: z.strictObject({
      format: z.enum([...exportFormats.keys()]).default('ndjson'),
      since: instant.optional(),
      until: instant.optional(),
    }),
    act: (input) => ({
      format: input.format,
      since: input.since ?? null,
      until: input.until ?? null,
    }),
    run: async ({ exportLedger, clock }, _person, { format, since, until }) => {
      const now = clock.now();
      const from = since === undefined ? null : instantOf(since, now);
      const to = until === undefined ? null : instantOf(until, now);
      const lines = exportLedger({
        format,
        ...(from === null ? {} : { since: from }),
        ...(to === null ? {} : { until: to }),
      });
      return { lines };
    },
  }),
];

const controlOperations: readonly AdminOperation[] = [
  operation({
    name: 'config.status',
    title: 'The configuration in force, and what waits',
    method: 'GET',
    path: '/config',
    role: 'viewer',
    input: none,
    act: () => null,
    run: async ({ config }) => json(config.status()),
  }),
  operation({
    name: 'config.apply',
    title: 'Apply a change that waits',
    method: 'POST',
    path: '/config/apply',
    role: 'operator',
    input: z.strictObject({ version: text.optional() }),
    act: ({ version }) => ({ version: version ?? null }),
    run: async ({ config }, person, { version }) => {
      const applied = await config.apply(version ?? null, person.name);
      return applied === null
        ? refuse('value_invalid', 'No such change waits.')
        : json({ applied });
    },
  }),
  operation({
    name: 'clock.trust',
    title: 'Accept the present wall time after a jump',
    method: 'POST',
    path: '/clock/trust',
    role: 'admin',
    withoutClock: true,
    input: none,
    act: () => ({}),
    run: async ({ watch }) => {
      watch.rebase();
      return json({ trusted: watch.trusted() });
    },
  }),
];

/** All operations, in the order in which help and OpenAPI list them. */
export const adminOperations: readonly AdminOperation[] = Object.freeze([
  ...keyOperations,
  ...ledgerOperations,
  ...freezeOperations,
  ...controlOperations,
  ...holdOperations,
  ...deliveryOperations,
  ...eventOperations,
  ...safetyOperations,
  ...rollbackOperations,
  ...driftOperations,
  ...reportOperations,
  ...storeOperations,
]);
