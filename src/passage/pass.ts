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
import { passBulk } from './bulk.ts';
import type { Doors, Outcome, Passage } from './doors.ts';
import { makeEchoes, type EchoesDeps } from './echoes.ts';
import { denied, turnAway, type PassageDeps } from './exits.ts';
import { judgeEarly } from './judge-early.ts';
import { beginJourney, noteEffects, type Journey } from './journey.ts';
import { normaliseOperation, withEarlyPrivilege } from './normalise.ts';
import { passRead } from './read.ts';
import { makeReplays } from './remembered-calls.ts';
import { passRepeatable } from './replays.ts';
import { makeRecovery, type Recovery, type RecoveryDeps } from './recover.ts';
import { tellUse } from './tell-use.ts';

const unconfigured = (target: Target | undefined): Refusal | null =>
  target === undefined || target.unconfigured !== null
    ? refuse('target_unconfigured', errorTable.target_unconfigured.title, {
        internal: target?.unconfigured ?? 'no such target',
      })
    : null;

const walkIn = async (deps: PassageDeps, journey: Journey): Promise<Outcome> => {
  const { passage } = journey;
  const later = passage.route.before === 'capture' ? 'later' : null;
  const target = passage.snapshot.targets[passage.route.target];
  const knobs = target?.knobs ?? rfcKnobs;
  const normal = normaliseOperation(passage.operation, passage.route, later, knobs);
  if (isRefusal(normal)) return turnAway(deps, journey, normal);
  const { operation: meant } = normal;
  const effects = withEarlyPrivilege(normal, target?.safety?.privileged ?? null);
  journey.operation = meant;
  journey.normalised = normal.normalised;
  noteEffects(journey, effects);
  journey.revocation = isRevocation(normal.effects, meant.verb === 'patch' ? meant.changes : []);
  const now = deps.clock.now();
  const early = judgeEarly(passage.actor, passage.route, { operation: meant, effects, now });
  if (early.goes === 'denied') return turnAway(deps, journey, denied(journey, early.denial));
  if (early.goes === 'refused') return turnAway(deps, journey, early.refusal);
  const { operation } = early;
  journey.operation = operation;
  const closed = unconfigured(target);
  if (closed !== null || target === undefined) {
    return turnAway(deps, journey, closed ?? refuse('internal', 'Try again later.'));
  }
  const walk = { deps, journey, target, effects };
  return isMutation(operation)
    ? asAsked(passage, await passRepeatable({ ...walk, operation }))
    : passRead({ ...walk, operation });
};

/**
 * What was held under this very configuration is in canonical values already: a profile that maps one
 * value to another must not map it twice.
 */
const asHeld = (passage: Passage): Passage =>
  passage.release?.configVersion === passage.snapshot.version && passage.route.profile !== null
    ? { ...passage, route: { ...passage.route, profile: null } }
    : passage;

/** One passage, from a canonical operation to its outcome. Rejects only on a defect. */
const pass = async (deps: PassageDeps, passage: Passage): Promise<Outcome> => {
  const journey = beginJourney(asHeld(passage));
  const outcome = await walkIn(deps, journey);
  tellUse(deps, journey);
  return outcome;
};

/** A DELETE is answered as one, also where it deactivates (RFC 7644 §3.6: 204, no body). */
const asAsked = (passage: Passage, outcome: Outcome): Outcome =>
  passage.operation.verb !== 'delete' || isRefusal(outcome.reply) || outcome.reply.body === null
    ? outcome
    : { ...outcome, reply: { status: 204, headers: {}, body: null } };

/** Makes the doors: the passage, and the recovery of what it left in doubt. */
export const makeDoors = (
  deps: Omit<RecoveryDeps, 'doubted' | 'replays' | 'echoes' | 'fingerprint'> & EchoesDeps,
): Doors & Readonly<{ load: Recovery['load']; close(): Promise<void> }> => {
  const echoes = makeEchoes(deps);
  const known: RecoveryDeps = {
    ...deps,
    replays: makeReplays(deps.clock),
    echoes,
    fingerprint: deps.keyRing.fingerprint,
    doubted: (entry, settleAfterMs) => recovery.add(entry, settleAfterMs),
  };
  const recovery = makeRecovery(known);
  return {
    pass: (passage) => pass(known, passage),
    passBulk: (passage) => passBulk(known, passage, (each) => pass(known, each)),
    load: async (writer) => {
      if (writer === undefined) await echoes.start();
      return recovery.load(writer);
    },
    close: () => echoes.stop(),
    recover: recovery.round,
  };
};
