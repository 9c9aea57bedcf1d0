/** What can be denied before anything is read from the target. Pure. */
import { readNames } from '../identity/scim/effects.ts';
import type { Effect, Operation } from '../identity/operation.ts';
import { judge } from '../policy/decide.ts';
import type { Denial } from '../policy/decision.ts';
import type { Actor } from './doors.ts';

type Judged = Pick<Actor, 'client' | 'grants'>;

/** Filters in PATCH paths tell values too: what they name must be readable. */
const probesUnread = (actor: Judged, operation: Operation, now: number): Denial | null => {
  if (operation.verb !== 'patch') return null;
  const { word } = operation.type;
  const rules = (actor.grants?.grants ?? [])
    .filter((grant) => grant.until > now)
    .flatMap((grant) => grant.rules[word] ?? []);
  const hidden = readNames(operation).filter(
    (name) => !rules.some((rule) => rule.read.covers(name)),
  );
  return hidden.length === 0
    ? null
    : {
        code: 'attribute_denied',
        rule: `${rules[0]?.name ?? word}.read`,
        detail: `This client may not read ${hidden.join(', ')}, so it may not select by it either.`,
      };
};

/** What can be said before anything is read: a denied client buys no I/O. */
export const judgeEarly = (
  actor: Judged,
  operation: Operation,
  effects: readonly Effect[],
  now: number,
): Denial | null =>
  judge(actor.grants, {
    type: operation.verb === 'discover' ? null : operation.type,
    effects,
    client: actor.client.name,
    now,
  }) ?? probesUnread(actor, operation, now);
