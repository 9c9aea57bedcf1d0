/**
 * What follows a change that was applied: whoever has come under a rule of protection by it is marked,
 * and the rooms above are told, whether the target answered so or a doubt was settled later. Nothing here
 * waits, and nothing is done where no such room is open.
 */
import { hidesMembers } from '../identity/scim/write-knobs.ts';
import type { Change } from '../identity/scim/schema-model.ts';
import type { LedgerId } from '../ids.ts';
import { membersMoved } from '../policy/membership.ts';
import type { Protection } from '../policy/safety.ts';
import { displayNameOf, memberIdsOf } from '../policy/values.ts';
import { idOf } from './journey.ts';
import type { MutationWalk } from './mutation-walk.ts';
import { noSafeguards, type Applied, type Safeguards } from './safeguards.ts';
import type { Ready } from './send-recorded.ts';
import type { Settlement } from './settlement.ts';

/** A change that stands at the target, with the changes it was made by where they are known. */
export type Stands = Applied & Readonly<{ changes: readonly Change[] | null }>;

type Marking = Pick<Safeguards, 'protections'>;

/** Whom it brought under this rule: who came in, or all where the group is such a one only now. */
const joinedBy = (
  { protections }: Marking,
  { target, type, resourceId, actions, before, after, changes }: Stands,
  { name, memberOf }: Protection,
): readonly string[] => {
  if (memberOf === null) return [];
  const named = (text: string | null): boolean => text !== null && memberOf(text);
  const was = named(displayNameOf(before)) || isMarked(protections, target, resourceId, name);
  if (!was) return named(displayNameOf(after)) && after !== null ? [...memberIdsOf(after)] : [];
  const membersHidden = hidesMembers(target.knobs, type);
  return membersMoved({ actions, before, after, changes, membersHidden }).added ?? [];
};

/** Groups in a group that protects its members are marked, and protect theirs. */
const isMarked = (
  protections: Safeguards['protections'],
  { tenant }: Applied['target'],
  group: string | null,
  rule: string,
): boolean => group !== null && protections.marksOf(tenant, 'groups', group).includes(rule);

const noteJoined = (safeguards: Marking, change: Stands): void => {
  const { target } = change;
  for (const rule of target.safety?.protections ?? []) {
    const joined = joinedBy(safeguards, change, rule);
    if (joined.length > 0) safeguards.protections.joined(target.tenant, rule.name, joined);
  }
};

/** What matches only now, by its new names or because it was made. */
const noteFound = ({ protections }: Marking, { target, type, resourceId, after }: Stands): void => {
  if (resourceId === null || after === null) return;
  const { word } = type;
  for (const { name, word: protects, matches } of target.safety?.protections ?? []) {
    if (protects !== word || !matches(after)) continue;
    if (protections.marksOf(target.tenant, word, resourceId).includes(name)) continue;
    protections.found(target.tenant, name, word, resourceId);
  }
};

/** Tells of a change that stands at the target. */
export const tellStands = (safeguards: Safeguards, change: Stands): void => {
  if (safeguards === noSafeguards) return;
  const { target, type } = change;
  if (target.safety !== null && target.safety.protections.length > 0) {
    noteFound(safeguards, change);
    if (type.word === 'groups') noteJoined(safeguards, change);
  }
  const { changes: _, ...applied } = change;
  safeguards.aftermath.applied(applied);
};

/** Tells of an applied change. */
export const tellApplied = (
  walk: MutationWalk,
  { prepared, expected }: Ready,
  entry: LedgerId,
  settlement: Settlement,
): void => {
  const { deps, journey, target } = walk;
  const { safeguards } = deps;
  if (safeguards === noSafeguards || settlement.outcome !== 'applied') return;
  const { operation, before, after, changes } = prepared;
  const { route, actor } = journey.passage;
  tellStands(safeguards, {
    route,
    target,
    client: actor.client.name,
    entry,
    at: deps.clock.now(),
    actions: journey.actions,
    type: operation.type,
    resourceId: settlement.resourceId ?? idOf(operation),
    expected,
    before,
    after,
    changes,
  });
};
