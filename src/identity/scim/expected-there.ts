/**
 * What a read-back must find at one target: as `expectedOf`, but where DELETE deactivates, where
 * deactivating destroys or hides the user (T8, T11, T13), and where members are not shown (T4).
 */
import type { Knobs } from '../dialects/knobs.ts';
import type { Writing } from './adapt-writes.ts';
import { expectedOf, type Expected } from './readback.ts';
import type { Change, Resource } from './schema-model.ts';
import { deactivates, hidesMembers, isMembers } from './write-knobs.ts';

/** The change that a DELETE of a user makes where it deactivates. */
export const deactivation: Change = Object.freeze({
  op: 'replace',
  path: Object.freeze({ attribute: 'active' }),
  value: false,
});

const leavesInactive = ({ changes, after }: Writing): boolean =>
  after === null
    ? (changes ?? []).findLast(({ path }) => path.attribute === 'active') !== undefined &&
      deactivates((changes ?? []).findLast(({ path }) => path.attribute === 'active') as Change)
    : after['active'] === false && (changes ?? []).some(deactivates);

/** Is the user no longer to be read once this is done? */
const vanishes = (writing: Writing, knobs: Knobs): boolean =>
  (knobs.deactivateUser === 'delete' || knobs.inactiveUsers === 'absent') &&
  leavesInactive(writing);

const withoutMembers = ({ members: _members, ...rest }: Resource): Resource => rest;

/** What a read-back must find, or null where reading cannot settle it. */
export const expectedThere = (writing: Writing, knobs: Knobs): Expected | null => {
  const { operation, changes, before, after, resource } = writing;
  const { type } = operation;
  if (operation.verb === 'delete') {
    const softly = type.word === 'users' && knobs.deleteUser === 'deactivate';
    if (!softly || knobs.inactiveUsers === 'absent') return expectedOf(operation, {}, before);
    const check = { kind: 'equals', path: deactivation.path, value: false } as const;
    return { kind: 'changed', id: operation.id, checks: [check] };
  }
  if (operation.verb !== 'create' && type.word === 'users' && vanishes(writing, knobs)) {
    return { kind: 'gone', id: operation.id };
  }
  const hidden = hidesMembers(knobs, type);
  if (hidden && changes?.some(({ path }) => isMembers(type, path)) === true) return null;
  const seen = hidden && resource !== null ? withoutMembers(resource) : resource;
  return expectedOf(
    operation,
    {
      ...(changes === null ? {} : { changes }),
      ...(seen === null ? {} : { resource: seen }),
      // A PUT's `after` holds what no answer shows; its changes are applied anew there.
      ...(operation.verb === 'patch' && after !== null ? { after } : {}),
    },
    before,
  );
};
