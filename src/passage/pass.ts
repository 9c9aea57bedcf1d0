/**
 * The pair of doors: the only place from which a mutation reaches a target. In order: normalise,
 * judge, limits, turn, facts, decide, ledger, send, settle. Whoever may not pass is turned away as
 * early as can be known, so a denied client buys no I/O; whatever passes is recorded first.
 */
import { errorTable, isRefusal, refuse, type Refusal } from '../errors.ts';
import { effectsOf, isRevocation, readNames } from '../identity/scim/effects.ts';
import { isMutation, type Effect, type Operation } from '../identity/operation.ts';
import { judge } from '../policy/decide.ts';
import type { Target } from '../snapshot.ts';
import type { Doors, Outcome, Passage } from './doors.ts';
import { denied, turnAway, type PassageDeps } from './exits.ts';
import { beginJourney, type Journey } from './journey.ts';
import { passMutation } from './mutate.ts';
import { normaliseOperation } from './normalise.ts';
import { passRead } from './read.ts';
import { makeRecovery, type Recovery, type RecoveryDeps } from './recover.ts';

/** Actions and attributes, as far as they are known before anything is read. */
const effectsKnown = (operation: Operation): readonly Effect[] => {
  if (operation.verb === 'replace') return [];
  const effects = effectsOf(operation);
  if (isMutation(operation)) return effects;
  const probed = readNames(operation);
  return probed.length === 0
    ? effects
    : effects.map((effect) => ({ ...effect, attributes: [...effect.attributes, ...probed] }));
};

/** A PUT's actions are unknown until it is compared: ask at least for any change of that type. */
const mayChangeAnything = (passage: Passage, word: string): boolean =>
  passage.actor.grants?.grants.some((grant) =>
    [...(grant.rules[word]?.actions ?? [])].some(
      (action) => !action.endsWith(':read') && !action.endsWith(':search'),
    ),
  ) ?? false;

const judgeEarly = (
  deps: PassageDeps,
  journey: Journey,
  effects: readonly Effect[],
): Refusal | null => {
  const { passage, operation } = journey;
  const { client } = passage.actor;
  if (operation.verb === 'replace') {
    return mayChangeAnything(passage, operation.type.word)
      ? null
      : denied(journey, {
          code: 'action_denied',
          rule: 'closed by default',
          detail: `This client was not granted ${operation.type.word}:update here; ask the client's owner.`,
        });
  }
  const denial = judge(passage.actor.grants, {
    type: operation.verb === 'discover' ? null : operation.type,
    effects,
    client: client.name,
    now: deps.clock.now(),
  });
  return denial === null ? null : denied(journey, denial);
};

const unconfigured = (target: Target | undefined): Refusal | null =>
  target === undefined || target.unconfigured !== null
    ? refuse('target_unconfigured', errorTable.target_unconfigured.title, {
        internal: target?.unconfigured ?? 'no such target',
      })
    : null;

/** One passage, from a canonical operation to its outcome. Rejects only on a defect. */
const pass = async (deps: PassageDeps, passage: Passage): Promise<Outcome> => {
  const journey = beginJourney(passage);
  const normal = normaliseOperation(passage.operation, passage.route);
  if (isRefusal(normal)) return turnAway(deps, journey, normal);
  journey.operation = normal.operation;
  journey.normalised = normal.normalised;
  const effects = effectsKnown(normal.operation);
  journey.actions = effects.map((effect) => effect.action);
  journey.revocation = isRevocation(
    effects,
    normal.operation.verb === 'patch' ? normal.operation.changes : [],
  );
  const early = judgeEarly(deps, journey, effects);
  if (early !== null) return turnAway(deps, journey, early);
  const target = passage.snapshot.targets[passage.route.target];
  const closed = unconfigured(target);
  if (closed !== null || target === undefined) {
    return turnAway(deps, journey, closed ?? refuse('internal', 'Try again later.'));
  }
  const walk = { deps, journey, target, effects };
  return isMutation(normal.operation)
    ? passMutation({ ...walk, operation: normal.operation })
    : passRead({ ...walk, operation: normal.operation });
};

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
