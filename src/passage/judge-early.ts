/** What can be denied before anything is read from the target. Pure. */
import { readNames } from '../identity/scim/effects.ts';
import type { TypesByEndpoint } from '../identity/scim/address.ts';
import { negatedNames } from '../identity/scim/negations.ts';
import type { AttributeName, Effect, Operation } from '../identity/operation.ts';
import { judge } from '../policy/decide.ts';
import type { Denial } from '../policy/decision.ts';
import type { Actor } from './doors.ts';
import { liveRules, sightOf, tellingNames } from './scope.ts';

type Judged = Pick<Actor, 'client' | 'grants'>;

/** What is asked of a route's resources. */
type Asked = Readonly<{
  operation: Operation;
  effects: readonly Effect[];
  /** Types the route serves. */
  types: TypesByEndpoint;
  now: number;
}>;

/** Whole attributes that an operation asks for by negation. */
const negatedIn = (operation: Operation): readonly AttributeName[] => {
  if (operation.verb === 'search') {
    return operation.filter === undefined ? [] : negatedNames(operation.filter);
  }
  if (operation.verb !== 'patch') return [];
  return operation.changes.flatMap(({ path: { filter, ...path } }) =>
    filter === undefined ? [] : negatedNames({ kind: 'values', path, filter }),
  );
};

/**
 * Filters, orders and PATCH paths tell values too: what they name must be readable, and so must the
 * names of other resources that it repeats.
 */
const probesUnread = (actor: Judged, { operation, types, now }: Asked): Denial | null => {
  if (operation.verb === 'discover') return null;
  const { type } = operation;
  // Names in `attributes` only choose what is shown; a read is judged by them with its effects.
  const names = readNames({ ...operation, projection: {} });
  if (names.length === 0) return null;
  const sight = sightOf(actor, type, types, now);
  // A read's own names were judged with its effects, by the grant that covers it.
  const asked = [...(operation.verb === 'patch' ? names : []), ...negatedIn(operation)];
  const unread = asked.filter((name) => !sight.mayRead(name));
  const hidden = [...new Set([...unread, ...tellingNames(names, type, sight)])];
  return hidden.length === 0
    ? null
    : {
        code: 'attribute_denied',
        rule: `${liveRules(actor, type.word, now)[0]?.name ?? type.word}.read`,
        detail: `This client may not read ${hidden.join(', ')}, so it may not select by it either.`,
      };
};

/** What can be said before anything is read: a denied client buys no I/O. */
export const judgeEarly = (actor: Judged, asked: Asked): Denial | null => {
  const { operation, effects, now } = asked;
  return (
    judge(actor.grants, {
      type: operation.verb === 'discover' ? null : operation.type,
      effects,
      client: actor.client.name,
      now,
    }) ?? probesUnread(actor, asked)
  );
};
