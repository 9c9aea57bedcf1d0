/**
 * What follows a change that was applied: whoever has come under a rule of protection by it is marked,
 * and the rooms above are told. Nothing here waits, and nothing is done where no such room is open.
 */
import type { LedgerId } from '../ids.ts';
import { displayNameOf, memberIdsOf } from '../policy/values.ts';
import { idOf } from './journey.ts';
import type { MutationWalk } from './mutation-walk.ts';
import type { Prepared } from './prepare.ts';
import { noSafeguards } from './safeguards.ts';
import type { Ready } from './send-recorded.ts';
import type { Settlement } from './settlement.ts';
import { movedBy } from './subjects.ts';

/** Groups whose members are protected, by their old or new name: who came in, or all where it is new. */
const noteJoined = (walk: MutationWalk, prepared: Prepared): void => {
  const { deps, target } = walk;
  const { protections = [] } = target.safety ?? {};
  const { before, after } = prepared;
  const [was, is] = [displayNameOf(before), displayNameOf(after)];
  for (const { name, memberOf } of protections) {
    if (memberOf === null) continue;
    const named = (text: string | null): boolean => text !== null && memberOf(text);
    if (!named(was) && !named(is)) continue;
    const renamed = named(is) && !named(was) && after !== null;
    const joined = renamed ? [...memberIdsOf(after)] : movedBy(prepared, target).added;
    if (joined !== null && joined.length > 0) {
      deps.safeguards.protections.joined(target.tenant, name, joined);
    }
  }
};

/** What matches only now, by its new names or because it was made. */
const noteFound = (walk: MutationWalk, { operation, after }: Prepared, id: string | null): void => {
  const { deps, target } = walk;
  if (id === null || after === null || target.safety === null) return;
  const { word } = operation.type;
  const { protections } = deps.safeguards;
  for (const { name, word: protects, matches } of target.safety.protections) {
    if (protects !== word || !matches(after)) continue;
    if (protections.marksOf(target.tenant, word, id).includes(name)) continue;
    protections.found(target.tenant, name, word, id);
  }
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
  const { operation, before, after } = prepared;
  const resourceId = settlement.resourceId ?? idOf(operation);
  if (target.safety !== null && target.safety.protections.length > 0) {
    noteFound(walk, prepared, resourceId);
    if (operation.type.word === 'groups') noteJoined(walk, prepared);
  }
  const { route, actor } = journey.passage;
  safeguards.aftermath.applied({
    route,
    target,
    client: actor.client.name,
    entry,
    at: deps.clock.now(),
    actions: journey.actions,
    type: operation.type,
    resourceId,
    expected,
    before,
    after,
  });
};
