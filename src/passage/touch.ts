/**
 * What a client may both read and write on a route, attribute by attribute: a PUT removes only what
 * it omits and could have removed; the rest is carried over (interface.md §2). Pure.
 */
import type { AttributeName } from '../identity/operation.ts';
import { effectsOfChanges } from '../identity/scim/effects.ts';
import type { MayTouch } from '../identity/scim/replace.ts';
import type { ResourceType } from '../identity/scim/schema-model.ts';
import { resolveName } from '../identity/scim/schemas.ts';
import { judge } from '../policy/decide.ts';
import type { Actor } from './doors.ts';
import { liveRules } from './scope.ts';

/** Absent is not false: a PUT without `active` leaves it as it is (row C36). */
const neverByOmission: ReadonlySet<AttributeName> = new Set(['active', 'password']);

export const mayTouch = (
  actor: Pick<Actor, 'client' | 'grants'>,
  type: ResourceType,
  now: number,
): MayTouch => {
  const rules = liveRules(actor, type.word, now);
  return (name) => {
    if (neverByOmission.has(name)) return false;
    if (!rules.some((rule) => rule.read.covers(name))) return false;
    const path = resolveName(type, name);
    if (path === null) return false;
    const effects = effectsOfChanges(type, [{ op: 'remove', path }]);
    return judge(actor.grants, { type, effects, client: actor.client.name, now }) === null;
  };
};
