/**
 * Reads: no turn and no ledger; what the answer may show is decided before it is asked for. Where a
 * grant names groups, the answer itself is judged: a group outside is not shown.
 */
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Answer } from '../identity/call.ts';
import { isArray, isObject, type Json, type JsonObject } from '../identity/json-value.ts';
import type { AttributeName, Effect, ReadOperation } from '../identity/operation.ts';
import { presentDiscovery } from '../identity/scim/discovery.ts';
import { present, type Presented } from '../identity/scim/present.ts';
import { printCall } from '../identity/scim/print.ts';
import { decide } from '../policy/decide.ts';
import type { CompiledLimit, Decision } from '../policy/decision.ts';
import type { Target } from '../snapshot.ts';
import { dispatch } from './dispatch.ts';
import type { Outcome } from './doors.ts';
import { endJourney, type Journey } from './journey.ts';
import { denied, retryOf, takeLimits, turnAway, type PassageDeps } from './exits.ts';
import { copyScopeOf, withParts } from './scope.ts';
import { openView, viewOf } from './view.ts';

export type ReadWalk = Readonly<{
  deps: PassageDeps;
  journey: Journey;
  target: Target;
  effects: readonly Effect[];
  operation: ReadOperation;
}>;

const decideRead = (walk: ReadWalk, groupNames?: readonly string[]): Decision =>
  decide(walk.journey.passage.actor.grants, {
    type: walk.operation.verb === 'discover' ? null : walk.operation.type,
    effects: walk.effects,
    client: walk.journey.passage.actor.client.name,
    now: walk.deps.clock.now(),
    ...(groupNames === undefined ? {} : { groupNames }),
  });

const nameOf = (resource: Json | undefined): readonly string[] => {
  const name = isObject(resource) ? resource['displayName'] : undefined;
  return typeof name === 'string' ? [name] : [];
};

type Search = Exclude<ReadOperation, { verb: 'discover' }>;

/** A filter, or an order: a page of what it gives would tell what hidden groups hold. */
const tellsByPage = ({ filter, page }: Extract<Search, { verb: 'search' }>): boolean =>
  filter !== undefined || page.sortBy !== undefined;

/**
 * The operation as it is sent where the answer is to be judged: nothing may hide displayName, no 304
 * may stand for a group that is not looked at, and what is filtered or ordered comes whole, for a
 * page of it would tell by its total, or by where it ends, what hidden groups hold.
 */
const unhidden = (operation: Search): Search => {
  const excluded = operation.projection.excluded?.filter((name) => name !== 'displayName');
  const projection = excluded === undefined || excluded.length === 0 ? {} : { excluded };
  if (operation.verb === 'read') return { ...operation, projection, preconditions: {} };
  if (!tellsByPage(operation)) return { ...operation, projection };
  const { startIndex: _startIndex, count: _count, ...page } = operation.page;
  return { ...operation, projection, page };
};

/**
 * A thinned list as the page that was asked for. Without filter and order the target has paged it,
 * and its total stays as long as there are more pages: a smaller one would end the reading before
 * the last.
 */
const pageOf = (
  body: JsonObject,
  list: readonly Json[],
  shown: readonly Json[],
  operation: Search,
): JsonObject => {
  if (operation.verb !== 'search' || !tellsByPage(operation)) {
    const whole = body['totalResults'] === list.length;
    const total = whole ? { totalResults: shown.length } : {};
    return { ...body, ...total, itemsPerPage: shown.length, Resources: shown };
  }
  const { startIndex = 1, count = shown.length } = operation.page;
  const items = shown.slice(startIndex - 1, startIndex - 1 + count);
  return {
    ...body,
    totalResults: shown.length,
    startIndex,
    itemsPerPage: items.length,
    Resources: items,
  };
};

const isCut = (body: JsonObject | null, list: readonly Json[], operation: Search): boolean => {
  const total = body?.['totalResults'];
  return (
    operation.verb === 'search' &&
    tellsByPage(operation) &&
    typeof total === 'number' &&
    total > list.length
  );
};

/** What a judged answer may show: the body without hidden groups, and the view all of it shares. */
type Judged = Readonly<{ body: JsonObject | null; mayRead: (name: AttributeName) => boolean }>;

/**
 * Judges an answer by its groups' names: a single group is denied, a list is thinned. What is shown
 * of a list is what may be shown of every group in it.
 */
const judgeShown = (walk: ReadWalk, operation: Search, { body }: Presented): Judged | Refusal => {
  const list = body?.['Resources'];
  if (isArray(list) && isCut(body, list, operation)) {
    return refuse(
      'value_invalid',
      'More groups match than can be judged at once. Narrow the filter, or ask without sortBy.',
      {
        scimType: 'tooMany',
      },
    );
  }
  const items = isArray(list) ? list : body === null ? [] : [body];
  const decisions = items.map((item) => ({ item, decision: decideRead(walk, nameOf(item)) }));
  const allowed = decisions.flatMap(({ item, decision }) =>
    decision.allowed ? [{ item, decision }] : [],
  );
  const refusal = decisions.find(({ decision }) => !decision.allowed)?.decision;
  if (!isArray(list) && refusal !== undefined && !refusal.allowed) {
    return denied(walk.journey, refusal);
  }
  walk.journey.decision = 'allow';
  walk.journey.rule = allowed[0]?.decision.rule ?? null;
  const mayRead = (name: AttributeName): boolean =>
    allowed.every(({ decision }) => decision.view.covers(name));
  if (body === null || !isArray(list)) return { body, mayRead };
  const shown = allowed.map(({ item }) => item);
  return { body: pageOf(body, list, shown, operation), mayRead };
};

/** Limits of every grant of the caller that speaks of these actions. */
const grantLimits = ({ journey }: ReadWalk) =>
  (journey.passage.actor.grants?.grants ?? [])
    .filter((grant) =>
      Object.values(grant.rules).some((rule) =>
        journey.actions.some((action) => rule.actions.has(action)),
      ),
    )
    .map((grant) => grant.limitReads);

const sendRead = async (
  walk: ReadWalk,
  operation: ReadOperation,
  limits: readonly (CompiledLimit | null)[],
): Promise<Answer | Outcome> => {
  const { deps, journey, target } = walk;
  const limited = await takeLimits(deps, journey, [
    journey.passage.actor.client.limitReads,
    ...limits,
    target.limitReads,
  ]);
  if (limited !== null) return turnAway(deps, journey, limited);
  const view = openView(deps, journey, target);
  const { actor, route } = journey.passage;
  const copies = copyScopeOf(actor, route.types, view.now);
  const call = printCall(withParts(operation, copies), view);
  const sent = await dispatch(deps, journey, target, call, 'call', null);
  if (sent.kind === 'answered') return sent.answer;
  return endJourney(
    journey,
    refuse(sent.code, 'The target did not answer this read. Try again later.', {
      internal: sent.reason,
      ...retryOf(sent),
    }),
  );
};

/** Group patterns speak: the answer is read whole, judged by its names, then shown as asked. */
const passGated = async (walk: ReadWalk, operation: Search): Promise<Outcome> => {
  const { deps, journey, target } = walk;
  const whole = unhidden(operation);
  const answer = await sendRead(walk, whole, grantLimits(walk));
  if ('reply' in answer) return answer;
  const view = openView(deps, journey, target);
  const seen = present(answer, whole, view);
  if (isRefusal(seen)) return endJourney(journey, seen);
  const judged = judgeShown(walk, operation, seen);
  if (isRefusal(judged)) return turnAway(deps, journey, judged);
  const shown = { ...answer, body: judged.body ?? undefined };
  return endJourney(
    journey,
    present(shown, operation, viewOf(deps, journey, target, judged.mayRead)),
  );
};

/** A read, from its operation to its outcome. */
export const passRead = async (walk: ReadWalk): Promise<Outcome> => {
  const { deps, journey, target, operation } = walk;
  const { grants } = journey.passage.actor;
  if (operation.verb !== 'discover' && (grants?.needsGroupName(journey.actions) ?? false)) {
    return passGated(walk, operation);
  }
  const decision = decideRead(walk);
  if (!decision.allowed) return turnAway(deps, journey, denied(journey, decision));
  journey.decision = 'allow';
  journey.rule = decision.rule;
  const answer = await sendRead(walk, operation, decision.limits);
  if ('reply' in answer) return answer;
  const view = viewOf(deps, journey, target, decision.view.covers);
  return endJourney(
    journey,
    operation.verb === 'discover'
      ? presentDiscovery(answer, operation, { ...view, types: journey.passage.route.types })
      : present(answer, operation, view),
  );
};
