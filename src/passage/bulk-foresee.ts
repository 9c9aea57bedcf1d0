/**
 * Decides a Bulk whole before anything of it is sent: each operation is normalised and judged, and
 * where that needs the current resource it is read and decided over it, with the functions of the
 * passage itself. What an earlier operation of the Bulk leaves behind is what a later one finds. Each
 * is judged again under its own turn; here nothing is kept but a refusal.
 */
import { errorTable, isRefusal, refuse, type Refusal } from '../errors.ts';
import { isMutation, type Mutation } from '../identity/operation.ts';
import { refusalOfOperation, type BulkOperation } from '../identity/scim/bulk.ts';
import {
  dependsOnBulk,
  foreseenCompletion,
  type PlannedOperation,
} from '../identity/scim/bulk-references.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import type { Route, Target } from '../snapshot.ts';
import type { BulkOutcome, BulkPassage, Outcome } from './doors.ts';
import { denied, takeLimits, turnAway, type PassageDeps } from './exits.ts';
import { gatherCurrent, needsCurrent, type Current } from './facts.ts';
import { judgeEarly } from './judge-early.ts';
import {
  abandonedRefusal,
  beginJourney,
  endJourney,
  noteEffects,
  type Journey,
} from './journey.ts';
import { withCurrent } from './mutate.ts';
import type { MutationWalk } from './mutation-walk.ts';
import { normaliseOperation, resourceKey, withEarlyPrivilege } from './normalise.ts';
import { decideMutation, prepare, stripped, type Prepared } from './prepare.ts';
import { judgeSubjects } from './subjects.ts';

/** What was foreseen: a refusal of the whole, or none, and the reads it took. */
export type Foreseen = Pick<BulkOutcome, 'refused' | 'foreseen'>;

type Looking = {
  readonly deps: PassageDeps;
  readonly passage: BulkPassage;
  readonly target: Target;
  /** Monotonic ms after which nothing more is looked at. */
  readonly deadline: number;
  readonly journeys: Journey[];
  /** Current resources by turn key, as the operations looked at so far leave them; null = gone. */
  readonly known: Map<string, Current | null>;
};

type Looked = Readonly<{ of: BulkOperation; walk: MutationWalk }>;

/** Said of the Bulk as a whole, or of one operation of it. */
const refusedWhole = (
  deps: PassageDeps,
  journey: Journey,
  refusal: Refusal,
  of: BulkOperation | null,
): Outcome => {
  const outcome = turnAway(deps, journey, refusal);
  return of === null ? outcome : { ...outcome, reply: refusalOfOperation(refusal, of) };
};

/** Without I/O: in canonical values, and what can be denied early. */
const lookEarly = (looking: Looking, of: BulkOperation): Looked | Outcome => {
  const { deps, passage, target, journeys } = looking;
  const journey = beginJourney({ ...passage, operation: of.operation });
  journeys.push(journey);
  const later = passage.route.before === 'capture' ? 'later' : null;
  const normal = normaliseOperation(of.operation, passage.route, later, target.knobs);
  if (isRefusal(normal)) return refusedWhole(deps, journey, normal, of);
  const { operation: meant } = normal;
  const effects = withEarlyPrivilege(normal, target.safety?.privileged ?? null);
  journey.operation = meant;
  journey.normalised = normal.normalised;
  noteEffects(journey, effects);
  const { actor, route } = passage;
  const early = judgeEarly(actor, route, { operation: meant, effects, now: deps.clock.now() });
  if (early.goes === 'denied') {
    return refusedWhole(deps, journey, denied(journey, early.denial), of);
  }
  if (early.goes === 'refused') return refusedWhole(deps, journey, early.refusal, of);
  const { operation } = early;
  if (!isMutation(operation)) throw new TypeError('a Bulk holds mutations only');
  return { of, walk: { deps, journey, target, effects, operation } };
};

/** Must the current resource be read to decide? `before: capture` alone only where values wait for it. */
const decidesByCurrent = ({ journey, operation, target }: MutationWalk, route: Route): boolean =>
  needsCurrent(
    operation,
    { ...route, before: 'needed' },
    journey.passage.actor.grants,
    journey.actions,
    target,
  ) ||
  (operation.verb === 'patch' && route.before === 'capture' && route.profile !== null);

type Existing = Exclude<Mutation, { verb: 'create' }>;

const keyOf = ({ target }: Looking, { type, id }: Existing): string =>
  resourceKey(target.tenant, type.word, id);

/** The current resource, or null where it is not there: its own call will say so. */
const findCurrent = async (
  looking: Looking,
  { journey, target }: MutationWalk,
  operation: Existing,
): Promise<Current | null | Refusal> => {
  const key = keyOf(looking, operation);
  const known = looking.known.get(key);
  if (known !== undefined) return known;
  const limited = await takeLimits(looking.deps, journey, [target.limitReads]);
  if (limited !== null) return limited;
  const gathered = await gatherCurrent(looking.deps, journey, target, operation);
  const gone = isRefusal(gathered) && gathered.refused === 'target_refused';
  const found = gone && gathered.status === 404 ? null : gathered;
  if (!isRefusal(found)) looking.known.set(key, found);
  return found;
};

/** What the next operation on the same resource will find. */
const leave = (looking: Looking, current: Current, { operation, after }: Prepared): void => {
  if (operation.verb === 'create') return;
  const left: Resource | null = operation.verb === 'delete' ? null : after;
  looking.known.set(
    keyOf(looking, operation),
    left === null ? null : { ...current, resource: left },
  );
};

const decideWith = (
  looking: Looking,
  { of, walk }: Looked,
  current: Current | null,
): Outcome | null => {
  const { deps } = looking;
  const { journey } = walk;
  const approached = withCurrent(walk, current);
  if (isRefusal(approached)) return refusedWhole(deps, journey, approached, of);
  const prepared = prepare(approached, current?.resource ?? null);
  if (isRefusal(prepared)) return refusedWhole(deps, journey, prepared, of);
  noteEffects(journey, prepared.effects);
  const decision = decideMutation(prepared, approached);
  if (!decision.allowed) return refusedWhole(deps, journey, denied(journey, decision), of);
  const final = stripped(prepared, decision.drop);
  if (isRefusal(final)) return refusedWhole(deps, journey, final, of);
  const protects = judgeSubjects(walk, final);
  if (isRefusal(protects)) return refusedWhole(deps, journey, protects, of);
  if (current !== null) leave(looking, current, final);
  return null;
};

/** With I/O where it must be: the whole decision over the current resource. */
const lookWhole = async (
  looking: Looking,
  looked: Looked,
  read: ReadonlySet<string>,
): Promise<Outcome | null> => {
  const { deps, passage, deadline } = looking;
  const { walk, of } = looked;
  const { operation, journey } = walk;
  if (operation.verb === 'create') return decideWith(looking, looked, null);
  if (dependsOnBulk(operation) || !read.has(keyOf(looking, operation))) return null;
  if (passage.origin.abandoned()) return endJourney(journey, abandonedRefusal);
  if (deps.clock.monotonic() >= deadline) return refusedWhole(deps, journey, tooLong, null);
  const current = await findCurrent(looking, walk, operation);
  if (isRefusal(current)) return refusedWhole(deps, journey, current, of);
  return current === null ? null : decideWith(looking, looked, current);
};

const tooLong = refuse(
  'target_overloaded',
  'The target was too slow to decide this Bulk whole. Nothing was sent; send fewer operations at once.',
);

/** What refuses the Bulk before any of its operations is looked at. */
const closed = (deps: PassageDeps, passage: BulkPassage, target: Target): Refusal | null => {
  if (target.unconfigured !== null) {
    const internal = target.unconfigured;
    return refuse('target_unconfigured', errorTable.target_unconfigured.title, { internal });
  }
  const { route, actor } = passage;
  const scope = { tenant: target.tenant, route: route.name, client: actor.client.name };
  return deps.standing.frozen(scope)
    ? refuse('target_frozen', 'Changes here are stopped for now.')
    : null;
};

const lookAtAll = async (
  looking: Looking,
  plan: readonly PlannedOperation[],
): Promise<Outcome | null> => {
  const all: Looked[] = [];
  for (const { of, later } of plan) {
    const looked = lookEarly(looking, of);
    if ('reply' in looked) return looked;
    all.push(looked);
    if (later.length === 0 || of.operation.verb !== 'create') continue;
    // What adds the references of a circle is a change of its own: it may be denied by itself.
    const completion = foreseenCompletion(of.operation, later);
    const added = lookEarly(looking, { ...of, operation: completion });
    if ('reply' in added) return added;
  }
  const read = new Set<string>();
  for (const { walk } of all) {
    const { operation } = walk;
    if (operation.verb === 'create' || !decidesByCurrent(walk, looking.passage.route)) continue;
    read.add(keyOf(looking, operation));
  }
  for (const looked of all) {
    const refused = await lookWhole(looking, looked, read);
    if (refused !== null) return refused;
  }
  return null;
};

/** Looks at every operation of a plan, in the order in which they will run. */
export const foresee = async (
  deps: PassageDeps,
  passage: BulkPassage,
  plan: readonly PlannedOperation[],
  deadline: number,
): Promise<Foreseen> => {
  const target = passage.snapshot.targets[passage.route.target];
  const { of: first } = plan[0] as PlannedOperation;
  const journey = beginJourney({ ...passage, operation: first.operation });
  const shut =
    target === undefined ? refuse('internal', 'Try again later.') : closed(deps, passage, target);
  const journeys = [journey];
  const none = { attempts: [], targetMs: 0 };
  if (shut !== null || target === undefined) {
    const refusal = shut ?? refuse('internal', 'Try again later.');
    return { refused: turnAway(deps, journey, refusal), foreseen: none };
  }
  const looking = { deps, passage, target, deadline, journeys, known: new Map() };
  const refused = await lookAtAll(looking, plan);
  return {
    refused,
    foreseen: {
      attempts: journeys.flatMap(({ attempts }) => attempts),
      targetMs: journeys.reduce((sum, { targetMs }) => sum + targetMs, 0),
    },
  };
};
