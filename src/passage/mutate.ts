/**
 * Mutations: from the turn to the settled entry. Nothing goes to the target before its intent is on
 * disk, and whatever becomes of it ends as one of four outcomes with how that is known.
 */
import { GatewayError, isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Call } from '../identity/call.ts';
import type { Effect, Mutation } from '../identity/operation.ts';
import { effectsOfChanges, isRevocation } from '../identity/scim/effects.ts';
import { applyChanges, stripChanges, stripResource, touchedBy } from '../identity/scim/patch.ts';
import { present, type PresentView, type Presented } from '../identity/scim/present.ts';
import { printCall } from '../identity/scim/print.ts';
import { classify } from '../identity/scim/classify.ts';
import { expectedOf } from '../identity/scim/readback.ts';
import { mergeReplace, replaceChanges } from '../identity/scim/replace.ts';
import type { Change, Resource } from '../identity/scim/schema-model.ts';
import type { LedgerId } from '../ids.ts';
import type { EntryOutcome, SettledBy } from '../ledger/record.ts';
import { decide } from '../policy/decide.ts';
import type { Decision } from '../policy/decision.ts';
import type { Target } from '../snapshot.ts';
import type { Sent } from '../targets/send.ts';
import { dispatch, lastCheck } from './dispatch.ts';
import type { Outcome } from './doors.ts';
import { gatherCurrent, needsCurrent, type Current } from './facts.ts';
import { intentOf } from './intent.ts';
import { abandonedRefusal, endJourney, type Journey } from './journey.ts';
import { turnKey } from './normalise.ts';
import { denied, retryOf, takeLimits, turnAway, type PassageDeps } from './exits.ts';
import { mayTouch } from './touch.ts';
import { viewOf } from './view.ts';

export type MutationWalk = Readonly<{
  deps: PassageDeps;
  journey: Journey;
  target: Target;
  effects: readonly Effect[];
  operation: Mutation;
}>;

/** A mutation with its facts: what it changes, what was before, what will be after. */
type Prepared = Readonly<{
  operation: Mutation;
  effects: readonly Effect[];
  /** Changes it makes; null for create and delete. */
  changes: readonly Change[] | null;
  before: Resource | null;
  after: Resource | null;
  /** Whole resource to send: create and replace. */
  resource: Resource | null;
  current: Current | null;
}>;

type Allowed = Extract<Decision, { allowed: true }>;

/** Lays the operation over the current resource: PUT becomes its changes, PATCH gets its `after`. */
const prepare = (walk: MutationWalk, current: Current | null): Prepared | Refusal => {
  const { operation, effects, journey } = walk;
  const before = current?.resource ?? null;
  const plain = { operation, effects, before, current };
  if (operation.verb === 'create') {
    return { ...plain, changes: null, after: operation.resource, resource: operation.resource };
  }
  if (operation.verb === 'delete') return { ...plain, changes: null, after: null, resource: null };
  if (operation.verb === 'patch') {
    if (before === null)
      return { ...plain, changes: operation.changes, after: null, resource: null };
    const applied = applyChanges(before, operation.changes, operation.type);
    if (isRefusal(applied)) return applied;
    return { ...plain, changes: operation.changes, after: applied.resource, resource: null };
  }
  if (before === null) return refuse('internal', 'Try again later.');
  const touch = mayTouch(journey.passage.actor, operation.type, walk.deps.clock.now());
  const resource = mergeReplace(before, operation.resource, touch, operation.type);
  const changes = replaceChanges({ resource, type: operation.type }, before);
  return {
    ...plain,
    operation: { ...operation, resource },
    effects: effectsOfChanges(operation.type, changes),
    changes,
    after: resource,
    resource,
  };
};

/** Names by which group patterns judge: the old one and, on a rename, the new one. */
const groupNamesOf = ({ before, after }: Prepared): readonly string[] => {
  const names = [before?.['displayName'], after?.['displayName']].filter(
    (name) => typeof name === 'string',
  );
  return [...new Set(names)];
};

const decideMutation = (walk: MutationWalk, prepared: Prepared): Decision => {
  const { operation, before, after, changes, effects, current } = prepared;
  const known = operation.verb === 'create' || current !== null;
  return decide(walk.journey.passage.actor.grants, {
    type: operation.type,
    effects,
    client: walk.journey.passage.actor.client.name,
    now: walk.deps.clock.now(),
    ...(known ? { before, groupNames: groupNamesOf(prepared) } : {}),
    ...(known || operation.verb === 'delete' ? { after } : {}),
    ...(known ? { changed: changes === null ? Object.keys(after ?? {}) : touchedBy(changes) } : {}),
  });
};

/** `denied: drop`: strips exactly the dropped attributes from what will be sent and recorded. */
const stripped = (prepared: Prepared, drop: readonly string[]): Prepared | Refusal => {
  if (drop.length === 0) return prepared;
  const dropped = new Set(drop);
  const keep = (name: string): boolean => !dropped.has(name);
  const { operation, before } = prepared;
  if (operation.verb === 'create') {
    const resource = stripResource(operation.resource, operation.type, keep);
    return { ...prepared, operation: { ...operation, resource }, resource, after: resource };
  }
  if (operation.verb === 'delete') return prepared;
  const changes = stripChanges(prepared.changes ?? [], keep);
  const applied = before === null ? null : applyChanges(before, changes, operation.type);
  if (isRefusal(applied)) return applied;
  const after = applied?.resource ?? null;
  if (operation.verb === 'patch') {
    return { ...prepared, operation: { ...operation, changes }, changes, after };
  }
  if (after === null) return refuse('internal', 'Try again later.');
  return {
    ...prepared,
    operation: { ...operation, resource: after },
    changes,
    after,
    resource: after,
  };
};

/** Would sending it change nothing? Only where the current resource is known; revocations always go out. */
const changesNothing = ({ deps: _deps, journey }: MutationWalk, prepared: Prepared): boolean => {
  if (prepared.operation.verb === 'patch' && prepared.operation.changes.length === 0) return true;
  if (prepared.before === null || prepared.changes === null || journey.revocation) return false;
  if (prepared.operation.verb === 'replace') return prepared.changes.length === 0;
  const applied = applyChanges(prepared.before, prepared.changes, prepared.operation.type);
  return !isRefusal(applied) && applied.inverse.length === 0;
};

const callOf = (prepared: Prepared, view: PresentView): Call =>
  printCall(prepared.operation, {
    publicBase: view.publicBase,
    targetBase: view.targetBase,
    ...(prepared.resource === null ? {} : { resource: prepared.resource }),
    ...(prepared.operation.verb === 'patch' ? { changes: prepared.changes ?? [] } : {}),
  });

type Settlement = Readonly<{
  outcome: EntryOutcome;
  settledBy: SettledBy;
  resourceId: string | null;
  status: number | null;
}>;

const unknownSettlement: Settlement = {
  outcome: 'in-doubt',
  settledBy: 'connection',
  resourceId: null,
  status: null,
};

const standingCodes: ReadonlySet<string> = new Set(['caller_refused', 'target_frozen', 'internal']);

/** What a sent call proves of its entry. */
const settlementOf = (operation: Mutation, sent: Sent): Settlement => {
  if (sent.kind === 'answered') {
    const { outcome, resourceId } = classify(operation, sent.answer);
    return { outcome, settledBy: 'answer', resourceId, status: sent.answer.status };
  }
  const settledBy: SettledBy = standingCodes.has(sent.code)
    ? 'standing'
    : sent.code === 'target_timeout'
      ? 'timeout'
      : 'connection';
  return { outcome: sent.kind, settledBy, resourceId: null, status: null };
};

const failureDetail: Readonly<Record<'not-sent' | 'in-doubt', string>> = {
  'not-sent': 'Nothing was sent to the target. Send the call again later.',
  'in-doubt':
    'It is not known whether the target made this change. Read the resource before you send it again.',
};

const replyOf = (
  operation: Mutation,
  sent: Sent,
  settlement: Settlement,
  view: PresentView,
): Presented | Refusal => {
  if (sent.kind !== 'answered') {
    return refuse(sent.code, failureDetail[sent.kind], { internal: sent.reason, ...retryOf(sent) });
  }
  const presented = present(sent.answer, operation, view);
  if (settlement.outcome !== 'in-doubt' || !isRefusal(presented)) return presented;
  return { ...presented, detail: failureDetail['in-doubt'] };
};

/** The reply to a mutation that would change nothing: the resource as it stands. */
const unchangedReply = (prepared: Prepared, view: PresentView): Presented | Refusal => {
  const { current, operation } = prepared;
  if (current === null || operation.verb === 'create' || operation.verb === 'delete') {
    return { status: 204, headers: {}, body: null };
  }
  const { type, id, projection } = operation;
  return present(
    current.answer,
    { verb: 'read', type, id, projection, preconditions: {}, repairs: [] },
    view,
  );
};

const record = (walk: MutationWalk, prepared: Prepared, call: Call, allowed: Allowed) =>
  intentOf(walk.journey, {
    at: walk.deps.clock.now(),
    call,
    before: prepared.before,
    after: prepared.after,
    keepBefore: walk.journey.passage.route.before === 'capture',
    expected: expectedOf(
      prepared.operation,
      {
        ...(prepared.changes === null ? {} : { changes: prepared.changes }),
        ...(prepared.resource === null ? {} : { resource: prepared.resource }),
      },
      prepared.before,
    ),
    shadowed: allowed.shadow.map((denial) => denial.rule),
  });

const settle = (
  walk: MutationWalk,
  entry: LedgerId,
  settlement: Settlement,
  code: string | null,
) => {
  const { deps, journey } = walk;
  journey.ledger = { id: entry, outcome: settlement.outcome, settledBy: settlement.settledBy };
  deps.ledger.settle({
    kind: 'outcome',
    at: deps.clock.now(),
    entry,
    outcome: settlement.outcome,
    settledBy: settlement.settledBy,
    status: settlement.status,
    code,
    resourceId: settlement.resourceId,
    attempts: journey.attempts.filter((attempt) => attempt.call.purpose === 'call').length,
  });
  if (settlement.outcome === 'in-doubt') deps.doubted(entry, walk.target.settings.settleAfter);
};

/** Records, sends, settles. From here on nobody turns back: the entry gets its outcome. */
const carryOut = async (
  walk: MutationWalk,
  prepared: Prepared,
  allowed: Allowed,
): Promise<Outcome> => {
  const { deps, journey, target } = walk;
  const view = viewOf(deps, journey, target, allowed.view.covers);
  const unchanged = changesNothing(walk, prepared);
  const call = callOf(prepared, view);
  const stopped = lastCheck(deps, journey, target, true)();
  if (stopped !== null) return turnAway(deps, journey, refuse(stopped, failureDetail['not-sent']));
  if (journey.passage.origin.abandoned()) return endJourney(journey, abandonedRefusal);
  const entry = await deps.ledger.open(record(walk, prepared, call, allowed), {
    revocation: journey.revocation,
  });
  if (unchanged) {
    settle(
      walk,
      entry,
      { outcome: 'not-sent', settledBy: 'no-change', resourceId: null, status: null },
      null,
    );
    return endJourney(journey, unchangedReply(prepared, view));
  }
  try {
    const sent = await dispatch(deps, journey, target, call, 'call', entry);
    const settlement = settlementOf(prepared.operation, sent);
    const reply = replyOf(prepared.operation, sent, settlement, view);
    settle(walk, entry, settlement, isRefusal(reply) ? reply.refused : null);
    return endJourney(journey, reply);
  } catch (error) {
    // A defect after the intent: whether bytes went out is not known, so the entry says so.
    if (journey.ledger === null) settle(walk, entry, unknownSettlement, 'internal');
    throw error;
  }
};

/** Under the resource's turn: facts, decision, then the second door. */
const walkThrough = async (walk: MutationWalk): Promise<Outcome> => {
  const { deps, journey, target, operation } = walk;
  const { actor, route } = journey.passage;
  let current: Current | null = null;
  if (
    operation.verb !== 'create' &&
    needsCurrent(operation, route, actor.grants, journey.actions)
  ) {
    const gathered = await gatherCurrent(deps, journey, target, operation);
    if (isRefusal(gathered)) return turnAway(deps, journey, gathered);
    current = gathered;
  }
  const prepared = prepare(walk, current);
  if (isRefusal(prepared)) return turnAway(deps, journey, prepared);
  journey.actions = prepared.effects.map((effect) => effect.action);
  journey.revocation = isRevocation(prepared.effects, prepared.changes ?? []);
  const decision = decideMutation(walk, prepared);
  if (!decision.allowed) return turnAway(deps, journey, denied(journey, decision));
  journey.decision = 'allow';
  journey.rule = decision.rule;
  const limited = await takeLimits(deps, journey, decision.limits);
  if (limited !== null) return turnAway(deps, journey, limited);
  const final = stripped(prepared, decision.drop);
  if (isRefusal(final)) return turnAway(deps, journey, final);
  journey.operation = final.operation;
  return carryOut(walk, final, decision);
};

const noTurn: Readonly<Record<'busy' | 'timeout' | 'abandoned', Refusal>> = {
  busy: refuse('target_overloaded', 'Too many changes of this resource wait. Send fewer at once.'),
  timeout: refuse('target_overloaded', 'Other changes of this resource took too long. Try again.'),
  abandoned: abandonedRefusal,
};

/** A mutation, from its operation to its outcome. */
export const passMutation = async (walk: MutationWalk): Promise<Outcome> => {
  const { deps, journey, target, operation } = walk;
  const { actor, route, origin } = journey.passage;
  const scope = { tenant: target.tenant, route: route.name, client: actor.client.name };
  if (deps.standing.frozen(scope)) {
    return turnAway(deps, journey, refuse('target_frozen', 'Changes here are stopped for now.'));
  }
  const reading = needsCurrent(operation, route, actor.grants, journey.actions);
  const limited = await takeLimits(deps, journey, [
    actor.client.limitWrites,
    target.limitWrites,
    reading ? target.limitReads : null,
  ]);
  if (limited !== null) return turnAway(deps, journey, limited);
  const turn = await deps.turns.enter([turnKey(operation, target.tenant, origin.requestId)], {
    deadline: deps.clock.monotonic() + target.settings.limits.wait,
    abandoned: null,
    revocation: journey.revocation,
  });
  if ('refused' in turn) return turnAway(deps, journey, noTurn[turn.refused]);
  try {
    return await walkThrough(walk);
  } catch (error) {
    if (error instanceof GatewayError) return turnAway(deps, journey, error.refusal);
    throw error;
  } finally {
    turn.leave();
  }
};
