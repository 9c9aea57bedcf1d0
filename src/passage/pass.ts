/**
 * The pair of doors: the only place from which a mutation reaches a target. In order: normalise,
 * judge, limits, turn, facts, decide, ledger, send, settle. Whoever may not pass is turned away as
 * early as can be known, so a denied client buys no I/O; whatever passes is recorded first.
 */
import { errorTable, isRefusal, refuse, type Refusal } from '../errors.ts';
import { rfcKnobs } from '../identity/dialects/knobs.ts';
import { isRevocation } from '../identity/scim/effects.ts';
import { isMutation } from '../identity/operation.ts';
import type { Target } from '../snapshot.ts';
import type { Doors, Outcome, Passage } from './doors.ts';
import { denied, turnAway, type PassageDeps } from './exits.ts';
import { judgeEarly } from './judge-early.ts';
import { beginJourney } from './journey.ts';
import { passMutation } from './mutate.ts';
import { normaliseOperation } from './normalise.ts';
import { passRead } from './read.ts';
import { makeRecovery, type Recovery, type RecoveryDeps } from './recover.ts';

const unconfigured = (target: Target | undefined): Refusal | null =>
  target === undefined || target.unconfigured !== null
    ? refuse('target_unconfigured', errorTable.target_unconfigured.title, {
        internal: target?.unconfigured ?? 'no such target',
      })
    : null;

/** One passage, from a canonical operation to its outcome. Rejects only on a defect. */
const pass = async (deps: PassageDeps, passage: Passage): Promise<Outcome> => {
  const journey = beginJourney(passage);
  const later = passage.route.before === 'capture' ? 'later' : null;
  const target = passage.snapshot.targets[passage.route.target];
  const knobs = target?.knobs ?? rfcKnobs;
  const normal = normaliseOperation(passage.operation, passage.route, later, knobs);
  if (isRefusal(normal)) return turnAway(deps, journey, normal);
  const { operation, effects } = normal;
  journey.operation = operation;
  journey.normalised = normal.normalised;
  journey.actions = effects.map((effect) => effect.action);
  journey.revocation = isRevocation(effects, operation.verb === 'patch' ? operation.changes : []);
  const early = judgeEarly(passage.actor, operation, effects, deps.clock.now());
  if (early !== null) return turnAway(deps, journey, denied(journey, early));
  const closed = unconfigured(target);
  if (closed !== null || target === undefined) {
    return turnAway(deps, journey, closed ?? refuse('internal', 'Try again later.'));
  }
  const walk = { deps, journey, target, effects };
  return isMutation(operation)
    ? asAsked(passage, await passMutation({ ...walk, operation }))
    : passRead({ ...walk, operation });
};

/** A DELETE is answered as one, also where it deactivates (RFC 7644 §3.6: 204, no body). */
const asAsked = (passage: Passage, outcome: Outcome): Outcome =>
  passage.operation.verb !== 'delete' || isRefusal(outcome.reply) || outcome.reply.body === null
    ? outcome
    : { ...outcome, reply: { status: 204, headers: {}, body: null } };

/** Makes the doors: the passage, and the recovery of what it left in doubt. */
export const makeDoors = (
  deps: Omit<RecoveryDeps, 'doubted'>,
): Doors & Readonly<{ load: Recovery['load'] }> => {
  const known: RecoveryDeps = {
    ...deps,
    doubted: (entry, settleAfterMs) => recovery.add(entry, settleAfterMs),
  };
  const recovery = makeRecovery(known);
  return {
    pass: (passage) => pass(known, passage),
    load: recovery.load,
    recover: recovery.round,
  };
};
