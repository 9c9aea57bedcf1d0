/**
 * Mutations: from the turn to the settled entry. Nothing goes to the target before its intent is on
 * disk, and whatever becomes of it ends as one of four outcomes with how that is known.
 */
import { GatewayError, isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Mutation } from '../identity/operation.ts';
import { effectsOf } from '../identity/scim/effects.ts';
import { expectedThere } from '../identity/scim/expected-there.ts';
import { asReactivation } from './absent-users.ts';
import { adoptExisting } from './adopt.ts';
import { lastCheck } from './dispatch.ts';
import type { Outcome } from './doors.ts';
import { echoWrite } from './echo-view.ts';
import { denied, takeLimits, turnAway } from './exits.ts';
import { gatherCurrent, needsCurrent, type Current } from './facts.ts';
import { endStopped } from './hold-mutation.ts';
import { intentOf } from './intent.ts';
import { abandonedRefusal, endJourney, noteEffects, noteGranted } from './journey.ts';
import type { MutationWalk } from './mutation-walk.ts';
import { normaliseOperation, turnKey } from './normalise.ts';
import { openEntry } from './open-entry.ts';
import {
  changesNothing,
  decideMutation,
  plan,
  prepare,
  revokesOnly,
  stripped,
  type Approached,
} from './prepare.ts';
import { failureDetail, sendRecorded, unchangedReply, type Ready } from './send-recorded.ts';
import { settle, unchangedSettlement } from './settlement.ts';
import type { NoTurn } from './turns.ts';
import { viewOf } from './view.ts';
import { hasWeight, nothingWeighed, weigh, type Weighed, type Weighing } from './weigh.ts';

/** Records, sends, settles. From the record on nobody turns back: the entry gets its outcome. */
const carryOut = async (weighing: Weighing, ready: Ready, weighed: Weighed): Promise<Outcome> => {
  const { walk, unchanged } = weighing;
  const { deps, journey, target } = walk;
  const { prepared, current, allowed, view, script, expected } = ready;
  const lasts = deps.ledger.lasts(target.settings.timeout);
  if (lasts !== true) await lasts;
  const stopped = lastCheck(deps, journey, target, { mutation: true, entry: null })();
  if (stopped !== null) return turnAway(deps, journey, refuse(stopped, failureDetail['not-sent']));
  if (journey.passage.origin.abandoned()) return endJourney(journey, abandonedRefusal);
  if (walk.turn?.isLost() === true) return turnAway(deps, journey, noTurn.unavailable);
  const refusedInTrial = allowed.shadow.map((denial) => denial.rule);
  const opened = await openEntry(weighing, weighed, (shadowed) =>
    intentOf(journey, {
      at: deps.clock.now(),
      script,
      before: prepared.before,
      after: prepared.after,
      keepBefore: journey.passage.route.before === 'capture',
      expected,
      shadowed: shadowed.length === 0 ? refusedInTrial : [...refusedInTrial, ...shadowed],
      overrides: weighed.overrides,
    }),
  );
  if (typeof opened !== 'string') return endStopped(weighing, opened);
  if (unchanged) {
    settle(walk, opened, unchangedSettlement, null);
    return endJourney(journey, unchangedReply(prepared, current, view));
  }
  return endJourney(journey, await sendRecorded(walk, ready, opened));
};

/** With the current resource at hand a PATCH is normalised against it (a phone by its country, say). */
export const withCurrent = (walk: MutationWalk, current: Current | null): Approached | Refusal => {
  const { deps, journey, operation, effects } = walk;
  const { actor, route } = journey.passage;
  const { types } = route;
  const { knobs } = walk.target;
  const now = deps.clock.now();
  const privileged = walk.target.safety?.privileged ?? null;
  const base = { actor, types, now, knobs, privileged };
  if (operation.verb !== 'patch' || route.before !== 'capture') {
    return { operation, effects, ...base };
  }
  const normal = normaliseOperation(operation, route, current?.resource ?? null, knobs);
  if (isRefusal(normal)) return normal;
  journey.normalised = normal.normalised;
  const { operation: meant, effects: known } = normal;
  return { operation: meant as Mutation, effects: known, ...base };
};

/** Is the current resource to be read? What people saw, and what an undo was planned for, must be seen. */
const reads = ({ journey, target, operation }: MutationWalk): boolean => {
  const { actor, route, release, undo } = journey.passage;
  if (operation.verb === 'create') return false;
  if ((release?.before ?? undo?.before ?? null) !== null) return true;
  return needsCurrent(operation, route, actor.grants, journey.actions, target);
};

/** The current resource where it is asked for, and the walk that goes on with it. */
const gather = async (
  walk: MutationWalk,
): Promise<Readonly<{ walk: MutationWalk; current: Current | null }> | Refusal> => {
  const { deps, journey, target, operation } = walk;
  if (operation.verb === 'create' || !reads(walk)) return { walk, current: null };
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
  noteEffects(journey, prepared.effects);
  journey.revocation = revokesOnly(prepared);
  const decision = decideMutation(prepared, approached);
  if (!decision.allowed) return turnAway(deps, journey, denied(journey, decision));
  noteGranted(journey, decision);
  const limited = await takeLimits(deps, journey, decision.limits);
  if (limited !== null) return turnAway(deps, journey, limited);
  const final = stripped(prepared, decision.drop);
  if (isRefusal(final)) return turnAway(deps, journey, final);
  const plain = viewOf(deps, journey, target, decision.view.covers);
  const planned = plan(final, target, plain);
  if (isRefusal(planned)) return turnAway(deps, journey, planned);
  journey.operation = planned.prepared.operation;
  const unchanged =
    planned.script.length === 0 ||
    changesNothing(planned.prepared, journey.revocation, target.knobs);
  const weighing = { walk, approached, final, allowed: decision, unchanged };
  const weighed = hasWeight(walk) ? await weigh(weighing) : nothingWeighed;
  if ('stop' in weighed) return endStopped(weighing, weighed);
  const held = { held: approached.operation, after: planned.prepared.after };
  const view = await echoWrite(walk, plain, held);
  const expected = expectedThere(planned.prepared, target.knobs);
  const ready = { ...planned, current, allowed: decision, view, expected };
  return carryOut(weighing, ready, weighed);
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
  if (deps.standing.frozen(scope)) {
    return turnAway(deps, journey, refuse('target_frozen', 'Changes here are stopped for now.'));
  }
  const limitReads = reads(walk) ? target.limitReads : null;
  const asked = [actor.client.limitWrites, target.limitWrites, limitReads];
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
