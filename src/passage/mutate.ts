/**
 * Mutations: from the turn to the settled entry. Nothing goes to the target before its intent is on
 * disk, and whatever becomes of it ends as one of four outcomes with how that is known.
 */
import { GatewayError, isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Mutation } from '../identity/operation.ts';
import { classify } from '../identity/scim/classify.ts';
import { effectsOf, isRevocation } from '../identity/scim/effects.ts';
import { expectedThere } from '../identity/scim/expected-there.ts';
import { present, type PresentView, type Presented } from '../identity/scim/present.ts';
import { readCall } from '../identity/scim/print.ts';
import { compareReadBack, differingPaths, type Expected } from '../identity/scim/readback.ts';
import type { Script } from '../identity/scim/script.ts';
import type { LedgerId } from '../ids.ts';
import type { EntryOutcome, SettledBy } from '../ledger/record.ts';
import type { Decision } from '../policy/decision.ts';
import type { Sent } from '../targets/send.ts';
import { asReactivation } from './absent-users.ts';
import { adoptExisting } from './adopt.ts';
import { dispatch, lastCheck } from './dispatch.ts';
import type { Outcome } from './doors.ts';
import { echoWrite } from './echo-view.ts';
import { gatherCurrent, needsCurrent, type Current } from './facts.ts';
import { frozenRefusal } from './frozen.ts';
import { intentOf } from './intent.ts';
import { abandonedRefusal, endJourney } from './journey.ts';
import type { MutationWalk } from './mutation-walk.ts';
import { normaliseOperation, turnKey } from './normalise.ts';
import {
  changesNothing,
  decideMutation,
  plan,
  prepare,
  stripped,
  type Approached,
  type Prepared,
} from './prepare.ts';
import { denied, retryOf, takeLimits, turnAway } from './exits.ts';
import type { NoTurn } from './turns.ts';
import { viewOf } from './view.ts';
import { partialRefusal, takenBack, walkScript, type Walked } from './walk.ts';
import { wholeReply } from './whole-reply.ts';

type Allowed = Extract<Decision, { allowed: true }>;

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

const unchangedSettlement: Settlement = {
  outcome: 'not-sent',
  settledBy: 'no-change',
  resourceId: null,
  status: null,
};

const standingCodes: ReadonlySet<string> = new Set([
  'caller_refused',
  'target_frozen',
  'ledger_unavailable',
  'clock_untrusted',
  'internal',
]);

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
const unchangedReply = (
  { operation }: Prepared,
  current: Current | null,
  view: PresentView,
): Presented | Refusal => {
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

const settle = (
  walk: MutationWalk,
  entry: LedgerId,
  settlement: Settlement,
  code: string | null,
): void => {
  const { deps, journey } = walk;
  const at = deps.clock.now();
  journey.ledger = { id: entry, at, ...settlement };
  deps.ledger.settle({
    kind: 'outcome',
    at,
    entry,
    outcome: settlement.outcome,
    settledBy: settlement.settledBy,
    status: settlement.status,
    code,
    resourceId: settlement.resourceId,
    attempts: journey.attempts.filter((attempt) => attempt.call.purpose === 'call').length,
  });
  if (settlement.outcome === 'applied' || settlement.settledBy === 'no-change') {
    journey.keepEchoes?.(settlement.resourceId);
  }
  if (settlement.outcome === 'in-doubt') deps.doubted(entry, walk.target.settings.settleAfter);
};

/** A change that passed every check, with its calls and what a read-back must find. */
type Ready = Readonly<{
  prepared: Prepared;
  current: Current | null;
  allowed: Allowed;
  view: PresentView;
  script: Script;
  expected: Expected | null;
}>;

/** `verify:`: reads back what the target says it did. Null where it holds, or cannot be told. */
const contradiction = async (walk: MutationWalk, ready: Ready): Promise<Refusal | null> => {
  const { deps, journey, target } = walk;
  const { operation, before } = ready.prepared;
  const asked = journey.actions.some((action) => journey.passage.route.verify.has(action));
  if (!asked || operation.verb === 'create' || ready.expected === null) return null;
  const call = readCall(operation.type, operation.id);
  const sent = await dispatch(deps, journey, target, call, 'verify', null);
  if (sent.kind !== 'answered') return null;
  const found = compareReadBack(ready.expected, before, sent.answer, operation.type);
  if (found !== 'differs') return null;
  const paths = differingPaths(ready.expected, sent.answer, operation.type).slice(0, 20);
  const where = paths.length === 0 ? '' : ` Not as written: ${paths.join(', ')}.`;
  return refuse(
    'target_refused',
    `The target accepted this change but does not hold it when it is read back.${where}`,
    { status: 502, internal: 'verify: differs' },
  );
};

const doubtful: Pick<Settlement, 'outcome' | 'settledBy'> = {
  outcome: 'in-doubt',
  settledBy: 'read-back',
};

/** What the walk of the script proves of the entry, and the reply, where nothing contradicts it. */
const concludedBy = (
  { sent, ended, createdId }: Walked,
  { prepared: { operation }, script, view }: Ready,
): Readonly<{ settlement: Settlement; reply: Presented | Refusal }> => {
  const told = settlementOf(operation, sent);
  if (ended.kind === 'partial') {
    const resourceId = createdId ?? told.resourceId;
    const settlement = { ...told, outcome: 'in-doubt', resourceId } as const;
    return { settlement, reply: partialRefusal(ended, script.length) };
  }
  const reply = replyOf(operation, sent, told, view);
  if (ended.kind !== 'taken-back' || !isRefusal(reply)) return { settlement: told, reply };
  return {
    settlement: { ...told, outcome: 'rejected', resourceId: null },
    reply: takenBack(reply, ended, script.length),
  };
};

/** Sends what is recorded, and settles its entry whatever comes. */
const sendRecorded = async (
  walk: MutationWalk,
  ready: Ready,
  entry: LedgerId,
): Promise<Presented | Refusal> => {
  const { deps, journey, target } = walk;
  try {
    const walked = await walkScript({ deps, journey, target, script: ready.script, entry });
    const { settlement, reply: told } = concludedBy(walked, ready);
    const denial = settlement.outcome === 'applied' ? await contradiction(walk, ready) : null;
    const reply = denial ?? told;
    const final = denial === null ? settlement : { ...settlement, ...doubtful };
    settle(walk, entry, final, isRefusal(reply) ? reply.refused : null);
    return await wholeReply(walk, ready.prepared.operation, reply, ready.view);
  } catch (error) {
    // A defect after the intent: whether bytes went out is not known, so the entry says so.
    if (journey.ledger === null) settle(walk, entry, unknownSettlement, 'internal');
    throw error;
  }
};

/** Records, sends, settles. From the record on nobody turns back: the entry gets its outcome. */
const carryOut = async (walk: MutationWalk, ready: Ready): Promise<Outcome> => {
  const { deps, journey, target } = walk;
  const { prepared, current, allowed, view, script, expected } = ready;
  const lasts = deps.ledger.lasts(target.settings.timeout);
  if (lasts !== true) await lasts;
  const stopped = lastCheck(deps, journey, target, { mutation: true, entry: null })();
  if (stopped !== null) return turnAway(deps, journey, refuse(stopped, failureDetail['not-sent']));
  if (journey.passage.origin.abandoned()) return endJourney(journey, abandonedRefusal);
  if (walk.turn?.isLost() === true) return turnAway(deps, journey, noTurn.unavailable);
  const intent = intentOf(journey, {
    at: deps.clock.now(),
    script,
    before: prepared.before,
    after: prepared.after,
    keepBefore: journey.passage.route.before === 'capture',
    expected,
    shadowed: allowed.shadow.map((denial) => denial.rule),
  });
  const entry = await deps.ledger.open(intent, { revocation: journey.revocation });
  if (script.length === 0 || changesNothing(prepared, journey.revocation, target.knobs)) {
    settle(walk, entry, unchangedSettlement, null);
    return endJourney(journey, unchangedReply(prepared, current, view));
  }
  return endJourney(journey, await sendRecorded(walk, ready, entry));
};

/** With the current resource at hand a PATCH is normalised against it (a phone by its country, say). */
export const withCurrent = (walk: MutationWalk, current: Current | null): Approached | Refusal => {
  const { deps, journey, operation, effects } = walk;
  const { actor, route } = journey.passage;
  const { types } = route;
  const { knobs } = walk.target;
  const now = deps.clock.now();
  if (operation.verb !== 'patch' || route.before !== 'capture') {
    return { operation, effects, actor, types, now, knobs };
  }
  const normal = normaliseOperation(operation, route, current?.resource ?? null, knobs);
  if (isRefusal(normal)) return normal;
  journey.normalised = normal.normalised;
  const { operation: meant, effects: known } = normal;
  return { operation: meant as Mutation, effects: known, actor, types, now, knobs };
};

/** The current resource where it is asked for, and the walk that goes on with it. */
const gather = async (
  walk: MutationWalk,
): Promise<Readonly<{ walk: MutationWalk; current: Current | null }> | Refusal> => {
  const { deps, journey, target, operation } = walk;
  const { actor, route } = journey.passage;
  if (
    operation.verb === 'create' ||
    !needsCurrent(operation, route, actor.grants, journey.actions, target)
  ) {
    return { walk, current: null };
  }
  const gathered = await gatherCurrent(deps, journey, target, operation);
  if (!isRefusal(gathered)) return { walk, current: gathered };
  const opened = asReactivation(operation, gathered, target.knobs);
  if (opened === null) return gathered;
  const effects = effectsOf(opened, target.knobs);
  return { walk: { ...walk, operation: opened, effects }, current: null };
};

/** Under the resource's turn: facts, decision, then the second door. */
const walkThrough = async (begun: MutationWalk): Promise<Outcome> => {
  const { deps, journey, target } = begun;
  const gathered = await gather(begun);
  if (isRefusal(gathered)) return turnAway(deps, journey, gathered);
  const { walk, current } = gathered;
  const approached = withCurrent(walk, current);
  if (isRefusal(approached)) return turnAway(deps, journey, approached);
  const prepared = prepare(approached, current?.resource ?? null);
  if (isRefusal(prepared)) return turnAway(deps, journey, prepared);
  journey.actions = prepared.effects.map((effect) => effect.action);
  journey.revocation = isRevocation(prepared.effects, prepared.changes ?? []);
  const decision = decideMutation(prepared, approached);
  if (!decision.allowed) return turnAway(deps, journey, denied(journey, decision));
  journey.decision = 'allow';
  journey.rule = decision.rule;
  const limited = await takeLimits(deps, journey, decision.limits);
  if (limited !== null) return turnAway(deps, journey, limited);
  const final = stripped(prepared, decision.drop);
  if (isRefusal(final)) return turnAway(deps, journey, final);
  const plain = viewOf(deps, journey, target, decision.view.covers);
  const planned = plan(final, target, plain);
  if (isRefusal(planned)) return turnAway(deps, journey, planned);
  journey.operation = planned.prepared.operation;
  const held = { held: approached.operation, after: planned.prepared.after };
  const view = await echoWrite(walk, plain, held);
  return carryOut(walk, {
    ...planned,
    current,
    allowed: decision,
    view,
    expected: expectedThere(planned.prepared, target.knobs),
  });
};

export const noTurn: Readonly<Record<NoTurn['refused'], Refusal>> = {
  busy: refuse('target_overloaded', 'Too many changes of this resource wait. Send fewer at once.'),
  timeout: refuse('target_overloaded', 'Other changes of this resource took too long. Try again.'),
  abandoned: abandonedRefusal,
  unavailable: refuse(
    'ledger_unavailable',
    'The store that keeps changes of this resource in order does not answer. Try again later.',
  ),
};

/** A mutation, from its operation to its outcome. */
export const passMutation = async (walk: MutationWalk): Promise<Outcome> => {
  const { deps, journey, target, operation } = walk;
  const { actor, route, origin } = journey.passage;
  const scope = { tenant: target.tenant, route: route.name, client: actor.client.name };
  const frozen = deps.standing.frozen(scope);
  if (frozen !== false) return turnAway(deps, journey, frozenRefusal(frozen));
  const reading = needsCurrent(operation, route, actor.grants, journey.actions, target);
  const asked = [actor.client.limitWrites, target.limitWrites, reading ? target.limitReads : null];
  const limited = await takeLimits(deps, journey, asked, target);
  if (limited !== null) return turnAway(deps, journey, limited);
  const turn = await deps.turns.enter([turnKey(operation, target.tenant, origin.requestId)], {
    deadline: deps.clock.monotonic() + target.settings.limits.wait,
    abandoned: null,
    revocation: journey.revocation,
    shared: route.turns === 'shared',
  });
  if ('refused' in turn) return turnAway(deps, journey, noTurn[turn.refused]);
  try {
    const outcome = await walkThrough({ ...walk, turn });
    return operation.verb === 'create'
      ? await adoptExisting(walk, operation, outcome, walkThrough)
      : outcome;
  } catch (error) {
    if (error instanceof GatewayError) return turnAway(deps, journey, error.refusal);
    throw error;
  } finally {
    turn.leave();
  }
};
