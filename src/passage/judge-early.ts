/** What can be denied before anything is read from the target. Pure. */
import { isRefusal, type Refusal } from '../errors.ts';
import { choosingNames } from '../identity/scim/effects.ts';
import type { TypesByEndpoint } from '../identity/scim/address.ts';
import { negatedNames } from '../identity/scim/negations.ts';
import type { AttributeName, Effect, Operation } from '../identity/operation.ts';
import { judge } from '../policy/decide.ts';
import type { Denial } from '../policy/decision.ts';
import type { Route } from '../snapshot.ts';
import type { Actor } from './doors.ts';
import { absentProblem } from './empty-lists.ts';
import { liveRules, sightOf, tellingNames, withoutHiddenTags } from './scope.ts';

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
  const names = choosingNames(operation);
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

const deny = (actor: Judged, asked: Asked): Denial | null => {
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

/** What became of an operation at the first door: it goes on as it stands here, or no further. */
export type Early =
  | Readonly<{ goes: 'on'; operation: Operation }>
  | Readonly<{ goes: 'denied'; denial: Denial }>
  | Readonly<{ goes: 'refused'; refusal: Refusal }>;

/**
 * What can be said before anything is read: a denied client buys no I/O. The one first door of calls,
 * of operations of a Bulk and of previews.
 */
export const judgeEarly = (
  actor: Judged,
  route: Pick<Route, 'types' | 'emptyLists'>,
  asked: Omit<Asked, 'types'>,
): Early => {
  const { types } = route;
  const denial = deny(actor, { ...asked, types });
  if (denial !== null) return { goes: 'denied', denial };
  const absent = absentProblem(asked.operation, route);
  if (absent !== null) return { goes: 'refused', refusal: absent };
  const operation = withoutHiddenTags(actor, asked.operation, types, asked.now);
  return isRefusal(operation) ? { goes: 'refused', refusal: operation } : { goes: 'on', operation };
};
