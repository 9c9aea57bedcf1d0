/**
 * Lays a mutation over its facts and judges it whole. Pure: what walks here is what `preview` shows
 * and what the second door lets through.
 */
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Call } from '../identity/call.ts';
import type { Knobs } from '../identity/dialects/knobs.ts';
import type { Effect, Mutation } from '../identity/operation.ts';
import type { TypesByEndpoint } from '../identity/scim/address.ts';
import { isBlindPatch, judgeReplace } from '../identity/scim/blind.ts';
import { asksForCopy } from '../identity/scim/copies.ts';
import { adaptWriting, withChanges, type Writing } from '../identity/scim/adapt-writes.ts';
import { effectsOfChanges, isRevocation } from '../identity/scim/effects.ts';
import { deactivation } from '../identity/scim/expected-there.ts';
import { applyChanges, stripChanges, stripResource, touchedBy } from '../identity/scim/patch.ts';
import { planWrites } from '../identity/scim/plan-writes.ts';
import type { PresentView } from '../identity/scim/present.ts';
import { printCall } from '../identity/scim/print.ts';
import { mergeReplace, replaceChanges, replacedBy } from '../identity/scim/replace.ts';
import { spellUpserts } from '../identity/scim/upserts.ts';
import type { Change, Resource } from '../identity/scim/schema-model.ts';
import type { Script } from '../identity/scim/script.ts';
import { asksMembers, hidesMembers, isMembers } from '../identity/scim/write-knobs.ts';
import { wordOf } from '../policy/actions.ts';
import { decide } from '../policy/decide.ts';
import type { Decision } from '../policy/decision.ts';
import { withPrivilege } from '../policy/privilege.ts';
import type { Privileged } from '../policy/safety.ts';
import type { Target } from '../snapshot.ts';
import type { Actor } from './doors.ts';
import { isUnseen } from './hidden.ts';
import { sightOf, withParts } from './scope.ts';
import { mayTouch } from './touch.ts';

/** A mutation that was judged as far as it can be without the target. */
export type Approached = Readonly<{
  operation: Mutation;
  effects: readonly Effect[];
  actor: Pick<Actor, 'client' | 'grants'>;
  /** Types the route serves. */
  types: TypesByEndpoint;
  /** Wall ms. */
  now: number;
  /** Of the target: what the ways to take access away do there, and what it shows. */
  knobs: Knobs;
  /** Of its tenant; null = nothing grants privilege by itself. */
  privileged: Privileged | null;
}>;

/** A mutation with its facts: what it changes, what was before, what will be after. */
export type Prepared = Writing &
  Readonly<{
    effects: readonly Effect[];
    inverse: readonly Change[] | null;
    /** It writes what the client may not read, so whether it changes anything must not show. */
    blind: boolean;
  }>;

/** Of a decision that lets it pass. */
export type Allowed = Extract<Decision, { allowed: true }>;

/** Lays the operation over the current resource: PUT becomes its changes, PATCH gets its `after`. */
const layOver = (approached: Approached, before: Resource | null): Prepared | Refusal => {
  const { operation, effects, actor, now, knobs } = approached;
  const plain = { operation, effects, before, blind: false, inverse: null };
  if (operation.verb === 'create') {
    return { ...plain, changes: null, after: operation.resource, resource: operation.resource };
  }
  if (operation.verb === 'delete') {
    if (operation.type.word !== 'users' || knobs.deleteUser === 'delete') {
      return { ...plain, changes: null, after: null, resource: null };
    }
    const after = before === null ? null : { ...before, active: false };
    return { ...plain, changes: [deactivation], after, resource: null };
  }
  if (operation.verb === 'patch') {
    const { changes, type } = operation;
    if (before === null) return { ...plain, changes, after: null, resource: null };
    const applied = applyChanges(before, changes, type);
    if (isRefusal(applied)) return applied;
    const { mayRead, copies } = sightOf(actor, type, approached.types, now);
    const sees = (name: string): boolean => mayRead(name) && !asksForCopy(name, type, copies);
    const blind = isBlindPatch(changes, sees);
    const { resource: after, inverse } = applied;
    return { ...plain, blind, changes, after, inverse, resource: null };
  }
  if (before === null) return refuse('internal', 'Try again later.');
  const touch = mayTouch(actor, operation.type, now);
  const { type } = operation;
  const whole = mergeReplace(before, operation.resource, touch, type);
  const changes = replaceChanges({ resource: whole, type }, before);
  const resource = replacedBy(before, changes, type);
  if (isRefusal(resource)) return resource;
  const { mayRead } = sightOf(actor, type, approached.types, now);
  const put = { stated: operation.resource, before, after: whole, changes };
  const { judged, blind } = judgeReplace(put, type, mayRead);
  return {
    ...plain,
    blind,
    operation: { ...operation, resource },
    effects: effectsOfChanges(type, judged, knobs),
    changes,
    after: resource,
    resource,
  };
};

/**
 * Lays the operation over the current resource, and says what it does there: what touches privilege
 * entitles as well.
 */
export const prepare = (approached: Approached, before: Resource | null): Prepared | Refusal => {
  const laid = layOver(approached, before);
  if (approached.privileged === null || isRefusal(laid)) return laid;
  const { operation, after, changes } = laid;
  const facts = { type: operation.type, before: laid.before, after, changes };
  const effects = withPrivilege(laid.effects, facts, approached.privileged);
  return effects === laid.effects ? laid : { ...laid, effects };
};

/**
 * Does it only take access away? Groups that grant privilege make an entitlement of it as well, which
 * is no more than the removal it is.
 */
export const revokesOnly = ({ operation, effects, changes }: Prepared): boolean => {
  const { word } = operation.type;
  const own = ({ action }: Effect): boolean => wordOf(action) === word;
  return isRevocation(effects.every(own) ? effects : effects.filter(own), changes ?? []);
};

/** Names by which group patterns judge: the old one and, on a rename, the new one. */
const groupNamesOf = ({ before, after }: Prepared): readonly string[] => {
  const names = [before?.['displayName'], after?.['displayName']].filter(
    (name) => typeof name === 'string',
  );
  return [...new Set(names)];
};

/** T4: does a condition of the client ask who is in a group, where the target does not tell? */
const asksHidden = (
  { operation: { type, verb } }: Prepared,
  { actor, knobs }: Pick<Approached, 'actor' | 'knobs'>,
): boolean =>
  verb !== 'create' &&
  hidesMembers(knobs, type) &&
  (actor.grants?.grants ?? []).some(({ rules }) =>
    asksMembers(rules[type.word]?.when?.source ?? ''),
  );

/** The decision over all facts that were gathered; a fact that is missing where asked for is no. */
export const decideMutation = (
  prepared: Prepared,
  approached: Pick<Approached, 'actor' | 'now' | 'knobs'>,
): Decision => {
  const { actor, now } = approached;
  const { operation, before, after, changes, effects } = prepared;
  if (asksHidden(prepared, approached)) {
    return decide(actor.grants, {
      type: operation.type,
      effects,
      client: actor.client.name,
      now,
      ...(before === null ? {} : { groupNames: groupNamesOf(prepared) }),
    });
  }
  const known = operation.verb === 'create' || before !== null;
  const gone = operation.verb === 'delete' && changes === null;
  return decide(actor.grants, {
    type: operation.type,
    effects,
    client: actor.client.name,
    now,
    ...(known ? { before, groupNames: groupNamesOf(prepared) } : {}),
    ...(known || gone ? { after } : {}),
    ...(known ? { changed: changes === null ? Object.keys(after ?? {}) : touchedBy(changes) } : {}),
  });
};

/** `denied: drop`: strips exactly the dropped attributes from what will be sent and recorded. */
export const stripped = (prepared: Prepared, drop: readonly string[]): Prepared | Refusal => {
  if (drop.length === 0) return prepared;
  const dropped = new Set(drop);
  const keep = (name: string): boolean => !dropped.has(name);
  const { operation } = prepared;
  if (operation.verb === 'create') {
    const resource = stripResource(operation.resource, operation.type, keep);
    return { ...prepared, operation: { ...operation, resource }, resource, after: resource };
  }
  if (operation.verb === 'delete') return prepared;
  return withChanges(prepared, stripChanges(prepared.changes ?? [], operation.type, keep), []);
};

const hasPrecondition = (operation: Mutation): boolean =>
  'preconditions' in operation && Object.keys(operation.preconditions).length > 0;

const replacesMembers = ({ action }: Effect): boolean => action.endsWith(':replace-members');

/** Does the current resource show all that is written? Nothing is concluded of what may be hidden. */
export const standsAlready = (
  prepared: Prepared,
  knobs: Knobs,
): 'holds' | 'differs' | 'unknown' => {
  const { operation, before, changes, effects } = prepared;
  // A target may hide the members it holds (T4).
  if (before === null || changes === null || effects.some(replacesMembers)) return 'unknown';
  if (prepared.blind) return 'unknown';
  const { type } = operation;
  const hidden = hidesMembers(knobs, type) && changes.some(({ path }) => isMembers(type, path));
  if (hidden || changes.some((change) => isUnseen(type, change.path))) return 'unknown';
  const left = operation.verb === 'replace' ? changes.length : prepared.inverse?.length;
  return left === 0 ? 'holds' : 'differs';
};

/** Does it certainly hold already? */
export const holdsAlready = (prepared: Prepared, knobs: Knobs): boolean =>
  standsAlready(prepared, knobs) === 'holds';

/**
 * Would sending it change nothing? Only where the current resource is known and shows what is
 * written, and the client may read that; what takes access away always goes out.
 */
export const changesNothing = (prepared: Prepared, revocation: boolean, knobs: Knobs): boolean => {
  const { operation } = prepared;
  if (operation.verb === 'patch' && operation.changes.length === 0) return true;
  // A precondition is the target's to judge.
  return !revocation && !hasPrecondition(operation) && holdsAlready(prepared, knobs);
};

/** The changes of a PATCH as they go out: a missing element is spelled out where that is known (C5). */
const sentChanges = ({ operation, before, changes }: Prepared) =>
  before === null ? (changes ?? []) : spellUpserts(changes ?? [], before, operation.type);

/**
 * The one call that carries it out where the target takes writes as RFC 7644 has them; its answer has
 * the parts by which copies are judged.
 */
const callOf = (
  prepared: Prepared,
  bases: Pick<PresentView, 'publicBase' | 'targetBase' | 'copies'>,
): Call =>
  printCall(withParts(prepared.operation, bases.copies), {
    publicBase: bases.publicBase,
    targetBase: bases.targetBase,
    ...(prepared.resource === null ? {} : { resource: prepared.resource }),
    ...(prepared.operation.verb === 'patch' ? { changes: sentChanges(prepared) } : {}),
  });

/** A mutation as its target takes it, with the calls that carry it out. */
export type Planned = Readonly<{ prepared: Prepared; script: Script }>;

/**
 * Adapts what was decided to the target and plans its calls; refuses what the target takes in no way
 * before anything is recorded or sent.
 */
export const plan = (
  decided: Prepared,
  { knobs, plainWrites }: Pick<Target, 'knobs' | 'plainWrites'>,
  bases: Pick<PresentView, 'publicBase' | 'targetBase' | 'copies'>,
): Planned | Refusal => {
  if (plainWrites) {
    const operation = decided.operation;
    const only = { operation, call: callOf(decided, bases), inverse: [], kept: null };
    return { prepared: decided, script: [only] };
  }
  const prepared = adaptWriting(decided, knobs);
  if (isRefusal(prepared)) return prepared;
  const { publicBase, targetBase, copies } = bases;
  const asked = { ...prepared, operation: withParts(prepared.operation, copies) };
  const script = planWrites(asked, knobs, { publicBase, targetBase });
  return isRefusal(script) ? script : { prepared, script };
};
