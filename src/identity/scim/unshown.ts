/**
 * What a target does not show although it holds it (T4: the members of groups). Not shown is not
 * empty: nothing may be concluded from its absence, neither for a before-image nor for a read-back.
 */
import type { Knobs } from '../dialects/knobs.ts';
import { bareCopy } from '../json-value.ts';
import type { Expected } from './readback.ts';
import type { Path, Resource, ResourceType } from './schema-model.ts';

/** Does a read of this target leave open what stands at the path? */
const isUnshown = (type: ResourceType, path: Path, knobs: Knobs): boolean =>
  !knobs.showsMembers &&
  type.word === 'groups' &&
  path.schema === undefined &&
  path.attribute === 'members';

/** A resource as read, without what its absence or presence would only pretend to tell. */
export const withoutUnshown = (resource: Resource, type: ResourceType, knobs: Knobs): Resource => {
  if (knobs.showsMembers || type.word !== 'groups') return resource;
  if (!Object.hasOwn(resource, 'members')) return resource;
  const out = bareCopy(resource);
  delete out['members'];
  return out;
};

/** What a read-back must find, or null where the target would not show it: then doubt stays. */
export const provable = (
  expected: Expected | null,
  type: ResourceType,
  knobs: Knobs,
): Expected | null => {
  if (expected === null || expected.kind === 'gone') return expected;
  return expected.checks.some(({ path }) => isUnshown(type, path, knobs)) ? null : expected;
};
