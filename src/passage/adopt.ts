/**
 * T6, `conflict: adopt`: a create of what is there already is carried out as a PATCH of the
 * differences on the one that is there. It is judged by the client's grants as what it is and has a
 * ledger entry of its own; where that is not allowed, or the one cannot be told for certain, the
 * target's 409 stands. Passwords are never set this way.
 */
import { isRefusal } from '../errors.ts';
import { isObject } from '../identity/json-value.ts';
import type { Mutation } from '../identity/operation.ts';
import { effectsOf } from '../identity/scim/effects.ts';
import { resourceLink } from '../identity/scim/links.ts';
import { equalValues } from '../identity/scim/patch.ts';
import { searchCall } from '../identity/scim/print.ts';
import { matchingOf } from '../identity/scim/readback.ts';
import { mergeReplace, replaceChanges } from '../identity/scim/replace.ts';
import type { Filter, ResourceType } from '../identity/scim/schema-model.ts';
import { lookUp } from '../identity/scim/schemas.ts';
import { readList } from '../identity/scim/target-resource.ts';
import { dispatch } from './dispatch.ts';
import type { Outcome } from './doors.ts';
import { takeLimits } from './exits.ts';
import { gatherCurrent } from './facts.ts';
import { isUnseen } from './hidden.ts';
import { beginJourney, noteEffects } from './journey.ts';
import type { MutationWalk } from './mutation-walk.ts';
import { tellUse } from './tell-use.ts';
import { resourceKey } from './normalise.ts';

type Create = Extract<Mutation, { verb: 'create' }>;
type Patch = Extract<Mutation, { verb: 'patch' }>;

/** Did the target refuse the create because such a resource is there? */
const isConflict = ({ reply, ledger }: Outcome): boolean =>
  isRefusal(reply) &&
  reply.refused === 'target_refused' &&
  reply.status === 409 &&
  ledger?.outcome === 'rejected';

/** Id of the one resource that has the create's matching attribute; null = none, or not for certain. */
const findExisting = async (
  { deps, journey, target }: MutationWalk,
  { resource, type }: Create,
): Promise<string | null> => {
  const by = matchingOf(resource, type);
  if (by === null) return null;
  const { attribute, value } = by;
  const filter: Filter = { kind: 'compare', path: { attribute }, operator: 'eq', value };
  const call = searchCall(type, filter, 2);
  const sent = await dispatch(deps, journey, target, call, 'lookup', null);
  if (sent.kind !== 'answered' || sent.answer.status !== 200) return null;
  const list = readList(sent.answer.body, type);
  const [only, ...more] = list?.resources ?? [];
  if (only === undefined || more.length > 0 || (list?.totalResults ?? 0) > 1) return null;
  const id = only['id'];
  const same = equalValues(only[attribute], value, lookUp(type, { attribute }));
  return same && typeof id === 'string' && id !== '' ? id : null;
};

const patchOf = ({ type, projection, repairs }: Create, id: string): Patch => ({
  verb: 'patch',
  type,
  id,
  projection,
  repairs,
  preconditions: {},
  changes: [],
});

/** The PATCH that makes the one that is there hold what the create states. */
const differences = async (
  { deps, journey, target }: MutationWalk,
  create: Create,
  id: string,
): Promise<Patch | null> => {
  const patch = patchOf(create, id);
  const current = await gatherCurrent(deps, journey, target, patch);
  if (isRefusal(current)) return null;
  const { type } = create;
  const wanted = mergeReplace(current.resource, create.resource, () => false, type);
  const changes = replaceChanges({ type, resource: wanted }, current.resource).filter(
    ({ path }) => !isUnseen(type, path),
  );
  return { ...patch, changes };
};

/** Answered as the create it was asked to be: 201 with the one that is there. */
const asCreated = (
  { reply }: Outcome,
  type: ResourceType,
  id: string,
  publicBase: string,
): Outcome['reply'] => {
  if (isRefusal(reply)) return reply;
  const location = resourceLink(publicBase, type.endpoint, id);
  const told = isObject(reply.body ?? undefined) ? reply.body : null;
  const meta = { resourceType: type.name, location };
  return {
    status: 201,
    headers: { ...reply.headers, Location: location },
    body: told ?? { schemas: [type.schema.id], id, meta },
  };
};

/** The walk of the second mutation, under its own turn; `walkThrough` is that of mutate.ts. */
const carryOn = async (
  walk: MutationWalk,
  id: string,
  create: Create,
  walkThrough: (walk: MutationWalk) => Promise<Outcome>,
): Promise<Outcome | null> => {
  const { deps, journey, target } = walk;
  const key = resourceKey(target.tenant, create.type.word, id);
  const turn = await deps.turns.enter([key], {
    deadline: deps.clock.monotonic() + target.settings.limits.wait,
    abandoned: null,
    revocation: false,
    shared: journey.passage.route.turns === 'shared',
  });
  if ('refused' in turn) return null;
  try {
    const operation = await differences(walk, create, id);
    if (operation === null) return null;
    const effects = effectsOf(operation, target.knobs);
    journey.operation = operation;
    noteEffects(journey, effects);
    const outcome = await walkThrough({ ...walk, operation, effects, turn });
    tellUse(deps, journey);
    return outcome;
  } finally {
    turn.leave();
  }
};

/** The outcome of a create, adopted where the target has such a resource and the client may change it. */
export const adoptExisting = async (
  walk: MutationWalk,
  create: Create,
  refused: Outcome,
  walkThrough: (walk: MutationWalk) => Promise<Outcome>,
): Promise<Outcome> => {
  if (walk.target.knobs.conflict !== 'adopt' || !isConflict(refused)) return refused;
  const { deps, target } = walk;
  const { passage } = walk.journey;
  const begin = (id: string) => beginJourney({ ...passage, operation: patchOf(create, id) });
  const looking = begin('');
  const limits = [target.limitReads, target.limitWrites];
  if ((await takeLimits(deps, looking, limits)) !== null) return refused;
  const id = await findExisting({ ...walk, journey: looking }, create);
  const journey = begin(id ?? '');
  const outcome = id === null ? null : await carryOn({ ...walk, journey }, id, create, walkThrough);
  const spent = {
    attempts: [...refused.attempts, ...looking.attempts, ...journey.attempts],
    targetMs: refused.targetMs + looking.targetMs + journey.targetMs,
  };
  if (outcome === null || id === null) return { ...refused, ...spent };
  // A refusal of the second leaves the first as it was; a doubt, and that it waits, must be told.
  const told = outcome.ledger?.outcome === 'in-doubt' || outcome.decision === 'hold';
  if (isRefusal(outcome.reply) && !told) return { ...refused, ...spent };
  const reply = asCreated(outcome, create.type, id, passage.origin.publicBase);
  return { ...outcome, ...spent, operation: 'create', reply };
};
