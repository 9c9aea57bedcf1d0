/**
 * Which changes only take access away. Such a call must get through whatever state its values are in:
 * a leaver is not kept in because of a bad phone number.
 */
import type { Change } from '../scim/schema-model.ts';
import { readBoolean } from './boolean.ts';

/** `active` becomes false, also where the word is not yet a boolean. */
export const deactivates = (change: Change): boolean =>
  change.op !== 'remove' &&
  change.path.attribute === 'active' &&
  change.path.schema === undefined &&
  change.path.sub === undefined &&
  readBoolean(change.value) === false;

/** Every change is a remove or sets `active` to false. */
export const takesAwayOnly = (changes: readonly Change[]): boolean =>
  changes.every((change) => change.op === 'remove' || deactivates(change));
