/**
 * Answers a settled call again, without a write: re-decided under today's snapshot, presented from a
 * fresh read under the resource's turn. A refusal of the target is the same refusal again; doubt
 * stays doubt and is never sent a second time.
 */
import { isRefusal, refuse, type ErrorCode, type Refusal } from '../errors.ts';
import type { Knobs } from '../identity/dialects/knobs.ts';
import type { Answer } from '../identity/call.ts';
import type { Mutation } from '../identity/operation.ts';
import { present, type PresentView, type Presented } from '../identity/scim/present.ts';
import { compareReadBack, expectedOf, type Expected } from '../identity/scim/readback.ts';
import type { Outcome } from './doors.ts';
import { echoRead } from './echo-view.ts';
import { denied, takeLimits, turnAway } from './exits.ts';
import { gatherCurrent, type Current } from './facts.ts';
import { endJourney, noteGranted } from './journey.ts';
import { noTurn, withCurrent } from './mutate.ts';
import type { MutationWalk } from './mutation-walk.ts';
import { resourceKey } from './normalise.ts';
import {
  decideMutation,
  holdsAlready,
  prepare,
  stripped,
  type Approached,
  type Prepared,
} from './prepare.ts';
import type { Settled } from './remembered-calls.ts';
import { viewOf } from './view.ts';

const replay = (walk: MutationWalk, known: Settled, reply: Presented | Refusal): Outcome => {
  const { deps, journey } = walk;
  journey.ledger = known.entry;
  const { traceId, requestId } = journey.passage.origin;
  deps.observer.note('debug', 'call.replayed', { ledgerId: known.entry.id, traceId, requestId });
  return { ...endJourney(journey, reply), replayed: true };
};

/** As the entry stands: 504 where the target was silent, else 502. */
const doubtRefusal = ({ entry }: Settled): Refusal =>
  refuse(
    entry.settledBy === 'timeout' ? 'target_timeout' : 'target_unreachable',
    'It is not known whether the target made this change. Read the resource before you send it under a new key.',
    { internal: `replay: in doubt by ${entry.settledBy}` },
  );

/**
 * The refusal of the first time; after a restart without the target's own words. Null where it was
 * none of the call's making (a target that was busy, a credential): nothing was changed, so the call
 * goes out again.
 */
const sameRefusal = ({ entry, refusal }: Settled, code: ErrorCode): Refusal | null => {
  if (code !== 'target_refused') return null;
  const { status } = entry;
  return (
    refusal ??
    refuse(
      code,
      'The target refused this call when it first came. Mend it and send it under a new Idempotency-Key.',
      {
        ...(status === null ? {} : { status }),
        ...(status === 409 ? { scimType: 'uniqueness' } : {}),
      },
    )
  );
};

/** Code of a rejected entry: as answered, or told by the target's status (`failureOf`). */
const codeOf = ({ entry, refusal }: Settled): ErrorCode => {
  if (refusal !== null) return refusal.refused;
  const { status } = entry;
  if (status === 429) return 'target_rate_limited';
  return status === 401 || status === 403 ? 'target_credential_refused' : 'target_refused';
};

/** What a read must find for the call's effect to hold still. */
const stillExpected = (prepared: Prepared, id: string): Expected | null => {
  const { operation, changes, resource } = prepared;
  const expected = expectedOf(
    operation,
    { ...(changes === null ? {} : { changes }), ...(resource === null ? {} : { resource }) },
    null,
  );
  return expected?.kind === 'created' ? { kind: 'changed', id, checks: expected.checks } : expected;
};

const replacesMembers = ({ effects }: Prepared): boolean =>
  effects.some(({ action }) => action.endsWith(':replace-members'));

/**
 * Does the effect hold still, as far as reading tells? A set of members that may be shown in part
 * (T4) never does, nor does what a PUT would still remove.
 */
const holdsStill = (
  prepared: Prepared,
  current: Current,
  { id, knobs }: Readonly<{ id: string; knobs: Knobs }>,
): boolean => {
  if (replacesMembers(prepared)) return false;
  if (prepared.operation.verb !== 'create' && holdsAlready(prepared, knobs)) return true;
  const { operation, changes } = prepared;
  const removes = changes?.some(({ op }) => op === 'remove') ?? false;
  if (operation.verb === 'replace' && removes) return false;
  const expected = stillExpected(prepared, id);
  if (expected === null) return false;
  const found = compareReadBack(expected, null, current.answer, operation.type);
  return found === 'holds' || found === 'before-already-held';
};

const shown = (
  operation: Mutation,
  answer: Answer,
  known: Settled,
  view: PresentView,
): Presented | Refusal => {
  if (operation.verb === 'create') return present(answer, operation, view);
  if (operation.verb === 'delete' || known.entry.status === 204) {
    return { status: 204, headers: {}, body: null };
  }
  const { type, id, projection } = operation;
  return present(
    answer,
    { verb: 'read', type, id, projection, preconditions: {}, repairs: [] },
    view,
  );
};

/** The call laid over the resource as it is now. */
const layOver = (walk: MutationWalk, current: Current): [Approached, Prepared] | Refusal => {
  const { operation } = walk;
  const approached = withCurrent(walk, current);
  if (isRefusal(approached)) return approached;
  const before = operation.verb === 'create' ? null : current.resource;
  const prepared = prepare(approached, before);
  return isRefusal(prepared) ? prepared : [approached, prepared];
};

/** Under the resource's turn: read, decide, show. */
const readAndShow = async (
  walk: MutationWalk,
  known: Settled,
  id: string,
  keyed: boolean,
): Promise<Outcome | null> => {
  const { deps, journey, target, operation } = walk;
  const { type, projection, repairs } = operation;
  const current = await gatherCurrent(deps, journey, target, {
    verb: 'delete',
    type,
    id,
    projection,
    repairs,
    preconditions: {},
  });
  if (isRefusal(current)) return keyed ? turnAway(deps, journey, current) : null;
  const laid = layOver(walk, current);
  if (isRefusal(laid)) return keyed ? turnAway(deps, journey, laid) : null;
  const [approached, prepared] = laid;
  const decision = decideMutation(prepared, approached);
  if (!decision.allowed) return turnAway(deps, journey, denied(journey, decision));
  const final = stripped(prepared, decision.drop);
  if (isRefusal(final)) return keyed ? turnAway(deps, journey, final) : null;
  if (!keyed && !holdsStill(final, current, { id, knobs: target.knobs })) return null;
  noteGranted(journey, decision);
  const plain = viewOf(deps, journey, target, decision.view.covers);
  const view = await echoRead(walk, plain, type, current.answer);
  return replay(walk, known, shown(final.operation, current.answer, known, view));
};

/** An applied create whose target never named an id: there is nothing to read, and it is not made again. */
const unnamed: Answer = { status: 201, headers: {}, body: undefined, readable: true, excerpt: '' };

/** Nothing to read: decided by what was sent, shown as it was sent (C28). */
const showUnnamed = (walk: MutationWalk, known: Settled): Outcome => {
  const { deps, journey, target, operation, effects } = walk;
  const { actor, route } = journey.passage;
  const { knobs } = target;
  const now = deps.clock.now();
  const privileged = target.safety?.privileged ?? null;
  const approached = { operation, effects, actor, types: route.types, now, knobs, privileged };
  const prepared = prepare(approached, null);
  if (isRefusal(prepared)) return turnAway(deps, journey, prepared);
  const decision = decideMutation(prepared, approached);
  if (!decision.allowed) return turnAway(deps, journey, denied(journey, decision));
  const view = viewOf(deps, journey, target, decision.view.covers);
  return replay(walk, known, shown(operation, unnamed, known, view));
};

/** A call that was carried out: shown as it is now. */
const replayDone = async (
  walk: MutationWalk,
  known: Settled,
  keyed: boolean,
): Promise<Outcome | null> => {
  const { deps, journey, target, operation } = walk;
  const id = operation.verb === 'create' ? known.entry.resourceId : operation.id;
  if (id === null) return keyed ? showUnnamed(walk, known) : null;
  const limited = await takeLimits(deps, journey, [
    journey.passage.actor.client.limitReads,
    target.limitReads,
  ]);
  if (limited !== null) return turnAway(deps, journey, limited);
  const turn = await deps.turns.enter([resourceKey(target.tenant, operation.type.word, id)], {
    deadline: deps.clock.monotonic() + target.settings.limits.wait,
    abandoned: null,
    revocation: false,
    shared: journey.passage.route.turns === 'shared',
  });
  if ('refused' in turn) return turnAway(deps, journey, noTurn[turn.refused]);
  try {
    return await readAndShow(walk, known, id, keyed);
  } finally {
    turn.leave();
  }
};

/**
 * The answer to a repeat of a settled call, or null where it is to go out as new. `keyed`: the caller
 * says that it is the same call; else it must also hold still.
 */
export const replaySettled = async (
  walk: MutationWalk,
  known: Settled,
  keyed: boolean,
): Promise<Outcome | null> => {
  const { outcome } = known.entry;
  if (outcome === 'applied' || outcome === 'not-sent') return replayDone(walk, known, keyed);
  if (!keyed) return null;
  if (outcome === 'in-doubt') return replay(walk, known, doubtRefusal(known));
  const refusal = sameRefusal(known, codeOf(known));
  return refusal === null ? null : replay(walk, known, refusal);
};
