/**
 * Runs a plan: its steps in order, each through the passage as the plan's internal client, under that
 * client's grants, limits and freezes. A step finds exactly one resource and makes one change; it never
 * guesses. Every change goes out under a key made of the delivery, the step and what is changed, so that
 * a try after a crash, a lost lease or a time-out writes nothing twice; a wish that changed since (the
 * source was read again) is another change. A create's key knows no values: there is one for a delivery.
 *
 * Doubt: the change is read back. Where it holds the plan goes on. Where it does not, what takes access
 * away is sent again at once, other changes once the target's `settleAfter` has passed, so that a call
 * on its way cannot arrive behind later ones. A create in doubt waits until it is found.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { errorTable, GatewayError, isRefusal, type Refusal } from '../errors.ts';
import { rfcKnobs, type Knobs } from '../identity/dialects/knobs.ts';
import { isMutation, type Mutation, type Operation } from '../identity/operation.ts';
import { eventVariables } from '../identity/events/variables.ts';
import { isRevocation } from '../identity/scim/effects.ts';
import { matchingOf } from '../identity/scim/readback.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import { deliveryId, newRequestId, newSpanId, type Random, type RequestId } from '../ids.ts';
import type { Doors, Outcome } from '../passage/doors.ts';
import type { Client, PlanStep, Route } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';
import { againFor, endOf, failedAt, type StepEnd } from './plan-end.ts';
import { changeOf, createOf, hitsOf, readOf, searchOf, type Create } from './plan-operations.ts';
import { standingOf, standsIn, type Standing } from './plan-readback.ts';
import type { PlanOrder, PlanResult, RunPlan } from './plan-runner.ts';
import { stepValues, type StepValues } from './plan-values.ts';

export type RunPlanDeps = Readonly<{
  doors: Pick<Doors, 'pass'>;
  clock: Pick<Clock, 'monotonic' | 'now'>;
  random: Random;
  observer: Pick<Observer, 'planChanged'>;
}>;

/** Entries that one try tells of. */
const ledgerIdsMax = 64;
/** Calls of one try that are told of. */
const callsMax = 256;

/** One try of a plan, on its way. */
type Run = Readonly<{
  deps: RunPlanDeps;
  order: PlanOrder;
  client: Client;
  /** Why nothing goes out any more; null while it may. */
  over(): 'timeout' | 'shutting_down' | null;
  ledgerIds: Set<string>;
}>;

/** A step on its route. */
type At = Readonly<{ run: Run; step: PlanStep; route: Route; type: ResourceType; knobs: Knobs }>;

/** Id of the request as the caller states it: what leads from the ledger to the delivery. */
const statedId = ({ order }: Run): string => {
  const id = deliveryId(order.delivery.key);
  return id.length <= 64 ? id : order.delivery.key.event;
};

type Passed = Readonly<{
  operation: Operation;
  outcome: Outcome;
  requestId: RequestId;
  startedAt: number;
}>;

/** Tells of a change, and of a read that was denied. A replay is none: it was told the first time. */
const tell = ({ run, step, route }: At, passed: Passed): void => {
  const { operation, outcome, requestId, startedAt } = passed;
  const { order, deps, client } = run;
  const mutating = isMutation(operation);
  if (outcome.replayed === true || (!mutating && outcome.decision !== 'deny')) return;
  const { reply, ledger } = outcome;
  const refusal = isRefusal(reply) ? reply : null;
  deps.observer.planChanged({
    traceId: order.delivery.event.traceId,
    spanId: order.delivery.event.spanId,
    requestId,
    deliveryId: deliveryId(order.delivery.key),
    plan: order.plan.name,
    step: step.name,
    startedAt,
    endedAt: deps.clock.now(),
    status: isRefusal(reply) ? (reply.status ?? errorTable[reply.refused].status) : reply.status,
    code: refusal?.refused ?? null,
    internal: outcome.internal,
    operation: outcome.operation,
    actions: outcome.actions,
    resourceType: outcome.resourceType,
    decision: outcome.decision,
    rule: outcome.rule,
    targetMs: outcome.targetMs,
    route: route.name,
    client: client.name,
    target: route.target,
    configVersion: order.snapshot.version,
    normalisedCount: outcome.normalised.length,
    mutating,
    ...(outcome.holdId === undefined ? {} : { holdId: outcome.holdId }),
    mutation: ledger && {
      ledgerId: ledger.id,
      outcome: ledger.outcome,
      settledBy: ledger.settledBy,
    },
  });
};

const pass = async (
  at: At,
  operation: Operation,
  idempotencyKey: string | null,
): Promise<Outcome> => {
  const { run, route } = at;
  const { deps, order, client } = run;
  const requestId = newRequestId(deps.random);
  const startedAt = deps.clock.now();
  const { snapshot, delivery } = order;
  const { listen, publicUrl } = snapshot.server;
  const outcome = await deps.doors.pass({
    snapshot,
    route,
    operation,
    actor: {
      kind: 'plan',
      client,
      keyId: null,
      grants: Object.hasOwn(route.grants, client.name) ? route.grants[client.name] : undefined,
    },
    origin: {
      requestId,
      traceId: delivery.event.traceId,
      spanId: newSpanId(deps.random),
      callerRequestId: statedId(run),
      remote: '',
      idempotencyKey,
      publicBase: `${publicUrl || `http://${listen.host}:${listen.port}`}${route.path}`,
      abandoned: () => run.over() !== null,
    },
  });
  if (outcome.ledger !== null) run.ledgerIds.add(outcome.ledger.id);
  const { attempts } = outcome;
  for (const { spanId, call, report } of attempts.slice(0, callsMax - order.calls.length)) {
    order.calls.push({ spanId, target: route.target, call, report });
  }
  tell(at, { operation, outcome, requestId, startedAt });
  return outcome;
};

const overOf = (run: Run): StepEnd | null => {
  const over = run.over();
  return over === null ? null : againFor(over, null);
};

/** The end of a passage that was refused; a deadline that ran out is told as that. */
const refusedAt = ({ run, step }: At, { reply, retryAfterSeconds }: Outcome): StepEnd | null =>
  isRefusal(reply) ? (overOf(run) ?? endOf(step, reply, retryAfterSeconds)) : null;

type Found = Exclude<ReturnType<typeof hitsOf>, 'several'>;
type Sought = Readonly<{ found: Found }> | Readonly<{ end: StepEnd }>;

const findOne = async (at: At, find: StepValues['find'], what: string): Promise<Sought> => {
  const search = searchOf(at.type, find);
  if (isRefusal(search)) return { end: failedAt(at.step, search.refused, search.detail) };
  const outcome = await pass(at, search, null);
  const end = refusedAt(at, outcome);
  if (end !== null) return { end };
  const found = hitsOf(isRefusal(outcome.reply) ? null : outcome.reply.body);
  return found === 'several'
    ? { end: failedAt(at.step, 'several_found', `several ${what} fit; nothing was changed.`) }
    : { found };
};

/** Nobody fits: the wish holds already, or the step fails. */
const absent = ({ step }: At, what: string): StepEnd | null =>
  step.absent === 'skip'
    ? null
    : failedAt(step, 'not_found', `no ${what} fits; nothing was changed.`);

/** Names one change of one delivery; a repeat of it is known by this. */
const keyOf = ({ run, step }: At, change: Mutation, again: string): string => {
  const words =
    change.verb === 'create'
      ? []
      : [change.id, change.verb === 'patch' ? change.changes : change.verb];
  const named = JSON.stringify([deliveryId(run.order.delivery.key), step.name, again, ...words]);
  return `plan:${createHash('sha256').update(named).digest('base64url')}`;
};

const revokes = (change: Mutation, { actions }: Outcome): boolean =>
  isRevocation(
    actions.map((action) => ({ action, attributes: [] })),
    change.verb === 'patch' ? change.changes : [],
  );

const readBack = async (at: At, change: Mutation, made: Outcome): Promise<Standing> => {
  const id = change.verb === 'create' ? (made.ledger?.resourceId ?? null) : change.id;
  if (id === null) return 'unknown';
  const read = await pass(at, readOf(change.type, id), null);
  return standingOf(read, change, { ...at, revokes: revokes(change, made) });
};

/** Another key than that of all claims before this one. */
const anew = ({ run }: At): string => `again-${run.order.delivery.token}`;

/** How often a change that takes no access away is sent again after doubt. */
const sendsAnewMax = 8;

/** The key of the next one of these, known to later claims; null = no more. */
const nextKey = (again: string): string | null => {
  const sent = again === '' ? 0 : Number(again.slice('anew-'.length));
  return sent < sendsAnewMax ? `anew-${sent + 1}` : null;
};

/** How long a call of this entry may still be on its way to the target, ms. */
const onItsWayMs = ({ run, route }: At, { ledger }: Outcome): number => {
  const settleAfter = run.order.snapshot.targets[route.target]?.settings.settleAfter ?? 0;
  const age = ledger === null ? 0 : run.deps.clock.now() - ledger.at;
  return Math.min(settleAfter, Math.max(0, settleAfter - age));
};

/** A change that was sent. `again` is '' but where this claim has sent it anew. */
type Sent = Readonly<{ change: Mutation; outcome: Outcome; again: string }>;

/** It is not known whether the target made it. */
const inDoubt = async (at: At, { change, outcome, again }: Sent): Promise<StepEnd | null> => {
  const reason = isRefusal(outcome.reply) ? outcome.reply.refused : 'target_timeout';
  const revoking = revokes(change, outcome);
  const waitMs = onItsWayMs(at, outcome);
  const later = againFor(reason, revoking ? null : waitMs);
  // Just now the target was silent; the next try looks what became of it.
  if (outcome.replayed !== true) return later;
  const standing = await readBack(at, change, outcome);
  if (standing === 'holds') return null;
  if (standing !== 'differs' || change.verb === 'create') return later;
  if (revoking) return again === '' ? send(at, change, anew(at)) : later;
  const next = waitMs === 0 ? nextKey(again) : null;
  return next === null ? later : send(at, change, next);
};

/** `verify`: where the route's own rule has not compared already. */
const verified = async (at: At, { change, outcome, again }: Sent): Promise<StepEnd | null> => {
  const { step, route } = at;
  const replayed = outcome.replayed === true;
  const covered =
    !replayed && change.verb !== 'create' && outcome.actions.some((one) => route.verify.has(one));
  if (!step.verify || covered) return null;
  const standing = await readBack(at, change, outcome);
  if (standing !== 'differs') return null;
  return replayed && again === '' && revokes(change, outcome)
    ? send(at, change, anew(at))
    : againFor('verify_differs', null);
};

/** Sends a change, and says how the step ended; null = the plan goes on. */
const send = async (at: At, change: Mutation, again: string): Promise<StepEnd | null> => {
  const outcome = await pass(at, change, keyOf(at, change, again));
  if (outcome.ledger?.outcome === 'in-doubt') return inDoubt(at, { change, outcome, again });
  const { reply } = outcome;
  if (!isRefusal(reply)) return verified(at, { change, outcome, again });
  const gone = reply.refused === 'target_refused' && reply.status === 404;
  const holds = gone && change.verb !== 'create' && at.step.absent === 'skip';
  return holds ? null : refusedAt(at, outcome);
};

/**
 * What is made, where the step makes something, and how it is found. A create that names no other way
 * looks for its matching attribute, so that one that was made already is not made again.
 */
const intended = (
  { step, type }: At,
  { find, set }: StepValues,
): Readonly<{ find: StepValues['find']; made: Create | null }> | Refusal => {
  if (step.do !== 'create') return { find, made: null };
  const made = createOf(type, set);
  if (isRefusal(made)) return made;
  const by = find.length > 0 ? null : matchingOf(made.resource, type);
  return { find: by === null ? find : [{ path: by.attribute, value: by.value }], made };
};

/** The group that a member is added to or taken from; null where the step has none. */
const findGroup = async (at: At, groupName: string): Promise<Sought> =>
  findOne(at, [{ path: 'displayName', value: groupName }], 'groups');

const typeOf = (route: Route, word: string): ResourceType | undefined =>
  Object.hasOwn(route.types, word) ? route.types[word] : undefined;

/** Changes what was found. */
const changeFound = async (
  at: At,
  found: Exclude<Found, 'none'>,
  values: StepValues,
): Promise<StepEnd | null> => {
  const { step, route } = at;
  let target = { at, id: found.id, memberId: null as string | null };
  if (values.groupName !== null) {
    const type = typeOf(route, 'groups');
    if (type === undefined) return failedAt(step, 'not_supported', 'the route serves no groups.');
    const inGroups = { ...at, type };
    const group = await findGroup(inGroups, values.groupName);
    if ('end' in group) return group.end;
    if (group.found === 'none') return absent(at, 'group');
    target = { at: inGroups, id: group.found.id, memberId: found.id };
  }
  const change = changeOf(step.do, target.at.type, target, values);
  if (isRefusal(change)) return failedAt(step, change.refused, change.detail);
  const holds =
    step.do === 'create' && standsIn(change, found.resource, route, at.knobs) === 'holds';
  return holds ? null : send(target.at, change, '');
};

const runStep = async (run: Run, step: PlanStep): Promise<StepEnd | null> => {
  const { snapshot, event, enriched } = run.order;
  const values = stepValues(step, eventVariables(event, enriched));
  if ('skipped' in values) return null;
  if ('missing' in values) return failedAt(step, 'value_missing', `${values.missing}.`);
  const route = snapshot.routes.find(({ name }) => name === step.route);
  const type = route === undefined ? undefined : typeOf(route, step.type);
  if (route === undefined || type === undefined) {
    return failedAt(step, 'route_unknown', `the route serves no ${step.type}.`);
  }
  const knobs = snapshot.targets[route.target]?.knobs ?? rfcKnobs;
  const at = { run, step, route, type, knobs };
  const wanted = intended(at, values);
  if (isRefusal(wanted)) return failedAt(step, wanted.refused, wanted.detail);
  const { find, made } = wanted;
  if (made !== null && find.length === 0) return send(at, made, '');
  const sought = await findOne(at, find, step.type);
  if ('end' in sought) return sought.end;
  if (sought.found !== 'none') return changeFound(at, sought.found, values);
  return made === null ? absent(at, 'resource') : send(at, made, '');
};

const internalClient = ({ snapshot, plan }: PlanOrder): Client | null => {
  const client = Object.hasOwn(snapshot.clients, plan.as) ? snapshot.clients[plan.as] : undefined;
  return client?.internal === true ? client : null;
};

const runSteps = async (run: Run): Promise<StepEnd | null> => {
  for (const step of run.order.plan.steps) {
    const end = overOf(run) ?? (await runStep(run, step));
    if (end !== null) return end;
  }
  return null;
};

/** Makes the runner. It rejects on defects alone; a store that is away is tried again later. */
export const makeRunPlan = (deps: RunPlanDeps): RunPlan => {
  return async (order): Promise<PlanResult> => {
    const client = internalClient(order);
    if (client === null) {
      const detail = `The client ${order.plan.as} of this plan is not there, or not internal.`;
      return { kind: 'failed', reason: 'caller_refused', detail, ledgerIds: [] };
    }
    const { clock } = deps;
    const deadline = Math.min(order.deadline, clock.monotonic() + order.plan.deadlineMs);
    const over: Run['over'] = () => {
      if (clock.monotonic() >= deadline) return 'timeout';
      return order.mayStart() ? null : 'shutting_down';
    };
    const run: Run = { deps, order, client, over, ledgerIds: new Set() };
    const end = await runSteps(run).catch((error: unknown): StepEnd => {
      if (error instanceof GatewayError) return againFor(error.refusal.refused, null);
      throw error;
    });
    return { ...(end ?? { kind: 'done' }), ledgerIds: [...run.ledgerIds].slice(-ledgerIdsMax) };
  };
};
