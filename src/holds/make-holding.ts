/**
 * Holds a mutation: sealed whole, found again by client, subject and actions, so that a call that comes
 * again joins and another body takes its place. What was held is told only once it is on disk.
 */
import type { Clock } from '../clock.ts';
import { newHoldId, type Random } from '../ids.ts';
import { turnKey } from '../passage/normalise.ts';
import type { Held, Holding, HoldQuestion, HoldRequest } from '../passage/safeguards.ts';
import type { KeyRing } from '../sealing.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { BoundClients } from './bound-clients.ts';
import type { HoldRow, HoldStore, NewHold, Put } from './hold-store.ts';
import {
  bindingOf,
  keepMutation,
  sealHold,
  withoutPasswords,
  withoutSecrets,
  type KeptHold,
} from './kept-hold.ts';

export type HoldingDeps = Readonly<{
  store: Pick<HoldStore, 'put' | 'binding'>;
  boundClients: Pick<BoundClients, 'has' | 'add'>;
  keyRing: Pick<KeyRing, 'seal' | 'fingerprint'>;
  clock: Pick<Clock, 'now'>;
  random: Random;
  snapshot(): Pick<Snapshot, 'holds'>;
  observer: Pick<Observer, 'note'>;
  /** A hold is new, or took another's place. Never waits, never throws. */
  created(row: HoldRow): void;
}>;

const joinBytes = 16;

type Meant = NonNullable<ReturnType<typeof withoutPasswords>>;

const keptOf = (request: HoldRequest, meant: Meant, about: ReturnType<typeof bindingOf>) => {
  const { origin, keepsPasswords, before, after, actor } = request;
  const { type } = request.operation;
  const shown = (resource: typeof before) =>
    resource === null || keepsPasswords ? resource : withoutSecrets(resource, type);
  return {
    operation: keepMutation(meant.operation),
    actions: meant.actions,
    before: shown(before),
    after: shown(after),
    mutation: about.mutation.toString('hex'),
    beforeHash: about.beforeHash,
    configVersion: request.configVersion,
    owner: actor.kind === 'person' ? null : actor.client.settings.owner,
    // A release is held under the name it is released for.
    actor: actor.kind === 'released' ? 'client' : actor.kind,
    origin: {
      requestId: origin.requestId,
      traceId: origin.traceId,
      callerRequestId: origin.callerRequestId,
    },
    reverses: request.reverses ?? [],
    passwordDropped: meant.dropped,
    rules: [request.rule],
    approvals: [],
    voided: [],
    end: null,
  } satisfies KeptHold;
};

/** The mutation as it would be kept; null where nothing is left of it. */
const meantBy = ({ operation, actions, keepsPasswords }: HoldQuestion): Meant | null =>
  keepsPasswords ? { operation, actions, dropped: false } : withoutPasswords(operation, actions);

const aboutOf = ({ route, target, actor }: HoldQuestion) => ({
  tenant: target.tenant,
  route: route.name,
  client: actor.client.name,
});

const actionsOf = ({ actions }: Meant): string => actions.toSorted().join(',');

const membership: ReadonlySet<string> = new Set(['groups:add-member', 'groups:remove-member']);

/** Where members come or go they are the subject: who else moves later is no other body of the same wish. */
const membersOf = ({ operation, actions }: Meant, mutation: Buffer): string =>
  operation.verb === 'patch' && actions.some((action) => membership.has(action))
    ? mutation.toString('hex')
    : '';

/** What its client, subject and actions have in common with every later call like it. */
const joinOf = (
  { keyRing }: Pick<HoldingDeps, 'keyRing'>,
  question: HoldQuestion,
  meant: Meant,
  mutation: Buffer,
): Buffer => {
  const { tenant, route, client } = aboutOf(question);
  const subject = turnKey(meant.operation, tenant, question.origin.requestId);
  const members = membersOf(meant, mutation);
  const joined = JSON.stringify(['hold', route, client, subject, members, actionsOf(meant)]);
  return keyRing.fingerprint(joined).subarray(0, joinBytes);
};

const newHold = (deps: HoldingDeps, request: HoldRequest, meant: Meant): NewHold | null => {
  const at = deps.clock.now();
  const id = newHoldId(at, deps.random);
  const about = aboutOf(request);
  const binding = bindingOf(meant.operation, request.before, about);
  const sealed = sealHold(deps.keyRing, id, keptOf(request, meant, binding));
  if (sealed === null) return null;
  return {
    id,
    at,
    expiresAt: at + request.expiresMs,
    ...about,
    target: request.target.name,
    actions: actionsOf(meant),
    resourceType: meant.operation.type.name,
    rule: request.rule,
    batch: request.batch,
    join: joinOf(deps, request, meant, binding.mutation),
    mutation: binding.mutation,
    by: request.by,
    sealed,
  };
};

/** What log and telemetry may know of a hold: no values. */
export const toldOf = (row: HoldRow) => ({
  hold_id: row.id,
  route: row.route,
  client: row.client,
  target: row.target,
  actions: row.actions,
  rule: row.rule,
});

const heldAs = (put: Put): Held => {
  if (put.kind === 'full') return put;
  const { id, state, expiresAt, entry } = put.row;
  if (put.kind === 'joined' && state === 'released') return { kind: 'released', id, entry };
  if (put.kind === 'joined' && state === 'rejected') return { kind: 'rejected', id };
  return { kind: 'held', id, joined: put.kind === 'joined', expiresAt };
};

const noteHeld = (deps: HoldingDeps, put: Put): void => {
  if (put.kind === 'replaced') {
    deps.observer.note('info', 'hold.replaced', { ...toldOf(put.row), former: put.former });
  }
  if (put.kind === 'held') deps.observer.note('info', 'hold.created', toldOf(put.row));
  if (put.kind === 'held' || put.kind === 'replaced') deps.created(put.row);
};

/** Makes it. Both reject with GatewayError where the store does. */
export const makeHolding = (deps: HoldingDeps): Holding => ({
  hold: async (request) => {
    const meant = meantBy(request);
    if (meant === null) return { kind: 'unkept', why: 'password' };
    const hold = newHold(deps, request, meant);
    if (hold === null) return { kind: 'unkept', why: 'large' };
    const { pendingMax } = deps.snapshot().holds;
    const { rememberMs } = request;
    deps.boundClients.add(hold.client);
    const put = await deps.store.put(hold, { pendingMax, rememberMs, now: hold.at });
    if (put.kind === 'full') {
      const { client, route, rule } = hold;
      deps.observer.note('error', 'hold.full', { client, route, rule, pending_max: pendingMax });
    }
    noteHeld(deps, put);
    return heldAs(put);
  },
  bound: (question) => {
    const { name } = question.actor.client;
    if (!deps.boundClients.has(name)) return null;
    const meant = meantBy(question);
    if (meant === null) return null;
    const { mutation } = bindingOf(meant.operation, null, aboutOf(question));
    return deps.store.binding(
      { join: joinOf(deps, question, meant, mutation), mutation },
      { rememberMs: question.rememberMs, now: deps.clock.now() },
    );
  },
});
