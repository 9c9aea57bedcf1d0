/**
 * What may stop a mutation that its client was granted, weighed under the turn and before anything is
 * recorded: what a release is bound to, protected subjects, an outside decision, approval, guards. In
 * this order, so that nobody is asked to approve what must not be. Guards with windows are only laid out
 * here: their places are taken in the ledger's transaction (open-entry.ts).
 */
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { hidesMembers } from '../identity/scim/write-knobs.ts';
import type { WindowClaim } from '../ledger/claims.ts';
import type { Guard, Touch } from '../policy/safety.ts';
import { touchesOf } from '../policy/touches.ts';
import { heldOperation, isReleasedFrom, releaseProblem, undoProblem } from './binding-checks.ts';
import type { Target } from '../snapshot.ts';
import { askDecisionPoint } from './decision-point.ts';
import type { Unreleased } from './doors.ts';
import { requiresApproval } from './facts.ts';
import type { MutationWalk } from './mutation-walk.ts';
import { placesOf, type Place, type Tripped } from './places.ts';
import { standsAlready, type Allowed, type Approached, type Prepared } from './prepare.ts';
import { judgeSubjects, ownId } from './subjects.ts';

/** A mutation that grants let pass, with its facts. */
export type Weighing = Readonly<{
  walk: MutationWalk;
  approached: Approached;
  /** Stripped of what is dropped; in canonical values. */
  final: Prepared;
  allowed: Allowed;
  /** It would change nothing: nothing is sent, so nobody has to be asked. */
  unchanged: boolean;
}>;

/** What has to be had when it is recorded. */
export type Weighed = Readonly<{
  places: readonly Place[];
  /** The grant's own window, taken instead of the guards' while it has room. */
  urgent: WindowClaim | null;
  /** Guards that let nothing through but an urgent place. */
  closed: Tripped | null;
  /** Ids of overrides that let it hit protected subjects. */
  overrides: readonly string[];
  /** Rules that a trial let pass. */
  shadowed: readonly string[];
}>;

/** What it takes to let it out, where it has to wait. */
export type ToHold = Readonly<{
  rule: string;
  /** Public: why it waits. */
  why: string;
  by: number;
  expiresMs: number;
  rememberMs: number;
}>;

/** Why it does not go on. */
export type Stop =
  | Readonly<{ stop: 'refused'; refusal: Refusal }>
  | Readonly<{ stop: 'held'; hold: ToHold }>
  | Readonly<{ stop: 'unreleased'; unreleased: Unreleased }>;

/** Of a mutation that no rule concerns. */
export const nothingWeighed: Weighed = Object.freeze({
  places: Object.freeze([]),
  urgent: null,
  closed: null,
  overrides: Object.freeze([]),
  shadowed: Object.freeze([]),
});

const refused = (refusal: Refusal): Stop => ({ stop: 'refused', refusal });

/** Is there anything to weigh at all? Mostly not. */
export const hasWeight = ({
  target,
  journey,
}: Pick<MutationWalk, 'target' | 'journey'>): boolean => {
  const { route, release, undo } = journey.passage;
  return (
    route.approval !== null ||
    route.decisionPoint !== null ||
    release !== undefined ||
    undo !== undefined ||
    (target.safety !== null && target.safety.concerns(journey.actions))
  );
};

/** The rule of a guard, as answers and records name it. */
export const guardRule = ({ name }: Pick<Guard, 'name'>): string => `guards.${name}`;

/** The answer of a guard that holds nothing. */
export const guardRefusal = ({ guard, why }: Tripped): Refusal =>
  refuse('guard_tripped', `${why} Ask the client's owner whether so many changes are meant.`, {
    rule: guardRule(guard),
  });

/** What a guard that tripped makes of a mutation. */
export const trippedStop = (
  { journey }: Pick<MutationWalk, 'journey'>,
  { guard, why }: Tripped,
): Stop => {
  const rule = guardRule(guard);
  if (guard.then === 'deny') return refused(guardRefusal({ guard, why }));
  const { expiresMs } = journey.passage.snapshot.holds;
  const hold = { rule, why, by: guard.by, expiresMs, rememberMs: expiresMs };
  return { stop: 'held', hold };
};

/** The rule of a route's approval. */
export const approvalRule = ({ name }: Readonly<{ name: string }>): string =>
  `routes.${name}.approval`;

/** Why a change that a route wants approved waits, in public words. */
export const approvalWhy = 'Such a change waits for approval on this route.';

const approvalStop = ({ walk }: Weighing): Stop | null => {
  const { journey } = walk;
  const { route } = journey.passage;
  const { approval } = route;
  if (approval === null || !requiresApproval(approval, journey.actions)) return null;
  const rule = approvalRule(route);
  if (isReleasedFrom(walk, rule)) return null;
  const { by, expiresMs, rememberMs } = approval;
  return { stop: 'held', hold: { rule, why: approvalWhy, by, expiresMs, rememberMs } };
};

/** What guards of the target's tenant count of a change by this client. Pure. */
export const touchesBy = (
  client: string,
  { safety, tenant, knobs }: Pick<Target, 'safety' | 'tenant' | 'knobs'>,
  { operation, effects, before, after, changes }: Prepared,
): readonly Touch[] => {
  const { type } = operation;
  if (safety === null || safety.guards.length === 0) return [];
  return touchesOf(safety.guards, {
    tenant,
    client,
    type,
    actions: effects.map(({ action }) => action),
    before,
    after,
    changes,
    groupId: type.word === 'groups' ? ownId(operation, before) : null,
    membersHidden: hidesMembers(knobs, type),
  });
};

/** As many places as the guard that counts most of it: a hundred members are not one revocation. */
const urgentClaim = (
  { walk, allowed }: Weighing,
  touches: readonly Touch[],
): WindowClaim | null => {
  const { urgent } = allowed;
  if (urgent === null || !walk.journey.revocation) return null;
  const amount = touches.reduce((most, touch) => Math.max(most, touch.amount), 1);
  return { key: urgent.key, ms: urgent.ms, max: urgent.count, amount, force: false };
};

const populationOf = async (
  { deps, target }: MutationWalk,
  { operation }: Prepared,
  touches: readonly Touch[],
): Promise<number | null> =>
  touches.some(({ shareOf }) => shareOf === 'population')
    ? deps.safeguards.populations.count(target, operation.type)
    : null;

/**
 * What waits for people or was rejected by them does not go out because a window has room again: it
 * comes back to the hold it belongs to.
 */
const boundStop = async (
  { walk, approached, final }: Weighing,
  touches: readonly Touch[],
): Promise<Stop | null> => {
  const { deps, journey, target } = walk;
  const { route, actor, origin, snapshot, release } = journey.passage;
  if (release !== undefined || touches.every(({ guard }) => guard.then !== 'hold')) return null;
  const asked = deps.safeguards.holding.bound({
    route,
    target,
    actor,
    origin,
    operation: heldOperation(approached, final),
    actions: journey.actions,
    rememberMs: snapshot.holds.expiresMs,
    keepsPasswords: route.approval?.keepsPasswords ?? false,
  });
  const rule = asked instanceof Promise ? await asked : asked;
  if (rule === null) return null;
  // A rule that is written no more, or holds no more, binds nobody.
  const touch = touches.find(({ guard }) => guard.then === 'hold' && guardRule(guard) === rule);
  if (touch === undefined) return null;
  const { guard } = touch;
  return trippedStop(walk, { guard, why: `The guard ${guard.name} held such a change before.` });
};

/** Guards: what trips by itself stops it, the rest are places to be taken. */
const weighGuards = async (
  weighing: Weighing,
  overrides: readonly string[],
): Promise<Weighed | Stop> => {
  const { walk, final, allowed } = weighing;
  const none = overrides.length === 0 ? nothingWeighed : { ...nothingWeighed, overrides };
  const touches = touchesBy(walk.journey.passage.actor.client.name, walk.target, final);
  if (touches.length === 0) return none;
  // What takes access away goes out even where it holds already; then it changes nothing to be counted.
  if (standsAlready(final, walk.target.knobs) === 'holds') return none;
  const population = await populationOf(walk, final, touches);
  const released = (guard: Guard): boolean => isReleasedFrom(walk, guardRule(guard));
  const { shadowed: trial } = allowed;
  const { places, tripped, unknown } = placesOf(touches, population, released);
  const inForce = tripped.filter(({ guard }) => !released(guard));
  const [first] = inForce;
  if (first !== undefined && !trial) return trippedStop(walk, first);
  const bound = trial ? null : await boundStop(weighing, touches);
  if (bound !== null) return bound;
  const urgent = urgentClaim(weighing, touches);
  const [closed = null] = unknown;
  if (closed !== null && urgent === null && !trial) return trippedStop(walk, closed);
  const looked = trial ? [...inForce, ...unknown].map(({ guard }) => guardRule(guard)) : [];
  return {
    places,
    urgent,
    closed: trial ? null : closed,
    overrides,
    shadowed: [...new Set(looked)],
  };
};

/** Weighs it whole. */
export const weigh = async (weighing: Weighing): Promise<Weighed | Stop> => {
  const { walk, approached, final } = weighing;
  const moved = undoProblem(walk, final);
  if (moved !== null) return refused(moved);
  const overrides = judgeSubjects(walk, final);
  if (isRefusal(overrides)) return refused(overrides);
  const unreleased = releaseProblem(walk, approached, final);
  if (unreleased !== null) return { stop: 'unreleased', unreleased };
  if (weighing.unchanged) return { ...nothingWeighed, overrides };
  const { decisionPoint } = walk.journey.passage.route;
  const denied = decisionPoint === null ? null : await askDecisionPoint(walk, final, decisionPoint);
  if (denied !== null) return refused(denied);
  return approvalStop(weighing) ?? weighGuards(weighing, overrides);
};
